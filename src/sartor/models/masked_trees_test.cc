#include "sartor/models/masked_trees.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "sartor/base/random.h"
#include "sartor/models/trees.h"

namespace sartor {
namespace {

// x[0] <= 1 ? (x[1] <= 0.1 ? 1 : 20) : 300, and a tree that is a leaf of 4000.
struct TwoTrees {
  std::vector<std::int64_t> root = {0, ~3};
  std::vector<std::int64_t> feature = {0, 1};
  std::vector<std::int64_t> left = {1, ~0};
  std::vector<std::int64_t> right = {~2, ~1};
  std::vector<double> threshold = {1, 0.1};
  std::vector<double> leaf = {1, 20, 300, 4000};

  TreeArrays arrays() const { return {root, feature, left, right, threshold, leaf}; }
};

TEST(MaskedTrees, ByHand) {
  const TwoTrees trees;
  const auto masked = MaskedTrees::make(trees.arrays());
  ASSERT_TRUE(masked.has_value());
  // 0.1f is above the double 0.1; NaN is not below anything.
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> rows = {
      1, 0, 1, 0.1f, 1, std::nextafter(0.1f, 0.0f), 1.5f, 0, 1, 0.2f, 1, nan, nan, 0, -9, -9};
  std::vector<double> out(8);
  masked->score(rows, 2, out);
  EXPECT_THAT(out, testing::ElementsAre(4001, 4020, 4001, 4300, 4020, 4020, 4300, 4001));
}

TEST(MaskedTrees, TooManyLeavesAndWhatIsNoTreeAreLeftAlone) {
  for (const bool to_the_left : {true, false}) {
    TwoTrees chain{.root = {0}, .feature = {}, .left = {}, .right = {}, .threshold = {}};
    for (std::int64_t n = 0; n < 100'000; ++n) {
      chain.feature.push_back(0);
      chain.threshold.push_back(0);
      chain.left.push_back(to_the_left && n + 1 < 100'000 ? n + 1 : ~0);
      chain.right.push_back(!to_the_left && n + 1 < 100'000 ? n + 1 : ~1);
    }
    EXPECT_FALSE(MaskedTrees::make(chain.arrays()).has_value());
  }
}

// Fitted trees of 2 to 48 leaves: the walk and the masks agree bit by bit, for any number of rows.
TEST(MaskedTrees, AgreesWithWalking) {
  Random random(3);
  TreeRows rows{.features = 5};
  for (int r = 0; r < 4000; ++r) {
    for (int f = 0; f < 5; ++f)
      rows.x.push_back(static_cast<float>(random.below(40)) * (f == 0 ? 0.1f : 1.0f));
    rows.label.push_back(random.below(40) < rows.x[rows.x.size() - 2] ? 1.0f : 0.0f);
  }
  for (const int leaves : {2, 15, 32, 48}) {
    const auto trees =
        fit_trees(rows, {.objective = "binary", .rounds = 20, .leaves = leaves, .min_rows = 5}, {});
    ASSERT_TRUE(trees.has_value()) << trees.error().message;
    for (const std::size_t n : {1U, 15U, 16U, 17U, 4000U}) {
      std::vector<double> out(n);
      trees->score(std::span(rows.x).first(n * 5), out);
      for (std::size_t r = 0; r < n; ++r)
        ASSERT_EQ(out[r], trees->score(std::span(rows.x).subspan(r * 5, 5))) << leaves << " " << r;
    }
  }
}

}  // namespace
}  // namespace sartor
