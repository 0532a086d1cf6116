#include "sartor/tuning/log_improvement.h"

#include <cmath>
#include <numbers>

namespace sartor {

LogImprovement log_improvement(double z) {
  const double square = z * z;
  const double log_density = -0.5 * square - 0.5 * std::log(2 * std::numbers::pi);
  if (z > -12) {
    const double density = std::exp(log_density);
    const double below = 0.5 * std::erfc(-z / std::numbers::sqrt2);
    const double h = density + z * below;
    return {std::log(h), below / h, density / h};
  }
  // Phi(z) = phi(z) / |z| (1 - 1 / z^2 + 3 / z^4 - 15 / z^6 + …), so that the two terms of h leave
  // phi(z) / z^2 (1 - 3 / z^2 + 15 / z^4 - …).
  const double u = 1 / square;
  const double series = 1 + u * (-3 + u * (15 - 105 * u));
  const double tail = 1 + u * (-1 + u * (3 - 15 * u));
  return {log_density + std::log(u * series), -z * tail / series, square / series};
}

}  // namespace sartor
