#include "sartor/segments/align.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "sartor/base/random.h"

namespace sartor {
namespace {

using ::testing::ElementsAre;

Matrix<double> matrix(std::size_t rows, std::size_t columns, std::vector<double> values) {
  Matrix<double> out(rows, columns);
  out.values() = std::move(values);
  return out;
}

TEST(BestMatching, KnownAnswers) {
  // Taking the largest first (9, then 1, then 0) gives 10; 8 + 8 + 3 is best.
  EXPECT_THAT(best_matching(matrix(3, 3, {9, 8, 5, 8, 1, 2, 6, 2, 3})), ElementsAre(1, 0, 2));
  // Fewer columns than rows, and the other way round.
  EXPECT_THAT(best_matching(matrix(3, 2, {5, 1, 7, 6, 1, 5})), ElementsAre(kUnmatched, 0, 1));
  EXPECT_THAT(best_matching(matrix(2, 3, {5, 7, 1, 1, 6, 5})), ElementsAre(1, 2));
  EXPECT_THAT(best_matching(matrix(1, 1, {-4})), ElementsAre(0));
  EXPECT_TRUE(best_matching(Matrix<double>()).empty());
}

TEST(BestMatching, NoOrderOfColumnsIsBetter) {
  Random random(6);
  for (int round = 0; round < 200; ++round) {
    Matrix<double> gain(6, 6);
    for (double& value : gain.values())
      value = static_cast<double>(random.below(round < 100 ? 4 : 100));
    const auto sum = [&](const std::vector<std::size_t>& columns) {
      double total = 0;
      for (std::size_t r = 0; r < 6; ++r) total += gain(r, columns[r]);
      return total;
    };
    std::vector<std::size_t> order(6);
    std::iota(order.begin(), order.end(), std::size_t{0});
    double best = 0;
    do {
      best = std::max(best, sum(order));
    } while (std::next_permutation(order.begin(), order.end()));
    ASSERT_EQ(sum(best_matching(gain)), best) << round;
  }
}

TEST(Migration, CountsAndShares) {
  const std::vector<std::uint32_t> before = {0, 0, 0, 0, 1, 1, 2}, after = {0, 0, 0, 1, 1, 0, 1};
  const auto made = migration(before, after, {"a", "b", "else", "nobody"}, {"a", "else"});
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_THAT(made->users.values(), ElementsAre(3, 1, 1, 1, 0, 1, 0, 0));
  EXPECT_EQ(made->share(0, 0), 0.75);
  EXPECT_EQ(made->share(1, 1), 0.5);
  EXPECT_EQ(made->share(3, 0), 0);
  EXPECT_EQ(made->total(), 7u);
  EXPECT_DOUBLE_EQ(made->moved(), 3.0 / 7);  // 3 stayed in a, 1 in else
  const Json json = migration_json(*made);
  EXPECT_EQ(json["users"][0][0], 3);
  EXPECT_EQ(json["shares"][0][1], 0.25);
  const std::vector<std::uint32_t> few = {0};
  EXPECT_FALSE(migration(before, few, {"a", "b", "c"}, {"a", "b"}));
  EXPECT_FALSE(migration(before, after, {"a", "b"}, {"a", "b"}));
}

TEST(NamesThatPersist, FollowTheUsers) {
  // Old 1 became new 2 and the other way round; new 3 is made of a few of old 1.
  Migration moved{{"loyal", "t-1", "t-2", "everyone else"},
                  {"loyal", "t-1", "t-2", "t-3", "everyone else"},
                  Matrix<std::size_t>(4, 5)};
  moved.users.values() = {9, 0,  0,  0, 0,  //
                          0, 2,  40, 8, 0,  //
                          0, 30, 1,  0, 5,  //
                          1, 0,  0,  0, 70};
  const std::vector<std::string> fixed = {"loyal", "everyone else"};
  EXPECT_THAT(names_that_persist(moved, fixed),
              ElementsAre("loyal", "t-2", "t-1", "t-3", "everyone else"));
  // The largest overlaps first would give t-1 to the first; more users stay the other way.
  Migration split{{"t-1", "t-2"}, {"t-1", "t-2"}, Matrix<std::size_t>(2, 2)};
  split.users.values() = {10, 9, 8, 1};
  EXPECT_THAT(names_that_persist(split, fixed), ElementsAre("t-2", "t-1"));
  // One that shares nobody with the old ones gets a name that none of them had.
  Migration fresh{{"t-1", "t-2"}, {"t-1", "t-2"}, Matrix<std::size_t>(2, 2)};
  fresh.users.values() = {0, 7, 0, 5};
  EXPECT_THAT(names_that_persist(fresh, fixed), ElementsAre("t-3", "t-1"));
}

}  // namespace
}  // namespace sartor
