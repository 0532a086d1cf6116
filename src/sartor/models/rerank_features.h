// What a re-ranker knows about an item that may be listed: the components' opinions, the user's own
// history with the item, the item's history with everybody, and the user. All as of the query.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "sartor/models/array.h"
#include "sartor/models/model.h"

namespace sartor {

// Facts about every item as of the history's end. Times are in units of `unit_days`, the length of
// a window, so that trees fitted on a shop's months and on an app's days look alike.
class ItemFacts {
 public:
  // `category` has one code per item, or is empty.
  static ItemFacts make(const History& history, double unit_days,
                        std::span<const std::uint32_t> category);

  // The same facts as of another history.
  ItemFacts moved_to(const History& history) const {
    return make(history, unit_days_, category_.span());
  }

  std::size_t items() const { return users_.size(); }
  double unit_days() const { return unit_days_; }
  bool has_categories() const { return !category_.empty(); }

  Status save(TensorFile& out) const;
  static Result<ItemFacts> load(const TensorFile& file);

 private:
  friend class FeatureWriter;

  double unit_days_ = 1;
  // log(1 + interactions) within a quarter unit, one unit, three units, ever.
  Array<float> recent_, unit_, long_, ever_;
  Array<float> age_;           // units since the item was first seen
  Array<float> last_;          // units since somebody took it
  Array<float> users_;         // distinct users
  Array<float> repeat_share_;  // of its users, those who took it more than once
  Array<std::uint32_t> category_;
};

// Names of the features in their order: the components' first, in their order, then "blend",
// "blend_rank", then the facts'.
std::vector<std::string> rerank_feature_names(std::span<const std::string> components,
                                              bool has_categories);

// Writes the rows of one query. Keep one per thread: its buffers are kept.
class FeatureWriter {
 public:
  explicit FeatureWriter(const ItemFacts& facts) : facts_(facts) {}

  // What the query's history says; before rows of that query are written.
  void begin(const Query& query);
  // Appends the facts' features of one item.
  void add(ItemId item, std::vector<float>& out) const;

 private:
  struct Own {
    std::uint32_t item;
    float count;
    double first;  // units ago
    double last;
  };

  const ItemFacts& facts_;
  std::vector<Own> own_;                                     // by item
  std::vector<std::pair<std::uint32_t, float>> categories_;  // share of the history, by code
  float baskets_ = 0;                                        // distinct moments
  float interactions_ = 0;
  double user_first_ = 0;
  double user_last_ = 0;
};

}  // namespace sartor
