// The negative control, and the log of what the gate decided.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "sartor/base/random.h"
#include "sartor/evaluation/gate_worlds.h"

namespace sartor {
namespace {

TEST(Control, SizeRule) {
  EXPECT_EQ(control_segments(599, 300), 0);
  EXPECT_EQ(control_segments(600, 300), 2);
  EXPECT_EQ(control_segments(1499, 300), 4);
  EXPECT_EQ(control_segments(1500, 300), 5);
  EXPECT_EQ(control_segments(1'000'000, 300), 5);
  EXPECT_EQ(control_segments(0, 300), 0);
}

TEST(Control, HashedPartsAreEvenAndIndependentOfTheFolds) {
  std::vector<int> cells(25, 0);
  int validate = 0;
  for (int i = 0; i < 25000; ++i) {
    const std::string user = fmt::format("user{}", i);
    ++cells[static_cast<std::size_t>(5 * fold_of(user, 1) + control_segment_of(user, 1, 5))];
    validate += is_validate_user(user, 1) ? 1 : 0;
  }
  for (const int cell : cells) EXPECT_NEAR(cell, 1000, 150);
  EXPECT_NEAR(validate, 8333, 300);
  EXPECT_NE(fold_of("17850", 1) * 5 + fold_of("12583", 1),
            fold_of("17850", 4) * 5 + fold_of("12583", 4));
}

// Users whose arms differ by `effect`, hashed into random segments.
GateInput control_world(std::size_t users, double effect) {
  GateInput input{.control = true};
  const int segments = control_segments(users, input.config.min_users);
  for (int s = 0; s < segments; ++s) {
    input.segments.push_back({.name = fmt::format("random {}", s + 1)});
  }
  Random random(11);
  for (std::size_t i = 0; i < users && segments > 0; ++i) {
    const std::string user = fmt::format("u{}", i);
    GateSegment& into =
        input.segments[static_cast<std::size_t>(control_segment_of(user, 1, segments))];
    const GateArms one = arms(1, effect, random);
    into.users.push_back(user);
    into.metrics["ndcg@10"].general.push_back(one.general[0]);
    into.metrics["ndcg@10"].chosen.push_back(one.chosen[0]);
  }
  return input;
}

TEST(Control, WhatHelpsAnybodyPointsAtGeneral) {
  const GateResult gate = decide({segment("real", 5000, .05)});
  const ControlSummary control = summarize_control(decide(control_world(5000, .03)));
  EXPECT_EQ(control.segments, 5U);
  EXPECT_EQ(control.tested, 5U);
  EXPECT_GE(control.promoted, 2U);
  EXPECT_NEAR(control.pooled_gain, .03, .006);
  EXPECT_LT(control.low, control.pooled_gain);
  EXPECT_LT(control.p, .001);
  ASSERT_EQ(control.warnings.size(), 1U);
  EXPECT_EQ(control.warnings[0].code, "general_undertuned");
  EXPECT_EQ(control_text(control, gate).find("control: 5 of 5 promoted (5 tested); pooled gain "),
            0U)
      << control_text(control, gate);
}

TEST(Control, NothingIsPromotedWhereNothingHelps) {
  const ControlSummary control = summarize_control(decide(control_world(5000, 0)));
  EXPECT_EQ(control.promoted, 0U);
  EXPECT_TRUE(control.warnings.empty());
  EXPECT_NEAR(control.pooled_gain, 0, .006);
}

TEST(Control, TheSmallestAllowedOneIsTestedAndTooFewUsersAreSaid) {
  EXPECT_EQ(summarize_control(decide(control_world(600, 0))).tested, 2U)
      << "a hash does not make halves of exactly 300";
  const ControlSummary none = summarize_control(decide(control_world(500, 0)));
  EXPECT_EQ(control_text(none, {}), "control: too few users");
  EXPECT_TRUE(control_json(none)["promoted"].is_null());
}

TEST(Overlap, TheSamePeopleDoingTheSameAreAdvisedApart) {
  Random random(2);
  std::vector<std::string> users;
  std::vector<double> before;
  std::vector<double> after;
  for (int i = 0; i < 1000; ++i) {
    users.push_back(std::to_string(i));
    before.push_back(random.normal());
    after.push_back(before.back() + random.normal());
  }
  const UserOverlap all = user_overlap({users, before}, {users, after});
  EXPECT_EQ(all.share, 1);
  EXPECT_NEAR(all.correlation, std::sqrt(.5), .05);
  EXPECT_TRUE(all.disjoint_advised);
  const std::span<const std::string> names(users);
  const std::span<const double> values(before);
  const UserOverlap few = user_overlap({names.first(200), values.first(200)}, {users, after});
  EXPECT_EQ(few.share, .2);
  EXPECT_FALSE(few.disjoint_advised);
}

GateInput story() {
  GateInput input{.looks = 2,
                  .fingerprints = {{"confirm", "abc"}, {"recipe", "def"}},
                  .segments = {segment("loyal", 900, .08, .01, 3), segment("others", 700, 0, 0, 4),
                               segment("small", 40, .02)}};
  input.config.guards["recall@20"] = .08;
  input.segments[0].validate = .0712345678901234;
  input.segments[1].validate = .01;
  return input;
}

TEST(DecisionLog, ReplayOfWhatHappenedHasNoDifferences) {
  const GateInput input = story();
  const std::string log = decisions_jsonl(input, decide(input));
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 4);
  EXPECT_EQ(log.find(R"({"format":1,"config":{"metric":"ndcg@10","guards":{"recall@20":0.08})"), 0U)
      << log;
  EXPECT_NE(log.find("0.0712345678901234"), std::string::npos);
  // Whoever replays knows the users and their values, nothing else.
  std::vector<GateSegment> segments = input.segments;
  for (GateSegment& one : segments) one.validate.reset();
  const auto differences = replay_decisions(log, segments);
  ASSERT_TRUE(differences.has_value()) << differences.error().message;
  EXPECT_EQ(*differences, std::vector<std::string>{});
  EXPECT_EQ(decisions_jsonl(input, decide(input)), log);
}

// A rule may take nobody in confirm; nothing is kept of such a segment user by user.
TEST(DecisionLog, ReplayDoesWithoutSegmentsThatHaveNoUsers) {
  GateInput input = story();
  GateSegment nobody{.name = "nobody"};
  for (const auto& [metric, arms] : input.segments[0].metrics) nobody.metrics[metric];
  std::vector<GateSegment> kept = input.segments;
  input.segments.insert(input.segments.begin(), nobody);
  input.segments.push_back(nobody);
  input.segments.back().name = "nobody either";
  const std::string log = decisions_jsonl(input, decide(input));
  const auto differences = replay_decisions(log, kept);
  ASSERT_TRUE(differences.has_value()) << differences.error().message;
  EXPECT_EQ(*differences, std::vector<std::string>{});
  kept.erase(kept.begin());  // one that had users is missed
  EXPECT_FALSE(replay_decisions(log, kept)->empty());
}

TEST(DecisionLog, ReplayOfAControlKeepsItsRules) {
  const GateInput input = control_world(5000, .03);
  const std::string log = decisions_jsonl(input, decide(input));
  const auto differences = replay_decisions(log, input.segments);
  ASSERT_TRUE(differences.has_value());
  EXPECT_TRUE(differences->empty());
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

TEST(DecisionLog, ReplayFindsWhatWasChanged) {
  const GateInput input = story();
  const std::string log = decisions_jsonl(input, decide(input));
  const auto verdict = replay_decisions(
      replaced(log, R"("reason":"not_proved")", R"("reason":"proved")"), input.segments);
  ASSERT_TRUE(verdict.has_value());
  EXPECT_EQ(*verdict, std::vector<std::string>{
                          R"(segment "others": reason: recorded "proved", now "not_proved")"});
  auto segments = input.segments;
  segments[1].metrics["ndcg@10"].chosen[5] += 1e-9;
  const auto values = replay_decisions(log, segments);
  ASSERT_TRUE(values.has_value());
  const auto about = std::find_if(values->begin(), values->end(), [](const std::string& line) {
    return line.find("segment \"others\": inputs/metrics/ndcg@10/chosen: ") == 0;
  });
  EXPECT_NE(about, values->end());
  segments.pop_back();
  const auto missing = replay_decisions(log, segments);
  ASSERT_TRUE(missing.has_value());
  EXPECT_EQ(missing->back(), "segment \"small\": is in the log only");
  // A laxer q in the log is used, and shows in what it leads to.
  const auto lax = replay_decisions(replaced(log, R"("q":0.05)", R"("q":0.1)"), input.segments);
  ASSERT_TRUE(lax.has_value());
  EXPECT_FALSE(lax->empty());
}

TEST(DecisionLog, BrokenLogsAreRefusedWithTheirLine) {
  const GateInput input = story();
  const std::string log = decisions_jsonl(input, decide(input));
  const auto refusal = [&](const std::string& text) {
    const auto result = replay_decisions(text, input.segments);
    EXPECT_FALSE(result.has_value());
    return result ? "" : result.error().message;
  };
  EXPECT_EQ(refusal(""), "decisions.jsonl:1: is empty");
  EXPECT_EQ(refusal(log.substr(0, log.size() - 20)), "decisions.jsonl:4: is not an object of JSON");
  EXPECT_EQ(refusal(replaced(log, R"("format":1)", R"("format":9)")),
            "decisions.jsonl:1: format is 9; expected 1");
  EXPECT_NE(refusal(replaced(log, R"("looks":2)", R"("looks":"2")")).find("decisions.jsonl:1: "),
            std::string::npos);
  EXPECT_NE(refusal(replaced(log, R"("looks":2)", R"("leeks":2)")).find("'looks' is missing"),
            std::string::npos);
}

TEST(GateJson, HasTheFieldsOfTheDesign) {
  const GateInput input = story();
  const Json json = gate_json(decide(input));
  for (const char* key : {"name", "users", "share", "decision", "reason", "p", "threshold",
                          "smallest_provable_effect", "confirm", "shrunk_gain"}) {
    EXPECT_TRUE(json["segments"][0].contains(key)) << key;
  }
  for (const char* key : {"general", "chosen", "difference", "low", "high", "users"}) {
    EXPECT_TRUE(json["segments"][0]["confirm"].contains(key)) << key;
  }
  EXPECT_EQ(json["segments"][0]["decision"], "adapted");
  EXPECT_EQ(json["segments"][2]["decision"], "general");
  EXPECT_TRUE(json["overall"].contains("served"));
  EXPECT_EQ(Json::parse(json.dump())["segments"][2]["p"], nullptr) << "what is unknown is null";
  EXPECT_EQ(json["segments"][0]["guards"]["recall@20"]["margin"], .08);
}

}  // namespace
}  // namespace sartor
