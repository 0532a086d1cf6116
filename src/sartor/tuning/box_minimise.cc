#include "sartor/tuning/box_minimise.h"

#include <algorithm>
#include <cmath>
#include <deque>

namespace sartor {
namespace {

using Vector = std::vector<double>;

constexpr std::size_t kMemory = 6;       // pairs of step and change of gradient
constexpr int kHalvings = 10;            // of a step, before we give up
constexpr double kArmijo = 1e-4;         // share of the promised decrease that is enough
constexpr double kSmallDecrease = 1e-7;  // relative; the end

struct Correction {
  Vector step, change;
  double product;  // step . change > 0
};

double dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// -H g by the two-loop recursion; held coordinates stay.
Vector direction_of(const Vector& gradient, const std::vector<bool>& held,
                    const std::deque<Correction>& pairs) {
  Vector q = gradient;
  for (std::size_t i = 0; i < q.size(); ++i)
    if (held[i]) q[i] = 0;
  Vector share(pairs.size());
  for (std::size_t p = pairs.size(); p-- > 0;) {
    share[p] = dot(pairs[p].step, q) / pairs[p].product;
    for (std::size_t i = 0; i < q.size(); ++i) q[i] -= share[p] * pairs[p].change[i];
  }
  if (!pairs.empty()) {
    const double scale = pairs.back().product / dot(pairs.back().change, pairs.back().change);
    for (double& value : q) value *= scale;
  }
  for (std::size_t p = 0; p < pairs.size(); ++p) {
    const double back = share[p] - dot(pairs[p].change, q) / pairs[p].product;
    for (std::size_t i = 0; i < q.size(); ++i) q[i] += back * pairs[p].step[i];
  }
  for (std::size_t i = 0; i < q.size(); ++i) q[i] = held[i] ? 0 : -q[i];
  return q;
}

// A coordinate at a bound that the gradient pushes outwards.
std::vector<bool> held_by_bounds(const Vector& x, const Vector& gradient,
                                 std::span<const double> low, std::span<const double> high) {
  std::vector<bool> held(x.size());
  for (std::size_t i = 0; i < x.size(); ++i)
    held[i] = (x[i] <= low[i] && gradient[i] > 0) || (x[i] >= high[i] && gradient[i] < 0);
  return held;
}

// No first step longer than a tenth of the box, where nothing is known of the curvature.
double first_length(const Vector& direction, std::span<const double> low,
                    std::span<const double> high) {
  double length = 1;
  for (std::size_t i = 0; i < direction.size(); ++i) {
    if (direction[i] == 0) continue;
    length = std::min(length, 0.1 * (high[i] - low[i]) / std::abs(direction[i]));
  }
  return length;
}

}  // namespace

BoxMinimum minimise_in_box(const SmoothFunction& f, std::span<const double> start,
                           std::span<const double> low, std::span<const double> high,
                           int iterations) {
  const std::size_t n = start.size();
  Vector x(n), gradient(n), next(n), next_gradient(n);
  for (std::size_t i = 0; i < n; ++i) x[i] = std::clamp(start[i], low[i], high[i]);
  double value = f(x, gradient);
  std::deque<Correction> pairs;
  for (int t = 0; t < iterations && std::isfinite(value); ++t) {
    const auto held = held_by_bounds(x, gradient, low, high);
    Vector direction = direction_of(gradient, held, pairs);
    if (dot(direction, gradient) >= 0) {  // the memory misleads: steepest descent
      pairs.clear();
      direction = direction_of(gradient, held, pairs);
      if (dot(direction, gradient) >= 0) break;  // every coordinate is held, or flat
    }
    double length = pairs.empty() ? first_length(direction, low, high) : 1;
    double next_value = value;
    bool found = false;
    for (int h = 0; h < kHalvings && !found; ++h, length *= 0.4) {
      double promised = 0;
      for (std::size_t i = 0; i < n; ++i) {
        next[i] = std::clamp(x[i] + length * direction[i], low[i], high[i]);
        promised += gradient[i] * (next[i] - x[i]);
      }
      next_value = f(next, next_gradient);
      found = next_value <= value + kArmijo * promised && promised < 0;
    }
    if (!found) break;
    Correction pair{next, next_gradient, 0};
    for (std::size_t i = 0; i < n; ++i) {
      pair.step[i] -= x[i];
      pair.change[i] -= gradient[i];
    }
    pair.product = dot(pair.step, pair.change);
    const double decrease = value - next_value;
    std::swap(x, next);
    std::swap(gradient, next_gradient);
    value = next_value;
    if (pair.product > 1e-12 * dot(pair.step, pair.step)) {
      pairs.push_back(std::move(pair));
      if (pairs.size() > kMemory) pairs.pop_front();
    }
    if (decrease <= kSmallDecrease * (std::abs(value) + 1e-3)) break;
  }
  return {std::move(x), value};
}

}  // namespace sartor
