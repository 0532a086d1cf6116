// The samplers themselves; sampler.h makes them by name.
#pragma once

#include <memory>

#include "sartor/tuning/sampler.h"

namespace sartor {

// A full grid: every choice, every integer where there are few, and as many levels of each number
// as `trials` allow, the same for all; in an order that is shuffled by the seed, for a grid may be
// cut short. Points that differ only in what does not exist come once. After the grid, and where
// choices alone make more than 100,000 points, random points.
std::unique_ptr<Sampler> make_grid_sampler(const SearchSpace& space, int trials,
                                           std::uint64_t seed);

// Independent points, even on each parameter's scale.
std::unique_ptr<Sampler> make_random_sampler(const SearchSpace& space, std::uint64_t seed);

// The R-sequence (Roberts, "The unreasonable effectiveness of quasirandom sequences", 2018) from a
// random start: point t has share j at frac(start_j + t g^-(j + 1)), g^(d + 1) = g + 1. It covers
// the space more evenly than random points; best up to about ten parameters.
std::unique_ptr<Sampler> make_quasi_random_sampler(const SearchSpace& space, std::uint64_t seed);

// Tree-structured Parzen estimator over all parameters at once (tpe_sampler.cc). 1,000 trials of
// ten parameters take about a fifth of a millisecond.
std::unique_ptr<Sampler> make_tpe_sampler(const SearchSpace& space, std::uint64_t seed);

// Gaussian process with log expected improvement (gp_sampler.cc). At most kGpTrials of a longer
// history are looked at, so a suggestion never takes more than some 20 ms.
inline constexpr std::size_t kGpTrials = 300;
std::unique_ptr<Sampler> make_gp_sampler(const SearchSpace& space, std::uint64_t seed);

// gp until kGpTrials trials are known, tpe after that.
std::unique_ptr<Sampler> make_auto_sampler(const SearchSpace& space, std::uint64_t seed);

// Ranks without what failed: positions of `history` from the best value to the worst, earlier ones
// first among equals, failed ones last.
std::vector<std::size_t> best_first(std::span<const Trial> history);

}  // namespace sartor
