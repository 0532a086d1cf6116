// Many tests at once: which of them may be believed.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace sartor {

// Adjusted p-values in the order of `p` (each in [0, 1]): a hypothesis is rejected at level q where
// its adjusted p is <= q. Equal p-values get equal adjusted ones.
std::vector<double> adjust_bh(std::span<const double> p);    // FDR, independent tests
std::vector<double> adjust_by(std::span<const double> p);    // FDR, whatever the dependence
std::vector<double> adjust_holm(std::span<const double> p);  // family-wise error

struct Rejections {
  std::vector<bool> rejected;  // in the order of `p`
  std::size_t count = 0;       // R
  double threshold = 0;        // R q / m: rejected are exactly the p <= threshold; 0 if none
};

// Benjamini and Hochberg's step-up at level q: R is the largest k with p_(k) <= k q / m.
Rejections reject_bh(std::span<const double> p, double q);

// The level at which the k-th smallest of m p-values is compared: k q / m, in one spelling, because
// its last bit decides ties.
double bh_level(std::size_t k, std::size_t m, double q);

}  // namespace sartor
