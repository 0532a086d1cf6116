#include "sartor/evaluation/gate.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "sartor/base/random.h"
#include "sartor/evaluation/gate_worlds.h"

namespace sartor {
namespace {

std::string message(const GateInput& input, ErrorCode code = ErrorCode::bad_data) {
  const auto result = run_gate(input);
  EXPECT_FALSE(result.has_value());
  if (result) return "";
  EXPECT_EQ(result.error().code, code);
  return result.error().message;
}

// Every value of the primary metric, set to the same pair.
GateSegment constant(const std::string& name, double general, double chosen) {
  GateSegment out = segment(name, 400, 0);
  std::fill(out.metrics["ndcg@10"].general.begin(), out.metrics["ndcg@10"].general.end(), general);
  std::fill(out.metrics["ndcg@10"].chosen.begin(), out.metrics["ndcg@10"].chosen.end(), chosen);
  return out;
}

TEST(Gate, PromotesATrueGainAndKeepsTheRestOnGeneral) {
  const GateResult result = decide({segment("winners", 5000, .10, .02), segment("same", 5000, 0),
                                    segment("losers", 5000, -.10)});
  EXPECT_EQ(result.find("winners")->reason, "proved");
  EXPECT_TRUE(result.find("winners")->adapted);
  EXPECT_EQ(result.find("same")->reason, "not_proved");
  EXPECT_EQ(result.find("losers")->reason, "not_proved");
  EXPECT_EQ(result.tested, 3U);
  EXPECT_EQ(result.promoted, 1U);
  const SegmentVerdict& winners = *result.find("winners");
  EXPECT_NEAR(winners.primary.gain, .10, .01);
  EXPECT_LT(winners.primary.gain_low, .10);
  EXPECT_GT(winners.primary.gain_high, .10);
  EXPECT_NEAR(winners.threshold, .05 / 3, 1e-12);
  // A third of the users gain 10 %.
  EXPECT_NEAR(result.overall.gain, .0333, .004);
  EXPECT_EQ(result.overall.users, 15000U);
  EXPECT_NEAR(result.expected_live_gain, winners.shrunk_gain / 3, 1e-12);
}

TEST(Gate, EachEdgeHasItsReason) {
  GateSegment screened = segment("screened", 400, .1);
  screened.validate = 0;
  GateSegment none = segment("none", 400, 0);
  none.candidate = false;
  none.metrics["ndcg@10"].chosen.clear();
  none.metrics["recall@20"].chosen.clear();
  GateSegment few = segment("few", 400, 0);
  few.metrics["ndcg@10"].chosen = few.metrics["ndcg@10"].general;
  for (std::size_t i = 0; i < 19; ++i) few.metrics["ndcg@10"].chosen[i] += .1;
  GateSegment small = segment("small", 299, .2);
  small.validate = .2;
  const GateResult result = decide({small, none, screened, constant("identical", .3, .3),
                                    constant("shifted", .3, .4), few, segment("tested", 400, 0)});
  EXPECT_EQ(result.find("small")->reason, "too_few_users");
  EXPECT_EQ(result.find("none")->reason, "no_candidate");
  EXPECT_EQ(result.find("screened")->reason, "not_better_on_validate");
  EXPECT_EQ(result.find("identical")->reason, "identical");
  EXPECT_EQ(result.find("identical")->primary.high, 0);
  EXPECT_EQ(result.find("shifted")->reason, "no_variation");
  EXPECT_EQ(result.find("few")->reason, "too_few_differences");
  EXPECT_EQ(result.find("tested")->reason, "not_proved");
  EXPECT_EQ(result.tested, 1U) << "only what is tested pays for multiplicity";
  EXPECT_EQ(result.promoted, 0U);
  EXPECT_EQ(result.overall.difference, 0);
  EXPECT_TRUE(std::isnan(result.find("small")->p));
  // What is not tested still shows its interval, and what it could have proved.
  EXPECT_GT(result.find("small")->primary.gain_low, .1);
  EXPECT_GT(result.find("none")->smallest_provable_effect, .005);
  EXPECT_GT(result.find("none")->primary.general, 0);
}

TEST(Gate, AFewLargeDifferencesAmongManySmallOnesAreTooFew) {
  GateSegment lumpy = segment("lumpy", 2000, 0), even = segment("even", 2000, 0);
  for (GateSegment* one : {&lumpy, &even}) {
    GateArms& arms = one->metrics["ndcg@10"];
    for (std::size_t i = 0; i < 2000; ++i) {
      const bool large = i % 200 == 0;  // ten of them carry all the variance
      arms.general[i] = .4;
      arms.chosen[i] = .4 + (one == &lumpy ? (large ? .5 : .001) : (i % 3 == 0 ? .02 : -.001));
    }
  }
  const GateResult result = decide({lumpy, even});
  EXPECT_EQ(result.find("lumpy")->reason, "too_few_differences");
  EXPECT_EQ(result.find("lumpy")->primary.informative, 2000U);
  EXPECT_NEAR(result.find("lumpy")->primary.effective, 10, .1);
  EXPECT_TRUE(result.find("even")->tested);
}

TEST(Gate, AGuardThatAHandfulDecidesCannotBeTested) {
  GateSegment one = segment("one", 2000, .10);
  GateArms& guard = one.metrics["recall@20"];
  for (std::size_t i = 0; i < 2000; ++i) {
    guard.general[i] = i % 10 == 0 ? .1 : 0;
    guard.chosen[i] = guard.general[i];
  }
  EXPECT_EQ(decide({one}).segments[0].reason, "proved") << "nobody's guard differs";
  for (std::size_t i = 5; i < 100; i += 10) guard.chosen[i] = 1;
  EXPECT_EQ(decide({one}).segments[0].reason, "too_few_differences") << "ten users carry it";
  for (std::size_t i = 5; i < 300; i += 10) guard.chosen[i] = 1;
  EXPECT_EQ(decide({one}).segments[0].reason, "proved") << "thirty are enough";
}

TEST(Gate, AMetricThatIsZeroForAllHasNoRelativeGain) {
  GateSegment zero = segment("zero", 400, 0);
  GateArms& primary = zero.metrics["ndcg@10"];
  for (std::size_t i = 0; i < 400; ++i) {
    primary.general[i] = 0;
    primary.chosen[i] = i % 4 == 0 ? .2 : 0;
  }
  const GateResult result = decide({zero});
  EXPECT_EQ(result.segments[0].reason, "proved");
  EXPECT_TRUE(std::isnan(result.segments[0].primary.gain));
  EXPECT_TRUE(std::isnan(result.segments[0].shrunk_gain));
  EXPECT_EQ(result.expected_live_gain, 0);
}

TEST(Gate, AGainThatHurtsAGuardStaysOnGeneral) {
  const GateResult result = decide({segment("hurts", 5000, .10, -.10)});
  const SegmentVerdict& hurts = result.segments[0];
  EXPECT_EQ(hurts.reason, "guard_failed");
  EXPECT_LT(hurts.p_primary, .001);
  EXPECT_GT(hurts.p_guards, .999);
  EXPECT_EQ(hurts.p, hurts.p_guards);
  EXPECT_GE(hurts.low_gate, 0);
  EXPECT_FALSE(hurts.guards[0].passed);
  EXPECT_LT(hurts.guards[0].low, 0);
}

TEST(Gate, AGuardThatNothingTouchesHolds) {
  GateSegment one = segment("one", 1000, .10);
  for (auto& [metric, values] : one.metrics) {
    if (metric != "ndcg@10") values = {std::vector<double>(1000, 1), std::vector<double>(1000, 1)};
  }
  EXPECT_EQ(decide({one}).segments[0].reason, "proved");
}

TEST(Gate, EachJudgesGuardsByThemselves) {
  // Ten segments, one of which gains: its guard's p of a few percent passes by itself, not jointly.
  GateInput input;
  for (int i = 0; i < 10; ++i) {
    input.segments.push_back(segment(fmt::format("s{}", i), 600, i == 0 ? .10 : 0, 0,
                                     static_cast<std::uint64_t>(i + 1)));
  }
  input.config.guards["recall@20"] = .0235;
  const GateResult joint = decide(input);
  const double p_guard = joint.segments[0].p_guards;
  ASSERT_GT(p_guard, .005) << "the story needs a middling guard";
  ASSERT_LT(p_guard, .05);
  EXPECT_EQ(joint.segments[0].reason, "guard_failed");
  input.config.guard_rule = "each";
  const GateResult each = decide(input);
  EXPECT_EQ(each.segments[0].reason, "proved");
  EXPECT_EQ(each.segments[0].p, each.segments[0].p_primary);
  EXPECT_EQ(each.promoted, 1U);
}

TEST(Gate, LowGateIsNotBelowZeroExactlyWhereTheStepUpRejects) {
  int rejected = 0;
  for (std::uint64_t round = 0; round < 60; ++round) {
    GateInput input;
    input.config.guards.clear();
    for (std::uint64_t i = 0; i < 6; ++i) {
      input.segments.push_back(
          segment(fmt::format("s{}", i), 350, .004 * static_cast<double>(i), 0, round * 6 + i));
    }
    const GateResult result = decide(input);
    for (const SegmentVerdict& one : result.segments) {
      EXPECT_EQ(one.adapted, one.low_gate >= 0);
      EXPECT_EQ(one.adapted, one.p <= one.threshold);
      rejected += one.adapted ? 1 : 0;
    }
  }
  EXPECT_GT(rejected, 20);
  EXPECT_LT(rejected, 340);
}

TEST(Gate, ALookAgainIsPaidFor) {
  GateInput input{.looks = 3, .segments = {segment("s", 400, .03)}};
  const GateResult third = decide(input);
  EXPECT_DOUBLE_EQ(third.q, .05 / 9);
  EXPECT_EQ(third.warnings[0].code, "looks");
  input.looks = 1;
  const GateResult first = decide(input);
  EXPECT_LT(third.segments[0].low_gate, first.segments[0].low_gate);
  EXPECT_GT(third.segments[0].smallest_provable_effect, first.segments[0].smallest_provable_effect);
}

TEST(Gate, SegmentsThatPassOnlyALenientLevelAreWorthAnExperiment) {
  bool met = false;
  for (std::uint64_t seed = 1; seed < 40; ++seed) {
    const SegmentVerdict one = decide({segment("s", 400, .015, .10, seed)}).segments[0];
    EXPECT_EQ(one.passes_q20, one.p > .05 && one.p <= .2) << one.p;
    met = met || one.passes_q20;
  }
  EXPECT_TRUE(met);
}

TEST(Gate, GainsAreShrunkToTheirMeanAndOneAloneIsNot) {
  const GateResult result = decide(
      {segment("a", 1000, .10, 0, 1), segment("b", 1000, 0, 0, 2), segment("c", 1000, .02, 0, 3)});
  const double mean = (result.segments[0].primary.gain + result.segments[1].primary.gain +
                       result.segments[2].primary.gain) /
                      3;
  EXPECT_LT(result.segments[0].shrunk_gain, result.segments[0].primary.gain);
  EXPECT_GT(result.segments[0].shrunk_gain, mean);
  EXPECT_GT(result.segments[1].shrunk_gain, result.segments[1].primary.gain);
  const GateResult alone = decide({segment("a", 1000, .10)});
  EXPECT_EQ(alone.segments[0].shrunk_gain, alone.segments[0].primary.gain);
  EXPECT_FALSE(alone.segments[0].shrunk);
}

TEST(Gate, HalvesThatDisagreeAreCalledUnstable) {
  GateSegment one = segment("s", 2000, 0);
  GateArms& values = one.metrics["ndcg@10"];
  for (std::size_t i = 0; i < 2000; ++i) {
    one.half.push_back(i < 1000 ? 0 : 1);
    if (i >= 1000) values.chosen[i] += .05;
  }
  const GateResult result = decide({one});
  EXPECT_LT(result.segments[0].unstable_z, -2.58);
  EXPECT_TRUE(result.segments[0].unstable);
  EXPECT_EQ(result.warnings[0].code, "unstable");
  std::fill(one.half.begin(), one.half.end(), 2);  // in neither
  EXPECT_TRUE(std::isnan(decide({one}).segments[0].unstable_z));
}

TEST(Gate, PlansBeforeTheRun) {
  const GateConfig config{.guards = {{"recall@20", .02}}, .min_gain = 0};
  const SegmentPlan plan = plan_segment(config, 1, 2000, 10, .4, {{"recall@20", .4}});
  EXPECT_NEAR(plan.best, .02223970725, 1e-10);
  EXPECT_NEAR(plan.worst, .03056660684, 1e-10);
  EXPECT_EQ(plan.guard_n_needed, 2474);
  EXPECT_TRUE(plan.guard_hopeless);
  EXPECT_FALSE(plan.hopeless);
  EXPECT_EQ(plan_segment(config, 1, 2000, 10, kUnknown, {}).best, plan.best) << "0.4 is assumed";
  EXPECT_TRUE(plan_segment(config, 1, 300, 10, 5.7, {}).hopeless);
  EXPECT_NEAR(plan_segment(config, 2, 2000, 1, .4, {}).best,
              plan_segment({.guards = {}, .min_gain = 0, .q = .0125}, 1, 2000, 1, .4, {}).best,
              1e-12);
}

TEST(GateInput, BadValuesNameSegmentAndUser) {
  GateInput input{.segments = {segment("loyal", 400, 0), segment("lapsed", 400, 0)}};
  auto& values = input.segments[1].metrics["recall@20"].chosen;
  for (const double bad : {kUnknown, HUGE_VAL, -.01, 1.01}) {
    values[7] = bad;
    const std::string text = message(input);
    EXPECT_NE(text.find("'lapsed'"), std::string::npos) << text;
    EXPECT_NE(text.find("'lapsed-7'"), std::string::npos) << text;
    EXPECT_NE(text.find("recall@20 of chosen"), std::string::npos) << text;
  }
  values[7] = .5;
  input.segments[1].users[7] = "loyal-3";
  EXPECT_EQ(message(input),
            "gate: segment 'lapsed': user 'loyal-3' is there already, in segment 'loyal'");
  input.segments[1].users[7] = "lapsed-6";
  EXPECT_NE(message(input).find("user 'lapsed-6' is there already"), std::string::npos);
  input.segments[1].users.pop_back();
  EXPECT_NE(message(input).find("400 values for 399 users"), std::string::npos);
  input.segments[1].metrics.erase("recall@20");
  EXPECT_FALSE(message(input).empty());
  input.segments[1] = input.segments[0];
  EXPECT_NE(message(input).find("the name is taken"), std::string::npos);
}

TEST(GateInput, BadConfigNamesTheKey) {
  GateInput input{.config = {.guard_rule = "jiont"}};
  EXPECT_EQ(message(input, ErrorCode::config),
            "gate.guard_rule: 'jiont' is not known; expected joint or each (did you mean "
            "'joint'?)");
  input.config = {.metric = "ndgc@10"};
  EXPECT_EQ(message(input, ErrorCode::config).find("gate.metric: "), 0U);
  input.config = {.guards = {{"recall@20", 1.5}}};
  EXPECT_EQ(message(input, ErrorCode::config).find("gate.guards.recall@20: 1.5"), 0U);
  input.config = {.users = "some"};
  EXPECT_EQ(message(input, ErrorCode::config).find("gate.users: 'some'"), 0U);
  input.config = {};
  input.looks = 0;
  message(input, ErrorCode::invalid_argument);
}

TEST(GateInput, NoSegmentsNoDecisions) {
  const GateResult result = decide(GateInput{});
  EXPECT_EQ(result.tested, 0U);
  EXPECT_TRUE(std::isnan(result.overall.general));
}

// 400 worlds of 5 segments in which nothing is gained: at min_gain 0 the share of worlds with any
// false promotion is q.
TEST(GateSimulation, WhereNothingIsGainedFalsePromotionsKeepTheirRate) {
  GateInput input{.control = true};
  for (int s = 0; s < 5; ++s) input.segments.push_back(segment(fmt::format("s{}", s), 320, 0));
  Random random(20260101);
  int worlds_with_false = 0;
  for (int world = 0; world < 400; ++world) {
    for (GateSegment& one : input.segments) one.metrics["ndcg@10"] = arms(320, 0, random);
    worlds_with_false += decide(input).promoted > 0 ? 1 : 0;
  }
  // Binomial(400, .05): 20 with a standard deviation of 4.4.
  EXPECT_GE(worlds_with_false, 7);
  EXPECT_LE(worlds_with_false, 37);
}

TEST(GateSimulation, ATrueTenPercentIsFoundEveryTimeAmongNothings) {
  Random random(5);
  GateInput input;
  for (int s = 0; s < 4; ++s) input.segments.push_back(segment(fmt::format("s{}", s), 5000, 0));
  for (int world = 0; world < 10; ++world) {
    for (std::size_t s = 0; s < 4; ++s) {
      input.segments[s].metrics["ndcg@10"] = arms(5000, s == 2 ? .10 : 0, random);
      input.segments[s].metrics["recall@20"] = arms(5000, 0, random);
    }
    const GateResult result = decide(input);
    EXPECT_TRUE(result.segments[2].adapted);
    EXPECT_EQ(result.promoted, 1U);
  }
}

}  // namespace
}  // namespace sartor
