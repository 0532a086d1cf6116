#include "sartor/tuning/bench_ranking.h"

#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "sartor/base/files.h"
#include "sartor/base/test_place.h"

namespace sartor {
namespace {

using ::testing::HasSubstr;

class BenchRanking : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) const {
    ASSERT_TRUE(write_file(folder + name, text));
  }
  Result<Json> bench(const Json& settings) const {
    return bench_ranking({folder + "train.txt", folder + "test.txt"}, settings, {.threads = 2});
  }
  const std::string folder = test_place("sartor_ranking_");
};

TEST_F(BenchRanking, PopularityByHand) {
  // Takers: item 5 three, item 6 two, item 7 one, items 8 and 9 nobody in train.
  write("train.txt", "0 5 6\n1 5\n2 5 6 7\n");
  write("test.txt", "0 7\n1 6 9\n2\n");
  const auto report = bench({{"model", "popularity"}});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ((*report)["users"], 2);  // user 2 has no test item
  EXPECT_EQ((*report)["items"], 4);
  // User 0 is offered 7, 9: a hit at once. User 1 is offered 6, 7, 9: hits at 1 and 3.
  EXPECT_DOUBLE_EQ((*report)["recall@20"].get<double>(), 1);
  const double second = (1 + 1 / std::log2(4)) / (1 + 1 / std::log2(3));
  EXPECT_NEAR((*report)["ndcg@20"].get<double>(), (1 + second) / 2, 1e-12);
}

TEST_F(BenchRanking, ReadsPairsAndBlends) {
  std::string train = "user,item\n";
  std::string test = "user,item\n";
  for (int u = 0; u < 60; ++u) {
    for (int i = u % 2; i < 40; i += 2)
      (i / 2 == u % 20 ? test : train) += "u" + std::to_string(u) + "," + std::to_string(i) + "\n";
  }
  write("train.txt", train);
  write("test.txt", test);
  for (const char* model : {"ease", "item_knn", "als", "blend"}) {
    const auto report = bench({{"model", model}});
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_GT((*report)["ndcg@20"].get<double>(), 0.95) << model;  // the one that is missing
  }
}

TEST_F(BenchRanking, SaysWhatIsWrong) {
  write("train.txt", "a,1\nb,\n");
  write("test.txt", "a,2\n");
  EXPECT_THAT(bench({{"model", "ease"}}).error().message, HasSubstr("line 2"));
  write("train.txt", "a,1\nb,1\n");
  EXPECT_THAT(bench({{"model", "eaze"}}).error().message, HasSubstr("did you mean 'ease'"));
  EXPECT_THAT(bench({{"model", "ease"}, {"lambda", 3}}).error().message, HasSubstr("lambda"));
  EXPECT_THAT(bench_ranking({"/nowhere", "/nowhere"}, Json::object(), {}).error().message,
              HasSubstr("/nowhere"));
}

}  // namespace
}  // namespace sartor
