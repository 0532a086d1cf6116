#include "sartor/models/nearest.h"

#include <gmock/gmock.h>

#include <cmath>

#include "sartor/base/random.h"

namespace sartor {
namespace {

// A few users with many items and many with few, so that rows are walked both ways.
UserItems random_rows(std::size_t users, std::size_t items, std::uint64_t seed) {
  Random random(seed);
  UserItems rows{.items = items, .begin = {0}};
  for (std::size_t u = 0; u < users; ++u) {
    const double share = u % 20 == 0 ? 0.3 : 0.01;
    for (std::uint32_t i = 0; i < items; ++i) {
      if (random.uniform() * static_cast<double>(i + 50) / 50 >= share) continue;
      rows.item.push_back(i);
      rows.value.push_back(static_cast<float>(random.uniform(0.5, 3)));
    }
    rows.begin.push_back(rows.item.size());
  }
  return rows;
}

// By the book: all of G, all of each row sorted.
std::vector<std::vector<Similar>> slowly(const UserItems& rows, std::span<const float> weights,
                                         bool binary, const SimilarityScale& scale, std::size_t k) {
  std::vector<float> gram(rows.items * rows.items, 0.0f);
  for (std::size_t u = 0; u < rows.users(); ++u) {
    const float w = weights.empty() ? 1.0f : weights[u];
    for (std::size_t a = rows.begin[u]; a < rows.begin[u + 1]; ++a) {
      for (std::size_t b = rows.begin[u]; b < rows.begin[u + 1]; ++b) {
        gram[rows.item[a] * rows.items + rows.item[b]] +=
            binary ? w : w * (rows.value[a] * rows.value[b]);
      }
    }
  }
  std::vector<std::vector<Similar>> out(rows.items);
  for (std::uint32_t i = 0; i < rows.items; ++i) {
    for (std::uint32_t j = 0; j < rows.items; ++j) {
      const float g = gram[i * rows.items + j];
      if (j != i && g > 0) out[i].push_back({scale.similarity(g, i, j), j});
    }
    std::sort(out[i].begin(), out[i].end());
    if (out[i].size() > k) out[i].resize(k);
  }
  return out;
}

SimilarityScale random_scale(std::size_t items, float shrinkage) {
  Random random(3);
  SimilarityScale scale{.shrinkage = shrinkage};
  for (std::size_t i = 0; i < items; ++i) {
    scale.left.push_back(static_cast<float>(random.uniform(0.5, 8)));
    scale.right.push_back(static_cast<float>(random.uniform(0.5, 8)));
  }
  return scale;
}

void expect_equal(const std::vector<std::vector<Similar>>& got,
                  const std::vector<std::vector<Similar>>& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    ASSERT_EQ(got[i].size(), expected[i].size()) << "item " << i;
    for (std::size_t n = 0; n < got[i].size(); ++n) {
      ASSERT_EQ(got[i][n].item, expected[i][n].item) << "item " << i << ", place " << n;
      ASSERT_FLOAT_EQ(got[i][n].similarity, expected[i][n].similarity);
    }
  }
}

TEST(NearestItems, AreThoseOfTheWholeMatrix) {
  const UserItems rows = random_rows(150, 700, 5);
  std::vector<float> weights(150, 1.5f);
  weights[20] = 0;
  const SimilarityScale scale = random_scale(700, 2);
  for (const std::size_t k : {1u, 7u, 800u}) {
    for (const bool binary : {true, false}) {
      const auto got = nearest_items(rows, rows.value, weights, binary, scale, k, {.threads = 2});
      ASSERT_TRUE(got);
      expect_equal(*got, slowly(rows, weights, binary, scale, k));
    }
  }
}

TEST(NearestItems, HaveTheSameBitsAtAnyThreadCount) {
  const UserItems rows = random_rows(300, 2500, 8);  // several rounds
  const SimilarityScale scale = random_scale(2500, 0);
  const auto one = nearest_items(rows, rows.value, {}, false, scale, 20, {.threads = 1});
  const auto three = nearest_items(rows, rows.value, {}, false, scale, 20, {.threads = 3});
  ASSERT_TRUE(one && three);
  for (std::size_t i = 0; i < 2500; ++i) {
    ASSERT_EQ((*one)[i].size(), (*three)[i].size());
    for (std::size_t n = 0; n < (*one)[i].size(); ++n) {
      ASSERT_EQ((*one)[i][n].item, (*three)[i][n].item);
      ASSERT_EQ((*one)[i][n].similarity, (*three)[i][n].similarity);
    }
  }
}

TEST(NearestItems, EqualOnesStandInTheOrderOfTheirNumbers) {
  UserItems rows{.items = 300, .begin = {0}};
  for (std::uint32_t i = 0; i < 300; ++i) rows.item.push_back(i);
  rows.value.assign(300, 1.0f);
  rows.begin.push_back(300);
  const SimilarityScale scale{std::vector(300, 1.0f), std::vector(300, 1.0f), 0};
  const auto got = nearest_items(rows, rows.value, {}, true, scale, 3, {});
  ASSERT_TRUE(got);
  const auto items_of = [&](std::size_t i) {
    std::vector<std::uint32_t> items;
    for (const Similar& similar : (*got)[i]) items.push_back(similar.item);
    return items;
  };
  EXPECT_THAT(items_of(0), testing::ElementsAre(1, 2, 3));
  EXPECT_THAT(items_of(2), testing::ElementsAre(0, 1, 3));
  EXPECT_THAT(items_of(299), testing::ElementsAre(0, 1, 2));
}

}  // namespace
}  // namespace sartor
