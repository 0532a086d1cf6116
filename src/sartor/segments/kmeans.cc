#include "sartor/segments/kmeans.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "sartor/base/random.h"

namespace sartor {

namespace {

constexpr std::size_t kRowsPerBlock = 2048;

// Centres by column, so that the loop over centres is the inner one: it vectorises without
// reordering any sum.
class Distances {
 public:
  explicit Distances(const Matrix<float>& centres)
      : k_(centres.rows()), columns_(centres.columns()), transposed_(k_ * columns_), squared_(k_) {
    for (std::size_t c = 0; c < k_; ++c) {
      for (std::size_t j = 0; j < columns_; ++j) transposed_[j * k_ + c] = centres(c, j);
    }
  }

  // Squared distances of the row to every centre.
  std::span<const float> of(std::span<const float> row) {
    std::fill(squared_.begin(), squared_.end(), 0.0f);
    for (std::size_t j = 0; j < columns_; ++j) {
      const float value = row[j];
      const float* centre = transposed_.data() + j * k_;
      for (std::size_t c = 0; c < k_; ++c) {
        const float difference = value - centre[c];
        squared_[c] += difference * difference;
      }
    }
    return squared_;
  }

 private:
  std::size_t k_;
  std::size_t columns_;
  std::vector<float> transposed_;
  std::vector<float> squared_;
};

std::size_t smallest(std::span<const float> values) {
  return static_cast<std::size_t>(std::min_element(values.begin(), values.end()) - values.begin());
}

// What a block of rows adds to the next centres.
struct BlockSums {
  std::vector<double> sums;  // k x columns
  std::vector<std::size_t> counts;
  double inertia = 0;
  bool changed = false;
};

Status assign_block(MatrixView<const float> x, const Matrix<float>& centres, std::size_t begin,
                    std::size_t end, std::span<std::uint32_t> labels, std::span<float> squared,
                    BlockSums& block) {
  Distances distances(centres);
  block.sums.assign(centres.rows() * x.columns, 0);
  block.counts.assign(centres.rows(), 0);
  for (std::size_t r = begin; r < end; ++r) {
    const auto row = x.row(r);
    const auto all = distances.of(row);
    const std::size_t c = smallest(all);
    block.changed |= labels[r] != c;
    labels[r] = static_cast<std::uint32_t>(c);
    squared[r] = all[c];
    block.inertia += all[c];
    ++block.counts[c];
    double* sums = block.sums.data() + c * x.columns;
    for (std::size_t j = 0; j < x.columns; ++j) sums[j] += row[j];
  }
  return {};
}

// Assigns all rows; the blocks' sums are added in the blocks' order.
Result<BlockSums> assign_rows(MatrixView<const float> x, const Matrix<float>& centres,
                              std::vector<std::uint32_t>& labels, std::vector<float>& squared,
                              const Resources& resources) {
  std::vector<BlockSums> blocks((x.rows + kRowsPerBlock - 1) / kRowsPerBlock);
  SARTOR_TRY(
      parallel_for(resources, x.rows, kRowsPerBlock, [&](std::size_t begin, std::size_t end) {
        return assign_block(x, centres, begin, end, labels, squared, blocks[begin / kRowsPerBlock]);
      }));
  BlockSums total{.sums = std::vector<double>(centres.rows() * x.columns),
                  .counts = std::vector<std::size_t>(centres.rows())};
  for (const BlockSums& block : blocks) {
    for (std::size_t i = 0; i < total.sums.size(); ++i) total.sums[i] += block.sums[i];
    for (std::size_t c = 0; c < total.counts.size(); ++c) total.counts[c] += block.counts[c];
    total.inertia += block.inertia;
    total.changed |= block.changed;
  }
  return total;
}

// The means of the rows; each empty centre goes to the farthest row that no other one took. False
// if some centre has nowhere to go.
bool move_centres(MatrixView<const float> x, const BlockSums& sums, std::vector<float>& squared,
                  Matrix<float>& centres) {
  bool all_placed = true;
  for (std::size_t c = 0; c < centres.rows(); ++c) {
    if (sums.counts[c] > 0) {
      for (std::size_t j = 0; j < x.columns; ++j) {
        centres(c, j) =
            static_cast<float>(sums.sums[c * x.columns + j] / static_cast<double>(sums.counts[c]));
      }
      continue;
    }
    const auto farthest = static_cast<std::size_t>(
        std::max_element(squared.begin(), squared.end()) - squared.begin());
    if (squared[farthest] <= 0) {
      all_placed = false;
      continue;
    }
    squared[farthest] = 0;
    const auto row = x.row(farthest);
    std::copy(row.begin(), row.end(), centres.row(c).begin());
  }
  return all_placed;
}

void drop_empty(const BlockSums& sums, KMeans& model) {
  std::vector<std::uint32_t> place(sums.counts.size());
  std::size_t kept = 0;
  for (std::size_t c = 0; c < place.size(); ++c) {
    place[c] = static_cast<std::uint32_t>(kept);
    if (sums.counts[c] > 0) ++kept;
  }
  if (kept == place.size()) return;
  Matrix<float> centres(kept, model.centres.columns());
  for (std::size_t c = 0; c < place.size(); ++c) {
    if (sums.counts[c] == 0) continue;
    const auto row = model.centres.row(c);
    std::copy(row.begin(), row.end(), centres.row(place[c]).begin());
  }
  model.centres = std::move(centres);
  for (std::uint32_t& label : model.labels) label = place[label];
}

Status check(MatrixView<const float> x, std::size_t k) {
  if (x.columns == 0) return Error{ErrorCode::invalid_argument, "k-means: no columns"};
  if (k < 1 || k > x.rows) {
    return Error{ErrorCode::invalid_argument,
                 fmt::format("k-means: {} clusters of {} rows", k, x.rows)};
  }
  for (std::size_t r = 0; r < x.rows; ++r) {
    for (const float value : x.row(r)) {
      if (!std::isfinite(value)) {
        return Error{ErrorCode::invalid_argument,
                     fmt::format("k-means: row {} holds a value that is not finite", r)};
      }
    }
  }
  return {};
}

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

Result<KMeans> lloyd(MatrixView<const float> x, Matrix<float> centres, int iterations,
                     const Resources& resources) {
  SARTOR_TRY(check(x, centres.rows()));
  KMeans model{.centres = std::move(centres)};
  model.labels.assign(x.rows, std::numeric_limits<std::uint32_t>::max());
  std::vector<float> squared(x.rows);
  for (;;) {
    SARTOR_ASSIGN(const BlockSums sums,
                  assign_rows(x, model.centres, model.labels, squared, resources));
    model.inertia = sums.inertia;
    const bool empty = std::count(sums.counts.begin(), sums.counts.end(), 0u) > 0;
    const bool done = model.iterations == iterations || (!sums.changed && !empty);
    if (done || !(move_centres(x, sums, squared, model.centres) || sums.changed)) {
      drop_empty(sums, model);
      return model;
    }
    ++model.iterations;
  }
}

Result<KMeans> fit_kmeans(MatrixView<const float> x, const KMeansConfig& config,
                          const Resources& resources) {
  const auto k = static_cast<std::size_t>(std::max(config.k, 0));
  SARTOR_TRY(check(x, k));
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
  return static_cast<std::uint32_t>(smallest(Distances(centres).of(row)));
}

Result<std::vector<std::uint32_t>> nearest_centres(MatrixView<const float> x,
                                                   const Matrix<float>& centres,
                                                   const Resources& resources) {
  std::vector<std::uint32_t> labels(x.rows);
  SARTOR_TRY(parallel_for(
      resources, x.rows, kRowsPerBlock, [&](std::size_t begin, std::size_t end) -> Status {
        Distances distances(centres);
        for (std::size_t r = begin; r < end; ++r) {
          labels[r] = static_cast<std::uint32_t>(smallest(distances.of(x.row(r))));
        }
        return {};
      }));
  return labels;
}

double simplified_silhouette(MatrixView<const float> x, const KMeans& model) {
  if (model.centres.rows() < 2) return 0;
  Distances distances(model.centres);
  double total = 0;
  for (std::size_t r = 0; r < x.rows; ++r) {
    const auto all = distances.of(x.row(r));
    float own = std::numeric_limits<float>::infinity(), other = own;
    for (const float squared : all) {
      if (squared < own) {
        other = own;
        own = squared;
      } else {
        other = std::min(other, squared);
      }
    }
    if (other > 0) total += 1 - std::sqrt(static_cast<double>(own) / other);
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
  SARTOR_TRY(check(x, static_cast<std::size_t>(std::max(config.high, 0))));
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
