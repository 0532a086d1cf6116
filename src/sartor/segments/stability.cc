#include "sartor/segments/stability.h"

#include <algorithm>
#include <map>

#include "sartor/base/random.h"
#include "sartor/segments/kmeans.h"

namespace sartor {
namespace {

double pairs(double n) { return n * (n - 1) / 2; }

struct Crossing {
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::size_t> both;
  std::map<std::uint32_t, std::size_t> a, b;
};

Crossing cross(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b) {
  Crossing crossing;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ++crossing.both[{a[i], b[i]}];
    ++crossing.a[a[i]];
    ++crossing.b[b[i]];
  }
  return crossing;
}

std::vector<std::uint32_t> labels_of(MatrixView<const float> points, const Matrix<float>& centres) {
  std::vector<std::uint32_t> labels(points.rows);
  for (std::size_t p = 0; p < points.rows; ++p) labels[p] = nearest_centre(points.row(p), centres);
  return labels;
}

}  // namespace

double adjusted_rand_index(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b) {
  const Crossing crossing = cross(a, b);
  double index = 0, sum_a = 0, sum_b = 0;
  for (const auto& [key, n] : crossing.both) index += pairs(static_cast<double>(n));
  for (const auto& [key, n] : crossing.a) sum_a += pairs(static_cast<double>(n));
  for (const auto& [key, n] : crossing.b) sum_b += pairs(static_cast<double>(n));
  const double all = pairs(static_cast<double>(a.size()));
  const double expected = all > 0 ? sum_a * sum_b / all : 0;
  const double largest = (sum_a + sum_b) / 2;
  return largest == expected ? 1 : (index - expected) / (largest - expected);
}

std::vector<double> best_jaccard(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b,
                                 std::size_t segments) {
  const Crossing crossing = cross(a, b);
  std::vector<double> best(segments);
  for (const auto& [key, n] : crossing.both) {
    const double together =
        static_cast<double>(crossing.a.at(key.first) + crossing.b.at(key.second) - n);
    best[key.first] = std::max(best[key.first], static_cast<double>(n) / together);
  }
  return best;
}

Result<Stability> cluster_stability(MatrixView<const float> points, const Matrix<float>& centres,
                                    int draws, std::uint64_t seed, const Resources& resources) {
  const auto labels = labels_of(points, centres);
  Stability stability{.jaccard = std::vector<double>(centres.rows())};
  for (int draw = 0; draw < draws; ++draw) {
    Random random = Random::stream(seed, static_cast<std::uint64_t>(1000 + draw));
    Matrix<float> sample(points.rows, points.columns);
    for (std::size_t p = 0; p < points.rows; ++p) {
      const auto row = points.row(random.below(points.rows));
      std::copy(row.begin(), row.end(), sample.row(p).begin());
    }
    SARTOR_ASSIGN(const KMeans fit, fit_kmeans(sample.view(),
                                               {.k = static_cast<int>(centres.rows()),
                                                .restarts = 2,
                                                .seed = seed + static_cast<std::uint64_t>(draw)},
                                               resources));
    const auto again = labels_of(points, fit.centres);
    stability.ari += adjusted_rand_index(labels, again) / draws;
    const auto jaccard = best_jaccard(labels, again, centres.rows());
    for (std::size_t c = 0; c < jaccard.size(); ++c) stability.jaccard[c] += jaccard[c] / draws;
  }
  return stability;
}

}  // namespace sartor
