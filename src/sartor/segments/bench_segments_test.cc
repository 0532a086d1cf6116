#include "sartor/segments/bench_segments.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "sartor/base/test_place.h"
#include "sartor/models/npy.h"

namespace sartor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SegmentBench : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    write("x", {0, 1, 9, 11}, {4, 1});
    write("centres", {1, 2}, {2, 1});
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  void write(const std::string& name, const std::vector<float>& values,
             const std::vector<std::size_t>& shape) const {
    ASSERT_TRUE(write_npy<float>(folder + "/" + name + ".npy", values, shape));
  }

  std::string folder = test_place("sartor_segment_bench_test");
  BenchRequest request{folder, folder + "/out"};
};

TEST_F(SegmentBench, KMeansWritesLabelsCentresAndInertia) {
  const auto report = run_segment_benchmark("kmeans", request, {{"iterations", 9}}, {.threads = 2});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ((*report)["rows"], 4);
  EXPECT_EQ((*report)["inertia"], 2.5);
  EXPECT_THAT(read_npy<std::int64_t>(folder + "/out/labels.npy")->values, ElementsAre(0, 0, 1, 1));
  EXPECT_THAT(read_npy<float>(folder + "/out/centres.npy")->values, ElementsAre(0.5, 10));
  EXPECT_THAT(read_npy<double>(folder + "/out/inertia.npy")->values, ElementsAre(2.5));
}

TEST_F(SegmentBench, WardWritesALinkage) {
  const auto report = run_segment_benchmark("ward", request, Json::object(), {});
  ASSERT_TRUE(report) << report.error().message;
  const auto merges = read_npy<std::int64_t>(folder + "/out/merges.npy");
  ASSERT_TRUE(merges);
  EXPECT_THAT(merges->shape, ElementsAre(3, 2));
  EXPECT_THAT(merges->values, ElementsAre(0, 1, 2, 3, 4, 5));
  const auto heights = read_npy<double>(folder + "/out/heights.npy");
  EXPECT_DOUBLE_EQ(heights->values[0], 1);
  EXPECT_DOUBLE_EQ(heights->values[1], 2);
  EXPECT_THAT(read_npy<double>(folder + "/out/sizes.npy")->values, ElementsAre(2, 2, 4));
}

TEST_F(SegmentBench, RefusesWhatItDoesNotKnow) {
  EXPECT_THAT(run_segment_benchmark("wards", request, Json::object(), {}).error().message,
              HasSubstr("did you mean 'ward'"));
  EXPECT_THAT(run_segment_benchmark("ward", request, {{"k", 3}}, {}).error().message,
              HasSubstr("k"));
  write("centres", {1, 2, 3, 4}, {2, 2});
  EXPECT_THAT(run_segment_benchmark("kmeans", request, Json::object(), {}).error().message,
              HasSubstr("2 columns, but x.npy has 1"));
}

}  // namespace
}  // namespace sartor
