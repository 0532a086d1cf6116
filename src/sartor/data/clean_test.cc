#include "sartor/data/clean.h"

#include <gmock/gmock.h>

#include <cmath>

namespace sartor {
namespace {

using testing::ElementsAre;

struct Row {
  std::uint32_t user;
  std::uint32_t item;
  double seconds;
  float dwell = 0;
  double value = 0;
};

Events events_of(const std::vector<Row>& rows) {
  Events events;
  for (const Row& row : rows) {
    events.user.push_back({row.user});
    events.item.push_back({row.item});
    events.time.push_back(
        row.seconds < 0 ? kUntimed : static_cast<Time>(row.seconds * static_cast<double>(kSecond)));
    events.type.push_back(0);
    events.value.push_back(row.value);
    events.dwell_seconds.push_back(row.dwell);
    events.group.push_back(Column::kMissing);
  }
  return events;
}

std::vector<std::uint32_t> users_of(const Events& events) {
  std::vector<std::uint32_t> users;
  for (const UserId user : events.user) users.push_back(user.value);
  return users;
}

TEST(Clean, ExactDuplicatesGoButTheFirst) {
  auto events =
      events_of({{0, 1, -1}, {0, 1, -1}, {0, 1, 5}, {0, 1, 5, 0, 2}, {0, 1, 5}, {1, 1, 5}});
  IngestReport report;
  ASSERT_TRUE(clean_events(events, {}, report));
  EXPECT_EQ(report.removed.at("duplicate"), 1U);  // not the one of another value, not untimed ones
  EXPECT_EQ(events.size(), 5U);
  events = events_of({{0, 1, 5}, {0, 1, 5}});
  ASSERT_TRUE(clean_events(events, {.duplicates = false}, report));
  EXPECT_EQ(events.size(), 2U);
}

TEST(Clean, DuplicatesDifferInContextToo) {
  auto events = events_of({{0, 1, 5}, {0, 1, 5}, {0, 1, 5}});
  events.context.push_back({.name = "page", .numbers = {1, 2, 1}});
  IngestReport report;
  ASSERT_TRUE(clean_events(events, {}, report));
  EXPECT_THAT(events.context[0].numbers, ElementsAre(1, 2));
}

TEST(Clean, BurstsCountFromTheLastKeptEvent) {
  auto events = events_of({{0, 1, 0}, {0, 2, 1}, {0, 1, 4}, {0, 1, 8}, {0, 1, 13}, {1, 1, 13}});
  IngestReport report;
  ASSERT_TRUE(clean_events(events, {.burst_seconds = 5}, report));
  // 4 is within 5 s of 0; 8 is not within 5 s of 0 and stays; 13 is within 5 s of 8.
  EXPECT_EQ(report.removed.at("burst"), 2U);
  EXPECT_THAT(events.time, ElementsAre(0, 1 * kSecond, 8 * kSecond, 13 * kSecond));
}

TEST(Clean, BotsAreFasterThanAPersonInAnyMinute) {
  std::vector<Row> rows;
  for (int i = 0; i < 11; ++i) rows.push_back({7, 1, i * 5.0});        // 11 moments in 50 s
  for (int i = 0; i < 11; ++i) rows.push_back({8, 1, 100 + i * 6.0});  // 10 in any minute
  for (int i = 0; i < 20; ++i) rows.push_back({9, static_cast<std::uint32_t>(i), 500});  // a basket
  auto events = events_of(rows);
  IngestReport report;
  ASSERT_TRUE(clean_events(events, {.max_events_per_minute = 10}, report));
  EXPECT_EQ(report.bot_users, 1U);
  EXPECT_EQ(report.removed.at("bot"), 11U);
  EXPECT_EQ(events.size(), 31U);
  EXPECT_EQ(users_of(events).front(), 8U);
}

TEST(Clean, DwellIsClippedOrItsEventRemoved) {
  const std::vector<Row> rows = {{0, 1, 1, -5}, {0, 1, 2, 50}, {0, 1, 3, 1e6F}, {0, 1, 4, NAN}};
  auto events = events_of(rows);
  IngestReport report;
  ASSERT_TRUE(clean_events(events, {.max_dwell_seconds = 3600}, report));
  EXPECT_EQ(report.changed.at("dwell_clipped"), 2U);
  EXPECT_THAT(std::vector<float>(events.dwell_seconds.begin(), events.dwell_seconds.begin() + 3),
              ElementsAre(0, 50, 3600));
  EXPECT_TRUE(std::isnan(events.dwell_seconds[3]));
  events = events_of(rows);
  ASSERT_TRUE(clean_events(events, {.max_dwell_seconds = 3600, .dwell_outside = "remove"}, report));
  EXPECT_EQ(report.removed.at("dwell_outside"), 2U);
  EXPECT_EQ(events.size(), 2U);
  EXPECT_FALSE(clean_events(events, {.dwell_outside = "cut"}, report));
}

TEST(Clean, NormalisedDwellSeesOnlyWhatCameBefore) {
  std::vector<Row> rows;
  for (int i = 0; i < 200; ++i) {
    rows.push_back({static_cast<std::uint32_t>(i % 2), 1, i * 10.0, i % 2 == 0 ? 10.0F : 100.0F});
  }
  auto events = events_of(rows);
  IngestReport report;
  ASSERT_TRUE(clean_events(events, {.normalise_dwell = "user"}, report));
  EXPECT_EQ(events.dwell_seconds[0], 1);
  EXPECT_EQ(events.dwell_seconds[1], 10);  // the mean so far is 10
  // A slow and a fast reader end near their own means: (99 * own + 20 * all) / 119 of their own.
  EXPECT_NEAR(events.dwell_seconds[198], 10 / ((99 * 10 + 20 * 55.0) / 119), 0.01);
  EXPECT_NEAR(events.dwell_seconds[199], 100 / ((99 * 100 + 20 * 54.8) / 119), 0.01);
  auto shorter = events_of({rows.begin(), rows.begin() + 100});
  ASSERT_TRUE(clean_events(shorter, {.normalise_dwell = "user"}, report));
  EXPECT_TRUE(std::equal(shorter.dwell_seconds.begin(), shorter.dwell_seconds.end(),
                         events.dwell_seconds.begin()));
  EXPECT_FALSE(clean_events(events, {.normalise_dwell = "usr"}, report));
}

}  // namespace
}  // namespace sartor
