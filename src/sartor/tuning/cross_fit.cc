#include "sartor/tuning/cross_fit.h"

namespace sartor {
namespace {

std::vector<PoolCase> outside_fold(std::span<const PoolCase> cases,
                                   std::span<const std::uint8_t> fold, std::size_t f) {
  std::vector<PoolCase> kept;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    if (fold[i] != f) kept.push_back(cases[i]);
  }
  return kept;
}

}  // namespace

Result<CrossFit> cross_fit(std::span<const PoolCase> cases, std::span<const std::uint8_t> fold,
                           std::span<const Slot> slots, const FoldPoints& starts,
                           const BlendSearchOptions& options, const Resources& resources,
                           std::span<const PoolCase> always) {
  CrossFit result{.points = starts};
  SARTOR_TRY(parallel_for(resources, kFolds + 1, 1, [&](std::size_t f, std::size_t) -> Status {
    auto kept = outside_fold(cases, fold, f);
    kept.insert(kept.end(), always.begin(), always.end());
    if (kept.empty()) return {};
    SARTOR_ASSIGN(BlendSearchResult found,
                  search_blend(kept, slots, starts[f], options, resources));
    result.points[f] = std::move(found.point);
    if (f == kFolds) result.trials = std::move(found.trials);
    return {};
  }));
  result.values = held_out_values(cases, fold, slots, result.points, options.metric);
  return result;
}

Result<FoldPoints> first_points(std::span<const PoolCase> cases, std::span<const std::uint8_t> fold,
                                std::span<const Slot> slots, const Metric& metric,
                                const Resources& resources) {
  FoldPoints points;
  SARTOR_TRY(parallel_for(resources, kFolds + 1, 1, [&](std::size_t f, std::size_t) -> Status {
    const auto kept = outside_fold(cases, fold, f);
    points[f] = first_point(kept.empty() ? cases : std::span<const PoolCase>(kept), slots, metric);
    return {};
  }));
  return points;
}

std::vector<double> held_out_values(std::span<const PoolCase> cases,
                                    std::span<const std::uint8_t> fold, std::span<const Slot> slots,
                                    const FoldPoints& points, const Metric& metric) {
  std::vector<double> values(cases.size());
  for (std::size_t f = 0; f < kFolds; ++f) {
    std::vector<PoolCase> held_out;
    std::vector<std::size_t> place;
    for (std::size_t i = 0; i < cases.size(); ++i) {
      if (fold[i] != f) continue;
      held_out.push_back(cases[i]);
      place.push_back(i);
    }
    const auto part = blend_values(held_out, slots, points[f], metric);
    for (std::size_t i = 0; i < place.size(); ++i) values[place[i]] = part[i];
  }
  return values;
}

FoldPoints shrink_to(const FoldPoints& own, const FoldPoints& general, double share) {
  FoldPoints points;
  for (std::size_t f = 0; f < points.size(); ++f) {
    points[f] = shrink_to(own[f], general[f], share);
  }
  return points;
}

}  // namespace sartor
