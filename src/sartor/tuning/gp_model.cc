#include "sartor/tuning/gp_model.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

#include "sartor/tuning/box_minimise.h"

namespace sartor {
namespace {

constexpr double kLengthSpread = 1.0;  // standard deviation of log l_j
constexpr double kNoiseMiddle = -9;    // of log noise
constexpr double kNoiseSpread = 3;
constexpr double kLeastLength = 0.02;  // of the range
constexpr double kMostLength = 50;
constexpr double kLeastNoise = 1e-6;
constexpr double kMostNoise = 1;

double log_length_middle(std::size_t dimension) {
  return std::log(0.5) + 0.5 * std::log(static_cast<double>(dimension) / 2);
}

// Eight sums at a time, in a fixed order: the compiler may not reorder a single one.
double dot(const double* a, const double* b, std::size_t n) {
  double sums[8] = {};
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (std::size_t lane = 0; lane < 8; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  double sum =
      ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
  for (; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

// Replaces the lower triangle by its Cholesky factor; false if a pivot is not positive.
bool cholesky(Matrix<double>& a) {
  for (std::size_t i = 0; i < a.rows(); ++i) {
    double* row = a.row(i).data();
    for (std::size_t j = 0; j < i; ++j) {
      const double* other = a.row(j).data();
      row[j] = (row[j] - dot(row, other, j)) / other[j];
    }
    const double pivot = row[i] - dot(row, row, i);
    if (!(pivot > 0)) return false;
    row[i] = std::sqrt(pivot);
  }
  return true;
}

// (L L')^-1 in full. Row c of `columns` holds column c of L^-1, so that every product runs along
// rows.
Matrix<double> inverse_of(const Matrix<double>& l) {
  const std::size_t n = l.rows();
  Matrix<double> columns(n, n), out(n, n);
  for (std::size_t c = 0; c < n; ++c) {
    double* column = columns.row(c).data();
    column[c] = 1 / l(c, c);
    for (std::size_t i = c + 1; i < n; ++i)
      column[i] = -dot(l.row(i).data() + c, column + c, i - c) / l(i, i);
  }
  for (std::size_t a = 0; a < n; ++a)
    for (std::size_t b = a; b < n; ++b)
      out(a, b) = out(b, a) = dot(columns.row(a).data() + b, columns.row(b).data() + b, n - b);
  return out;
}

}  // namespace

double GpModel::scaled_distance(std::span<const double> a, std::span<const double> b) const {
  double sum = 0;
  for (std::size_t j = 0; j < a.size(); ++j) {
    const double delta = categorical_[j] ? (a[j] == b[j] ? 0.0 : 1.0) : a[j] - b[j];
    sum += delta * delta * inverse_square_[j];
  }
  return sum;
}

// The Cholesky factor of C + noise I. Should rounding leave a pivot that is not positive, there is
// more noise than was asked for.
Matrix<double> GpModel::factored_kernel() {
  const std::size_t n = x_.rows();
  for (;; parameters_.back() += std::log(10)) {
    Matrix<double> k(n, n);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        const double square = scaled_distance(x_.row(i), x_.row(j)), a = std::sqrt(square);
        k(i, j) = (1 + a + square / 3) * std::exp(-a);
      }
      k(i, i) = 1 + std::exp(parameters_.back());
    }
    if (cholesky(k)) return k;
  }
}

GpModel::GpModel(Matrix<double> x, std::vector<bool> categorical, std::span<const double> y,
                 GpParameters parameters)
    : x_(std::move(x)), categorical_(std::move(categorical)), parameters_(std::move(parameters)) {
  const std::size_t n = x_.rows(), d = x_.columns();
  assert(n >= 2 && y.size() == n && parameters_.size() == d + 1);
  for (std::size_t j = 0; j < d; ++j) inverse_square_.push_back(5 * std::exp(-2 * parameters_[j]));
  Matrix<double> k = factored_kernel();
  inverse_ = inverse_of(k);
  double ones = 0, weighted = 0;
  for (std::size_t i = 0; i < n; ++i) {
    double sum = 0;
    for (std::size_t j = 0; j < n; ++j) sum += inverse_(i, j);
    ones += sum;
    weighted += sum * y[i];
  }
  mean_ = weighted / ones;
  std::vector<double> centred(y.begin(), y.end());
  for (double& value : centred) value -= mean_;
  alpha_.resize(n);
  for (std::size_t i = 0; i < n; ++i) alpha_[i] = dot(inverse_.row(i).data(), centred.data(), n);
  least_mean_ = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < n; ++i)  // C alpha = y - m - noise alpha
    least_mean_ = std::min(least_mean_, y[i] - std::exp(parameters_[d]) * alpha_[i]);
  // A weak inverse-gamma prior around 1 keeps s^2 sane where all values are equal.
  variance_ = (dot(alpha_.data(), centred.data(), n) + 0.1) / (static_cast<double>(n) + 0.1);
  loss_ = 0.5 * (static_cast<double>(n) + 0.1) * std::log(variance_);
  for (std::size_t i = 0; i < n; ++i) loss_ += std::log(k(i, i));
  for (std::size_t j = 0; j <= d; ++j) {
    const double z = j < d ? (parameters_[j] - log_length_middle(d)) / kLengthSpread
                           : (parameters_[j] - kNoiseMiddle) / kNoiseSpread;
    loss_ += 0.5 * z * z;
  }
}

double GpModel::noise() const { return variance_ * std::exp(parameters_.back()); }

std::vector<double> GpModel::loss_gradient() const {
  const std::size_t n = x_.rows(), d = x_.columns();
  std::vector<double> out(d + 1);
  double trace = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double scaled = alpha_[i] / variance_;
    trace += inverse_(i, i) - scaled * alpha_[i];
    for (std::size_t j = 0; j < i; ++j) {
      const double weight = inverse_(i, j) - scaled * alpha_[j];
      const double a = std::sqrt(scaled_distance(x_.row(i), x_.row(j)));
      // dk / d log l_j = (1 + a) exp(-a) / 3 * 5 delta_j^2 / l_j^2; twice a half for the symmetry.
      const double slope = weight * (1 + a) * std::exp(-a) / 3;
      for (std::size_t c = 0; c < d; ++c) {
        const double delta =
            categorical_[c] ? (x_(i, c) == x_(j, c) ? 0.0 : 1.0) : x_(i, c) - x_(j, c);
        out[c] += slope * delta * delta * inverse_square_[c];
      }
    }
  }
  out[d] = 0.5 * trace * std::exp(parameters_[d]);
  for (std::size_t c = 0; c < d; ++c)
    out[c] += (parameters_[c] - log_length_middle(d)) / (kLengthSpread * kLengthSpread);
  out[d] += (parameters_[d] - kNoiseMiddle) / (kNoiseSpread * kNoiseSpread);
  return out;
}

GpParameters GpModel::fit(const Matrix<double>& x, const std::vector<bool>& categorical,
                          std::span<const double> y, int iterations) {
  const std::size_t d = x.columns();
  GpParameters middle(d + 1, log_length_middle(d)), low(d + 1, std::log(kLeastLength)),
      high(d + 1, std::log(kMostLength));
  middle[d] = std::log(1e-3);
  low[d] = std::log(kLeastNoise);
  high[d] = std::log(kMostNoise);
  const SmoothFunction loss = [&](std::span<const double> at, std::span<double> gradient) {
    const GpModel model(x, categorical, y, GpParameters(at.begin(), at.end()));
    const auto slope = model.loss_gradient();
    std::copy(slope.begin(), slope.end(), gradient.begin());
    return model.loss();
  };
  return minimise_in_box(loss, middle, low, high, iterations).x;
}

GpPrediction GpModel::predict(std::span<const double> x, std::span<double> mean_slope,
                              std::span<double> deviation_slope) const {
  const std::size_t n = x_.rows(), d = x_.columns();
  std::vector<double> k(n), slope(n), weight(n);
  double mean = mean_;
  for (std::size_t i = 0; i < n; ++i) {
    const double square = scaled_distance(x, x_.row(i)), a = std::sqrt(square);
    const double fall = std::exp(-a);
    k[i] = (1 + a + square / 3) * fall;
    slope[i] = -(1 + a) * fall / 3;  // times 5 delta / l^2: by x
    mean += k[i] * alpha_[i];
  }
  double explained = 0;
  for (std::size_t i = 0; i < n; ++i) {
    weight[i] = dot(inverse_.row(i).data(), k.data(), n);
    explained += weight[i] * k[i];
  }
  const double left = std::max(1 - explained, 1e-10);
  const GpPrediction out{mean, std::sqrt(variance_ * left)};
  if (mean_slope.empty()) return out;
  std::fill(mean_slope.begin(), mean_slope.end(), 0.0);
  std::fill(deviation_slope.begin(), deviation_slope.end(), 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < d; ++j) {
      if (categorical_[j]) continue;
      const double by_x = slope[i] * inverse_square_[j] * (x[j] - x_(i, j));
      mean_slope[j] += by_x * alpha_[i];
      deviation_slope[j] -= by_x * weight[i];  // half of d(explained), negated
    }
  }
  for (std::size_t j = 0; j < d; ++j) deviation_slope[j] *= variance_ / out.deviation;
  return out;
}

}  // namespace sartor
