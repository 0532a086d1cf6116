// Dense single-precision algebra on row-major views: the only file that calls BLAS.
//
// Every BLAS call runs in one thread; what is parallel here is cut into tiles by us, so the bits
// depend on the numbers alone, never on the number of threads.
#pragma once

#include "sartor/base/matrix.h"
#include "sartor/base/parallel.h"

namespace sartor {

enum class Transpose { no, yes };

// c = alpha * op(a) * op(b) + beta * c, in the calling thread. Shapes must agree.
void gemm(Transpose transpose_a, Transpose transpose_b, float alpha, MatrixView<const float> a,
          MatrixView<const float> b, float beta, MatrixView<float> c);

// The lower triangle of c = alpha * a * a' + beta * c; the upper one is left as it is.
void syrk_lower(float alpha, MatrixView<const float> a, float beta, MatrixView<float> c);

// b = b * inverse(l'), l lower triangular.
void solve_right_transposed(MatrixView<const float> l, MatrixView<float> b);

// Replaces the lower triangle of `a` by its Cholesky factor. Returns the first pivot that is not
// positive, or a.rows if all are.
std::size_t cholesky_tile(MatrixView<float> a);

// Replaces the lower triangle of `l` by that of its inverse; the diagonal must not hold zeros.
void invert_lower_tile(MatrixView<float> l);

// Replaces the symmetric positive definite `a` (both triangles are given, the lower one is read) by
// its inverse, both triangles. n^3 flops. Fails with `invalid_argument` naming the pivot if `a` is
// not positive definite or not finite; `a` is then undefined.
Status cholesky_inverse(MatrixView<float> a, const Resources& resources);

// Copies the lower triangle of the square `a` onto the upper one.
Status mirror_lower(MatrixView<float> a, const Resources& resources);

}  // namespace sartor
