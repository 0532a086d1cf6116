// Finds the weights (and, slot by slot, the half-lives and other variants) of a blend by random
// search on the ranking metric itself, over a ScorePool.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "sartor/base/fields.h"
#include "sartor/tuning/score_pool.h"

namespace sartor {

// A place in the blend, filled by exactly one of its variants: popularity with this half-life or
// that.
struct Slot {
  std::string name;
  std::vector<std::size_t> variants;  // positions in the pool
};

// One blend: for each slot which of its variants, and its weight (>= 0, sum 1).
struct BlendPoint {
  std::vector<std::size_t> choice;  // position in Slot::variants
  std::vector<float> weight;

  bool operator==(const BlendPoint&) const = default;

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"choice", &BlendPoint::choice, "position of the variant within each slot"},
        Field{"weight", &BlendPoint::weight, "of each slot"});
  }
};

// A case of a pool. A search may look at the cases of several windows at once, if their pools hold
// the same variants.
struct PoolCase {
  const ScorePool* pool;
  std::size_t c;
};

struct BlendSearchOptions {
  Metric metric;
  std::size_t trials = 200;     // at most, the start among them
  std::size_t patience = 80;    // stop after so many trials without a gain
  double spread = 0.7;          // standard deviation of the first steps in log weight
  bool change_variants = true;  // false: only weights move (a refit of a frozen recipe)
  std::uint64_t seed = 1;
};

struct Trial {
  BlendPoint point;
  double value = 0;  // mean metric over the cases searched on

  static constexpr auto fields() {
    return std::make_tuple(Field{"point", &Trial::point, "the blend"},
                           Field{"value", &Trial::value, "mean of the metric"});
  }
};

struct BlendSearchResult {
  BlendPoint point;
  double value = 0;
  std::vector<Trial> trials;  // in order; the first is the start
};

// The best value after each trial.
std::vector<double> curve_of(std::span<const Trial> trials);

// The point to start from without any other knowledge: in each slot the variant that is best alone,
// equal weights.
BlendPoint first_point(std::span<const PoolCase> cases, std::span<const Slot> slots,
                       const Metric& metric);

// The metric of each case under `point`.
std::vector<double> blend_values(std::span<const PoolCase> cases, std::span<const Slot> slots,
                                 const BlendPoint& point, const Metric& metric,
                                 const Resources& resources = {});

// Random search around the best point so far, starting at `start`; one trial, one evaluation over
// `cases`. The result depends on the arguments alone; runs in the calling thread.
// `cases` must not be empty.
BlendSearchResult search_blend(std::span<const PoolCase> cases, std::span<const Slot> slots,
                               const BlendPoint& start, const BlendSearchOptions& options,
                               const Resources& resources = {});

// `own` pulled to `general`: geometric in the weights, own^share * general^(1 - share); variants
// are own's. share in [0, 1].
BlendPoint shrink_to(const BlendPoint& own, const BlendPoint& general, double share);

}  // namespace sartor
