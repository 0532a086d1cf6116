#include "sartor/data/split.h"

#include <gmock/gmock.h>

namespace sartor {
namespace {

using testing::HasSubstr;

// One user with a positive on each of `days` days from 2021-01-01 on.
InteractionLog daily(int days) {
  InteractionLog log{.users = 1, .items = 1, .begin = {0, static_cast<std::size_t>(days)}};
  const Time first = *parse_time("2021-01-01");
  for (int d = 0; d < days; ++d) log.rows.push_back({ItemId{0}, 1, first + d * kDay});
  return log;
}

TEST(Split, SharesOfThePositivesLatestLast) {
  const auto split = make_split(daily(100), {});
  ASSERT_TRUE(split.has_value()) << split.error().message;
  EXPECT_EQ(format_time(split->validate.from), "2021-03-02T00:00:00Z");  // after 60 days
  EXPECT_EQ(format_time(split->confirm.from), "2021-03-12T00:00:00Z");   // after 70
  EXPECT_EQ(format_time(split->test.from), "2021-04-01T00:00:00Z");      // after 90
  EXPECT_EQ(split->validate.until, split->confirm.from);
  EXPECT_EQ(split->confirm.until, split->test.from);
  EXPECT_EQ(split->test.until, *parse_time("2021-04-10") + 1);
}

TEST(Split, EarlierWindowsReachAsFarAsTheLogTeaches) {
  // 60 days before validate, which is ten long: the earliest window must leave ten to learn from.
  auto split = make_split(daily(100), {});
  ASSERT_EQ(split->earlier.size(), 4u);
  EXPECT_EQ(split->earlier.back().until, split->validate.from);
  EXPECT_EQ(format_time(split->earlier.front().from), "2021-01-21T00:00:00Z");
  split = make_split(daily(100), {.earlier = 100});
  ASSERT_EQ(split->earlier.size(), 5u);
  EXPECT_EQ(format_time(split->earlier.front().from), "2021-01-11T00:00:00Z");
  EXPECT_EQ(split->earlier[0].until, split->earlier[1].from);
  EXPECT_TRUE(make_split(daily(100), {.earlier = 0})->earlier.empty());
}

TEST(Split, DatesWinOverShares) {
  const auto split = make_split(
      daily(100),
      {.validate_from = "2021-02-01", .confirm_from = "2021-02-10", .until = "2021-04-05"});
  ASSERT_TRUE(split.has_value()) << split.error().message;
  EXPECT_EQ(split->validate.from, *parse_time("2021-02-01"));
  EXPECT_EQ(split->confirm.from, *parse_time("2021-02-10"));
  EXPECT_EQ(format_time(split->test.from), "2021-04-01T00:00:00Z");
  EXPECT_EQ(split->test.until, *parse_time("2021-04-05"));
}

TEST(Split, WindowsOutOfOrderOrEmptyAreNamed) {
  auto split =
      make_split(daily(100), {.validate_from = "2021-03-20", .confirm_from = "2021-03-10"});
  ASSERT_FALSE(split.has_value());
  EXPECT_EQ(split.error().code, ErrorCode::config);
  EXPECT_THAT(split.error().message, HasSubstr("validate"));
  split = make_split(daily(100), {.test_from = "2022-01-01", .until = "2022-02-01"});
  ASSERT_FALSE(split.has_value());
  EXPECT_THAT(split.error().message, HasSubstr("test"));
  EXPECT_THAT(split.error().message, HasSubstr("2021-04-10"));
  split = make_split(daily(100), {.validate_from = "2020-01-01"});
  ASSERT_FALSE(split.has_value());
  EXPECT_THAT(split.error().message, HasSubstr("nothing to train"));
  split = make_split(daily(100), {.validate_from = "soon"});
  ASSERT_FALSE(split.has_value());
  EXPECT_THAT(split.error().message, HasSubstr("validate_from"));
  EXPECT_FALSE(make_split(daily(2), {}).has_value());
  EXPECT_FALSE(make_split({.users = 1, .items = 1, .begin = {0, 0}}, {}).has_value());
  EXPECT_TRUE(make_split(daily(100), {.cases = "next"}).has_value());
  EXPECT_FALSE(make_split(daily(100), {.cases = "each"}).has_value());
}

}  // namespace
}  // namespace sartor
