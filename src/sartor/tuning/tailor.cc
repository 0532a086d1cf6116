#include "sartor/tuning/tailor.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

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

Status try_blended(const TailorInput& input, const TuningConfig& config, const Resources& resources,
                   SegmentTuning& tuning) {
  const auto cases = pool_cases(*input.pool, input.cases);
  const FoldPoints general = open_part(*input.general, input.search.closed);
  BlendSearchOptions search = input.search;
  search.study.adaptation = "blended";
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

Status try_fine_tuned(const TailorInput& input, double strength, const Resources& resources,
                      SegmentTuning& tuning) {
  const Result<ScorePool> pool = input.fine_tuned(strength);
  if (!pool && pool.error().code == ErrorCode::invalid_argument) {
    tuning.left_out.push_back({Candidate{.adaptation = "fine_tuned", .strength = strength}.label(),
                               pool.error().message});
    return {};
  }
  if (!pool) return pool.error();
  std::vector<PoolCase> cases;
  for (std::size_t c = 0; c < pool->cases(); ++c) cases.push_back({&*pool, c});
  const auto slots = single_slots(input.slots);
  const FoldPoints general = without_choice(open_part(*input.general, input.search.closed));
  const Metric& metric = input.search.metric;
  judge(tuning,
        {.adaptation = "fine_tuned", .share = 0, .strength = strength, .own = general[kFolds]},
        held_out_values(cases, input.fold, slots, general, metric));

  BlendSearchOptions search = input.search;
  search.change_variants = false;
  search.study.adaptation = "fine_tuned";
  search.study.strength = strength;
  search.seed += static_cast<std::uint64_t>(strength * 1000);
  SARTOR_ASSIGN(const CrossFit own,
                cross_fit(cases, input.fold, slots, general, search, resources));
  tuning.searches.push_back({"fine_tuned", strength, own.trials});
  constexpr double kShare = 0.5;
  judge(tuning,
        {.adaptation = "fine_tuned",
         .share = kShare,
         .strength = strength,
         .own = own.points[kFolds]},
        held_out_values(cases, input.fold, slots, shrink_to(own.points, general, kShare), metric));
  return {};
}

}  // namespace

std::string Candidate::label() const {
  if (adaptation == "blended") return fmt::format("blended, share {}", share);
  if (adaptation == "fine_tuned") {
    return share > 0 ? fmt::format("fine_tuned, strength {}, share {}", strength, share)
                     : fmt::format("fine_tuned, strength {}", strength);
  }
  return adaptation;
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
  SegmentTuning tuning{.cases = input.cases.size()};
  if (input.cases.empty()) return tuning;
  tuning.general = held_out_values(pool_cases(*input.pool, input.cases), input.fold, input.slots,
                                   *input.general, input.search.metric);
  const auto& closed = input.search.closed;
  if (!closed.empty() && std::find(closed.begin(), closed.end(), 0) == closed.end()) {
    tuning.left_out.push_back({"every candidate", "general has no component of its families"});
    return tuning;
  }
  if (input.blended) SARTOR_TRY(try_blended(input, config, resources, tuning));
  if (input.fine_tuned) {
    for (const double strength : config.strengths) {
      SARTOR_TRY(try_fine_tuned(input, strength, resources, tuning));
    }
  }
  for (std::size_t i = 0; i < tuning.tried.size(); ++i) {
    const double best =
        tuning.chosen < 0 ? 0 : tuning.tried[static_cast<std::size_t>(tuning.chosen)].gain;
    if (tuning.tried[i].gain > best) tuning.chosen = static_cast<int>(i);
  }
  return tuning;
}

std::vector<std::size_t> share_budget(std::size_t trials, std::span<const std::size_t> sizes,
                                      std::span<const double> importance, std::size_t least) {
  double total = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i)
    total += static_cast<double>(sizes[i]) * importance[i];
  std::vector<std::size_t> shares;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const double part = static_cast<double>(sizes[i]) * importance[i];
    const double share = total > 0 ? part / total * static_cast<double>(trials) : 0;
    shares.push_back(part > 0 ? std::max(least, static_cast<std::size_t>(std::lround(share))) : 0);
  }
  return shares;
}

}  // namespace sartor
