// What a list costs, told by counting what each component touches, at a nominal speed: the same on
// every machine and at any load, so that what it decides can be decided again.
#pragma once

#include <span>
#include <vector>

#include "sartor/tuning/variants.h"

namespace sartor {

// For whom, out of how much.
struct ListCost {
  std::size_t items = 0;  // of the catalogue
  double history = 0;     // of a user, in interactions; the mean
  ModelsConfig config;
  const RerankPlan* plan = nullptr;  // of family "rerank"

  // What the component adds to a list. The sum over a blend was three quarters of what a list took
  // on one core of 2023 (decision 0019).
  double milliseconds(const VariantSpec& spec) const;
};

// Closes the dearest slots, the earlier one of equals, until the others cost no more than `most`
// milliseconds together; `closed` (empty: none) is added to. The variants are those of the slots.
void close_dearest(std::span<const VariantSpec> variants, const ListCost& cost, double most,
                   std::vector<std::uint8_t>& closed);

}  // namespace sartor
