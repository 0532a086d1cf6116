#include "sartor/tuning/gp_model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "sartor/base/random.h"
#include "sartor/tuning/box_minimise.h"
#include "sartor/tuning/log_improvement.h"

namespace sartor {
namespace {

TEST(BoxMinimise, FindsRosenbrocksValleyEnd) {
  const SmoothFunction f = [](std::span<const double> x, std::span<double> g) {
    const double a = x[1] - x[0] * x[0], b = 1 - x[0];
    g[0] = -400 * x[0] * a - 2 * b;
    g[1] = 200 * a;
    return 100 * a * a + b * b;
  };
  const std::vector<double> start = {-1.2, 1}, low = {-2, -2}, high = {2, 2};
  const BoxMinimum found = minimise_in_box(f, start, low, high, 200);
  EXPECT_NEAR(found.x[0], 1, 1e-3);
  EXPECT_NEAR(found.x[1], 1, 1e-3);
}

TEST(BoxMinimise, StopsAtTheBounds) {
  // (x - 3)^2 + (y + x)^2 in [0, 1]^2: x at 1, y at 0.
  const SmoothFunction f = [](std::span<const double> x, std::span<double> g) {
    g[0] = 2 * (x[0] - 3) + 2 * (x[1] + x[0]);
    g[1] = 2 * (x[1] + x[0]);
    return (x[0] - 3) * (x[0] - 3) + (x[1] + x[0]) * (x[1] + x[0]);
  };
  const std::vector<double> start = {0.5, 0.5}, low = {0, 0}, high = {1, 1};
  const BoxMinimum found = minimise_in_box(f, start, low, high, 50);
  EXPECT_DOUBLE_EQ(found.x[0], 1);
  EXPECT_DOUBLE_EQ(found.x[1], 0);
  EXPECT_DOUBLE_EQ(found.value, 5);
}

// h(0) = 1 / sqrt(2 pi), h(1) = phi(1) + Phi(1); far below by the asymptotic series to its next
// term.
TEST(LogImprovement, AgreesWithHandComputedValues) {
  EXPECT_NEAR(log_improvement(0).value, -0.5 * std::log(2 * std::numbers::pi), 1e-12);
  EXPECT_NEAR(log_improvement(1).value, std::log(0.2419707245191434 + 0.8413447460685429), 1e-12);
  const double z = -40, log_density = -800 - 0.5 * std::log(2 * std::numbers::pi);
  EXPECT_NEAR(log_improvement(z).value, log_density - 2 * std::log(40.0) - 3 / 1600.0, 1e-5);
}

TEST(LogImprovement, IsSmoothWhereTheFormulaChanges) {
  const LogImprovement above = log_improvement(-12 + 1e-9), below = log_improvement(-12 - 1e-9);
  EXPECT_NEAR(above.value, below.value, 1e-5);
  EXPECT_NEAR(above.by_mean / below.by_mean, 1, 1e-5);
  EXPECT_NEAR(above.by_deviation / below.by_deviation, 1, 1e-5);
}

struct Sample {
  Matrix<double> x{12, 3};
  std::vector<double> y;
  std::vector<bool> categorical = {false, false, true};
  Sample() {
    Random random(3);
    for (std::size_t i = 0; i < x.rows(); ++i) {
      x(i, 0) = random.uniform();
      x(i, 1) = random.uniform();
      x(i, 2) = static_cast<double>(random.below(3));
      y.push_back(std::sin(5 * x(i, 0)) + x(i, 1) + (x(i, 2) == 1 ? 0.5 : 0));
    }
  }
};

// Two points at distance r: k = (1 + a + a^2 / 3) exp(-a), a = sqrt(5) r / l. By symmetry the mean
// is that of the values, and half-way between them.
TEST(GpModel, TwoPointsByHand) {
  Matrix<double> x(2, 1);
  x(1, 0) = 1;
  const std::vector<double> y = {-1, 1};
  const GpModel model(x, {false}, y, {std::log(0.5), std::log(1e-6)});
  const std::vector<double> half = {0.5}, first = {0.0}, off = {0.25};
  EXPECT_NEAR(model.predict(half).mean, 0, 1e-9);
  EXPECT_NEAR(model.predict(first).mean, -1, 1e-5);
  const auto k = [](double r) {
    const double a = std::sqrt(5.0) * r / 0.5;
    return (1 + a + a * a / 3) * std::exp(-a);
  };
  // y = (-1, 1) is an eigenvector of C with 1 - k(1).
  EXPECT_NEAR(model.predict(off).mean, (k(0.75) - k(0.25)) / (1 + 1e-6 - k(1)), 1e-9);
}

TEST(GpModel, SlopesAgreeWithDifferences) {
  const Sample s;
  const GpParameters at = {-0.7, -0.2, 0.3, -6};
  const auto gradient = GpModel(s.x, s.categorical, s.y, at).loss_gradient();
  for (std::size_t j = 0; j < at.size(); ++j) {
    GpParameters up = at, down = at;
    up[j] += 1e-5;
    down[j] -= 1e-5;
    const double difference = (GpModel(s.x, s.categorical, s.y, up).loss() -
                               GpModel(s.x, s.categorical, s.y, down).loss()) /
                              2e-5;
    EXPECT_NEAR(gradient[j], difference, 1e-5 * (1 + std::abs(difference))) << j;
  }
  const GpModel model(s.x, s.categorical, s.y, at);
  std::vector<double> x = {0.4, 0.6, 1}, by_mean(3), by_deviation(3);
  model.predict(x, by_mean, by_deviation);
  for (std::size_t j = 0; j < 2; ++j) {
    std::vector<double> up = x, down = x;
    up[j] += 1e-6;
    down[j] -= 1e-6;
    const auto high = model.predict(up), low = model.predict(down);
    EXPECT_NEAR(by_mean[j], (high.mean - low.mean) / 2e-6, 1e-6);
    EXPECT_NEAR(by_deviation[j], (high.deviation - low.deviation) / 2e-6, 1e-6);
  }
  EXPECT_EQ(by_mean[2], 0);
}

TEST(GpModel, FittingFindsWhatMattersAndDoesNotLoseGround) {
  Random random(5);
  Matrix<double> x(40, 2);
  std::vector<double> y;
  for (std::size_t i = 0; i < x.rows(); ++i) {
    for (std::size_t j = 0; j < 2; ++j) x(i, j) = random.uniform();
    y.push_back(2 * std::sin(7 * x(i, 0)));  // the second coordinate does nothing
  }
  const std::vector<bool> numbers = {false, false};
  const GpParameters found = GpModel::fit(x, numbers, y, 30);
  EXPECT_GT(found[1], found[0] + 1);
  const GpModel model(x, numbers, y, found);
  EXPECT_LT(model.loss(), GpModel(x, numbers, y, {std::log(.5), std::log(.5), -7}).loss());
  const std::vector<double> at = {0.3, 0.5};
  EXPECT_NEAR(model.predict(at).mean, 2 * std::sin(2.1), 0.05);
}

TEST(GpModel, EqualPointsAndEqualValuesAreNoProblem) {
  Matrix<double> x(30, 2, 0.5);
  const std::vector<double> y(30, 0.0);
  const GpModel model(x, {false, false}, y, {0, 0, std::log(1e-6)});
  const std::vector<double> at = {0.2, 0.9};
  EXPECT_TRUE(std::isfinite(model.loss()));
  EXPECT_NEAR(model.predict(at).mean, 0, 1e-9);
  EXPECT_GT(model.predict(at).deviation, 0);
}

}  // namespace
}  // namespace sartor
