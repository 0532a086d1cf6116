#include "sartor/models/bench_vectors.h"

#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "sartor/base/test_place.h"
#include "sartor/models/npy.h"

namespace sartor {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class VectorBench : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    write<float>("x", {1, 0, 0, 1, 1, 1}, {3, 2});
    write<float>("queries", {2, 1, 0, -1}, {2, 2});  // scores 2 1 3 and 0 -1 -1
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  template <class T>
  void write(const std::string& name, const std::vector<T>& values,
             const std::vector<std::size_t>& shape) const {
    ASSERT_TRUE(write_npy<T>(folder + "/" + name + ".npy", values, shape));
  }
  void write_csr(const std::string& name, const std::vector<std::int64_t>& begin,
                 const std::vector<std::int64_t>& items) const {
    write<std::int64_t>(name + "_indptr", begin, {begin.size()});
    write<std::int64_t>(name + "_indices", items, {items.size()});
  }

  std::string folder = test_place("sartor_vector_bench_test");
  BenchRequest request{folder, folder + "/out"};
};

TEST_F(VectorBench, TopKWritesTheBestFirst) {
  const auto report = run_model_benchmark("top_k", request, {{"k", 4}}, {.threads = 2});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ((*report)["rows"], 2);
  const auto ids = read_npy<std::int64_t>(folder + "/out/ids.npy");
  ASSERT_TRUE(ids);
  EXPECT_THAT(ids->shape, ElementsAre(2, 4));
  EXPECT_THAT(ids->values, ElementsAre(2, 0, 1, -1, 0, 1, 2, -1));
  EXPECT_THAT(read_npy<float>(folder + "/out/scores.npy")->values,
              ElementsAre(3, 2, 1, 0, 0, -1, -1, 0));
}

TEST_F(VectorBench, EvaluationMasksWhatWasSeenAndCountsUsersWithTargets) {
  write_csr("seen", {0, 1, 1}, {2});       // user 0 had item 2: lists 0, 1
  write_csr("target", {0, 2, 2}, {1, 2});  // user 0 takes 1 and (again) 2; user 1 nothing
  const auto report = run_model_benchmark("evaluation", request, {{"k", 2}}, {});
  ASSERT_TRUE(report) << report.error().message;
  const double ndcg = 1 / std::log2(3) / (1 + 1 / std::log2(3));
  EXPECT_THAT((*report)["ndcg"].get<double>(), DoubleNear(ndcg, 1e-12));
  EXPECT_EQ((*report)["recall"], 0.5);
  EXPECT_THAT(read_npy<double>(folder + "/out/recall.npy")->values, ElementsAre(0.5, 0));
}

TEST_F(VectorBench, NamesWhatIsWrong) {
  const auto message = [&](const char* name, const Json& settings = Json::object()) {
    return run_model_benchmark(name, request, settings, {}).error().message;
  };
  EXPECT_THAT(message("topk"), HasSubstr("did you mean 'top_k'"));
  EXPECT_THAT(message("top_k", {{"kk", 1}}), HasSubstr("kk"));
  EXPECT_THAT(message("evaluation"), HasSubstr("seen_indptr.npy"));
  write_csr("seen", {0, 1, 1}, {3});
  write_csr("target", {0, 1, 1}, {1});
  EXPECT_THAT(message("evaluation"), HasSubstr("row 0 is not ascending within 0 to 2"));
  write<float>("x", {1, 0, 0}, {3});
  EXPECT_THAT(message("top_k"), HasSubstr("x.npy: expected a matrix"));
}

}  // namespace
}  // namespace sartor
