#include "sartor/segments/profile.h"

#include <gmock/gmock.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "sartor/base/random.h"
#include "sartor/segments/profile_words.h"
#include "sartor/segments/test_rows.h"

namespace sartor {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// 20 users, the first five loyal: many groups and sessions, seen lately, more of them German.
Table customers() {
  Table table{.rows = 20};
  Column groups{.name = "groups"}, sessions{.name = "sessions"}, last{.name = "days_since_last"},
      noise{.name = "age"},
      country{.name = "context.country", .is_text = true, .words = {"France", "Germany", "UK"}};
  for (std::uint32_t u = 0; u < 20; ++u) {
    const bool loyal = u < 5;
    groups.numbers.push_back(loyal ? 12 : 2);
    sessions.numbers.push_back(loyal ? 24 : 4);
    last.numbers.push_back(loyal ? 10 : u == 19 ? std::nan("") : 90);
    noise.numbers.push_back(u % 5);
    country.codes.push_back(loyal && u > 0 ? 1 : u % 7 == 6 ? Column::kMissing : 2);
  }
  table.columns = {groups, sessions, last, noise, country};
  return table;
}

TEST(Profile, SaysInOneSentenceWhatSetsASegmentApart) {
  const Table table = customers();
  std::vector<std::uint32_t> assigned(20, 1);
  std::fill_n(assigned.begin(), 5, 0u);
  const auto profiles = segment_profiles(table, assigned, {"loyal", "everyone else", "nobody"});
  ASSERT_EQ(profiles.size(), 3u);
  const SegmentProfile& loyal = profiles[0];
  EXPECT_EQ(loyal.users, 5u);
  EXPECT_DOUBLE_EQ(loyal.share, 0.25);
  // groups: means 12 and 4.5, sd sqrt(18.75).
  EXPECT_EQ(loyal.contrasts[0].feature, "groups");
  EXPECT_DOUBLE_EQ(loyal.contrasts[0].segment, 12);
  EXPECT_DOUBLE_EQ(loyal.contrasts[0].all, 4.5);
  EXPECT_NEAR(loyal.contrasts[0].z, 7.5 / std::sqrt(18.75), 1e-12);
  EXPECT_EQ(loyal.sentence,
            "loyal: 5 users (25.0%); 12 groups (baskets, visits) on average against 4.5; last seen "
            "10 days ago against 69; mostly country Germany (80% against 22%)");
  EXPECT_EQ(profiles[2].sentence, "nobody: 0 users (0.0%)");
  EXPECT_TRUE(profiles[2].contrasts.empty());
}

TEST(Profile, HasEveryFeatureAndOfHowManyItIsKnown) {
  const Table table = customers();
  std::vector<std::uint32_t> assigned(20, 1);
  std::fill_n(assigned.begin(), 5, 0u);
  const auto profiles = segment_profiles(table, assigned, {"loyal", "everyone else", "nobody"});
  ASSERT_EQ(profiles[0].features.size(), table.columns.size());
  EXPECT_EQ(profiles[0].features[0].feature, "groups");
  EXPECT_EQ(profiles[0].features[0].value, 12);
  EXPECT_EQ(profiles[0].features[0].known, 1);
  EXPECT_EQ(profiles[0].features[4].word, "Germany");
  EXPECT_EQ(profiles[0].features[4].value, 0.8);
  EXPECT_EQ(profiles[1].features[2].value, 90);
  EXPECT_DOUBLE_EQ(profiles[1].features[2].known, 14.0 / 15);
  EXPECT_TRUE(profiles[2].features.empty());
  const Json json = profiles_json(profiles);
  EXPECT_TRUE(json[0]["features"][0]["word"].is_null());
  EXPECT_EQ(json[0]["features"][4]["word"], "Germany");
}

TEST(Profile, IsOfTheGivenUsersAndKeepsQuietWhereNothingDiffers) {
  const Table table = customers();
  const std::vector<std::uint32_t> assigned(20, 0), few = {0, 1, 2};
  const auto some = segment_profiles(table, few, assigned, {"all"});
  EXPECT_EQ(some[0].users, 3u);
  EXPECT_EQ(some[0].sentence, "all: 3 users (100.0%); much like everybody");
}

TEST(Profile, DoesNotSpeakForASegmentOfWhichItKnowsFew) {
  Table table = customers();
  for (std::size_t u = 0; u < 19; ++u) table.columns[2].numbers[u] = u == 7 ? 500 : std::nan("");
  table.columns[2].numbers[19] = 3;
  std::vector<std::uint32_t> assigned(20, 0);
  assigned[19] = 1;
  const auto profiles = segment_profiles(table, assigned, {"most", "one"});
  EXPECT_THAT(profiles[0].sentence, Not(HasSubstr("last seen")));
  EXPECT_THAT(profiles[1].sentence, HasSubstr("; last seen 3 days ago against 252"));
}

TEST(Profile, SaysWhatASegmentTakesMoreOften) {
  const Table table = customers();
  std::vector<std::uint32_t> assigned(20, 1);
  std::fill_n(assigned.begin(), 10, 0u);
  InteractionLog log{.users = 20, .items = 3, .item_first_seen = {0, 0, 0}};
  for (std::uint32_t u = 0; u < 20; ++u) {  // all take the cup, twice; the first eight the jug
    log.begin.push_back(log.rows.size());
    log.rows.push_back({{0}, 1, 10});
    log.rows.push_back({{0}, 1, 11});
    if (u < 8) log.rows.push_back({{1}, 1, 12});
    log.rows.push_back({{2}, 1, 100});  // later
  }
  log.begin.push_back(log.rows.size());
  const std::vector<std::string> labels = {"cup", "jug", "mat"};
  auto profiles = segment_profiles(table, assigned, {"left", "right"});
  add_items_taken(History(log, 50), all_rows(20), assigned, labels, profiles);
  EXPECT_THAT(profiles[0].sentence, testing::EndsWith("; more often take jug (80% against 40%)"));
  EXPECT_EQ(profiles[0].contrasts.back().feature, "took");
  EXPECT_NEAR(profiles[0].contrasts.back().z, 0.4 / std::sqrt(0.24), 1e-12);
  EXPECT_THAT(profiles[1].sentence, Not(HasSubstr("take")));
}

TEST(Profile, WordsAreForPeople) {
  EXPECT_EQ(in_words({"ctr", "", 0.1234, 0.06, 1}), "click on 12% of what they see against 6.0%");
  EXPECT_EQ(in_words({"value_sum", "", 12345.6, 0.4237, 1}),
            "worth 12,346 on average against 0.42");
  EXPECT_EQ(in_words({"fan_count", "", 3.14159, 100, -1}), "fan count 3.1 on average against 100");
  EXPECT_EQ(in_words({"favourite_device", "tablet", 0.3, 0.1, 1}),
            "more often device tablet (30% against 10%)");
  EXPECT_EQ(in_words({"user.season", "dry\n", 0.01, 0.1, -1}),
            "less often season dry\\x0a (1.0% against 10%)");
}

TEST(Profile, JsonNamesTheWord) {
  const Table table = customers();
  std::vector<std::uint32_t> assigned(20, 1);
  std::fill_n(assigned.begin(), 5, 0u);
  const Json json = profiles_json(segment_profiles(table, assigned, {"loyal", "everyone else"}));
  EXPECT_EQ(json[0]["segment"], "loyal");
  EXPECT_EQ(json[0]["users"], 5);
  bool german = false;
  for (const Json& contrast : json[0]["contrasts"]) {
    german |= contrast["feature"] == "context.country = Germany" && contrast["segment"] == 0.8;
  }
  EXPECT_TRUE(german);
}

TEST(Map, FirstAxisHoldsTheVariance) {
  Table table{.rows = 100};
  Column a{.name = "a", .numbers = std::vector<double>(100)},
      b{.name = "b", .numbers = std::vector<double>(100)};
  for (std::size_t i = 0; i < 100; ++i) a.numbers[i] = b.numbers[i] = static_cast<double>(i);
  table.columns = {a, b};
  const UserMap map = map_users(table, all_rows(100), 50);
  EXPECT_EQ(map.x.size(), 50u);
  EXPECT_NEAR(map.explained[0], 1, 1e-9);
  EXPECT_NEAR(map.explained[1], 0, 1e-9);
  EXPECT_GT(map.x[49], map.x[0]);
}

TEST(Map, AxesAreOrthogonalAndSharesAreThoseOfTheVariance) {
  Random random(5);
  Table table{.rows = 400};
  table.columns = {{.name = "a"}, {.name = "b"}, {.name = "c"}, {.name = "constant"}};
  for (int i = 0; i < 400; ++i) {
    const double common = random.normal();
    table.columns[0].numbers.push_back(common + 0.3 * random.normal());
    table.columns[1].numbers.push_back(1000 * (common + 0.3 * random.normal()));
    table.columns[2].numbers.push_back(i % 10 == 0 ? std::nan("") : random.normal());
    table.columns[3].numbers.push_back(5);
  }
  const UserMap map = map_users(table, all_rows(400), 1000);
  ASSERT_EQ(map.x.size(), 400u);
  double xy = 0, xx = 0, yy = 0;
  for (std::size_t i = 0; i < 400; ++i) {
    xy += map.x[i] * map.y[i];
    xx += map.x[i] * map.x[i];
    yy += map.y[i] * map.y[i];
  }
  EXPECT_LT(std::abs(xy), 1e-6 * xx);
  EXPECT_NEAR(yy / xx, map.explained[1] / map.explained[0], 1e-6);
  EXPECT_NEAR(map.explained[0], 1.92 / 2.9, 0.05);  // two columns with correlation 0.92 of three
  EXPECT_LT(map.explained[0] + map.explained[1], 1);
  EXPECT_TRUE(map_users(Table{.rows = 3}, all_rows(3), 10).x == std::vector<double>(3, 0.0));
}

}  // namespace
}  // namespace sartor
