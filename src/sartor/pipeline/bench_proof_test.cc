#include "sartor/pipeline/bench_proof.h"

#include <gmock/gmock.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "sartor/evaluation/gate_worlds.h"

namespace sartor {
namespace {

using ::testing::HasSubstr;

// Two segments that gain, one that nothing was found for, a control, and the same people before and
// after.
ProofEvidence evidence_of(std::size_t users) {
  ProofEvidence out{.name = "shop"};
  GateSegment none = segment("none", users, 0);
  for (auto& [metric, arms] : none.metrics) arms.chosen = arms.general;
  out.confirm = {segment("a", users, .03, .01, 1), segment("b", users, .01, 0, 2), none};
  for (GateSegment& one : out.confirm) {
    for (std::size_t i = 0; i < users; ++i) one.half.push_back(i % 2);
  }
  out.test = {segment("a", users, .02, .01, 3), segment("b", users, .01, 0, 4), none};
  out.validate = {segment("a", users, .04, .01, 5), segment("b", users, .01, 0, 6), none};
  out.control = {segment("random 1", users, .01, 0, 7), segment("random 2", users, 0, 0, 8)};
  return out;
}

const ProofBench kShort{.replicates = 100, .most_users = 1500};

TEST(BenchProof, TheGatePassesAndTheReportHoldsAllParts) {
  const ProofEvidence evidence = evidence_of(500);
  const auto report = prove(evidence, kShort, run_gate, {.threads = 2});
  ASSERT_TRUE(report) << report.error().message;
  const Json& all = *report;
  EXPECT_EQ(all["people"].size(), 5U);
  EXPECT_FALSE(all["people"][2]["used"].get<bool>()) << "nothing was found for it";
  EXPECT_FALSE(all["from_control"].get<bool>());
  ASSERT_EQ(all["worlds"].size(), 9U);
  for (const Json& world : all["worlds"]) {
    EXPECT_NEAR(world["bar"].get<double>(), .05 + 2 * std::sqrt(.05 * .95 / 100), 1e-12);
    EXPECT_EQ(world["passed"].get<bool>(), world["rate"] <= world["bar"]);
    EXPECT_LE(world["rate"].get<double>(), .05 + 3.5 * std::sqrt(.05 * .95 / 100));
    EXPECT_LE(world["low"], world["rate"]);
    EXPECT_GE(world["high"], world["rate"]);
  }
  EXPECT_EQ(all["worlds"][0]["segments"], 2);
  EXPECT_EQ(all["worlds"][3]["segments"], 9);
  EXPECT_EQ(all["power"].size(), 8U);
  EXPECT_EQ(all["mixed"].size(), 4U);
  EXPECT_GT(all["power"][6]["power"], all["power"][0]["power"]) << "5 % is easier than 1 %";
  EXPECT_EQ(all["drift_worlds"].size(), 8U);
  ASSERT_EQ(all["drift"].size(), 3U);
  EXPECT_EQ(all["drift"][1]["segments"].size(), 2U);
  EXPECT_EQ(all["drift"][1]["shared"], 1);
  EXPECT_EQ(all["drift"][0]["shared"], 0) << "each user is in one half";
  EXPECT_NEAR(all["drift"][1]["correlation"].get<double>(), 0, .15);
  EXPECT_EQ(all["type_one"].size(), 4U);
  EXPECT_EQ(json_text(*prove(evidence, kShort, run_gate, {.threads = 1})), json_text(all));
  EXPECT_THAT(proof_text({{"data", {all}}, {"passed", true}}), HasSubstr("q is passed at"));
}

TEST(BenchProof, AGateWithABrokenThresholdFails) {
  const GateFunction lenient = [](GateInput input) {
    input.config.q *= 4;
    return run_gate(input);
  };
  const auto report = prove(evidence_of(500), kShort, lenient, {.threads = 2});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_FALSE((*report)["passed"].get<bool>());
  EXPECT_THAT(proof_text({{"data", {*report}}, {"passed", false}}), HasSubstr("FAILED"));
}

TEST(BenchProof, WithoutCandidatesTheControlsPeopleDo) {
  ProofEvidence evidence = evidence_of(500);
  evidence.confirm = {evidence.confirm[2]};
  const auto report =
      prove(evidence, {.replicates = 20, .most_users = 1000}, run_gate, {.threads = 2});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE((*report)["from_control"].get<bool>());
  evidence.control.clear();
  const auto failed = prove(evidence, kShort, run_gate, {});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::bad_data);
  EXPECT_THAT(failed.error().message, HasSubstr("nothing to draw from"));
}

TEST(BenchProof, SaysWhatIsMissing) {
  const auto nowhere = bench_proof({"/no/such/place"}, Json::object(), {});
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, ErrorCode::not_found);
  EXPECT_THAT(nowhere.error().message, HasSubstr("sartor run"));
  EXPECT_THAT(bench_proof({"x"}, {{"replicates", 1}}, {}).error().message, HasSubstr("replicates"));
}

}  // namespace
}  // namespace sartor
