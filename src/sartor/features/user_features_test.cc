#include "sartor/features/user_features.h"

#include <gmock/gmock.h>

#include <cmath>
#include <cstdlib>
#include <limits>

#include "sartor/base/files.h"
#include "sartor/base/random.h"
#include "sartor/base/test_place.h"

namespace sartor {
namespace {

using testing::HasSubstr;

constexpr double kNull = std::numeric_limits<double>::quiet_NaN();
const Time kAsOf = parse_time("2011-07-04").value();  // a Monday in summer

Time at(const char* text) { return parse_time(text).value(); }

struct Event {
  std::uint32_t user;
  std::uint32_t item;
  Time time;
  std::uint16_t type;  // 0 click, 1 impression, 2 purchase
  double value;
  float dwell;
  std::uint32_t group;
  float weight;
  std::uint32_t device;  // 0 phone, 1 tablet
};

Dataset shop(const std::vector<Event>& events) {
  Dataset data{.users = Vocabulary({"ann", "bob", "cid"}),
               .items = Vocabulary({"cup", "jug", "mat"}),
               .types = {"click", "impression", "purchase"}};
  data.events.context = {{.name = "device", .is_text = true, .words = {"phone", "tablet"}},
                         {.name = "page", .is_text = false}};
  for (const Event& e : events) {
    data.events.user.push_back({e.user});
    data.events.item.push_back({e.item});
    data.events.time.push_back(e.time);
    data.events.type.push_back(e.type);
    data.events.value.push_back(e.value);
    data.events.dwell_seconds.push_back(e.dwell);
    data.events.group.push_back(e.group);
    data.events.weight.push_back(e.weight);
    data.events.context[0].codes.push_back(e.device);
    data.events.context[1].numbers.push_back(kNull);
  }
  data.item_attributes.rows = 3;
  data.item_attributes.columns = {
      {.name = "category", .is_text = true, .codes = {0, 0, 1}, .words = {"china", "wood"}}};
  data.user_attributes.rows = 3;
  data.user_attributes.columns = {
      {.name = "age", .numbers = {30, 40, kNull}},
      {.name = "season", .is_text = true, .codes = {0, 0, 0}, .words = {"always"}}};
  return data;
}

constexpr std::uint32_t kNo = Column::kMissing;
constexpr float kNoDwell = std::numeric_limits<float>::quiet_NaN();

// ann: two sessions before the moment and one event after it; bob: one untimed purchase.
std::vector<Event> story() {
  return {{1, 2, kUntimed, 2, 5, kNoDwell, kNo, 1, kNo},
          {0, 0, at("2011-06-04 23:00"), 1, kNull, 4, 7, 0, 0},  // a Saturday
          {0, 0, at("2011-06-04 23:10"), 0, kNull, 8, 7, 0, 0},
          {0, 1, at("2011-06-30 12:00"), 1, kNull, kNoDwell, 8, 0, kNo},
          {0, 1, at("2011-06-30 12:20"), 2, 10, kNoDwell, 8, 1, 1},
          {0, 2, at("2011-06-30 12:40"), 2, 20, kNoDwell, 9, 2, 1},
          {0, 2, kAsOf, 2, 1000, 99, 10, 1, 0}};
}

double number(const Table& table, const char* name, std::size_t row) {
  const Column* column = table.find(name);
  EXPECT_TRUE(column != nullptr && !column->is_text) << name;
  return column->numbers[row];
}

std::string word(const Table& table, const char* name, std::size_t row) {
  const Column* column = table.find(name);
  EXPECT_TRUE(column != nullptr && column->is_text) << name;
  const std::uint32_t code = column->codes[row];
  return code == Column::kMissing ? "missing" : column->words[code];
}

bool same(const Table& a, std::size_t row_a, const Table& b, std::size_t row_b) {
  if (a.columns.size() != b.columns.size()) return false;
  for (std::size_t c = 0; c < a.columns.size(); ++c) {
    const Column &x = a.columns[c], &y = b.columns[c];
    if (x.name != y.name || x.is_text != y.is_text) return false;
    if (x.is_text) {
      if (word(a, x.name.c_str(), row_a) != word(b, x.name.c_str(), row_b)) return false;
    } else if (x.numbers[row_a] != y.numbers[row_b] &&
               !(std::isnan(x.numbers[row_a]) && std::isnan(y.numbers[row_b]))) {
      return false;
    }
  }
  return true;
}

TEST(UserFeatures, AreThoseOfTheStory) {
  const Table table = user_features(shop(story()), kAsOf, {}, {}).value();
  ASSERT_EQ(table.rows, 3u);
  EXPECT_EQ(number(table, "events", 0), 5);
  EXPECT_EQ(number(table, "positives", 0), 2);
  EXPECT_EQ(number(table, "groups", 0), 3);
  EXPECT_EQ(number(table, "sessions", 0), 2);
  EXPECT_EQ(number(table, "events_7d", 0), 3);
  EXPECT_EQ(number(table, "events_28d", 0), 3);
  EXPECT_EQ(number(table, "positives_28d", 0), 2);
  EXPECT_EQ(number(table, "value_sum", 0), 30);
  EXPECT_EQ(number(table, "value_mean", 0), 15);
  EXPECT_DOUBLE_EQ(number(table, "days_since_first", 0), 29 + 1.0 / 24);
  EXPECT_DOUBLE_EQ(number(table, "days_since_last", 0), 3 + 11.0 / 24 + 20.0 / 1440);
  EXPECT_DOUBLE_EQ(number(table, "mean_gap_days", 0), 25 + 13.0 / 24);
  EXPECT_DOUBLE_EQ(number(table, "avg_session_time", 0), 25);
  EXPECT_EQ(number(table, "dwell_mean", 0), 6);
  EXPECT_EQ(number(table, "ctr", 0), 0.5);
  EXPECT_EQ(number(table, "conversion", 0), 0.5);
  EXPECT_EQ(word(table, "favourite_category", 0), "china");
  EXPECT_EQ(number(table, "category_entropy", 0), 1);
  EXPECT_EQ(number(table, "favourite_hour", 0), 12);
  EXPECT_DOUBLE_EQ(number(table, "night_share", 0), 0.4);
  EXPECT_DOUBLE_EQ(number(table, "weekend_share", 0), 0.4);
  EXPECT_EQ(word(table, "favourite_device", 0), "phone");
  EXPECT_EQ(word(table, "season", 0), "summer");
  EXPECT_EQ(number(table, "season_share", 0), 1);
  EXPECT_EQ(word(table, "context.device", 0), "tablet");
  EXPECT_TRUE(std::isnan(number(table, "context.page", 0)));
  EXPECT_EQ(number(table, "age", 0), 30);
  EXPECT_EQ(word(table, "user.season", 0), "always");
}

TEST(UserFeatures, WithoutTimeOrHistoryAreWhatTheTableSays) {
  const Table table = user_features(shop(story()), kAsOf, {}, {}).value();
  EXPECT_EQ(number(table, "events", 1), 1);
  EXPECT_EQ(number(table, "value_sum", 1), 5);
  EXPECT_EQ(number(table, "sessions", 1), 0);
  EXPECT_TRUE(std::isnan(number(table, "days_since_last", 1)));
  EXPECT_EQ(word(table, "favourite_category", 1), "wood");
  for (const FeatureInfo& info : user_feature_infos()) {
    if (info.is_text) {
      EXPECT_EQ(word(table, info.name, 2), "missing") << info.name;
    } else if (std::string(info.without_history) == "missing") {
      EXPECT_TRUE(std::isnan(number(table, info.name, 2))) << info.name;
    } else {
      EXPECT_EQ(number(table, info.name, 2), 0) << info.name;
    }
  }
}

TEST(UserFeatures, DoNotSeeTheFuture) {
  std::vector<Event> planted = story();
  const Table before = user_features(shop(planted), kAsOf, {}, {}).value();
  for (int i = 0; i < 50; ++i) {
    planted.push_back(
        {static_cast<std::uint32_t>(i % 3), 2, kAsOf + i * kHour, 2, 1e6, 500, 3, 1, 0});
  }
  const Table after = user_features(shop(planted), kAsOf, {}, {}).value();
  for (std::size_t u = 0; u < 3; ++u) EXPECT_TRUE(same(before, u, after, u)) << u;
  const Table later = user_features(shop(planted), kAsOf + kDay, {}, {}).value();
  EXPECT_FALSE(same(before, 2, later, 2));
}

TEST(UserFeatures, OfOneUserAreTheSameAsInTheTable) {
  Random random(3);
  std::vector<Event> events;
  Time time = at("2010-12-01");
  for (int i = 0; i < 600; ++i) {
    time += static_cast<Time>(random.below(12 * 3600)) * kSecond;
    events.push_back(
        {static_cast<std::uint32_t>(random.below(3)), static_cast<std::uint32_t>(random.below(3)),
         time, static_cast<std::uint16_t>(random.below(3)), random.uniform(0, 9), 3,
         static_cast<std::uint32_t>(random.below(40)), static_cast<float>(random.below(2)),
         static_cast<std::uint32_t>(random.below(2))});
  }
  const Dataset data = shop(events);
  for (const char* sessions : {"gap", "groups"}) {
    const FeatureConfig config{.sessions = sessions};
    const FeatureSpace space = feature_space(data, config, "", kAsOf).value();
    const EventsByUser by_user = events_by_user(data);
    const Table table = user_features(data, by_user, space, kAsOf, {.threads = 2});
    for (std::uint32_t u = 0; u < 3; ++u) {
      Table attributes{.rows = 1};
      for (Column column : data.user_attributes.columns) {
        if (column.is_text) {
          column.codes = {column.codes[u]};
        } else {
          column.numbers = {column.numbers[u]};
        }
        attributes.columns.push_back(column);
      }
      const Table one = user_features_of({&data.events, by_user.of({u})}, attributes, space, kAsOf);
      EXPECT_TRUE(same(table, u, one, 0)) << u << sessions;
    }
  }
  const FeatureSpace space = feature_space(data, {}).value();
  const Table stranger = user_features_of({}, {}, space, kAsOf);
  EXPECT_EQ(stranger.columns.size(), user_features(data, kAsOf, {}, {}).value().columns.size());
  EXPECT_EQ(number(stranger, "events", 0), 0);
}

TEST(UserFeatures, FollowTheSettings) {
  const Dataset data = shop(story());
  const Table groups = user_features(data, kAsOf, {.sessions = "groups"}, {}).value();
  EXPECT_EQ(number(groups, "sessions", 0), 3);
  EXPECT_DOUBLE_EQ(number(groups, "conversion", 0), 2.0 / 3);
  const Table east = user_features(data, kAsOf, {.utc_offset_hours = 2}, {}).value();
  EXPECT_EQ(number(east, "favourite_hour", 0), 14);
  EXPECT_DOUBLE_EQ(number(east, "weekend_share", 0), 0.4);  // 01:00 on Sunday
  const Table replaced =
      user_features(data, kAsOf, {.click_replaces_impression = true}, {}).value();
  EXPECT_DOUBLE_EQ(number(replaced, "ctr", 0), 1.0 / 3);
  const auto wrong = user_features(data, kAsOf, {.sessions = "days"}, {});
  ASSERT_FALSE(wrong.has_value());
  EXPECT_THAT(wrong.error().message, HasSubstr("'days'"));
}

// cid sees 100 items on each device and clicks as everybody does there; ann clicks on everything.
TEST(UserFeatures, CtrIsComparedWithTheScenarioOnRequest) {
  std::vector<Event> events;
  for (std::uint32_t i = 0; i < 600; ++i) {
    const std::uint32_t user = i < 400 ? 1 : 2, device = i % 2;
    const bool click = device == 0 ? i % 10 == 0 : i % 4 != 3;  // 20% and 50% of a device's own
    events.push_back({user, 0, kAsOf - (1000 - i) * kHour,
                      static_cast<std::uint16_t>(click ? 0 : 1), kNull, kNoDwell, kNo, 0, device});
  }
  events.push_back({0, 0, kAsOf - kHour, 0, kNull, kNoDwell, kNo, 0, 1});
  events.push_back({0, 0, kAsOf + kHour, 1, kNull, kNoDwell, kNo, 0, 1});
  const Dataset data = shop(events);
  const FeatureConfig config{.click_replaces_impression = true};
  const EventsByUser by_user = events_by_user(data);
  const FeatureSpace space = feature_space(data, config, "device", kAsOf).value();
  EXPECT_NEAR(space.ctr.of.at("phone"), 0.2, 0.03);
  EXPECT_NEAR(space.ctr.of.at("tablet"), 0.5, 0.03);
  const Table table = user_features(data, by_user, space, kAsOf, {});
  EXPECT_NEAR(number(table, "ctr", 2), 0, 0.03);
  EXPECT_NEAR(number(table, "ctr", 0), 0.5, 0.03);
  // The same for one visitor, also after saving.
  TensorFile file;
  ASSERT_TRUE(save_feature_space(space, file).has_value());
  const FeatureSpace loaded = load_feature_space(file).value();
  const Table one = user_features_of({&data.events, by_user.of({0})}, {}, loaded, kAsOf);
  EXPECT_EQ(number(one, "ctr", 0), number(table, "ctr", 0));
  // By user: 1 click of 1 impression is shrunk by 50 others.
  const FeatureSpace shrunk = feature_space(data, config, "user").value();
  const Table own = user_features(data, by_user, shrunk, kAsOf, {});
  EXPECT_NEAR(number(own, "ctr", 0), 0.65 / 51, 0.002);
  EXPECT_THAT(feature_space(data, config, "devices").error().message,
              HasSubstr("did you mean 'device'"));
}

// Cups sell in winter, mats in summer, jugs all the year; ann buys cups, bob mats, cid jugs.
std::vector<Event> year_of_seasons() {
  std::vector<Event> events;
  const Time from = at("2010-09-01");
  for (int day = 0; day < 360; ++day) {
    const Time time = from + day * kDay;
    const bool winter = day >= 91 && day < 181, summer = day >= 273;
    if (winter || day % 40 == 0) events.push_back({0, 0, time, 2, 1, kNoDwell, kNo, 1, kNo});
    if (summer || day % 40 == 1) events.push_back({1, 2, time, 2, 1, kNoDwell, kNo, 1, kNo});
    events.push_back({2, 1, time, 2, 1, kNoDwell, kNo, 1, kNo});
  }
  return events;
}

TEST(UserFeatures, SeasonTasteIsThatOfTheItemsWheneverTheyAreBought) {
  const Dataset data = shop(year_of_seasons());
  const Time end = at("2011-08-28");
  const EventsByUser by_user = events_by_user(data);
  const FeatureSpace space = feature_space(data, {}, "", end).value();
  const Table table = user_features(data, by_user, space, end, {});
  EXPECT_EQ(word(table, "season_taste", 0), "winter");
  EXPECT_EQ(word(table, "season_taste", 1), "summer");
  EXPECT_EQ(word(table, "season_taste", 2), "missing");
  EXPECT_EQ(number(table, "seasonal_share", 0), 1);
  EXPECT_EQ(number(table, "seasonal_share", 2), 0);
  // One visitor, after saving: who took two cups in summer likes winter's items.
  TensorFile file;
  ASSERT_TRUE(save_feature_space(space, file));
  const FeatureSpace loaded = load_feature_space(file).value();
  std::vector<Event> few = {{0, 0, end - kDay, 2, 1, kNoDwell, kNo, 1, kNo},
                            {0, 0, end - kDay, 2, 1, kNoDwell, kNo, 1, kNo},
                            {0, 1, end - kDay, 2, 1, kNoDwell, kNo, 1, kNo}};
  const Dataset visit = shop(few);
  const EventsByUser own = events_by_user(visit);
  const Table one = user_features_of({&visit.events, own.of({0})}, {}, loaded, end);
  EXPECT_EQ(word(one, "season_taste", 0), "winter");
  EXPECT_EQ(word(one, "season", 0), "summer");
  EXPECT_NEAR(number(one, "seasonal_share", 0), 2.0 / 3, 1e-12);
  // In May the summer has not been yet: mats are nobody's season, and cups are known.
  const Table may = user_features(data, by_user, space, at("2011-06-01"), {});
  EXPECT_EQ(word(may, "season_taste", 0), "winter");
  EXPECT_EQ(word(may, "season_taste", 1), "missing");
  // After half a year nothing is known of seasons.
  const Table early = user_features(data, by_user, space, at("2011-03-01"), {});
  EXPECT_EQ(word(early, "season_taste", 0), "missing");
  EXPECT_EQ(number(early, "seasonal_share", 0), 0);
}

TEST(UserFeatures, AreInTheDocument) {
  const std::string text = features_markdown();
  for (const FeatureInfo& info : user_feature_infos()) {
    EXPECT_THAT(text, HasSubstr(std::string("| `") + info.name + "` |"));
  }
  const std::string path = std::string(kSourceDir) + "/docs/features.md";
  if (std::getenv("SARTOR_WRITE_DOCS") != nullptr) {
    ASSERT_TRUE(write_file(path, text).has_value());
  }
  EXPECT_EQ(read_file(path).value(), text) << "write it anew: SARTOR_WRITE_DOCS=1 features_test";
}

}  // namespace
}  // namespace sartor
