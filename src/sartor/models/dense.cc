// The inverse of a symmetric positive definite matrix by tiles of kTile rows:
//
//   1. A = L L'          lower triangle; column by column of tiles, left-looking
//   2. U = inverse(L)'   upper triangle; U_ji = -(sum over j <= k < i of U_jk L_ik') inverse(L_ii)'
//   3. inverse(A) = U U' lower triangle, then mirrored
//
// Both factors live in A itself. All long sums run along rows, so each tile is one or two gemm
// calls over contiguous panels; the diagonal tiles of U and of the result are kept beside.
#include "sartor/models/dense.h"

#include <cblas.h>
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string_view>
#include <utility>
#include <vector>

extern "C" {
void spotrf_(const char* uplo, const int* n, float* a, const int* lda, int* info);
void strtri_(const char* uplo, const char* diag, const int* n, float* a, const int* lda, int* info);
void omp_set_num_threads(int threads);  // libgomp's; OpenBLAS asks it how many threads it may use
// OpenBLAS's own choice of kernels by processor; absent where it was built for one processor only.
__attribute__((weak)) void gotoblas_dynamic_init(void);
__attribute__((weak)) void gotoblas_dynamic_quit(void);
}

namespace sartor {
namespace {

constexpr std::size_t kTile = 256;
constexpr std::size_t kMirrorTile = 64;

// OpenBLAS 0.3.21 takes a processor younger than itself (Emerald Rapids, say) for a Pentium 4,
// which costs a factor of 4. We were compiled for AVX2, so we know better. OPENBLAS_CORETYPE goes
// first.
void choose_kernels() {
#ifdef __x86_64__
  const std::string_view chosen = openblas_get_corename();
  const bool outdated = chosen == "Prescott" || chosen == "Core2" || chosen == "Generic";
  if (!outdated || gotoblas_dynamic_init == nullptr || gotoblas_dynamic_quit == nullptr) return;
  if (std::getenv("OPENBLAS_CORETYPE") != nullptr) return;
  const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                    __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (!wide && !__builtin_cpu_supports("avx2")) return;
  ::setenv("OPENBLAS_CORETYPE", wide ? "SkylakeX" : "Haswell", 0);
  gotoblas_dynamic_quit();
  gotoblas_dynamic_init();
  ::unsetenv("OPENBLAS_CORETYPE");
#endif
}

void prepare_blas() {
  static const bool kernels = (choose_kernels(), true);  // once, before the first call
  static_cast<void>(kernels);
  thread_local const bool done = [] {
    omp_set_num_threads(1);
    openblas_set_num_threads(1);
    return true;
  }();
  static_cast<void>(done);
}

blasint size(std::size_t n) { return static_cast<blasint>(n); }

template <class T>
MatrixView<T> part(MatrixView<T> a, std::size_t row, std::size_t column, std::size_t rows,
                   std::size_t columns) {
  return {a.data + row * a.stride + column, rows, columns, a.stride};
}

// The matrix cut into tiles; the last row and column of tiles may be thinner.
struct Tiles {
  MatrixView<float> a;
  std::size_t count;            // of tiles in a row
  std::vector<float> diagonal;  // count tiles of kTile x kTile

  explicit Tiles(MatrixView<float> matrix)
      : a(matrix),
        count((matrix.rows + kTile - 1) / kTile),
        diagonal(count * kTile * kTile, 0.0f) {}

  std::size_t extent(std::size_t i) const { return std::min(kTile, a.rows - i * kTile); }
  // Rows of tile i, from tile column `from` up to (not including) tile column `until`.
  MatrixView<float> panel(std::size_t i, std::size_t from, std::size_t until) const {
    const std::size_t end = std::min(until * kTile, a.columns);
    return part(a, i * kTile, from * kTile, extent(i), end - from * kTile);
  }
  MatrixView<float> tile(std::size_t i, std::size_t j) const { return panel(i, j, j + 1); }
  MatrixView<float> beside(std::size_t i) {
    return {diagonal.data() + i * kTile * kTile, extent(i), extent(i), kTile};
  }
};

Status factorise(Tiles& t, const Resources& resources) {
  for (std::size_t j = 0; j < t.count; ++j) {
    const auto pivot_tile = t.tile(j, j);
    const auto left = t.panel(j, 0, j);
    if (j > 0) syrk_lower(-1, left, 1, pivot_tile);
    const std::size_t bad = cholesky_tile(pivot_tile);
    if (bad < pivot_tile.rows) {
      return Error{ErrorCode::invalid_argument,
                   fmt::format("not positive definite: pivot {} of {} is not above 0",
                               j * kTile + bad + 1, t.a.rows)};
    }
    SARTOR_TRY(
        parallel_for(resources, t.count - j - 1, 1, [&](std::size_t begin, std::size_t) -> Status {
          const std::size_t i = j + 1 + begin;
          const auto tile = t.tile(i, j);
          if (j > 0) gemm(Transpose::no, Transpose::yes, -1, t.panel(i, 0, j), left, 1, tile);
          solve_right_transposed(pivot_tile, tile);
          return {};
        }));
  }
  return {};
}

// Row j of tiles of U; `inverses` holds the inverses of L's diagonal tiles (lower, zeros above).
void invert_row(Tiles& t, std::size_t j) {
  std::vector<float> product(kTile * kTile);
  for (std::size_t i = j + 1; i < t.count; ++i) {
    const MatrixView<float> sum{product.data(), t.extent(j), t.extent(i), kTile};
    gemm(Transpose::yes, Transpose::yes, 1, t.beside(j), t.tile(i, j), 0, sum);
    if (i > j + 1) {
      gemm(Transpose::no, Transpose::yes, 1, t.panel(j, j + 1, i), t.panel(i, j + 1, i), 1, sum);
    }
    gemm(Transpose::no, Transpose::yes, -1, sum, t.beside(i), 0, t.tile(j, i));
  }
}

Status invert_factor(Tiles& t, const Resources& resources) {
  SARTOR_TRY(parallel_for(resources, t.count, 1, [&](std::size_t i, std::size_t) -> Status {
    const auto from = t.tile(i, i);
    const auto to = t.beside(i);
    for (std::size_t r = 0; r < to.rows; ++r) std::copy_n(&from(r, 0), r + 1, &to(r, 0));
    invert_lower_tile(to);
    return {};
  }));
  SARTOR_TRY(parallel_for(resources, t.count, 1, [&](std::size_t j, std::size_t) -> Status {
    invert_row(t, j);
    return {};
  }));
  for (std::size_t i = 0; i < t.count; ++i) {  // U_ii = inverse(L_ii)', zeros below
    const auto from = t.beside(i);
    const auto to = t.tile(i, i);
    for (std::size_t r = 0; r < to.rows; ++r) {
      for (std::size_t c = 0; c < to.columns; ++c) to(r, c) = from(c, r);
    }
  }
  return {};
}

// The lower triangle of U U'. Tiles are independent; the costly ones come first.
Status multiply_factor(Tiles& t, const Resources& resources) {
  const std::size_t pairs = t.count * (t.count + 1) / 2;
  std::vector<std::pair<std::size_t, std::size_t>> tiles;
  tiles.reserve(pairs);
  for (std::size_t i = 0; i < t.count; ++i) {
    for (std::size_t j = 0; j <= i; ++j) tiles.emplace_back(i, j);
  }
  SARTOR_TRY(parallel_for(resources, pairs, 1, [&](std::size_t p, std::size_t) -> Status {
    const auto [i, j] = tiles[p];
    const auto row = t.panel(i, i, t.count);
    if (i == j) {
      syrk_lower(1, row, 0, t.beside(i));
    } else {
      gemm(Transpose::no, Transpose::yes, 1, row, t.panel(j, i, t.count), 0, t.tile(i, j));
    }
    return {};
  }));
  for (std::size_t i = 0; i < t.count; ++i) {
    const auto from = t.beside(i);
    const auto to = t.tile(i, i);
    for (std::size_t r = 0; r < to.rows; ++r) std::copy_n(&from(r, 0), r + 1, &to(r, 0));
  }
  return {};
}

}  // namespace

void gemm(Transpose transpose_a, Transpose transpose_b, float alpha, MatrixView<const float> a,
          MatrixView<const float> b, float beta, MatrixView<float> c) {
  const bool at = transpose_a == Transpose::yes;
  const bool bt = transpose_b == Transpose::yes;
  const std::size_t inner = at ? a.rows : a.columns;
  assert((at ? a.columns : a.rows) == c.rows && (bt ? b.rows : b.columns) == c.columns);
  assert((bt ? b.columns : b.rows) == inner);
  prepare_blas();
  cblas_sgemm(CblasRowMajor, at ? CblasTrans : CblasNoTrans, bt ? CblasTrans : CblasNoTrans,
              size(c.rows), size(c.columns), size(inner), alpha, a.data, size(a.stride), b.data,
              size(b.stride), beta, c.data, size(c.stride));
}

void syrk_lower(float alpha, MatrixView<const float> a, float beta, MatrixView<float> c) {
  assert(a.rows == c.rows && c.rows == c.columns);
  prepare_blas();
  cblas_ssyrk(CblasRowMajor, CblasLower, CblasNoTrans, size(c.rows), size(a.columns), alpha, a.data,
              size(a.stride), beta, c.data, size(c.stride));
}

void solve_right_transposed(MatrixView<const float> l, MatrixView<float> b) {
  assert(l.rows == l.columns && b.columns == l.rows);
  prepare_blas();
  cblas_strsm(CblasRowMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, size(b.rows),
              size(b.columns), 1, l.data, size(l.stride), b.data, size(b.stride));
}

// LAPACK reads columns: its upper triangle is our lower one.
std::size_t cholesky_tile(MatrixView<float> a) {
  prepare_blas();
  const int n = size(a.rows);
  const int stride = size(a.stride);
  int info = 0;
  spotrf_("U", &n, a.data, &stride, &info);
  if (info > 0) return static_cast<std::size_t>(info) - 1;
  for (std::size_t i = 0; i < a.rows; ++i) {  // a NaN is not "not positive" to LAPACK
    if (!std::isfinite(a(i, i))) return i;
  }
  return a.rows;
}

void invert_lower_tile(MatrixView<float> l) {
  prepare_blas();
  const int n = size(l.rows);
  const int stride = size(l.stride);
  int info = 0;
  strtri_("U", "N", &n, l.data, &stride, &info);
  assert(info == 0);
}

Status cholesky_inverse(MatrixView<float> a, const Resources& resources) {
  assert(a.rows == a.columns);
  Tiles tiles(a);
  SARTOR_TRY(factorise(tiles, resources));
  SARTOR_TRY(invert_factor(tiles, resources));
  SARTOR_TRY(multiply_factor(tiles, resources));
  return mirror_lower(a, resources);
}

Status mirror_lower(MatrixView<float> a, const Resources& resources) {
  return parallel_for(resources, a.rows, kMirrorTile,
                      [&](std::size_t begin, std::size_t end) -> Status {
                        for (std::size_t block = begin; block < a.columns; block += kMirrorTile) {
                          const std::size_t last = std::min(block + kMirrorTile, a.columns);
                          for (std::size_t r = begin; r < end; ++r) {
                            for (std::size_t c = std::max(block, r + 1); c < last; ++c)
                              a(r, c) = a(c, r);
                          }
                        }
                        return {};
                      });
}

}  // namespace sartor
