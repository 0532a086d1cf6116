// What vector_kernels_avx2.cc and vector_kernels_avx512.cc are made of; SARTOR_KERNELS is the name
// of the table at the end.
#include <immintrin.h>

#include "sartor/models/vector_kernels.h"
#include "sartor/models/vector_kernels_lanes.h"

namespace sartor {
namespace {

// --- scores ------------------------------------------------------------------------------------

// kQueries queries against two registers of vectors.
template <std::size_t kQueries>
void score_part(const float* queries, const float* panel, std::size_t width,
                const float* thresholds, float* scores, std::uint32_t* masks, std::size_t shift) {
  Vec sum[kQueries][2];
  for (std::size_t q = 0; q < kQueries; ++q) sum[q][0] = sum[q][1] = zero();
  for (std::size_t k = 0; k < width; ++k) {
    const Vec b0 = load(panel + k * kTileVectors);
    const Vec b1 = load(panel + k * kTileVectors + kLanes);
#pragma GCC unroll 12
    for (std::size_t q = 0; q < kQueries; ++q) {
      const Vec a = spread(queries[q * width + k]);
      sum[q][0] = fma(a, b0, sum[q][0]);
      sum[q][1] = fma(a, b1, sum[q][1]);
    }
  }
#pragma GCC unroll 12
  for (std::size_t q = 0; q < kQueries; ++q) {
    const Vec limit = spread(thresholds[q]);
    masks[q] |= (above(sum[q][0], limit) | above(sum[q][1], limit) << kLanes) << shift;
    store(scores + q * kTileVectors, sum[q][0]);
    store(scores + q * kTileVectors + kLanes, sum[q][1]);
  }
}

bool score_tile(const float* queries, const float* panel, std::size_t width,
                const float* thresholds, float* scores, std::uint32_t* masks) {
  constexpr std::size_t kQueries = kLanes == 16 ? 12 : 6;  // what the registers hold
  for (std::size_t q = 0; q < kTileQueries; ++q) masks[q] = 0;
  for (std::size_t q = 0; q < kTileQueries; q += kQueries) {
    for (std::size_t i = 0; i < kTileVectors; i += 2 * kLanes) {
      score_part<kQueries>(queries + q * width, panel + i, width, thresholds + q,
                           scores + q * kTileVectors + i, masks + q, i);
    }
  }
  std::uint32_t any = 0;
  for (std::size_t q = 0; q < kTileQueries; ++q) any |= masks[q];
  return any != 0;
}

// --- rows --------------------------------------------------------------------------------------

// What is done with groups of kLanes rows that lie one behind the other. kWidth is the width of a
// row, so that the compiler unrolls everything; 0: it is given.
template <std::size_t kWidth>
struct Rows {
  static std::size_t width(std::size_t given) { return kWidth == 0 ? given : kWidth; }

  static Vec dots(const float* rows, std::size_t given, const float* v) {
    const std::size_t w = width(given);
    Vec sum[kLanes];
#pragma GCC unroll 16
    for (std::size_t r = 0; r < kLanes; ++r) sum[r] = zero();
    for (std::size_t k = 0; k < w; k += kLanes) {
      const Vec part = load(v + k);
#pragma GCC unroll 16
      for (std::size_t r = 0; r < kLanes; ++r) sum[r] = fma(load(rows + r * w + k), part, sum[r]);
    }
    return sums_of(sum);
  }

  // The same of rows that still lie elsewhere, which are copied side by side on the way.
  static Vec gather_dots(const float* const (&from)[kLanes], std::size_t given, const float* v,
                         float* to) {
    const std::size_t w = width(given);
    Vec sum[kLanes];
#pragma GCC unroll 16
    for (std::size_t r = 0; r < kLanes; ++r) sum[r] = zero();
    for (std::size_t k = 0; k < w; k += kLanes) {
      const Vec part = load(v + k);
#pragma GCC unroll 16
      for (std::size_t r = 0; r < kLanes; ++r) {
        const Vec row = load(from[r] + k);
        store(to + r * w + k, row);
        sum[r] = fma(row, part, sum[r]);
      }
    }
    return sums_of(sum);
  }

  // out += sum over r of weight[r] row r
  static void add(const float* rows, std::size_t given, const float* weight, float* out) {
    const std::size_t w = width(given);
    for (std::size_t k = 0; k < w; k += 4 * kLanes) {
      const std::size_t some = w - k < 4 * kLanes ? (w - k) / kLanes : 4;
      if (some == 4) {
        add_part<4>(rows + k, w, weight, out + k);
      } else {
        for (std::size_t s = 0; s < some; ++s)
          add_part<1>(rows + k + s * kLanes, w, weight, out + k + s * kLanes);
      }
    }
  }

  // In two strands, so that one addition need not wait for the other.
  template <std::size_t kVecs>
  static void add_part(const float* rows, std::size_t w, const float* weight, float* out) {
    Vec even[kVecs];
    Vec odd[kVecs];
    for (std::size_t s = 0; s < kVecs; ++s) {
      even[s] = load(out + s * kLanes);
      odd[s] = zero();
    }
#pragma GCC unroll 8
    for (std::size_t r = 0; r < kLanes; r += 2) {
      const Vec w0 = spread(weight[r]);
      const Vec w1 = spread(weight[r + 1]);
      for (std::size_t s = 0; s < kVecs; ++s) {
        even[s] = fma(w0, load(rows + r * w + s * kLanes), even[s]);
        odd[s] = fma(w1, load(rows + (r + 1) * w + s * kLanes), odd[s]);
      }
    }
    for (std::size_t s = 0; s < kVecs; ++s) store(out + s * kLanes, even[s] + odd[s]);
  }

  // out = m v, m symmetric and as wide as a row
  static void times(const float* m, std::size_t given, const float* v, float* out) {
    const std::size_t w = width(given);
    for (std::size_t k = 0; k < w; k += kLanes) store(out + k, zero());
    for (std::size_t k = 0; k < w; k += kLanes) add(m + k * w, given, v + k, out);
  }

  static float dot(const float* a, const float* b, std::size_t given) {
    Vec sum = zero();
    for (std::size_t k = 0; k < width(given); k += kLanes) sum = fma(load(a + k), load(b + k), sum);
    return sum_of(sum);
  }

  // out += factor a
  static void add_one(float factor, const float* a, std::size_t given, float* out) {
    const Vec f = spread(factor);
    for (std::size_t k = 0; k < width(given); k += kLanes)
      store(out + k, fma(f, load(a + k), load(out + k)));
  }
};

template <class Call>
inline void for_width(std::size_t width, Call&& call) {
  switch (width) {
    case 16:
      return call(Rows<16>{});
    case 32:
      return call(Rows<32>{});
    case 64:
      return call(Rows<64>{});
    case 128:
      return call(Rows<128>{});
    default:
      return call(Rows<0>{});
  }
}

void dots(const float* rows, std::size_t n, std::size_t width, const float* v, float* out) {
  const std::size_t whole = n / kLanes * kLanes;
  for_width(width, [&](auto kernel) {
    for (std::size_t r = 0; r < whole; r += kLanes)
      store(out + r, kernel.dots(rows + r * width, width, v));
    for (std::size_t r = whole; r < n; ++r) out[r] = kernel.dot(rows + r * width, v, width);
  });
}

// --- conjugate gradients -----------------------------------------------------------------------

template <std::size_t kWidth>
class Descent {
 public:
  explicit Descent(const AlsRow& row)
      : row_(row), w_(Kernel::width(row.width)), groups_((row.n + kLanes - 1) / kLanes) {}

  void run(int steps, float* x) const {
    float* r = row_.scratch;
    float* p = r + w_;
    float* ap = p + w_;
    start(x, r);
    for (std::size_t k = 0; k < w_; k += kLanes) store(p + k, load(r + k));
    float rr = Kernel::dot(r, r, w_);
    for (int step = 0; step < steps && rr > 1e-20f; ++step) {
      Kernel::times(row_.gram, w_, p, ap);
      if (step + 1 == steps) {  // only the length of the step is wanted: p'Ap
        const float pap = Kernel::dot(p, ap, w_) + (row_.alpha - 1) * squares(p);
        Kernel::add_one(rr / pap, p, w_, x);
        return;
      }
      pass(p, ap);
      const float length = rr / Kernel::dot(p, ap, w_);
      Kernel::add_one(length, p, w_, x);
      Kernel::add_one(-length, ap, w_, r);
      const float next = Kernel::dot(r, r, w_);
      const Vec turn = spread(next / rr);
      for (std::size_t k = 0; k < w_; k += kLanes)
        store(p + k, fma(turn, load(p + k), load(r + k)));
      rr = next;
    }
  }

 private:
  using Kernel = Rows<kWidth>;

  // r = b - A x = sum (alpha - (alpha - 1) y.x) y - gram x, and the row's vectors come side by
  // side: every later pass reads them in order.
  void start(const float* x, float* r) const {
    Kernel::times(row_.gram, w_, x, r);
    for (std::size_t k = 0; k < w_; k += kLanes) store(r + k, zero() - load(r + k));
    float* weight = row_.scratch + 3 * w_;
    for (std::size_t g = 0; g < groups_; ++g) {
      const float* from[kLanes];
      fetch(g, from);
      float* to = row_.gathered + g * kLanes * w_;
      const Vec dots = Kernel::gather_dots(from, w_, x, to);
      store(weight, fma(spread(1 - row_.alpha), dots, spread(row_.alpha)));
      if ((g + 1) * kLanes > row_.n) clear(row_.n - g * kLanes, to);
      Kernel::add(to, w_, weight, r);
    }
  }

  // Where group g's rows lie (the last row again where there are fewer); asks for a later group's.
  void fetch(std::size_t g, const float* (&from)[kLanes]) const {
    constexpr std::size_t kAhead = 16;
    for (std::size_t r = 0; r < kLanes; ++r) {
      const std::size_t at = g * kLanes + r;
      from[r] = row_.vectors + std::size_t{row_.taken[at < row_.n ? at : row_.n - 1]} * w_;
      if (at + kAhead >= row_.n) continue;
      const float* later = row_.vectors + std::size_t{row_.taken[at + kAhead]} * w_;
      for (std::size_t k = 0; k < w_; k += 16) __builtin_prefetch(later + k);
    }
  }

  void clear(std::size_t from, float* rows) const {
    for (float* at = rows + from * w_; at != rows + kLanes * w_; at += kLanes) store(at, zero());
  }

  // ap += (alpha - 1) sum (y.p) y
  void pass(const float* p, float* ap) const {
    float* weight = row_.scratch + 3 * w_;
    const Vec factor = spread(row_.alpha - 1);
    for (std::size_t g = 0; g < groups_; ++g) {
      const float* rows = row_.gathered + g * kLanes * w_;
      store(weight, factor * Kernel::dots(rows, w_, p));
      Kernel::add(rows, w_, weight, ap);
    }
  }

  // sum (y.p)^2
  float squares(const float* p) const {
    Vec sum = zero();
    for (std::size_t g = 0; g < groups_; ++g) {
      const Vec d = Kernel::dots(row_.gathered + g * kLanes * w_, w_, p);
      sum = fma(d, d, sum);
    }
    return sum_of(sum);
  }

  const AlsRow& row_;
  std::size_t w_;
  std::size_t groups_;
};

void improve(const AlsRow& row, int steps, float* x) {
  switch (row.width) {
    case 16:
      return Descent<16>(row).run(steps, x);
    case 32:
      return Descent<32>(row).run(steps, x);
    case 64:
      return Descent<64>(row).run(steps, x);
    case 128:
      return Descent<128>(row).run(steps, x);
    default:
      return Descent<0>(row).run(steps, x);
  }
}

// --- exact solution ----------------------------------------------------------------------------

// a's tile at (i, j) += factor sum over rows of row[i …] row[j …]'
template <std::size_t kRows, std::size_t kVecs>
void outer_tile(const float* rows, std::size_t n, std::size_t width, std::size_t i, std::size_t j,
                float factor, float* a) {
  Vec sum[kRows][kVecs];
  for (std::size_t r = 0; r < kRows; ++r) {
    for (std::size_t s = 0; s < kVecs; ++s) sum[r][s] = zero();
  }
  for (std::size_t at = 0; at < n; ++at, rows += width) {
    Vec b[kVecs];
    for (std::size_t s = 0; s < kVecs; ++s) b[s] = load(rows + j + s * kLanes);
#pragma GCC unroll 16
    for (std::size_t r = 0; r < kRows; ++r) {
      const Vec left = spread(rows[i + r]);
      for (std::size_t s = 0; s < kVecs; ++s) sum[r][s] = fma(left, b[s], sum[r][s]);
    }
  }
  const Vec f = spread(factor);
#pragma GCC unroll 16
  for (std::size_t r = 0; r < kRows; ++r) {
    for (std::size_t s = 0; s < kVecs; ++s) {
      float* to = a + (i + r) * width + j + s * kLanes;
      store(to, fma(f, sum[r][s], load(to)));
    }
  }
}

void add_outer(const float* rows, std::size_t n, std::size_t width, float factor, float* a) {
  constexpr std::size_t kColumns = kOuterVecs * kLanes;
  for (std::size_t i = 0; i < width; i += kOuterRows) {
    for (std::size_t j = i / kColumns * kColumns; j < width; j += kColumns)
      outer_tile<kOuterRows, kOuterVecs>(rows, n, width, i, j, factor, a);
  }
}

constexpr std::size_t kFactorRows = 8;  // rows of U that are taken off the rest at once

// Rows k0 to k0 + kFactorRows of a become rows of U.
std::size_t factor_rows(float* a, std::size_t width, std::size_t k0, float* inverse_diagonal) {
  for (std::size_t k = k0; k < k0 + kFactorRows; ++k) {
    float* row = a + k * width;
    if (!(row[k] > 0)) return k;
    const float inverse = 1 / __builtin_sqrtf(row[k]);
    inverse_diagonal[k] = inverse;
    const std::size_t first = k / kLanes * kLanes;
    const Vec scale = spread(inverse);
    for (std::size_t c = first; c < width; c += kLanes) store(row + c, scale * load(row + c));
    for (std::size_t m = k + 1; m < k0 + kFactorRows; ++m) {
      const Vec factor = spread(row[m]);
      float* to = a + m * width;
      for (std::size_t c = first; c < width; c += kLanes)
        store(to + c, minus_fma(factor, load(row + c), load(to + c)));
    }
  }
  return width;
}

// Takes rows k0 to k0 + kFactorRows of U off all later rows, one column of registers at a time.
void take_off(float* a, std::size_t width, std::size_t k0) {
  const std::size_t next = k0 + kFactorRows;
  for (std::size_t c = next / kLanes * kLanes; c < width; c += kLanes) {
    Vec u[kFactorRows];
#pragma GCC unroll 8
    for (std::size_t j = 0; j < kFactorRows; ++j) u[j] = load(a + (k0 + j) * width + c);
    const std::size_t end = c + kLanes < width ? c + kLanes : width;
    for (std::size_t i = next; i < end; ++i) {
      float* to = a + i * width + c;
      Vec even = load(to);
      Vec odd = zero();
#pragma GCC unroll 8
      for (std::size_t j = 0; j < kFactorRows; j += 2) {
        even = minus_fma(spread(a[(k0 + j) * width + i]), u[j], even);
        odd = minus_fma(spread(a[(k0 + j + 1) * width + i]), u[j + 1], odd);
      }
      store(to, even + odd);
    }
  }
}

std::size_t factor_upper(float* a, std::size_t width, float* inverse_diagonal) {
  for (std::size_t k0 = 0; k0 < width; k0 += kFactorRows) {
    const std::size_t bad = factor_rows(a, width, k0, inverse_diagonal);
    if (bad != width) return bad;
    take_off(a, width, k0);
  }
  return width;
}

void solve_upper(const float* u, std::size_t width, const float* inverse_diagonal, float* x) {
  for (std::size_t k = 0; k < width; ++k) {  // U' z = x
    const float z = x[k] * inverse_diagonal[k];
    x[k] = z;
    const std::size_t first = k / kLanes * kLanes;
    const float* row = u + k * width;
    const Vec factor = spread(z);
    store(x + first, minus_fma(factor, behind(load(row + first), k - first), load(x + first)));
    for (std::size_t c = first + kLanes; c < width; c += kLanes)
      store(x + c, minus_fma(factor, load(row + c), load(x + c)));
  }
  for (std::size_t k = width; k-- > 0;) {  // U x = z
    const std::size_t first = k / kLanes * kLanes;
    const float* row = u + k * width;
    Vec sum = behind(load(row + first), k - first) * load(x + first);
    for (std::size_t c = first + kLanes; c < width; c += kLanes)
      sum = fma(load(row + c), load(x + c), sum);
    x[k] = (x[k] - sum_of(sum)) * inverse_diagonal[k];
  }
}

// --- bits --------------------------------------------------------------------------------------

constexpr std::size_t kCountRows = 4;

void count_common(const std::uint64_t* a, const std::uint64_t* b, std::size_t words,
                  std::size_t stride, std::uint32_t* counts) {
#ifdef __AVX512VPOPCNTDQ__
  __m512i sum[kCountRows][kCountRows];
  for (auto& row : sum) {
    for (auto& cell : row) cell = _mm512_setzero_si512();
  }
  for (std::size_t w = 0; w < words; w += 8) {
    __m512i right[kCountRows];
    for (std::size_t c = 0; c < kCountRows; ++c) right[c] = _mm512_loadu_si512(b + c * stride + w);
#pragma GCC unroll 4
    for (std::size_t r = 0; r < kCountRows; ++r) {
      const __m512i left = _mm512_loadu_si512(a + r * stride + w);
#pragma GCC unroll 4
      for (std::size_t c = 0; c < kCountRows; ++c) {
        sum[r][c] =
            _mm512_add_epi64(sum[r][c], _mm512_popcnt_epi64(_mm512_and_si512(left, right[c])));
      }
    }
  }
  for (std::size_t r = 0; r < kCountRows; ++r) {
    for (std::size_t c = 0; c < kCountRows; ++c) {
      counts[r * kCountRows + c] = static_cast<std::uint32_t>(_mm512_reduce_add_epi64(sum[r][c]));
    }
  }
#else
  for (std::size_t r = 0; r < kCountRows; ++r) {
    for (std::size_t c = 0; c < kCountRows; ++c) {
      std::uint64_t sum = 0;
      for (std::size_t w = 0; w < words; ++w) {
        sum +=
            static_cast<std::uint64_t>(__builtin_popcountll(a[r * stride + w] & b[c * stride + w]));
      }
      counts[r * kCountRows + c] = static_cast<std::uint32_t>(sum);
    }
  }
#endif
}

}  // namespace

const VectorKernels SARTOR_KERNELS = {
    .name = kLanes == 16 ? "avx512" : "avx2",
    .score_tile = score_tile,
    .dots = dots,
    .improve = improve,
    .add_outer = add_outer,
    .factor_upper = factor_upper,
    .solve_upper = solve_upper,
    .count_common = count_common,
    .bits_per_add = kBitsPerAdd,
};

}  // namespace sartor
