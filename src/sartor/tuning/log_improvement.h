// The logarithm of expected improvement, accurate however little improvement there is to expect
// (Ament, Daulton, Eriksson, Balandat and Bakshy, NeurIPS 2023).
#pragma once

namespace sartor {

struct LogImprovement {
  double value = 0;         // log h(z), h(z) = phi(z) + z Phi(z)
  double by_mean = 0;       // Phi(z) / h(z): minus s times the slope of log EI by the mean
  double by_deviation = 0;  // phi(z) / h(z): s times the slope of log EI = log(s h(z)) by s
};

// Relative error below 1e-5 in each for any finite z.
LogImprovement log_improvement(double z);

}  // namespace sartor
