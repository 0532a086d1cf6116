// Exponential decay of what lies in the past.
#pragma once

#include <cmath>

#include "sartor/base/time.h"

namespace sartor {

// The top of every half-life's range means no decay at all, so that a search over half-lives can
// find "never forget" in the same place. So do 0 and infinity.
inline constexpr double kNoDecayDays = 3650;
inline constexpr double kShortestHalfLife = 0.25;

inline bool decays(double half_life_days) {
  return half_life_days > 0 && half_life_days < kNoDecayDays;
}

// The same half-life as the configs write it: within their range.
inline double normal_half_life(double half_life_days) {
  if (!decays(half_life_days)) return kNoDecayDays;
  return half_life_days < kShortestHalfLife ? kShortestHalfLife : half_life_days;
}

// What is left after `age_days`; ages below 0 count as 0.
inline double decayed(double age_days, double half_life_days) {
  return age_days > 0 ? std::exp2(-age_days / half_life_days) : 1.0;
}

}  // namespace sartor
