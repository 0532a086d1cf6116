// Cases of cases = "next": each event is predicted from what was known before it.
#include <gmock/gmock.h>

#include <algorithm>
#include <limits>

#include "sartor/evaluation/evaluate.h"

namespace sartor {
namespace {

using ::testing::ElementsAre;

constexpr Time kWindowStart = 10 * kDay;
const Window kWindow{kWindowStart, 20 * kDay};

struct Take {
  std::uint32_t user;
  std::uint32_t item;
  Time time;
};

InteractionLog make_log(std::size_t users, std::size_t items, const std::vector<Take>& takes) {
  InteractionLog log{
      .users = users, .items = items, .begin = {0}, .rows = {}, .item_first_seen = {}};
  log.item_first_seen.assign(items, std::numeric_limits<Time>::max());
  for (std::uint32_t u = 0; u < users; ++u) {
    for (const Take& take : takes) {
      Time& seen = log.item_first_seen[take.item];
      if (u == 0) seen = std::min(seen, take.time);
      if (take.user == u) log.rows.push_back({ItemId{take.item}, 1, take.time});
    }
    log.begin.push_back(log.rows.size());
  }
  return log;
}

// User 0: item 0 before; in the window item 1, then a basket of 0, 1 and again 0, then item 3.
// User 1: items 1 and 2 before; in the window item 3, which is new then. User 2: only before.
const std::vector<Take> kTakes = {
    {0, 0, kDay},      {0, 1, 11 * kDay}, {0, 0, 12 * kDay}, {0, 1, 12 * kDay}, {0, 0, 12 * kDay},
    {0, 3, 15 * kDay}, {1, 1, kDay},      {1, 2, 2 * kDay},  {1, 3, 13 * kDay}, {2, 2, kDay}};

std::vector<std::uint32_t> targets(const Cases& cases) {
  std::vector<std::uint32_t> out;
  for (const ItemId item : cases.targets) out.push_back(item.value);
  return out;
}

TEST(NextCases, OnePerEventFromWhatWasThereBefore) {
  const InteractionLog log = make_log(3, 4, kTakes);
  const Cases cases = next_cases(log, kWindow, true, false);
  ASSERT_EQ(cases.size(), 4u);
  EXPECT_THAT(targets(cases), ElementsAre(1, 0, 1, 3));  // all of user 0: item 3 is known by then
  EXPECT_EQ(cases.left_out_targets, 1u);                 // user 1's
  EXPECT_EQ(cases.left_out_users, 1u);
  const History history(log, kWindowStart);
  const std::vector<std::size_t> known = {1, 2, 2, 5};  // a basket does not know itself
  for (std::size_t c = 0; c < cases.size(); ++c) {
    const Query query = query_of(cases, c, history);
    EXPECT_EQ(query.history.size(), known[c]) << c;
    for (const Interaction& row : query.history) EXPECT_LT(row.time, query.as_of) << c;
    EXPECT_EQ(cases.targets_of(c).size(), 1u);
  }
  EXPECT_EQ(query_of(cases, 3, history).as_of, 15 * kDay);

  const Cases counted = next_cases(log, kWindow, true, true);
  EXPECT_THAT(targets(counted), ElementsAre(1, 0, 1, 3, 3));
  const Cases fresh = next_cases(log, kWindow, false, true);
  EXPECT_THAT(targets(fresh), ElementsAre(1, 3, 3));  // what was taken before is no target
}

TEST(NextCases, AUsersValueIsTheMeanOverTheUsersCases) {
  const InteractionLog log = make_log(3, 4, kTakes);
  const Cases cases = next_cases(log, kWindow, true, true);
  EXPECT_THAT(user_begins(cases), ElementsAre(0, 4, 5));
  EXPECT_THAT(distinct_users(cases), ElementsAre(UserId{0}, UserId{1}));
  const std::vector<double> values = {1, 0, 0, 1, .25};
  EXPECT_THAT(per_user(cases, values), ElementsAre(.5, .25));
  EXPECT_EQ(mean_over_users(cases, values), .375);
  const std::vector<std::size_t> second = {1};
  const Cases own = cases_of_users(cases, second);
  EXPECT_THAT(targets(own), ElementsAre(3));
  EXPECT_EQ(own.moments[0].as_of, 13 * kDay);

  Dataset data;
  data.users = Vocabulary({"ann#1", "bob", "cy"});
  EXPECT_EQ(case_name(cases, 2, data), "ann%231#3");
}

TEST(NextCases, PartsAreInTimeAndNeverAheadOfTheirCases) {
  std::vector<Take> takes = {{0, 0, kDay}};
  for (std::uint32_t u = 0; u < 5; ++u) {
    for (std::uint32_t i = 0; i < 20; ++i)
      takes.push_back({u, i % 4, kWindowStart + ((7 * i + 3 * u) % 31) * kHour});
  }
  std::stable_sort(takes.begin(), takes.end(),
                   [](const Take& a, const Take& b) { return a.time < b.time; });
  const InteractionLog log = make_log(5, 4, takes);
  const Cases cases = next_cases(log, kWindow, true, true);
  const auto parts = in_time(cases);
  ASSERT_EQ(parts.size(), kRefreshes);
  std::size_t n = 0;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    n += parts[p].cases.size();
    for (const std::size_t c : parts[p].cases) {
      EXPECT_GE(cases.moments[c].as_of, parts[p].as_of);
      if (p + 1 < parts.size()) {
        EXPECT_LE(cases.moments[c].as_of, parts[p + 1].as_of);
      }
    }
  }
  EXPECT_EQ(n, cases.size());
}

// Scores an item by how often everybody has taken it so far.
ScorerAt popularity(std::vector<Time>* moments = nullptr) {
  return [moments](const History& now) -> Scorer {
    if (moments != nullptr) moments->push_back(now.as_of());
    std::vector<float> counts(now.items(), 0);
    for (std::uint32_t u = 0; u < now.users(); ++u) {
      for (const Interaction& row : now.of(UserId{u})) ++counts[row.item.index()];
    }
    return [counts](std::size_t, const Query&, std::span<float> out) {
      std::copy(counts.begin(), counts.end(), out.begin());
    };
  };
}

Evaluation judge(const InteractionLog& log, Time until, int threads) {
  const Cases cases = next_cases(log, {kWindowStart, until}, true, true);
  return *evaluate_in_time(cases, History(log, kWindowStart), popularity(),
                           {.metrics = {{MetricKind::mrr, 4}}, .repeat = true, .depth = 4},
                           {.threads = threads});
}

TEST(NextCases, ScorersAreBroughtUpToDateInTimeOrder) {
  const InteractionLog log = make_log(3, 4, kTakes);
  const Cases cases = next_cases(log, kWindow, true, true);
  std::vector<Time> moments;
  const auto got = evaluate_in_time(cases, History(log, kWindowStart), popularity(&moments),
                                    {.repeat = true, .depth = 4}, {});
  ASSERT_TRUE(got);
  EXPECT_THAT(moments, ElementsAre(11 * kDay, 12 * kDay, 12 * kDay, 13 * kDay, 15 * kDay));
  // Day 11: items 0 and 1 once, 2 twice; 3 is not known. Day 15: 0 three times, 1 three, 2 two.
  EXPECT_EQ(std::vector(got->lists.begin(), got->lists.begin() + 4),
            (std::vector{ItemId{2}, ItemId{0}, ItemId{1}, kNoItem}));
  EXPECT_EQ(std::vector(got->lists.begin() + 12, got->lists.begin() + 16),
            (std::vector{ItemId{0}, ItemId{1}, ItemId{2}, ItemId{3}}));
}

// What happens later changes nothing of what came before it.
TEST(NextCases, SeesNothingOfTheFuture) {
  std::vector<Take> takes = kTakes;
  const Evaluation before = judge(make_log(3, 4, takes), 16 * kDay, 1);
  takes.push_back({0, 2, 16 * kDay});
  for (int i = 0; i < 9; ++i) takes.push_back({2, 3, 16 * kDay + i});
  const Evaluation after = judge(make_log(3, 4, takes), 16 * kDay, 1);
  EXPECT_EQ(before.lists, after.lists);
  EXPECT_EQ(before.values, after.values);
  // The same events a little earlier do change something: the test could fail.
  takes = kTakes;
  for (int i = 0; i < 9; ++i) takes.push_back({2, 3, 14 * kDay + i});
  const Evaluation told = judge(make_log(3, 4, takes), 16 * kDay, 1);
  EXPECT_NE(std::vector(told.lists.begin() + 12, told.lists.begin() + 16),
            std::vector(before.lists.begin() + 12, before.lists.begin() + 16));
}

TEST(NextCases, SameBitsAtAnyThreadCount) {
  const InteractionLog log = make_log(3, 4, kTakes);
  EXPECT_EQ(judge(log, 20 * kDay, 1).lists, judge(log, 20 * kDay, 2).lists);
}

}  // namespace
}  // namespace sartor
