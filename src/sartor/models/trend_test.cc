#include "sartor/models/trend.h"

#include <gmock/gmock.h>

#include <cmath>

#include "sartor/models/test_world.h"

namespace sartor {
namespace {

using ::testing::HasSubstr;
using ::testing::Pointwise;

MATCHER(IsAbout, "") { return std::abs(std::get<0>(arg) - std::get<1>(arg)) < 2e-6; }

std::vector<float> trend(const History& history, const TrendConfig& config) {
  const auto model = fit_trend({.history = &history}, config, {});
  return scores_of(**model, {}, history.items());
}

TEST(Trend, AgreesWithNumpy) {  // tests/reference/popularity_family.py
  const InteractionLog log = reference_log();
  const History history(log, 100 * kDay);
  EXPECT_THAT(
      trend(history, {.half_life_days = 10, .baseline = 4, .prior = 2}),
      Pointwise(IsAbout(), {0.237001, -0.052987, -0.179019, 0.231474, -0.051176, -0.283472}));
}

// Each item is taken on `old` days of a distant past and on `now` of the last days.
InteractionLog rise(const std::vector<std::pair<int, int>>& items) {
  std::vector<Taken> rows;
  std::uint32_t user = 0;
  for (std::uint32_t i = 0; i < items.size(); ++i) {
    for (int n = 0; n < items[i].first; ++n) rows.push_back({user++, i, 10 * kDay});
    for (int n = 0; n < items[i].second; ++n) rows.push_back({user++, i, 99 * kDay});
  }
  return make_log(user, items.size(), rows);
}

TEST(Trend, RanksManyThatRiseAboveTheLuckyFewAndTheSteadyAndTheFalling) {
  // 200 -> 80, 1 -> 2, 200 -> 40, 100 -> 1: all together fall.
  const InteractionLog log = rise({{200, 80}, {1, 2}, {200, 40}, {100, 1}});
  const History history(log, 100 * kDay);
  const auto s = trend(history, {.half_life_days = 5, .baseline = 10, .prior = 10});
  EXPECT_GT(s[0], s[1]);
  EXPECT_GT(s[1], s[2]);
  EXPECT_GT(s[2], s[3]);
  EXPECT_LT(s[3], 0);
  // Without a prior to speak of, two takings instead of one win.
  const auto bold = trend(history, {.half_life_days = 5, .baseline = 10, .prior = 0.1});
  EXPECT_GT(bold[1], bold[0]);
}

TEST(Trend, FitsItsPrior) {
  // Shares that stay as they were: nothing rises, however the counts differ.
  const InteractionLog steady = rise({{100, 50}, {80, 40}, {20, 10}, {10, 5}});
  for (const float score : trend(History(steady, 100 * kDay), {.half_life_days = 5})) {
    EXPECT_NEAR(score, 0, 1e-4);
  }
  // Where they change beyond chance, little is taken off what the numbers say.
  const InteractionLog wild = rise({{400, 600}, {400, 10}, {400, 200}, {400, 20}});
  const auto s = trend(History(wild, 100 * kDay), {.half_life_days = 5, .baseline = 10});
  EXPECT_GT(s[0], 0.7);
  EXPECT_LT(s[1], -1);
}

TEST(Trend, SaysSoWhereNothingHasATime) {
  const InteractionLog log = make_log(2, 2, {{0, 1, kUntimed}, {1, 1, kUntimed}});
  const History history(log, kDay);
  const auto model = fit_trend({.history = &history}, {}, {});
  EXPECT_EQ(scores_of(**model, {}, 2), (std::vector<float>{0, 1}));
  EXPECT_THAT((*model)->notes().lines, ::testing::ElementsAre(HasSubstr("nothing rises")));
}

}  // namespace
}  // namespace sartor
