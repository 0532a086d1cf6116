// Ward's hierarchical clustering (Ward 1963): the two clusters whose union adds least to the sum of
// squared distances to the centres are merged, until one is left. Exact, in O(rows^2 columns) time
// and O(rows columns) memory.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sartor/base/matrix.h"
#include "sartor/base/parallel.h"
#include "sartor/base/result.h"

namespace sartor {

// As in scipy.cluster.hierarchy.linkage: leaves are 0 … leaves - 1, merge i makes leaves + i.
struct Merge {
  std::uint32_t a = 0, b = 0;  // a < b
  double height = 0;  // sqrt(2 wa wb / (wa + wb)) |centre a - centre b|; of two rows their distance
  double weight = 0;  // of all leaves below; their number where none has a weight

  bool operator==(const Merge&) const = default;
};

struct Dendrogram {
  std::vector<double> weights;  // of the leaves
  std::vector<Merge> merges;    // leaves - 1, by ascending height

  std::size_t leaves() const { return weights.size(); }
};

// `weights`: how many rows each row stands for; one each if empty. The same bits at any thread
// count. Where distances are equal, which pair comes first is up to us. Fails with invalid_argument
// if there are no rows or columns, a value is not finite, or a weight is not positive.
Result<Dendrogram> fit_ward(MatrixView<const float> x, std::span<const double> weights,
                            const Resources& resources);

// The cluster of each leaf when the dendrogram is cut into so many (1 … leaves); clusters are
// numbered by their first leaf.
std::vector<std::uint32_t> cut_into(const Dendrogram& tree, std::size_t clusters);

// The largest number of clusters, each of which weighs `least` or more; 1 if there is none.
std::size_t clusters_of_at_least(const Dendrogram& tree, double least);

// The last merges alone: a dendrogram whose leaves are the clusters of cut_into(tree, clusters).
Dendrogram top_of(const Dendrogram& tree, std::size_t clusters);

}  // namespace sartor
