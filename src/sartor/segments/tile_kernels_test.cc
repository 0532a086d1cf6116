#include "sartor/segments/tile_kernels.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "sartor/base/random.h"
#include "sartor/models/aligned.h"
#include "sartor/models/vector_kernels.h"

namespace sartor {
namespace {

constexpr std::size_t kWidth = 21;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<float> random_floats(std::size_t n, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> out(n);
  for (float& value : out) value = static_cast<float>(random.normal());
  return out;
}

// Every test runs with both sets of instructions, as far as this processor has them.
class Tiles : public ::testing::TestWithParam<const TileKernels*> {
 protected:
  void SetUp() override {
    if (GetParam() == &kAvx512TileKernels && !has_avx512()) GTEST_SKIP() << "no AVX-512 here";
  }
  const TileKernels& kernels = *GetParam();
};

INSTANTIATE_TEST_SUITE_P(Both, Tiles, ::testing::Values(&kAvx2TileKernels, &kAvx512TileKernels),
                         [](const auto& made) { return std::string(made.param->name); });

TEST_P(Tiles, WardIsOneChainOfFusedAdditions) {
  const auto rows = random_floats(kTileRows * kWidth, 1);
  const auto panel = random_floats(kWidth * kTileColumns, 2);
  const auto norms = random_floats(kTileColumns, 3);
  std::vector<float> inverses(kTileColumns), row_norms(kTileRows), row_inverses(kTileRows);
  std::vector<float> limits(kTileRows);
  for (std::size_t c = 0; c < kTileColumns; ++c) inverses[c] = 1.0f / static_cast<float>(c + 1);
  for (std::size_t r = 0; r < kTileRows; ++r) {
    row_norms[r] = static_cast<float>(r);
    row_inverses[r] = 0.5f;
    limits[r] = r == 3 ? kInfinity : static_cast<float>(r) * 4 - 9;
  }
  for (std::size_t n = 1; n <= kTileRows; ++n) {
    std::vector<float> squared(kTileRows * kTileColumns);
    std::vector<std::uint32_t> masks(kTileRows + 1, 77);
    kernels.ward_tile({.rows = rows.data(),
                       .n = n,
                       .width = kWidth,
                       .panel = panel.data(),
                       .row_norms = row_norms.data(),
                       .row_inverses = row_inverses.data(),
                       .limits = limits.data(),
                       .norms = norms.data(),
                       .inverses = inverses.data()},
                      squared.data(), masks.data());
    for (std::size_t r = 0; r < n; ++r) {
      for (std::size_t c = 0; c < kTileColumns; ++c) {
        float sum = 0;
        for (std::size_t k = 0; k < kWidth; ++k)
          sum = std::fma(rows[r * kWidth + k], panel[k * kTileColumns + c], sum);
        const float value = std::fma(-2.0f, sum, row_norms[r] + norms[c]);
        ASSERT_EQ(squared[r * kTileColumns + c], value) << n << " " << r << " " << c;
        ASSERT_EQ(masks[r] >> c & 1, value < limits[r] * (row_inverses[r] + inverses[c]));
      }
    }
    EXPECT_EQ(masks[n], 77u);
  }
}

TEST_P(Tiles, NearestOfAnyNumberOfColumns) {
  for (const std::size_t columns : {1, 2, 15, 32, 33, 50, 96}) {
    const std::size_t panels = (columns + kTileColumns - 1) / kTileColumns;
    std::vector<float> panel(panels * kTileColumns * kWidth),
        starts(panels * kTileColumns, kInfinity);
    const auto rows = random_floats(29 * kWidth, 4);
    auto centres = random_floats(columns * kWidth, 5);
    if (columns > 20) {  // an equal pair: the first wins
      std::copy_n(rows.begin(), kWidth, centres.begin() + 3 * kWidth);
      std::copy_n(rows.begin(), kWidth, centres.begin() + 19 * kWidth);
    }
    for (std::size_t c = 0; c < columns; ++c) {
      starts[c] = 0;
      for (std::size_t k = 0; k < kWidth; ++k)
        panel[(c / kTileColumns * kWidth + k) * kTileColumns + c % kTileColumns] =
            centres[c * kWidth + k];
    }
    std::vector<std::uint32_t> nearest(29);
    std::vector<float> squared(29), second(29);
    kernels.nearest_columns(rows.data(), 29, kWidth, kWidth, panel.data(), panels, starts.data(),
                            {nearest.data(), squared.data(), second.data()});
    std::vector<float> ones(starts);
    for (float& start : ones) start += 1;
    std::vector<std::uint32_t> by_product(29);
    std::vector<float> least(29), after(29);
    kernels.least_products(rows.data(), 29, kWidth, kWidth, panel.data(), panels, ones.data(),
                           {by_product.data(), least.data(), after.data()});
    for (std::size_t r = 0; r < 29; ++r) {
      float product = 1;
      for (std::size_t k = 0; k < kWidth; ++k)
        product = std::fma(-rows[r * kWidth + k], centres[by_product[r] * kWidth + k], product);
      ASSERT_EQ(least[r], product);
      ASSERT_GE(after[r], product);
    }
    for (std::size_t r = 0; r < 29; ++r) {
      float best = kInfinity, next = kInfinity;
      std::size_t at = 0;
      for (std::size_t c = 0; c < columns; ++c) {
        float sum = 0;
        for (std::size_t k = 0; k < kWidth; ++k) {
          const float difference = rows[r * kWidth + k] - centres[c * kWidth + k];
          sum = std::fma(difference, difference, sum);
        }
        if (sum < best) {
          next = best;
          best = sum;
          at = c;
        } else {
          next = std::min(next, sum);
        }
      }
      ASSERT_EQ(nearest[r], at) << columns << " " << r;
      ASSERT_EQ(squared[r], best) << columns << " " << r;
      ASSERT_EQ(second[r], next) << columns << " " << r;
    }
  }
}

}  // namespace
}  // namespace sartor
