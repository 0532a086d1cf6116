// Gaussian-process regression with a Matern-5/2 kernel, one length scale a coordinate (Rasmussen
// and Williams, Gaussian Processes for Machine Learning, 2006, equations 2.25, 2.26, 4.17 and 5.8):
//
//   k(x, x') = s^2 (1 + a + a^2 / 3) exp(-a),   a^2 = 5 sum_j delta_j(x, x')^2 / l_j^2
//
// delta is the difference of two numbers, and 0 or 1 for a category. The mean m and s^2 have closed
// forms; the l_j and the noise (a share of s^2) maximise the marginal likelihood times priors: log
// l_j normal around a length that grows with the root of the dimension (Hvarfner, Hellsten and
// Nardi, ICML 2024), log noise normal around little of it.
#pragma once

#include <span>
#include <vector>

#include "sartor/base/matrix.h"

namespace sartor {

// Logarithms of the l_j, then of the noise's share.
using GpParameters = std::vector<double>;

struct GpPrediction {
  double mean = 0;
  double deviation = 0;  // of the function itself, without noise
};

class GpModel {
 public:
  // `x` has a row per observation, scaled to [0, 1]; `categorical` a flag per column; `y` a value
  // per row, about standardised. At least two rows. O(n^3).
  GpModel(Matrix<double> x, std::vector<bool> categorical, std::span<const double> y,
          GpParameters parameters);

  // The parameters that fit best, searched from the middle of the priors. O(n^3) a step, at most
  // `iterations` steps.
  static GpParameters fit(const Matrix<double>& x, const std::vector<bool>& categorical,
                          std::span<const double> y, int iterations);

  // O(n^2). `mean_slope` and `deviation_slope` get the derivatives by each coordinate, 0 for
  // categories; both empty: they are not wanted.
  GpPrediction predict(std::span<const double> x, std::span<double> mean_slope = {},
                       std::span<double> deviation_slope = {}) const;

  // -log of marginal likelihood times priors, up to a constant; what fit() minimises.
  double loss() const { return loss_; }
  // By each parameter.
  std::vector<double> loss_gradient() const;

  double noise() const;                              // variance of a value around the function
  double least_mean() const { return least_mean_; }  // of the function at the rows of `x`

 private:
  Matrix<double> factored_kernel();
  double scaled_distance(std::span<const double> a, std::span<const double> b) const;

  Matrix<double> x_;
  std::vector<bool> categorical_;
  GpParameters parameters_;
  std::vector<double> inverse_square_;  // 5 / l_j^2
  Matrix<double> inverse_;              // (C + noise I)^-1, where K = s^2 (C + noise I)
  std::vector<double> alpha_;           // inverse_ (y - m)
  double mean_ = 0;                     // m
  double variance_ = 1;                 // s^2
  double least_mean_ = 0;
  double loss_ = 0;
};

}  // namespace sartor
