// One row of implicit ALS: the small system A x = b of a user (or an item) with the other side's
// vectors fixed,
//     A = Y'Y + regularization I + sum over i of u  (c_ui - 1) y_i y_i',   b = sum  c_ui y_i.
// Y'Y is shared by all rows.
#pragma once

#include <cstdint>
#include <span>

#include "sartor/base/matrix.h"
#include "sartor/base/parallel.h"
#include "sartor/models/aligned.h"
#include "sartor/models/vector_kernels.h"

namespace sartor {

// The vectors of one side, rows padded with zeros to whole cache lines.
class PaddedRows {
 public:
  PaddedRows(std::size_t rows, std::size_t columns)
      : rows_(rows), width_(padded_width(columns)), values_(rows * width_) {}

  std::size_t rows() const { return rows_; }
  std::size_t width() const { return width_; }
  float* row(std::size_t r) { return values_.data() + r * width_; }
  const float* row(std::size_t r) const { return values_.data() + r * width_; }

 private:
  std::size_t rows_;
  std::size_t width_;
  Aligned<float> values_;
};

// Y'Y + regularization I, width x width. Fails as parallel_for does.
Result<Aligned<float>> als_gram(const PaddedRows& y, double regularization,
                                const Resources& resources);

// Solves one row after the other; buffers of one thread. Keeps references to `y` and `gram`.
class AlsRowSolver {
 public:
  AlsRowSolver(const PaddedRows& y, const Aligned<float>& gram,
               const VectorKernels& kernels = vector_kernels());

  // Improves `x` (y.width() floats) by `steps` of conjugate gradients, c_ui = alpha for all of
  // `taken`. They never form A: A p is a pass over the row's few y_i.
  void improve(std::span<const std::uint32_t> taken, float alpha, int steps, float* x);

  // Solves for `x` by Cholesky. Fails with `invalid_argument` if A is not positive definite.
  Status solve(std::span<const std::uint32_t> taken, float alpha, float* x);
  // The same where taken[i] has a confidence of its own, 1 + weight[i].
  Status solve(std::span<const std::uint32_t> taken, std::span<const float> weight, float* x);
  // With A = gram + sum of factor[i] y y', b = sum of target[i] y over taken[i]; factors >= 0.
  Status solve(std::span<const std::uint32_t> taken, std::span<const float> factor,
               std::span<const float> target, float* x);

 private:
  template <class Gather>
  Status solve_by(std::size_t n, float factor, Gather&& gather, float* x);

  const PaddedRows& y_;
  const Aligned<float>& gram_;
  const VectorKernels& kernels_;
  Aligned<float> gathered_, scratch_, a_;
};

}  // namespace sartor
