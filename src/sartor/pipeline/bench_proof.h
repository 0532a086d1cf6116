// `sartor bench proof`: the gate tried on the per-user values that runs left in their bundles,
// moved to gains that are known. docs/proof.md says how to read it.
#pragma once

#include <string>
#include <vector>

#include "sartor/base/json.h"
#include "sartor/base/parallel.h"
#include "sartor/base/result.h"
#include "sartor/evaluation/gate_trials.h"

namespace sartor {

struct ProofBench {
  int replicates = 2000;
  int candidates = 8;
  int most_users = 20'000;
  std::uint64_t seed = 1;

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"replicates", &ProofBench::replicates, 20, 1e6, Scale::fixed,
              "of every world; the bar of q + 2 standard errors asks for 2,000 or more"},
        Field{"candidates", &ProofBench::candidates, 1, 1000, Scale::fixed,
              "from which a segment's winner is chosen, where choice is tried"},
        Field{"most_users", &ProofBench::most_users, 100, 1e6, Scale::fixed,
              "of the largest of nine segments; the smallest has 50"},
        Field{"seed", &ProofBench::seed, 0, 9e15, Scale::fixed, "of the draws"});
  }
};

// What a bundle knows about its users.
struct ProofEvidence {
  std::string name;  // of the workspace's folder
  GateConfig config;
  std::vector<GateSegment> validate;  // by weights that were fitted there
  std::vector<GateSegment> confirm;
  std::vector<GateSegment> test;
  std::vector<GateSegment> control;  // random segments on confirm
};

// `path` is a workspace that was run, or a bundle. Fails with `not_found` or `bad_data`.
Result<ProofEvidence> read_proof_evidence(const std::string& path, const Resources& resources);

// {"data", "metric", "q", "min_gain", "min_users", "guards", "replicates", "people": [{"segment",
// "users", "informative", "effective_users", "gain", "spread", "used"}], "type_one": […], "worlds":
// [{"world", "segments", "any_wrong", "rate", "low", "high", "bar", "passed", …}], "power",
// "mixed", "drift_worlds", "drift_passed_to", "drift": [{"from", "to", "tau", …}], "passed"}:
// "passed" says whether every world in "worlds", where all promotions are wrong, stays within q + 2
// standard errors. Deterministic at any thread count. Fails with `bad_data` if no segment has a
// candidate whose values differ from general's on both sides.
Result<Json> prove(const ProofEvidence& evidence, const ProofBench& bench, const GateFunction& gate,
                   const Resources& resources);

// prove() of every input, as {"name", "data": […], "passed", "seconds", "cpu_seconds",
// "peak_rss_mb", "threads"}; "passed" if all did. `settings` holds fields of ProofBench.
Result<Json> bench_proof(const std::vector<std::string>& inputs, const Json& settings,
                         const Resources& resources);

// Such a report as tables for people.
std::string proof_text(const Json& report);

}  // namespace sartor
