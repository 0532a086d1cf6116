#include "sartor/models/item_knn.h"

#include <gmock/gmock.h>

#include <cmath>

#include "sartor/models/test_world.h"

namespace sartor {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::HasSubstr;

// Users of items: 0 {0, 1}, 1 {0, 1, 2}, 2 {0, 2, 3}, so G has the diagonal 3, 2, 2, 1.
InteractionLog three_users() {
  return make_log(3, 5,
                  {{0, 0, kDay}, {0, 1, 3 * kDay}, {1, 0}, {1, 1}, {1, 2}, {2, 0}, {2, 2}, {2, 3}});
}

TEST(ItemKnn, IsTheShrunkCosineByHand) {
  const InteractionLog log = three_users();
  const History history(log, 10 * kDay);
  const auto model = fit_item_knn({.history = &history}, {.neighbours = 9, .shrinkage = 2}, {});
  ASSERT_TRUE(model);
  const std::vector<Interaction> has_1 = {{ItemId{1}, 1, kDay}};
  EXPECT_THAT(scores_of(**model, {.as_of = 10 * kDay, .history = has_1}, 5),
              ElementsAre(FloatEq(2 / (std::sqrt(6.0f) + 2)), 0, FloatEq(1 / (2.0f + 2)), 0, 0));
}

TEST(ItemKnn, AnItemListensToItsOwnNeighboursOnly) {
  const InteractionLog log = three_users();
  const History history(log, 10 * kDay);
  // Cosines: 0-1 and 0-2 .816, 2-3 .707, 0-3 .577, 1-2 .5. One neighbour each: 0 <- 1 (the tie goes
  // to the lower item), 1 <- 0, 2 <- 0, 3 <- 2.
  const auto model = fit_item_knn({.history = &history}, {.neighbours = 1, .shrinkage = 0}, {});
  const auto having = [&](std::uint32_t item) {
    const std::vector<Interaction> rows = {{ItemId{item}, 1, kDay}};
    return scores_of(**model, {.as_of = 10 * kDay, .history = rows}, 5);
  };
  const float near = 2 / std::sqrt(6.0f);
  EXPECT_THAT(having(0), ElementsAre(0, FloatEq(near), FloatEq(near), 0, 0));
  EXPECT_THAT(having(1), ElementsAre(FloatEq(near), 0, 0, 0, 0));
  EXPECT_THAT(having(2), ElementsAre(0, 0, 0, FloatEq(1 / std::sqrt(2.0f)), 0));
  EXPECT_THAT(having(3), ElementsAre(1, FloatEq(2 / 3.0f), FloatEq(2 / 3.0f), FloatEq(1 / 3.0f), 0))
      << "nobody's neighbour: what is popular";
}

TEST(ItemKnn, DecaysTheHistoryWithoutARefit) {
  const InteractionLog log = three_users();
  const History history(log, 10 * kDay);
  const auto model = fit_item_knn({.history = &history}, {.neighbours = 9, .shrinkage = 0}, {});
  const std::vector<Interaction> rows = {{ItemId{1}, 1, 6 * kDay}, {ItemId{3}, 1, 8 * kDay}};
  const Query query{.as_of = 10 * kDay, .history = rows};
  EXPECT_FLOAT_EQ(scores_of(**model, query, 5)[2], 0.5f + std::sqrt(0.5f));
  EXPECT_FLOAT_EQ(scores_of(*(*model)->with_half_life(2), query, 5)[2],
                  0.25f * 0.5f + 0.5f * std::sqrt(0.5f));
}

TEST(ItemKnn, FromAGramIsTheSame) {
  const InteractionLog log = tastes(80, 40, 9);
  const History history(log, 90 * kDay);
  const std::vector<float> weights(80, 2.0f);
  for (const double power : {0.0, 0.5}) {
    const ItemKnnConfig config{.neighbours = 5, .shrinkage = 3, .weight_power = power};
    const FitInput input{&history, weights};
    const auto gram = item_gram(input, config.gram(1000), "test", {});
    const auto direct = fit_item_knn(input, config, {.threads = 2});
    const auto from_gram = fit_item_knn_from_gram(*gram, config, {});
    for (std::uint32_t u = 0; u < 79; ++u) {
      const Query query{UserId{u}, history.as_of(), history.of(UserId{u})};
      ASSERT_EQ(scores_of(**direct, query, 40), scores_of(**from_gram, query, 40));
    }
  }
}

TEST(ItemKnn, OffersEachUserTheWithheldDiagonalOfACheckerboard) {
  const InteractionLog log = checkerboard(50);
  const History history(log, 2 * kDay);
  const auto model = fit_item_knn({.history = &history}, {}, {.threads = 2});
  for (std::uint32_t u = 0; u < 50; ++u) EXPECT_EQ(best_unseen(**model, history, UserId{u}), u);
}

TEST(ItemKnn, RefusesAConfigOutOfRange) {
  const InteractionLog log = three_users();
  const History history(log, 10 * kDay);
  EXPECT_THAT(fit_item_knn({.history = &history}, {.neighbours = 0}, {}).error().message,
              HasSubstr("item_knn.neighbours: 0 is out of range; expected 1 to 5000"));
}

}  // namespace
}  // namespace sartor
