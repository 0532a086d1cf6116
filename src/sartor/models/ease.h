// EASE: embarrassingly shallow autoencoders (Steck, WWW 2019), the closed-form item to item model.
#pragma once

#include "sartor/base/fields.h"
#include "sartor/models/decay.h"
#include "sartor/models/gram.h"
#include "sartor/models/model.h"

namespace sartor {

struct EaseConfig {
  static constexpr std::string_view kFamily = "ease";

  double regularization = 300;
  double half_life_days = kNoDecayDays;
  double weight_power = 0;
  int max_items = 20000;

  GramConfig gram() const { return {weight_power, max_items}; }

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"regularization", &EaseConfig::regularization, 1e-2, 1e6, Scale::log,
              "added to the diagonal of the item by item matrix"},
        Field{"half_life_days", &EaseConfig::half_life_days, kShortestHalfLife, kNoDecayDays,
              Scale::log, "days until an item of the user's history counts half; 3650: always"},
        Field{"weight_power", &EaseConfig::weight_power, 0, 1, Scale::linear,
              "power of the summed signal weights of a user and an item; 0: binary"},
        Field{"max_items", &EaseConfig::max_items, 1, 50000, Scale::fixed,
              "keeps the most popular items; memory grows with its square, 4 bytes each"});
  }
};

// B = I - P diag(1 / diag P), P = (G + regularization I)^-1; score = x_u B, where x_u is the
// query's profile (user_items.h). Items beyond max_items, and items without users, score 0. A query
// without any known item gets popularity between 0 and 1.
Result<ModelPtr> fit_ease(const FitInput& input, const EaseConfig& config,
                          const Resources& resources);

// The same from a Gram that is at hand: one inverse, no pass over the log. The config's
// weight_power must be the Gram's.
Result<ModelPtr> fit_ease_from_gram(const Gram& gram, const EaseConfig& config,
                                    const Resources& resources);

// B alone, from a Gram that is used up. Fails with `invalid_argument` if G + regularization I is
// not positive definite.
Result<Matrix<float>> ease_weights(Matrix<float> gram, double regularization,
                                   const Resources& resources);

Result<ModelPtr> load_ease(const TensorFile& file);

}  // namespace sartor
