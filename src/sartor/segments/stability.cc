#include "sartor/segments/stability.h"

#include <algorithm>
#include <map>

#include "sartor/base/random.h"
#include "sartor/segments/kmeans.h"

namespace sartor {
namespace {

constexpr std::size_t kMostPoints = 20'000;  // more would not change the answer

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

// Some rows of a matrix, in the given order.
Matrix<float> rows_of(MatrixView<const float> points, const std::vector<std::uint32_t>& rows) {
  Matrix<float> out(rows.size(), points.columns);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const auto row = points.row(rows[r]);
    std::copy(row.begin(), row.end(), out.row(r).begin());
  }
  return out;
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

Result<Stability> cluster_stability(MatrixView<const float> all_points,
                                    const Matrix<float>& centres, int draws, std::uint64_t seed,
                                    const Resources& resources, const FitCentres& given) {
  const FitCentres by_kmeans = [&](MatrixView<const float> points,
                                   std::uint64_t seed_of_draw) -> Result<Matrix<float>> {
    const KMeansConfig config{
        .k = static_cast<int>(centres.rows()), .restarts = 2, .seed = seed_of_draw};
    SARTOR_ASSIGN(KMeans fit, fit_kmeans(points, config, resources));
    return std::move(fit.centres);
  };
  const FitCentres& fit_again = given ? given : by_kmeans;
  const Matrix<float> points = rows_of(all_points, sample_rows(all_points.rows, kMostPoints, seed));
  SARTOR_ASSIGN(const auto labels, nearest_centres(points.view(), centres, resources));
  Stability stability{.jaccard = std::vector<double>(centres.rows())};
  for (int draw = 0; draw < draws; ++draw) {
    Random random = Random::stream(seed, static_cast<std::uint64_t>(1000 + draw));
    std::vector<std::uint32_t> drawn(points.rows());
    for (std::uint32_t& row : drawn) row = static_cast<std::uint32_t>(random.below(drawn.size()));
    const Matrix<float> sample = rows_of(points.view(), drawn);
    SARTOR_ASSIGN(const Matrix<float> found,
                  fit_again(sample.view(), seed + static_cast<std::uint64_t>(draw)));
    SARTOR_ASSIGN(const auto again, nearest_centres(points.view(), found, resources));
    stability.ari += adjusted_rand_index(labels, again) / draws;
    const auto jaccard = best_jaccard(labels, again, centres.rows());
    for (std::size_t c = 0; c < jaccard.size(); ++c) stability.jaccard[c] += jaccard[c] / draws;
  }
  return stability;
}

}  // namespace sartor
