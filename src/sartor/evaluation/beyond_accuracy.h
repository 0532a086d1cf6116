// What lists are like besides being right: how much of the catalogue they show, how well known and
// how alike the items on one list are, how unevenly items are shown, and what items of which age
// and popularity get. docs/metrics.md has formulas, ties and empty cases.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "sartor/base/json.h"
#include "sartor/base/parallel.h"
#include "sartor/evaluation/cases.h"
#include "sartor/evaluation/evaluate.h"

namespace sartor {

inline constexpr std::array<const char*, 3> kPopularityBuckets = {"head", "middle", "tail"};
inline constexpr std::array<const char*, 3> kAgeBuckets = {"new", "young", "old"};
// An item is of the head while the items before it, most taken first, hold less than this share of
// all interactions; of the middle up to the second share.
inline constexpr double kHeadShare = 0.5;
inline constexpr double kMiddleShare = 0.8;
inline constexpr int kNewDays = 7;  // first seen at most so long ago
inline constexpr int kYoungDays = 28;
// Diversity is the dearest number: it looks at as many lists, evenly spread.
inline constexpr std::size_t kDiversityCases = 10000;

// What is known of items at a moment; made once per window and used for every model. Immutable.
class CatalogueFacts {
 public:
  // As of `history`'s moment; `category` holds a code per item (Column::kMissing: none), or
  // nothing. Borrows neither.
  CatalogueFacts(const History& history, std::span<const std::uint32_t> category);

  std::size_t users() const { return users_; }  // of the vocabulary
  std::size_t items() const { return novelty_.size(); }
  const std::vector<ItemId>& eligible() const { return eligible_; }
  // The distinct users who took the item, ascending.
  std::span<const std::uint32_t> takers(ItemId item) const {
    return {takers_.data() + begin_[item.index()], takers_.data() + begin_[item.index() + 1]};
  }
  // -log2 of the share of the users with a history who took the item, at least one of them.
  double novelty(ItemId item) const { return novelty_[item.index()]; }
  bool has_categories() const { return !category_.empty(); }
  std::uint32_t category(ItemId item) const { return category_[item.index()]; }
  // Positions in kPopularityBuckets and kAgeBuckets.
  std::uint8_t popularity_bucket(ItemId item) const { return popularity_[item.index()]; }
  std::uint8_t age_bucket(ItemId item) const { return age_[item.index()]; }

 private:
  void find_takers(const History& history);
  void find_buckets(const History& history);

  std::size_t users_ = 0;
  std::vector<ItemId> eligible_;
  std::vector<std::size_t> begin_;  // items + 1
  std::vector<std::uint32_t> takers_;
  std::vector<double> novelty_;
  std::vector<std::uint32_t> category_;
  std::vector<std::uint8_t> popularity_;
  std::vector<std::uint8_t> age_;
};

// Shares of a bucket; pooled over all cases. NaN where the whole is nothing.
struct BucketShares {
  double items = 0;    // of the eligible items
  double listed = 0;   // of the places on lists
  double targets = 0;  // of the targets
  double hits = 0;     // of the hits
  double recall = 0;   // hits of the bucket / targets of the bucket
};

// All on lists cut at k. NaN where there is nothing to say.
struct BeyondAccuracy {
  std::size_t k = 0;
  double coverage = 0;            // share of the eligible items on at least one list
  double gini = 0;                // of how often each eligible item is listed; 0: all equally
  double novelty = 0;             // mean over users, bits
  double diversity = 0;           // mean over users: 1 - cosine of two items' takers
  double category_diversity = 0;  // mean over users: share of pairs of different categories
  std::array<BucketShares, 3> popularity{};
  std::array<BucketShares, 3> age{};
};

// `lists` as Evaluation holds them for `cases`; k at most its depth. The same bits at any thread
// count. Fails only if cancelled.
Result<BeyondAccuracy> beyond_accuracy(const Evaluation& evaluation, const Cases& cases,
                                       const CatalogueFacts& facts, std::size_t k,
                                       const Resources& resources);

// {"k","coverage","gini","novelty","diversity","category_diversity","popularity":{"head":{"items",
// "listed","targets","hits","recall"},…},"age":{"new":{…},…}}; NaN is null.
Json beyond_accuracy_json(const BeyondAccuracy& values);

}  // namespace sartor
