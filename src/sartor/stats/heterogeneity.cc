// With w = 1/v and the mean known: E[sum w y^2] = m + tau2 sum w, so
//     tau2 = max(0, (sum w y^2 - m) / sum w)
// (DerSimonian and Laird, Controlled Clinical Trials 7, 1986, who estimate the mean too). The
// interval holds the tau2 at which Q(tau2) = sum y^2 / (v + tau2) lies between chi-square's 2.5 %
// and 97.5 % points with m degrees of freedom (Viechtbauer, Statistics in Medicine 26, 2007).
#include "sartor/stats/heterogeneity.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sartor/stats/distributions.h"

namespace sartor {
namespace {

double generalised_q(std::span<const double> y, std::span<const double> v, double tau2) {
  double q = 0;
  for (std::size_t i = 0; i < y.size(); ++i) q += y[i] * y[i] / (v[i] + tau2);
  return q;
}

// The tau with Q(tau^2) = q; 0 where Q is below q already. Q falls with tau.
double tau_at(std::span<const double> y, std::span<const double> v, double q) {
  if (generalised_q(y, v, 0) <= q) return 0;
  double low = 0, high = 1e-6;
  while (generalised_q(y, v, high * high) > q) high *= 2;
  for (int i = 0; i < 200; ++i) {
    const double middle = (low + high) / 2;
    (generalised_q(y, v, middle * middle) > q ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace

Movement movement_around_zero(std::span<const double> estimates, std::span<const double> v) {
  Movement out{.high = std::numeric_limits<double>::infinity()};
  if (estimates.empty()) return out;
  const auto m = static_cast<double>(estimates.size());
  double weight = 0;
  for (const double one : v) weight += 1 / one;
  out.q = generalised_q(estimates, v, 0);
  out.tau = std::sqrt(std::max(0.0, (out.q - m) / weight));
  out.low = tau_at(estimates, v, chi_square_upper_quantile(0.025, m));
  out.high = tau_at(estimates, v, chi_square_upper_quantile(0.975, m));
  return out;
}

Bounds rate_interval(std::size_t count, std::size_t n) {
  const double z = normal_upper_quantile(0.025);
  const auto all = static_cast<double>(n);
  const double rate = static_cast<double>(count) / all;
  const double middle = (rate + z * z / (2 * all)) / (1 + z * z / all);
  const double half =
      z / (1 + z * z / all) * std::sqrt(rate * (1 - rate) / all + z * z / (4 * all * all));
  return {.low = std::max(0.0, middle - half), .high = std::min(1.0, middle + half)};
}

}  // namespace sartor
