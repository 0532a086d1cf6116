#include "sartor/pipeline/bench_clicks.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "sartor/data/test_files.h"
#include "sartor/models/click_world.h"

namespace sartor {
namespace {

using ::testing::HasSubstr;

ClickBench bench_from(const std::string& from) {
  ClickBench bench{.from = from, .resamples = 50};
  bench.clicks.trees.rounds = 60;
  bench.clicks.trees.leaves = 8;
  return bench;
}

Config by_tab() {
  Config config;
  SegmentationConfig rules;
  rules.name = "tabs";
  rules.rules = {{"zero", "context.tab = 0"}, {"one", "context.tab = 1"}};
  config.segments = {rules};
  return config;
}

TEST(BenchClicks, JudgesWithIntervalsAndSegments) {
  const ClickWorld world = click_world(4000, 1, 19);  // a minute apart: 2 days and 19 hours
  const auto report = judge_clicks(world.data, bench_from("1970-01-03"), by_tab(), {.threads = 2});
  ASSERT_TRUE(report) << report.error().message;
  const Json& all = *report;
  EXPECT_EQ(all["fitted_on"], 2880);
  EXPECT_EQ(all["n"], 1120);
  const double auc = all["auc"].get<double>();
  EXPECT_GT(auc, 0.7);
  EXPECT_LT(all["auc_interval"][0].get<double>(), auc);
  EXPECT_GT(all["auc_interval"][1].get<double>(), auc);
  EXPECT_LT(all["logloss"].get<double>(), all["baselines"]["rate"]["logloss"].get<double>());
  EXPECT_DOUBLE_EQ(all["baselines"]["rate"]["auc"].get<double>(), 0.5);
  std::size_t n = 0;
  for (const Json& segment : all["segments"]) n += segment["n"].get<std::size_t>();
  EXPECT_EQ(n, 1120u);
  EXPECT_EQ(all["segments"].size(), 3u);
  EXPECT_EQ(all["importance"].size(), 15u);
  EXPECT_EQ(*judge_clicks(world.data, bench_from("1970-01-03"), by_tab(), {.threads = 1}), all);
}

TEST(BenchClicks, SaysWhatIsMissing) {
  const ClickWorld world = click_world(1000, 1, 23);
  EXPECT_THAT(judge_clicks(world.data, bench_from(""), {}, {}).error().message,
              HasSubstr("--set from"));
  EXPECT_THAT(judge_clicks(world.data, bench_from("2022-01-01"), {}, {}).error().message,
              HasSubstr("nothing to judge"));
}

TEST(BenchClicks, ReadsAWorkspaceAndItsSettings) {
  std::string log = "who,what,when,how\n";
  const ClickWorld world = click_world(600, 1, 29);
  for (const Shown& row : world.rows)
    log += fmt::format("u{},i{},{},{}\n", row.user, row.item, row.time,
                       row.clicked ? "click" : "impression");
  const TestFolder folder;
  folder.write("log.csv", log);
  folder.write("sartor.toml",
               "[[events]]\nfiles = ['log.csv']\nuser = 'who'\nitem = 'what'\n"
               "time = 'epoch_ms(\"when\" * 1000)'\ntype = 'how'\n"
               "[signal]\npositive = \"type = 'click'\"\n");
  const auto run = [&](std::vector<std::string> settings) {
    settings.insert(settings.end(), {"from=1970-01-01T06:00:00Z", "clicks.trees.rounds=20"});
    return bench_clicks(folder.path(), settings, {.threads = 2});
  };
  const auto report = run({});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ((*report)["fitted_on"], 360);
  EXPECT_EQ((*report)["removed"]["duplicate"], 0);
  EXPECT_THAT(run({"clicks.trees.leafs=3"}).error().message, HasSubstr("did you mean 'leaves'"));
  EXPECT_THAT(run({"dat.min_item_events=3"}).error().message, HasSubstr("did you mean 'data'"));
}

}  // namespace
}  // namespace sartor
