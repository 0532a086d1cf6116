// The one-sided paired test of the gate and its inverse, the interval: the worse of Student's t and
// Hall's skewness-corrected t. Closed forms, no random numbers.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace sartor {

// d_i = c_i - (1 + epsilon) g_i, the contrast whose mean is tested against 0. epsilon = min_gain
// asks for a gain above it, 0 for any gain, -delta for "not worse by more than delta of general".
// The spans have equal length.
std::vector<double> contrast(std::span<const double> chosen, std::span<const double> general,
                             double epsilon);

// Central moments, divided by n.
struct Moments {
  std::size_t n = 0;
  std::size_t nonzero = 0;  // values that are not exactly 0
  double mean = 0;
  double m2 = 0;
  double m3 = 0;

  double sd() const;              // of the sample: n - 1 in the denominator; 0 if n < 2
  double standard_error() const;  // of the mean
  double skewness() const;        // m3 / m2^1.5; 0 where m2 is 0
};

// Two passes in the order of `values`, summed in blocks of a fixed size: the bits depend on the
// values and their order alone.
Moments moments(std::span<const double> values);

// How many values of one size would say as much about the mean as these do:
// (sum d^2)^2 / sum d^4, n divided by the kurtosis about 0. A few large differences among many that
// hardly differ count as few, whatever their number. 0 if all are 0.
double effective_count(std::span<const double> values);

struct PairedTest {
  double t = 0;
  double gamma = 0;  // skewness
  double h = 0;      // Hall's transformation of t
  double p_t = 1;
  double p_h = 1;
  double p = 1;  // max of the two: small is evidence for mean > 0
};

// Needs n >= 2 and m2 > 0; what else to say of a sample without variation is the caller's matter.
PairedTest paired_test(const Moments& d);

// Each bound holds alone with confidence 1 - alpha, so [low, high] is an interval of confidence
// 1 - 2 alpha.
struct Bounds {
  double low = 0;
  double high = 0;
};

// Inverts paired_test: low >= 0 exactly where p <= alpha (up to rounding). Needs n >= 2, m2 > 0 and
// 0 < alpha < 1.
Bounds paired_bounds(const Moments& d, double alpha);

// 0 of nothing.
double mean(std::span<const double> values);

}  // namespace sartor
