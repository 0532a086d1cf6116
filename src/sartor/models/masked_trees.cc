#include "sartor/models/masked_trees.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace sartor {
namespace {

// Rows side by side: two registers of AVX2.
constexpr std::size_t kLanes = 8;
constexpr std::size_t kRows = 2 * kLanes;
using Floats [[gnu::vector_size(kLanes * sizeof(float))]] = float;
using Words [[gnu::vector_size(kLanes * sizeof(std::uint32_t))]] = std::uint32_t;

Floats load(const float* from) {
  Floats out;
  std::memcpy(&out, from, sizeof out);
  return out;
}

// The largest float that is not above `threshold`: for a float x, x <= threshold says the same.
float rounded_down(double threshold) {
  const auto nearest = static_cast<float>(threshold);
  if (static_cast<double>(nearest) <= threshold || std::isnan(threshold)) return nearest;
  return std::nextafter(nearest, -std::numeric_limits<float>::infinity());
}

}  // namespace

// The subtree at `at`, its leaves behind those on its left; false if they are too many.
bool MaskedTrees::add(const TreeArrays& trees, std::int64_t at) {
  const std::size_t first = leaf_begin_.back();
  if (at < 0) {
    leaves_.push_back(trees.leaf[static_cast<std::size_t>(~at)]);
    return leaves_.size() - first <= kMostLeaves;
  }
  const auto n = static_cast<std::size_t>(at);
  const std::size_t node = nodes_.size();
  // Also the end of what no tree is: a file may name a node twice, or a path without end.
  if (node - (node_end_.empty() ? 0 : node_end_.back()) + 1 >= kMostLeaves) return false;
  nodes_.push_back(
      {rounded_down(trees.threshold[n]), static_cast<std::uint32_t>(trees.feature[n]), 0});
  const std::size_t begin = leaves_.size() - first;
  if (!add(trees, trees.left[n])) return false;
  const std::size_t end = leaves_.size() - first;
  const auto below = [](std::size_t bit) { return (std::uint64_t{1} << bit) - 1; };
  nodes_[node].stays = static_cast<std::uint32_t>(~(below(end) & ~below(begin)));
  return add(trees, trees.right[n]);
}

std::optional<MaskedTrees> MaskedTrees::make(const TreeArrays& trees) {
  MaskedTrees masked;
  for (const std::int64_t root : trees.root) {
    masked.leaf_begin_.push_back(masked.leaves_.size());
    if (!masked.add(trees, root)) return std::nullopt;
    masked.node_end_.push_back(masked.nodes_.size());
  }
  return masked;
}

void MaskedTrees::score(std::span<const float> rows, std::size_t features,
                        std::span<double> out) const {
  std::vector<float> columns(features * kRows);  // features x kRows
  for (std::size_t begin = 0; begin < out.size(); begin += kRows) {
    const std::size_t n = std::min(kRows, out.size() - begin);
    for (std::size_t r = 0; r < n; ++r) {
      for (std::size_t f = 0; f < features; ++f)
        columns[f * kRows + r] = rows[(begin + r) * features + f];
    }
    double sum[kRows] = {};
    std::size_t node = 0;
    for (std::size_t t = 0; t < node_end_.size(); ++t) {
      Words low = ~Words{};
      Words high = ~Words{};
      for (; node < node_end_[t]; ++node) {
        const Node& split = nodes_[node];
        const float* x = columns.data() + split.feature * kRows;
        low &= static_cast<Words>(load(x) <= split.threshold) | split.stays;
        high &= static_cast<Words>(load(x + kLanes) <= split.threshold) | split.stays;
      }
      const double* leaf = leaves_.data() + leaf_begin_[t];
      for (std::size_t r = 0; r < kLanes; ++r) {
        sum[r] += leaf[std::countr_zero(low[r])];
        sum[r + kLanes] += leaf[std::countr_zero(high[r])];
      }
    }
    std::copy_n(sum, n, out.begin() + static_cast<std::ptrdiff_t>(begin));
  }
}

}  // namespace sartor
