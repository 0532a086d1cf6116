// Worlds with known answers: what the gate should do there is theory, and a gate that is broken on
// purpose is found out.
#include "sartor/evaluation/gate_trials.h"

#include <gtest/gtest.h>

#include <cmath>

#include "sartor/evaluation/gate_worlds.h"

namespace sartor {
namespace {

constexpr std::size_t kTries = 1000;

GateConfig without_guards() {
  GateConfig config;
  config.guards.clear();
  return config;
}

// `m` segments of 400 people each, all at exactly `gain`.
GateWorld world_of(const GateSegment& people, std::size_t m, double gain,
                   const GateConfig& config) {
  GateWorld world{.name = "test", .config = config};
  for (std::size_t s = 0; s < m; ++s)
    world.segments.push_back({.people = &people, .gain = gain, .users = 400, .wrong = true});
  return world;
}

WorldRates tried(const GateWorld& world, const GateFunction& gate = run_gate,
                 std::size_t replicates = kTries, int threads = 2) {
  const auto rates = try_world(world, replicates, 1, gate, {.threads = threads});
  EXPECT_TRUE(rates.has_value()) << (rates ? "" : rates.error().message);
  return rates ? *rates : WorldRates{};
}

double error_of(double rate) { return std::sqrt(rate * (1 - rate) / kTries); }

TEST(GateTrials, OneSegmentExactlyAtMinGainIsPromotedInQOfAllCases) {
  const GateSegment people = segment("s", 3000, .02);
  const WorldRates rates = tried(world_of(people, 1, .005, without_guards()));
  EXPECT_NEAR(rates.rate(), .05, 4 * error_of(.05));
  EXPECT_EQ(rates.tested, 1);
  EXPECT_EQ(rates.by_segment[0], rates.rate());
  EXPECT_NEAR(rates.fdr, rates.rate(), 1e-12) << "where all are wrong, FDR is P(any)";
}

TEST(GateTrials, NineSegmentsTogetherToo) {
  const GateSegment people = segment("s", 3000, .02);
  const WorldRates rates = tried(world_of(people, 9, .005, without_guards()));
  EXPECT_NEAR(rates.rate(), .05, 4 * error_of(.05)) << "Simes is exact for independent segments";
  EXPECT_LT(rates.two_wrong, rates.any_wrong / 3);
  EXPECT_EQ(rates.tested, 9);
}

TEST(GateTrials, ScaledArmsTellTheSame) {
  const GateSegment people = segment("s", 3000, .02);
  GateWorld world = world_of(people, 4, .005, without_guards());
  world.recentre = Recentre::scale;
  EXPECT_NEAR(tried(world).rate(), .05, 4 * error_of(.05));
  EXPECT_EQ(tried(world).effective, 1) << "all are drawn alike";
}

TEST(GateTrials, AGateThatIsBrokenIsFoundOut) {
  const GateSegment people = segment("s", 3000, .02);
  const GateWorld world = world_of(people, 9, .005, without_guards());
  const double bar = .05 + 2 * error_of(.05);
  const GateFunction lenient = [](GateInput input) {  // a threshold three times too high
    input.config.q *= 3;
    return run_gate(input);
  };
  EXPECT_GT(tried(world, lenient).rate(), 2 * bar);
  const GateFunction greedy = [](const GateInput& input) {  // no correction for nine questions
    auto result = run_gate(input);
    for (SegmentVerdict& one : result->segments) one.adapted = one.p <= result->q;
    return result;
  };
  EXPECT_GT(tried(world, greedy).rate(), 4 * bar);
  const GateFunction modest = [](GateInput input) {  // any gain is enough
    input.config.min_gain = 0;
    return run_gate(input);
  };
  EXPECT_GT(tried(world, modest).rate(), bar);
}

TEST(GateTrials, AGuardAtItsMarginHoldsThePromotionBack) {
  const GateSegment people = segment("s", 3000, .05, -.04);
  GateWorld world = world_of(people, 1, .10, GateConfig{});
  world.segments[0].guards["recall@20"] = -.05;
  world.segments[0].users = 3000;
  EXPECT_NEAR(tried(world).rate(), .05, 4 * error_of(.05));
  const GateFunction careless = [](GateInput input) {
    input.config.guards.clear();
    return run_gate(input);
  };
  EXPECT_GT(tried(world, careless).rate(), .95);
}

TEST(GateTrials, RightPromotionsAreCountedAsPower) {
  const GateSegment people = segment("s", 3000, .02);
  GateWorld world = world_of(people, 4, .005, without_guards());
  world.segments[1].gain = world.segments[3].gain = .08;
  world.segments[1].wrong = world.segments[3].wrong = false;
  world.segments[3].users = 100;  // never tested
  const WorldRates rates = tried(world);
  EXPECT_GT(rates.power, .99) << "8 % of 400 users cannot be missed";
  EXPECT_EQ(rates.by_segment[3], 0);
  EXPECT_EQ(rates.tested, 3);
  EXPECT_NEAR(rates.promoted, 1 + 2 * (2 * .05 / 3), .05) << "two null ones at 2 q / 3";
  EXPECT_LE(rates.fdr, .05 + 4 * error_of(.05));
  EXPECT_GT(rates.fdr, .01);
}

TEST(GateTrials, ADriftThatConfirmCannotSeeIsPaidInFalseDiscoveries) {
  const GateSegment people = segment("s", 3000, .02);
  GateWorld world = world_of(people, 9, 0, without_guards());
  for (std::size_t s = 0; s < 9; s += 3) {
    world.segments[s].gain = .03;
    world.segments[s].wrong = false;
  }
  for (WorldSegment& one : world.segments) one.users = 1500;
  EXPECT_LT(tried(world, run_gate, 300).fdr, .03) << "0 is well inside 'at most min_gain'";
  for (WorldSegment& one : world.segments) one.drift = .05;
  const WorldRates moved = tried(world, run_gate, 300);
  EXPECT_GT(moved.fdr, .25) << "six of nine are displaced by 5 % either way";
  EXPECT_LT(moved.power, .9) << "and some of the good ones downwards";
}

// Users whose difference on validate is `shared` of that on confirm and the rest noise.
std::vector<EarlierUser> earlier_of(const GateSegment& people, double shared) {
  Random random(8);
  const GateArms& arms = people.metrics.at("ndcg@10");
  std::vector<EarlierUser> before;
  for (std::size_t i = 0; i < arms.general.size(); ++i) {
    const double d = arms.chosen[i] - arms.general[i];
    const double noise = .08 * random.normal();
    before.push_back({arms.general[i], arms.general[i] + shared * d + (1 - shared) * noise});
  }
  return before;
}

TEST(GateTrials, ChoosingIsFreeUnlessTheSameUsersJudge) {
  const GateSegment people = segment("s", 3000, .02);
  GateWorld world = world_of(people, 1, .005, without_guards());
  world.candidates = 8;
  world.segments[0].before = earlier_of(people, 0);
  EXPECT_NEAR(tried(world).rate(), .05, 5 * error_of(.05)) << "validate tells nothing of confirm";
  world.segments[0].before = earlier_of(people, 1);
  EXPECT_GT(tried(world).rate(), .3) << "the best of eight samples is the best again";
  for (EarlierUser& user : world.segments[0].before) user = {};
  EXPECT_NEAR(tried(world).rate(), .05, 4 * error_of(.05)) << "nobody was there";
}

TEST(GateTrials, TheControlIsTriedAsTheControl) {
  const GateSegment people = segment("s", 3000, .02);
  GateWorld world = world_of(people, 5, 0, GateConfig{});
  world.control = true;
  const WorldRates rates = tried(world);
  EXPECT_NEAR(rates.rate(), .05, 4 * error_of(.05));
  EXPECT_LT(static_cast<double>(rates.two_wrong) / kTries, .012) << ".004 in theory";
}

TEST(GateTrials, ThreadsDoNotMatterAndSeedsDo) {
  const GateSegment people = segment("s", 1000, .02);
  GateWorld world = world_of(people, 3, .02, GateConfig{});
  world.segments[0].users = 0;
  world.segments[1].drift = .02;
  const WorldRates one = tried(world, run_gate, 200, 1), three = tried(world, run_gate, 200, 3);
  EXPECT_EQ(one.by_segment, three.by_segment);
  EXPECT_EQ(one.fdr, three.fdr);
  EXPECT_EQ(one.tested, three.tested);
  const auto other = try_world(world, 200, 2, run_gate, {.threads = 2});
  ASSERT_TRUE(other.has_value());
  EXPECT_NE(one.by_segment, other->by_segment);
}

TEST(GateTrials, WhatCannotBeTriedIsNamed) {
  GateSegment people = segment("best", 400, 0);
  GateArms& values = people.metrics["ndcg@10"];
  for (std::size_t i = 0; i < 400; ++i) values.chosen[i] = values.general[i] + .1;
  EXPECT_FALSE(can_be_tilted(people, GateConfig{}, .005)) << "everybody gains";
  const auto failed = try_world(world_of(people, 1, .005, GateConfig{}), 10, 1, run_gate, {});
  ASSERT_FALSE(failed.has_value());
  EXPECT_NE(failed.error().message.find("world 'test', segment 'best'"), std::string::npos);
  values.chosen = values.general;
  EXPECT_FALSE(can_be_tilted(people, GateConfig{}, .005)) << "nobody differs";
  EXPECT_FALSE(try_world({.name = "empty"}, 10, 1, run_gate, {}).has_value());
  std::atomic<bool> stop{true};
  const GateSegment some = segment("s", 400, .02);
  const auto stopped = try_world(world_of(some, 1, .005, GateConfig{}), 10, 1, run_gate,
                                 {.threads = 1, .cancelled = &stop});
  ASSERT_FALSE(stopped.has_value());
  EXPECT_EQ(stopped.error().code, ErrorCode::cancelled);
}

TEST(TypeOneRates, AreNominalForEvenPeopleAndHallMendsWhatTDoesToLosers) {
  const GateSegment even = segment("even", 3000, .02);
  GateSegment losers = segment("losers", 3000, 0);  // 3 % lose much, the others gain a little
  Random random(4);
  GateArms& values = losers.metrics["ndcg@10"];
  for (std::size_t i = 0; i < 3000; ++i) {
    values.general[i] = .6;
    values.chosen[i] = i % 33 == 0 ? .6 - random.uniform(.3, .6) : .6 + random.uniform(0, .03);
  }
  const std::size_t sizes[] = {300};
  const GateSegment* both[] = {&even, &losers};
  const auto nominal = type_one_rates({both, 1}, without_guards(), sizes, 20'000, 1, {});
  const auto skewed = type_one_rates({both + 1, 1}, without_guards(), sizes, 20'000, 1, {});
  ASSERT_TRUE(nominal.has_value() && skewed.has_value());
  EXPECT_NEAR((*nominal)[0].worse[0], .05, .006);
  EXPECT_NEAR((*nominal)[0].t[1], .005, .002);
  EXPECT_GT((*skewed)[0].t[0], .07) << "Student's alone";
  EXPECT_LT((*skewed)[0].worse[0], .06);
  EXPECT_LE((*skewed)[0].worse[0], (*skewed)[0].hall[0]);
}

}  // namespace
}  // namespace sartor
