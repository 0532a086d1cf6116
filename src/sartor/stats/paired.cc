// The worse of two one-sided tests of mean(d) > 0. With t = mean sqrt(n) / s, skewness g and
// u = g / sqrt(n), Hall (1992, "On the removal of skewness by transformation", JRSS B 54) takes
//     h = t + u t^2/3 + u^2 t^3/27 + u/6
// which is monotone in t, because it is a cube:  h = ((1 + u t/3)^3 - 1) / u + u/6. Its inverse is
//     t = (3/u) (cbrt(1 + u (h - u/6)) - 1).
// t alone is too ready where a few users lose much (negative skew), Hall alone where a few gain
// much; the maximum of both p-values is honest in both, and costs little power.
#include "sartor/stats/paired.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "sartor/stats/distributions.h"

namespace sartor {
namespace {

constexpr std::size_t kValuesPerBlock = 1024;

// Below this, 3/u loses more digits than the correction has.
constexpr double kNoSkew = 1e-9;

template <class Term>
double sum_in_blocks(std::span<const double> values, Term&& term) {
  double sum = 0;
  for (std::size_t begin = 0; begin < values.size(); begin += kValuesPerBlock) {
    double block = 0;
    for (const double value :
         values.subspan(begin, std::min(kValuesPerBlock, values.size() - begin))) {
      block += term(value);
    }
    sum += block;
  }
  return sum;
}

double hall(double t, double u) { return t + u * t * t / 3 + u * u * t * t * t / 27 + u / 6; }

double hall_inverse(double h, double u) {
  if (std::abs(u) < kNoSkew) return h;
  return 3 / u * (std::cbrt(1 + u * (h - u / 6)) - 1);
}

}  // namespace

std::vector<double> contrast(std::span<const double> chosen, std::span<const double> general,
                             double epsilon) {
  assert(chosen.size() == general.size());
  std::vector<double> d(chosen.size());
  for (std::size_t i = 0; i < d.size(); ++i) d[i] = chosen[i] - (1 + epsilon) * general[i];
  return d;
}

double Moments::sd() const {
  if (n < 2) return 0;
  const auto users = static_cast<double>(n);
  return std::sqrt(users * m2 / (users - 1));
}

double Moments::standard_error() const {
  return n == 0 ? 0 : sd() / std::sqrt(static_cast<double>(n));
}

double Moments::skewness() const { return m2 > 0 ? m3 / (m2 * std::sqrt(m2)) : 0; }

Moments moments(std::span<const double> values) {
  Moments result{.n = values.size()};
  if (values.empty()) return result;
  const auto n = static_cast<double>(values.size());
  result.nonzero = static_cast<std::size_t>(
      std::count_if(values.begin(), values.end(), [](double value) { return value != 0; }));
  const double mean = sum_in_blocks(values, [](double value) { return value; }) / n;
  result.mean = mean;
  result.m2 =
      sum_in_blocks(values, [mean](double value) { return (value - mean) * (value - mean); }) / n;
  result.m3 = sum_in_blocks(values,
                            [mean](double value) {
                              return (value - mean) * (value - mean) * (value - mean);
                            }) /
              n;
  return result;
}

double effective_count(std::span<const double> values) {
  const double squares = sum_in_blocks(values, [](double value) { return value * value; });
  const double fourth =
      sum_in_blocks(values, [](double value) { return value * value * value * value; });
  return fourth > 0 ? squares * squares / fourth : 0;
}

PairedTest paired_test(const Moments& d) {
  assert(d.n >= 2 && d.m2 > 0);
  const auto n = static_cast<double>(d.n);
  PairedTest test{.t = d.mean / d.standard_error(), .gamma = d.skewness()};
  test.h = hall(test.t, test.gamma / std::sqrt(n));
  test.p_t = student_t_upper(test.t, n - 1);
  test.p_h = student_t_upper(test.h, n - 1);
  test.p = std::max(test.p_t, test.p_h);
  return test;
}

Bounds paired_bounds(const Moments& d, double alpha) {
  assert(d.n >= 2 && d.m2 > 0);
  const auto n = static_cast<double>(d.n);
  const double k = student_t_upper_quantile(alpha, n - 1);
  const double u = d.skewness() / std::sqrt(n);
  const double error = d.standard_error();
  return {.low = std::min(d.mean - k * error, d.mean - hall_inverse(k, u) * error),
          .high = std::max(d.mean + k * error, d.mean - hall_inverse(-k, u) * error)};
}

double mean(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

}  // namespace sartor
