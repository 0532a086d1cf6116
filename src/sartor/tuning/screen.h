// The first round of a search: variants that do worst where they would stand are left out, so that
// the windows behind the first are spared fitting and scoring them (successive halving: Jamieson
// and Talwalkar, AISTATS 2016, with one cut).
#pragma once

#include <span>
#include <vector>

#include "sartor/tuning/blend_search.h"
#include "sartor/tuning/variants.h"

namespace sartor {

struct Screened {
  VariantPlan plan;               // at most `keep` variants of each slot, in their order
  std::vector<std::size_t> kept;  // positions of its variants in the plan that was screened
  BlendPoint point;               // the same blend in the new plan; its variants are always kept
};

// Each variant stands in its slot of `point` with the slot's weight, or an eighth of the largest
// where that has none, and is judged by the mean metric over `cases`. The result depends on the
// arguments alone. Fails only if cancelled.
Result<Screened> screen_variants(const VariantPlan& plan, std::span<const PoolCase> cases,
                                 const BlendPoint& point, const Metric& metric, std::size_t keep,
                                 const Resources& resources);

}  // namespace sartor
