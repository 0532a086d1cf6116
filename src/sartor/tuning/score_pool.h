// Standardised scores of many component variants for the candidates of every case, kept so that a
// trial that changes only weights (or picks another half-life) costs a pass over memory and no
// model at all.
//
// The candidates of a case are the union of the best `depth` items of each variant: the search
// looks only at them. What a search chooses is judged afterwards by the real blend over the whole
// catalogue.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sartor/base/parallel.h"
#include "sartor/evaluation/cases.h"
#include "sartor/evaluation/metrics.h"
#include "sartor/models/model.h"

namespace sartor {

class ScorePool {
 public:
  // Scores every case with every variant. `variants` are fitted on `history`, as of the window's
  // start, and advanced where cases have moments of their own. Fails with `invalid_argument` if a
  // score of an item that may be listed is not finite, naming the family, and with `broken` set to
  // the variant's position.
  static Result<ScorePool> make(const Cases& cases, const History& history,
                                std::span<const Model* const> variants, std::size_t depth,
                                bool repeat, const Resources& resources,
                                std::size_t* broken = nullptr);

  // The same pool with these of its variants alone, in the order given.
  ScorePool only(std::span<const std::size_t> variants) const;

  // A pool counts in users: what it calls a case is all cases of one user, and its value their
  // mean. With cases = "window" that is the same.
  std::size_t cases() const { return user_begin_.size() - 1; }
  std::size_t variants() const { return variants_; }
  std::size_t bytes() const { return z_.size() * sizeof(float); }

  // One term of a blend: which variant, and how much.
  struct Term {
    std::size_t variant;
    float weight;
  };

  // Buffers of one thread, kept from call to call.
  struct Scratch {
    std::vector<float> base;
    std::vector<float> score;
    std::vector<std::uint32_t> ranks;
  };

  // The metric of user `u` under the blend.
  double value(std::size_t u, std::span<const Term> blend, const Metric& metric,
               Scratch& scratch) const;

  // Adds to out[v * weights.size() + w] the metric of user `u` under `base` + weights[w] *
  // variants[v]: a line through the space of blends costs far less than its points one by one.
  void add_along(std::size_t u, std::span<const Term> base, std::span<const std::size_t> variants,
                 std::span<const float> weights, const Metric& metric, Scratch& scratch,
                 std::span<double> out) const;

 private:
  std::size_t candidates(std::size_t c) const { return begin_[c + 1] - begin_[c]; }
  std::span<const float> row(std::size_t c, std::size_t variant) const {
    return {z_.data() + begin_[c] * variants_ + variant * candidates(c), candidates(c)};
  }
  void sum_up(std::size_t c, std::span<const Term> blend, std::vector<float>& score) const;
  double value_of(std::size_t c, std::span<const float> score, const Metric& metric,
                  std::vector<std::uint32_t>& ranks) const;

  std::size_t variants_ = 0;
  std::vector<std::size_t> user_begin_{0};  // per user: where the cases begin
  std::vector<std::size_t> begin_{0};       // per case: where its candidates begin
  std::vector<std::size_t> hit_begin_{0};   // per case: where its targets in the pool begin
  std::vector<std::uint32_t> hits_;         // positions among the case's candidates, ascending
  std::vector<std::uint32_t> targets_;      // per case: how many targets, listed or not
  std::vector<float> z_;  // case c, variant v, candidate i: z_[begin_[c] * variants_ + v * n + i]
};

}  // namespace sartor
