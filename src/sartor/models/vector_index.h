// Exact nearest vectors by inner product: every query against every vector, as blocked matrix
// products whose scores never reach memory. A tile of scores is compared with each query's k-th
// best so far while it is in registers, and few scores pass.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sartor/base/matrix.h"
#include "sartor/base/parallel.h"
#include "sartor/models/aligned.h"
#include "sartor/models/vector_kernels.h"

namespace sartor {

inline constexpr std::uint32_t kNoNeighbour = 0xffffffff;

struct Neighbours {
  std::size_t k = 0;
  std::vector<std::uint32_t> ids;  // queries x k, best first; kNoNeighbour where there are fewer
  std::vector<float> scores;       // queries x k; 0 there
};

// What is not listed: for query q, items[begin[q]] … items[begin[q + 1]], ascending. Empty:
// nothing.
struct Excluded {
  std::span<const std::size_t> begin;
  std::span<const std::uint32_t> items;
};

class VectorIndex {
 public:
  // Copies `vectors` (one a row). Fails with `invalid_argument` where a number is not finite.
  static Result<VectorIndex> of(MatrixView<const float> vectors, const Resources& resources);

  std::size_t size() const { return size_; }
  std::size_t dimensions() const { return dimensions_; }

  // The `k` vectors with the largest inner products with each query (one a row); equal ones by
  // ascending id. A score is one chain of fused multiply-adds over the dimensions in order: the
  // same bits at any thread count and on any processor. Costs 2 queries size dimensions flops, and
  // 8 k bytes a query; queries are taken 12 at a time, so a single one costs as much as 12.
  // Thread-safe. Fails with `invalid_argument` where shapes do not agree, a number is not finite,
  // or a score could overflow.
  Result<Neighbours> search(MatrixView<const float> queries, std::size_t k,
                            const Resources& resources, const Excluded& excluded = {},
                            const VectorKernels& kernels = vector_kernels()) const;

 private:
  VectorIndex() = default;

  std::size_t size_ = 0;
  std::size_t dimensions_ = 0;
  double longest_ = 0;     // length of the longest vector
  Aligned<float> panels_;  // kTileVectors vectors at a time, transposed; zeros behind the last
};

}  // namespace sartor
