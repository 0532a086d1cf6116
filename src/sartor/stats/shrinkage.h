// Empirical Bayes: what a measured gain is worth once the luck in it is taken out.
#pragma once

#include <span>
#include <vector>

namespace sartor {

struct Shrinkage {
  std::vector<double> values;  // what to expect of each, in the order given
  std::vector<double> sd;      // approximate; rather narrow for fewer than 10
  double mean = 0;             // what they are pulled to
  double tau2 = 0;             // variance of the true values
  double q = 0;                // Cochran's Q; 0 for fewer than 3
  bool shrunk = false;         // false for fewer than 2: `values` are as given
};

// DerSimonian and Laird (1986) for estimates with variances `v` > 0. Three or more are pulled to
// their common mean; two are pulled to 0 (a mean of two says too little); one stays as it is.
Shrinkage shrink(std::span<const double> estimates, std::span<const double> v);

}  // namespace sartor
