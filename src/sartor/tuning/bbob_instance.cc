// The platform draws with a generator of its own: 16807 x mod 2^31 - 1 by Schrage's method, through
// a table of 32 that shuffles (Bays and Durham).
#include "sartor/tuning/bbob_instance.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <numeric>

namespace sartor {
namespace {

constexpr std::int64_t kModulus = 2147483647;

// `n` numbers in (0, 1).
std::vector<double> uniforms(std::size_t n, std::int64_t seed) {
  std::int64_t state = std::max<std::int64_t>(1, std::abs(seed));
  const auto step = [&state] { state = state * 16807 % kModulus; };
  std::array<std::int64_t, 32> table{};
  for (int i = 39; i >= 0; --i) {
    step();
    if (i < 32) table[static_cast<std::size_t>(i)] = state;
  }
  std::int64_t last = table[0];
  std::vector<double> out(n);
  for (double& value : out) {
    step();
    const auto at = static_cast<std::size_t>(last / 67108865);
    last = table[at];
    table[at] = state;
    value = static_cast<double>(last) / 2.147483647e9;
    if (value == 0) value = 1e-99;
  }
  return out;
}

std::vector<double> normals(std::size_t n, std::int64_t seed) {
  const std::vector<double> u = uniforms(2 * n, seed);
  std::vector<double> out(n);
  for (std::size_t i = 0; i < n; ++i) {
    out[i] = std::sqrt(-2 * std::log(u[i])) * std::cos(2 * std::numbers::pi * u[n + i]);
    if (out[i] == 0) out[i] = 1e-99;
  }
  return out;
}

std::vector<double> random_minimum(std::size_t n, std::int64_t seed) {
  std::vector<double> x = uniforms(n, seed);
  for (double& value : x) {
    value = 8 * std::floor(1e4 * value) / 1e4 - 4;
    if (value == 0) value = -1e-5;
  }
  return x;
}

double random_optimum(std::int64_t seed) {
  const double ratio = normals(1, seed)[0] / normals(1, seed + 1)[0];
  return std::clamp(std::round(100 * 100 * ratio) / 100, -1000.0, 1000.0);
}

// Columns of normal numbers, made orthonormal one after the other (Gram and Schmidt).
Matrix<double> random_rotation(std::size_t n, std::int64_t seed) {
  const std::vector<double> drawn = normals(n * n, seed);
  Matrix<double> out(n, n);
  for (std::size_t c = 0; c < n; ++c) {
    for (std::size_t r = 0; r < n; ++r) out(r, c) = drawn[c * n + r];
    for (std::size_t before = 0; before < c; ++before) {
      double product = 0;
      for (std::size_t r = 0; r < n; ++r) product += out(r, c) * out(r, before);
      for (std::size_t r = 0; r < n; ++r) out(r, c) -= product * out(r, before);
    }
    double square = 0;
    for (std::size_t r = 0; r < n; ++r) square += out(r, c) * out(r, c);
    for (std::size_t r = 0; r < n; ++r) out(r, c) /= std::sqrt(square);
  }
  return out;
}

std::vector<std::size_t> order_of(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  return order;
}

// Gallagher's Gaussian peaks: `count` of them, the first one the optimum.
void draw_peaks(std::size_t count, std::int64_t seed, BbobInstance& out) {
  const std::size_t n = out.dimension;
  const bool many = count == 101;
  const double width = many ? 10 : 9.8, half = many ? 5 : 4.9;
  out.r = random_rotation(n, seed);
  out.peaks = {Matrix<double>(count, n), Matrix<double>(count, n), {}};
  const auto conditions = order_of(uniforms(count - 1, seed));
  const auto last = static_cast<double>(count - 2);
  for (std::size_t p = 0; p < count; ++p) {
    const double condition = p > 0  ? std::pow(1000, static_cast<double>(conditions[p - 1]) / last)
                             : many ? std::sqrt(1000)
                                    : 1e6;
    out.peaks.height.push_back(p == 0 ? 10 : 1.1 + 8 * static_cast<double>(p - 1) / last);
    const auto axes = order_of(uniforms(n, seed + 1000 * static_cast<std::int64_t>(p)));
    for (std::size_t d = 0; d < n; ++d) {
      const double share = static_cast<double>(axes[d]) / static_cast<double>(n - 1);
      out.peaks.scale(p, d) = std::pow(condition, share - 0.5);
    }
  }
  const std::vector<double> drawn = uniforms(count * n, seed);
  std::vector<double> centre(n);
  for (std::size_t p = 0; p < count; ++p) {
    for (std::size_t d = 0; d < n; ++d)
      centre[d] = (width * drawn[p * n + d] - half) * (p == 0 ? 0.8 : 1);
    if (p == 0) out.minimum = centre;
    multiply(out.r, centre, out.peaks.centre.row(p));
  }
}

// A Lambda^alpha B, where diagonal i is alpha^(i / 2 (n - 1)).
Matrix<double> between(const Matrix<double>& a, double alpha, const Matrix<double>& b) {
  const std::size_t n = a.rows();
  Matrix<double> out(n, n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < n; ++k) {
      const double scale =
          std::pow(alpha, 0.5 * static_cast<double>(k) / static_cast<double>(n - 1));
      for (std::size_t j = 0; j < n; ++j) out(i, j) += a(i, k) * scale * b(k, j);
    }
  }
  return out;
}

Matrix<double> identity(std::size_t n) {
  Matrix<double> out(n, n);
  for (std::size_t i = 0; i < n; ++i) out(i, i) = 1;
  return out;
}

// Rosenbrock's valley ends at z = 1, where z = factor R x + 1/2.
std::vector<double> valley_end(const Matrix<double>& r) {
  const std::size_t n = r.rows();
  const double factor = std::max(1.0, std::sqrt(static_cast<double>(n)) / 8);
  std::vector<double> x(n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) x[j] += 0.5 / factor * r(i, j);
  return x;
}

// Where the minimum is not one of random_minimum()'s as it stands.
void place_minimum(std::int64_t seed, BbobInstance& out) {
  std::vector<double>& x = out.minimum;
  const std::size_t n = out.dimension;
  switch (out.function) {
    case 4:
      for (std::size_t i = 0; i < n; i += 2) x[i] = std::abs(x[i]);
      break;
    case 5:
      for (double& value : x) value = value < 0 ? -5 : 5;
      break;
    case 8:
      for (double& value : x) value *= 0.75;
      break;
    case 9:
    case 19:
      x = valley_end(out.r);
      break;
    case 12:
      x = random_minimum(n, seed + 1000000);
      break;
    case 20: {
      const auto u = uniforms(n, seed);
      for (std::size_t i = 0; i < n; ++i) x[i] = 0.5 * 4.2096874633 * (u[i] < 0.5 ? -1 : 1);
      break;
    }
    case 24: {
      const auto g = normals(n, seed);
      for (std::size_t i = 0; i < n; ++i) x[i] = g[i] < 0 ? -1.25 : 1.25;
      break;
    }
    default:
      break;
  }
}

// The conditioning between the two rotations; 0 where the function has no such map.
double conditioning(int function) {
  switch (function) {
    case 6:
    case 7:
    case 13:
    case 15:
    case 17:
      return 10;
    case 16:
      return 0.01;
    case 18:
      return 1000;
    case 23:
    case 24:
      return 100;
    default:
      return 0;
  }
}

}  // namespace

void multiply(const Matrix<double>& m, std::span<const double> x, std::span<double> out) {
  for (std::size_t i = 0; i < m.rows(); ++i) {
    double sum = 0;
    for (std::size_t j = 0; j < m.columns(); ++j) sum += m(i, j) * x[j];
    out[i] = sum;
  }
}

BbobInstance make_bbob_instance(int function, std::size_t dimension, int instance) {
  BbobInstance out{.function = function, .dimension = dimension};
  const int number = function == 4 ? 3 : function == 18 ? 17 : function;  // two share a seed
  const std::int64_t seed = number + 10000 * static_cast<std::int64_t>(instance);
  out.optimum = random_optimum(seed);
  if (function == 21 || function == 22) {
    draw_peaks(function == 21 ? 101 : 21, seed, out);
    return out;
  }
  const bool valley = function == 9 || function == 19;
  out.minimum = random_minimum(dimension, seed);
  out.r = random_rotation(dimension, valley ? seed : seed + 1000000);
  out.q = random_rotation(dimension, seed);
  place_minimum(seed, out);
  if (const double alpha = conditioning(function); alpha > 0) {
    const bool one_turn = function == 7 || function == 17 || function == 18;
    out.map = between(one_turn ? identity(dimension) : out.r, alpha, out.q);
  }
  return out;
}

}  // namespace sartor
