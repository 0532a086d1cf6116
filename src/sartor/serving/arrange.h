// From scores to a list: boosts raise, the filter and the diversity leave out, pins stand where
// they are told.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include "sartor/base/result.h"
#include "sartor/serving/bundle.h"
#include "sartor/serving/service.h"

namespace sartor {

// The wishes of a request in terms of a bundle.
struct Arrangement {
  std::size_t k = 0;
  std::vector<bool> fits;                                 // per item; empty: all do
  std::vector<std::pair<std::vector<bool>, double>> add;  // which items, how many deviations
  std::vector<ItemId> pins;                               // by position, ItemId{} where it is free
  const Column* diverse = nullptr;
  std::size_t most = 0;  // items of one value of it

  bool is_pinned(ItemId item) const;
};

// Fails with `invalid_argument`, the message beginning with a JSON pointer into the request's body.
Result<Arrangement> arrangement_of(const Bundle& bundle, const RecommendRequest& request);

// The best k of `allowed` (ascending) that fit, with the pins among them, best first; `scores` are
// boosted in place. Fewer only where no more fit, or diversity leaves no more. What is scored
// kNotEligible is listed as a pin only.
std::vector<ItemId> arrange(const Arrangement& wanted, std::span<const ItemId> allowed,
                            std::vector<float>& scores);

}  // namespace sartor
