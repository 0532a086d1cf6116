#include "sartor/models/als_rows.h"

#include <gmock/gmock.h>

#include "sartor/base/random.h"

namespace sartor {
namespace {

struct World {
  PaddedRows y;
  Aligned<float> gram;
};

World world_of(std::size_t rows, std::size_t factors) {
  PaddedRows y(rows, factors);
  Random random(3);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t k = 0; k < factors; ++k) y.row(r)[k] = static_cast<float>(random.normal() / 4);
  }
  Aligned<float> gram = als_gram(y, 0.5, {}).value();
  return {std::move(y), std::move(gram)};
}

// Rows of no, one, some and more than kRowsAtOnce items.
std::vector<std::uint32_t> taken_by(std::size_t n) {
  std::vector<std::uint32_t> taken(n);
  for (std::size_t i = 0; i < n; ++i) taken[i] = static_cast<std::uint32_t>(i * 7 % 300);
  return taken;
}

// The largest entry of b - A x, in doubles.
double residual(const World& w, std::span<const std::uint32_t> taken, float alpha, const float* x) {
  double worst = 0;
  const std::size_t width = w.y.width();
  std::vector<double> r(width);
  for (std::size_t k = 0; k < width; ++k) {
    for (std::size_t l = 0; l < width; ++l) r[k] -= double{w.gram[k * width + l]} * x[l];
  }
  for (const std::uint32_t i : taken) {
    double score = 0;
    for (std::size_t k = 0; k < width; ++k) score += double{w.y.row(i)[k]} * x[k];
    for (std::size_t k = 0; k < width; ++k) r[k] += (alpha - (alpha - 1) * score) * w.y.row(i)[k];
  }
  for (const double value : r) worst = std::max(worst, std::abs(value));
  return worst;
}

TEST(AlsRows, BothSolversLeaveNoResidualWithEitherInstructions) {
  for (const std::size_t factors : {5, 32, 40, 64, 128}) {
    const World w = world_of(300, factors);
    for (const VectorKernels* kernels : {&kAvx2Kernels, &kAvx512Kernels}) {
      if (kernels == &kAvx512Kernels && !has_avx512()) continue;
      AlsRowSolver solver(w.y, w.gram, *kernels);
      for (const std::size_t n : {0, 1, 15, 16, 17, 130, 290}) {
        const auto taken = taken_by(n);
        Aligned<float> x(w.y.width());
        ASSERT_TRUE(solver.solve(taken, 6, x.data()));
        EXPECT_LT(residual(w, taken, 6, x.data()), 2e-3) << factors << " " << n;
        for (std::size_t k = 0; k < x.size(); ++k) x[k] = 0;
        solver.improve(taken, 6, 60, x.data());
        EXPECT_LT(residual(w, taken, 6, x.data()), 2e-3) << factors << " " << n;
        for (std::size_t k = factors; k < x.size(); ++k) EXPECT_EQ(x[k], 0);
      }
    }
  }
}

TEST(AlsRows, OwnConfidencesThatAreAllTheSameGiveTheSame) {
  const World w = world_of(300, 20);
  const auto taken = taken_by(140);
  const std::vector<float> weight(taken.size(), 5);
  Aligned<float> x(w.y.width());
  Aligned<float> other(w.y.width());
  AlsRowSolver solver(w.y, w.gram);
  ASSERT_TRUE(solver.solve(taken, 6, x.data()));
  ASSERT_TRUE(solver.solve(taken, weight, other.data()));
  for (std::size_t k = 0; k < x.size(); ++k) EXPECT_NEAR(x[k], other[k], 1e-4);
}

TEST(AlsRows, EachStepOfDescentComesNearer) {
  const World w = world_of(300, 24);
  const auto taken = taken_by(77);
  double before = 1e30;
  for (const int steps : {1, 2, 4, 8, 16}) {
    Aligned<float> x(w.y.width());
    AlsRowSolver(w.y, w.gram).improve(taken, 9, steps, x.data());
    const double now = residual(w, taken, 9, x.data());
    EXPECT_LT(now, before);
    before = now;
  }
}

}  // namespace
}  // namespace sartor
