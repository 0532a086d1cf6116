#include "sartor/models/click_model.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "sartor/data/test_files.h"
#include "sartor/evaluation/impression_metrics.h"
#include "sartor/models/click_world.h"

namespace sartor {
namespace {

using ::testing::HasSubstr;

constexpr Time kEnd = std::numeric_limits<Time>::max();
constexpr double kDaySeconds = 86400;

ClickConfig quick() {
  ClickConfig config;
  config.trees.rounds = 200;
  config.trees.learning_rate = 0.1;
  config.trees.leaves = 8;
  return config;
}

ClickRows rows_of(const Dataset& data, const ClickConfig& config = {}) {
  auto rows = click_rows(data, config, kEnd);
  EXPECT_TRUE(rows) << rows.error().message;
  return std::move(*rows);
}

float at(const ClickRows& rows, std::size_t r, const std::string& name) {
  const std::size_t column = rows.column(name);
  EXPECT_LT(column, rows.names.size()) << name;
  return rows.row(r)[column];
}

TEST(ClickFeatures, AsOfTheMomentByHand) {
  ClickConfig config;
  config.scenarios = {};
  Dataset data = click_data(2, 2, {{0, 0, 100, true}, {0, 1, 200, true}, {1, 0, 200}, {0, 0, 300}});
  data.events.context.clear();
  const ClickRows rows = rows_of(data, config);
  ASSERT_EQ(rows.rows(), 4u);
  // Nothing is known of the first: one half, shrunk to one half.
  EXPECT_FLOAT_EQ(at(rows, 0, "user_rate"), 0.5f);
  EXPECT_FLOAT_EQ(at(rows, 0, "item_shown"), 0);
  EXPECT_FLOAT_EQ(at(rows, 0, "user_since_last"), 1000);
  // At 200 s one click of one impression is known; the two of that moment do not see each other.
  const double one = 26.0 / 51;  // (1 + 50 / 2) / (1 + 50)
  EXPECT_FLOAT_EQ(at(rows, 1, "user_rate"), static_cast<float>((1 + 8 * one) / 9));
  EXPECT_FLOAT_EQ(at(rows, 1, "item_rate"), static_cast<float>(one));
  EXPECT_FLOAT_EQ(at(rows, 2, "user_rate"), static_cast<float>(one));
  EXPECT_FLOAT_EQ(at(rows, 2, "item_rate"), static_cast<float>((1 + 20 * one) / 21));
  // At 300 s: two clicks of three impressions; user 0 has both, item 0 one of two.
  const double two = 27.0 / 53;
  EXPECT_FLOAT_EQ(at(rows, 3, "user_rate"), static_cast<float>((2 + 8 * two) / 10));
  EXPECT_FLOAT_EQ(at(rows, 3, "item_rate"), static_cast<float>((1 + 20 * two) / 22));
  EXPECT_FLOAT_EQ(at(rows, 3, "user_lift"), static_cast<float>((0.5 + (1 - one)) / 8));
  EXPECT_FLOAT_EQ(at(rows, 3, "user_since_last"), static_cast<float>(100 / kDaySeconds));
  EXPECT_FLOAT_EQ(
      at(rows, 3, "item_recent_shown"),
      static_cast<float>(std::exp2(-200 / kDaySeconds / 2) + std::exp2(-100 / kDaySeconds / 2)));
  EXPECT_EQ(at(rows, 3, "session_shown"), 2);
  EXPECT_EQ(at(rows, 3, "session_clicks"), 2);
  EXPECT_EQ(at(rows, 3, "pair_shown"), 1);
  EXPECT_EQ(at(rows, 3, "pair_clicks"), 1);
}

TEST(ClickFeatures, ScenariosAndFacetsByHand) {
  Dataset data = click_data(1, 2,
                            {{0, 0, 100, true, NAN, 7},
                             {0, 1, 200, false, NAN, 7},
                             {0, 0, 300, false, NAN, 8},
                             {0, 1, 400, false, NAN, 7}});
  data.item_attributes.columns.push_back(
      {.name = "category", .is_text = true, .codes = {0, 1}, .words = {"a", "b"}});
  const ClickRows rows = rows_of(data);
  const double all = (1 + 25.0) / 53;  // at 400 s: one click of three
  const double tab = (1 + 20 * all) / 22;
  EXPECT_FLOAT_EQ(at(rows, 3, "context.tab"), 7);
  EXPECT_FLOAT_EQ(at(rows, 3, "tab_rate"), static_cast<float>(tab));
  EXPECT_FLOAT_EQ(at(rows, 3, "user_tab_shown"), static_cast<float>(std::log1p(2)));
  EXPECT_FLOAT_EQ(at(rows, 3, "item_tab_shown"), static_cast<float>(std::log1p(1)));
  EXPECT_FLOAT_EQ(at(rows, 3, "category_rate"), static_cast<float>(50 * all / 51));
  EXPECT_FLOAT_EQ(at(rows, 3, "category_tab_rate"), static_cast<float>(20 * tab / 21));
  EXPECT_FLOAT_EQ(at(rows, 3, "item.category"), 1);
}

TEST(ClickFeatures, NothingOfTheMomentOrLaterIsSeen) {
  ClickWorld world = click_world(400, 1, 3);
  for (std::size_t r = 200; r < 204; ++r) world.rows[r].time = world.rows[200].time;
  const ClickRows truth = rows_of(click_data(80, 40, world.rows));
  for (std::size_t r = 200; r < world.rows.size(); ++r) {  // other outcomes, from this moment on
    world.rows[r].clicked = !world.rows[r].clicked;
    world.rows[r].dwell = 1000 - world.rows[r].dwell;
  }
  const ClickRows other = rows_of(click_data(80, 40, world.rows));
  const std::size_t width = truth.names.size();
  const auto until = static_cast<std::ptrdiff_t>(204 * width);
  EXPECT_TRUE(std::equal(truth.x.begin(), truth.x.begin() + until, other.x.begin()));
  EXPECT_FALSE(std::equal(truth.x.begin() + until, truth.x.end(), other.x.begin() + until));
}

TEST(ClickFeatures, ADwellIsKnownWhenItIsOver) {
  const ClickRows rows = rows_of(
      click_data(1, 1, {{0, 0, 100, true, 150}, {0, 0, 200, false, 1}, {0, 0, 250}, {0, 0, 300}}));
  EXPECT_EQ(at(rows, 1, "user_dwell_last"), -1);
  EXPECT_FLOAT_EQ(at(rows, 2, "user_dwell_last"), std::log1p(1.0f));  // not yet 250
  EXPECT_FLOAT_EQ(at(rows, 3, "user_dwell_last"), std::log1p(150.0f));
}

TEST(ClickFeatures, EarlierHistoriesAreCountedByKindAndAreNoImpressions) {
  const ClickRows rows = rows_of(click_data(2, 2,
                                            {{0, 0, -1, true, NAN, NAN, "watch"},
                                             {0, 0, -1, true, NAN, NAN, "watch"},
                                             {0, 1, -1, true, NAN, NAN, "like"},
                                             {1, 1, -1, true, NAN, NAN, "watch"},
                                             {0, 0, 100}}));
  ASSERT_EQ(rows.rows(), 1u);
  EXPECT_FLOAT_EQ(at(rows, 0, "user_rate"), 0.5f);
  EXPECT_FLOAT_EQ(at(rows, 0, "user_early_watch"), static_cast<float>(std::log1p(2)));
  // One like of three, shrunk by 5 to one of four.
  EXPECT_FLOAT_EQ(at(rows, 0, "user_early_share_like"), static_cast<float>((1 + 5 * 0.25) / 8));
  EXPECT_FLOAT_EQ(at(rows, 0, "item_early_like"), 0);
  EXPECT_FLOAT_EQ(at(rows, 0, "pair_early"), 2);
}

TEST(ClickFeatures, ClicksThatAreEventsOfTheirOwn) {
  ClickConfig config;
  config.click_hours = 1;
  const ClickRows rows = rows_of(click_data(1, 2,
                                            {{0, 0, 100},
                                             {0, 1, 120},
                                             {0, 0, 150, true},
                                             {0, 0, 151, true},  // the same click again
                                             {0, 1, 300},
                                             {0, 1, 300, true},  // of the same moment
                                             {0, 0, 400},
                                             {0, 0, 4001, true},  // an hour and a second later
                                             {0, 0, 9000}}),
                                 config);
  ASSERT_EQ(rows.rows(), 5u);  // impressions
  EXPECT_EQ(rows.clicked[0], 150 * kSecond);
  EXPECT_EQ(rows.clicked[1], kEnd);
  EXPECT_EQ(rows.clicked[2], 300 * kSecond);
  EXPECT_EQ(rows.clicked[3], kEnd);
  EXPECT_TRUE(rows.clicked_before(0, 151 * kSecond));
  EXPECT_FALSE(rows.clicked_before(0, 150 * kSecond));
  EXPECT_EQ(at(rows, 1, "session_clicks"), 0);  // at 120 s, the click is yet to come
  EXPECT_EQ(at(rows, 2, "session_clicks"), 1);
  EXPECT_EQ(at(rows, 3, "pair_clicks"), 1);
  EXPECT_EQ(at(rows, 4, "pair_clicks"), 1);
}

TEST(ClickFeatures, NamesWhatIsNotThere) {
  const Dataset data = click_data(1, 1, {{0, 0, 1}});
  ClickConfig config;
  config.position = "tap";
  EXPECT_THAT(click_rows(data, config, kEnd).error().message, HasSubstr("did you mean 'tab'"));
  config = {};
  config.types = {"shown"};
  EXPECT_THAT(click_rows(data, config, kEnd).error().message, HasSubstr("clicks.types: 'shown'"));
}

struct Outcome {
  std::vector<float> probability;
  std::vector<std::uint8_t> label;
  double entropy = 0;  // mean, of the chances that were
};

// Fitted on the first `share` of the world, judged on the rest.
Outcome tested(const ClickWorld& world, const ClickModel& model, const ClickRows& rows, Time from) {
  Outcome test;
  for (std::size_t r = 0; r < rows.rows(); ++r) {
    if (rows.time[r] < from) continue;
    const double p = world.chance[r];
    test.entropy -= p * std::log(p) + (1 - p) * std::log(1 - p);
    test.probability.push_back(static_cast<float>(model.probability(rows.row(r))));
    test.label.push_back(world.rows[r].clicked);
  }
  test.entropy /= static_cast<double>(test.label.size());
  return test;
}

TEST(ClickModel, ComesNearTheEntropyOfAPlantedWorld) {
  const ClickWorld world = click_world(10000, 1, 5);
  const ClickRows rows = rows_of(world.data);
  const Time from = rows.time[7500];
  const auto model = fit_click_model(rows, from, quick(), {.threads = 1});
  ASSERT_TRUE(model) << model.error().message;
  const Outcome test = tested(world, *model, rows, from);
  EXPECT_LT(logloss(test.probability, test.label), test.entropy + 0.02);
  EXPECT_GT(auc(test.probability, test.label), 0.75);
  EXPECT_NEAR(calibration(test.probability, test.label, 10).ratio, 1, 0.05);
  EXPECT_LT(model->trees(), 200u);  // stopped
}

TEST(ClickModel, APlantedDwellTellsNothing) {
  // Clicks are fair coins, and dwell says each outcome; whoever sees it is always right.
  const ClickWorld world = click_world(6000, 0, 7);
  const ClickRows rows = rows_of(world.data);
  const Time from = rows.time[4000];
  const auto model = fit_click_model(rows, from, quick(), {.threads = 1});
  ASSERT_TRUE(model) << model.error().message;
  const Outcome test = tested(world, *model, rows, from);
  EXPECT_NEAR(auc(test.probability, test.label), 0.5, 0.04);
  EXPECT_GT(logloss(test.probability, test.label), 0.69);  // ln 2 is .693
}

TEST(ClickModel, SameBitsAtAnyThreadCountAndAfterLoading) {
  const ClickWorld world = click_world(3000, 1, 11);
  const ClickRows rows = rows_of(world.data);
  ClickConfig config = quick();
  config.calibrate = true;
  config.trees.rounds = 10;
  const auto one = fit_click_model(rows, kEnd, config, {.threads = 1});
  const auto two = fit_click_model(rows, kEnd, config, {.threads = 2});
  ASSERT_TRUE(one && two);
  const auto probabilities = *one->probabilities(rows.x, {.threads = 1});
  EXPECT_EQ(probabilities, *two->probabilities(rows.x, {.threads = 2}));
  TensorFile file;
  ASSERT_TRUE(one->save(file));
  const TestFolder folder;
  ASSERT_TRUE(file.write(folder / "clicks.safetensors"));
  const auto mapped = TensorFile::map(folder / "clicks.safetensors");
  ASSERT_TRUE(mapped);
  const auto loaded = ClickModel::load(*mapped);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(probabilities, *loaded->probabilities(rows.x, {.threads = 2}));
  EXPECT_EQ(loaded->names(), rows.names);
  EXPECT_EQ(loaded->importance(), one->importance());
}

TEST(ClickModel, RanksAsIfAllStoodAtTheReference) {
  // The tab is where on the list an impression stood: half of what is first is clicked, and a
  // twentieth of what is second.
  Random random(13);
  std::vector<Shown> shown;
  for (int r = 0; r < 4000; ++r) {
    const double place = 1 + static_cast<double>(random.below(2));
    shown.push_back({static_cast<std::uint32_t>(random.below(50)),
                     static_cast<std::uint32_t>(random.below(20)), 60 * r,
                     random.uniform() < (place == 1 ? 0.5 : 0.05), NAN, place});
  }
  ClickConfig config = quick();
  config.position = "tab";
  const ClickRows rows = rows_of(click_data(50, 20, shown), config);
  EXPECT_EQ(rows.column("tab_rate"), rows.names.size());  // no scenario
  const auto model = fit_click_model(rows, kEnd, config, {.threads = 1});
  ASSERT_TRUE(model) << model.error().message;
  std::vector<float> row(rows.row(3999).begin(), rows.row(3999).end());
  row[rows.column("context.tab")] = 1;
  const double first = model->probability(row);
  EXPECT_DOUBLE_EQ(model->probability_unplaced(row), first);
  row[rows.column("context.tab")] = 2;
  EXPECT_LT(model->probability(row), first - 0.2);
  EXPECT_DOUBLE_EQ(model->probability_unplaced(row), first);
}

TEST(ClickModel, SaysWhyThereIsNothingToLearn) {
  ClickWorld world = click_world(300, 1, 17);
  const auto message = [&](Time from) {
    const ClickRows rows = rows_of(click_data(80, 40, world.rows));
    const auto model = fit_click_model(rows, from, quick(), {});
    return model ? std::string("fitted") : model.error().message;
  };
  EXPECT_THAT(message(100 * 60 * kSecond), HasSubstr("100 impressions before"));
  for (Shown& row : world.rows) row.clicked = true;
  EXPECT_THAT(message(kEnd), HasSubstr("all of 300 impressions"));
  for (Shown& row : world.rows) row.clicked = false;
  EXPECT_THAT(message(kEnd), HasSubstr("none of 300 impressions"));
  world.rows.back().clicked = true;  // in the held-out part alone
  EXPECT_THAT(message(kEnd), HasSubstr("none of 255 impressions"));
}

TEST(ClickModel, PlattByHand) {
  const std::vector<double> scores = {1, 1, 1, 1, -1, -1, -1, -1};
  const std::vector<float> labels = {1, 1, 1, 0, 0, 0, 0, 1};
  const auto [slope, shift] = platt_scale(scores, labels);
  EXPECT_NEAR(slope, std::log(3), 1e-9);  // three of four against one of four
  EXPECT_NEAR(shift, 0, 1e-9);
  EXPECT_EQ(platt_scale(scores, std::vector<float>(8, 1.0f)), (std::pair{1.0, 0.0}));
}

}  // namespace
}  // namespace sartor
