// A sample whose truth is known: the same observations, drawn more or less often, so that a mean is
// exactly what is wanted. Values and ties stay real; only their shares change.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sartor/base/random.h"
#include "sartor/base/result.h"

namespace sartor {

// Weights with sum 1 under which every one of `columns` (one value per observation, equal lengths)
// has mean 0, up to 1e-11 of its standard deviation: of all such weights the nearest to equal ones
// in Kullback-Leibler divergence. Fails with `invalid_argument` where no weights do that: all
// values of a column (or of a mixture of columns) are on one side of 0, or nearly all weight would
// have to go to a few observations.
Result<std::vector<double>> tilt_to_zero(std::span<const std::vector<double>> columns);

// 1 / (n sum w^2): 1 for equal weights, 1/n if one observation has all. The share of observations
// that the weighted ones are worth.
double effective_share(std::span<const double> weights);

// Draws positions with given chances in constant time.
class WeightedDraw {
 public:
  WeightedDraw() = default;
  // At least one weight; none negative, at least one above 0.
  explicit WeightedDraw(std::span<const double> weights);

  std::size_t size() const { return chance_.size(); }
  std::size_t operator()(Random& random) const {
    const std::size_t i = random.below(chance_.size());
    return random.uniform() < chance_[i] ? i : other_[i];
  }

 private:
  std::vector<double> chance_;        // of staying at a position once it is hit
  std::vector<std::uint32_t> other_;  // where else to go
};

}  // namespace sartor
