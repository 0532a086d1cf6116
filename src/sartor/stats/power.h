// What a segment of a given size can show at all, before it is asked.
#pragma once

namespace sartor {

// r below is sd(d) / mean(g): the spread of per-user differences relative to general's mean.
// What to assume of r while there is no candidate.
inline constexpr double kAssumedSpread = 0.4;

// The relative gain that n users prove with probability `power` at one-sided level alpha.
double smallest_provable_effect(double r, double n, double alpha, double min_gain,
                                double power = 0.8);

// How many users a relative gain `x` needs; infinite where x <= min_gain. Not rounded.
double users_needed(double x, double r, double alpha, double min_gain, double power = 0.8);

// How many users a guard with margin `margin` needs to pass with 80 % when the arms are truly
// equal, r being the guard metric's; infinite where margin <= 0. Not rounded.
double guard_users_needed(double r, double margin, double alpha = 0.05);

}  // namespace sartor
