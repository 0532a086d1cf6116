// Fits the weights (and, slot by slot, the half-lives and other variants) of a blend to the ranking
// metric itself, over a ScorePool.
//
// Coordinate ascent (Metzler and Croft, Information Retrieval 2007): slot after slot, every variant
// is tried with every weight of a grid around the present one, all in one pass over the pool. The
// metric is a step function of a weight, so its value at a point is smoothed with its neighbours on
// the grid: a plateau wins over a lucky spike.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "sartor/base/deadline.h"
#include "sartor/base/fields.h"
#include "sartor/tuning/score_pool.h"
#include "sartor/tuning/trial_log.h"

namespace sartor {

// A place in the blend, filled by exactly one of its variants: popularity with this half-life or
// that.
struct Slot {
  std::string name;
  std::vector<std::size_t> variants;  // positions in the pool

  bool operator==(const Slot&) const = default;

  static constexpr auto fields() {
    return std::make_tuple(Field{"name", &Slot::name, "of the slot"},
                           Field{"variants", &Slot::variants, "positions in the pool"});
  }
};

// A case of a pool. A search may look at the cases of several windows at once, if their pools hold
// the same variants.
struct PoolCase {
  const ScorePool* pool;
  std::size_t c;
};

inline constexpr std::size_t kLeastTrials = 12;
inline constexpr std::size_t kAnyTrials = 1'000'000;  // where the clock says how many

struct BlendSearchOptions {
  Metric metric;
  std::size_t trials = 200;  // lines to search at most; the start is the first
  double seconds = 0;  // of the clock after which no trial begins, but kLeastTrials are; 0: none
  double reach = 4;    // a step multiplies a weight by 1/reach to reach, or drops the slot
  bool change_variants = true;       // false: only weights move (a refit of a frozen recipe)
  std::vector<std::uint8_t> closed;  // per slot: 1 keeps it at no weight, as it starts; empty: none

  std::string sampler = "coordinate";  // or one of sampler.h's (sampled_blend.h)
  std::uint64_t seed = 1;              // of a sampler
  std::vector<BlendPoint> first;       // what a sampler tries behind the start
  TrialLog* log = nullptr;             // keeps the trials, and knows those of before
  StudyKey study;                      // there
};

// Says when a search that begins now is over.
class SearchEnd {
 public:
  explicit SearchEnd(const BlendSearchOptions& options);
  bool after(std::size_t trials) const;

 private:
  std::size_t trials_;
  std::optional<Deadline> deadline_;
};

struct BlendSearchResult {
  BlendPoint point;
  double value = 0;
  std::vector<BlendTrial> trials;  // in order; the first is the start
};

// The best value after each trial.
std::vector<double> curve_of(std::span<const BlendTrial> trials);

// The point to start from without any other knowledge: in each slot the variant that is best alone,
// equal weights.
BlendPoint first_point(std::span<const PoolCase> cases, std::span<const Slot> slots,
                       const Metric& metric);

// The metric of each case under `point`.
std::vector<double> blend_values(std::span<const PoolCase> cases, std::span<const Slot> slots,
                                 const BlendPoint& point, const Metric& metric,
                                 const Resources& resources = {});

// From `start`, until no slot's line has anything better or the trials are used up. The trials
// depend on the arguments alone, not on the threads, nor on what the log knows already; with
// `seconds` the clock says how many of them are made. `cases`
// must not be empty. Fails only if cancelled, or if the log cannot be written.
Result<BlendSearchResult> search_blend(std::span<const PoolCase> cases, std::span<const Slot> slots,
                                       const BlendPoint& start, const BlendSearchOptions& options,
                                       const Resources& resources = {});

// The point without what is `closed`; equal weights for the others if they have none. As it is if
// `closed` is empty.
BlendPoint open_part(const BlendPoint& point, std::span<const std::uint8_t> closed);

// `own` pulled to `general`: geometric in the weights, own^share * general^(1 - share); variants
// are own's. share in [0, 1].
BlendPoint shrink_to(const BlendPoint& own, const BlendPoint& general, double share);

}  // namespace sartor
