// Interactions as sparse matrices (who took what), and one user's row of them as of a moment.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sartor/base/parallel.h"
#include "sartor/base/result.h"
#include "sartor/models/decay.h"
#include "sartor/models/model.h"

namespace sartor {

// Each user's distinct items, ascending, with a value each: (sum of the signal weights of the
// user's interactions with it) ^ weight_power, so 1 where the power is 0. With a half-life, so that
// what two items have in common counts half after it, times 2^(-age / (2 half-life)), the age that
// of the latest interaction by the rule of `Ages`.
struct UserItems {
  std::size_t items = 0;
  std::vector<std::size_t> begin;  // users + 1
  std::vector<std::uint32_t> item;
  std::vector<float> value;

  std::size_t users() const { return begin.size() - 1; }
};

Result<UserItems> user_items(const History& history, double weight_power,
                             const Resources& resources, double half_life_days = kNoDecayDays);

// The other way round: each item's users, ascending; `entry` is the place in UserItems.
struct ItemUsers {
  std::vector<std::size_t> begin;  // items + 1
  std::vector<std::uint32_t> user;
  std::vector<std::size_t> entry;
};

ItemUsers item_users(const UserItems& rows);

// One user's row.
struct ProfileEntry {
  std::uint32_t item = 0;
  float value = 0;
};

// The distinct items of the query's history below `items`, ascending: (sum of weights) ^
// weight_power, halved for every half-life since the latest interaction with the item. Untimed
// interactions are as old as the oldest timed one of the history (0 days where all are untimed).
std::vector<ProfileEntry> profile(const Query& query, std::size_t items, double weight_power,
                                  double half_life_days);

// Age in days at `query.as_of` of each interaction of the history, by the rule above.
class Ages {
 public:
  explicit Ages(const Query& query);
  double of(const Interaction& row) const {
    return row.time == kUntimed ? oldest_ : days_between(row.time, as_of_);
  }

 private:
  Time as_of_;
  double oldest_ = 0;
};

// What each item was taken in all, user weights counted; times do not matter.
std::vector<float> item_totals(const FitInput& input);

// A stranger's scores: `totals` divided by their maximum (zeros where that is 0).
std::vector<float> stranger_scores(std::span<const float> totals);

}  // namespace sartor
