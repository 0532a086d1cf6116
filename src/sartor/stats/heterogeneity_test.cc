#include "sartor/stats/heterogeneity.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "sartor/base/random.h"
#include "sartor/stats/distributions.h"

namespace sartor {
namespace {

TEST(ChiSquare, TextbookQuantiles) {
  EXPECT_NEAR(chi_square_upper_quantile(.05, 1), 3.841458820694124, 1e-9);
  EXPECT_NEAR(chi_square_upper_quantile(.025, 5), 12.832501994030027, 1e-9);
  EXPECT_NEAR(chi_square_upper_quantile(.975, 5), .831211613486663, 1e-9);
}

TEST(Movement, ByHand) {
  // Q = .04^2 / .0004 + .02^2 / .0001 + 0 = 8; tau2 = (8 - 3) / (2500 + 10000 + 2500).
  const std::vector<double> y = {.04, -.02, 0}, v = {.0004, .0001, .0004};
  const Movement out = movement_around_zero(y, v);
  EXPECT_NEAR(out.q, 8, 1e-9);
  EXPECT_NEAR(out.tau, std::sqrt(5 / 15000.0), 1e-12);
  EXPECT_EQ(out.low, 0) << "8 is below chi-square's 9.35";
  double q = 0;
  for (std::size_t i = 0; i < 3; ++i) q += y[i] * y[i] / (v[i] + out.high * out.high);
  EXPECT_NEAR(q, chi_square_upper_quantile(.975, 3), 1e-9);
}

TEST(Movement, NothingMovesAndNothingIsKnown) {
  const std::vector<double> y = {.001, -.001, .0005}, v = {.0004, .0004, .0004};
  EXPECT_EQ(movement_around_zero(y, v).tau, 0);
  EXPECT_EQ(movement_around_zero(y, v).low, 0);
  EXPECT_TRUE(std::isinf(movement_around_zero({}, {}).high));
}

TEST(Movement, TheIntervalCoversTheTruth) {
  Random random(5);
  int covered = 0;
  double squares = 0;
  for (int round = 0; round < 1000; ++round) {
    std::vector<double> y, v;
    for (int i = 0; i < 6; ++i) {
      v.push_back(1e-4 * (1 + i));
      y.push_back(.02 * random.normal() + std::sqrt(v.back()) * random.normal());
    }
    const Movement out = movement_around_zero(y, v);
    covered += out.low <= .02 && .02 <= out.high ? 1 : 0;
    squares += out.tau * out.tau / 1000;
  }
  EXPECT_NEAR(covered, 950, 4 * std::sqrt(1000 * .05 * .95));
  EXPECT_NEAR(std::sqrt(squares), .02, .002);
}

TEST(RateInterval, Wilson) {
  const Bounds some = rate_interval(100, 2000);
  EXPECT_NEAR(some.low, .04128, 5e-5);
  EXPECT_NEAR(some.high, .06044, 5e-5);
  EXPECT_NEAR(rate_interval(0, 50).low, 0, 1e-15);
  EXPECT_NEAR(rate_interval(0, 50).high, .0713, 5e-4);
  EXPECT_NEAR(rate_interval(50, 50).high, 1, 1e-15);
}

}  // namespace
}  // namespace sartor
