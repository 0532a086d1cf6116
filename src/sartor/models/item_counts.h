// When each item was taken: what models of popularity decay when they are made, and again with
// another half-life.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sartor/base/parallel.h"
#include "sartor/base/result.h"
#include "sartor/models/array.h"
#include "sartor/models/decay.h"
#include "sartor/models/model.h"

namespace sartor {

// Each item's interactions by the hour, the youngest first, ages in days as of the history's end;
// interactions of one item in the same hour share their weighted mean age. Weights are user weight
// * signal weight. Shares its arrays when copied.
struct ItemCounts {
  Array<std::uint64_t> begin;  // items + 1
  Array<float> age_days;
  Array<float> weight;
  Array<float> untimed;  // per item: the sum of the weights of what has no time

  std::size_t items() const { return untimed.size(); }
  bool timed() const { return !age_days.empty(); }

  // Per item the sum of weight * 2^(-age / half-life). Untimed interactions count only without
  // decay, or where nothing has a time.
  std::vector<double> decayed_sums(double half_life_days) const;

  // The same as of `now`, with what came since `before`, which they are as of; users weigh 1.
  ItemCounts advanced(const History& before, const History& now) const;

  void save(TensorFile& out) const;
  static Result<ItemCounts> load(const TensorFile& file);
};

Result<ItemCounts> item_counts(const FitInput& input, const Resources& resources);

// Days that a steady stream of one interaction a day, `age_days` old, is worth when it decays: the
// integral of 2^(-t / half-life) from 0 to `age_days`.
inline double decayed_days(double age_days, double half_life_days) {
  if (!(age_days > 0)) return 0;
  if (!decays(half_life_days)) return age_days;
  const double rate = 0.6931471805599453 / half_life_days;
  return -std::expm1(-rate * age_days) / rate;
}

}  // namespace sartor
