// k-means: k centres such that the squared distances of the rows to their nearest centre add up to
// little. Starts by k-means++ (Arthur and Vassilvitskii, SODA 2007), then Lloyd's steps; the best
// of several starts is kept.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sartor/base/matrix.h"
#include "sartor/base/parallel.h"
#include "sartor/base/result.h"

namespace sartor {

struct KMeansConfig {
  int k = 8;
  int restarts = 4;
  int iterations = 100;
  std::uint64_t seed = 1;
};

struct KMeans {
  Matrix<float> centres;              // k x columns; fewer where there are fewer distinct rows
  std::vector<std::uint32_t> labels;  // of each row, the nearest centre (the first of equals)
  double inertia = 0;                 // sum of the squared distances to it
  int iterations = 0;
};

// The same bits at any thread count. Fails with invalid_argument if k is not in 1 … rows, or there
// are no columns, or a value is not finite.
Result<KMeans> fit_kmeans(MatrixView<const float> x, const KMeansConfig& config,
                          const Resources& resources);

// What fit_kmeans and lloyd refuse.
Status check_kmeans(MatrixView<const float> x, std::size_t k);

// Lloyd's steps from given centres, until no row changes its centre or `iterations` are done. A
// centre that loses all its rows goes to the row farthest from its own centre.
Result<KMeans> lloyd(MatrixView<const float> x, Matrix<float> centres, int iterations,
                     const Resources& resources);

// The nearest centre of one row.
std::uint32_t nearest_centre(std::span<const float> row, const Matrix<float>& centres);

// The nearest centre of every row.
Result<std::vector<std::uint32_t>> nearest_centres(MatrixView<const float> x,
                                                   const Matrix<float>& centres,
                                                   const Resources& resources);

// Mean over the rows of (b - a) / max(a, b): a is the distance to the own centre, b to the nearest
// other one. In [0, 1]; 0 for a single centre.
double simplified_silhouette(MatrixView<const float> x, const KMeans& model);

struct KSearchConfig {
  int low = 3;
  int high = 10;
  std::size_t min_rows =
      0;  // a cluster smaller than this (of the sample, in proportion) is avoided
  std::size_t most_rows = 20'000;  // k is chosen on a sample of so many rows
  int restarts = 4;
  int iterations = 100;
  std::uint64_t seed = 1;
};

struct KSearch {
  KMeans model;  // of all rows
  struct Tried {
    int k;
    double silhouette;
    double inertia;          // of the sample
    std::size_t least_rows;  // in the smallest cluster of the sample
  };
  std::vector<Tried> tried;
};

// The k with the largest simplified silhouette; the smallest of equals.
Result<KSearch> search_kmeans(MatrixView<const float> x, const KSearchConfig& config,
                              const Resources& resources);

// `most` of `n` rows drawn without replacement, ascending; all of them if there are no more.
std::vector<std::uint32_t> sample_rows(std::size_t n, std::size_t most, std::uint64_t seed);

}  // namespace sartor
