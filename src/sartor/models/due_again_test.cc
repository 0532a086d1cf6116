#include "sartor/models/due_again.h"

#include <gmock/gmock.h>

#include <cmath>

#include "sartor/models/test_numbers.h"
#include "sartor/models/test_world.h"

namespace sartor {
namespace {

TEST(DueAgain, AgreesWithNumpy) {  // tests/reference/due_again.py
  std::vector<Taken> rows;
  constexpr std::uint32_t kGaps[] = {4, 9, 30, 45, 70};
  for (std::uint32_t u = 0; u < 5; ++u) {
    for (std::uint32_t i = 0; i < 6; ++i) {
      if ((u + i) % 3 == 0) continue;
      for (Time day = (u * 13 + i * 7) % 20; day < 100; day += kGaps[(u * 2 + i) % 5]) {
        rows.push_back({u, i, day * kDay + kDay / 4});
      }
    }
  }
  const InteractionLog log = make_log(5, 6, rows);
  const History history(log, 100 * kDay);
  const auto of = [&](std::uint32_t user, double half_life) {
    const auto model =
        fit_due_again({.history = &history}, {.half_life_days = half_life, .horizon_days = 7}, {});
    return scores_of(**model, {UserId{user}, 100 * kDay, history.of(UserId{user})}, 6);
  };
  expect_near(of(0, kNoDecayDays), {0.0, 0.70998, 0.170244, 0.0, 0.123977, 1.0}, 1e-5);
  expect_near(of(0, 20), {0.0, 0.75819, 0.183119, 0.0, 0.201909, 1.0}, 1e-5);
  expect_near(of(3, kNoDecayDays), {0.0, 0.475578, 0.028822, 0.0, 1.0, 0.757182}, 1e-5);
  expect_near(of(3, 20), {0.0, 0.655663, 0.034266, 0.0, 1.0, 0.795758}, 1e-5);
}

// Item 0 runs out after three weeks or so, item 1 after ten days, item 2 is taken once in a life;
// every fifth user has made a habit of item 3, which the others take once.
InteractionLog larder() {
  Random random(7);
  std::vector<Taken> rows;
  for (std::uint32_t u = 0; u < 60; ++u) {
    double day = random.uniform(0, 21);
    for (; day < 200; day += random.uniform(19, 23)) {
      rows.push_back({u, 0, static_cast<Time>(day * static_cast<double>(kDay))});
    }
    for (day = random.uniform(0, 10); day < 200; day += random.uniform(8, 12)) {
      rows.push_back({u, 1, static_cast<Time>(day * static_cast<double>(kDay))});
    }
    rows.push_back({u, 2, static_cast<Time>(random.uniform(0, 200) * static_cast<double>(kDay))});
    day = random.uniform(0, 200);
    if (u % 5 == 0) day = 0;
    for (; day < 200; day += u % 5 == 0 ? random.uniform(8, 12) : 200) {
      rows.push_back({u, 3, static_cast<Time>(day * static_cast<double>(kDay))});
    }
  }
  return make_log(60, 4, rows);
}

TEST(DueAgain, KnowsWhatRunsOutAndWhen) {
  const InteractionLog log = larder();
  const History history(log, 200 * kDay);
  const auto model = fit_due_again({.history = &history}, {.horizon_days = 3}, {});
  // Somebody who took one item once, so many days ago.
  const auto score = [&](std::uint32_t item, Time days) {
    const Interaction row{ItemId{item}, 1, (200 - days) * kDay};
    return scores_of(**model, {.as_of = 200 * kDay, .history = {&row, 1}}, 4)[item];
  };
  EXPECT_GT(score(0, 20), 2 * score(0, 2));  // not yet, and now
  EXPECT_GT(score(1, 9), 2 * score(1, 2));
  EXPECT_GT(score(1, 9), score(0, 9));  // the quicker one
  EXPECT_LT(score(2, 9), 0.25 * score(0, 9));
}

TEST(DueAgain, LearnsTheRhythmOfAUserAndAnItem) {
  const InteractionLog log = larder();
  const History history(log, 200 * kDay);
  const auto model = fit_due_again({.history = &history}, {}, {});
  // Both took the item ten days ago; one of them six times before.
  std::vector<Interaction> often;
  for (const Time day : {130, 140, 150, 160, 170, 180, 190}) {
    often.push_back({ItemId{3}, 1, day * kDay});
  }
  const std::vector<Interaction> once = {often.back()};
  EXPECT_GT(scores_of(**model, {.as_of = 200 * kDay, .history = often}, 4)[3],
            1.5 * scores_of(**model, {.as_of = 200 * kDay, .history = once}, 4)[3]);
  // What the user never took is not due, and a stranger sees what is popular.
  EXPECT_EQ(scores_of(**model, {.as_of = 200 * kDay, .history = once}, 4)[1], 0);
  EXPECT_FALSE((*model)->knows({.as_of = 200 * kDay}));
  EXPECT_EQ(scores_of(**model, {.as_of = 200 * kDay}, 4)[1], 1);
}

TEST(DueAgain, CountsTakingsOfOneVisitOnce) {
  const InteractionLog log = larder();
  const History history(log, 200 * kDay);
  const auto model = fit_due_again({.history = &history}, {}, {});
  const std::vector<Interaction> one = {{ItemId{0}, 1, 170 * kDay}, {ItemId{0}, 1, 190 * kDay}};
  std::vector<Interaction> lines = one;
  lines.insert(lines.begin() + 1, {ItemId{0}, 2, 170 * kDay + kHour});
  EXPECT_EQ(scores_of(**model, {.as_of = 200 * kDay, .history = one}, 4),
            scores_of(**model, {.as_of = 200 * kDay, .history = lines}, 4));
}

}  // namespace
}  // namespace sartor
