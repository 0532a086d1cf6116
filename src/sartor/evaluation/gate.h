// The gate: which segments may leave the general model, decided once on `confirm` from paired
// per-user metrics. A segment that cannot prove its gain stays on general; every decision can be
// replayed from its log.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "sartor/base/fields.h"
#include "sartor/base/json.h"
#include "sartor/base/result.h"

namespace sartor {

inline constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();  // null in JSON

// [gate]
struct GateConfig {
  std::string metric = "ndcg@10";
  std::map<std::string, double> guards = {{"recall@20", 0.05}};  // metric -> margin, relative
  std::string guard_rule = "joint";
  double min_gain = 0.005;
  int min_users = 300;
  int min_informative = 20;
  double q = 0.05;
  std::string users = "all";

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"metric", &GateConfig::metric, "what has to get better; any metric in [0, 1]"},
        Field{"guards", &GateConfig::guards,
              "metric = margin: what may not get worse by more than this share of general"},
        Field{"guard_rule", &GateConfig::guard_rule,
              "joint: one p-value for gain and guards; each: every guard is tested by itself"},
        Field{"min_gain", &GateConfig::min_gain, 0, 1, Scale::fixed,
              "relative gain that 'better' has to exceed"},
        Field{"min_users", &GateConfig::min_users, 2, 1e9, Scale::fixed,
              "users in confirm below which a segment stays on general"},
        Field{"min_informative", &GateConfig::min_informative, 1, 1e9, Scale::fixed,
              "likewise for users whose two lists differ in value, each counted by how much: "
              "(sum d^2)^2 / sum d^4, so that a few large differences are few; the same of guards"},
        Field{"q", &GateConfig::q, 1e-6, 0.5, Scale::fixed,
              "expected share of wrong promotions among all promotions"},
        Field{"users", &GateConfig::users,
              "all; disjoint: a third of the users for validate, the others for confirm"});
  }
};

// Fails with `config`, naming the key: an unknown metric or rule, or a margin outside [0, 1).
Status check_gate_config(const GateConfig& config);

// Per-user values of one metric, aligned with the segment's users.
struct GateArms {
  std::vector<double> general;
  std::vector<double> chosen;
};

struct GateSegment {
  std::string name;
  std::vector<std::string> users;           // external or hashed ids, in a fixed order
  std::map<std::string, GateArms> metrics;  // the config's metric and every guard
  std::optional<double> validate;  // the winner's estimate there; not above 0: it is not tested
  bool candidate = true;           // false: there is none; `chosen` may be empty
  std::vector<std::uint8_t> half;  // optional, per user: half 0 or 1 of confirm, else neither
};

struct GateInput {
  GateConfig config;
  int looks = 1;         // how often this confirm window has been asked, this time included
  bool control = false;  // random segments: min_gain 0, no guards, a little slack in min_users
  std::map<std::string, std::string> fingerprints;  // of data and recipe; only kept in the log
  std::vector<GateSegment> segments;                // users are disjoint
};

// Two arms over the same users; `low` and `high` bound the difference with 97.5 % each. NaN where
// there is nothing to say: no users, or no variation to estimate from.
struct ArmComparison {
  std::size_t users = 0;
  std::size_t informative = 0;  // users whose values differ
  double effective = 0;         // how many of one size would say as much: effective_count()
  double general = kUnknown;
  double chosen = kUnknown;
  double difference = kUnknown;
  double low = kUnknown;
  double high = kUnknown;
  double gain = kUnknown;  // difference / general, and its bounds; NaN where general is 0
  double gain_low = kUnknown;
  double gain_high = kUnknown;
  double sd = kUnknown;  // of the per-user differences

  double spread() const { return general > 0 ? sd / general : kUnknown; }  // r of the power rules
};

// The spans have equal length. For the test window, and whatever else is shown beside the gate.
ArmComparison compare_arms(std::span<const double> general, std::span<const double> chosen);

// (a - b) / standard error, for comparisons over different users or windows; NaN if unknown.
double difference_z(const ArmComparison& a, const ArmComparison& b);

struct GuardVerdict {
  std::string metric;
  double margin = 0;
  ArmComparison comparison;
  double p = kUnknown;    // of "worse than general by the margin or more"
  double low = kUnknown;  // bound of chosen - (1 - margin) general at the level it is judged at
  bool passed = false;
};

struct SegmentVerdict {
  std::string name;
  bool adapted = false;
  // too_few_users, no_candidate, not_better_on_validate, identical, too_few_differences,
  // no_variation (these are not tested); not_proved, guard_failed, proved.
  std::string reason;
  bool tested = false;
  double share = 0;  // of all users in confirm
  ArmComparison primary;
  std::vector<GuardVerdict> guards;
  double p_primary = kUnknown;
  double p_guards = kUnknown;  // the largest; NaN without guards
  double p = kUnknown;         // what the step-up ran on: the larger of both, or p_primary ("each")
  double threshold = kUnknown;
  double low_gate = kUnknown;  // bound of chosen - (1 + min_gain) general at the level of the gate
  double shrunk_gain = kUnknown;                    // what to expect live; it decides nothing
  bool shrunk = false;                              // false: the only one tested, so not shrunk
  double smallest_provable_effect = kUnknown;       // were it the only one to be promoted
  double smallest_provable_effect_best = kUnknown;  // were all promoted
  double guard_n_needed = kUnknown;  // users with which a guard that is truly equal passes (80 %)
  bool guard_hopeless = false;       // there are fewer
  bool passes_q20 = false;           // at q = .2 only: worth a live experiment
  double unstable_z = kUnknown;      // between the two halves of confirm
  bool unstable = false;
};

struct GateWarning {
  std::string code;
  std::string segment;  // "" if it is about all
  std::string detail;
};

struct GateResult {
  int looks = 1;
  bool control = false;
  std::string metric;
  double q = 0;  // config's q / looks^2
  std::size_t tested = 0;
  std::size_t rejected = 0;  // by the step-up
  std::size_t promoted = 0;
  double threshold = kUnknown;  // rejected q / tested
  std::vector<SegmentVerdict> segments;
  double expected_live_gain = 0;  // sum of share x shrunk gain over the promoted
  ArmComparison pooled;           // general against chosen over the users of all tested segments
  double pooled_p = kUnknown;     // of "no gain" there
  ArmComparison overall;          // general against what is served, over all users
  std::vector<GateWarning> warnings;

  const SegmentVerdict* find(std::string_view name) const;
};

// Fails with `bad_data`, naming segment and user: a value outside [0, 1], a user met twice, arms of
// different size; with `config` as check_gate_config.
Result<GateResult> run_gate(const GateInput& input);

// General against what `result` serves (general where a segment was kept or is not in `result`),
// over all users of `segments`, which may be those of another window.
ArmComparison compare_served(std::span<const GateSegment> segments, const GateResult& result,
                             const std::string& metric);

// What a segment could prove, before it is tried. Spreads are sd(d) / mean(g) on validate; NaN
// while there is no candidate (then 0.4 is assumed).
struct SegmentPlan {
  double worst = kUnknown;           // smallest provable gain if it is the only one promoted
  double best = kUnknown;            // if all are
  double guard_n_needed = kUnknown;  // NaN without guards
  bool guard_hopeless = false;       // fewer users than that
  bool hopeless = false;             // best > 20 %: not worth tuning
};

SegmentPlan plan_segment(const GateConfig& config, int looks, std::size_t users,
                         std::size_t segments, double spread,
                         const std::map<std::string, double>& guard_spreads);

// Negative control: the same gate over random segments. How many of them there are: as many as
// have min_users on average, 5 at most; 0 if not even 2.
int control_segments(std::size_t confirm_users, int min_users);
int control_segment_of(std::string_view user, std::uint64_t seed, int segments);

struct ControlSummary {
  std::size_t segments = 0;  // 0: too few users for a control
  std::size_t tested = 0;
  std::size_t promoted = 0;
  double pooled_gain = kUnknown;  // relative, over all tested
  double low = kUnknown;
  double high = kUnknown;
  double p = kUnknown;
  // general_undertuned: adaptation helps any users, so general itself should be tuned;
  // control_promoted: a notice.
  std::vector<GateWarning> warnings;
};

// `control` is the gate's result over random segments, with GateInput::control set.
ControlSummary summarize_control(const GateResult& control);

// "control: 0 of 5 promoted; pooled gain 0.1 % [-0.5, 0.7]; …" beside the real segments' gain.
std::string control_text(const ControlSummary& control, const GateResult& gate);

// Fold 0 … 4 for cross-fitting on validate.
int fold_of(std::string_view user, std::uint64_t seed);

// users = "disjoint": whether the user counts in validate (a third) or in confirm.
bool is_validate_user(std::string_view user, std::uint64_t seed);

// How much validate and confirm are the same people behaving the same way; `difference` is per-user
// chosen - general, aligned with `users`.
struct UserOverlap {
  double share = 0;        // of confirm's users who are in validate too
  double correlation = 0;  // of their differences; 0 if there are too few to say
  bool disjoint_advised = false;
};
struct UserDifferences {
  std::span<const std::string> users;
  std::span<const double> difference;
};
UserOverlap user_overlap(const UserDifferences& validate, const UserDifferences& confirm);

// Numbers in JSON are in a form that reads back as the same double; NaN is null.
Json comparison_json(const ArmComparison& comparison);
Json gate_json(const GateResult& result);
Json control_json(const ControlSummary& control);

// One line of JSON for the gate, with config, looks and fingerprints, then one per segment: its
// inputs summarised and its verdict.
std::string decisions_jsonl(const GateInput& input, const GateResult& result);

// What the log says was decided on: config, looks, candidates and validate estimates as recorded,
// users and arms as in `segments`. Fails with `bad_data` if the log cannot be read.
Result<GateInput> recorded_gate_input(std::string_view log, std::vector<GateSegment> segments);

// Decides again by the config, looks, candidates and validate estimates that the log recorded, over
// the users and arms of `segments` (the same keys in the same order; those without users may be
// left out), and lists every difference: none if the log tells the truth. Fails with `bad_data` if
// the log cannot be read.
Result<std::vector<std::string>> replay_decisions(std::string_view log,
                                                  std::vector<GateSegment> segments);

}  // namespace sartor
