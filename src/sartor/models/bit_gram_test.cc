#include "sartor/models/bit_gram.h"

#include <gmock/gmock.h>

#include "sartor/base/random.h"
#include "sartor/models/gram.h"

namespace sartor {
namespace {

// Every tenth user takes most of the items, the others few; some take nothing.
UserItems mixed_users(std::size_t users, std::size_t items) {
  Random random(11);
  UserItems rows{.items = items, .begin = {0}};
  for (std::size_t u = 0; u < users; ++u) {
    const double share = u % 10 == 0 ? 0.7 : u % 10 == 1 ? 0 : 0.01;
    for (std::uint32_t i = 0; i < items; ++i) {
      if (random.uniform() < share) rows.item.push_back(i);
    }
    rows.begin.push_back(rows.item.size());
  }
  rows.value.assign(rows.item.size(), 1.0f);
  return rows;
}

Matrix<float> by_hand(const UserItems& rows) {
  Matrix<float> gram(rows.items, rows.items);
  for (std::size_t u = 0; u < rows.users(); ++u) {
    for (std::size_t a = rows.begin[u]; a < rows.begin[u + 1]; ++a) {
      for (std::size_t b = rows.begin[u]; b < rows.begin[u + 1]; ++b)
        gram(rows.item[a], rows.item[b]) += 1;
    }
  }
  return gram;
}

TEST(BitGram, CountsPairsOfItemsWithEitherInstructions) {
  for (const std::size_t items : {1, 3, 4, 70}) {  // no multiple of a tile, one, several blocks
    const UserItems rows = mixed_users(700, items);
    std::vector<std::uint32_t> all(rows.users());
    for (std::uint32_t u = 0; u < all.size(); ++u) all[u] = u;
    const Matrix<float> expected = by_hand(rows);
    for (const VectorKernels* kernels : {&kAvx2Kernels, &kAvx512Kernels}) {
      if (kernels == &kAvx512Kernels && !has_avx512()) continue;
      Matrix<float> gram(items, items, 5.0f);
      ASSERT_TRUE(add_common_users(rows, all, gram.view(), {.threads = 2}, *kernels));
      for (std::size_t i = 0; i < items; ++i) {
        for (std::size_t j = 0; j < items; ++j)
          ASSERT_EQ(gram(i, j), j <= i ? 5 + expected(i, j) : 5) << items << " " << i << " " << j;
      }
    }
  }
}

TEST(BitGram, MoreUsersThanOneLookTakes) {
  const UserItems rows = mixed_users(40000, 9);
  std::vector<std::uint32_t> all(rows.users());
  for (std::uint32_t u = 0; u < all.size(); ++u) all[u] = u;
  Matrix<float> gram(9, 9);
  ASSERT_TRUE(add_common_users(rows, all, gram.view(), {}));
  const Matrix<float> expected = by_hand(rows);
  for (std::size_t i = 0; i < 9; ++i) EXPECT_EQ(gram(i, i), expected(i, i));
  EXPECT_EQ(gram(8, 0), expected(8, 0));
}

TEST(BitGram, TheWholeGramIsTheSameAsOneByOne) {
  const UserItems rows = mixed_users(3000, 400);
  const auto busy = users_for_bits(rows);
  EXPECT_EQ(busy.size(), 300u);  // every tenth, and nobody else
  const auto gram = gram_of_rows(rows, {}, /*binary=*/true, {.threads = 2});
  ASSERT_TRUE(gram);
  EXPECT_EQ(gram->values(), by_hand(rows).values());
  EXPECT_EQ(gram->values(), gram_of_rows(rows, {}, true, {.threads = 5})->values());
}

TEST(BitGram, IsNotWorthwhileForFewOrSmallUsers) {
  EXPECT_TRUE(users_for_bits(mixed_users(3, 90)).empty());
  UserItems rows{.items = 500, .begin = {0}};
  for (std::uint32_t u = 0; u < 1000; ++u) {
    rows.item.push_back(u % 500);
    rows.begin.push_back(rows.item.size());
  }
  EXPECT_TRUE(users_for_bits(rows).empty());
}

}  // namespace
}  // namespace sartor
