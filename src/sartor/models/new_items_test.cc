#include "sartor/models/new_items.h"

#include <gmock/gmock.h>

#include <cmath>

#include "sartor/models/item_counts.h"
#include "sartor/models/popularity.h"
#include "sartor/models/test_world.h"

namespace sartor {
namespace {

TEST(NewItems, AgreesWithNumpy) {  // tests/reference/popularity_family.py
  std::vector<Taken> rows;
  std::uint32_t user = 0;
  for (std::uint32_t j = 0; j < 14; ++j) {
    const Time first = 5 * j * kDay;
    for (std::uint32_t n = 0; n < j % 4; ++n) rows.push_back({user++, j, first + (1 + n) * kDay});
    for (std::uint32_t n = 0; j % 2 == 0 && n < 3; ++n) {
      rows.push_back({user++, j, first + (12 + n) * kDay});
    }
  }
  InteractionLog log = make_log(user, 14, rows);
  for (std::uint32_t j = 0; j < 14; ++j) log.item_first_seen[j] = 5 * j * kDay;
  const History history(log, 70 * kDay);
  const auto model =
      fit_new_items({.history = &history}, {.half_life_days = 20, .young_days = 7}, {});
  const auto scores = scores_of(**model, {}, 14);
  const double expected[] = {0.171912, 0.169355, 0.176222, 0.174091, 0.178283, 0.174507, 0.189031,
                             0.184763, 0.193677, 0.185981, 0.217193, 0.208693, 0.196695, 0.213143};
  for (std::size_t j = 0; j < 14; ++j) EXPECT_NEAR(scores[j], expected[j], 2e-6) << j;
}

// Item 0: 30 takings over 60 days, ten of them in the last ten; item 1: eight in the two days since
// it came; item 2: came with item 1 and was not taken; item 3 is not there yet.
InteractionLog arrival() {
  std::vector<Taken> rows;
  for (std::uint32_t n = 0; n < 30; ++n) rows.push_back({n, 0, n * 2 * kDay});
  for (std::uint32_t n = 0; n < 8; ++n) rows.push_back({n, 1, 58 * kDay + n * 6 * kHour});
  InteractionLog log = make_log(30, 4, rows);
  log.item_first_seen = {0, 58 * kDay, 58 * kDay, 80 * kDay};
  return log;
}

TEST(NewItems, DoesNotBuryWhatCameYesterday) {
  const InteractionLog log = arrival();
  const History history(log, 60 * kDay);
  const auto popular =
      scores_of(**fit_popularity({.history = &history}, {.half_life_days = 30}, {}), {}, 4);
  EXPECT_GT(popular[0], popular[1]);
  const auto s =
      scores_of(**fit_new_items({.history = &history}, {.half_life_days = 30}, {}), {}, 4);
  EXPECT_GT(s[1], s[0]);  // four a day against one in two days
  EXPECT_GT(s[2], 0);     // nothing yet, but the prior
  EXPECT_LT(s[2], s[1]);
  EXPECT_EQ(s[3], 0);
}

TEST(NewItems, ByHandWithoutDecay) {
  const InteractionLog log = arrival();
  const History history(log, 60 * kDay);
  const auto s = scores_of(
      **fit_new_items({.history = &history}, {.half_life_days = kNoDecayDays}, {}), {}, 4);
  // Fewer than ten items came: shape 1, and as a rate 38 takings in 64 days of life.
  const double rate = 64.0 / 38;
  EXPECT_NEAR(s[0], 31 / (rate + 60), 1e-6);
  EXPECT_NEAR(s[1], 9 / (rate + 2), 1e-6);
  EXPECT_NEAR(s[2], 1 / (rate + 2), 1e-6);
}

TEST(DecayedDays, AreTheIntegral) {
  EXPECT_NEAR(decayed_days(10, 10), 0.5 * 10 / std::log(2.0), 1e-12);
  EXPECT_NEAR(decayed_days(1e-4, 10), 1e-4, 1e-8);
  EXPECT_EQ(decayed_days(10, kNoDecayDays), 10);
  EXPECT_EQ(decayed_days(-1, 10), 0);
}

}  // namespace
}  // namespace sartor
