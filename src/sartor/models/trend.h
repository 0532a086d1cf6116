// Trend: items that are taken more now than their past lets expect.
#pragma once

#include "sartor/base/fields.h"
#include "sartor/models/decay.h"
#include "sartor/models/model.h"

namespace sartor {

struct TrendConfig {
  static constexpr std::string_view kFamily = "trend";

  double half_life_days = 7;
  double baseline = 8;
  double prior = 0;

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"half_life_days", &TrendConfig::half_life_days, kShortestHalfLife, kNoDecayDays,
              Scale::log, "days until an interaction is half past: what is `now`"},
        Field{"baseline", &TrendConfig::baseline, 1.5, 1000, Scale::log,
              "half-life of what is expected, in half-lives of `now`"},
        Field{
            "prior", &TrendConfig::prior, 0, 1e6, Scale::linear,
            "expected interactions that an item needs before its own rise counts half; 0: fitted"});
  }
};

// With r_i the item's interactions decayed by the half-life h ("now"), b_i those of its past, each
// worth 2^(-age / (baseline h)) - 2^(-age / h), and e_i = b_i sum(r) / sum(b) what is expected of
// it now if its share had not changed:
//     r_i ~ Poisson(t_i e_i),   t_i ~ Gamma(prior, prior),   score_i = log (r_i + prior) / (e_i +
//     prior)
// the log of the posterior mean of its rise t_i (the gamma-Poisson shrinker of DuMouchel, The
// American Statistician 1999): few interactions stay near 0, whatever their ratio. The prior is
// fitted by moments. Ages are as of the history's end. Without times, or without decay, every score
// is its share of all interactions: nothing rises.
Result<ModelPtr> fit_trend(const FitInput& input, const TrendConfig& config,
                           const Resources& resources);
Result<ModelPtr> load_trend(const TensorFile& file);

}  // namespace sartor
