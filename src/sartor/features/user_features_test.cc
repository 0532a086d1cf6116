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
      {.name = "category", .is_text = true, .codes = {0, 0, 1}, .words = {"china", "wood"}},
      {.name = "price", .numbers = {2, 4, 3}}};
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
  EXPECT_DOUBLE_EQ(number(table, "activity_level", 0), 1.0 / 28);  // all on one day
  EXPECT_DOUBLE_EQ(number(table, "frequency", 0), 30 * 2 / (29 + 1.0 / 24));
  EXPECT_EQ(number(table, "value_28d", 0), 30);
  EXPECT_EQ(number(table, "price_level", 0), (0.75 + 0.5) / 2);  // jug of two, mat of one
  EXPECT_EQ(number(table, "category_share", 0), 0.5);
  EXPECT_EQ(number(table, "discovery_share", 0), 1);
  // Positives of all: one jug, two mats; each item once more makes six.
  EXPECT_DOUBLE_EQ(number(table, "novelty_appetite", 0),
                   (std::log2(6 / 2.0) + std::log2(6 / 3.0)) / 2);
  EXPECT_EQ(word(table, "favourite_weekday", 0), "thursday");
  EXPECT_EQ(word(table, "favourite_os", 0), "missing");
  // A click 29 days and 50 minutes ago, purchases 3 days, 11 hours and 40, 20 minutes ago.
  const auto half = [](double days) { return std::exp2(-days / 30); };
  EXPECT_DOUBLE_EQ(
      number(table, "engagement", 0),
      half(29 + 50.0 / 1440) + 5 * half(3 + 700.0 / 1440) + 5 * half(3 + 680.0 / 1440));
  EXPECT_EQ(number(table, "purchase_intent", 0), 0);
  EXPECT_EQ(word(table, "context.device", 0), "tablet");
  EXPECT_TRUE(std::isnan(number(table, "context.page", 0)));
  EXPECT_EQ(number(table, "age", 0), 30);
  EXPECT_EQ(word(table, "user.season", 0), "always");
}

// The server meets types and items that the bundle never saw.
TEST(UserFeatures, OfATypeAndAnItemThatTheSpaceDoesNotKnow) {
  const Dataset data = shop(story());
  const FeatureConfig config{.sql = {{"types", "count(DISTINCT type)"}, {"latest", "last(item)"}}};
  const auto space = feature_space(data, config);
  ASSERT_TRUE(space.has_value()) << space.error().message;
  Events events;
  events.user = {UserId{0}};
  events.item = {ItemId{}};
  events.time = {kAsOf - kDay};
  events.type = {0xffff};
  events.value = {std::numeric_limits<double>::quiet_NaN()};
  events.dwell_seconds = {std::numeric_limits<float>::quiet_NaN()};
  events.group = {Column::kMissing};
  events.weight = {1};
  const std::vector<std::uint32_t> rows = {0};
  const Table table = user_features_of({&events, rows}, {}, *space, kAsOf);
  EXPECT_EQ(number(table, "events", 0), 1);
  EXPECT_EQ(number(table, "engagement", 0), 0);
  EXPECT_EQ(number(table, "purchase_intent", 0), 0);
  EXPECT_EQ(number(table, "types", 0), 0);
  EXPECT_EQ(word(table, "latest", 0), "missing");
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

// Every kind of feature at once.
FeatureConfig rich() {
  return {.normalise_dwell = "item, device",
          .normalise_conversion = "item",
          .sql = {{"spend_7d", "sum(value) FILTER (WHERE days_ago <= 7)"},
                  {"last_item", "last(item)"},
                  {"baskets", "count(DISTINCT \"group\")"},
                  {"habit", "mode(weekday)"}}};
}

FeatureRequest all_shares() {
  return {.normalise_ctr = "item, device", .names = {"interest", "device", "daypart", "weekday"}};
}

Table rich_table(const Dataset& data, Time as_of) {
  const FeatureSpace space = feature_space(data, rich(), all_shares(), as_of).value();
  return user_features(data, events_by_user(data), space, as_of, {.threads = 2}).value();
}

TEST(UserFeatures, DoNotSeeTheFuture) {
  std::vector<Event> planted = story();
  const Table before = rich_table(shop(planted), kAsOf);
  for (int i = 0; i < 50; ++i) {
    planted.push_back(
        {static_cast<std::uint32_t>(i % 3), 2, kAsOf + i * kHour, 2, 1e6, 500, 3, 1, 0});
  }
  const Table after = rich_table(shop(planted), kAsOf);
  for (std::size_t u = 0; u < 3; ++u) EXPECT_TRUE(same(before, u, after, u)) << u;
  const Table later = rich_table(shop(planted), kAsOf + kDay);
  EXPECT_FALSE(same(before, 2, later, 2));
  EXPECT_EQ(number(later, "spend_7d", 2), 8e6);
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
    FeatureConfig config = rich();
    config.sessions = sessions;
    const FeatureSpace made = feature_space(data, config, all_shares(), kAsOf).value();
    TensorFile file;
    ASSERT_TRUE(save_feature_space(made, file));
    const FeatureSpace space = load_feature_space(file).value();
    const EventsByUser by_user = events_by_user(data);
    const Table table = user_features(data, by_user, space, kAsOf, {.threads = 2}).value();
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
  const FeatureSpace space =
      feature_space(data, config, {.normalise_ctr = "device"}, kAsOf).value();
  EXPECT_NEAR(space.ctr.of.at("device").at("phone"), 0.2, 0.03);
  EXPECT_NEAR(space.ctr.of.at("device").at("tablet"), 0.5, 0.03);
  const Table table = user_features(data, by_user, space, kAsOf, {}).value();
  EXPECT_NEAR(number(table, "ctr", 2), 0, 0.03);
  EXPECT_NEAR(number(table, "ctr", 0), 0.5, 0.03);
  // The same for one visitor, also after saving.
  TensorFile file;
  ASSERT_TRUE(save_feature_space(space, file).has_value());
  const FeatureSpace loaded = load_feature_space(file).value();
  const Table one = user_features_of({&data.events, by_user.of({0})}, {}, loaded, kAsOf);
  EXPECT_EQ(number(one, "ctr", 0), number(table, "ctr", 0));
  // By user: 1 click of 1 impression is shrunk by 50 others.
  const FeatureSpace shrunk = feature_space(data, config, {.normalise_ctr = "user"}).value();
  const Table own = user_features(data, by_user, shrunk, kAsOf, {}).value();
  EXPECT_NEAR(number(own, "ctr", 0), 0.65 / 51, 0.002);
  EXPECT_THAT(feature_space(data, config, {.normalise_ctr = "devices"}).error().message,
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
  const FeatureSpace space = feature_space(data, {}, {}, end).value();
  const Table table = user_features(data, by_user, space, end, {}).value();
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
  const Table may = user_features(data, by_user, space, at("2011-06-01"), {}).value();
  EXPECT_EQ(word(may, "season_taste", 0), "winter");
  EXPECT_EQ(word(may, "season_taste", 1), "missing");
  // After half a year nothing is known of seasons.
  const Table early = user_features(data, by_user, space, at("2011-03-01"), {}).value();
  EXPECT_EQ(word(early, "season_taste", 0), "missing");
  EXPECT_EQ(number(early, "seasonal_share", 0), 0);
}

TEST(UserFeatures, PurchaseIntentIsWhatWasLookedAtAndNotTakenSince) {
  const auto look = [](std::uint32_t item, Time time, std::uint16_t type) {
    return Event{0, item, time, type, kNull, kNoDwell, kNo, type == 2 ? 1.0f : 0.0f, kNo};
  };
  const FeatureConfig config{.intent = {{"impression", 1}, {"click", 3}}};
  const auto intent = [&](const std::vector<Event>& events) {
    return number(user_features(shop(events), kAsOf, config, {}).value(), "purchase_intent", 0);
  };
  // The cup's click counts once; the mat was bought afterwards, the jug looked at too long ago.
  EXPECT_EQ(intent({look(1, kAsOf - 15 * kDay, 0), look(0, kAsOf - 3 * kDay, 1),
                    look(0, kAsOf - 3 * kDay + kHour, 0), look(2, kAsOf - 2 * kDay, 0),
                    look(2, kAsOf - kDay, 2)}),
            3);
  // Bought, and looked at again.
  EXPECT_EQ(intent({look(0, kAsOf - 3 * kDay, 2), look(0, kAsOf - 2 * kDay, 1)}), 1);
  EXPECT_TRUE(std::isnan(number(
      user_features(shop(story()), kAsOf, {.click = "", .intent = {{"cart", 1}}}, {}).value(),
      "purchase_intent", 0)));
}

TEST(UserFeatures, SharesAreMadeWhereTheyAreNamed) {
  const Dataset data = shop(story());
  const FeatureSpace space =
      feature_space(data, {}, {.names = {"interest.china", "device", "daypart", "weekday.monday"}},
                    kAsOf)
          .value();
  const Table table = user_features(data, events_by_user(data), space, kAsOf, {}).value();
  EXPECT_EQ(number(table, "interest.china", 0), 0.5);
  EXPECT_EQ(number(table, "interest.wood", 1), 1);
  EXPECT_TRUE(std::isnan(number(table, "interest.wood", 2)));
  EXPECT_EQ(number(table, "device.phone", 0), 0.5);
  EXPECT_EQ(number(table, "device.tablet", 0), 0.5);
  EXPECT_EQ(number(table, "daypart.night", 0), 0.4);
  EXPECT_EQ(number(table, "daypart.afternoon", 0), 0.6);
  EXPECT_EQ(number(table, "daypart.morning", 0), 0);
  EXPECT_EQ(number(table, "weekday.thursday", 0), 0.6);
  EXPECT_EQ(number(table, "weekday.saturday", 0), 0.4);
  EXPECT_EQ(number(table, "weekday.monday", 0), 0);
  EXPECT_EQ(user_features(data, kAsOf, {}, {}).value().find("interest.china"), nullptr);
}

// Everybody looks at cups for 10 seconds and at mats for 30, twice as long on a tablet; ann looks
// at a mat on a tablet for 40.
TEST(UserFeatures, DwellIsComparedWithItemAndScenarioOnRequest) {
  std::vector<Event> events;
  for (std::uint32_t i = 0; i < 400; ++i) {
    const std::uint32_t item = i % 2 == 0 ? 0 : 2, device = i / 2 % 2;
    const float dwell = (item == 0 ? 10.0f : 30.0f) * (device == 1 ? 2 : 1);
    events.push_back({1, item, kAsOf - (1000 - i) * kHour, 1, kNull, dwell, kNo, 0, device});
  }
  events.push_back({0, 2, kAsOf - kHour, 1, kNull, 40, kNo, 0, 1});
  events.push_back({0, 2, kAsOf, 1, kNull, 4000, kNo, 0, 1});  // nobody has seen this yet
  const Dataset data = shop(events);
  const FeatureConfig config{.normalise_dwell = "item, device"};
  const FeatureSpace space = feature_space(data, config, {}, kAsOf).value();
  const double all = (200 * 15 + 200 * 45 + 40) / 401.0;
  const double mat = (200 * 45 + 40 + 50 * all) / 251;
  const double tablet = (100 * 20 + 100 * 60 + 40 + 50 * all) / 251;
  EXPECT_DOUBLE_EQ(space.dwell.all, all);
  const Table table = user_features(data, events_by_user(data), space, kAsOf, {}).value();
  EXPECT_NEAR(number(table, "dwell_mean", 0), 40 - mat * tablet / all, 1e-9);
  EXPECT_NEAR(number(table, "dwell_mean", 1), 0, 1);
  EXPECT_THAT(feature_space(data, {.normalise_dwell = "item, devices"}).error().message,
              HasSubstr("features.normalise_dwell: there is no context key 'devices' (did you mean "
                        "'device'?)"));
}

// Half of bob's sessions that begin with a cup end with a purchase, none of those with a mat.
TEST(UserFeatures, ConversionIsComparedWithTheSessionsFirstItemOnRequest) {
  std::vector<Event> events;
  for (int day = 100; day > 0; --day) {
    const std::uint32_t item = day % 2 == 0 ? 0 : 2;
    const Time time = kAsOf - day * kDay;
    events.push_back({1, item, time, 1, kNull, kNoDwell, kNo, 0, kNo});
    if (day % 4 == 0) events.push_back({1, 1, time + kSecond, 2, 1, kNoDwell, kNo, 1, kNo});
  }
  events.push_back({0, 0, kAsOf - kHour, 1, kNull, kNoDwell, kNo, 0, kNo});
  const Dataset data = shop(events);
  const FeatureConfig config{.normalise_conversion = "item"};
  const FeatureSpace space = feature_space(data, config, {}, kAsOf).value();
  const Table table = user_features(data, events_by_user(data), space, kAsOf, {}).value();
  const double all = 25.0 / 101, cup = (25 + 50 * all) / (51 + 50);
  EXPECT_NEAR(number(table, "conversion", 0), -cup, 1e-12);
  const double mat = 50 * all / (50 + 50);
  EXPECT_NEAR(number(table, "conversion", 1), 0.25 - (cup + mat) / 2, 1e-12);
}

FeatureConfig with_sql(std::map<std::string, std::string> sql) { return {.sql = std::move(sql)}; }

TEST(UserFeatures, InSqlSeeTheUsersOwnEventsBeforeTheMoment) {
  const FeatureConfig config = with_sql(
      {{"shown_7d", "count(*) FILTER (WHERE type = 'impression' AND days_ago <= 7)"},
       {"basket", "sum(value) / count(DISTINCT \"group\")"},
       {"last_item", "last(item)"},
       {"kinds", "count(DISTINCT item)"},
       {"since", "min(time)"},
       {"late", "avg(hour >= 22) > 0.3"},
       {"dear", "max(price_level) FILTER (WHERE weight > 0 AND category = 'china')"},
       {"tablets", "count(*) FILTER (WHERE context.device = 'tablet' AND weekday = 'thursday')"}});
  const Table table = user_features(shop(story()), kAsOf, config, {}).value();
  EXPECT_EQ(number(table, "shown_7d", 0), 1);
  EXPECT_EQ(number(table, "basket", 0), 10);
  EXPECT_EQ(word(table, "last_item", 0), "mat");
  EXPECT_EQ(number(table, "kinds", 0), 3);
  EXPECT_EQ(word(table, "since", 0), "2011-06-04T23:00:00Z");
  EXPECT_EQ(number(table, "late", 0), 1);
  EXPECT_EQ(number(table, "dear", 0), 0.75);
  EXPECT_EQ(number(table, "tablets", 0), 2);
  EXPECT_EQ(word(table, "last_item", 1), "mat");
  EXPECT_EQ(word(table, "since", 1), "missing");  // untimed
  EXPECT_EQ(number(table, "shown_7d", 2), 0);
  EXPECT_TRUE(std::isnan(number(table, "basket", 2)));
}

TEST(UserFeatures, InSqlAreRefusedWithTheirNameAndThePlace) {
  const Dataset data = shop(story());
  const auto refused = [&](const char* name, const char* text) {
    return feature_space(data, with_sql({{name, text}})).error().message;
  };
  EXPECT_THAT(refused("spend", "sum(vlaue)"),
              HasSubstr("features.sql.spend: unknown column 'vlaue' (did you mean 'value'?) (at "
                        "character 5"));
  EXPECT_THAT(refused("x", "max(context.devise)"), HasSubstr("did you mean 'context.device'?"));
  EXPECT_THAT(refused("x", "sum(value"), HasSubstr("(at character"));
  EXPECT_THAT(refused("x", "max(\"group\")"), HasSubstr("only be counted"));
  EXPECT_THAT(refused("x", "count(*) FILTER (WHERE item = 3)"), HasSubstr("cannot be compared"));
  EXPECT_THAT(refused("x", "max(read_text('/etc/passwd'))"), HasSubstr("is not allowed"));
  EXPECT_THAT(refused("x", "(SELECT max(value) FROM events)"), HasSubstr("subqueries"));
  EXPECT_THAT(refused("events", "count(*)"), HasSubstr("a built-in feature"));
  EXPECT_THAT(refused("device.car", "count(*)"), HasSubstr("letters, digits and _"));
  EXPECT_THAT(refused("age", "count(*)"), HasSubstr("an attribute of [[users]]"));
}

TEST(UserFeatures, InSqlStopWhenTheyRunTooLong) {
  std::vector<Event> events;
  for (int i = 0; i < 20000; ++i)
    events.push_back({0, 0, kAsOf - (20001 - i) * kSecond, 0, 1, kNoDwell, kNo, 0, kNo});
  std::string slow = "count(*)";
  for (int i = 0; i < 60; ++i) slow += " + count(DISTINCT time)";
  FeatureConfig config = with_sql({{"slow", slow}});
  config.sql_seconds = 0.001;
  std::vector<std::string> names;
  for (int i = 100; i < 300; ++i) names.push_back(std::to_string(i));
  Dataset data = shop(events);
  data.users = Vocabulary(names);
  data.user_attributes = {.rows = 200};
  const auto table = user_features(data, kAsOf, config, {});
  ASSERT_FALSE(table.has_value());
  EXPECT_THAT(table.error().message, HasSubstr("features.sql_seconds"));
}

TEST(UserFeatures, ThatAreLeftOutAreMissingForEverybody) {
  const Dataset data = shop(story());
  const FeatureSpace space = feature_space(data, {}, {.left_out = {"age", "ctr"}}, kAsOf).value();
  const Table table = user_features(data, events_by_user(data), space, kAsOf, {}).value();
  EXPECT_TRUE(std::isnan(number(table, "age", 0)));
  EXPECT_TRUE(std::isnan(number(table, "ctr", 0)));
  Table ann{.rows = 1};
  ann.columns = {{.name = "age", .numbers = {30}}};
  EXPECT_TRUE(std::isnan(number(user_features_of({}, ann, space, kAsOf), "age", 0)));
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
