#include <gmock/gmock.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "sartor/base/files.h"
#include "sartor/base/progress.h"
#include "sartor/base/random.h"
#include "sartor/base/test_place.h"
#include "sartor/models/registry.h"
#include "sartor/pipeline/cache.h"
#include "sartor/pipeline/config.h"
#include "sartor/pipeline/general.h"
#include "sartor/pipeline/recipe.h"
#include "sartor/pipeline/run.h"

namespace sartor {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

class StepCacheTest : public ::testing::Test {
 protected:
  void SetUp() override { fs::remove_all(folder_); }
  void TearDown() override { fs::remove_all(folder_); }
  const std::string folder_ = test_place("sartor_cache_test");
};

TEST_F(StepCacheTest, FindsWhatWasKeptAndNothingElse) {
  const auto cache = StepCache::open(folder_);
  ASSERT_TRUE(cache);
  EXPECT_FALSE(cache->find("tune", "a"));
  ASSERT_TRUE(cache->keep("tune", "a", {{"x", 1}}));
  EXPECT_EQ(cache->find("tune", "a")->at("x"), 1);
  EXPECT_FALSE(cache->find("tune", "b"));
  EXPECT_FALSE(cache->find("tun", "a"));
}

TEST_F(StepCacheTest, AHalfWrittenResultIsNone) {
  const auto cache = StepCache::open(folder_);
  ASSERT_TRUE(write_file(folder_ + "/tune.a.json", "{\"x\": "));
  EXPECT_FALSE(cache->find("tune", "a"));
}

TEST_F(StepCacheTest, KeepsThreeResultsOfAStepWithAllTheirFiles) {
  const auto cache = StepCache::open(folder_);
  for (int i = 0; i < 5; ++i) {
    const std::string key = std::to_string(i);
    fs::create_directories(cache->beside("tune", key, "models"));
    ASSERT_TRUE(write_file(cache->beside("tune", key, "safetensors"), "bytes"));
    ASSERT_TRUE(cache->keep("tune", key, {{"i", i}}));
    // Ages differ by more than a clock's tick.
    fs::last_write_time(folder_ + "/tune." + key + ".json",
                        fs::file_time_type::clock::now() - std::chrono::hours(10 - i));
  }
  ASSERT_TRUE(cache->keep("tune-other", "0", {{"i", 0}}));
  ASSERT_TRUE(cache->keep("tune", "5", {{"i", 5}}));
  EXPECT_FALSE(cache->find("tune", "2"));
  EXPECT_FALSE(fs::exists(cache->beside("tune", "2", "models")));
  EXPECT_FALSE(fs::exists(cache->beside("tune", "2", "safetensors")));
  EXPECT_TRUE(cache->find("tune", "3"));
  EXPECT_TRUE(fs::exists(cache->beside("tune", "4", "models")));
  EXPECT_TRUE(cache->find("tune-other", "0"));
}

Config good() {
  Config config;
  config.events.push_back({.files = {"a.csv"}, .user = "u", .item = "i", .time = "t"});
  return config;
}

std::string wrong(const Config& config) {
  const auto status = check_config(config);
  return status ? "" : status.error().message;
}

TEST(CheckConfig, TakesTheDefaults) { EXPECT_EQ(wrong(good()), ""); }

TEST(CheckConfig, NamesKeyValueAndWhatWasExpected) {
  EXPECT_THAT(wrong(Config{}), HasSubstr("[[events]]"));
  Config config = good();
  config.events[0].time.clear();
  EXPECT_THAT(wrong(config), HasSubstr("events[0].time"));
  config = good();
  config.split.cases = "windw";
  EXPECT_THAT(wrong(config), HasSubstr("did you mean 'window'"));
  config = good();
  config.models.families = {"esae"};
  EXPECT_THAT(wrong(config), HasSubstr("did you mean 'ease'"));
  config = good();
  config.tuning.shrink = {1.5};
  EXPECT_THAT(wrong(config), HasSubstr("tuning.shrink: 1.5"));
  config = good();
  config.gate.guards = {{"recal@20", 0.1}};
  EXPECT_THAT(wrong(config), HasSubstr("gate.guards.recal@20"));
  config = good();
  config.segments = {{.name = "rfm", .rules = {{"loyal", "events > 3"}}}};
  config.tuning.importance = {{"loyl", 3}};
  EXPECT_THAT(wrong(config), HasSubstr("did you mean 'loyal'"));
  config.tuning.importance.clear();
  config.tuning.limits = {{"loyal", {.families = {"ease"}, .adaptations = {}}}};
  EXPECT_EQ(wrong(config), "");
  config.tuning.limits = {{"loyl", {}}};
  EXPECT_THAT(wrong(config), HasSubstr("tuning.limits.loyl: there is no such segment"));
  config.tuning.limits = {{"loyal", {.families = {"esae"}}}};
  EXPECT_THAT(wrong(config), HasSubstr("tuning.limits.loyal.families: 'esae'"));
  config.tuning.limits = {{"loyal", {.adaptations = {"blended", "separate"}}}};
  EXPECT_EQ(wrong(config), "");
  config.tuning.limits = {{"loyal", {.adaptations = {"blend"}}}};
  EXPECT_THAT(wrong(config), HasSubstr("tuning.limits.loyal.adaptations: 'blend'"));
  config.tuning.limits.clear();
  config.tuning.sampler = "tree";
  EXPECT_THAT(wrong(config), HasSubstr("tuning.sampler: 'tree' is not known"));
}

TEST(CheckConfig, TakesEveryFamilyOfComponents) {
  for (const Family& family : families()) {
    if (family.name == "blend") continue;  // what they are components of
    Config config = good();
    config.models.families = {std::string(family.name)};
    EXPECT_EQ(wrong(config), "") << family.name;
  }
}

TEST(ConfigSchema, IsJsonThatRefusesUnknownKeys) {
  const Json schema = Json::parse(config_schema());
  EXPECT_EQ(schema.at("additionalProperties"), false);
  EXPECT_EQ(schema["properties"]["gate"]["properties"]["min_users"]["type"], "integer");
  EXPECT_EQ(schema["properties"]["events"]["type"], "array");
  EXPECT_THAT(config_markdown(), HasSubstr("| `min_gain` | `0.005` |"));
}

TEST(PartitionRecipe, CountsOnlyGainsThatCouldBeProved) {
  PartitionRecipe recipe{.name = "s"};
  recipe.segments.push_back(
      {.segment = "a", .adaptation = "blended", .gain = 0.02, .general = 0.2, .users = 100});
  recipe.segments.push_back(
      {.segment = "b", .adaptation = "blended", .gain = 0.04, .general = 0.1, .users = 50});
  recipe.segments.push_back({.segment = "c", .gain = -0.01, .general = 0.1, .users = 50});
  // Mean of general over all: (20 + 5 + 5) / 200 users; a alone gains 2 of 30.
  EXPECT_NEAR(recipe.validate_gain({true, false, true}), 2.0 / 30, 1e-12);
  EXPECT_NEAR(recipe.validate_gain({true, true, true}), 4.0 / 30, 1e-12);
  EXPECT_EQ(recipe.validate_gain({false, false, false}), 0);
}

TEST(GeneralTuning, SurvivesTheCache) {
  GeneralTuning tuning{
      .recipe = {.terms = {{{.slot = "ease", .family = "ease"}, 0.25}},
                 .validate = 0.3,
                 .trials = 7},
      .searches = {{"general", 0, {{{{0}, {1.0f}}, 0.2}}}},
      .components = {{.variant = {.slot = "ease", .family = "ease"}, .value = 0.4}},
      .component_ranges = {{.slot = "ease", .key = "regularization", .high = 9}},
      .metrics = {{"ndcg@10", 0.3}},
      .tried = {{"blend", 0.29}, {"rerank", 0.3}},
      .left_out = {{"ease", 0.2}},
      .components_left_out = {{"als", "too few events"}},
      .notes = {"ease: keeps two of three items"},
      .shortlist = {{{.slot = "ease", .family = "ease"}, 1.0}}};
  tuning.points.fill({{0}, {1.0f}});
  TreeRows rows{.features = 1};
  for (int i = 0; i < 100; ++i) {
    rows.x.push_back(static_cast<float>(i % 2));
    rows.label.push_back(static_cast<float>(i % 2));
    if (i % 2 == 0) rows.in_case.push_back(2);
  }
  tuning.rows = {rows, rows};
  tuning.trees = fit_trees(rows, {.rounds = 5}, {}).value();
  const std::string path = test_place("sartor_general.safetensors");
  const auto json = save_general(tuning, path);
  ASSERT_TRUE(json) << json.error().message;
  const auto again = load_general(*json, path);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->recipe.terms[0].variant, tuning.recipe.terms[0].variant);
  EXPECT_EQ(again->points, tuning.points);
  EXPECT_EQ(again->components, tuning.components);
  EXPECT_EQ(again->component_ranges[0].high, 9);
  EXPECT_EQ(again->tried[1].name, "rerank");
  EXPECT_EQ(again->components_left_out[0].reason, "too few events");
  EXPECT_EQ(again->notes, tuning.notes);
  EXPECT_TRUE(again->has_rerank());
  ASSERT_EQ(again->rows.size(), 2u);
  EXPECT_EQ(again->rows[1].in_case, rows.in_case);
  EXPECT_EQ(again->rows[1].x, rows.x);
  const float one[] = {1};
  EXPECT_EQ(again->trees.score(one), tuning.trees.score(one));
  EXPECT_GT(tuning.trees.score(one), 0);
  fs::remove(path);
}

// Keeps what a run tells.
class Listener final : public Progress {
 public:
  void begin(const std::string&, std::size_t) override {}
  void advance(std::size_t) override {}
  void note(const std::string& line) override { notes += line + "\n"; }
  void warn(const std::string& line) override { warnings += line + "\n"; }
  std::string notes;
  std::string warnings;
};

// Users who take the items of their parity, one every other day for 60 days.
class SmallRun : public ::testing::Test {
 protected:
  SmallRun() {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    write_log(24);
    config_.events.push_back({.files = {"log.csv"},
                              .user = "user",
                              .item = "item",
                              .time = "DATE '2022-01-01' + CAST(day AS INTEGER)"});
    config_.signal.repeat = true;
    config_.data.now = "2022-12-01";
    config_.tuning.trials = 20;
  }
  ~SmallRun() override { fs::remove_all(folder_); }

  // Users from 24 on take anything.
  void write_log(int users) const {
    Random random(7);
    std::string log = "user,item,day\n";
    for (int u = 0; u < users; ++u) {
      for (int day = 0; day < 60; day += 2) {
        const int item =
            u < 24 ? u % 2 + 2 * ((u * 7 + day / 2 * 5) % 8) : static_cast<int>(random.below(16));
        log += fmt::format("u{},i{},{}\n", u, item, day);
      }
    }
    EXPECT_TRUE(write_file(folder_ + "/log.csv", log));
  }

  Json run() {
    const auto outcome = run_pipeline({.workspace = folder_, .config = config_, .build = "test"},
                                      {.threads = 2, .progress = &listener_});
    error_ = outcome ? Error{} : outcome.error();
    return outcome ? Json::parse(outcome->summary) : Json();
  }
  static std::string details(const Json& summary, const std::string& code) {
    std::string all;
    for (const Json& warning : summary.at("warnings")) {
      if (warning.at("code") == code) all += warning.at("detail").get<std::string>() + "\n";
    }
    return all;
  }

  const std::string folder_ = test_place("sartor_small_run");
  Config config_;
  Listener listener_;
  Error error_;
};

TEST_F(SmallRun, LeavesOutWhatHasTooFewEventsAndGoesOn) {
  const Json summary = run();
  ASSERT_TRUE(summary.is_object()) << error_.message;
  EXPECT_THAT(details(summary, "component_left_out"), HasSubstr("rerank: "));
  EXPECT_THAT(listener_.warnings, HasSubstr("left out: rerank: "));
  EXPECT_THAT(details(summary, "hopeless"), HasSubstr("everyone: no gain below 20 %"));
  const std::string journal =
      read_file(folder_ + "/runs/" + summary.at("run").get<std::string>() + "/trials.journal")
          .value();
  EXPECT_THAT(journal, HasSubstr("\"study_name\":\"general/refined\""));
  EXPECT_THAT(journal, Not(HasSubstr("everyone/")));
  EXPECT_THAT(read_file(summary.at("report").get<std::string>()).value(),
              HasSubstr("could not be fitted, and was left out"));
}

TEST_F(SmallRun, LeavesOutWhatDivergesAndGoesOn) {
  config_.signal.weight = "3e38";  // whose sums are beyond a float
  const Json summary = run();
  ASSERT_TRUE(summary.is_object()) << error_.message;
  EXPECT_THAT(details(summary, "component_left_out"),
              HasSubstr("popularity: popularity: a score that is not finite"));
  const Json& parts = summary.at("general").at("parameters");
  EXPECT_FALSE(parts.contains("popularity"));
  EXPECT_TRUE(parts.contains("item_knn"));
}

TEST_F(SmallRun, TellsWhatItsModelsNote) {
  config_.models.max_items = 10;
  const Json summary = run();
  ASSERT_TRUE(summary.is_object()) << error_.message;
  EXPECT_THAT(details(summary, "model_note"), HasSubstr("keeps the 10 most popular of 16 items"));
  EXPECT_THAT(listener_.notes, HasSubstr("keeps the 10 most popular of 16 items"));
}

TEST_F(SmallRun, SearchesInPartOfManyCasesAndJudgesAll) {
  write_log(300);
  config_.models.families = {"popularity", "item_knn"};
  const Json whole = run();
  ASSERT_TRUE(whole.is_object()) << error_.message;
  EXPECT_EQ(details(whole, "search_thinned"), "");
  config_.tuning.max_cases = 100;
  const Json summary = run();
  ASSERT_TRUE(summary.is_object()) << error_.message;
  EXPECT_EQ(details(summary, "search_thinned"),
            "searches look at 100 of 300 cases of validate, evenly spread (tuning.max_cases)\n");
  EXPECT_EQ(summary.at("split").at("validate").at("users"), 300);
  // What the search reached is of others.
  const auto searched = [](const Json& of) {
    return of.at("general").at("metrics").at("validate");
  };
  EXPECT_NE(searched(summary), searched(whole));
  EXPECT_EQ(summary.at("segments").at(0).at("test").at("users"), 300);
}

// Every user is in one of two segments, and buys what the segment buys.
TEST_F(SmallRun, KeepsToTheLimitsOfASegment) {
  write_log(600);
  config_.models.families = {"popularity", "item_knn", "ease"};
  config_.segments = {{.name = "all", .rules = {{"some", "positives >= 0"}}}};
  config_.tuning.seasons = false;
  const auto left_out = [&](SegmentLimits limits) {
    config_.tuning.limits = {{"some", std::move(limits)}};
    const Json summary = run();
    EXPECT_TRUE(summary.is_object()) << error_.message;
    return summary.is_object() ? details(summary, "candidate_left_out") : error_.message;
  };
  EXPECT_EQ(left_out({}), "");
  EXPECT_THAT(left_out({.megabytes = 0.001}),
              HasSubstr("fine_tuned, strength 1: its models take 0.0 MB; its limit is 0.001 MB"));
  EXPECT_THAT(left_out({.milliseconds = 1e-6}),
              HasSubstr("every candidate: its limits leave no component of general's"));
  EXPECT_EQ(left_out({.rows = 1}), "");  // nobody to fit models of its own to
}

TEST_F(SmallRun, SearchesTheComponentsHyperParameters) {
  write_log(200);
  config_.models.families = {"popularity", "item_knn", "ease"};
  config_.tuning.component_trials = 12;
  const Json summary = run();
  ASSERT_TRUE(summary.is_object()) << error_.message;
  const std::string journal =
      read_file(folder_ + "/runs/" + summary.at("run").get<std::string>() + "/trials.journal")
          .value();
  EXPECT_THAT(journal, HasSubstr("\"study_name\":\"general/components\""));
  EXPECT_THAT(journal, HasSubstr("\"ease.regularization\":"));
  EXPECT_THAT(journal, HasSubstr("\"rung\":0"));
}

TEST_F(SmallRun, SearchesByTheClockAndEnds) {
  write_log(600);
  config_.models.families = {"popularity", "item_knn"};
  config_.segments = {{.name = "all", .rules = {{"some", "positives >= 0"}}}};
  config_.tuning.seasons = false;
  config_.tuning.sampler = "random";
  config_.tuning.minutes = 1e-4;
  const Json summary = run();
  ASSERT_TRUE(summary.is_object()) << error_.message;
  const int trials = summary.at("segments").at(0).at("validate").at("trials");
  EXPECT_GE(trials, 12);
  EXPECT_LT(trials, 1000);
}

TEST_F(SmallRun, StopsAtAWrongSetting) {
  config_.models.ease_regularization = {-1};
  run();
  EXPECT_EQ(error_.code, ErrorCode::config);
}

}  // namespace
}  // namespace sartor
