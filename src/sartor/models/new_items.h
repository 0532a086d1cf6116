// New items: how often each item is taken per day since it was first seen, with a prior from how
// new items of the past did. What came yesterday is not buried by the totals of what has been there
// for a year.
#pragma once

#include "sartor/base/fields.h"
#include "sartor/models/decay.h"
#include "sartor/models/model.h"

namespace sartor {

struct NewItemsConfig {
  static constexpr std::string_view kFamily = "new_items";

  double half_life_days = 14;
  double young_days = 7;

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"half_life_days", &NewItemsConfig::half_life_days, kShortestHalfLife, kNoDecayDays,
              Scale::log, "days until an interaction, and a day of the item's life, counts half"},
        Field{"young_days", &NewItemsConfig::young_days, 0.25, 3650, Scale::log,
              "first days of an item's life that the prior is fitted on"});
  }
};

// With r_i the item's interactions and d_i the days of its life (since it was first seen, at most
// since the log's first timed event), both decayed by the half-life:
//     r_i ~ Poisson(rate_i d_i),   rate_i ~ Gamma(a, b),   score_i = (a + r_i) / (b + d_i)
// the posterior mean of its interactions per day. a and b are fitted by moments to what items that
// came during the log were taken in their first `young_days`, as far as those have passed; where
// fewer than 10 such items are known, a = 1 and a / b is the mean rate of all items. Ages are as of
// the history's end. An old item's d_i is a constant, so among them the order is that of
// popularity.
Result<ModelPtr> fit_new_items(const FitInput& input, const NewItemsConfig& config,
                               const Resources& resources);
Result<ModelPtr> load_new_items(const TensorFile& file);

}  // namespace sartor
