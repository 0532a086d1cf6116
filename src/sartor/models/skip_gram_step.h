// One step of skip-gram with negative sampling. Include this in skip_gram.cc only.
//
// For an event's item t, its neighbours c in the history and negatives n drawn with probability
// ~ count^negative_power, one step goes up the gradient of
//     sum over c of  ln s(u_c . v_t) + sum over n ln s(-u_c . v_n),   s(x) = 1 / (1 + exp(-x)),
// u being input and v output vectors. All neighbours of an event share its negatives (Ji et al.,
// "Parallelizing Word2Vec in Shared and Distributed Memory", 2016): the step is then a product of
// two small matrices, whose rows are read once for all pairs.
#pragma once

#include <immintrin.h>

#include <algorithm>
#include <span>
#include <vector>

namespace sartor::skip_gram {

constexpr std::size_t kLanes = 8;  // floats of a register
constexpr std::size_t kTile = 4;   // neighbours of a step that are kept in registers

// Rows of floats, padded with zeros to whole registers, each at a register's boundary.
class Rows {
 public:
  Rows() = default;
  Rows(std::size_t rows, std::size_t width) : width_(width) { grow(rows); }

  void set_width(std::size_t width) { width_ = width; }
  // Makes room for so many rows, if there is less.
  void grow(std::size_t rows) { lanes_.resize(std::max(lanes_.size(), rows * width_ / kLanes)); }
  float* row(std::size_t r) { return lanes_.data()->value + r * width_; }
  const float* row(std::size_t r) const { return lanes_.data()->value + r * width_; }

 private:
  struct alignas(32) Lanes {
    float value[kLanes] = {};
  };
  std::size_t width_ = 0;
  std::vector<Lanes> lanes_;
};

inline std::size_t padded(std::size_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

// The sums of eight registers' lanes, in their order.
inline __m256 sums_of(const __m256 (&a)[kLanes]) {
  const __m256 b0 = _mm256_hadd_ps(_mm256_hadd_ps(a[0], a[1]), _mm256_hadd_ps(a[2], a[3]));
  const __m256 b1 = _mm256_hadd_ps(_mm256_hadd_ps(a[4], a[5]), _mm256_hadd_ps(a[6], a[7]));
  return _mm256_add_ps(_mm256_permute2f128_ps(b0, b1, 0x20), _mm256_permute2f128_ps(b0, b1, 0x31));
}

// 1 / (1 + exp(-x)) to 3e-6: exp(-x) = 2^n 2^r with n whole and |r| <= .5, 2^r by its series.
inline __m256 sigmoid(__m256 x) {
  const __m256 bounded = _mm256_min_ps(_mm256_max_ps(x, _mm256_set1_ps(-80)), _mm256_set1_ps(80));
  const __m256 power = _mm256_mul_ps(bounded, _mm256_set1_ps(-1.44269504f));
  const __m256 n = _mm256_round_ps(power, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m256 r = _mm256_mul_ps(_mm256_sub_ps(power, n), _mm256_set1_ps(0.69314718f));
  __m256 series = _mm256_set1_ps(1.0f / 120);
  for (const float c : {1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f}) {
    series = _mm256_fmadd_ps(series, r, _mm256_set1_ps(c));
  }
  const __m256i exponent = _mm256_slli_epi32(_mm256_cvtps_epi32(n), 23);
  const __m256 e = _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(series), exponent));
  return _mm256_div_ps(_mm256_set1_ps(1), _mm256_add_ps(_mm256_set1_ps(1), e));
}

// One step. `in` are the neighbours' vectors, `out` those of the event's item and its negatives;
// the same vector may stand in either more than once. kRegisters is the width of a row, so that the
// compiler unrolls everything; 0: it is given.
template <std::size_t kRegisters>
class Step {
 public:
  Step(std::size_t width, std::size_t negatives)
      : width_(kRegisters == 0 ? width : kRegisters * kLanes),
        zeros_(1, width),
        gradient_((negatives + 2) * kTile) {}

  void take(std::span<float* const> in, std::span<float* const> out, float rate) {
    // Tiles as even as they can be: six neighbours are 3 + 3.
    std::size_t tiles = (in.size() + kTile - 1) / kTile;
    for (std::size_t at = 0; tiles > 0; --tiles) {
      const std::size_t n = (in.size() - at + tiles - 1) / tiles;
      switch (n) {
        case 1:
          tile<1>(&in[at], out, rate);
          break;
        case 2:
          tile<2>(&in[at], out, rate);
          break;
        case 3:
          tile<3>(&in[at], out, rate);
          break;
        default:
          tile<4>(&in[at], out, rate);
      }
      at += n;
    }
  }

 private:
  std::size_t width() const { return kRegisters == 0 ? width_ : kRegisters * kLanes; }

  template <std::size_t kRows>
  void tile(float* const* in, std::span<float* const> out, float rate) {
    const __m256 step = _mm256_set1_ps(rate);
    __m256 label = _mm256_setr_ps(1, 1, 1, 1, 0, 0, 0, 0);  // the first of `out` is the truth
    for (std::size_t j = 0; j < out.size(); j += 2) {
      const float* second = j + 1 < out.size() ? out[j + 1] : zeros_.row(0);
      const __m256 missing = _mm256_sub_ps(label, sigmoid(dots<kRows>(in, out[j], second)));
      _mm256_storeu_ps(&gradient_[j * kTile], _mm256_mul_ps(step, missing));
      label = _mm256_setzero_ps();
    }
    for (std::size_t k = 0; k < width(); k += kLanes) move<kRows>(in, out, k);
  }

  // in . a and in . b, each for kTile rows (0 beyond kRows).
  template <std::size_t kRows>
  __m256 dots(float* const* in, const float* a, const float* b) const {
    __m256 sum[2 * kTile];
    for (auto& s : sum) s = _mm256_setzero_ps();
    for (std::size_t k = 0; k < width(); k += kLanes) {
      const __m256 left = _mm256_load_ps(a + k);
      const __m256 right = _mm256_load_ps(b + k);
      for (std::size_t i = 0; i < kRows; ++i) {
        const __m256 x = _mm256_load_ps(in[i] + k);
        sum[i] = _mm256_fmadd_ps(x, left, sum[i]);
        sum[kTile + i] = _mm256_fmadd_ps(x, right, sum[kTile + i]);
      }
    }
    return sums_of(sum);
  }

  // in += gradient out and out += gradient' in, in the eight dimensions from k on.
  template <std::size_t kRows>
  void move(float* const* in, std::span<float* const> out, std::size_t k) const {
    __m256 x[kRows];
    __m256 sum[kRows];
    for (std::size_t i = 0; i < kRows; ++i) {
      x[i] = _mm256_load_ps(in[i] + k);
      sum[i] = _mm256_setzero_ps();
    }
    const float* g = gradient_.data();
    for (float* const row : out) {
      const __m256 y = _mm256_load_ps(row + k);
      __m256 moved = y;
      for (std::size_t i = 0; i < kRows; ++i) {
        const __m256 factor = _mm256_broadcast_ss(g + i);
        sum[i] = _mm256_fmadd_ps(factor, y, sum[i]);
        moved = _mm256_fmadd_ps(factor, x[i], moved);
      }
      _mm256_store_ps(row + k, moved);
      g += kTile;
    }
    for (std::size_t i = 0; i < kRows; ++i) {  // read again: two of them may be the same vector
      _mm256_store_ps(in[i] + k, _mm256_add_ps(_mm256_load_ps(in[i] + k), sum[i]));
    }
  }

  std::size_t width_;
  Rows zeros_;
  std::vector<float> gradient_;  // of `out` x kTile
};

// Calls with the fitting instance.
template <class Call>
void with_step(std::size_t width, std::size_t negatives, Call&& call) {
  switch (width) {
    case 16:
      return call(Step<2>(width, negatives));
    case 32:
      return call(Step<4>(width, negatives));
    case 64:
      return call(Step<8>(width, negatives));
    case 128:
      return call(Step<16>(width, negatives));
    default:
      return call(Step<0>(width, negatives));
  }
}

}  // namespace sartor::skip_gram
