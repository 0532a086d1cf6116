#include "sartor/stats/power.h"

#include <cmath>
#include <limits>

#include "sartor/stats/distributions.h"

namespace sartor {
namespace {

// z of the level plus z of the power.
double z_sum(double alpha, double power) {
  return normal_upper_quantile(alpha) + normal_upper_quantile(1 - power);
}

}  // namespace

double smallest_provable_effect(double r, double n, double alpha, double min_gain, double power) {
  return z_sum(alpha, power) * r / std::sqrt(n) + min_gain;
}

double users_needed(double x, double r, double alpha, double min_gain, double power) {
  if (!(x > min_gain)) return std::numeric_limits<double>::infinity();
  const double root = z_sum(alpha, power) * r / (x - min_gain);
  return root * root;
}

double guard_users_needed(double r, double margin, double alpha) {
  return users_needed(margin, r, alpha, 0);
}

}  // namespace sartor
