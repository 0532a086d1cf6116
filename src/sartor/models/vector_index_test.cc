#include "sartor/models/vector_index.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "sartor/base/random.h"

namespace sartor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Small whole numbers: many scores are equal, and all are exact.
Matrix<float> whole_numbers(std::size_t rows, std::size_t columns, std::uint64_t seed) {
  Random random(seed);
  Matrix<float> out(rows, columns);
  for (float& value : out.values()) value = static_cast<float>(random.below(5)) - 2;
  return out;
}

Matrix<float> normals(std::size_t rows, std::size_t columns, std::uint64_t seed) {
  Random random(seed);
  Matrix<float> out(rows, columns);
  for (float& value : out.values()) value = static_cast<float>(random.normal());
  return out;
}

float score_of(std::span<const float> a, std::span<const float> b) {
  float sum = 0;
  for (std::size_t k = 0; k < a.size(); ++k) sum = std::fma(a[k], b[k], sum);
  return sum;
}

// Sorts everything.
std::vector<std::uint32_t> by_hand(const Matrix<float>& vectors, std::span<const float> query,
                                   std::size_t k, std::span<const std::uint32_t> without = {}) {
  std::vector<std::uint32_t> ids;
  std::vector<float> scores;
  for (std::uint32_t i = 0; i < vectors.rows(); ++i) {
    scores.push_back(score_of(query, vectors.row(i)));
    if (!std::binary_search(without.begin(), without.end(), i)) ids.push_back(i);
  }
  std::stable_sort(ids.begin(), ids.end(), [&](auto a, auto b) { return scores[a] > scores[b]; });
  ids.resize(k, kNoNeighbour);
  return ids;
}

std::vector<std::uint32_t> list_of(const Neighbours& found, std::size_t q) {
  return {found.ids.begin() + static_cast<std::ptrdiff_t>(q * found.k),
          found.ids.begin() + static_cast<std::ptrdiff_t>((q + 1) * found.k)};
}

TEST(VectorIndex, ByHand) {
  Matrix<float> vectors(4, 2);
  vectors.values() = {1, 0, 0, 1, 1, 1, -1, 0};
  Matrix<float> query(1, 2);
  query.values() = {2, 1};
  const auto found = VectorIndex::of(vectors.view(), {})->search(query.view(), 5, {});
  ASSERT_TRUE(found);
  EXPECT_THAT(found->ids, ElementsAre(2, 0, 1, 3, kNoNeighbour));
  EXPECT_THAT(found->scores, ElementsAre(3, 2, 1, -2, 0));
}

TEST(VectorIndex, FindsWhatSortingEverythingFinds) {
  for (const VectorKernels* kernels : {&kAvx2Kernels, &kAvx512Kernels}) {
    if (kernels == &kAvx512Kernels && !has_avx512()) continue;
    for (const std::size_t n : {1, 31, 32, 33, 1000}) {
      for (const std::size_t dimensions : {1, 7, 64}) {
        const auto vectors = whole_numbers(n, dimensions, n + dimensions);
        const auto index = VectorIndex::of(vectors.view(), {}).value();
        for (const std::size_t rows : {1, 12, 25}) {
          const auto queries = whole_numbers(rows, dimensions, 9);
          for (const std::size_t k : {1, 10, 40}) {
            const auto found = index.search(queries.view(), k, {}, {}, *kernels);
            ASSERT_TRUE(found);
            for (std::size_t q = 0; q < rows; ++q)
              ASSERT_EQ(list_of(*found, q), by_hand(vectors, queries.row(q), k)) << n << " " << k;
          }
        }
      }
    }
  }
}

TEST(VectorIndex, LeavesOutWhatIsExcluded) {
  const auto vectors = whole_numbers(100, 6, 1);
  const auto queries = whole_numbers(3, 6, 2);
  std::vector<std::uint32_t> all(100);
  std::iota(all.begin(), all.end(), 0u);
  std::vector<std::uint32_t> items = {0, 3, 4, 50, 98};  // of query 0; none of 1; of 2 all but 99
  items.insert(items.end(), all.begin(), all.end() - 1);
  const std::vector<std::size_t> begin = {0, 5, 5, items.size()};
  const auto index = VectorIndex::of(vectors.view(), {}).value();
  const auto found = index.search(queries.view(), 4, {}, {begin, items});
  ASSERT_TRUE(found);
  EXPECT_EQ(list_of(*found, 0), by_hand(vectors, queries.row(0), 4, {items.data(), 5}));
  EXPECT_EQ(list_of(*found, 1), by_hand(vectors, queries.row(1), 4));
  EXPECT_THAT(list_of(*found, 2), ElementsAre(99, kNoNeighbour, kNoNeighbour, kNoNeighbour));
}

TEST(VectorIndex, HasTheSameBitsAtAnyThreadCountAndWithEitherInstructions) {
  const auto vectors = normals(700, 20, 3);
  const auto queries = normals(600, 20, 4);  // three blocks
  const auto index = VectorIndex::of(vectors.view(), {.threads = 2}).value();
  const auto one = index.search(queries.view(), 7, {.threads = 1}, {}, kAvx2Kernels).value();
  for (const int threads : {1, 2, 5}) {
    const auto other = index.search(queries.view(), 7, {.threads = threads}).value();
    EXPECT_EQ(one.ids, other.ids);
    EXPECT_EQ(one.scores, other.scores);
  }
}

TEST(VectorIndex, RefusesWhatCouldMakeANan) {
  auto vectors = normals(10, 3, 5);
  const auto queries = normals(2, 3, 6);
  const auto index = VectorIndex::of(vectors.view(), {}).value();
  auto bad = queries;
  bad(1, 2) = std::nanf("");
  EXPECT_THAT(index.search(bad.view(), 1, {}).error().message, HasSubstr("query 1 is not finite"));
  EXPECT_THAT(index.search(normals(1, 4, 1).view(), 1, {}).error().message,
              HasSubstr("queries of 4 dimensions for vectors of 3"));
  EXPECT_THAT(
      index.search(queries.view(), 1, {}, {std::vector<std::size_t>{0}, {}}).error().message,
      HasSubstr("queries + 1"));
  for (float& value : bad.values()) value = 3e38f;
  EXPECT_THAT(index.search(bad.view(), 1, {}).error().message, HasSubstr("overflow"));
  vectors(4, 0) = std::numeric_limits<float>::infinity();
  EXPECT_THAT(VectorIndex::of(vectors.view(), {}).error().message,
              HasSubstr("vector 4 is not finite"));
}

TEST(VectorIndex, WithoutVectorsOrPlacesThereIsNothing) {
  const Matrix<float> none(0, 3);
  const auto queries = normals(2, 3, 6);
  const auto found = VectorIndex::of(none.view(), {})->search(queries.view(), 2, {});
  ASSERT_TRUE(found);
  EXPECT_THAT(found->ids, ::testing::Each(kNoNeighbour));
  EXPECT_TRUE(VectorIndex::of(queries.view(), {})->search(queries.view(), 0, {})->ids.empty());
}

}  // namespace
}  // namespace sartor
