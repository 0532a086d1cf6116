// Own history: what the user took before, to be bought, read or played again.
#pragma once

#include "sartor/base/fields.h"
#include "sartor/models/decay.h"
#include "sartor/models/model.h"

namespace sartor {

struct OwnHistoryConfig {
  static constexpr std::string_view kFamily = "own_history";

  double half_life_days = 60;
  double weight_power = 1;

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"half_life_days", &OwnHistoryConfig::half_life_days, kShortestHalfLife, kNoDecayDays,
              Scale::log, "days until an interaction of the user counts half; 3650: always"},
        Field{"weight_power", &OwnHistoryConfig::weight_power, 0, 1, Scale::linear,
              "power of an interaction's signal weight; 0: each counts the same"});
  }
};

// score = sum over the user's own interactions with the item of weight^weight_power *
// 2^(-age / half-life), ages as of the query; equal sums in the order of the latest interaction,
// the younger one higher. Untimed interactions are as old as the oldest timed one of that user.
// Without a history the score is the item's popularity in the log, between 0 and 1.
Result<ModelPtr> fit_own_history(const FitInput& input, const OwnHistoryConfig& config,
                                 const Resources& resources);
Result<ModelPtr> load_own_history(const TensorFile& file);

}  // namespace sartor
