#include "sartor/models/popularity.h"

#include <gmock/gmock.h>

#include <cmath>

#include "sartor/models/own_history.h"
#include "sartor/models/test_world.h"

namespace sartor {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::HasSubstr;

// As of day 10: item 0 was taken on day 10 - 4 and day 10 - 2, item 1 on day 10 - 8 with weight 3,
// item 2 untimed; item 3 only afterwards.
InteractionLog shop() {
  return make_log(3, 4,
                  {{0, 0, 6 * kDay},
                   {1, 0, 8 * kDay},
                   {1, 1, 2 * kDay, 3},
                   {2, 2, kUntimed, 5},
                   {2, 3, 11 * kDay}});
}

TEST(Popularity, ByHand) {
  const InteractionLog log = shop();
  const History history(log, 10 * kDay);
  const auto model = fit_popularity({.history = &history}, {.half_life_days = 2}, {});
  ASSERT_TRUE(model);
  const auto scores = scores_of(**model, {}, 4);
  EXPECT_FLOAT_EQ(scores[0], 0.25f + 0.5f);
  EXPECT_FLOAT_EQ(scores[1], 3.0f / 16);
  EXPECT_FLOAT_EQ(scores[2], 0);  // no time, so nothing where time counts
  EXPECT_FLOAT_EQ(scores[3], 0);  // later than as_of
  // It stays as fitted, whatever the moment of the query.
  EXPECT_EQ(scores_of(**model, {.as_of = 99 * kDay}, 4), scores);
}

TEST(Popularity, WithoutDecayCountsWhatHasNoTime) {
  const InteractionLog log = shop();
  const History history(log, 10 * kDay);
  for (const double never : {0.0, kNoDecayDays, HUGE_VAL}) {
    const auto model = fit_popularity({.history = &history}, {.half_life_days = never}, {});
    EXPECT_THAT(scores_of(**model, {}, 4), ElementsAre(2, 3, 5, 0));
  }
}

TEST(Popularity, AdvancedIsAFitAtTheLaterMoment) {
  const InteractionLog log = tastes(60, 30, 4);
  const History before(log, 50 * kDay);
  const History now(log, 61 * kDay + 5 * kHour);
  ASSERT_GT(now.size(), before.size() + 10);
  const auto early = fit_popularity({.history = &before}, {.half_life_days = 7}, {});
  const auto late = fit_popularity({.history = &now}, {.half_life_days = 7}, {});
  const ModelPtr moved = advanced(*early, before, now);
  for (const double days : {0.5, 7.0, kNoDecayDays}) {
    const auto got = scores_of(*moved->with_half_life(days), {}, 30);
    const auto expected = scores_of(*(*late)->with_half_life(days), {}, 30);
    for (std::size_t i = 0; i < 30; ++i)
      EXPECT_NEAR(got[i], expected[i], 0.03 * expected[i]) << i;  // an hour of half a day
  }
  EXPECT_EQ(advanced(*early, before, before), *early);
}

TEST(Popularity, AnotherHalfLifeIsAnotherFit) {
  const InteractionLog log = tastes(60, 30, 4);
  const History history(log, 90 * kDay);
  const FitInput input{.history = &history};
  const auto week = fit_popularity(input, {.half_life_days = 7}, {});
  for (const double days : {0.25, 30.0, kNoDecayDays}) {
    const auto fitted = fit_popularity(input, {.half_life_days = days}, {});
    EXPECT_EQ(scores_of(*(*week)->with_half_life(days), {}, 30), scores_of(**fitted, {}, 30));
  }
}

TEST(Popularity, CountsAUserAsOftenAsItsWeightSays) {
  const InteractionLog log = shop();
  const History history(log, 10 * kDay);
  const std::vector<float> weights = {4, 0, 1};
  const auto model = fit_popularity({&history, weights}, {.half_life_days = 2}, {});
  EXPECT_THAT(scores_of(**model, {}, 4), ElementsAre(1, 0, 0, 0));
  const std::vector<float> few = {4, 0};
  EXPECT_THAT(fit_popularity({&history, few}, {}, {}).error().message,
              HasSubstr("2 user weights for 3 users"));
}

TEST(Popularity, IgnoresTheHalfLifeOfALogWithoutTimesAndSaysSo) {
  const InteractionLog log = make_log(2, 2, {{0, 1, kUntimed}, {1, 1, kUntimed}});
  const History history(log, kDay);
  const auto model = fit_popularity({.history = &history}, {}, {});
  EXPECT_THAT(scores_of(**model, {}, 2), ElementsAre(0, 2));
  EXPECT_THAT((*model)->notes().lines, ElementsAre(HasSubstr("half-life does nothing")));
}

TEST(OwnHistory, ByHand) {
  const InteractionLog log = shop();
  const History history(log, 10 * kDay);
  const FitInput input{.history = &history};
  const auto model = fit_own_history(input, {.half_life_days = 2}, {});
  const Query query{UserId{1}, 10 * kDay, history.of(UserId{1})};
  EXPECT_THAT(scores_of(**model, query, 4), ElementsAre(FloatEq(0.5f), FloatEq(3.0f / 16), 0, 0));
  // Ages are as of the query, and the weights may count or not.
  const Query later{UserId{1}, 12 * kDay, history.of(UserId{1})};
  EXPECT_THAT(scores_of(**model, later, 4), ElementsAre(FloatEq(0.25f), FloatEq(3.0f / 32), 0, 0));
  const auto flat = fit_own_history(input, {.half_life_days = 2, .weight_power = 0}, {});
  EXPECT_THAT(scores_of(**flat, query, 4), ElementsAre(FloatEq(0.5f), FloatEq(1.0f / 16), 0, 0));
}

TEST(OwnHistory, BreaksTiesByTheLatestInteraction) {
  const InteractionLog log = make_log(1, 5,
                                      {{0, 3, 1 * kDay},
                                       {0, 1, 2 * kDay},
                                       {0, 1, 5 * kDay},
                                       {0, 4, 3 * kDay},
                                       {0, 0, 4 * kDay},
                                       {0, 3, 6 * kDay}});
  const History history(log, 10 * kDay);
  const auto model = fit_own_history({.history = &history}, {.half_life_days = kNoDecayDays}, {});
  const auto s = scores_of(**model, {UserId{0}, 10 * kDay, history.of(UserId{0})}, 5);
  EXPECT_GT(s[3], s[1]);  // both twice, item 3 on day 6, item 1 on day 5
  EXPECT_GT(s[1], s[0]);
  EXPECT_GT(s[0], s[4]);  // both once, day 4 and day 3
  EXPECT_GT(s[4], s[2]);
  EXPECT_NEAR(s[3], 2, 1e-5);
  EXPECT_EQ(s[2], 0);
}

TEST(OwnHistory, ShowsAStrangerWhatIsPopular) {
  const InteractionLog log = shop();
  const History history(log, 10 * kDay);
  const auto model = fit_own_history({.history = &history}, {}, {});
  EXPECT_FALSE((*model)->knows({}));
  EXPECT_THAT(scores_of(**model, {.as_of = 10 * kDay}, 4),
              ElementsAre(FloatEq(0.4f), FloatEq(0.6f), 1, 0));
}

TEST(OwnHistory, TakesUntimedInteractionsForAsOldAsTheOldestTimedOne) {
  const InteractionLog log = make_log(1, 3, {{0, 0, kUntimed}, {0, 1, 6 * kDay}, {0, 2, 8 * kDay}});
  const History history(log, 10 * kDay);
  const auto model = fit_own_history({.history = &history}, {.half_life_days = 2}, {});
  const auto s = scores_of(**model, {UserId{0}, 10 * kDay, history.of(UserId{0})}, 3);
  EXPECT_THAT(s, ElementsAre(FloatEq(0.25f), FloatEq(0.25f), FloatEq(0.5f)));
}

}  // namespace
}  // namespace sartor
