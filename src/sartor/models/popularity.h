// Popularity: what everybody takes, the recent counting more.
#pragma once

#include <memory>

#include "sartor/base/fields.h"
#include "sartor/models/decay.h"
#include "sartor/models/model.h"

namespace sartor {

struct PopularityConfig {
  static constexpr std::string_view kFamily = "popularity";

  double half_life_days = 7;

  static constexpr auto fields() {
    return std::make_tuple(Field{"half_life_days", &PopularityConfig::half_life_days,
                                 kShortestHalfLife, kNoDecayDays, Scale::log,
                                 "days until an interaction counts half; 3650: it always counts"});
  }
};

// score = sum over the item's interactions of user weight * signal weight * 2^(-age / half-life),
// ages as of the history's end: it stays as fitted, whatever a query's as_of, but for what the
// query says was taken since. Untimed interactions count only without decay, unless all are
// untimed: then there is none. with_half_life() is exact to within an hour: interactions of one
// item in the same hour share their mean age, as in the fit. advanced() is exact likewise; the
// weights of the fit's users do not hold for what came later.
Result<ModelPtr> fit_popularity(const FitInput& input, const PopularityConfig& config,
                                const Resources& resources);
Result<ModelPtr> load_popularity(const TensorFile& file);

}  // namespace sartor
