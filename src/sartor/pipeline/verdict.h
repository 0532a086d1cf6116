// The gate's step: from judged windows to decisions, and the evidence that lets anybody decide
// again.
#pragma once

#include <string>
#include <vector>

#include "sartor/evaluation/gate.h"
#include "sartor/pipeline/backtest.h"

namespace sartor {

// What tailoring is worth over one model for everybody: if every winner of validate was served
// (`ungated`), and if only those were that the gate would let pass.
struct Tailoring {
  std::string over;  // "linear_blend" or "best_general"
  struct InWindow {
    ArmComparison ungated;
    ArmComparison gated;
  };
  InWindow confirm;
  InWindow test;
  GateResult gate;         // on confirm
  ControlSummary control;  // random segments over the same model, on confirm
};

struct Verdict {
  GateInput input;
  GateResult result;
  GateInput control_input;
  GateResult control_result;  // empty if there was no control
  ControlSummary control;
  std::vector<GateSegment> test_segments;  // the same segments on the test window
  // And on validate, by weights that were fitted there: what users do twice, never evidence.
  std::vector<GateSegment> validate_segments;
  // Over the linear blend, then over the best general model; one of them where that is the blend.
  // The first decides nothing.
  std::vector<Tailoring> tailoring;
};

// Users appear under a keyed hash of their names. `looks` as State counts them.
Result<Verdict> decide(const BacktestInput& input, const Backtest& backtest, int looks);

// evidence/per_user.parquet: window, segment, user, and two columns per metric (general.x,
// chosen.x), one row per user and window ("confirm", "control", "test", "validate"), sorted by
// window, segment and position.
Status write_per_user(const Verdict& verdict, const std::string& path, const Resources& resources);

// Reads it back as the segments of one window.
Result<std::vector<GateSegment>> read_per_user(const std::string& path, const std::string& window,
                                               const Resources& resources);

// `sartor replay`: decides again from a bundle's evidence; every difference as a line, none if it
// agrees.
Result<std::vector<std::string>> replay_bundle(const std::string& bundle,
                                               const Resources& resources);

}  // namespace sartor
