// Whether clusters come back when the users are drawn anew.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "sartor/base/matrix.h"
#include "sartor/base/parallel.h"
#include "sartor/base/result.h"

namespace sartor {

// Adjusted Rand index of two assignments of the same users (Hubert and Arabie 1985): 1 if they
// agree up to names, 0 on average if they have nothing to do with each other. 1 where both put
// everybody into one segment.
double adjusted_rand_index(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b);

// Of each segment of `a`: the largest Jaccard index with a segment of `b`.
std::vector<double> best_jaccard(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b,
                                 std::size_t segments);

struct Stability {
  double ari = 0;               // mean over the draws
  std::vector<double> jaccard;  // per cluster, likewise (Hennig 2007)
};

// The centres of clusters of some points.
using FitCentres =
    std::function<Result<Matrix<float>>(MatrixView<const float> points, std::uint64_t seed)>;

// Fits anew on `draws` bootstrap samples and compares the assignments of all points with those of
// `centres`. By k-means if no other way is given.
Result<Stability> cluster_stability(MatrixView<const float> points, const Matrix<float>& centres,
                                    int draws, std::uint64_t seed, const Resources& resources,
                                    const FitCentres& fit = {});

}  // namespace sartor
