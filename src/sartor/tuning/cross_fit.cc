#include "sartor/tuning/cross_fit.h"

#include <algorithm>

#include "sartor/base/random.h"

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

// The best distinct points of a search but the one it chose, which fills the places left over.
void add_best(std::vector<BlendTrial> trials, std::size_t f, std::vector<FoldPoints>& best) {
  std::stable_sort(trials.begin(), trials.end(),
                   [](const BlendTrial& a, const BlendTrial& b) { return a.value > b.value; });
  const BlendPoint chosen = best.front()[f];
  std::size_t n = 0;
  for (const BlendTrial& trial : trials) {
    if (n == best.size()) break;
    const auto same = [&](const FoldPoints& points) { return points[f] == trial.point; };
    if (trial.point == chosen ||
        std::any_of(best.begin(), best.begin() + static_cast<std::ptrdiff_t>(n), same)) {
      continue;
    }
    best[n++][f] = trial.point;
  }
}

// Of fold `f`: its own random numbers, its own study, what is tried first there.
BlendSearchOptions options_of(const BlendSearchOptions& options, std::size_t f,
                              std::span<const FoldPoints> first) {
  BlendSearchOptions own = options;
  own.seed = Random::stream(options.seed, f).bits();
  own.study.fold = f == kFolds ? -1 : static_cast<int>(f);
  for (const FoldPoints& points : first) own.first.push_back(points[f]);
  return own;
}

}  // namespace

Result<CrossFit> cross_fit(std::span<const PoolCase> cases, std::span<const std::uint8_t> fold,
                           std::span<const Slot> slots, const FoldPoints& starts,
                           const BlendSearchOptions& options, const Resources& resources,
                           std::span<const PoolCase> always, std::span<const FoldPoints> first) {
  CrossFit result{.points = starts, .best = std::vector<FoldPoints>(kBest, starts)};
  BlendSearchOptions planned = options;
  const auto fit = [&](std::size_t f) -> Status {
    auto kept = outside_fold(cases, fold, f);
    kept.insert(kept.end(), always.begin(), always.end());
    if (kept.empty()) return {};
    SARTOR_ASSIGN(BlendSearchResult found,
                  search_blend(kept, slots, starts[f], options_of(planned, f, first), resources));
    result.points[f] = std::move(found.point);
    for (FoldPoints& points : result.best) points[f] = result.points[f];
    add_best(found.trials, f, result.best);
    if (f == kFolds) result.trials = std::move(found.trials);
    return {};
  };
  std::size_t fits = kFolds + 1;
  if (options.seconds > 0) {
    planned.seconds = options.seconds / static_cast<double>(fits);
    SARTOR_TRY(fit(kFolds));
    planned.seconds = 0;
    planned.trials = result.trials.size();
    --fits;
  }
  const auto fit_block = [&](std::size_t f, std::size_t) { return fit(f); };
  SARTOR_TRY(parallel_for(resources, fits, 1, fit_block));
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
