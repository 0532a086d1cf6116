// A relative gain is a ratio of means, G = sum d / sum g. To first order a user adds
//     e_i = (d_i - G g_i) / sum g
// to its error, so G_after - G_before has the variance sum_i (e_i,after - e_i,before)^2 over the
// users of both windows, with 0 for the window in which a user is missing. That is right whether
// the two windows share many users or none.
#include "sartor/evaluation/window_drift.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <unordered_map>

#include "sartor/stats/distributions.h"
#include "sartor/stats/shrinkage.h"

namespace sartor {
namespace {

// A gain and what each user adds to its error.
struct GainParts {
  double gain = kUnknown;
  std::vector<double> difference;
  std::vector<double> error;
};

std::optional<GainParts> gain_parts(const GateArms& arms, std::size_t informative) {
  if (arms.chosen.size() != arms.general.size() || arms.general.empty()) return std::nullopt;
  GainParts out{.difference = contrast(arms.chosen, arms.general, 0)};
  const Moments d = moments(out.difference);
  const double general = moments(arms.general).mean;
  if (d.nonzero < informative || !(general > 0)) return std::nullopt;
  out.gain = d.mean / general;
  const double sum = general * static_cast<double>(arms.general.size());
  for (std::size_t i = 0; i < out.difference.size(); ++i)
    out.error.push_back((out.difference[i] - out.gain * arms.general[i]) / sum);
  return out;
}

double error_of_move(const GateSegment& before, const GainParts& was, const GateSegment& after,
                     const GainParts& is) {
  std::unordered_map<std::string_view, double> earlier;
  for (std::size_t i = 0; i < before.users.size(); ++i)
    earlier.emplace(before.users[i], was.error[i]);
  double variance = 0;
  for (std::size_t i = 0; i < after.users.size(); ++i) {
    const auto found = earlier.find(after.users[i]);
    double error = is.error[i];
    if (found != earlier.end()) {
      error -= found->second;
      found->second = 0;
    }
    variance += error * error;
  }
  for (const std::string& user : before.users) {
    const double alone = earlier.at(user);
    variance += alone * alone;
  }
  return std::sqrt(variance);
}

// Correlations of several groups as one, weighted by their precision.
void pool_correlations(WindowDrift& drift) {
  double weight = 0, sum = 0, users = 0, met = 0;
  for (const MovedGain& one : drift.segments) {
    const double pairs = one.shared * static_cast<double>(one.users_after);
    users += static_cast<double>(one.users_after);
    met += pairs;
    if (!(pairs > 3) || std::abs(one.correlation) >= 1) continue;
    weight += pairs - 3;
    sum += (pairs - 3) * std::atanh(one.correlation);
  }
  if (users > 0) drift.shared = met / users;
  if (!(weight > 0)) return;
  const double half = normal_upper_quantile(0.025) / std::sqrt(weight);
  drift.correlation = std::tanh(sum / weight);
  drift.correlation_interval = {std::tanh(sum / weight - half), std::tanh(sum / weight + half)};
}

}  // namespace

WindowDrift measure_drift(std::span<const GateSegment> before, std::span<const GateSegment> after,
                          const std::string& metric, std::size_t informative) {
  WindowDrift drift;
  std::vector<double> moved, variance;
  for (const GateSegment& later : after) {
    const auto earlier = std::find_if(before.begin(), before.end(), [&](const GateSegment& one) {
      return one.name == later.name;
    });
    if (earlier == before.end()) continue;
    const auto was = gain_parts(earlier->metrics.at(metric), informative);
    const auto is = gain_parts(later.metrics.at(metric), informative);
    if (!was || !is) continue;
    MovedGain one{.segment = later.name,
                  .users_before = earlier->users.size(),
                  .users_after = later.users.size(),
                  .before = was->gain,
                  .after = is->gain,
                  .moved = is->gain - was->gain,
                  .error = error_of_move(*earlier, *was, later, *is)};
    const UserOverlap overlap =
        user_overlap({earlier->users, was->difference}, {later.users, is->difference});
    one.shared = overlap.share;
    one.correlation = overlap.correlation;
    moved.push_back(one.moved);
    variance.push_back(one.error * one.error);
    drift.segments.push_back(std::move(one));
  }
  drift.tau = movement_around_zero(moved, variance);
  if (moved.size() >= 3) {
    const Shrinkage around_mean = shrink(moved, variance);
    drift.common = around_mean.mean;
    drift.tau_around_common = std::sqrt(around_mean.tau2);
  }
  pool_correlations(drift);
  return drift;
}

std::vector<GateSegment> half_of_window(std::span<const GateSegment> segments, std::uint8_t half) {
  std::vector<GateSegment> out;
  for (const GateSegment& whole : segments) {
    GateSegment part{.name = whole.name, .candidate = whole.candidate};
    for (std::size_t i = 0; i < whole.half.size(); ++i) {
      if (whole.half[i] != half) continue;
      part.users.push_back(whole.users[i]);
      for (const auto& [metric, arms] : whole.metrics) {
        part.metrics[metric].general.push_back(arms.general[i]);
        if (arms.chosen.size() == arms.general.size())
          part.metrics[metric].chosen.push_back(arms.chosen[i]);
      }
    }
    for (const auto& [metric, arms] : whole.metrics) part.metrics[metric];
    out.push_back(std::move(part));
  }
  return out;
}

}  // namespace sartor
