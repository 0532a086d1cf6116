// Decision trees scored for many rows at once, without a branch: QuickScorer's bit vectors
// (Lucchese et al., SIGIR 2015), a block of rows side by side (Lucchese et al., SIGIR 2016). A tree
// keeps a bit per leaf, left to right; a row that goes right at a node puts out the leaves on its
// left, and the first leaf still alight is where the row ends.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace sartor {

// Views of Trees' arrays, as they are described there.
struct TreeArrays {
  std::span<const std::int64_t> root, feature, left, right;
  std::span<const double> threshold, leaf;
};

class MaskedTrees {
 public:
  static constexpr std::size_t kMostLeaves = 32;  // of a tree: one bit each

  // Nothing if a tree has more leaves than that.
  static std::optional<MaskedTrees> make(const TreeArrays& trees);

  // out[r] = the sum over the trees, in their order, of the leaf that row r of `rows` (out.size()
  // x features) falls into: the bits that a walk through each tree gives.
  void score(std::span<const float> rows, std::size_t features, std::span<double> out) const;

 private:
  struct Node {
    float threshold;  // x <= threshold goes left
    std::uint32_t feature;
    std::uint32_t stays;  // the leaves still alight for who goes right
  };
  bool add(const TreeArrays& trees, std::int64_t at);

  std::vector<Node> nodes_;
  std::vector<double> leaves_;
  std::vector<std::size_t> node_end_, leaf_begin_;  // per tree
};

}  // namespace sartor
