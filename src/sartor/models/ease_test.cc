#include "sartor/models/ease.h"

#include <gmock/gmock.h>

#include "sartor/models/test_numbers.h"
#include "sartor/models/test_world.h"

namespace sartor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The matrix of tests/reference/ease.py; item 5 has no users.
InteractionLog reference_log() {
  std::vector<Taken> rows;
  const std::vector<std::vector<std::uint32_t>> taken = {{0, 1}, {0, 1, 2}, {1, 2, 4},
                                                         {2, 3}, {0, 3},    {1, 3, 4}};
  for (std::uint32_t u = 0; u < taken.size(); ++u) {
    for (const std::uint32_t item : taken[u]) rows.push_back({u, item, kDay});
  }
  return make_log(6, 6, rows);
}

TEST(Ease, AgreesWithNumpy) {
  const InteractionLog log = reference_log();
  const History history(log, 2 * kDay);
  const EaseConfig config{.regularization = 2};
  const std::vector<Interaction> item_3 = {{ItemId{3}, 1, kDay}};
  const Query alone{.as_of = 2 * kDay, .history = item_3};
  const Query user_1{UserId{1}, 2 * kDay, history.of(UserId{1})};

  const auto plain = fit_ease({.history = &history}, config, {});
  ASSERT_TRUE(plain);
  expect_near(scores_of(**plain, user_1, 6),
              {0.43324937, 0.59558824, 0.33246073, 0.29329609, 0.23076923, 0}, 1e-6);
  expect_near(scores_of(**plain, alone, 6),
              {0.16120907, -0.00735294, 0.11518325, 0.0, 0.15384615, 0}, 1e-6);

  const std::vector<float> weights = {1, 1, 1, 1, 1, 3};
  const auto weighted = fit_ease({&history, weights}, config, {});
  expect_near(scores_of(**weighted, user_1, 6),
              {0.43250328, 0.53542234, 0.31408451, 0.30629139, 0.23076923, 0}, 1e-6);
  expect_near(scores_of(**weighted, alone, 6),
              {0.11271298, 0.10217984, 0.03380282, 0.0, 0.26495726, 0}, 1e-6);
}

TEST(Ease, OffersEachUserTheWithheldDiagonalOfACheckerboard) {
  const InteractionLog log = checkerboard(50);
  const History history(log, 2 * kDay);
  const auto model = fit_ease({.history = &history}, {.regularization = 10}, {.threads = 2});
  for (std::uint32_t u = 0; u < 50; ++u) EXPECT_EQ(best_unseen(**model, history, UserId{u}), u);
}

TEST(Gram, KeepsNoMoreItemsThanFitIntoTheMemoryAndSaysSo) {
  EXPECT_EQ(head_bytes(1000, 3, 10), 4e6 * 3 + 16e4);
  for (const double bytes : {1.0, 1e3, 1e6, 4.0 * 1024 * 1024 * 1024}) {
    for (const int neighbours : {0, 100}) {
      const auto n = static_cast<double>(head_that_fits(bytes, 8, neighbours));
      EXPECT_TRUE(n == 1 || head_bytes(n, 8, neighbours) <= bytes) << bytes;
      EXPECT_GT(head_bytes(n + 1, 8, neighbours), bytes);
    }
  }
  EXPECT_EQ(head_that_fits(4096.0 * 1024 * 1024, 8, 0), 11585u);

  const InteractionLog log = reference_log();
  const History history(log, 2 * kDay);
  // Three items: 4 bytes x 9 x 2 matrices; a byte less, and it is two.
  const auto items = [&](double bytes) {
    return item_gram({.history = &history}, {.max_bytes = bytes, .matrices = 2}, "ease", {});
  };
  EXPECT_EQ(items(72)->items.size(), 3u);
  EXPECT_EQ(items(71)->items.size(), 2u);
  EXPECT_TRUE(items(1e6)->notes.lines.empty());
  const auto two = items(71);
  ASSERT_EQ(two->notes.lines.size(), 1u);
  EXPECT_THAT(two->notes.lines[0], HasSubstr("ease: keeps the 2 most popular of 5 items so that 2 "
                                             "matrices of that size fit 0 MB (max_memory_mb)"));
}

TEST(Ease, KeepsTheHeadOfALargeCatalogueAndSaysSo) {
  const InteractionLog log = reference_log();
  const History history(log, 2 * kDay);
  // Users per item: 3, 4, 3, 3, 2, 0; of the three equal ones the two lowest stay.
  const auto model = fit_ease({.history = &history}, {.regularization = 2, .max_items = 3}, {});
  ASSERT_TRUE(model);
  EXPECT_THAT(
      (*model)->notes().lines,
      ElementsAre(HasSubstr("keeps the 3 most popular of 5 items (max_items); the other 2")));
  const auto scores = scores_of(**model, {UserId{1}, 2 * kDay, history.of(UserId{1})}, 6);
  for (const std::size_t tail : {3, 4, 5}) EXPECT_EQ(scores[tail], 0);
  for (const std::size_t head : {0, 1, 2}) EXPECT_NE(scores[head], 0);
  const std::vector<Interaction> tail = {{ItemId{3}, 1, kDay}};
  EXPECT_FALSE((*model)->knows({.as_of = 2 * kDay, .history = tail}));
}

TEST(Ease, ItsHalfLifeAndWeightsShapeTheProfile) {
  const InteractionLog log = reference_log();
  const History history(log, 2 * kDay);
  const auto model = fit_ease({.history = &history}, {.regularization = 2}, {});
  const std::vector<Interaction> one = {{ItemId{3}, 4, kDay}};
  const Query query{.as_of = 3 * kDay, .history = one};
  const auto full = scores_of(**model, query, 6);
  const auto half = scores_of(*(*model)->with_half_life(2), query, 6);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_FLOAT_EQ(half[i], 0.5f * full[i]);

  const EaseConfig weighty{.regularization = 2, .weight_power = 0.5};
  const auto with_weights = fit_ease({.history = &history}, weighty, {});  // all are 1 in the log
  const auto twice = scores_of(**with_weights, query, 6);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_FLOAT_EQ(twice[i], 2 * full[i]);
  const auto gram = item_gram({.history = &history}, weighty.gram(), "test", {});
  EXPECT_THAT(fit_ease_from_gram(*gram, {}, {}).error().message,
              HasSubstr("weight_power 0 with a matrix made with 0.5"));
}

TEST(Gram, CountsByHand) {
  const InteractionLog log = reference_log();
  const History history(log, 2 * kDay);
  const auto gram = item_gram({.history = &history}, {}, "test", {});
  ASSERT_TRUE(gram);
  EXPECT_EQ(gram->users, 6);
  EXPECT_EQ(gram->items.size(), 5u);
  EXPECT_THAT(gram->values.values(), ElementsAre(3, 2, 1, 1, 0,  //
                                                 2, 4, 2, 1, 2,  //
                                                 1, 2, 3, 1, 1,  //
                                                 1, 1, 1, 3, 1,  //
                                                 0, 2, 1, 1, 2));
}

TEST(Gram, PulledIsTheGramOfTheSegmentsUsersCountedMoreOften) {
  const InteractionLog log = tastes(100, 40, 2);
  const History history(log, 90 * kDay);
  const FitInput input{.history = &history};
  std::vector<UserId> segment;
  std::vector<float> weights(100, 1.0f);
  std::size_t active = 0;
  for (std::uint32_t u = 0; u < 99; ++u) active += !history.of(UserId{u}).empty();
  for (std::uint32_t u = 0; u < 99; u += 4) segment.push_back(UserId{u});
  const double strength = 2;
  const double n_segment = static_cast<double>(segment.size());
  for (const UserId u : segment) {
    weights[u.index()] = static_cast<float>(1 + strength * static_cast<double>(active) / n_segment);
  }
  for (const double power : {0.0, 1.0}) {
    const GramConfig config{.weight_power = power};
    const auto general = item_gram(input, config, "test", {});
    const auto part = item_gram_of(input, segment, *general, {.threads = 2});
    ASSERT_TRUE(part);
    EXPECT_EQ(part->users, n_segment);
    const Gram pulled = pulled_gram(*general, *part, strength);
    const auto counted = item_gram({&history, weights}, config, "test", {.threads = 2});
    for (std::size_t i = 0; i < pulled.values.values().size(); ++i) {
      const float expected = counted->values.values()[i];
      ASSERT_NEAR(pulled.values.values()[i], expected, 1e-5 * expected + 1e-6);
    }
  }
  const auto general = item_gram(input, {}, "test", {});
  const auto nobody = item_gram_of(input, {}, *general, {});
  EXPECT_EQ(pulled_gram(*general, *nobody, strength).values.values(), general->values.values());
}

}  // namespace
}  // namespace sartor
