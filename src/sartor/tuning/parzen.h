// A density over a search space: the mean of a uniform part and of one kernel per point,
//
//   p(x) = 1 / (n + 1) (1 + sum_i prod_j k_ij(x_j)),
//
// in shares of each range, so that 1 is the uniform density. k_ij is a normal distribution around
// the point's share, cut at 0 and 1 and scaled to mass 1; for a category, most of the mass on the
// point's own; and 1 where the point has no such parameter. The product runs over what exists in x,
// so it is a density on conditional spaces too (Falkner, Klein and Hutter, ICML 2018, take all
// parameters at once; the bandwidths follow Watanabe, arXiv 2304.11127).
#pragma once

#include <span>
#include <vector>

#include "sartor/base/random.h"
#include "sartor/tuning/search_space.h"

namespace sartor {

// Coordinates of points: the share of a number, the index of a choice, NaN where absent.
struct ParzenPoints {
  std::vector<std::vector<float>> columns;  // parameter, then point
};

class Parzen {
 public:
  // `rows` are the points among `points` that get a kernel. `space` must outlive it.
  Parzen(const SearchSpace& space, const ParzenPoints& points, std::span<const std::size_t> rows);

  // Coordinates of a point drawn from it.
  void draw(Random& random, std::span<float> out) const;

  // log p(x), to about 1e-5.
  double log_density(std::span<const float> x) const;

 private:
  struct Column {
    bool categorical = false;
    std::vector<float> centre;  // share or choice of each kernel
    std::vector<float> sharp;   // numbers: 1 / bandwidth, 0 where absent; categories: k where equal
    std::vector<float> factor;  // numbers: middle mass / mass; categories: k where not equal
    float log_peak = 0;         // numbers: log of k at its centre with the middle mass
  };
  void add_numbers(Column& column) const;
  void add_categories(Column& column, std::size_t choices) const;

  const SearchSpace& space_;
  std::size_t kernels_ = 0;    // of points; arrays are padded to a multiple of 8
  std::vector<float> weight_;  // 1, and 0 for what only pads
  std::vector<Column> columns_;
};

}  // namespace sartor
