#include "sartor/live/breaker_stats.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "sartor/base/checksum.h"
#include "sartor/base/random.h"

namespace sartor {

PairedCounts operator+(const PairedCounts& a, const PairedCounts& b) {
  return {{a.model.impressions + b.model.impressions, a.model.clicks + b.model.clicks},
          {a.general.impressions + b.general.impressions, a.general.clicks + b.general.clicks}};
}

double overdispersion(std::span<const double> clicks_of_user_days) {
  double sum = 0;
  double squares = 0;
  for (const double y : clicks_of_user_days) {
    sum += y;
    squares += y * y;
  }
  return sum > 0 ? std::max(1.0, squares / sum) : 1.0;
}

// With n_s and n_g impressions and a ratio rho of the rates, a click is the model's with
// probability pi = rho n_s / (rho n_s + n_g).
double log_ratio(const PairedCounts& counts, double from, double to, double phi) {
  const auto n_s = static_cast<double>(counts.model.impressions);
  const auto n_g = static_cast<double>(counts.general.impressions);
  const double all_from = from * n_s + n_g;
  const double all_to = to * n_s + n_g;
  // ln(pi_to / pi_from) and ln((1 - pi_to) / (1 - pi_from)), without taking 1 - pi.
  const double of_model = std::log(to / from * (all_from / all_to));
  const double of_general = std::log(all_from / all_to);
  return (static_cast<double>(counts.model.clicks) * of_model +
          static_cast<double>(counts.general.clicks) * of_general) /
         phi;
}

void CollapseDetector::add(const PairedCounts& hour, double phi) {
  if (hour.model.impressions == 0 || hour.general.impressions == 0) return;
  for (std::size_t r = 0; r < kDrops.size(); ++r) {
    w[r] = (w[r] + 1) *
           std::exp(log_ratio(hour, kWorstGoodRatio, kWorstGoodRatio * (1 - kDrops[r]), phi));
  }
}

void RecoveryDetector::add(const PairedCounts& hour, double phi) {
  if (hour.model.impressions == 0 || hour.general.impressions == 0) return;
  l = std::max(kLeastEvidence, l + log_ratio(hour, kRatioOfTheIll, 1, phi));
}

double holdback_share(double impressions_per_day, double least, double most) {
  if (!(impressions_per_day > 0)) return std::max(least, most);
  return std::max(least, std::min(most, 1000 / impressions_per_day));
}

const char* arm_name(Arm arm) {
  return arm == Arm::none ? "" : arm == Arm::model ? "model" : "holdback";
}

std::int64_t day_of(Time time) { return (time - (time < 0 ? kDay - 1 : 0)) / kDay; }
std::int64_t hour_of(Time time) { return (time - (time < 0 ? kHour - 1 : 0)) / kHour; }

Arm arm_of(std::string_view user, std::string_view segment, std::int64_t day, double share) {
  const std::uint64_t of_segment = hash64(segment, Random::mix(static_cast<std::uint64_t>(day)));
  const double draw = static_cast<double>(hash64(user, of_segment) >> 11) * 0x1.0p-53;
  return draw < share ? Arm::holdback : Arm::model;
}

}  // namespace sartor
