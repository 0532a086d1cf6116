#include "sartor/data/dataset_file.h"

#include <gmock/gmock.h>

#include "sartor/data/test_files.h"

namespace sartor {
namespace {

Ingested small_shop(const TestFolder& folder) {
  folder.write("log.csv", good_log(200) + ",i1,2021-01-01,1\n");
  folder.write("users.csv", "who,age,town\nu1,30,Ulm\nu9,,\n");
  auto settings = shop();
  settings.events[0].context = {{"page", "what"}, {"length", "length(who)"}};
  settings.users = {{.files = {"users.csv"}, .user = "who"}};
  return run_ingest(folder, settings);
}

TEST(DatasetFile, ComesBackAsItWas) {
  const TestFolder folder;
  const auto made = small_shop(folder);
  ASSERT_TRUE(made.data.has_value()) << made.data.error().message;
  ASSERT_TRUE(save_dataset(*made.data, made.report, folder / "data.safetensors"));
  const auto loaded = load_dataset(folder / "data.safetensors");
  ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
  EXPECT_EQ(loaded->data.fingerprint, made.data->fingerprint);
  EXPECT_EQ(fingerprint_of(loaded->data), made.data->fingerprint);
  EXPECT_EQ(loaded->data.users.names(), made.data->users.names());
  EXPECT_EQ(loaded->data.events.time, made.data->events.time);
  EXPECT_EQ(loaded->data.user_attributes.columns.size(), 2U);
  EXPECT_EQ(loaded->report.quarantined, 1U);
  EXPECT_EQ(loaded->report.quarantine[0].line, 202U);
  EXPECT_EQ(loaded->report.missing, made.report.missing);
  EXPECT_EQ(dataset_file(loaded->data, loaded->report).to_bytes(),
            dataset_file(*made.data, made.report).to_bytes());
}

TEST(DatasetFile, WhatIsTheSameForAllEventsTakesNoPlace) {
  const TestFolder folder;
  folder.write("log.csv", good_log(200));
  auto settings = shop();
  settings.events[0].value = "7";
  const auto made = run_ingest(folder, settings);
  ASSERT_TRUE(made.data.has_value()) << made.data.error().message;
  const TensorFile file = dataset_file(*made.data, made.report);
  for (const char* name : {"value", "dwell_seconds", "group", "type", "weight"}) {
    EXPECT_EQ(file.find(std::string("events.") + name)->shape, std::vector<std::size_t>{1}) << name;
  }
  EXPECT_EQ(file.find("events.time")->shape, std::vector<std::size_t>{200});
  ASSERT_TRUE(file.write(folder / "data.safetensors"));
  const auto loaded = load_dataset(folder / "data.safetensors");
  ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
  EXPECT_EQ(loaded->data.events.value, std::vector<double>(200, 7));
  EXPECT_EQ(fingerprint_of(loaded->data), made.data->fingerprint);
}

TEST(DatasetFile, FingerprintSeesEveryPart) {
  const TestFolder folder;
  const auto made = small_shop(folder);
  ASSERT_TRUE(made.data.has_value());
  const std::string before = fingerprint_of(*made.data);
  Dataset other = *made.data;
  other.events.weight[3] = 2;
  EXPECT_NE(fingerprint_of(other), before);
  other = *made.data;
  other.user_attributes.columns[0].numbers[1] = 31;
  EXPECT_NE(fingerprint_of(other), before);
  other = *made.data;
  std::swap(other.events.item[0], other.events.item[1]);
  EXPECT_NE(fingerprint_of(other), before);
}

TEST(DatasetFile, OtherFilesAreRefused) {
  const TestFolder folder;
  TensorFile file;
  file.set_meta("dataset", "{}");
  ASSERT_TRUE(file.write(folder / "x.safetensors"));
  const auto loaded = load_dataset(folder / "x.safetensors");
  ASSERT_FALSE(loaded.has_value());
  EXPECT_EQ(loaded.error().code, ErrorCode::bad_data);
  EXPECT_THAT(loaded.error().message, testing::HasSubstr("x.safetensors"));
}

}  // namespace
}  // namespace sartor
