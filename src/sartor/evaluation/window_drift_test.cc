#include "sartor/evaluation/window_drift.h"

#include <gtest/gtest.h>

#include <cmath>

#include "sartor/evaluation/gate_worlds.h"

namespace sartor {
namespace {

// The same people in two windows: what each gains has a part that lasts and a part that does not.
struct TwoWindows {
  GateSegment before, after;
};

TwoWindows two_windows(const std::string& name, std::size_t n, double lasting, double moved,
                       std::uint64_t seed) {
  TwoWindows out{{.name = name}, {.name = name}};
  Random random(seed);
  for (std::size_t i = 0; i < n; ++i) {
    const std::string user = fmt::format("{}-{}", name, i);
    const double mine = random.normal();
    const auto add = [&](GateSegment& window, double gain) {
      window.users.push_back(user);
      const double noise = std::sqrt(lasting) * mine + std::sqrt(1 - lasting) * random.normal();
      window.metrics["ndcg@10"].general.push_back(.4);
      window.metrics["ndcg@10"].chosen.push_back(.4 * (1 + gain) + .05 * noise);
    };
    add(out.before, 0);
    add(out.after, moved);
  }
  return out;
}

WindowDrift drift_of(std::span<const TwoWindows> worlds) {
  std::vector<GateSegment> before, after;
  for (const TwoWindows& one : worlds) {
    before.push_back(one.before);
    after.push_back(one.after);
  }
  return measure_drift(before, after, "ndcg@10", 20);
}

TEST(WindowDrift, OneSegmentByHand) {
  GateSegment before{.name = "s", .users = {"a", "b", "c"}};
  before.metrics["m"] = {{.5, .5, 1}, {.5, 1, 1}};  // G = .25; errors -.0625, .1875, -.125
  GateSegment after{.name = "s", .users = {"b", "d"}};
  after.metrics["m"] = {{.5, .5}, {.5, 1}};  // G = .5; errors -.25, .25
  const WindowDrift drift = measure_drift({&before, 1}, {&after, 1}, "m", 1);
  ASSERT_EQ(drift.segments.size(), 1U);
  const MovedGain& one = drift.segments[0];
  EXPECT_NEAR(one.before, .25, 1e-12);
  EXPECT_NEAR(one.moved, .25, 1e-12);
  const double variance = .0625 * .0625 + .4375 * .4375 + .125 * .125 + .25 * .25;
  EXPECT_NEAR(one.error, std::sqrt(variance), 1e-12);
  EXPECT_EQ(one.shared, .5);
}

TEST(WindowDrift, NothingMovesAndUsersAreTheSame) {
  std::vector<TwoWindows> worlds;
  for (std::uint64_t s = 1; s <= 5; ++s)
    worlds.push_back(two_windows(fmt::format("s{}", s), 2000, .36, 0, s + 10));
  const WindowDrift drift = drift_of(worlds);
  ASSERT_EQ(drift.segments.size(), 5U);
  EXPECT_EQ(drift.tau.low, 0);
  EXPECT_LT(drift.tau.tau, .005);
  EXPECT_EQ(drift.shared, 1);
  EXPECT_NEAR(drift.correlation, .36, .03);
  EXPECT_LT(drift.correlation_interval.low, .36);
  EXPECT_GT(drift.correlation_interval.high, .36);
  // sd .05 of d, two windows, correlation .36: .05 sqrt(2 (1 - .36) / 2000) / .4.
  EXPECT_NEAR(drift.segments[0].error, .05 * std::sqrt(2 * .64 / 2000) / .4, 2e-4);
}

TEST(WindowDrift, FindsHowFarGainsMove) {
  std::vector<TwoWindows> worlds;
  const double moves[] = {.06, -.05, .04, -.06, .05, -.04};
  for (std::uint64_t s = 0; s < 6; ++s)
    worlds.push_back(two_windows(fmt::format("s{}", s), 2000, 0, moves[s], s + 1));
  const WindowDrift drift = drift_of(worlds);
  EXPECT_NEAR(drift.tau.tau, .051, .006);
  EXPECT_GT(drift.tau.low, .02);
  EXPECT_NEAR(drift.common, 0, .01);
  EXPECT_NEAR(drift.tau_around_common, .055, .008);
}

TEST(WindowDrift, AllMovingTogetherIsMovementToo) {
  std::vector<TwoWindows> worlds;
  for (std::uint64_t s = 1; s <= 4; ++s)
    worlds.push_back(two_windows(fmt::format("s{}", s), 2000, 0, .05, s));
  const WindowDrift drift = drift_of(worlds);
  EXPECT_NEAR(drift.tau.tau, .05, .006);
  EXPECT_NEAR(drift.common, .05, .005);
  EXPECT_LT(drift.tau_around_common, .005);
}

TEST(WindowDrift, WhatHasNoCandidateOrNoPartnerIsLeftOut) {
  std::vector<TwoWindows> worlds = {two_windows("a", 100, 0, 0, 1), two_windows("b", 100, 0, 0, 2)};
  worlds[0].after.metrics["ndcg@10"].chosen = worlds[0].after.metrics["ndcg@10"].general;
  worlds[1].before.name = "somebody else";
  EXPECT_TRUE(drift_of(worlds).segments.empty());
  EXPECT_TRUE(std::isnan(drift_of(worlds).correlation));
}

TEST(WindowDrift, HalvesHoldEveryUserOnce) {
  GateSegment whole = segment("s", 100, .1);
  for (std::size_t i = 0; i < 100; ++i) whole.half.push_back(i % 4 == 0 ? 0 : 1);
  const auto first = half_of_window({&whole, 1}, 0), second = half_of_window({&whole, 1}, 1);
  EXPECT_EQ(first[0].users.size(), 25U);
  EXPECT_EQ(second[0].users.size(), 75U);
  EXPECT_EQ(first[0].users[1], whole.users[4]);
  EXPECT_EQ(first[0].metrics.at("recall@20").chosen[1], whole.metrics["recall@20"].chosen[4]);
}

}  // namespace
}  // namespace sartor
