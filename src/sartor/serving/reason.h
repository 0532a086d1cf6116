// Why an item stands in a list, in words.
#pragma once

#include <span>
#include <string>

#include "sartor/base/deadline.h"
#include "sartor/serving/bundle.h"
#include "sartor/serving/visitor.h"

namespace sartor {

// What explains the lists of one visitor; cheap per item once made.
class Reasons {
 public:
  // Asks the bundle's similar-items model about the latest kLatest distinct items of the history,
  // but for those listed that were not taken before; past the deadline it knows what it knows then.
  Reasons(const Bundle& bundle, const Visitor& visitor, std::span<const ItemId> listed,
          const Deadline* deadline = nullptr);

  // "taken 4 times, every 20 days", "taken before, 12 days ago", "goes with 85123A (WHITE HANGING
  // HEART)", or "popular now".
  std::string of(ItemId item) const;

 private:
  static constexpr std::size_t kLatest = 20;
  struct Tie {
    float similarity = 0;
    ItemId item;  // of the history
  };
  std::string taken(ItemId item) const;

  const Bundle& bundle_;
  const Visitor& visitor_;
  std::vector<std::pair<ItemId, Tie>> ties_;  // listed items that go with something, ascending
};

// What speaks most for each item of a list, by the scores that made it.
struct ListFacts {
  const Model* model = nullptr;        // that made the list; null: popularity did
  std::span<const ItemId> items;       // the list
  std::span<const float> boosts;       // one per item of the list, as a part of its score; or none
  const Deadline* deadline = nullptr;  // past it nothing more is found out
  const TakenSince* since = nullptr;   // as it was when the list was made
};
std::vector<ItemReason> reasons_of(const Bundle& bundle, const Visitor& visitor,
                                   const ListFacts& list);

// "85123A (WHITE HANGING HEART…)": the item with its text, where it has one.
std::string item_in_words(const Bundle& bundle, ItemId item);

}  // namespace sartor
