#include "sartor/models/dense.h"

#include <gmock/gmock.h>

#include <chrono>
#include <cmath>
#include <limits>

#include "sartor/base/random.h"

namespace sartor {
namespace {

// X'X / rows + I for a random X: well conditioned, every entry different.
Matrix<float> random_spd(std::size_t n, std::uint64_t seed) {
  Random random(seed);
  Matrix<float> x(n, 40);
  for (float& value : x.values()) value = static_cast<float>(random.normal());
  Matrix<float> a(n, n);
  gemm(Transpose::no, Transpose::yes, 1.0f / 40, x.view(), x.view(), 0, a.view());
  for (std::size_t i = 0; i < n; ++i) a(i, i) += 1;
  return a;
}

TEST(Dense, GemmByHand) {
  Matrix<float> a(2, 3);
  a.values() = {1, 2, 3, 4, 5, 6};
  Matrix<float> c(2, 2, 1.0f);
  gemm(Transpose::no, Transpose::yes, 1, a.view(), a.view(), 10, c.view());
  EXPECT_THAT(c.values(), ::testing::ElementsAre(14 + 10, 32 + 10, 32 + 10, 77 + 10));
  Matrix<float> d(3, 3);
  gemm(Transpose::yes, Transpose::no, 2, a.view(), a.view(), 0, d.view());
  EXPECT_EQ(d(0, 1), 2 * (1 * 2 + 4 * 5));
}

TEST(CholeskyInverse, OfATridiagonalMatrixByHand) {
  // tridiag(-1, 2, -1) of size n has the inverse (i, j) -> min(i, j) (n + 1 - max(i, j)) / (n + 1).
  constexpr std::size_t n = 7;
  Matrix<float> a(n, n);
  for (std::size_t i = 0; i < n; ++i) {
    a(i, i) = 2;
    if (i > 0) a(i, i - 1) = a(i - 1, i) = -1;
  }
  ASSERT_TRUE(cholesky_inverse(a.view(), {}));
  for (std::size_t i = 1; i <= n; ++i) {
    for (std::size_t j = 1; j <= n; ++j) {
      const double expected = static_cast<double>(std::min(i, j) * (n + 1 - std::max(i, j))) / 8;
      EXPECT_NEAR(a(i - 1, j - 1), expected, 1e-5);
    }
  }
}

class CholeskyInverseOfSize : public ::testing::TestWithParam<std::size_t> {};

TEST_P(CholeskyInverseOfSize, TimesTheMatrixIsTheIdentity) {
  const std::size_t n = GetParam();
  const Matrix<float> a = random_spd(n, 7);
  Matrix<float> inverse = a;
  ASSERT_TRUE(cholesky_inverse(inverse.view(), {.threads = 2}));
  Matrix<float> product(n, n);
  gemm(Transpose::no, Transpose::no, 1, a.view(), inverse.view(), 0, product.view());
  float worst = 0;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      worst = std::max(worst, std::abs(product(i, j) - (i == j ? 1.0f : 0.0f)));
      ASSERT_EQ(inverse(i, j), inverse(j, i));
    }
  }
  EXPECT_LT(worst, 2e-4f);
}

// One tile, a tile exactly, one row more, several tiles and a thin last one.
INSTANTIATE_TEST_SUITE_P(Sizes, CholeskyInverseOfSize,
                         ::testing::Values(1, 2, 100, 256, 257, 512, 900));

TEST(CholeskyInverse, HasTheSameBitsAtAnyThreadCount) {
  Matrix<float> one = random_spd(1100, 3);
  Matrix<float> other = one;
  Matrix<float> many = one;
  ASSERT_TRUE(cholesky_inverse(one.view(), {.threads = 1}));
  ASSERT_TRUE(cholesky_inverse(other.view(), {.threads = 2}));
  ASSERT_TRUE(cholesky_inverse(many.view(), {.threads = 7}));
  EXPECT_TRUE(one.values() == other.values());
  EXPECT_TRUE(one.values() == many.values());
}

TEST(CholeskyInverse, NamesThePivotThatIsNotPositive) {
  Matrix<float> a = random_spd(600, 5);
  a(412, 412) = -1;
  const Status status = cholesky_inverse(a.view(), {.threads = 2});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::invalid_argument);
  EXPECT_THAT(status.error().message, ::testing::HasSubstr("pivot 413 of 600"));

  Matrix<float> b = random_spd(300, 5);
  b(290, 290) = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(cholesky_inverse(b.view(), {}).error().message,
              ::testing::HasSubstr("pivot 291 of 300"));
}

}  // namespace
}  // namespace sartor
