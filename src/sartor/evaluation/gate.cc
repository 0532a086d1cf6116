// Per segment: the contrast c - (1 + min_gain) g is tested on confirm by the worse of t and Hall's
// t (stats/paired.h), every guard likewise on c - (1 - margin) g. A segment is better *and* not
// worse only if all of it is proved, so the largest p-value speaks for it (intersection-union), and
// Benjamini and Hochberg's step-up over the tested segments decides.
#include "sartor/evaluation/gate.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "sartor/evaluation/gate_input.h"
#include "sartor/stats/multiplicity.h"
#include "sartor/stats/paired.h"
#include "sartor/stats/power.h"
#include "sartor/stats/shrinkage.h"

namespace sartor {
namespace {

constexpr double kShownAlpha = 0.025;    // of each bound that is shown
constexpr double kGuardAlpha = 0.05;     // of a guard by itself, guard_rule = "each"
constexpr double kExperimentQ = 0.2;     // worth a live experiment
constexpr double kHopelessEffect = 0.2;  // nobody gains that much
constexpr double kUnstableZ = 2.58;      // two-sided 1 %
constexpr double kRoundingOfCount = 1e-6;
constexpr double kRoundingOfMetric = 1e-13;  // values lie in [0, 1]: less is not variation

bool varies(const Moments& d) { return d.n >= 2 && d.sd() > kRoundingOfMetric; }

// A verdict with what its decision still needs.
struct Measured {
  SegmentVerdict verdict;
  Moments gain;                 // of the contrast with min_gain
  std::vector<Moments> guards;  // of the guards' contrasts
};

std::string reason_not_to_test(const GateSegment& segment, const Measured& measured,
                               const GateConfig& config) {
  const ArmComparison& primary = measured.verdict.primary;
  if (primary.users < static_cast<std::size_t>(config.min_users)) return "too_few_users";
  if (!segment.candidate) return "no_candidate";
  if (segment.validate && *segment.validate <= 0) return "not_better_on_validate";
  if (primary.informative == 0) return "identical";
  if (primary.effective < config.min_informative - kRoundingOfCount) return "too_few_differences";
  if (!(primary.sd > kRoundingOfMetric) || !varies(measured.gain)) return "no_variation";
  return "";
}

// Whether every guard that anybody's lists touch has enough to say; one that nothing touches holds.
bool guards_can_tell(const GateSegment& segment, const GateConfig& config) {
  for (const auto& [metric, margin] : config.guards) {
    const GateArms& arms = segment.metrics.at(metric);
    if (arms.chosen == arms.general) continue;
    const double worth = effective_count(contrast(arms.chosen, arms.general, -margin));
    if (worth < config.min_informative - kRoundingOfCount) return false;
  }
  return true;
}

// A guard whose contrast is the same for everybody cannot be tested: it holds as it stands.
double guard_p(const Moments& contrast) {
  return varies(contrast) ? paired_test(contrast).p : contrast.mean >= 0 ? 0 : 1;
}

double guard_low(const Moments& contrast, double alpha) {
  return varies(contrast) ? paired_bounds(contrast, alpha).low : contrast.mean;
}

// z between the users of the two halves of confirm.
double halves_z(const GateSegment& segment, const GateArms& arms) {
  GateArms halves[2];
  for (std::size_t i = 0; i < segment.half.size(); ++i) {
    if (segment.half[i] > 1) continue;
    halves[segment.half[i]].general.push_back(arms.general[i]);
    halves[segment.half[i]].chosen.push_back(arms.chosen[i]);
  }
  return difference_z(compare_arms(halves[0].general, halves[0].chosen),
                      compare_arms(halves[1].general, halves[1].chosen));
}

void measure_guards(const GateSegment& segment, const GateConfig& config, Measured& out) {
  for (const auto& [metric, margin] : config.guards) {
    const GateArms& arms = segment.metrics.at(metric);
    out.guards.push_back(moments(contrast(arms.chosen, arms.general, -margin)));
    GuardVerdict guard{.metric = metric, .margin = margin};
    guard.comparison = compare_arms(arms.general, arms.chosen);
    if (out.verdict.tested) {
      guard.p = guard_p(out.guards.back());
      const double so_far = out.verdict.p_guards;
      out.verdict.p_guards = std::isnan(so_far) ? guard.p : std::max(so_far, guard.p);
    }
    out.verdict.guards.push_back(std::move(guard));
  }
}

Measured measure(const GateSegment& segment, const GateConfig& config) {
  Measured out;
  SegmentVerdict& verdict = out.verdict;
  verdict.name = segment.name;
  const GateArms& arms = segment.metrics.at(config.metric);
  if (arms.chosen.size() != arms.general.size()) {  // no candidate
    verdict.primary.users = arms.general.size();
    if (!arms.general.empty()) verdict.primary.general = moments(arms.general).mean;
    verdict.reason = reason_not_to_test(segment, out, config);
    return out;
  }
  verdict.primary = compare_arms(arms.general, arms.chosen);
  out.gain = moments(contrast(arms.chosen, arms.general, config.min_gain));
  verdict.reason = reason_not_to_test(segment, out, config);
  if (verdict.reason.empty() && !guards_can_tell(segment, config))
    verdict.reason = "too_few_differences";
  verdict.tested = verdict.reason.empty();
  measure_guards(segment, config, out);
  if (!verdict.tested) return out;
  verdict.p_primary = paired_test(out.gain).p;
  const bool joint = config.guard_rule == "joint" && !verdict.guards.empty();
  verdict.p = joint ? std::max(verdict.p_primary, verdict.p_guards) : verdict.p_primary;
  verdict.unstable_z = halves_z(segment, arms);
  verdict.unstable = std::abs(verdict.unstable_z) > kUnstableZ;
  return out;
}

std::vector<Measured*> tested_of(std::vector<Measured>& all) {
  std::vector<Measured*> tested;
  for (Measured& one : all) {
    if (one.verdict.tested) tested.push_back(&one);
  }
  return tested;
}

std::vector<double> p_values(const std::vector<Measured*>& tested, double SegmentVerdict::*p) {
  std::vector<double> values;
  for (const Measured* one : tested) values.push_back(one->verdict.*p);
  return values;
}

bool guards_hold(const SegmentVerdict& verdict, double alpha) {
  return verdict.guards.empty() || verdict.p_guards <= alpha;
}

void decide(const GateConfig& config, std::vector<Measured>& all, GateResult& result) {
  const auto tested = tested_of(all);
  if (tested.empty()) return;
  const bool each = config.guard_rule == "each";
  const double looks2 = static_cast<double>(result.looks) * result.looks;
  const double guard_alpha = kGuardAlpha / looks2;
  const auto p = p_values(tested, &SegmentVerdict::p);
  const Rejections gate = reject_bh(p, result.q);
  const Rejections gain_alone = reject_bh(p_values(tested, &SegmentVerdict::p_primary), result.q);
  const Rejections lenient = reject_bh(p, kExperimentQ / looks2);
  result.tested = tested.size();
  result.rejected = gate.count;
  result.threshold = gate.threshold;
  for (std::size_t i = 0; i < tested.size(); ++i) {
    SegmentVerdict& verdict = tested[i]->verdict;
    const bool held = !each || guards_hold(verdict, guard_alpha);
    verdict.adapted = gate.rejected[i] && held;
    verdict.reason = verdict.adapted          ? "proved"
                     : gain_alone.rejected[i] ? "guard_failed"
                                              : "not_proved";
    verdict.passes_q20 = !verdict.adapted && lenient.rejected[i] && held;
    verdict.threshold = gate.threshold;
    const double alpha = bh_level(gate.count + (gate.rejected[i] ? 0 : 1), tested.size(), result.q);
    verdict.low_gate = paired_bounds(tested[i]->gain, alpha).low;
    for (std::size_t g = 0; g < verdict.guards.size(); ++g) {
      GuardVerdict& guard = verdict.guards[g];
      guard.low = guard_low(tested[i]->guards[g], each ? guard_alpha : alpha);
      guard.passed = guard.p <= (each ? guard_alpha : alpha);
    }
    result.promoted += verdict.adapted ? 1 : 0;
  }
}

void shrink_gains(std::vector<Measured>& all) {
  std::vector<SegmentVerdict*> verdicts;
  std::vector<double> gains;
  std::vector<double> variances;
  for (Measured* one : tested_of(all)) {
    const ArmComparison& primary = one->verdict.primary;
    if (std::isnan(primary.gain)) continue;
    verdicts.push_back(&one->verdict);
    gains.push_back(primary.gain);
    variances.push_back(primary.spread() * primary.spread() / static_cast<double>(primary.users));
  }
  const Shrinkage shrinkage = shrink(gains, variances);
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    verdicts[i]->shrunk_gain = shrinkage.values[i];
    verdicts[i]->shrunk = shrinkage.shrunk;
  }
}

void plan(const GateConfig& config, std::size_t all_users, GateResult& result,
          SegmentVerdict& verdict) {
  const std::size_t users = verdict.primary.users;
  if (all_users > 0) verdict.share = static_cast<double>(users) / static_cast<double>(all_users);
  if (users == 0) return;
  std::map<std::string, double> guard_spreads;
  for (const auto& guard : verdict.guards) guard_spreads[guard.metric] = guard.comparison.spread();
  const SegmentPlan plan = plan_segment(config, result.looks, users, result.tested,
                                        verdict.primary.spread(), guard_spreads);
  verdict.smallest_provable_effect = plan.worst;
  verdict.smallest_provable_effect_best = plan.best;
  verdict.guard_n_needed = plan.guard_n_needed;
  verdict.guard_hopeless = plan.guard_hopeless;
}

void warn(GateResult& result) {
  if (result.looks > 1) {
    result.warnings.push_back(
        {"looks", "",
         fmt::format("confirm was asked {} times, so q is {:.3g}", result.looks, result.q)});
  }
  for (const SegmentVerdict& verdict : result.segments) {
    if (verdict.unstable) {
      result.warnings.push_back(
          {"unstable", verdict.name,
           fmt::format("the two halves of confirm disagree (z = {:.2f})", verdict.unstable_z)});
    }
    if (verdict.guard_hopeless && !verdict.adapted) {
      result.warnings.push_back(
          {"guard_hopeless", verdict.name,
           fmt::format("the guards need {:.0f} users to pass when nothing is worse; there are {}",
                       verdict.guard_n_needed, verdict.primary.users)});
    }
  }
}

GateArms pooled_arms(std::span<const GateSegment> segments, const GateResult& result) {
  GateArms pooled;
  for (const GateSegment& segment : segments) {
    if (!result.find(segment.name)->tested) continue;
    const GateArms& arms = segment.metrics.at(result.metric);
    pooled.general.insert(pooled.general.end(), arms.general.begin(), arms.general.end());
    pooled.chosen.insert(pooled.chosen.end(), arms.chosen.begin(), arms.chosen.end());
  }
  return pooled;
}

void summarize(const GateInput& input, GateResult& result) {
  for (const SegmentVerdict& verdict : result.segments) {
    if (!verdict.adapted || std::isnan(verdict.shrunk_gain)) continue;
    result.expected_live_gain += verdict.share * verdict.shrunk_gain;
  }
  const GateArms pooled = pooled_arms(input.segments, result);
  result.pooled = compare_arms(pooled.general, pooled.chosen);
  const Moments d = moments(contrast(pooled.chosen, pooled.general, 0));
  if (varies(d)) result.pooled_p = paired_test(d).p;
  result.overall = compare_served(input.segments, result, result.metric);
  warn(result);
}

}  // namespace

ArmComparison compare_arms(std::span<const double> general, std::span<const double> chosen) {
  ArmComparison out{.users = general.size()};
  if (general.empty()) return out;
  const std::vector<double> differences = contrast(chosen, general, 0);
  const Moments d = moments(differences);
  out.informative = d.nonzero;
  out.effective = effective_count(differences);
  out.general = moments(general).mean;
  out.chosen = moments(chosen).mean;
  out.difference = d.mean;
  if (d.nonzero == 0) {
    out.low = out.high = 0;
  } else if (varies(d)) {
    const Bounds bounds = paired_bounds(d, kShownAlpha);
    out.low = bounds.low;
    out.high = bounds.high;
  }
  if (d.n >= 2) out.sd = d.sd();
  if (out.general > 0) {
    out.gain = out.difference / out.general;
    out.gain_low = out.low / out.general;
    out.gain_high = out.high / out.general;
  }
  return out;
}

double difference_z(const ArmComparison& a, const ArmComparison& b) {
  const double variance =
      a.sd * a.sd / static_cast<double>(a.users) + b.sd * b.sd / static_cast<double>(b.users);
  return variance > 0 ? (a.difference - b.difference) / std::sqrt(variance) : kUnknown;
}

const SegmentVerdict* GateResult::find(std::string_view name) const {
  const auto found = std::find_if(segments.begin(), segments.end(),
                                  [&](const SegmentVerdict& one) { return one.name == name; });
  return found == segments.end() ? nullptr : &*found;
}

ArmComparison compare_served(std::span<const GateSegment> segments, const GateResult& result,
                             const std::string& metric) {
  GateArms all;
  for (const GateSegment& segment : segments) {
    const SegmentVerdict* verdict = result.find(segment.name);
    const GateArms& arms = segment.metrics.at(metric);
    const auto& served = verdict != nullptr && verdict->adapted ? arms.chosen : arms.general;
    all.general.insert(all.general.end(), arms.general.begin(), arms.general.end());
    all.chosen.insert(all.chosen.end(), served.begin(), served.end());
  }
  return compare_arms(all.general, all.chosen);
}

SegmentPlan plan_segment(const GateConfig& config, int looks, std::size_t users,
                         std::size_t segments, double spread,
                         const std::map<std::string, double>& guard_spreads) {
  const auto assumed = [](double r) { return r > 0 ? r : kAssumedSpread; };
  const auto n = static_cast<double>(users);
  const double looks2 = static_cast<double>(looks) * looks;
  const double q = config.q / looks2;
  const double q_worst = q / static_cast<double>(std::max<std::size_t>(segments, 1));
  SegmentPlan out;
  out.worst = smallest_provable_effect(assumed(spread), n, q_worst, config.min_gain);
  out.best = smallest_provable_effect(assumed(spread), n, q, config.min_gain);
  out.hopeless = out.best > kHopelessEffect;
  const double guard_alpha = config.guard_rule == "each" ? kGuardAlpha / looks2 : q;
  for (const auto& [metric, margin] : config.guards) {
    const auto found = guard_spreads.find(metric);
    const double r = assumed(found == guard_spreads.end() ? kUnknown : found->second);
    const double needed = std::ceil(guard_users_needed(r, margin, guard_alpha));
    out.guard_n_needed =
        std::isnan(out.guard_n_needed) ? needed : std::max(out.guard_n_needed, needed);
  }
  out.guard_hopeless = out.guard_n_needed > n;
  return out;
}

Result<GateResult> run_gate(const GateInput& input) {
  SARTOR_TRY(check_gate_input(input));
  const GateConfig config = effective_config(input);
  GateResult result{.looks = input.looks, .control = input.control, .metric = config.metric};
  result.q = config.q / (static_cast<double>(input.looks) * input.looks);
  std::vector<Measured> measured;
  std::size_t all_users = 0;
  for (const GateSegment& segment : input.segments) {
    measured.push_back(measure(segment, config));
    all_users += segment.users.size();
  }
  decide(config, measured, result);
  shrink_gains(measured);
  for (Measured& one : measured) {
    plan(config, all_users, result, one.verdict);
    result.segments.push_back(std::move(one.verdict));
  }
  summarize(input, result);
  return result;
}

}  // namespace sartor
