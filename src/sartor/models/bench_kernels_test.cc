#include "sartor/models/bench_kernels.h"

#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "sartor/base/files.h"
#include "sartor/base/test_place.h"
#include "sartor/models/npy.h"

namespace sartor {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::HasSubstr;

// The matrix of tests/reference/ease.py.
class Bench : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    write("indptr", {0, 2, 5, 8, 10, 12, 15});
    write("indices", {0, 1, 0, 1, 2, 1, 2, 4, 2, 3, 0, 3, 1, 3, 4});
    write("values", std::vector<std::int64_t>(15, 1));
    write("shape", {6, 5});
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  void write(const std::string& name, const std::vector<std::int64_t>& values) const {
    const std::size_t shape[] = {values.size()};
    ASSERT_TRUE(write_npy<std::int64_t>(folder + "/" + name + ".npy", values, shape));
  }

  std::string folder = test_place("sartor_bench_test");
  BenchRequest request{folder, folder + "/out"};
};

TEST_F(Bench, EaseWritesWhatNumpyGets) {
  const auto report = run_model_benchmark("ease", request, {{"regularization", 2}}, {.threads = 2});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ((*report)["rows"], 6);
  EXPECT_GT((*report)["peak_rss_mb"], 1);
  const auto weights = read_npy<float>(folder + "/out/weights.npy");
  ASSERT_TRUE(weights);
  EXPECT_THAT(weights->shape, ElementsAre(5, 5));
  const std::vector<double> row_3 = {0.16120907, -0.00735294, 0.11518325, 0.0, 0.15384615};
  for (std::size_t i = 0; i < 5; ++i) EXPECT_NEAR(weights->values[15 + i], row_3[i], 1e-6);
}

TEST_F(Bench, ItemKnnWritesNeighboursBestFirst) {
  const auto report = run_model_benchmark("item_knn", request, {{"k", 4}}, {});
  ASSERT_TRUE(report) << report.error().message;
  const auto neighbours = read_npy<std::int64_t>(folder + "/out/neighbours.npy");
  const auto similarities = read_npy<float>(folder + "/out/similarities.npy");
  // Item 4 shares two users with item 1 (4 users), one each with 2 and 3 (3 users), none with 0.
  const auto row = [](const auto& array) {
    return std::vector(array->values.begin() + 16, array->values.end());
  };
  EXPECT_THAT(row(neighbours), ElementsAre(1, 2, 3, -1));
  EXPECT_THAT(row(similarities), ElementsAre(FloatNear(2 / std::sqrt(8.0f), 1e-6f),
                                             FloatNear(1 / std::sqrt(6.0f), 1e-6f),
                                             FloatNear(1 / std::sqrt(6.0f), 1e-6f), 0));
}

TEST_F(Bench, Item2vecReadsRowsAsSequences) {
  write("indices", {1, 0, 4, 1, 4, 2, 2, 4, 3, 2, 3, 0, 4, 4, 1});
  std::filesystem::remove(folder + "/values.npy");
  const Json settings = {{"dimensions", 3}, {"window", 2}, {"epochs", 2}};
  const auto report = run_model_benchmark("item2vec", request, settings, {});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ((*report)["rows"], 6);
  const auto vectors = read_npy<float>(folder + "/out/vectors.npy");
  ASSERT_TRUE(vectors);
  EXPECT_THAT(vectors->shape, ElementsAre(5, 3));
  EXPECT_THAT(run_model_benchmark("ease", request, Json::object(), {}).error().message,
              HasSubstr("row 0 is not ascending"));
  write("indices", {1, 0, 4, 1, 4, 2, 2, 5, 3, 2, 3, 0, 4, 4, 1});
  EXPECT_THAT(run_model_benchmark("item2vec", request, settings, {}).error().message,
              HasSubstr("row 2 is not within 0 to 4"));
}

TEST_F(Bench, NamesWhatIsWrong) {
  const auto message = [&](const char* name, const Json& settings = Json::object()) {
    return run_model_benchmark(name, request, settings, {}).error().message;
  };
  EXPECT_THAT(message("eaze"), HasSubstr("did you mean 'ease'"));
  EXPECT_THAT(message("ease", {{"regularisation", 1}}), HasSubstr("regularization"));
  EXPECT_THAT(message("item_knn", {{"similarity", "jaccard"}}),
              HasSubstr("expected 'cosine', 'asymmetric'"));
  write("indices", {0, 1, 0, 1, 2, 1, 2, 4, 2, 5, 0, 3, 1, 3, 4});
  EXPECT_THAT(message("ease"), HasSubstr("row 3 is not ascending within 0 to 4"));
  write("indptr", {0, 2, 5});
  EXPECT_THAT(message("ease"), HasSubstr("indptr.npy: expected users + 1"));
  ASSERT_TRUE(write_file(folder + "/shape.npy", "\x93NUMPY\x01"));
  EXPECT_THAT(message("ease"), HasSubstr("shape.npy: not a .npy file"));
}

}  // namespace
}  // namespace sartor
