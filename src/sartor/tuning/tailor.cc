#include "sartor/tuning/tailor.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

#include "sartor/stats/paired.h"

namespace sartor {
namespace {

std::vector<PoolCase> pool_cases(const ScorePool& pool, std::span<const std::size_t> cases) {
  std::vector<PoolCase> out;
  for (const std::size_t c : cases) out.push_back({&pool, c});
  return out;
}

// Slots of a pool that holds exactly one variant per slot, in slot order.
std::vector<Slot> single_slots(std::span<const Slot> slots) {
  std::vector<Slot> singles;
  for (std::size_t s = 0; s < slots.size(); ++s) singles.push_back({slots[s].name, {s}});
  return singles;
}

// The same weights over slots that have one variant each.
FoldPoints without_choice(const FoldPoints& points) {
  FoldPoints singles = points;
  for (BlendPoint& point : singles) std::fill(point.choice.begin(), point.choice.end(), 0);
  return singles;
}

// What a segment's search begins with, and is pulled to.
FoldPoints open_part(const FoldPoints& points, std::span<const std::uint8_t> closed) {
  FoldPoints open;
  for (std::size_t f = 0; f < points.size(); ++f) open[f] = sartor::open_part(points[f], closed);
  return open;
}

std::vector<FoldPoints> open_parts(std::span<const FoldPoints> all,
                                   std::span<const std::uint8_t> closed) {
  std::vector<FoldPoints> open;
  for (const FoldPoints& points : all) open.push_back(open_part(points, closed));
  return open;
}

void judge(SegmentTuning& tuning, Candidate candidate, std::vector<double> values) {
  std::vector<double> difference(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) difference[i] = values[i] - tuning.general[i];
  const Moments d = moments(difference);
  const Bounds bounds = d.n >= 2 && d.m2 > 0 ? paired_bounds(d, 0.025) : Bounds{d.mean, d.mean};
  TriedCandidate tried{.candidate = std::move(candidate),
                       .values = std::move(values),
                       .gain = d.mean,
                       .low = bounds.low,
                       .high = bounds.high};
  tuning.tried.push_back(std::move(tried));
}

// What the next of the searches gets of the time that is left.
class TimeShares {
 public:
  TimeShares(double seconds, std::size_t searches)
      : seconds_(seconds), left_(searches), start_(std::chrono::steady_clock::now()) {}

  // 0: by trials. For models that may turn out not to be searched for, too: what they leave is
  // shared by those behind them.
  double next() {
    if (seconds_ <= 0) return 0;
    const auto gone = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_);
    const double left = std::max(seconds_ - gone.count(), 1e-3);
    return left / static_cast<double>(std::max<std::size_t>(left_--, 1));
  }

 private:
  double seconds_;
  std::size_t left_;
  std::chrono::steady_clock::time_point start_;
};

Status try_blended(const TailorInput& input, const TuningConfig& config, double seconds,
                   const Resources& resources, SegmentTuning& tuning) {
  const auto cases = pool_cases(*input.pool, input.cases);
  const FoldPoints general = open_part(*input.general, input.search.closed);
  BlendSearchOptions search = input.search;
  search.study.adaptation = "blended";
  search.seconds = seconds;
  SARTOR_ASSIGN(const CrossFit own,
                cross_fit(cases, input.fold, input.slots, general, search, resources, {},
                          open_parts(input.first, search.closed)));
  tuning.searches.push_back({"blended", 0, own.trials});
  for (const double share : config.shrink) {
    const FoldPoints pulled = shrink_to(own.points, general, share);
    judge(tuning, {.adaptation = "blended", .share = share, .own = own.points[kFolds]},
          held_out_values(cases, input.fold, input.slots, pulled, input.search.metric));
  }
  return {};
}

// Models of the segment's own: with general's weights first. Where those are proved worse than
// general, weights of their own are not searched for.
Status try_own(const TailorInput& input, const OwnModels& own, double seconds,
               const Resources& resources, SegmentTuning& tuning) {
  const Candidate plain{.adaptation = own.adaptation, .strength = own.strength};
  const Result<ScorePool> pool = own.pool();
  if (!pool && pool.error().code == ErrorCode::invalid_argument) {
    tuning.left_out.push_back({plain.label(), pool.error().message});
    return {};
  }
  if (!pool) return pool.error();
  std::vector<PoolCase> cases;
  for (std::size_t c = 0; c < pool->cases(); ++c) cases.push_back({&*pool, c});
  const auto slots = single_slots(input.slots);
  const FoldPoints general = without_choice(open_part(*input.general, input.search.closed));
  const Metric& metric = input.search.metric;
  const auto judge_at = [&](const FoldPoints& own_points, double share) {
    Candidate candidate = plain;
    candidate.share = share;
    candidate.own = own_points[kFolds];
    judge(tuning, std::move(candidate),
          held_out_values(cases, input.fold, slots, shrink_to(own_points, general, share), metric));
  };
  judge_at(general, 0);
  if (tuning.tried.back().high < 0) return {};

  BlendSearchOptions search = input.search;
  search.change_variants = false;
  search.study.adaptation = own.adaptation;
  search.study.strength = own.strength;
  search.seconds = seconds;
  search.seed += static_cast<std::uint64_t>(own.strength * 1000);
  SARTOR_ASSIGN(const CrossFit found,
                cross_fit(cases, input.fold, slots, general, search, resources));
  tuning.searches.push_back({own.adaptation, own.strength, found.trials});
  for (const double share : own.shares) judge_at(found.points, share);
  return {};
}

Status try_all_own(const TailorInput& input, TimeShares& time, const Resources& resources,
                   SegmentTuning& tuning) {
  std::optional<TriedCandidate> before;  // the last with general's weights
  for (const OwnModels& own : input.own) {
    const bool pays =
        !before || (own.adaptation == "separate" ? before->gain >= 0 : before->high >= 0);
    const double seconds = time.next();
    if (!pays) continue;
    const std::size_t at = tuning.tried.size();
    SARTOR_TRY(try_own(input, own, seconds, resources, tuning));
    if (tuning.tried.size() > at) before = tuning.tried[at];
  }
  return {};
}

}  // namespace

std::string Candidate::label() const {
  std::string label = adaptation;
  if (strength > 0) label += fmt::format(", strength {}", strength);
  if (share > 0 || adaptation == "blended") label += fmt::format(", share {}", share);
  return label;
}

SegmentLimits limits_of(const TuningConfig& config, const std::string& segment) {
  const auto found = config.limits.find(segment);
  return found == config.limits.end() ? SegmentLimits{} : found->second;
}

std::vector<std::uint8_t> closed_slots(std::span<const std::string> families,
                                       const SegmentLimits& limits) {
  std::vector<std::uint8_t> closed;
  if (limits.families.empty()) return closed;
  for (const std::string& family : families) {
    const bool named =
        std::find(limits.families.begin(), limits.families.end(), family) != limits.families.end();
    closed.push_back(named ? 0 : 1);
  }
  return closed;
}

Result<SegmentTuning> tailor(const TailorInput& input, const TuningConfig& config,
                             const Resources& resources) {
  SegmentTuning tuning{.cases = input.cases.size(), .closed = input.search.closed};
  if (input.cases.empty()) return tuning;
  tuning.general = held_out_values(pool_cases(*input.pool, input.cases), input.fold, input.slots,
                                   *input.general, input.search.metric);
  const auto& closed = input.search.closed;
  if (!closed.empty() && std::find(closed.begin(), closed.end(), 0) == closed.end()) {
    tuning.left_out.push_back({"every candidate", "its limits leave no component of general's"});
    return tuning;
  }
  TimeShares time(input.seconds, input.own.size() + (input.blended ? 1 : 0));
  if (input.blended) SARTOR_TRY(try_blended(input, config, time.next(), resources, tuning));
  SARTOR_TRY(try_all_own(input, time, resources, tuning));
  for (std::size_t i = 0; i < tuning.tried.size(); ++i) {
    const double best =
        tuning.chosen < 0 ? 0 : tuning.tried[static_cast<std::size_t>(tuning.chosen)].gain;
    if (tuning.tried[i].gain > best) tuning.chosen = static_cast<int>(i);
  }
  return tuning;
}

BudgetShares::BudgetShares(double budget, std::span<const std::size_t> sizes,
                           std::span<const double> importance, double least)
    : left_(budget), least_(least) {
  for (std::size_t i = 0; i < sizes.size(); ++i)
    parts_.push_back(static_cast<double>(sizes[i]) * importance[i]);
}

double BudgetShares::next() {
  double total = 0;
  for (std::size_t i = at_; i < parts_.size(); ++i) total += parts_[i];
  const double part = parts_[at_++];
  return part > 0 ? std::max(least_, left_ * part / total) : 0;
}

}  // namespace sartor
