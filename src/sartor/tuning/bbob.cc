// Each function is a raw function of z, and z is x moved, turned and bent; what the report writes
// as an equation is one line here. `r` is one of the rotations of the instance, `map` the product
// of both with the conditioning between them.
#include "sartor/tuning/bbob.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "sartor/tuning/bbob_instance.h"

namespace sartor {
namespace {

using Vector = std::vector<double>;
using Function = double (*)(const BbobInstance&, std::span<const double> x);

// i / (D - 1): 0 for the first coordinate, 1 for the last.
double share(std::size_t i, std::size_t n) {
  return static_cast<double>(i) / static_cast<double>(n - 1);
}

double square(double x) { return x * x; }

double oscillated(double x) {  // T_osz
  if (x == 0) return 0;
  const double size = std::log(std::abs(x));
  const double c1 = x > 0 ? 10 : 5.5, c2 = x > 0 ? 7.9 : 3.1;
  return std::copysign(std::exp(size + 0.049 * (std::sin(c1 * size) + std::sin(c2 * size))), x);
}

Vector oscillated(Vector z) {
  for (double& value : z) value = oscillated(value);
  return z;
}

Vector asymmetric(double beta, Vector z) {  // T_asy
  for (std::size_t i = 0; i < z.size(); ++i)
    if (z[i] > 0) z[i] = std::pow(z[i], 1 + beta * share(i, z.size()) * std::sqrt(z[i]));
  return z;
}

Vector stretched(double alpha, Vector z) {  // Lambda^alpha
  for (std::size_t i = 0; i < z.size(); ++i) z[i] *= std::pow(alpha, 0.5 * share(i, z.size()));
  return z;
}

Vector moved(const BbobInstance& f, std::span<const double> x) {
  Vector z(x.begin(), x.end());
  for (std::size_t i = 0; i < z.size(); ++i) z[i] -= f.minimum[i];
  return z;
}

Vector turned(const Matrix<double>& m, const Vector& x) {
  Vector z(x.size());
  multiply(m, x, z);
  return z;
}

double penalty(std::span<const double> x) {  // f_pen
  double sum = 0;
  for (const double value : x) sum += square(std::max(0.0, std::abs(value) - kBbobBound));
  return sum;
}

double sum_of_squares(const Vector& z) {
  double sum = 0;
  for (const double value : z) sum += value * value;
  return sum;
}

// sum of 10^(6 i / (D - 1)) z_i^2
double ellipsoid(const Vector& z) {
  double sum = 0;
  for (std::size_t i = 0; i < z.size(); ++i) sum += std::pow(1e6, share(i, z.size())) * z[i] * z[i];
  return sum;
}

// 10 (D - sum cos 2 pi z)
double waves(const Vector& z) {
  double sum = 0;
  for (const double value : z) sum += 1 - std::cos(2 * std::numbers::pi * value);
  return 10 * sum;
}

// The terms of Rosenbrock's sum.
Vector valley(const Vector& z) {
  Vector s;
  for (std::size_t i = 0; i + 1 < z.size(); ++i)
    s.push_back(100 * square(z[i] * z[i] - z[i + 1]) + square(z[i] - 1));
  return s;
}

double valley_factor(std::size_t n) { return std::max(1.0, std::sqrt(static_cast<double>(n)) / 8); }

// f9 and f19: factor R x + 1/2.
Vector turned_valley(const BbobInstance& f, std::span<const double> x) {
  Vector z = turned(f.r, Vector(x.begin(), x.end()));
  for (double& value : z) value = valley_factor(z.size()) * value + 0.5;
  return z;
}

double buche_rastrigin(const BbobInstance& f, std::span<const double> x) {
  Vector z = stretched(10, oscillated(moved(f, x)));
  for (std::size_t i = 0; i < z.size(); i += 2)
    if (z[i] > 0) z[i] *= 10;
  return waves(z) + sum_of_squares(z) + 100 * penalty(x);
}

double linear_slope(const BbobInstance& f, std::span<const double> x) {
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double slope = std::copysign(std::pow(10, share(i, x.size())), f.minimum[i]);
    const double z = x[i] * f.minimum[i] < 25 ? x[i] : f.minimum[i];  // flat beyond the corner
    sum += 5 * std::abs(slope) - slope * z;
  }
  return sum;
}

double attractive_sector(const BbobInstance& f, std::span<const double> x) {
  Vector z = turned(f.map, moved(f, x));
  for (std::size_t i = 0; i < z.size(); ++i)
    if (z[i] * f.minimum[i] > 0) z[i] *= 100;
  return std::pow(oscillated(sum_of_squares(z)), 0.9);
}

double step_ellipsoid(const BbobInstance& f, std::span<const double> x) {
  Vector z = turned(f.map, moved(f, x));
  const double first = z[0];
  for (double& value : z)
    value = std::abs(value) > 0.5 ? std::floor(value + 0.5) : std::floor(10 * value + 0.5) / 10;
  z = turned(f.r, z);
  double sum = 0;
  for (std::size_t i = 0; i < z.size(); ++i) sum += std::pow(100, share(i, z.size())) * z[i] * z[i];
  return 0.1 * std::max(std::abs(first) / 1e4, sum) + penalty(x);
}

double rosenbrock(const BbobInstance& f, std::span<const double> x) {
  Vector z = moved(f, x);
  for (double& value : z) value = valley_factor(z.size()) * value + 1;
  double sum = 0;
  for (const double term : valley(z)) sum += term;
  return sum;
}

double turned_rosenbrock(const BbobInstance& f, std::span<const double> x) {
  double sum = 0;
  for (const double term : valley(turned_valley(f, x))) sum += term;
  return sum;
}

double discus(const BbobInstance& f, std::span<const double> x) {
  const Vector z = oscillated(turned(f.r, moved(f, x)));
  return (1e6 - 1) * z[0] * z[0] + sum_of_squares(z);
}

double bent_cigar(const BbobInstance& f, std::span<const double> x) {
  const Vector z = turned(f.r, asymmetric(0.5, turned(f.r, moved(f, x))));
  return 1e6 * sum_of_squares(z) - (1e6 - 1) * z[0] * z[0];
}

double sharp_ridge(const BbobInstance& f, std::span<const double> x) {
  const Vector z = turned(f.map, moved(f, x));
  const double along = z[0] * z[0];
  return along + 100 * std::sqrt(std::max(0.0, sum_of_squares(z) - along));
}

double different_powers(const BbobInstance& f, std::span<const double> x) {
  const Vector z = turned(f.r, moved(f, x));
  double sum = 0;
  for (std::size_t i = 0; i < z.size(); ++i)
    sum += std::pow(std::abs(z[i]), 2 + 4 * share(i, z.size()));
  return std::sqrt(sum);
}

double rastrigin(const BbobInstance& f, std::span<const double> x) {
  const Vector z = stretched(10, asymmetric(0.2, oscillated(moved(f, x))));
  return waves(z) + sum_of_squares(z);
}

double turned_rastrigin(const BbobInstance& f, std::span<const double> x) {
  const Vector z = turned(f.map, asymmetric(0.2, oscillated(turned(f.r, moved(f, x)))));
  return waves(z) + sum_of_squares(z);
}

double weierstrass(const BbobInstance& f, std::span<const double> x) {
  const Vector z = turned(f.map, oscillated(turned(f.r, moved(f, x))));
  const auto n = static_cast<double>(z.size());
  double sum = 0, floor = 0;
  for (int k = 0; k < 12; ++k) {
    const double height = std::pow(0.5, k), frequency = 2 * std::numbers::pi * std::pow(3, k);
    for (const double value : z) sum += height * std::cos(frequency * (value + 0.5));
    floor += height * std::cos(frequency / 2);
  }
  return 10 * std::pow(sum / n - floor, 3) + 10 / n * penalty(x);
}

double schaffers(const BbobInstance& f, std::span<const double> x) {
  const Vector z = turned(f.map, asymmetric(0.5, turned(f.r, moved(f, x))));
  double sum = 0;
  for (std::size_t i = 0; i + 1 < z.size(); ++i) {
    const double s = z[i] * z[i] + z[i + 1] * z[i + 1];
    sum += std::pow(s, 0.25) * (square(std::sin(50 * std::pow(s, 0.1))) + 1);
  }
  return square(sum / static_cast<double>(z.size() - 1)) + 10 * penalty(x);
}

double griewank_rosenbrock(const BbobInstance& f, std::span<const double> x) {
  double sum = 0;
  for (const double s : valley(turned_valley(f, x))) sum += s / 4000 - std::cos(s);
  return 10 / static_cast<double>(x.size() - 1) * sum + 10;
}

double schwefel(const BbobInstance& f, std::span<const double> x) {
  const std::size_t n = x.size();
  Vector doubled(n), z(n);
  for (std::size_t i = 0; i < n; ++i) doubled[i] = 2 * (f.minimum[i] < 0 ? -x[i] : x[i]);
  for (std::size_t i = 0; i < n; ++i) {
    const double before = i == 0 ? 0 : 0.25 * (doubled[i - 1] - 2 * std::abs(f.minimum[i - 1]));
    z[i] = doubled[i] + before - 2 * std::abs(f.minimum[i]);
  }
  z = stretched(10, z);
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) {
    z[i] = 100 * (z[i] + 2 * std::abs(f.minimum[i]));
    sum += z[i] * std::sin(std::sqrt(std::abs(z[i])));
  }
  for (double& value : z) value /= 100;
  return 4.189828872724339 - 0.01 * sum / static_cast<double>(n) + 100 * penalty(z);
}

double gallagher(const BbobInstance& f, std::span<const double> x) {
  const Vector z = turned(f.r, Vector(x.begin(), x.end()));
  const auto n = static_cast<double>(z.size());
  double best = 0;
  for (std::size_t p = 0; p < f.peaks.height.size(); ++p) {
    double distance = 0;
    for (std::size_t d = 0; d < z.size(); ++d)
      distance += f.peaks.scale(p, d) * square(z[d] - f.peaks.centre(p, d));
    best = std::max(best, f.peaks.height[p] * std::exp(-0.5 / n * distance));
  }
  // T_osz in steps of a tenth of a logarithm.
  double depth = std::max(0.0, 10 - best);
  if (depth > 0) {
    const double size = std::log(depth) / 0.1;
    depth = std::pow(std::exp(size + 0.49 * (std::sin(size) + std::sin(0.79 * size))), 0.1);
  }
  return depth * depth + penalty(x);
}

double katsuura(const BbobInstance& f, std::span<const double> x) {
  const Vector z = turned(f.map, moved(f, x));
  const auto n = static_cast<double>(z.size());
  double product = 1;
  for (std::size_t i = 0; i < z.size(); ++i) {
    double sum = 0;
    for (int j = 1; j <= 32; ++j) {
      const double scaled = std::ldexp(z[i], j);
      sum += std::ldexp(std::abs(scaled - std::floor(scaled + 0.5)), -j);
    }
    product *= std::pow(1 + static_cast<double>(i + 1) * sum, 10 / std::pow(n, 1.2));
  }
  return 10 / (n * n) * (product - 1) + penalty(x);
}

double lunacek(const BbobInstance& f, std::span<const double> x) {
  const auto n = static_cast<double>(x.size());
  const double near = 2.5, s = 1 - 1 / (2 * std::sqrt(n + 20) - 8.2);
  const double far = -std::sqrt((near * near - 1) / s);
  double to_near = 0, to_far = 0;
  Vector z(x.size());
  for (std::size_t i = 0; i < z.size(); ++i) {
    const double mirrored = 2 * (f.minimum[i] < 0 ? -x[i] : x[i]);
    to_near += square(mirrored - near);
    to_far += square(mirrored - far);
    z[i] = mirrored - near;
  }
  return std::min(to_near, n + s * to_far) + waves(turned(f.map, z)) + 1e4 * penalty(x);
}

struct Row {
  std::string_view name;
  Function value;
};

const std::array<Row, kBbobFunctions> kFunctions = {{
    {"sphere",
     [](const BbobInstance& f, std::span<const double> x) { return sum_of_squares(moved(f, x)); }},
    {"ellipsoid", [](const BbobInstance& f,
                     std::span<const double> x) { return ellipsoid(oscillated(moved(f, x))); }},
    {"rastrigin", rastrigin},
    {"buche_rastrigin", buche_rastrigin},
    {"linear_slope", linear_slope},
    {"attractive_sector", attractive_sector},
    {"step_ellipsoid", step_ellipsoid},
    {"rosenbrock", rosenbrock},
    {"turned_rosenbrock", turned_rosenbrock},
    {"turned_ellipsoid",
     [](const BbobInstance& f, std::span<const double> x) {
       return ellipsoid(oscillated(turned(f.r, moved(f, x))));
     }},
    {"discus", discus},
    {"bent_cigar", bent_cigar},
    {"sharp_ridge", sharp_ridge},
    {"different_powers", different_powers},
    {"turned_rastrigin", turned_rastrigin},
    {"weierstrass", weierstrass},
    {"schaffers_10", schaffers},
    {"schaffers_1000", schaffers},
    {"griewank_rosenbrock", griewank_rosenbrock},
    {"schwefel", schwefel},
    {"gallagher_101", gallagher},
    {"gallagher_21", gallagher},
    {"katsuura", katsuura},
    {"lunacek", lunacek},
}};

const Row& row_of(const BbobInstance& f) {
  return kFunctions[static_cast<std::size_t>(f.function - 1)];
}

}  // namespace

Result<BbobFunction> BbobFunction::make(int function, std::size_t dimension, int instance) {
  const auto outside = [](const char* what, auto value, int low, int high) {
    return Error{ErrorCode::config,
                 fmt::format("bbob: {} {}; expected {} to {}", what, value, low, high)};
  };
  if (function < 1 || function > kBbobFunctions)
    return outside("function", function, 1, kBbobFunctions);
  if (dimension < 2 || dimension > 100) return outside("dimension", dimension, 2, 100);
  if (instance < 1 || instance > 10000) return outside("instance", instance, 1, 10000);
  BbobFunction out;
  out.instance_ =
      std::make_shared<const BbobInstance>(make_bbob_instance(function, dimension, instance));
  return out;
}

double BbobFunction::operator()(std::span<const double> x) const {
  return row_of(*instance_).value(*instance_, x) + instance_->optimum;
}

double BbobFunction::optimum() const { return instance_->optimum; }

std::span<const double> BbobFunction::minimum() const { return instance_->minimum; }

std::string_view BbobFunction::name() const { return row_of(*instance_).name; }

}  // namespace sartor
