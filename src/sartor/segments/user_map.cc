// The map of the users: principal components by power iteration.
#include <algorithm>
#include <cmath>

#include "sartor/base/matrix.h"
#include "sartor/base/random.h"
#include "sartor/segments/profile.h"

namespace sartor {
namespace {

constexpr int kIterations = 100;
constexpr double kFarthest = 4;  // standard deviations; one big customer must not be an axis

// Standardised number columns of some rows, one per column of the result; missing values at the
// mean.
std::vector<std::vector<double>> standardised(const Table& features,
                                              const std::vector<std::uint32_t>& rows) {
  std::vector<std::vector<double>> columns;
  for (const Column& column : features.columns) {
    if (column.is_text) continue;
    double sum = 0, squares = 0;
    std::size_t n = 0;
    for (const std::uint32_t row : rows) {
      if (std::isnan(column.numbers[row])) continue;
      sum += column.numbers[row];
      ++n;
    }
    const double mean = n > 0 ? sum / static_cast<double>(n) : 0;
    for (const std::uint32_t row : rows) {
      const double d = column.numbers[row] - mean;
      if (!std::isnan(d)) squares += d * d;
    }
    const double sd = n > 0 ? std::sqrt(squares / static_cast<double>(n)) : 0;
    if (!(sd > 1e-12 * std::abs(mean)) || !std::isfinite(sd)) continue;
    std::vector<double>& out = columns.emplace_back();
    for (const std::uint32_t row : rows) {
      const double z = (column.numbers[row] - mean) / sd;
      out.push_back(std::isnan(z) ? 0 : std::clamp(z, -kFarthest, kFarthest));
    }
  }
  return columns;
}

Matrix<double> covariance(std::vector<std::vector<double>>& columns) {
  for (std::vector<double>& column : columns) {  // clamping moved the means
    double sum = 0;
    for (const double x : column) sum += x;
    for (double& x : column) x -= sum / static_cast<double>(column.size());
  }
  Matrix<double> result(columns.size(), columns.size());
  for (std::size_t a = 0; a < columns.size(); ++a) {
    for (std::size_t b = 0; b <= a; ++b) {
      double sum = 0;
      for (std::size_t r = 0; r < columns[a].size(); ++r) sum += columns[a][r] * columns[b][r];
      result(a, b) = result(b, a) = sum;
    }
  }
  return result;
}

std::vector<double> product(const Matrix<double>& m, const std::vector<double>& v) {
  std::vector<double> out(v.size());
  for (std::size_t a = 0; a < v.size(); ++a) {
    for (std::size_t b = 0; b < v.size(); ++b) out[a] += m(a, b) * v[b];
  }
  return out;
}

// The eigenvector of the largest eigenvalue; its largest entry is positive. Zeros if m is zero.
std::vector<double> first_component(const Matrix<double>& m, double& eigenvalue) {
  Random random(7);
  std::vector<double> v(m.rows());
  for (double& x : v) x = random.normal();
  for (int i = 0; i < kIterations; ++i) {
    std::vector<double> next = product(m, v);
    double norm = 0;
    for (const double x : next) norm += x * x;
    norm = std::sqrt(norm);
    eigenvalue = norm;
    if (!(norm > 0)) return std::vector<double>(v.size());
    for (std::size_t d = 0; d < v.size(); ++d) v[d] = next[d] / norm;
  }
  const auto largest = std::max_element(
      v.begin(), v.end(), [](double a, double b) { return std::abs(a) < std::abs(b); });
  if (*largest < 0) {
    for (double& x : v) x = -x;
  }
  return v;
}

}  // namespace

UserMap map_users(const Table& features, std::span<const std::uint32_t> rows, std::size_t most) {
  UserMap map;
  const std::size_t n = std::min(most, rows.size());
  for (std::size_t i = 0; i < n; ++i) map.row.push_back(rows[i * rows.size() / n]);
  map.x.assign(n, 0);
  map.y.assign(n, 0);
  auto columns = standardised(features, map.row);
  if (columns.empty()) return map;
  Matrix<double> left = covariance(columns);
  double total = 0;
  for (std::size_t d = 0; d < columns.size(); ++d) total += left(d, d);
  for (int axis = 0; axis < 2 && total > 0; ++axis) {
    double eigenvalue = 0;
    const auto v = first_component(left, eigenvalue);
    map.explained[axis] = eigenvalue / total;
    for (std::size_t a = 0; a < v.size(); ++a) {
      for (std::size_t r = 0; r < n; ++r) (axis == 0 ? map.x : map.y)[r] += columns[a][r] * v[a];
      for (std::size_t b = 0; b < v.size(); ++b) left(a, b) -= eigenvalue * v[a] * v[b];
    }
  }
  return map;
}

}  // namespace sartor
