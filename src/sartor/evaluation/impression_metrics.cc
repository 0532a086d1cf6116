#include "sartor/evaluation/impression_metrics.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

namespace sartor {
namespace {

constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

struct Impression {
  std::uint32_t user;
  float score;
  bool positive;
};

std::vector<Impression> sorted_impressions(std::span<const float> scores,
                                           std::span<const std::uint8_t> labels,
                                           std::span<const std::uint32_t> users) {
  assert(scores.size() == labels.size() && (users.empty() || users.size() == scores.size()));
  std::vector<Impression> rows(scores.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const float score = std::isnan(scores[i]) ? -std::numeric_limits<float>::infinity() : scores[i];
    rows[i] = {users.empty() ? 0 : users[i], score, labels[i] != 0};
  }
  std::sort(rows.begin(), rows.end(), [](const Impression& a, const Impression& b) {
    return a.user != b.user ? a.user < b.user : a.score < b.score;
  });
  return rows;
}

// Of rows ascending by score; NaN if all labels are the same.
double auc_of_sorted(std::span<const Impression> rows) {
  double won = 0;  // pairs in which the positive scores higher
  double positives = 0;
  double negatives = 0;
  for (std::size_t begin = 0; begin < rows.size();) {
    double tied_positives = 0;
    std::size_t end = begin;
    for (; end < rows.size() && rows[end].score == rows[begin].score; ++end) {
      tied_positives += rows[end].positive ? 1 : 0;
    }
    const double tied_negatives = static_cast<double>(end - begin) - tied_positives;
    won += tied_positives * (negatives + tied_negatives / 2);
    positives += tied_positives;
    negatives += tied_negatives;
    begin = end;
  }
  return positives == 0 || negatives == 0 ? kUndefined : won / (positives * negatives);
}

}  // namespace

double auc(std::span<const float> scores, std::span<const std::uint8_t> labels) {
  return auc_of_sorted(sorted_impressions(scores, labels, {}));
}

std::vector<UserAuc> auc_by_user(std::span<const float> scores,
                                 std::span<const std::uint8_t> labels,
                                 std::span<const std::uint32_t> users) {
  const std::vector<Impression> rows = sorted_impressions(scores, labels, users);
  std::vector<UserAuc> out;
  for (auto begin = rows.begin(); begin != rows.end();) {
    const std::uint32_t user = begin->user;
    const auto end =
        std::find_if(begin, rows.end(), [&](const Impression& row) { return row.user != user; });
    const double value = auc_of_sorted({begin, end});
    if (!std::isnan(value)) out.push_back({user, static_cast<std::size_t>(end - begin), value});
    begin = end;
  }
  return out;
}

double gauc(std::span<const float> scores, std::span<const std::uint8_t> labels,
            std::span<const std::uint32_t> users) {
  double sum = 0;
  double weights = 0;
  for (const UserAuc& user : auc_by_user(scores, labels, users)) {
    sum += static_cast<double>(user.impressions) * user.auc;
    weights += static_cast<double>(user.impressions);
  }
  return weights == 0 ? kUndefined : sum / weights;
}

double logloss(std::span<const float> probabilities, std::span<const std::uint8_t> labels) {
  assert(probabilities.size() == labels.size());
  double sum = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const double p =
        std::clamp(static_cast<double>(probabilities[i]), kLoglossMargin, 1 - kLoglossMargin);
    sum -= labels[i] != 0 ? std::log(p) : std::log1p(-p);
  }
  return labels.empty() ? kUndefined : sum / static_cast<double>(labels.size());
}

Calibration calibration(std::span<const float> probabilities, std::span<const std::uint8_t> labels,
                        std::size_t bins) {
  assert(bins > 0);
  const std::vector<Impression> rows = sorted_impressions(probabilities, labels, {});
  Calibration out{.expected_error = kUndefined, .ratio = kUndefined};
  if (rows.empty()) return out;
  double predicted = 0;
  double observed = 0;
  double error = 0;
  std::size_t begin = 0;
  for (std::size_t b = 1; b <= bins; ++b) {
    std::size_t end = std::max(begin, (rows.size() - 1) * b / bins + 1);
    while (end < rows.size() && rows[end].score == rows[end - 1].score) ++end;
    if (end == begin) continue;  // equal probabilities filled this bin's place
    double sum = 0;
    double positives = 0;
    for (std::size_t i = begin; i < end; ++i) {
      sum += rows[i].score;
      positives += rows[i].positive ? 1 : 0;
    }
    const auto count = static_cast<double>(end - begin);
    out.bins.push_back({end - begin, sum / count, positives / count});
    error += std::abs(sum - positives);
    predicted += sum;
    observed += positives;
    begin = end;
  }
  out.expected_error = error / static_cast<double>(rows.size());
  if (observed > 0) out.ratio = predicted / observed;
  return out;
}

}  // namespace sartor
