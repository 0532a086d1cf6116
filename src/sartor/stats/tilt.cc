// Exponential tilting (Efron, "Nonparametric standard errors and confidence intervals", Canadian
// Journal of Statistics 9, 1981, section 11). With one row d_i of the columns per observation, the
// weights nearest to equal ones with sum_i w_i d_i = 0 are
//     w_i = exp(l d_i) / sum_j exp(l d_j),   l = argmin F(l),   F(l) = log sum_j exp(l d_j)
// F is convex; its gradient is the weighted mean of d, its Hessian the weighted covariance, so
// Newton's method with halved steps finds l. Columns are scaled to standard deviation 1 first.
//
// Draws: Walker's alias method in Vose's form (IEEE Transactions on Software Engineering 17, 1991).
#include "sartor/stats/tilt.h"

#include <algorithm>
#include <cmath>

#include "sartor/stats/paired.h"

namespace sartor {
namespace {

constexpr double kExact = 1e-11;  // of a column's standard deviation
constexpr double kFarthest = 60;  // |l|, in standard deviations of d: beyond it a few have all
constexpr int kMostSteps = 200;
constexpr double kLeastShare = 0.02;  // effective; below it the tilted sample says little

using Vector = std::vector<double>;

// The state at one l.
struct Tilted {
  Vector weights;  // of the observations
  double log_sum = 0;
  Vector mean;
};

Tilted tilted(const std::vector<Vector>& columns, const Vector& l) {
  const std::size_t n = columns[0].size();
  Tilted out{.weights = Vector(n, 0), .mean = Vector(columns.size(), 0)};
  for (std::size_t k = 0; k < columns.size(); ++k) {
    for (std::size_t i = 0; i < n; ++i) out.weights[i] += l[k] * columns[k][i];
  }
  const double most = *std::max_element(out.weights.begin(), out.weights.end());
  double sum = 0;
  for (double& weight : out.weights) sum += weight = std::exp(weight - most);
  out.log_sum = most + std::log(sum);
  for (double& weight : out.weights) weight /= sum;
  for (std::size_t k = 0; k < columns.size(); ++k) {
    for (std::size_t i = 0; i < n; ++i) out.mean[k] += out.weights[i] * columns[k][i];
  }
  return out;
}

// Solves H step = mean, H the covariance under the weights, by Gaussian elimination with a little
// added to the diagonal: H is tiny (columns x columns) and positive semi-definite.
Vector newton_step(const std::vector<Vector>& columns, const Tilted& at) {
  const std::size_t m = columns.size();
  std::vector<Vector> h(m, Vector(m + 1, 0));
  for (std::size_t a = 0; a < m; ++a) {
    for (std::size_t b = 0; b < m; ++b) {
      for (std::size_t i = 0; i < at.weights.size(); ++i) {
        h[a][b] += at.weights[i] * (columns[a][i] - at.mean[a]) * (columns[b][i] - at.mean[b]);
      }
    }
    h[a][a] += 1e-14;
    h[a][m] = at.mean[a];
  }
  for (std::size_t a = 0; a < m; ++a) {
    for (std::size_t b = a + 1; b < m; ++b) {
      const double factor = h[b][a] / h[a][a];
      for (std::size_t c = a; c <= m; ++c) h[b][c] -= factor * h[a][c];
    }
  }
  Vector step(m);
  for (std::size_t a = m; a-- > 0;) {
    double rest = h[a][m];
    for (std::size_t b = a + 1; b < m; ++b) rest -= h[a][b] * step[b];
    step[a] = rest / h[a][a];
  }
  return step;
}

double largest(const Vector& values) {
  double most = 0;
  for (const double value : values) most = std::max(most, std::abs(value));
  return most;
}

Error impossible() {
  return {ErrorCode::invalid_argument,
          "tilt: the observations cannot be weighted to that mean; expected values well on both "
          "sides of it"};
}

}  // namespace

Result<std::vector<double>> tilt_to_zero(std::span<const std::vector<double>> columns) {
  std::vector<Vector> scaled(columns.begin(), columns.end());
  for (Vector& column : scaled) {
    const auto [least, most] = std::minmax_element(column.begin(), column.end());
    if (column.empty() || !(*least < 0 && *most > 0)) return impossible();
    const double sd = moments(column).sd();
    for (double& value : column) value /= sd;
  }
  Vector l(scaled.size(), 0);
  Tilted at = tilted(scaled, l);
  for (int i = 0; i < kMostSteps && largest(at.mean) > kExact; ++i) {
    const Vector step = newton_step(scaled, at);
    double length = 1;
    Tilted next;
    Vector moved(l.size());
    do {
      for (std::size_t k = 0; k < l.size(); ++k) moved[k] = l[k] - length * step[k];
      next = tilted(scaled, moved);
      length /= 2;
    } while (length > 1e-6 && !(next.log_sum <= at.log_sum) &&
             !(largest(next.mean) < largest(at.mean)));
    l = moved;
    at = std::move(next);
    if (!(largest(l) < kFarthest)) return impossible();
  }
  if (!(largest(at.mean) <= kExact) || effective_share(at.weights) < kLeastShare)
    return impossible();
  return std::move(at.weights);
}

double effective_share(std::span<const double> weights) {
  double squares = 0;
  for (const double weight : weights) squares += weight * weight;
  return 1 / (static_cast<double>(weights.size()) * squares);
}

WeightedDraw::WeightedDraw(std::span<const double> weights) {
  const std::size_t n = weights.size();
  double sum = 0;
  for (const double weight : weights) sum += weight;
  chance_.resize(n);
  other_.resize(n);
  std::vector<std::uint32_t> small, large;
  for (std::size_t i = 0; i < n; ++i) {
    chance_[i] = weights[i] / sum * static_cast<double>(n);
    other_[i] = static_cast<std::uint32_t>(i);
    (chance_[i] < 1 ? small : large).push_back(other_[i]);
  }
  while (!small.empty() && !large.empty()) {
    const std::uint32_t low = small.back(), high = large.back();
    small.pop_back();
    other_[low] = high;
    chance_[high] -= 1 - chance_[low];
    if (chance_[high] < 1) {
      large.pop_back();
      small.push_back(high);
    }
  }
  for (const std::uint32_t i : small) chance_[i] = 1;  // rounding alone leaves any here
  for (const std::uint32_t i : large) chance_[i] = 1;
}

}  // namespace sartor
