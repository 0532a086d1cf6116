// Clusters of any number of rows by Ward's method: the dendrogram, where it is cut, and the centres
// that put everybody else into a cluster.
#pragma once

#include <cstdint>
#include <vector>

#include "sartor/base/matrix.h"
#include "sartor/base/parallel.h"
#include "sartor/base/result.h"
#include "sartor/segments/kmeans.h"
#include "sartor/segments/ward.h"

namespace sartor {

// What the leaves of a dendrogram stand for: rows, or groups of rows that lie close together.
struct Leaves {
  Matrix<float> centres;
  std::vector<double> weights;        // rows in each
  std::vector<std::uint32_t> of_row;  // of x
};

// The rows themselves if there are no more than `most`, else about 2,000 groups by k-means on a
// sample: Ward's method takes the square of its rows.
Result<Leaves> leaves_of(MatrixView<const float> x, std::size_t most, std::uint64_t seed,
                         const Resources& resources);

struct HierarchyConfig {
  int low = 3;
  int high = 10;
  std::size_t min_rows = 0;          // a smaller cluster joins its nearest
  std::size_t most_leaves = 20'000;  // beyond, groups of rows are the leaves
  std::size_t most_rows = 20'000;    // the cut is chosen on a sample of so many rows
  std::uint64_t seed = 1;
};

struct Hierarchy {
  Dendrogram tree;
  std::vector<std::uint32_t> cluster;  // of each leaf
  Matrix<float> centres;               // the mean of each cluster's rows, absorbed ones left out
  std::vector<std::uint32_t> labels;   // of each row of x, the nearest centre
  std::vector<KSearch::Tried> tried;   // inertia 0
  std::size_t absorbed = 0;            // clusters that joined another
  double agreement = 0;  // share of the rows whose nearest centre is that of their branch
};

// The cut is the one with the largest simplified silhouette, as in search_kmeans; where some
// cluster is smaller than min_rows afterwards, the smallest joins the one nearest by Ward's
// distance, and so on. Fails like fit_ward, and if `high` is more than there are rows.
Result<Hierarchy> fit_hierarchy(MatrixView<const float> x, const HierarchyConfig& config,
                                const Resources& resources);

}  // namespace sartor
