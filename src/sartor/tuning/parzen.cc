#include "sartor/tuning/parzen.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>

namespace sartor {
namespace {

// Bandwidths: a share of Scott's, not below a share of the mean distance of as many even points,
// nor below a hundredth of the range.
constexpr double kShrink = 0.5;
constexpr double kLeastShare = 0.5;
constexpr double kLeastBandwidth = 0.01;
constexpr float kMiddleMass =
    0.7f;  // between 0 and 1: one half with the centre at an end, else up to 1
constexpr float kOwnMass = 0.8f;  // of a category's kernel

// Eight numbers at once; the compiler makes them the processor's vectors.
using Lanes [[gnu::vector_size(32)]] = float;
using Whole [[gnu::vector_size(32)]] = std::int32_t;
constexpr std::size_t kLanes = 8;

std::size_t padded(std::size_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

Lanes load(const float* from) {
  Lanes out;
  std::memcpy(&out, from, sizeof out);
  return out;
}

void store(const Lanes& lanes, float* to) { std::memcpy(to, &lanes, sizeof lanes); }

// exp(x) for x <= 0: 2^whole by the exponent's bits, 2^rest by Taylor's series with |rest| <= 1/2.
Lanes exp_of_negative(Lanes x) {
  x = x > -87.0f ? x : Lanes{} - 87.0f;
  const Lanes t = x * 1.44269504f;
  const Whole whole = __builtin_convertvector(t - 0.5f, Whole);
  const Lanes r = (t - __builtin_convertvector(whole, Lanes)) * 0.69314718f;
  const Lanes series =
      1 + r * (1 + r * (0.5f + r * (1 / 6.0f + r * (1 / 24.0f + r * (1 / 120.0f + r / 720)))));
  return series * std::bit_cast<Lanes>((whole + 127) << 23);
}

// P(Z > x) for x >= 0, to 2e-7: Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26.
Lanes upper_tail(Lanes x) {
  const Lanes a = x * 0.70710678f;
  const Lanes u = 1 / (1 + 0.3275911f * a);
  const Lanes series =
      u * (0.254829592f +
           u * (-0.284496736f + u * (1.421413741f + u * (-1.453152027f + u * 1.061405429f))));
  return 0.5f * series * exp_of_negative(-a * a);
}

// Scott's rule with the points' own deviation, NaN left out.
double scott_bandwidth(std::span<const float> shares, std::size_t dimension) {
  double sum = 0, squares = 0, count = 0;
  for (const float share : shares) {
    if (std::isnan(share)) continue;
    sum += share;
    squares += static_cast<double>(share) * share;
    ++count;
  }
  if (count == 0) return 0;
  const double mean = sum / count;
  const double deviation = std::sqrt(std::max(0.0, squares / count - mean * mean));
  return deviation * std::pow(count, -1 / (static_cast<double>(dimension) + 4));
}

}  // namespace

void Parzen::add_numbers(Column& column) const {
  const std::span<const float> shares(column.centre.data(), kernels_);
  const double least = kLeastShare / (static_cast<double>(kernels_) + 2);
  const double bandwidth =
      std::max({kShrink * scott_bandwidth(shares, space_.size()), least, kLeastBandwidth});
  const auto sharp = static_cast<float>(1 / bandwidth);
  const std::size_t n = column.centre.size();
  column.sharp.assign(n, sharp);
  column.factor.assign(n, 1);
  column.log_peak = std::log(sharp * 0.39894228f / kMiddleMass);
  for (std::size_t i = 0; i < n; i += kLanes) {
    const Lanes c = load(&column.centre[i]);
    store(kMiddleMass / (1 - upper_tail(c * sharp) - upper_tail((1 - c) * sharp)),
          &column.factor[i]);
  }
  for (std::size_t i = 0; i < n; ++i) {
    if (!std::isnan(column.centre[i])) continue;
    column.centre[i] = column.sharp[i] = 0;
    column.factor[i] = 1;
  }
}

void Parzen::add_categories(Column& column, std::size_t choices) const {
  const auto count = static_cast<float>(choices);
  const std::size_t n = column.centre.size();
  column.sharp.assign(n, choices > 1 ? kOwnMass * count : 1);
  column.factor.assign(n, choices > 1 ? (1 - kOwnMass) * count / (count - 1) : 1);
  for (std::size_t i = 0; i < n; ++i)
    if (std::isnan(column.centre[i])) column.sharp[i] = column.factor[i] = 1;
}

Parzen::Parzen(const SearchSpace& space, const ParzenPoints& points,
               std::span<const std::size_t> rows)
    : space_(space), kernels_(rows.size()) {
  const std::size_t n = padded(kernels_);
  weight_.assign(n, 0);
  std::fill_n(weight_.begin(), kernels_, 1.0f);
  for (std::size_t j = 0; j < space.size(); ++j) {
    Column column{.categorical = space[j].kind == ParameterKind::categorical};
    column.centre.assign(n, std::nanf(""));
    for (std::size_t i = 0; i < kernels_; ++i) column.centre[i] = points.columns[j][rows[i]];
    if (column.categorical) {
      add_categories(column, space[j].choices.size());
    } else {
      add_numbers(column);
    }
    columns_.push_back(std::move(column));
  }
}

void Parzen::draw(Random& random, std::span<float> out) const {
  const std::size_t kernel = random.below(kernels_ + 1);  // the last is the uniform part
  Point point(space_.size(), kAbsent);                    // for what exists by what was drawn
  for (std::size_t j = 0; j < columns_.size(); ++j) {
    out[j] = std::nanf("");
    if (!space_.exists(j, point)) continue;
    const Column& column = columns_[j];
    const bool own = kernel < kernels_ && !std::isnan(column.centre[kernel]) &&
                     (column.categorical || column.sharp[kernel] > 0);
    if (column.categorical) {
      const std::size_t choices = space_[j].choices.size();
      const bool stays = own && random.uniform() < kOwnMass;
      const auto other = static_cast<float>(random.below(choices));
      out[j] = stays ? column.centre[kernel] : other;
      point[j] = out[j];
      continue;
    }
    double share = random.uniform();
    for (int attempt = 0; own && attempt < 20; ++attempt) {
      const double near = column.centre[kernel] + random.normal() / column.sharp[kernel];
      if (near < 0 || near > 1) continue;
      share = near;
      break;
    }
    out[j] = static_cast<float>(share);
    point[j] = share;  // numbers decide nothing, but exist
  }
}

// Kernels by eights, so that sums stay in registers while all parameters are gone through; then as
// the logarithm of a sum of exponentials, for with many parameters a kernel's peak has no single
// precision.
double Parzen::log_density(std::span<const float> x) const {
  std::vector<std::pair<const Column*, float>> numbers, categories;
  for (std::size_t j = 0; j < columns_.size(); ++j)
    if (!std::isnan(x[j]))
      (columns_[j].categorical ? categories : numbers).emplace_back(&columns_[j], x[j]);
  const std::size_t n = padded(kernels_);
  std::vector<float> exponents(n), products(n);
  Lanes most{};  // the uniform part's exponent is 0
  for (std::size_t i = 0; i < n; i += kLanes) {
    Lanes exponent{}, product = load(&weight_[i]);
    for (const auto& [column, at] : numbers) {
      const Lanes sharp = load(&column->sharp[i]);
      const Lanes t = (at - load(&column->centre[i])) * sharp;
      exponent += (sharp > 0 ? column->log_peak : Lanes{}) - 0.5f * t * t;
      product *= load(&column->factor[i]);
    }
    for (const auto& [column, at] : categories)
      product *=
          load(&column->centre[i]) == at ? load(&column->sharp[i]) : load(&column->factor[i]);
    store(exponent, &exponents[i]);
    store(product, &products[i]);
    most = most > exponent ? most : exponent;
  }
  float top = 0;
  for (std::size_t l = 0; l < kLanes; ++l) top = std::max(top, most[l]);
  Lanes sums{};
  for (std::size_t i = 0; i < n; i += kLanes)
    sums += load(&products[i]) * exp_of_negative(load(&exponents[i]) - top);
  double sum = std::exp(-static_cast<double>(top));
  for (std::size_t l = 0; l < kLanes; ++l) sum += sums[l];
  return top + std::log(sum) - std::log(static_cast<double>(kernels_ + 1));
}

}  // namespace sartor
