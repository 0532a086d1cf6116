// The innermost loops over dense vectors, written once and compiled twice: for AVX2 and for AVX-512
// (as of Ice Lake and Zen 4). The processor decides which of them runs.
//
// Rows are padded with zeros to a multiple of kVectorPad floats (`width`); matrices and rows begin
// on cache lines (aligned.h). Nothing here allocates, checks or fails.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sartor {

// The shape of a tile of scores: so many queries by so many vectors.
inline constexpr std::size_t kTileQueries = 12;
inline constexpr std::size_t kTileVectors = 32;

// One row of implicit ALS: what it took, and everybody's vectors.
struct AlsRow {
  const float* vectors;  // of the other side, `width` apart
  std::size_t width;
  const float* gram;           // width x width: Y'Y + regularization I
  const std::uint32_t* taken;  // n rows of `vectors`
  std::size_t n;
  float alpha;      // confidence of what was taken
  float* gathered;  // room for n rows, rounded up to kVectorPad of them
  float* scratch;   // room for 3 rows and kVectorPad floats
};

struct VectorKernels {
  const char* name;

  // scores[q * kTileVectors + i] = query q . vector i; queries are rows, `panel` holds kTileVectors
  // vectors transposed (width x kTileVectors). Bit i of masks[q]: the score is above thresholds[q].
  // Returns whether any is. Each score is one chain of fused multiply-adds from dimension 0 on:
  // the same bits from either set of instructions.
  bool (*score_tile)(const float* queries, const float* panel, std::size_t width,
                     const float* thresholds, float* scores, std::uint32_t* masks);

  // out[r] = row r . v for n rows.
  void (*dots)(const float* rows, std::size_t n, std::size_t width, const float* v, float* out);

  // Improves x by `steps` of conjugate gradients on
  //   (gram + (alpha - 1) sum y y') x = alpha sum y, over the row's y.
  void (*improve)(const AlsRow& row, int steps, float* x);

  // The upper triangle of a += factor sum over n rows of row row'; what is below it is undefined.
  void (*add_outer)(const float* rows, std::size_t n, std::size_t width, float factor, float* a);

  // a = U'U, the upper triangle in place; inverse_diagonal[k] = 1 / U_kk. Returns the first pivot
  // that is not positive, or `width`.
  std::size_t (*factor_upper)(float* a, std::size_t width, float* inverse_diagonal);

  // x = inverse(U'U) x.
  void (*solve_upper)(const float* u, std::size_t width, const float* inverse_diagonal, float* x);

  // counts[4 r + c] = common bits of a's row r and b's row c, 4 rows of `words` each, `stride`
  // apart.
  void (*count_common)(const std::uint64_t* a, const std::uint64_t* b, std::size_t words,
                       std::size_t stride, std::uint32_t* counts);
  // Pairs of bits that count_common looks at while one number is added to a sum in memory.
  double bits_per_add;
};

extern const VectorKernels kAvx2Kernels;
extern const VectorKernels kAvx512Kernels;

// What this processor runs best.
const VectorKernels& vector_kernels();
bool has_avx512();

}  // namespace sartor
