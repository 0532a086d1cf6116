#include "sartor/store/shared_log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "sartor/store/test_postgres.h"

namespace sartor {
namespace {

using Numbers = std::vector<std::uint64_t>;

class SharedLogTest : public testing::Test {
 protected:
  void SetUp() override {
    config_.url = TestPostgres::url();
    if (config_.url.empty()) GTEST_SKIP() << "PostgreSQL is not installed";
    static int schemas = 0;
    config_.schema = "log_" + std::to_string(++schemas);
  }
  std::unique_ptr<SharedLog> open() const {
    auto log = SharedLog::open(config_);
    EXPECT_TRUE(log) << log.error().message;
    return std::move(*log);
  }
  // 32 digits, as of a hash.
  static std::string key(int n) {
    const std::string digits = std::to_string(n);
    return std::string(32 - digits.size(), '0') + digits;
  }
  static std::string bytes(int n) { return std::string("\0\xff", 2) + std::to_string(n); }
  StateConfig config_;
};

TEST_F(SharedLogTest, NumbersWithoutGapsAndAKeyCountsOnce) {
  const auto one = open();
  const auto other = open();
  EXPECT_FALSE(one->ends()->has_value());
  ASSERT_TRUE(one->begin({.id = "a", .began = 5, .before = "b"}));
  ASSERT_TRUE(other->begin({.id = "c", .began = 9, .before = "d"})) << "begun already";
  const auto ends = *other->ends();
  ASSERT_TRUE(ends);
  EXPECT_EQ(ends->next, 5u);
  EXPECT_EQ(ends->oldest, 5u);
  EXPECT_EQ(ends->origin.id + ends->origin.before, "ab");
  EXPECT_EQ(ends->origin.began, 5u);
  const std::vector<SharedRecord> first{{key(1), bytes(1)}, {"", bytes(2)}, {key(1), bytes(3)}};
  EXPECT_EQ(*one->append(first, 5), (Numbers{5, 6, 0}));
  const std::vector<SharedRecord> second{{"", bytes(4)}, {key(1), bytes(5)}, {key(2), ""}};
  EXPECT_EQ(*other->append(second, 5), (Numbers{7, 0, 8}));
  ASSERT_TRUE(one->add_keys(std::vector{key(2), key(3)}, 4));
  const std::vector<SharedRecord> third{{key(2), ""}, {key(3), ""}};
  EXPECT_EQ(*other->append(third, 9), (Numbers{0, 0}));
  const auto all = one->read(5, 10);
  ASSERT_TRUE(all) << all.error().message;
  ASSERT_EQ(all->size(), 4u);
  EXPECT_EQ(all->at(0).bytes, bytes(1));
  EXPECT_EQ(all->at(2).sequence, 7u);
  EXPECT_EQ(all->at(2).bytes, bytes(4));
  EXPECT_EQ(all->at(3).bytes, "");
  EXPECT_EQ(one->read(6, 2)->size(), 2u);
  EXPECT_TRUE(one->read(9, 2)->empty());
}

TEST_F(SharedLogTest, WhatIsMissingIsTold) {
  const auto log = open();
  ASSERT_TRUE(log->begin({.id = "a", .began = 3}));
  EXPECT_EQ(log->read(2, 10).error().code, ErrorCode::not_found);
  EXPECT_EQ(log->read(4, 10).error().code, ErrorCode::bad_data);
  const std::vector<SharedRecord> one{{key(1), "x"}};
  EXPECT_EQ(log->append(one, 4).error().code, ErrorCode::bad_data);
  EXPECT_EQ(*log->append(one, 3), (Numbers{3}));
  EXPECT_TRUE(log->prune());
  EXPECT_EQ((*log->ends())->oldest, 3u) << "nothing is old";
}

// Whatever the writers do at once: every record once, every number once.
TEST_F(SharedLogTest, WritersAtOnceCountEveryKeyOnce) {
  ASSERT_TRUE(open()->begin({.id = "a"}));
  constexpr int kWriters = 4, kKeys = 60;
  std::vector<int> accepted(kWriters, 0);
  std::vector<std::thread> threads;
  for (int w = 0; w < kWriters; ++w) {
    threads.emplace_back([&, w] {
      const auto log = open();
      for (int k = 0; k < kKeys; k += 3) {
        std::vector<SharedRecord> batch;
        for (int i = 0; i < 3; ++i) batch.push_back({key(k + (i + w) % 3), "x"});
        const auto numbers = log->append(batch, 1);
        ASSERT_TRUE(numbers) << numbers.error().message;
        accepted[static_cast<std::size_t>(w)] += static_cast<int>(std::count_if(
            numbers->begin(), numbers->end(), [](std::uint64_t number) { return number > 0; }));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  int all = 0;
  for (const int some : accepted) all += some;
  EXPECT_EQ(all, kKeys);
  EXPECT_EQ(open()->read(1, 1000)->size(), std::size_t{kKeys});
  EXPECT_EQ((*open()->ends())->next, std::uint64_t{kKeys + 1});
}

}  // namespace
}  // namespace sartor
