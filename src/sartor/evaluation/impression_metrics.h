// Metrics of impressions that carry a label (clicked or not): how well scores order them, how
// honest probabilities are. docs/metrics.md has formulas, ties and empty cases.
//
// All spans of a call have equal length, one entry per impression; a label is positive if it is not
// 0. What cannot be computed is NaN, never 0: no impressions, or labels of one kind only. The
// results depend on the arguments alone; the functions may be called from any thread. Cost: a sort.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace sartor {

// The probability that a positive scores higher than a negative, equal scores counting one half
// (Mann and Whitney 1947; the area under the ROC curve). A NaN score counts as the lowest.
double auc(std::span<const float> scores, std::span<const std::uint8_t> labels);

struct UserAuc {
  std::uint32_t user = 0;
  std::size_t impressions = 0;
  double auc = 0;
};

// The auc of each user with both labels, in ascending order of `users`; the others say nothing
// about the order within a user.
std::vector<UserAuc> auc_by_user(std::span<const float> scores,
                                 std::span<const std::uint8_t> labels,
                                 std::span<const std::uint32_t> users);

// The mean of auc_by_user, weighted by the users' impressions (Zhu et al., KDD 2017; Zhou et al.,
// "Deep interest network", KDD 2018).
double gauc(std::span<const float> scores, std::span<const std::uint8_t> labels,
            std::span<const std::uint32_t> users);

// Mean of -log(probability of the label that came), natural logarithm. Probabilities are kept
// kLoglossMargin away from 0 and 1, so that one certain error is not infinite. NaN if one is NaN.
inline constexpr double kLoglossMargin = 0x1p-23;  // float's epsilon: what a float can tell from 1
double logloss(std::span<const float> probabilities, std::span<const std::uint8_t> labels);

struct CalibrationBin {
  std::size_t impressions = 0;
  double predicted = 0;  // mean probability
  double observed = 0;   // share of positives
};

struct Calibration {
  std::vector<CalibrationBin> bins;  // ascending by probability; none is empty
  // Mean over impressions of |predicted - observed| of their bin (expected calibration error).
  double expected_error = 0;
  double ratio = 0;  // sum of probabilities / number of positives; NaN without positives
};

// At most `bins` (at least 1) bins of equal mass: bin b ends with the probability at position
// floor((n - 1) b / bins) of the sorted ones. Equal probabilities share a bin, so there may be
// fewer. Probabilities are not NaN.
Calibration calibration(std::span<const float> probabilities, std::span<const std::uint8_t> labels,
                        std::size_t bins);

}  // namespace sartor
