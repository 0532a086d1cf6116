#include "sartor/tuning/bench_bbob.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace sartor {
namespace {

TEST(BenchBbob, RandomSearchScoresAboutOneAndThreadsChangeNothing) {
  const Json settings = {{"sampler", "random"}, {"trials", 30}, {"seeds", 9}};
  auto one = bench_bbob(settings, {.threads = 1});
  auto three = bench_bbob(settings, {.threads = 3});
  ASSERT_TRUE(one.has_value() && three.has_value());
  EXPECT_GT((*one)["score"].get<double>(), 0.8);
  EXPECT_LT((*one)["score"].get<double>(), 1.25);
  EXPECT_EQ((*one)["functions"], (*three)["functions"]);
}

TEST(BenchBbob, SaysWhatItDoesNotKnow) {
  EXPECT_EQ(bench_bbob({{"sampler", "annealing"}}, {}).error().code, ErrorCode::config);
  EXPECT_EQ(bench_bbob({{"trails", 30}}, {}).error().code, ErrorCode::config);
}

}  // namespace
}  // namespace sartor
