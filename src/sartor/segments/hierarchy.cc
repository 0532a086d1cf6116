#include "sartor/segments/hierarchy.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>

namespace sartor {
namespace {

constexpr std::size_t kGroups = 2000;
constexpr std::size_t kRowsPerGroup = 20;  // of the sample that finds them
constexpr int kGroupIterations = 10;

Matrix<float> pick(MatrixView<const float> x, const std::vector<std::uint32_t>& rows) {
  Matrix<float> out(rows.size(), x.columns);
  for (std::size_t i = 0; i < rows.size(); ++i)
    std::copy(x.row(rows[i]).begin(), x.row(rows[i]).end(), out.row(i).begin());
  return out;
}

// Weighted means of the rows of each label; labels without weight get zeros.
struct Means {
  Matrix<double> centres;
  std::vector<double> weights;
};

Means means_of(MatrixView<const float> x, std::span<const double> weights,
               std::span<const std::uint32_t> labels, std::size_t n) {
  Means means{Matrix<double>(n, x.columns), std::vector<double>(n)};
  for (std::size_t r = 0; r < x.rows; ++r) {
    const double weight = weights.empty() ? 1 : weights[r];
    means.weights[labels[r]] += weight;
    for (std::size_t j = 0; j < x.columns; ++j) means.centres(labels[r], j) += weight * x(r, j);
  }
  for (std::size_t c = 0; c < n; ++c) {
    if (means.weights[c] == 0) continue;
    for (double& value : means.centres.row(c)) value /= means.weights[c];
  }
  return means;
}

Matrix<float> in_float(const Matrix<double>& from) {
  Matrix<float> to(from.rows(), from.columns());
  std::transform(from.values().begin(), from.values().end(), to.values().begin(),
                 [](double value) { return static_cast<float>(value); });
  return to;
}

std::vector<std::size_t> sizes_of(std::span<const std::uint32_t> labels, std::size_t n) {
  std::vector<std::size_t> sizes(n);
  for (const std::uint32_t label : labels) ++sizes[label];
  return sizes;
}

// The cluster that `small` is nearest to by Ward's distance.
std::uint32_t nearest_to(std::size_t small, const Means& means) {
  double least = std::numeric_limits<double>::infinity();
  std::uint32_t nearest = 0;
  for (std::size_t c = 0; c < means.weights.size(); ++c) {
    if (c == small) continue;
    double squared = 0;
    for (std::size_t j = 0; j < means.centres.columns(); ++j) {
      const double difference = means.centres(c, j) - means.centres(small, j);
      squared += difference * difference;
    }
    const double a = means.weights[c], b = means.weights[small];
    if (squared * a * b / (a + b) < least) {
      least = squared * a * b / (a + b);
      nearest = static_cast<std::uint32_t>(c);
    }
  }
  return nearest;
}

// Centres and labels by the leaves' clusters; leaves of weight 0 move no centre.
Status place_rows(MatrixView<const float> x, const Leaves& leaves, std::span<const double> weights,
                  const Resources& resources, Hierarchy& made) {
  const std::size_t n = *std::max_element(made.cluster.begin(), made.cluster.end()) + 1;
  made.centres = in_float(means_of(leaves.centres.view(), weights, made.cluster, n).centres);
  SARTOR_ASSIGN(made.labels, nearest_centres(x, made.centres, resources));
  return {};
}

// The small ones are outliers as often as not: what they join keeps its centre.
Status absorb_small(MatrixView<const float> x, const Leaves& leaves, std::size_t min_rows,
                    const Resources& resources, Hierarchy& made) {
  std::vector<double> weights = leaves.weights;
  for (;;) {
    const std::size_t n = made.centres.rows();
    const auto sizes = sizes_of(made.labels, n);
    const auto small = std::min_element(sizes.begin(), sizes.end());
    if (n == 1 || *small >= min_rows) return {};
    const auto from = static_cast<std::uint32_t>(small - sizes.begin());
    const std::uint32_t into =
        nearest_to(from, means_of(leaves.centres.view(), weights, made.cluster, n));
    for (std::size_t leaf = 0; leaf < weights.size(); ++leaf) {
      std::uint32_t& cluster = made.cluster[leaf];
      if (cluster == from) {
        cluster = into;
        weights[leaf] = 0;
      }
      if (cluster > from) --cluster;
    }
    ++made.absorbed;
    SARTOR_TRY(place_rows(x, leaves, weights, resources, made));
  }
}

// The number of clusters with the largest silhouette on a sample; those whose every cluster is
// large enough come first, the smallest of equals is taken.
Result<std::size_t> choose_cut(MatrixView<const float> x, const Leaves& leaves,
                               const HierarchyConfig& config, const Resources& resources,
                               Hierarchy& made) {
  const auto high = std::min(static_cast<std::size_t>(config.high), made.tree.leaves());
  if (config.low == config.high) return high;
  const Matrix<float> sample = pick(x, sample_rows(x.rows, config.most_rows, config.seed));
  const double share = static_cast<double>(sample.rows()) / static_cast<double>(x.rows);
  double best = -1;
  std::size_t chosen = high;
  for (auto k = static_cast<std::size_t>(config.low); k <= high; ++k) {
    const auto clusters = cut_into(made.tree, k);
    KMeans model{
        .centres = in_float(means_of(leaves.centres.view(), leaves.weights, clusters, k).centres)};
    SARTOR_ASSIGN(model.labels, nearest_centres(sample.view(), model.centres, resources));
    const auto sizes = sizes_of(model.labels, k);
    const std::size_t least = *std::min_element(sizes.begin(), sizes.end());
    const double silhouette = simplified_silhouette(sample.view(), model);
    made.tried.push_back({static_cast<int>(k), silhouette, 0, least});
    const bool large = static_cast<double>(least) >= share * static_cast<double>(config.min_rows);
    const double rank = silhouette + (large ? 2 : 0);
    if (rank > best) {
      best = rank;
      chosen = k;
    }
  }
  return chosen;
}

}  // namespace

Result<Leaves> leaves_of(MatrixView<const float> x, std::size_t most, std::uint64_t seed,
                         const Resources& resources) {
  Leaves leaves;
  if (x.rows <= most) {
    leaves.of_row.resize(x.rows);
    std::iota(leaves.of_row.begin(), leaves.of_row.end(), 0u);
    leaves.centres = pick(x, leaves.of_row);
    leaves.weights.assign(x.rows, 1.0);
    return leaves;
  }
  SARTOR_TRY(check_kmeans(x, std::min(kGroups, x.rows)));
  const Matrix<float> sample = pick(x, sample_rows(x.rows, kGroups * kRowsPerGroup, seed));
  const Matrix<float> start = pick(sample.view(), sample_rows(sample.rows(), kGroups, seed + 1));
  SARTOR_ASSIGN(const KMeans groups, lloyd(sample.view(), start, kGroupIterations, resources));
  SARTOR_ASSIGN(leaves.of_row, nearest_centres(x, groups.centres, resources));
  const Means means = means_of(x, {}, leaves.of_row, groups.centres.rows());
  std::vector<std::uint32_t> place(means.weights.size()), kept;
  for (std::uint32_t g = 0; g < place.size(); ++g) {
    place[g] = static_cast<std::uint32_t>(kept.size());
    if (means.weights[g] == 0) continue;
    kept.push_back(g);
    leaves.weights.push_back(means.weights[g]);
  }
  leaves.centres = pick(in_float(means.centres).view(), kept);
  for (std::uint32_t& group : leaves.of_row) group = place[group];
  return leaves;
}

Result<Hierarchy> fit_hierarchy(MatrixView<const float> x, const HierarchyConfig& config,
                                const Resources& resources) {
  if (config.low < 1 || config.low > config.high ||
      static_cast<std::size_t>(config.high) > x.rows) {
    return Error{ErrorCode::invalid_argument, fmt::format("Ward: {} to {} clusters of {} rows",
                                                          config.low, config.high, x.rows)};
  }
  SARTOR_ASSIGN(const Leaves leaves, leaves_of(x, config.most_leaves, config.seed, resources));
  Hierarchy made;
  SARTOR_ASSIGN(made.tree, fit_ward(leaves.centres.view(), leaves.weights, resources));
  SARTOR_ASSIGN(const std::size_t k, choose_cut(x, leaves, config, resources, made));
  made.cluster = cut_into(made.tree, k);
  SARTOR_TRY(place_rows(x, leaves, leaves.weights, resources, made));
  SARTOR_TRY(absorb_small(x, leaves, config.min_rows, resources, made));
  std::size_t same = 0;
  for (std::size_t r = 0; r < x.rows; ++r) same += made.labels[r] == made.cluster[leaves.of_row[r]];
  made.agreement = static_cast<double>(same) / static_cast<double>(x.rows);
  return made;
}

}  // namespace sartor
