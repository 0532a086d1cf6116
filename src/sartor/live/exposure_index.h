// The lists of the last hours in memory, so that events find the one they came from.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "sartor/base/time.h"
#include "sartor/live/event.h"
#include "sartor/live/exposure.h"
#include "sartor/live/key_set.h"

namespace sartor {

// A client's clock may be off by as much.
inline constexpr Time kClockSkew = 300 * kSecond;

struct ListedItem {
  std::uint64_t hash : 63;
  std::uint64_t clicked : 1;  // a success was tied to it
};

struct ShownList {
  std::uint64_t number = 0;
  Time time = 0;
  KeyHash id;
  std::uint64_t user = 0;  // a hash of the user; of the exposure's id where there is none
  std::string segment;
  Arm arm = Arm::none;
  bool on_general = false;  // made by the general model, not because the segment's own failed
  std::vector<ListedItem> items;
};

// Not safe to use from several threads. Costs about 250 bytes for a list of ten.
class ExposureIndex {
 public:
  // Keeps lists for `window`, the latest ones with at most `most_items` items together.
  explicit ExposureIndex(Time window, std::size_t most_items = 20'000'000)
      : window_(window), most_items_(most_items) {}

  // In ascending order of number and time; forgets what is too old by then.
  void add(const Exposure& exposure);

  // An event and its list: the one it names; or else the last one of its user that had its item and
  // was shown before the event (or up to kClockSkew after it, by the client's clock), at most a
  // window earlier. Nothing if the list is not there or did not have the item.
  struct Tie {
    ShownList* list = nullptr;
    std::size_t position = 0;  // from 0
    ListedItem& item() const { return list->items[position]; }
  };
  std::optional<Tie> tie(const LiveEvent& event);
  // The place `position` of list `number`, if it is there.
  std::optional<Tie> at(std::uint64_t number, std::size_t position);

  // Lists of this user stay in their places, as nobody's and of nothing.
  void forget(const std::string& user);

  std::size_t size() const { return lists_.size(); }

 private:
  struct HashOfId {
    std::size_t operator()(KeyHash id) const { return id.low; }
  };
  ShownList* find(std::uint64_t number);
  void forget_first();

  Time window_;
  std::size_t most_items_;
  std::size_t items_ = 0;
  std::deque<ShownList> lists_;                                           // by number
  std::unordered_map<KeyHash, std::uint64_t, HashOfId> by_id_;            // its number
  std::unordered_map<std::uint64_t, std::deque<std::uint64_t>> by_user_;  // their numbers
};

// What a list counts for: its user, or itself where there is none.
std::uint64_t hash_of_visitor(const std::string& user, const std::string& exposure_id);

}  // namespace sartor
