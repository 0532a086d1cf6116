#include "sartor/live/peers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numbers>

#include "sartor/base/random.h"
#include "sartor/base/test_place.h"
#include "sartor/live/breaker.h"

namespace sartor {
namespace {

constexpr Time kFirst = 20'000 * kDay;

PairedCounts day_of_both(std::uint64_t n, std::uint64_t x, std::uint64_t m, std::uint64_t g) {
  return {{n, x}, {m, g}};
}

// By hand: rates .05 and .0525 on the first and second day beside .05 of the peers.
TEST(UsualRatio, HasTheRatioItsSpreadAndItsBound) {
  const std::vector<PairedCounts> even = {day_of_both(1000, 50, 10'000, 500),
                                          day_of_both(1000, 50, 10'000, 500)};
  const UsualRatio same = usual_ratio(even, 1);
  EXPECT_DOUBLE_EQ(same.ratio, 1);
  EXPECT_EQ(same.cv, 0) << "no more than chance";
  EXPECT_DOUBLE_EQ(same.low, std::exp(-1.6448536269514722 * std::sqrt(1.0 / 100 + 1.0 / 1000)));
  EXPECT_LT(usual_ratio(even, 2).low, same.low) << "clusters say less";

  // q = 1/2 and 3/2 with weights of a half; chance makes 1/5000 + 1/50000 of it.
  const std::vector<PairedCounts> uneven = {day_of_both(100'000, 2500, 1'000'000, 50'000),
                                            day_of_both(100'000, 7500, 1'000'000, 50'000)};
  const UsualRatio wild = usual_ratio(uneven, 1);
  EXPECT_DOUBLE_EQ(wild.ratio, 1);
  const double variance = 0.25 / 0.5 - (1 / 5000.0 + 1 / 50'000.0);
  EXPECT_NEAR(wild.cv, std::sqrt(variance), 1e-12);
  EXPECT_NEAR(
      wild.low,
      std::exp(-1.6448536269514722 * std::sqrt(1 / 10'000.0 + 1 / 100'000.0 + variance * 0.5)),
      1e-12);

  EXPECT_EQ(usual_ratio({}, 1).ratio, 0);
  EXPECT_EQ(usual_ratio(std::vector<PairedCounts>{day_of_both(10, 0, 10, 1)}, 1).ratio, 0);
  std::vector<PairedCounts> with_gap = even;
  with_gap.push_back(day_of_both(0, 0, 10'000, 500));
  EXPECT_EQ(usual_ratio(with_gap, 1).low, same.low) << "a day without lists says nothing";
}

PeerCounts hour_of(std::uint64_t n, std::uint64_t x, std::uint64_t g) {
  return {.model = {n, x}, .on_general = {}, .peers = {10 * n, g}};
}

TEST(PeerDetector, NeedsFourWeeksAndComparesAsTheFormulaSays) {
  PeerDetector peers;
  Time now = kFirst;
  for (std::size_t hour = 0; hour < 24 * kUsualDays; ++hour) {
    now += kHour;
    peers.add(now, hour_of(100, 5, 50), 1);
    EXPECT_EQ(peers.m(), 0) << hour;
  }
  EXPECT_FALSE(peers.watches(now - 1, 1));
  EXPECT_TRUE(peers.watches(now, 1));
  const double from = 0.9 * peers.usual(now, 1).low;
  const PeerCounts bad = hour_of(100, 2, 50);
  double w[] = {0, 0};
  for (int hour = 0; hour < 3; ++hour) {
    now += kHour;
    peers.add(now, bad, 1.5);
    for (std::size_t r = 0; r < 2; ++r) {
      const double wide = 0.9 * peers.usual(now - 1, 1.5).low;
      w[r] = (w[r] + 1) *
             std::exp(log_ratio({bad.model, bad.peers}, wide, wide * (1 - kLags[r]), 1.5));
    }
  }
  EXPECT_LT(0.9 * peers.usual(now, 1.5).low, from);
  EXPECT_NEAR(peers.m(), (w[0] + w[1]) / 2, 1e-9);
  EXPECT_GT(peers.m(), 1);
  peers.add(now + kHour, {.model = {100, 0}, .on_general = {}, .peers = {}}, 1);
  EXPECT_NEAR(peers.m(), (w[0] + w[1]) / 2, 1e-9) << "an hour without peers says nothing";
}

TEST(PeerDetector, ADropDoesNotBecomeItsOwnYardstick) {
  PeerDetector peers;
  Time now = kFirst;
  const auto live = [&](int days, std::uint64_t clicks) {
    for (int hour = 0; hour < 24 * days; ++hour)
      peers.add(now += kHour, hour_of(100, clicks, 50), 1);
  };
  live(35, 5);
  EXPECT_DOUBLE_EQ(peers.usual(now, 1).ratio, 1);
  live(7, 6);
  EXPECT_DOUBLE_EQ(peers.usual(now, 1).ratio, 1);
  live(7, 6);
  EXPECT_DOUBLE_EQ(peers.usual(now, 1).ratio, 1 + 0.2 * 6 / 28) << "it becomes usual after a week";
  live(21, 3);
  EXPECT_GT(peers.m(), kSuspicious);
  EXPECT_GE(peers.usual(now, 1).ratio, 1) << "what looks like a drop never does";
  EXPECT_TRUE(peers.watches(now, 1));
  PeerDetector tripped = peers;
  tripped.forget_recent(now);
  EXPECT_EQ(tripped.usual(now, 1).ratio, peers.usual(now, 1).ratio);
  const auto back = PeerDetector::from_json(parse_json(json_text(peers.to_json())));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->to_json(), peers.to_json());
  Json broken = peers.to_json();
  broken["days"][0][3] = "x";
  EXPECT_FALSE(PeerDetector::from_json(broken));
}

std::uint64_t poisson_of(double mean, Random& random) {
  if (mean > 60) {  // near enough to the normal distribution
    const double z = std::sqrt(-2 * std::log(1 - random.uniform())) *
                     std::cos(2 * std::numbers::pi * random.uniform());
    return static_cast<std::uint64_t>(std::max(0.0, std::round(mean + z * std::sqrt(mean))));
  }
  const double least = std::exp(-mean);
  std::uint64_t n = 0;
  for (double product = random.uniform(); product > least; product *= random.uniform()) ++n;
  return n;
}

struct World {
  double per_day = 1000;  // lists of the segment; its peers have ten times as many
  double holdback = 0.2;
  double cv = 0;  // of the ratio, from day to day
};

// PROOF section 10's world: clicks of 5 % of the lists, every hour alike.
class PeerWorld {
 public:
  PeerWorld(const World& world, std::uint64_t seed)
      : world_(world), random_(Random::stream(20260102, seed)) {}

  // Lives through `days` days, the model's rate being `model` times general's, and general's in
  // this segment `general` times its peers'; tells the first change.
  std::optional<BreakerChange> live(double days, double model, double general = 1) {
    for (const Time end = now_ + static_cast<Time>(days * static_cast<double>(kDay)); now_ < end;) {
      if (now_ % kDay == 0) swing_ = std::exp(world_.cv * normal() - world_.cv * world_.cv / 2);
      if (auto change = breaker_.advance(now_)) return change;
      const double lists = world_.per_day / 24;
      const double to_general = lists * breaker_.general_share(world_.holdback);
      const double rate = 0.05 * general * swing_;
      const PeerCounts hour{.model = arm(lists - to_general, rate * model),
                            .on_general = arm(to_general, rate),
                            .peers = arm(10 * lists, 0.05)};
      now_ += kHour;
      // The holdback's own comparison is left out, so that what trips is the peers'.
      if (auto change = breaker_.count_hour(now_, {}, 1, {hour, 1})) return change;
    }
    return {};
  }

  Time now_ = kFirst;
  Breaker breaker_{kFirst};

  World world_;

 private:
  double normal() {
    return std::sqrt(-2 * std::log(1 - random_.uniform())) *
           std::cos(2 * std::numbers::pi * random_.uniform());
  }
  ArmCounts arm(double lists, double rate) {
    return {static_cast<std::uint64_t>(std::round(lists)), poisson_of(lists * rate, random_)};
  }

  Random random_;
  double swing_ = 1;
};

// Days until a drop is told, sorted; infinity where it is not within 60 days.
std::vector<double> delays_of(const World& world, double drop, int runs) {
  std::vector<double> delays;
  for (int seed = 0; seed < runs; ++seed) {
    PeerWorld one(world, static_cast<std::uint64_t>(seed));
    for (int day = 0; day < 100 && !one.breaker_.peers().watches(one.now_, 1); ++day) {
      if (one.live(1, 1.05)) break;
    }
    const Time start = one.now_;
    const auto change = one.live(60, 1.05 * (1 - drop));
    EXPECT_TRUE(!change || change->rule == BreakerRule::behind_peers);
    delays.push_back(change ? days_between(start, change->time)
                            : std::numeric_limits<double>::infinity());
  }
  std::sort(delays.begin(), delays.end());
  return delays;
}

// PROOF section 10 tells 3.2, .3 and .1 days from its own simulation at 1,000, 10,000 and 100,000
// lists a day; its formulas, as written here, give 3.9, .46 and .083 (an hour more or less).
TEST(PeerSimulation, SeesADropOfFortyPercentWithinDays) {
  if (kSanitized) GTEST_SKIP() << "takes minutes";
  constexpr double kMedians[][2] = {{1000, 3.9}, {10'000, 0.46}, {100'000, 0.083}};
  for (const auto& [per_day, median] : kMedians) {
    const auto delays = delays_of({.per_day = per_day, .holdback = 0}, 0.4, 41);
    EXPECT_NEAR(delays[20], median, 0.25 * median + 1.0 / 24) << per_day;
    EXPECT_GT(delays.front(), 0) << per_day;
    EXPECT_LT(delays[36], 3 * median) << per_day;
  }
  // With a fifth held back and the ratio swinging, as in a small segment it does.
  const auto swinging = delays_of({.per_day = 1000, .holdback = 0.2, .cv = 0.03}, 0.4, 41);
  EXPECT_LT(swinging[20], 8);
}

// At most .003 false trips a month while the ratio swings by 6 %: .9 are expected here, and five
// would come by chance in one of four hundred.
TEST(PeerSimulation, LeavesASteadySegmentAlone) {
  int trips = 0;
  for (std::uint64_t seed = 0; seed < (kSanitized ? 3 : 100); ++seed) {
    for (const double per_day : {1000.0, 10'000.0, 100'000.0}) {
      PeerWorld world({.per_day = per_day, .cv = seed % 2 == 0 ? 0.06 : 0.03}, 1000 + seed);
      trips += world.live(28 + 30, 1.05).has_value();
    }
  }
  EXPECT_LE(trips, 4);
}

TEST(PeerSimulation, DoesNotWatchWhatSwingsByATenth) {
  const std::uint64_t runs = kSanitized ? 3 : 100;
  std::uint64_t watched = 0, unguarded = 0, tripped = 0;
  for (std::uint64_t seed = 0; seed < runs; ++seed) {
    PeerWorld world({.per_day = 100'000, .cv = 0.1}, seed);
    tripped += world.live(90, 1.05).has_value();
    watched += world.breaker_.peers().watches(world.now_, 1);
    // What it is spared: 28 steady days, and a week of such swings.
    PeerWorld calm({.per_day = 100'000}, seed);
    ASSERT_FALSE(calm.live(28, 1.05));
    calm.world_.cv = 0.1;
    unguarded += calm.live(7, 1.05).has_value();
  }
  EXPECT_LE(watched, runs / 20);
  EXPECT_LE(tripped, runs / 50);
  if (!kSanitized) {
    EXPECT_GE(unguarded, 5u) << "the guard would be for nothing";
  }
}

TEST(PeerBlame, AModelThatIsNotToBlameServesAgain) {
  PeerWorld world({.per_day = 10'000}, 1);
  ASSERT_FALSE(world.live(30, 1.2));
  const Time drop = world.now_;
  // The segment's own world changes: general does there as badly as the model.
  auto change = world.live(5, 1.2, 0.6);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->rule, BreakerRule::behind_peers);
  EXPECT_EQ(change->to, BreakerState::open);
  EXPECT_GE(change->peers.m, kTripAt);
  EXPECT_NEAR(change->peers.usual.ratio, 1.2, 0.05);
  EXPECT_LT(change->peers.usual.low, change->peers.usual.ratio);
  EXPECT_GT(change->peers.since.model.impressions, 0u);
  EXPECT_EQ(change->trips, 1);
  const Json json = change_json(*change);
  const auto back = change_of(json);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(change_json(*back), json);
  EXPECT_GT(json["evidence"]["peers"]["m"], 72'000);

  auto restored = Breaker::from_json(parse_json(json_text(world.breaker_.to_json())));
  ASSERT_TRUE(restored);
  EXPECT_EQ(restored->to_json(), world.breaker_.to_json()) << "also while it asks who is to blame";
  change = world.live(5, 1.2, 0.6);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->rule, BreakerRule::not_to_blame);
  EXPECT_EQ(change->to, BreakerState::closed);
  EXPECT_GE(change->peers.blame, kNotToBlameAt);
  EXPECT_EQ(world.breaker_.trips(), 0);
  EXPECT_EQ(world.breaker_.peers().days(world.now_), 0u) << "it learns anew what is usual";
  EXPECT_LT(days_between(drop, change->time), 5);
}

TEST(PeerBlame, ABadModelStaysAwayAndProbes) {
  PeerWorld world({.per_day = 10'000}, 2);
  ASSERT_FALSE(world.live(30, 1.2));
  auto change = world.live(5, 1.2 * 0.6);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->rule, BreakerRule::behind_peers);
  change = world.live(5, 1.2 * 0.6);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->rule, BreakerRule::wait_over);
  EXPECT_EQ(change->to, BreakerState::probing);
  EXPECT_GT(change->peers.since.on_general.impressions, 9000u);
  EXPECT_LT(change->peers.blame, 1);
  EXPECT_FALSE(world.live(3, 1.2 * 0.6));
}

TEST(PeerBlame, AStateFromBeforeThereWerePeersIsRead) {
  Json old = Breaker(kFirst).to_json();
  old.erase("peers");
  old.erase("peer_phi");
  const auto breaker = Breaker::from_json(old);
  ASSERT_TRUE(breaker) << breaker.error().message;
  EXPECT_EQ(breaker->to_json(), Breaker(kFirst).to_json());
}

}  // namespace
}  // namespace sartor
