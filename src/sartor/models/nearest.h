// Each item's nearest others by a similarity made of a Gram matrix, without the matrix: rows are
// made, used and dropped.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sartor/base/parallel.h"
#include "sartor/base/result.h"
#include "sartor/models/user_items.h"

namespace sartor {

struct Similar {
  float similarity = 0;
  std::uint32_t item = 0;
  // The more similar first; equal ones by ascending item.
  bool operator<(const Similar& other) const {
    return similarity > other.similarity || (similarity == other.similarity && item < other.item);
  }
};

// s_ij = G_ij / (left_i right_j + shrinkage). Norms are finite and at least 0, one per item.
struct SimilarityScale {
  std::vector<float> left;
  std::vector<float> right;
  float shrinkage = 0;

  float similarity(float gram, std::size_t i, std::size_t j) const {
    return gram / (left[i] * right[j] + shrinkage);
  }
};

// The best of those offered so far, at most k; what is left in the end does not depend on the order
// of the offers.
class Nearest {
 public:
  explicit Nearest(std::size_t k = 1) : k_(k) {}

  // Nothing below this can still be among the best.
  float threshold() const { return worst_.similarity; }
  void offer(const Similar& similar) {
    if (!(similar < worst_)) return;
    kept_.push_back(similar);
    if (kept_.size() >= 2 * k_) trim();
  }
  // The best, best first.
  std::vector<Similar> take();

 private:
  void trim();

  std::size_t k_;
  Similar worst_{1e-30f, 0xffffffff};  // below every similarity worth the name
  std::vector<Similar> kept_;
};

// The k nearest of each item, best first; others than itself, similarity above 0. G is that of
// gram.h: sum over users of w_u x_u x_u', in ascending order of the users; x is `values` in the
// part of rows.value, or 1 everywhere if `binary`. The same bits at any thread count. Costs the sum
// over users of (items of the user)^2 / 2, a pass over the pairs of items that have common users,
// and memory for 2 k entries per item.
Result<std::vector<std::vector<Similar>>> nearest_items(const UserItems& rows,
                                                        std::span<const float> values,
                                                        std::span<const float> user_weights,
                                                        bool binary, const SimilarityScale& scale,
                                                        std::size_t k, const Resources& resources);

}  // namespace sartor
