// Benjamini and Hochberg (JRSS B 1995), Benjamini and Yekutieli (Annals of Statistics 2001), Holm
// (Scandinavian Journal of Statistics 1979).
#include "sartor/stats/multiplicity.h"

#include <algorithm>
#include <numeric>

namespace sartor {
namespace {

// Positions in ascending order of p; equal ones keep their order.
std::vector<std::size_t> ascending(std::span<const double> p) {
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return p[a] < p[b]; });
  return order;
}

// From the largest p down: min over ranks k >= own of factor m p_(k) / k.
std::vector<double> step_up(std::span<const double> p, double factor) {
  const auto order = ascending(p);
  const auto m = static_cast<double>(p.size());
  std::vector<double> adjusted(p.size());
  double least = 1;
  for (std::size_t k = p.size(); k > 0; --k) {
    least = std::min(least, p[order[k - 1]] * factor * m / static_cast<double>(k));
    adjusted[order[k - 1]] = least;
  }
  return adjusted;
}

}  // namespace

std::vector<double> adjust_bh(std::span<const double> p) { return step_up(p, 1); }

std::vector<double> adjust_by(std::span<const double> p) {
  double harmonic = 0;
  for (std::size_t k = 1; k <= p.size(); ++k) harmonic += 1 / static_cast<double>(k);
  return step_up(p, harmonic);
}

std::vector<double> adjust_holm(std::span<const double> p) {
  const auto order = ascending(p);
  std::vector<double> adjusted(p.size());
  double most = 0;
  for (std::size_t k = 0; k < p.size(); ++k) {
    most = std::max(most, std::min(1.0, p[order[k]] * static_cast<double>(p.size() - k)));
    adjusted[order[k]] = most;
  }
  return adjusted;
}

double bh_level(std::size_t k, std::size_t m, double q) {
  return static_cast<double>(k) * q / static_cast<double>(m);
}

Rejections reject_bh(std::span<const double> p, double q) {
  const auto order = ascending(p);
  Rejections result{.rejected = std::vector<bool>(p.size(), false)};
  for (std::size_t k = p.size(); k > 0 && result.count == 0; --k) {
    if (p[order[k - 1]] <= bh_level(k, p.size(), q)) result.count = k;
  }
  if (result.count > 0) result.threshold = bh_level(result.count, p.size(), q);
  for (std::size_t k = 0; k < result.count; ++k) result.rejected[order[k]] = true;
  return result;
}

}  // namespace sartor
