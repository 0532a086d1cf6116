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

// What a user with `item` alone gets.
std::vector<float> having(const Model& model, std::uint32_t item, std::size_t items) {
  const std::vector<Interaction> rows = {{ItemId{item}, 1, kDay}};
  return scores_of(model, {.as_of = 10 * kDay, .history = rows}, items);
}

TEST(ItemKnn, HasTheNumbersOfImplicit) {
  // tests/reference/item_knn.py
  const InteractionLog log = make_log(6, 5,
                                      {{0, 0},
                                       {0, 1, 0, 3},
                                       {1, 0, 0, 2},
                                       {1, 1},
                                       {1, 2},
                                       {2, 1},
                                       {2, 2, 0, 4},
                                       {2, 4},
                                       {3, 2},
                                       {3, 3, 0, 2},
                                       {4, 0},
                                       {4, 3},
                                       {5, 1, 0, 2},
                                       {5, 3},
                                       {5, 4}});
  const History history(log, kDay);
  struct Case {
    const char* similarity;
    double weight_power;
    double k1;
    double b;
    std::vector<float> row_1;
  };
  const Case cases[] = {
      {"cosine", 0, 1.2, 0.75, {0.57735027f, 0, 0.57735027f, 0.28867513f, 0.70710678f}},
      {"tfidf", 0, 1.2, 0.75, {0.64158323f, 0, 0.25892039f, 0.1028088f, 0.49264827f}},
      {"bm25", 0, 1.2, 0.75, {0.27344756f, 0, 0.08763576f, 0.04381788f, 0.10147298f}},
      {"bm25", 0, 100, 0.8, {0.2458302f, 0, 0.07878482f, 0.03939241f, 0.10704843f}},
      {"cosine", 1, 1.2, 0.75, {0.52704628f, 0, 0.30429031f, 0.21081851f, 0.54772256f}},
      {"tfidf", 1, 1.2, 0.75, {0.66868792f, 0, 0.21109995f, 0.07787606f, 0.3844051f}},
      {"bm25", 1, 1.2, 0.75, {0.44817931f, 0, 0.10245963f, 0.06306984f, 0.13103854f}},
      {"bm25", 1, 100, 0.8, {0.68692917f, 0, 0.13929122f, 0.07803779f, 0.19048986f}}};
  for (const Case& expected : cases) {
    const auto model = fit_item_knn({.history = &history},
                                    {.similarity = expected.similarity,
                                     .shrinkage = 0,
                                     .k1 = expected.k1,
                                     .b = expected.b,
                                     .weight_power = expected.weight_power},
                                    {});
    ASSERT_TRUE(model) << model.error().message;
    const auto row = having(**model, 1, 5);
    for (std::size_t i = 0; i < 5; ++i) {
      EXPECT_NEAR(row[i], expected.row_1[i], 1e-6f)
          << expected.similarity << ", power " << expected.weight_power << ", item " << i;
    }
  }
}

TEST(ItemKnn, TheAsymmetricCosineByHand) {
  const InteractionLog log = three_users();
  const History history(log, 10 * kDay);
  // G_01 = 2, G_00 = 3, G_11 = 2: what a user with 1 thinks of 0, and the reverse.
  const auto with = [&](double alpha) {
    return fit_item_knn({.history = &history},
                        {.similarity = "asymmetric", .shrinkage = 0, .alpha = alpha}, {});
  };
  EXPECT_FLOAT_EQ(having(**with(0), 1, 5)[0], 1) << "P(0 | 1)";
  EXPECT_FLOAT_EQ(having(**with(1), 1, 5)[0], 2 / 3.0f) << "P(1 | 0)";
  EXPECT_FLOAT_EQ(having(**with(0.3), 1, 5)[0], 2 / std::pow(3.0f, 0.3f) / std::pow(2.0f, 0.7f));
  const auto gram = item_gram({.history = &history}, {}, "test", {});
  const auto from_gram =
      fit_item_knn_from_gram(*gram, {.similarity = "asymmetric", .shrinkage = 0, .alpha = 0.3}, {});
  EXPECT_EQ(having(**from_gram, 1, 5), having(**with(0.3), 1, 5));
}

TEST(ItemKnn, WhatIsInCommonFades) {
  // User 0 takes both four days ago, user 1 both now: with a half-life of 4 days G is 1/2 + 1
  // everywhere; user 2 has 0 alone.
  const InteractionLog log =
      make_log(3, 2, {{0, 0, 0}, {0, 1, 0}, {1, 0, 4 * kDay}, {1, 1, 4 * kDay}, {2, 0, 0}});
  const History history(log, 4 * kDay + 1);
  const auto model =
      fit_item_knn({.history = &history}, {.shrinkage = 0, .train_half_life_days = 4}, {});
  ASSERT_TRUE(model);
  EXPECT_NEAR(having(**model, 0, 2)[1], 1.5f / std::sqrt(2 * 1.5f), 1e-5f);
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
  EXPECT_THAT(fit_item_knn({.history = &history}, {.similarity = "bm52"}, {}).error().message,
              HasSubstr("expected 'cosine', 'asymmetric', 'tfidf', 'bm25'"));
  const auto gram = item_gram({.history = &history}, {}, "test", {});
  EXPECT_THAT(fit_item_knn_from_gram(*gram, {.similarity = "bm25"}, {}).error().message,
              HasSubstr("bm25 cannot be had from a Gram matrix"));
}

}  // namespace
}  // namespace sartor
