#include "sartor/segments/hierarchy.h"

#include <gmock/gmock.h>

#include <set>

#include "sartor/base/random.h"
#include "sartor/base/test_place.h"

namespace sartor {
namespace {

// Row r around corner r % corners; corners are 10 apart, each on an axis of its own.
Matrix<float> corners(std::size_t n, std::size_t rows, double spread) {
  Matrix<float> x(rows, n);
  Random random(2);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t j = 0; j < n; ++j)
      x(r, j) = static_cast<float>((r % n == j ? 10 : 0) + spread * random.normal());
  }
  return x;
}

TEST(Hierarchy, FindsPlantedCornersAndTheirNumber) {
  const auto x = corners(5, 400, 1);
  const auto made = fit_hierarchy(x.view(), {.low = 2, .high = 9}, {.threads = 2});
  ASSERT_TRUE(made) << made.error().message;
  ASSERT_EQ(made->centres.rows(), 5u);
  EXPECT_EQ(made->tried.size(), 8u);
  EXPECT_EQ(made->absorbed, 0u);
  EXPECT_EQ(made->agreement, 1);
  for (std::size_t r = 0; r < x.rows(); ++r) ASSERT_EQ(made->labels[r], made->labels[r % 5]);
}

TEST(Hierarchy, ManyRowsAreGroupedFirst) {
  constexpr std::size_t kRows = kSanitized ? 6'000 : 30'000;
  const auto x = corners(5, kRows, 1);
  const HierarchyConfig config{.low = 2, .high = 9, .most_leaves = 5000};
  const auto one = fit_hierarchy(x.view(), config, {.threads = 1});
  const auto four = fit_hierarchy(x.view(), config, {.threads = 4});
  ASSERT_TRUE(one && four);
  ASSERT_EQ(one->centres.rows(), 5u);
  EXPECT_LE(one->tree.leaves(), 2000u);
  EXPECT_GT(one->tree.leaves(), 1000u);
  EXPECT_EQ(one->tree.merges.back().weight, kRows);
  EXPECT_EQ(one->agreement, 1);
  for (std::size_t r = 0; r < x.rows(); ++r) ASSERT_EQ(one->labels[r], one->labels[r % 5]);
  EXPECT_EQ(one->centres.values(), four->centres.values());
  EXPECT_EQ(one->tree.merges, four->tree.merges);
}

TEST(Hierarchy, SmallClustersJoinTheirNearest) {
  auto x = corners(3, 90, 0.5);
  for (std::size_t r : {0u, 1u}) x(r, 0) = x(r, 1) = 200;
  const auto joined = fit_hierarchy(x.view(), {.low = 4, .high = 4, .min_rows = 5}, {});
  ASSERT_TRUE(joined);
  EXPECT_EQ(joined->absorbed, 1u);
  EXPECT_EQ(joined->centres.rows(), 3u);
  const auto kept = fit_hierarchy(x.view(), {.low = 4, .high = 4, .min_rows = 2}, {});
  EXPECT_EQ(kept->absorbed, 0u);
  EXPECT_EQ(kept->centres.rows(), 4u);
  const auto nobody = fit_hierarchy(x.view(), {.low = 4, .high = 4, .min_rows = 1000}, {});
  EXPECT_EQ(nobody->centres.rows(), 1u);
  EXPECT_EQ(std::set<std::uint32_t>(nobody->labels.begin(), nobody->labels.end()).size(), 1u);
}

TEST(Hierarchy, RefusesWhatHasNoAnswer) {
  const auto x = corners(3, 9, 1);
  EXPECT_FALSE(fit_hierarchy(x.view(), {.low = 2, .high = 10}, {}));
  EXPECT_FALSE(fit_hierarchy(x.view(), {.low = 3, .high = 2}, {}));
  EXPECT_FALSE(fit_hierarchy(x.view(), {.low = 0, .high = 2}, {}));
}

}  // namespace
}  // namespace sartor
