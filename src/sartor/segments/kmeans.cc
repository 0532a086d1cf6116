#include "sartor/segments/kmeans.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "sartor/base/random.h"
#include "sartor/segments/centre_panels.h"

namespace sartor {

namespace {

constexpr std::size_t kRowsPerBlock = 2048;

// Each further centre is a row drawn in proportion to its squared distance to the nearest centre so
// far.
Matrix<float> plus_plus(MatrixView<const float> x, std::size_t k, Random& random) {
  Matrix<float> centres(k, x.columns);
  std::vector<double> squared(x.rows, std::numeric_limits<double>::infinity());
  std::size_t chosen = random.below(x.rows);
  for (std::size_t c = 0;; ++c) {
    const auto centre = centres.row(c);
    std::copy(x.row(chosen).begin(), x.row(chosen).end(), centre.begin());
    if (c + 1 == k) return centres;
    double total = 0;
    for (std::size_t r = 0; r < x.rows; ++r) {
      double distance = 0;
      for (std::size_t j = 0; j < x.columns; ++j) {
        const double difference = static_cast<double>(x(r, j)) - centre[j];
        distance += difference * difference;
      }
      squared[r] = std::min(squared[r], distance);
      total += squared[r];
    }
    double left = random.uniform() * total;
    chosen = 0;
    for (std::size_t r = 0; r < x.rows; ++r) {
      if (squared[r] <= 0) continue;
      chosen = r;
      if ((left -= squared[r]) < 0) break;
    }
  }
}

}  // namespace

Result<KMeans> fit_kmeans(MatrixView<const float> x, const KMeansConfig& config,
                          const Resources& resources) {
  const auto k = static_cast<std::size_t>(std::max(config.k, 0));
  SARTOR_TRY(check_kmeans(x, k));
  std::vector<KMeans> starts(static_cast<std::size_t>(std::max(config.restarts, 1)));
  // One start per block: with few rows the starts run beside each other, and inside a block the
  // rows are not split further. With many rows it is the other way round.
  const bool many = x.rows >= 8 * kRowsPerBlock;
  const auto start_from = [&](std::size_t begin, std::size_t end) -> Status {
    for (std::size_t s = begin; s < end; ++s) {
      Random random = Random::stream(config.seed, s);
      SARTOR_ASSIGN(starts[s], lloyd(x, plus_plus(x, k, random), config.iterations, resources));
    }
    return {};
  };
  SARTOR_TRY(parallel_for(resources, starts.size(), many ? starts.size() : 1, start_from));
  const auto best =
      std::min_element(starts.begin(), starts.end(),
                       [](const KMeans& a, const KMeans& b) { return a.inertia < b.inertia; });
  return std::move(*best);
}

std::uint32_t nearest_centre(std::span<const float> row, const Matrix<float>& centres) {
  std::uint32_t nearest = 0;
  float squared = 0, second = 0;
  CentrePanels(centres.view())
      .nearest({row.data(), 1, row.size(), row.size()}, {&nearest, &squared, &second});
  return nearest;
}

Result<std::vector<std::uint32_t>> nearest_centres(MatrixView<const float> x,
                                                   const Matrix<float>& centres,
                                                   const Resources& resources) {
  std::vector<std::uint32_t> labels(x.rows);
  const CentrePanels panels(centres.view());
  SARTOR_TRY(parallel_for(
      resources, x.rows, kRowsPerBlock, [&](std::size_t begin, std::size_t end) -> Status {
        std::vector<float> squared(end - begin), second(end - begin);
        panels.nearest(rows_of(x, begin, end), {&labels[begin], squared.data(), second.data()});
        return {};
      }));
  return labels;
}

double simplified_silhouette(MatrixView<const float> x, const KMeans& model) {
  if (model.centres.rows() < 2) return 0;
  const CentrePanels panels(model.centres.view());
  std::vector<std::uint32_t> nearest(x.rows);
  std::vector<float> squared(x.rows), second(x.rows);
  panels.nearest(x, {nearest.data(), squared.data(), second.data()});
  double total = 0;
  for (std::size_t r = 0; r < x.rows; ++r) {
    if (second[r] > 0) total += 1 - std::sqrt(static_cast<double>(squared[r]) / second[r]);
  }
  return total / static_cast<double>(x.rows);
}

std::vector<std::uint32_t> sample_rows(std::size_t n, std::size_t most, std::uint64_t seed) {
  std::vector<std::uint32_t> rows(n);
  std::iota(rows.begin(), rows.end(), 0u);
  if (n <= most) return rows;
  Random random(seed);
  for (std::size_t i = 0; i < most; ++i) std::swap(rows[i], rows[i + random.below(n - i)]);
  rows.resize(most);
  std::sort(rows.begin(), rows.end());
  return rows;
}

Result<KSearch> search_kmeans(MatrixView<const float> x, const KSearchConfig& config,
                              const Resources& resources) {
  SARTOR_TRY(check_kmeans(x, static_cast<std::size_t>(std::max(config.high, 0))));
  const auto rows = sample_rows(
      x.rows, std::max<std::size_t>(config.most_rows, static_cast<std::size_t>(config.high)),
      config.seed);
  Matrix<float> sample(rows.size(), x.columns);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::copy(x.row(rows[i]).begin(), x.row(rows[i]).end(), sample.row(i).begin());
  }
  const double share = static_cast<double>(rows.size()) / static_cast<double>(x.rows);
  KSearch search;
  KMeans best;
  double best_rank = -1;
  for (int k = config.low; k <= config.high; ++k) {
    const KMeansConfig fixed{.k = k,
                             .restarts = config.restarts,
                             .iterations = config.iterations,
                             .seed = config.seed + static_cast<std::uint64_t>(k)};
    SARTOR_ASSIGN(KMeans model, fit_kmeans(sample.view(), fixed, resources));
    std::vector<std::size_t> sizes(model.centres.rows());
    for (const std::uint32_t label : model.labels) ++sizes[label];
    const std::size_t least = *std::min_element(sizes.begin(), sizes.end());
    const double silhouette = simplified_silhouette(sample.view(), model);
    search.tried.push_back({k, silhouette, model.inertia, least});
    // Clusterings whose every cluster is large enough come first.
    const bool large = static_cast<double>(least) >= share * static_cast<double>(config.min_rows);
    const double rank = silhouette + (large ? 2 : 0);
    if (rank > best_rank) {
      best_rank = rank;
      best = std::move(model);
    }
  }
  if (rows.size() < x.rows) {
    SARTOR_ASSIGN(search.model, lloyd(x, best.centres, config.iterations, resources));
  } else {
    search.model = std::move(best);
  }
  return search;
}

}  // namespace sartor
