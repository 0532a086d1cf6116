// P(click | user, item, context) of what was shown: gradient boosted trees (Friedman, Annals of
// Statistics 2001; LightGBM) on logistic loss over the rows of click_features.h.
//
// The number of trees is told by the logloss of the latest impressions, which the first fit does
// not see; then everything is refitted. A position on the list is a feature while fitting, since it
// says why some were clicked, and a fixed reference when items are ranked (Ling et al., WWW 2017):
// nobody knows it before the list is made.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sartor/models/click_features.h"

namespace sartor {

// Immutable; safe to use from any number of threads.
class ClickModel {
 public:
  const std::vector<std::string>& names() const { return names_; }
  std::size_t trees() const { return trees_.size(); }

  // Of a row as ClickState::write makes it, shown where it was shown.
  double probability(std::span<const float> row) const;
  // The same with the position at its reference: for ranking what may be shown.
  double probability_unplaced(std::span<const float> row) const;
  // One probability per row of `rows` (rows x names); the same bits at any thread count.
  Result<std::vector<float>> probabilities(std::span<const float> rows,
                                           const Resources& resources) const;
  // How much each feature's splits gained, summing to 1, the greatest first.
  std::vector<std::pair<std::string, double>> importance() const;

  Status save(TensorFile& out) const;
  // Fails with `bad_data`.
  static Result<ClickModel> load(const TensorFile& file);

 private:
  friend Result<ClickModel> fit_click_model(const ClickRows&, Time, const ClickConfig&,
                                            const Resources&);
  std::vector<std::string> names_;
  ClickConfig config_;
  Trees trees_;
  double slope_ = 1, shift_ = 0;  // of the log-odds
};

// Learns from the rows before `from` whose outcome was known by then (with click_hours, an
// impression's is once so many hours have passed). Fails with `invalid_argument`, saying how many
// there are, if there are fewer than kLeastImpressions, or all or none were clicked; with
// `cancelled`.
inline constexpr std::size_t kLeastImpressions = 200;
Result<ClickModel> fit_click_model(const ClickRows& rows, Time from, const ClickConfig& config,
                                   const Resources& resources);

// slope and shift that minimise the logloss of 1 / (1 + exp(-(slope score + shift))) (Platt, 1999),
// by Newton's method; {1, 0} where labels are all equal.
std::pair<double, double> platt_scale(std::span<const double> scores,
                                      std::span<const float> labels);

}  // namespace sartor
