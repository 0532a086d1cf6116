// What is fitted on validate is judged there by cross-fitting: a user's value comes from a fit that
// never saw the user.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "sartor/base/parallel.h"
#include "sartor/tuning/blend_search.h"

namespace sartor {

inline constexpr std::size_t kFolds = 5;
inline constexpr std::size_t kBest = 4;

// A blend fitted without fold f stands at [f]; the one fitted on everything at [kFolds].
using FoldPoints = std::array<BlendPoint, kFolds + 1>;

struct CrossFit {
  FoldPoints points;
  std::vector<double> values;      // per case: its metric under the point fitted without its fold
  std::vector<BlendTrial> trials;  // of the fit on everything
  std::vector<FoldPoints> best;    // kBest other points of each fit, its best first
};

// Searches kFolds + 1 times, each from its own start; the searches run side by side. `fold[i]` is
// the fold of cases[i]; a fold that would leave no case to fit on keeps its start. `always` are
// cases of earlier windows, which every fit sees: they are the past of all users. A sampler begins
// each fit with that fold's `first`. With options.seconds the fit on everything comes first and
// takes its part of them; the others then make as many trials. Fails as search_blend.
Result<CrossFit> cross_fit(std::span<const PoolCase> cases, std::span<const std::uint8_t> fold,
                           std::span<const Slot> slots, const FoldPoints& starts,
                           const BlendSearchOptions& options, const Resources& resources,
                           std::span<const PoolCase> always = {},
                           std::span<const FoldPoints> first = {});

// Where to start from nothing: first_point on the cases outside each fold.
Result<FoldPoints> first_points(std::span<const PoolCase> cases, std::span<const std::uint8_t> fold,
                                std::span<const Slot> slots, const Metric& metric,
                                const Resources& resources);

// Values per case of given points, each case under the point that never saw it.
std::vector<double> held_out_values(std::span<const PoolCase> cases,
                                    std::span<const std::uint8_t> fold, std::span<const Slot> slots,
                                    const FoldPoints& points, const Metric& metric);

// shrink_to, fold by fold.
FoldPoints shrink_to(const FoldPoints& own, const FoldPoints& general, double share);

}  // namespace sartor
