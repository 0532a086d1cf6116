#include "sartor/stats/tilt.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace sartor {
namespace {

using Columns = std::vector<std::vector<double>>;

double mean_under(const std::vector<double>& weights, const std::vector<double>& values) {
  double sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i) sum += weights[i] * values[i];
  return sum;
}

TEST(Tilt, TwoValuesHaveOneAnswer) {
  const auto weights = tilt_to_zero(Columns{{-1, 3}});
  ASSERT_TRUE(weights.has_value());
  EXPECT_NEAR((*weights)[0], .75, 1e-11);
  EXPECT_NEAR((*weights)[1], .25, 1e-11);
  EXPECT_NEAR(effective_share(*weights), 1 / (2 * (.75 * .75 + .25 * .25)), 1e-11);
}

TEST(Tilt, WhatIsAtZeroAlreadyStaysAsItIs) {
  const auto weights = tilt_to_zero(Columns{{-2, 0, 0, 2}});
  ASSERT_TRUE(weights.has_value());
  for (const double weight : *weights) EXPECT_NEAR(weight, .25, 1e-12);
  EXPECT_NEAR(effective_share(*weights), 1, 1e-12);
}

TEST(Tilt, LogWeightsAreLinearInTheValues) {
  // The weights of -1, 0, 1, 2 are a geometric series x^-1, 1, x, x^2 with 2 x^3 + x^2 = 1.
  const auto weights = tilt_to_zero(Columns{{-1, 0, 1, 2}});
  ASSERT_TRUE(weights.has_value());
  const double x = (*weights)[1] / (*weights)[0];
  EXPECT_NEAR((*weights)[2] / (*weights)[1], x, 1e-9);
  EXPECT_NEAR((*weights)[3] / (*weights)[2], x, 1e-9);
  EXPECT_NEAR(2 * x * x * x + x * x, 1, 1e-9);
}

TEST(Tilt, TwoColumnsAtOnceAndExactly) {
  Random random(3);
  Columns columns(2);
  for (int i = 0; i < 1000; ++i) {
    const double common = random.normal();
    columns[0].push_back(i % 3 == 0 ? 0 : common + random.normal() + .4);
    columns[1].push_back(.1 * (common + random.normal()) - .03);
  }
  const auto weights = tilt_to_zero(columns);
  ASSERT_TRUE(weights.has_value());
  EXPECT_NEAR(std::accumulate(weights->begin(), weights->end(), 0.0), 1, 1e-12);
  EXPECT_NEAR(mean_under(*weights, columns[0]), 0, 1e-10);
  EXPECT_NEAR(mean_under(*weights, columns[1]), 0, 1e-11);
  EXPECT_GT(effective_share(*weights), .5);
}

TEST(Tilt, WhatCannotBeIsSaid) {
  EXPECT_FALSE(tilt_to_zero(Columns{{1, 2, 3}}).has_value()) << "all on one side";
  EXPECT_FALSE(tilt_to_zero(Columns{{0, 0, 3}}).has_value()) << "0 is the edge";
  EXPECT_FALSE(tilt_to_zero(Columns{{2, 2, 2}}).has_value()) << "no variation";
  std::vector<double> lonely(1000, 1.0);
  lonely[0] = -1;
  EXPECT_FALSE(tilt_to_zero(Columns{lonely}).has_value()) << "half of all weight on one of 1000";
  const auto failed = tilt_to_zero(Columns{{1, -1, 1, -1}, {2, -1, 2, -1}});
  ASSERT_FALSE(failed.has_value()) << "each alone could be, not both";
  EXPECT_EQ(failed.error().code, ErrorCode::invalid_argument);
}

TEST(WeightedDraw, DrawsAsOftenAsItShould) {
  const std::vector<double> weights = {.5, 0, .1, .1, .3};
  const WeightedDraw draw(weights);
  Random random(1);
  std::vector<int> count(weights.size(), 0);
  for (int i = 0; i < 100'000; ++i) ++count[draw(random)];
  EXPECT_EQ(count[1], 0);
  for (std::size_t i = 0; i < weights.size(); ++i)
    EXPECT_NEAR(count[i], 1e5 * weights[i], 4 * std::sqrt(1e5 * weights[i])) << i;
}

}  // namespace
}  // namespace sartor
