// Each item's nearest others by a similarity made of a Gram matrix, without the matrix: rows are
// made, used and dropped.
#pragma once

#include <algorithm>
#include <bit>
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
// of the offers. Similarities are above 0.
class Nearest {
 public:
  explicit Nearest(std::size_t k = 1) : k_(k) {}

  // Nothing below this can still be among the best.
  float threshold() const { return of_key(worst_).similarity; }
  void offer(const Similar& similar) {
    const std::uint64_t key = key_of(similar);
    if (key <= worst_) return;
    if (kept_.empty()) kept_.reserve(std::min<std::size_t>(2 * k_, 256));
    kept_.push_back(key);
    if (kept_.size() >= 2 * k_) drop_hopeless();
  }
  // The best, best first; nothing is left.
  std::vector<Similar> take();

 private:
  // Bits of floats above 0 are in the order of the floats, so one whole number holds the order of
  // both parts: the better, the larger.
  static std::uint64_t key_of(const Similar& similar) {
    return std::uint64_t{std::bit_cast<std::uint32_t>(similar.similarity)} << 32 | ~similar.item;
  }
  static Similar of_key(std::uint64_t key) {
    return {std::bit_cast<float>(static_cast<std::uint32_t>(key >> 32)),
            ~static_cast<std::uint32_t>(key)};
  }
  void drop_hopeless();
  void keep_best();

  std::size_t k_;
  std::uint64_t worst_ = key_of({1e-30f, 0});  // below every similarity worth the name
  std::vector<std::uint64_t> kept_;
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
