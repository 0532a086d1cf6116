// With w = 1/v, the moment estimate of the variance between true values is
//     tau2 = max(0, (Q - (m-1)) / (sum w - sum w^2 / sum w)),   Q = sum w (y - mean_w)^2
// and with w* = 1/(v + tau2), B = tau2 / (tau2 + v):  shrunk = mean + B (y - mean),
// var = B v + (1 - B)^2 / sum w*.
#include "sartor/stats/shrinkage.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace sartor {
namespace {

struct Pooled {
  double weight = 0;
  double weight2 = 0;
  double mean = 0;
};

Pooled pool(std::span<const double> y, std::span<const double> v, double tau2) {
  Pooled result;
  double sum = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double w = 1 / (v[i] + tau2);
    result.weight += w;
    result.weight2 += w * w;
    sum += w * y[i];
  }
  result.mean = sum / result.weight;
  return result;
}

// `mean_weight` is the precision of the mean; infinite where the mean is not estimated.
void pull(std::span<const double> y, std::span<const double> v, double mean_weight,
          Shrinkage& out) {
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double b = out.tau2 / (out.tau2 + v[i]);
    out.values.push_back(out.mean + b * (y[i] - out.mean));
    out.sd.push_back(std::sqrt(b * v[i] + (1 - b) * (1 - b) / mean_weight));
  }
  out.shrunk = true;
}

Shrinkage shrink_two(std::span<const double> y, std::span<const double> v) {
  Shrinkage result;
  result.tau2 = std::max(0.0, (y[0] * y[0] - v[0] + y[1] * y[1] - v[1]) / 2);
  pull(y, v, INFINITY, result);
  return result;
}

}  // namespace

Shrinkage shrink(std::span<const double> estimates, std::span<const double> v) {
  assert(estimates.size() == v.size());
  assert(std::all_of(v.begin(), v.end(), [](double x) { return x > 0; }));
  if (estimates.size() == 2) return shrink_two(estimates, v);
  Shrinkage result;
  if (estimates.size() < 2) {
    result.values.assign(estimates.begin(), estimates.end());
    for (const double x : v) result.sd.push_back(std::sqrt(x));
    return result;
  }
  const Pooled fixed = pool(estimates, v, 0);
  for (std::size_t i = 0; i < estimates.size(); ++i) {
    const double off = estimates[i] - fixed.mean;
    result.q += off * off / v[i];
  }
  const auto freedom = static_cast<double>(estimates.size() - 1);
  result.tau2 = std::max(0.0, (result.q - freedom) / (fixed.weight - fixed.weight2 / fixed.weight));
  const Pooled random = pool(estimates, v, result.tau2);
  result.mean = random.mean;
  pull(estimates, v, random.weight, result);
  return result;
}

}  // namespace sartor
