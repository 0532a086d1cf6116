#include "sartor/models/vector_kernels.h"

#include <gmock/gmock.h>

#include <bit>
#include <cmath>

#include "sartor/base/random.h"
#include "sartor/models/aligned.h"

namespace sartor {
namespace {

Aligned<float> random_floats(std::size_t n, std::uint64_t seed) {
  Random random(seed);
  Aligned<float> out(n);
  for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<float>(random.normal());
  return out;
}

// Every test runs with both sets of instructions, as far as this processor has them.
class Kernels : public ::testing::TestWithParam<const VectorKernels*> {
 protected:
  void SetUp() override {
    if (GetParam() == &kAvx512Kernels && !has_avx512()) GTEST_SKIP() << "no AVX-512 here";
  }
  const VectorKernels& kernels = *GetParam();
};

INSTANTIATE_TEST_SUITE_P(Both, Kernels, ::testing::Values(&kAvx2Kernels, &kAvx512Kernels),
                         [](const auto& made) { return std::string(made.param->name); });

TEST_P(Kernels, ScoresAreOneChainOfFusedAdditions) {
  constexpr std::size_t kWidth = 48;
  const auto queries = random_floats(kTileQueries * kWidth, 1);
  const auto panel = random_floats(kWidth * kTileVectors, 2);
  float thresholds[kTileQueries];
  for (std::size_t q = 0; q < kTileQueries; ++q) thresholds[q] = static_cast<float>(q) - 3;
  float scores[kTileQueries * kTileVectors];
  std::uint32_t masks[kTileQueries];
  EXPECT_TRUE(kernels.score_tile(queries.data(), panel.data(), kWidth, thresholds, scores, masks));
  for (std::size_t q = 0; q < kTileQueries; ++q) {
    for (std::size_t i = 0; i < kTileVectors; ++i) {
      float sum = 0;
      for (std::size_t k = 0; k < kWidth; ++k)
        sum = std::fma(queries[q * kWidth + k], panel[k * kTileVectors + i], sum);
      ASSERT_EQ(scores[q * kTileVectors + i], sum);
      ASSERT_EQ(masks[q] >> i & 1, sum > thresholds[q]);
    }
  }
  for (float& t : thresholds) t = 1e9f;
  EXPECT_FALSE(kernels.score_tile(queries.data(), panel.data(), kWidth, thresholds, scores, masks));
}

TEST_P(Kernels, DotsOfAnyNumberOfRows) {
  for (const std::size_t width : {16, 32, 48, 64, 128}) {
    for (const std::size_t n : {1, 7, 16, 37}) {
      const auto rows = random_floats(n * width, 3);
      const auto v = random_floats(width, 4);
      std::vector<float> out(n + 1, 77.0f);
      kernels.dots(rows.data(), n, width, v.data(), out.data());
      for (std::size_t r = 0; r < n; ++r) {
        double sum = 0;
        for (std::size_t k = 0; k < width; ++k) sum += double{rows[r * width + k]} * v[k];
        ASSERT_NEAR(out[r], sum, 1e-4) << width << " " << n << " " << r;
      }
      EXPECT_EQ(out[n], 77.0f);
    }
  }
}

TEST_P(Kernels, SolvesWhatItSumsUp) {
  for (const std::size_t width : {16, 48, 64, 128}) {
    const std::size_t n = 3 * width / 2 + 5;
    const auto rows = random_floats(n * width, 5);
    Aligned<float> a(width * width);
    for (std::size_t k = 0; k < width; ++k) a[k * width + k] = 3;
    kernels.add_outer(rows.data(), n, width, 0.5f, a.data());
    std::vector<double> whole(width * width);  // in doubles, both triangles
    for (std::size_t i = 0; i < width; ++i) {
      for (std::size_t j = 0; j < width; ++j) {
        double sum = i == j ? 3 : 0;
        for (std::size_t r = 0; r < n; ++r)
          sum += 0.5 * double{rows[r * width + i]} * rows[r * width + j];
        whole[i * width + j] = sum;
        if (j >= i) {
          ASSERT_NEAR(a[i * width + j], sum, 1e-3);
        }
      }
    }
    const auto x = random_floats(width, 6);
    Aligned<float> b(width);
    for (std::size_t i = 0; i < width; ++i) {
      double sum = 0;
      for (std::size_t j = 0; j < width; ++j) sum += whole[i * width + j] * x[j];
      b[i] = static_cast<float>(sum);
    }
    Aligned<float> inverse_diagonal(width);
    ASSERT_EQ(kernels.factor_upper(a.data(), width, inverse_diagonal.data()), width);
    kernels.solve_upper(a.data(), width, inverse_diagonal.data(), b.data());
    for (std::size_t k = 0; k < width; ++k) ASSERT_NEAR(b[k], x[k], 5e-4) << width << " " << k;
  }
}

TEST_P(Kernels, NamesThePivotThatIsNotPositive) {
  constexpr std::size_t kWidth = 32;
  Aligned<float> inverse_diagonal(kWidth);
  for (const std::size_t bad : {0, 5, 16, 31}) {
    for (const float value : {0.0f, -1.0f, std::nanf("")}) {
      Aligned<float> a(kWidth * kWidth);
      for (std::size_t k = 0; k < kWidth; ++k) a[k * kWidth + k] = k == bad ? value : 2;
      EXPECT_EQ(kernels.factor_upper(a.data(), kWidth, inverse_diagonal.data()), bad);
    }
  }
}

TEST_P(Kernels, CountsCommonBits) {
  constexpr std::size_t kWords = 24;
  constexpr std::size_t kStride = 32;
  Random random(7);
  Aligned<std::uint64_t> bits(8 * kStride);
  for (std::size_t i = 0; i < bits.size(); ++i) bits[i] = random.bits();
  std::uint32_t counts[16];
  kernels.count_common(bits.data(), bits.data() + 4 * kStride, kWords, kStride, counts);
  for (std::size_t r = 0; r < 4; ++r) {
    for (std::size_t c = 0; c < 4; ++c) {
      int sum = 0;
      for (std::size_t w = 0; w < kWords; ++w)
        sum += std::popcount(bits[r * kStride + w] & bits[(4 + c) * kStride + w]);
      EXPECT_EQ(counts[4 * r + c], static_cast<std::uint32_t>(sum));
    }
  }
}

}  // namespace
}  // namespace sartor
