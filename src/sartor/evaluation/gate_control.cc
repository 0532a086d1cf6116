// The negative control, and who belongs to which random part. Each use of a user's hash has a seed
// of its own, so that folds, control segments and thirds are independent of each other.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "sartor/base/checksum.h"
#include "sartor/evaluation/gate.h"

namespace sartor {
namespace {

constexpr int kMostControlSegments = 5;
constexpr std::uint64_t kFolds = 5;
constexpr double kUndertunedP = 0.001;
constexpr double kTooMuchOverlap = 0.3;

std::string percent(double share) {
  return std::isnan(share) ? "unknown" : fmt::format("{:.2f} %", 100 * share);
}

// Pearson's; 0 where one side does not vary.
double correlation(std::span<const double> x, std::span<const double> y) {
  const auto n = static_cast<double>(x.size());
  double mean_x = 0;
  double mean_y = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    mean_x += x[i] / n;
    mean_y += y[i] / n;
  }
  double xx = 0;
  double yy = 0;
  double xy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    yy += (y[i] - mean_y) * (y[i] - mean_y);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
  }
  return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : 0;
}

}  // namespace

int control_segments(std::size_t confirm_users, int min_users) {
  const std::size_t whole = confirm_users / static_cast<std::size_t>(std::max(min_users, 1));
  const int segments = static_cast<int>(std::min<std::size_t>(whole, kMostControlSegments));
  return segments < 2 ? 0 : segments;
}

int control_segment_of(std::string_view user, std::uint64_t seed, int segments) {
  return static_cast<int>(hash64(user, seed + 1) % static_cast<std::uint64_t>(segments));
}

int fold_of(std::string_view user, std::uint64_t seed) {
  return static_cast<int>(hash64(user, seed) % kFolds);
}

bool is_validate_user(std::string_view user, std::uint64_t seed) {
  return hash64(user, seed + 2) % 3 == 0;
}

ControlSummary summarize_control(const GateResult& control) {
  ControlSummary out;
  if (control.segments.size() < 2) return out;
  out.segments = control.segments.size();
  out.tested = control.tested;
  out.promoted = control.promoted;
  out.pooled_gain = control.pooled.gain;
  out.low = control.pooled.gain_low;
  out.high = control.pooled.gain_high;
  out.p = control.pooled_p;
  if (out.promoted >= 2 || out.p < kUndertunedP) {
    out.warnings.push_back(
        {"general_undertuned", "",
         fmt::format("adaptation helps users picked at random: {} of {} random segments would have "
                     "been promoted, pooled gain {}; tune general first",
                     out.promoted, out.segments, percent(out.pooled_gain))});
  } else if (out.promoted == 1) {
    out.warnings.push_back({"control_promoted", "",
                            fmt::format("1 of {} random segments would have been promoted; by "
                                        "chance this happens in 5 % of runs",
                                        out.segments)});
  }
  return out;
}

std::string control_text(const ControlSummary& control, const GateResult& gate) {
  if (control.segments == 0) return "control: too few users";
  return fmt::format(
      "control: {} of {} promoted ({} tested); pooled gain {} [{}, {}]; real segments' pooled gain "
      "{}; attributable to segmentation {}",
      control.promoted, control.segments, control.tested, percent(control.pooled_gain),
      percent(control.low), percent(control.high), percent(gate.pooled.gain),
      percent(gate.pooled.gain - control.pooled_gain));
}

UserOverlap user_overlap(const UserDifferences& validate, const UserDifferences& confirm) {
  std::unordered_map<std::string_view, double> before;
  for (std::size_t i = 0; i < validate.users.size(); ++i) {
    before.emplace(validate.users[i], validate.difference[i]);
  }
  std::vector<double> x;
  std::vector<double> y;
  for (std::size_t i = 0; i < confirm.users.size(); ++i) {
    const auto found = before.find(confirm.users[i]);
    if (found == before.end()) continue;
    x.push_back(found->second);
    y.push_back(confirm.difference[i]);
  }
  UserOverlap out;
  if (confirm.users.empty()) return out;
  out.share = static_cast<double>(x.size()) / static_cast<double>(confirm.users.size());
  if (x.size() >= 3) out.correlation = correlation(x, y);
  out.disjoint_advised = out.share * out.correlation > kTooMuchOverlap;
  return out;
}

}  // namespace sartor
