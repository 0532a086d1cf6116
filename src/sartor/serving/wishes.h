// What a request may ask of its list beside who it is for: which items, which of them first, and
// how mixed. All of it holds whatever model makes the list: a segment's own, general, popularity.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace sartor {

inline constexpr int kMostConditions = 20;  // of a filter, and as many that may not hold
inline constexpr int kMostBoosts = 20;
inline constexpr double kMostBoost = 100;  // either way

// What one attribute of an item must be. An item that lacks the attribute fits no condition.
struct Condition {
  // A column of the bundle's item table, or "item": the id itself, of which unknown ones are
  // ignored.
  std::string attribute;
  // One of these, whichever the column's kind takes; none: that the item has the attribute.
  std::vector<std::string> words{};  // of a text column: any of them
  std::vector<std::string> has{};    // likewise: any of the parts between '|', ',' and ';'
  std::vector<double> numbers{};     // of a number column: any of them
  std::optional<double> min{};       // likewise: this end belongs to it
  std::optional<double> max{};       // and so does this
};

struct ItemFilter {
  std::vector<Condition> all{};   // each must hold
  std::vector<Condition> none{};  // none may
  bool empty() const { return all.empty() && none.empty(); }
};

struct Pin {
  std::string item;
  int position = 0;  // in the list, from 1; 0: the first that is free
};

// Adds to the score of what fits. The unit is the standard deviation of the list's scores over all
// items that may be listed, so that 1 means the same whatever made them.
struct Boost {
  ItemFilter where{};
  double add = 0;
};

enum class Seen { by_bundle, exclude, include };

// At most so many items of one value of a column; those that lack it are not counted.
struct Diversity {
  std::string by;
  int most = 1;
};

struct Wishes {
  ItemFilter filter{};
  std::vector<Pin> pins{};  // stand where they are told, whatever else is asked
  std::vector<Boost> boosts{};
  Seen seen = Seen::by_bundle;  // whether what the history has may be listed
  std::optional<Diversity> diversity{};
};

}  // namespace sartor
