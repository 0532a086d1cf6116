// The other way to search a blend: by a sampler (sampler.h), which tries one whole blend a trial.
//
// Its space has the variant of every slot that has several, and every slot's weight, on a
// logarithmic scale around the start's: a factor of reach^3 either way. The lowest twentieth of a
// weight's range stands for no weight at all. The trials begin with the start itself and
// `options.first`, so that a segment's search knows what was good for everybody.
#pragma once

#include <span>

#include "sartor/tuning/blend_search.h"
#include "sartor/tuning/search_space.h"

namespace sartor {

// Like search_blend, for options.sampler other than "coordinate". Of all trials the best is taken,
// the earliest of equals. Fails with `config` for an unknown sampler, too.
Result<BlendSearchResult> sample_blends(std::span<const PoolCase> cases,
                                        std::span<const Slot> slots, const BlendPoint& start,
                                        const BlendSearchOptions& options,
                                        const Resources& resources);

// The space, and the way between its points and blends. A slot that is closed has no parameter.
class BlendSpace {
 public:
  // Fails with `config` if nothing is left to search: every slot closed.
  static Result<BlendSpace> make(std::span<const Slot> slots, const BlendPoint& start,
                                 const BlendSearchOptions& options);

  const SearchSpace& space() const { return space_; }
  BlendPoint blend_of(const Point& point) const;
  // The nearest point of the space.
  Point point_of(const BlendPoint& blend) const;

 private:
  explicit BlendSpace(SearchSpace space) : space_(std::move(space)) {}

  SearchSpace space_;
  BlendPoint start_;                 // gives what has no parameter
  std::vector<std::size_t> choice_;  // of each slot: its parameter, or space().size()
  std::vector<std::size_t> weight_;  // likewise
};

}  // namespace sartor
