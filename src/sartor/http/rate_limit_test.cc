#include "sartor/http/rate_limit.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace sartor {
namespace {

using Clock = RateLimit::Clock;

Clock::time_point at(double seconds) {
  return Clock::time_point(
      std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1000 + seconds)));
}

TEST(RateLimit, GivesTheBurstAtOnceAndThenTheRate) {
  RateLimit limit(2, 3);
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(limit.take("a", 1, at(0))) << i;
  EXPECT_DOUBLE_EQ(*limit.take("a", 1, at(0)), 0.5);
  EXPECT_DOUBLE_EQ(*limit.take("a", 1, at(0.25)), 0.25) << "asking costs nothing";
  EXPECT_FALSE(limit.take("a", 1, at(0.5)));
  EXPECT_TRUE(limit.take("a", 1, at(0.5)));
  EXPECT_FALSE(limit.take("b", 1, at(0.5))) << "each client has its own";
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(limit.take("a", 1, at(1000))) << "never more than 3";
  EXPECT_TRUE(limit.take("a", 1, at(1000)));
}

TEST(RateLimit, AGreatBatchIsPaidBack) {
  RateLimit limit(10, 20);
  EXPECT_FALSE(limit.take("a", 100, at(0)));
  EXPECT_DOUBLE_EQ(*limit.take("a", 1, at(0)), 8.1) << "80 in debt";
  EXPECT_DOUBLE_EQ(*limit.take("a", 100, at(9)), 1.0) << "it needs a full bucket";
  EXPECT_FALSE(limit.take("a", 100, at(10)));
}

TEST(RateLimit, OverALongTimeTheRateIsKept) {
  RateLimit limit(5, 1);
  int taken = 0;
  for (int i = 0; i < 100'000; ++i) taken += limit.take("a", 1, at(i * 0.001)) ? 0 : 1;
  EXPECT_NEAR(taken, 500, 2);
}

TEST(RateLimit, ManyClientsAreForgottenAndOneIsNot) {
  RateLimit limit(0.001, 1);
  for (int i = 0; i < 250'000; ++i) {
    EXPECT_FALSE(limit.take(std::to_string(i), 1, at(i * 1e-6)));
  }
  EXPECT_TRUE(limit.take("249999", 1, at(1)));
}

TEST(RateLimit, ThreadsShareABucket) {
  RateLimit limit(1e-9, 100);
  std::atomic<int> taken = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) taken += limit.take("a", 1, Clock::now()) ? 0 : 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken, 100);
}

}  // namespace
}  // namespace sartor
