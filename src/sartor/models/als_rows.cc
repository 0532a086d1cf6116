#include "sartor/models/als_rows.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "sartor/models/dense.h"

namespace sartor {
namespace {

constexpr std::size_t kGramRowsPerBlock = 4096;
constexpr std::size_t kRowsAtOnce = 128;  // gathered rows of 64 floats: 32 KB, within L1

void prefetch_row(const float* row, std::size_t width) {
  for (std::size_t k = 0; k < width; k += kVectorPad) __builtin_prefetch(row + k);
}

}  // namespace

Result<Aligned<float>> als_gram(const PaddedRows& y, double regularization,
                                const Resources& resources) {
  const std::size_t width = y.width();
  const std::size_t blocks = (y.rows() + kGramRowsPerBlock - 1) / kGramRowsPerBlock;
  std::vector<Matrix<float>> parts(blocks);
  SARTOR_TRY(parallel_for(
      resources, y.rows(), kGramRowsPerBlock, [&](std::size_t begin, std::size_t end) -> Status {
        Matrix<float> part(width, width);
        const MatrixView<const float> rows{y.row(begin), end - begin, width, width};
        gemm(Transpose::yes, Transpose::no, 1, rows, rows, 0, part.view());
        parts[begin / kGramRowsPerBlock] = std::move(part);
        return {};
      }));
  Aligned<float> gram(width * width);
  for (const Matrix<float>& part : parts) {
    for (std::size_t i = 0; i < gram.size(); ++i) gram[i] += part.values()[i];
  }
  for (std::size_t k = 0; k < width; ++k) gram[k * width + k] += static_cast<float>(regularization);
  return gram;
}

AlsRowSolver::AlsRowSolver(const PaddedRows& y, const Aligned<float>& gram,
                           const VectorKernels& kernels)
    : y_(y), gram_(gram), kernels_(kernels), scratch_(3 * y.width() + kVectorPad) {}

void AlsRowSolver::improve(std::span<const std::uint32_t> taken, float alpha, int steps, float* x) {
  gathered_.resize(padded_width(taken.size()) * y_.width());
  const AlsRow row{.vectors = y_.row(0),
                   .width = y_.width(),
                   .gram = gram_.data(),
                   .taken = taken.data(),
                   .n = taken.size(),
                   .alpha = alpha,
                   .gathered = gathered_.data(),
                   .scratch = scratch_.data()};
  kernels_.improve(row, steps, x);
}

// `gather(i, to)` writes the i-th row, scaled, and adds its part of b to x.
template <class Gather>
Status AlsRowSolver::solve_by(std::size_t n, float factor, Gather&& gather, float* x) {
  const std::size_t width = y_.width();
  a_.resize(width * width);
  std::copy_n(gram_.data(), width * width, a_.data());
  gathered_.resize(kRowsAtOnce * width);
  std::fill(x, x + width, 0.0f);
  for (std::size_t begin = 0; begin < n; begin += kRowsAtOnce) {
    const std::size_t end = std::min(n, begin + kRowsAtOnce);
    for (std::size_t i = begin; i < end; ++i) gather(i, gathered_.data() + (i - begin) * width);
    kernels_.add_outer(gathered_.data(), end - begin, width, factor, a_.data());
  }
  const std::size_t pivot = kernels_.factor_upper(a_.data(), width, scratch_.data());
  if (pivot != width) {
    return Error{ErrorCode::invalid_argument,
                 fmt::format("als: pivot {} is not positive; is regularization too small?", pivot)};
  }
  kernels_.solve_upper(a_.data(), width, scratch_.data(), x);
  return {};
}

Status AlsRowSolver::solve(std::span<const std::uint32_t> taken, float alpha, float* x) {
  constexpr std::size_t kAhead = 12;
  const std::size_t width = y_.width();
  const auto gather = [&](std::size_t i, float* to) {
    if (i + kAhead < taken.size()) prefetch_row(y_.row(taken[i + kAhead]), width);
    const float* row = y_.row(taken[i]);
    for (std::size_t k = 0; k < width; ++k) {
      to[k] = row[k];
      x[k] += alpha * row[k];
    }
  };
  return solve_by(taken.size(), alpha - 1, gather, x);
}

Status AlsRowSolver::solve(std::span<const std::uint32_t> taken, std::span<const float> weight,
                           float* x) {
  std::vector<float> target(weight.begin(), weight.end());
  for (float& value : target) value += 1;
  return solve(taken, weight, target, x);
}

Status AlsRowSolver::solve(std::span<const std::uint32_t> taken, std::span<const float> factor,
                           std::span<const float> target, float* x) {
  const std::size_t width = y_.width();
  const auto gather = [&](std::size_t i, float* to) {
    const float* row = y_.row(taken[i]);
    const float root = std::sqrt(factor[i]);
    for (std::size_t k = 0; k < width; ++k) {
      to[k] = root * row[k];
      x[k] += target[i] * row[k];
    }
  };
  return solve_by(taken.size(), 1, gather, x);
}

}  // namespace sartor
