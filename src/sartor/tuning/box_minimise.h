// Minimising a smooth function within a box: L-BFGS (Nocedal and Wright, Numerical Optimization,
// algorithm 7.4) on the coordinates that no bound holds, with steps projected onto the box
// (Bertsekas, SIAM Journal on Control and Optimization 1982).
#pragma once

#include <functional>
#include <span>
#include <vector>

namespace sartor {

// The value at x; writes the gradient (x.size() numbers). A value that is not finite is a wall.
using SmoothFunction = std::function<double(std::span<const double> x, std::span<double> gradient)>;

struct BoxMinimum {
  std::vector<double> x;
  double value = 0;
};

// From `start` (moved into the box), at most `iterations` steps and three evaluations a step in the
// mean. Never worse than the start. Deterministic.
BoxMinimum minimise_in_box(const SmoothFunction& f, std::span<const double> start,
                           std::span<const double> low, std::span<const double> high,
                           int iterations);

}  // namespace sartor
