// How much a gain moves from one window to the next beyond its noise, and whether it is the same
// users who gain: what the gate's defaults had to guess.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "sartor/evaluation/gate.h"
#include "sartor/stats/heterogeneity.h"

namespace sartor {

// One segment in two windows. Gains are relative.
struct MovedGain {
  std::string segment;
  std::size_t users_before = 0;
  std::size_t users_after = 0;
  double before = kUnknown;
  double after = kUnknown;
  double moved = kUnknown;        // after - before
  double error = kUnknown;        // its standard error; users met in both windows count once
  double shared = 0;              // of the later window's users who are in the earlier one too
  double correlation = kUnknown;  // of their differences in the two windows
};

struct WindowDrift {
  std::vector<MovedGain> segments;  // those whose arms differ for `informative` users in both
  Movement tau;                     // of `moved` around 0: what may happen until the next window
  double common = kUnknown;         // their mean (DerSimonian-Laird), if there are 3 or more
  double tau_around_common = kUnknown;              // and the standard deviation around it
  double shared = kUnknown;                         // all segments together
  double correlation = kUnknown;                    // likewise, by Fisher's z
  Bounds correlation_interval{kUnknown, kUnknown};  // 95 %, as if differences were normal
};

// Segments are matched by name, users by name within a segment.
WindowDrift measure_drift(std::span<const GateSegment> before, std::span<const GateSegment> after,
                          const std::string& metric, std::size_t informative);

// The users of one half (GateSegment::half) of a window.
std::vector<GateSegment> half_of_window(std::span<const GateSegment> segments, std::uint8_t half);

}  // namespace sartor
