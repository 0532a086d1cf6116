// Content: items whose facts are like those of what the user took, whoever else took them. The one
// model that knows something of an item nobody took yet.
#pragma once

#include "sartor/base/fields.h"
#include "sartor/models/decay.h"
#include "sartor/models/model.h"

namespace sartor {

struct ContentConfig {
  static constexpr std::string_view kFamily = "content";

  double half_life_days = kNoDecayDays;
  double text_weight = 1;
  double category_weight = 1;
  double price_weight = 0.5;
  double number_weight = 0;
  bool learned = true;
  double max_share = 0.3;

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"half_life_days", &ContentConfig::half_life_days, kShortestHalfLife, kNoDecayDays,
              Scale::log, "days until an item of the user's history counts half; 3650: always"},
        Field{"text_weight", &ContentConfig::text_weight, 0, 100, Scale::linear,
              "of the words of `text`"},
        Field{"category_weight", &ContentConfig::category_weight, 0, 100, Scale::linear,
              "of `category` and every other column of words"},
        Field{"price_weight", &ContentConfig::price_weight, 0, 100, Scale::linear, "of `price`"},
        Field{"number_weight", &ContentConfig::number_weight, 0, 100, Scale::linear,
              "of every other column of numbers; what few share tends to drown the rest"},
        Field{"learned", &ContentConfig::learned,
              "weighs a fact by how much more often than by chance items that share it are taken "
              "by the same user; else by how rare it is"},
        Field{"max_share", &ContentConfig::max_share, 0, 1, Scale::linear,
              "facts that more of the items have are left out: they tell little and cost much"});
  }
};

// Item i is the vector v_i of its facts (content_features.h), each times the weight of its kind and
// times g_f, of length 1; the user is p = sum over the distinct items of the history of v_i *
// 2^(-age / half-life); score_i = cosine(p, v_i) + popularity / 1000, popularity between 0 and 1,
// which parts items with the same facts. Items without facts have the cosine 0; somebody without
// any item that has facts gets popularity.
//
// learned: g_f^2 = max(0, ln lift_f), lift_f = (together_f + L) / (chance_f + 1), where
//   together_f = sum over users of c (c - 1) / (n - 1), n the user's distinct items, c those with f
//   chance_f   = (sum over users of c)^2 / sum over users of n
// and L is the same quotient over all facts of f's column: what nobody took yet has its column's
// weight (naive Bayes on "taken by the same user", shrunk). Users with one item count for nothing.
// Else, and where no user has two items, g_f = (1 + ln((1 + n) / (1 + n_f))) over its largest
// possible value, n the items seen before the history's end and n_f those with f: TF-IDF as
// scikit-learn smooths it.
//
// A query costs the postings of its facts, at most (facts of the profile) * max_share * items.
// Fails with `invalid_argument` if `item_attributes` is null, is of another catalogue or holds
// nothing, or like check_fit_input.
Result<ModelPtr> fit_content(const FitInput& input, const ContentConfig& config,
                             const Resources& resources);
Result<ModelPtr> load_content(const TensorFile& file);

}  // namespace sartor
