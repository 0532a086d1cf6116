// Whether a segment has fallen behind its peers, the lists that the general model makes in all
// other segments: for segments too small for their holdback to tell (docs/breaker.md).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "sartor/base/json.h"
#include "sartor/base/result.h"
#include "sartor/live/breaker_stats.h"

namespace sartor {

// A segment beside its peers in one stretch of time.
struct PeerCounts {
  ArmCounts model;       // its own model's lists
  ArmCounts on_general;  // its lists of the general model: the holdback, or all while it is open
  ArmCounts peers;       // the general model's lists in other segments
  bool operator==(const PeerCounts&) const = default;
};
PeerCounts operator+(const PeerCounts& a, const PeerCounts& b);

// How the click rates of two kinds of lists stood to each other over some days.
struct UsualRatio {
  double ratio = 0;  // of the rates of all days together; 0: not known, for want of clicks
  double cv = 0;     // coefficient of variation from day to day, beyond what chance makes
  double low = 0;    // one-sided 95 % bound of `ratio`
};

// The first kind is `model`, the second `general`, a day each. With q_d the ratio of day d over
// that of all, w_d its share of the lists, and s_d^2 = phi (1 / x_d + 1 / g_d) what chance makes of
// it where x_d and g_d clicks are expected:
//   cv^2 = max(0, sum w_d (q_d - 1)^2 / (1 - sum w_d^2) - sum w_d s_d^2)
//   low  = ratio exp(-1.645 sqrt(phi (1 / x + 1 / g) + cv^2 sum w_d^2))
UsualRatio usual_ratio(std::span<const PairedCounts> days, double phi);

inline constexpr std::array<double, 2> kLags = {0.2, 0.4};
inline constexpr double kToleratedRatio = 0.9;  // of what was usual: no lag
inline constexpr double kSteadyCv = 0.06;       // more, and it would trip by chance
inline constexpr std::size_t kUsualDays = 28;   // what is usual is told from so many days
inline constexpr std::size_t kDaysLeftOut = 7;  // but, once there are more, not from the last ones
inline constexpr double kSuspicious = 1000;     // nor moves what is usual while m() is over this
inline constexpr double kNotToBlameAt = 20;

// The state of the comparison of one segment. While its model serves: per lag r, W <- (W + 1) e^l
// as in CollapseDetector, from kToleratedRatio * low of the usual ratio to (1 - r) times that; it
// is behind at a mean of kTripAt. Nothing is told before kUsualDays days are known, nor while cv is
// over kSteadyCv. After that trip: whether general, beside its peers, is as far below what it
// usually was there; then the model was not to blame.
class PeerDetector {
 public:
  // One hour that ended before `end`, the segment's model serving.
  void add(Time end, const PeerCounts& hour, double phi);
  bool behind() const { return m() >= kTripAt; }

  // It tripped by this: from here on, blame() hours. The days since the drop may have begun do not
  // become what is usual.
  void begin_blame(Time now, double phi);
  // One hour, general serving. True if the model was not to blame: likelihoods of "general is r
  // below its usual ratio" over "it is not", whose mean reaches kNotToBlameAt.
  bool blame(const PeerCounts& hour, double phi);
  double blame_evidence() const;  // that mean; 0 while nothing is asked
  bool is_blaming() const { return blamed_from_ > 0; }

  void restart();                // no evidence, no blame
  void forget_recent(Time now);  // the days that are not yet part of what is usual
  void forget_days() { days_.clear(); }

  double m() const { return (w_[0] + w_[1]) / 2; }
  const std::array<double, 2>& w() const { return w_; }
  const PeerCounts& since() const { return since_; }  // since restart()
  UsualRatio usual(Time now, double phi) const;  // of the model; of the whole days before `now`
  std::size_t days(Time now) const;              // whole days known, at most kUsualDays
  // Whether add() compares.
  bool watches(Time now, double phi) const;

  Json to_json() const;
  // Fails with `bad_data`.
  static Result<PeerDetector> from_json(const Json& json);

 private:
  struct Day {
    std::int64_t day = 0;
    PeerCounts counts;
  };
  std::vector<PairedCounts> usual_days(Time now, ArmCounts PeerCounts::*kind) const;

  std::vector<Day> days_;  // ascending, on which the model had lists; the last may be running
  std::array<double, 2> w_{};
  PeerCounts since_;
  double blamed_from_ = 0;  // the ratio of general to its peers that is no lag; 0: nothing is
  std::array<double, 2> blame_{};  // log likelihoods
};

}  // namespace sartor
