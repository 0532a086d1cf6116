// Whether a segment's model has become worse than the general model, told from the holdback: the
// statistics of the breaker (docs/breaker.md).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "sartor/base/time.h"

namespace sartor {

// Lists shown, and successes tied to them.
struct ArmCounts {
  std::uint64_t impressions = 0;
  std::uint64_t clicks = 0;
  bool operator==(const ArmCounts&) const = default;
};

// One segment in one stretch of time: its own model beside the general one.
struct PairedCounts {
  ArmCounts model;
  ArmCounts general;
  bool operator==(const PairedCounts&) const = default;
};
PairedCounts operator+(const PairedCounts& a, const PairedCounts& b);

// How much clustered clicks vary more than independent ones: max(1, sum y^2 / sum y) over
// user-days with y clicks.
double overdispersion(std::span<const double> clicks_of_user_days);

// The logarithm of how much likelier the clicks are if the model's rate is `to` times the general
// model's than if it is `from` times, divided by `phi`. Given all clicks, how many are the model's
// is binomial, so that the base rate and the season cancel. Both arms have impressions.
double log_ratio(const PairedCounts& counts, double from, double to, double phi);

inline constexpr std::array<double, 3> kDrops = {0.1, 0.2, 0.4};
inline constexpr double kWorstGoodRatio = 0.97;  // of the model's rate to general's: no collapse
inline constexpr double kTripAt = 72000;         // mean hours to a false trip, at least

// E-detector (Shin, Ramdas and Rinaldo 2024): per drop r, W <- (W + 1) e^l, where l is the log
// ratio of a model whose rate is 1 - r times kWorstGoodRatio; the mean of the three W is compared
// with kTripAt.
class CollapseDetector {
 public:
  // One hour's counts; nothing changes where either arm has no impressions.
  void add(const PairedCounts& hour, double phi);
  double m() const { return (w[0] + w[1] + w[2]) / 3; }
  bool collapsed() const { return m() >= kTripAt; }

  std::array<double, 3> w{};
};

inline constexpr double kRecoveredAt = 2.995732273553991;  // ln 20
inline constexpr double kLeastEvidence = -3;
inline constexpr double kRatioOfTheIll = 0.9;

// Evidence that a probed model is as good as general and not 10 % worse: L <- max(-3, L + l).
class RecoveryDetector {
 public:
  void add(const PairedCounts& hour, double phi);
  bool recovered() const { return l >= kRecoveredAt; }

  double l = 0;
};

// The share of a segment's users that stay on general so that the two can be compared: enough for
// about 1000 lists a day, but never more than `most` nor less than `least`. Traffic that is not
// known yet is 0.
double holdback_share(double impressions_per_day, double least = 0.05, double most = 0.20);

// Fewer impressions a day than this, and the breaker sees only collapses.
inline constexpr double kFewImpressions = 1000;

enum class Arm : std::uint8_t { none, model, holdback };
// "model" and "holdback", as they stand in answers; "" for none.
const char* arm_name(Arm arm);

// Days are UTC's, counted from 1970.
std::int64_t day_of(Time time);
std::int64_t hour_of(Time time);

// In which arm a user is in this segment on this day: a hash of all three, so that the holdback is
// drawn anew every day (a fixed one trips falsely, because users differ for ever) and segments do
// not share it.
Arm arm_of(std::string_view user, std::string_view segment, std::int64_t day, double share);

}  // namespace sartor
