#include "sartor/models/vector_index.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace sartor {
namespace {

constexpr std::size_t kPanelsPerBlock = 64;
// Queries that go through all vectors together. 240 of 64 floats are 60 KB: they stay in L2, and
// the vectors are read from memory once for all of them.
constexpr std::size_t kQueriesPerBlock = 20 * kTileQueries;

Error failure(const std::string& message) {
  return {ErrorCode::invalid_argument, "vector index: " + message};
}

// The length of the longest row.
Result<double> longest_row(MatrixView<const float> rows, const char* what) {
  double longest = 0;
  for (std::size_t r = 0; r < rows.rows; ++r) {
    double squares = 0;
    for (const float value : rows.row(r)) squares += static_cast<double>(value) * value;
    if (!std::isfinite(squares)) return failure(fmt::format("{} {} is not finite", what, r));
    longest = std::max(longest, squares);
  }
  return std::sqrt(longest);
}

struct Candidate {
  float score;
  std::uint32_t id;
  // Better first; equal scores by ascending id.
  bool operator<(const Candidate& other) const {
    return score > other.score || (score == other.score && id < other.id);
  }
};

// The best of a block's queries so far. Vectors come in ascending order, so one that only equals
// the k-th best comes too late. Candidates pile up a little before the worst are thrown away.
class Best {
 public:
  Best(std::size_t queries, std::size_t k)
      : k_(k),
        room_(k + std::max<std::size_t>(16, k / 2)),
        kept_(queries * room_),
        count_(queries, 0),
        thresholds_(queries, -std::numeric_limits<float>::infinity()) {}

  const float* thresholds(std::size_t q) const { return &thresholds_[q]; }
  void ignore(std::size_t q) { thresholds_[q] = std::numeric_limits<float>::infinity(); }

  void add(std::size_t q, float score, std::uint32_t id) {
    kept_[q * room_ + count_[q]++] = {score, id};
    if (count_[q] == room_) cut(q);
  }

  std::span<const Candidate> sorted(std::size_t q) {
    Candidate* first = &kept_[q * room_];
    std::sort(first, first + count_[q]);
    return {first, std::min(count_[q], k_)};
  }

 private:
  void cut(std::size_t q) {
    Candidate* first = &kept_[q * room_];
    std::nth_element(first, first + k_ - 1, first + room_);
    count_[q] = k_;
    thresholds_[q] = first[k_ - 1].score;
  }

  std::size_t k_;
  std::size_t room_;
  std::vector<Candidate> kept_;
  std::vector<std::size_t> count_;
  std::vector<float> thresholds_;
};

// The queries of one block, whole tiles of them, zeros behind the last.
Aligned<float> tiles_of(MatrixView<const float> queries, std::size_t begin, std::size_t end) {
  const std::size_t tiles = (end - begin + kTileQueries - 1) / kTileQueries;
  Aligned<float> out(tiles * kTileQueries * queries.columns);
  for (std::size_t q = begin; q < end; ++q) {
    const auto row = queries.row(q);
    std::copy(row.begin(), row.end(), out.data() + (q - begin) * queries.columns);
  }
  return out;
}

// What is excluded of a block's queries. A query's candidates come in ascending order, so its
// excluded ids are walked through once.
class Walk {
 public:
  Walk(const Excluded& excluded, std::size_t begin, std::size_t end) : items_(excluded.items) {
    if (excluded.begin.empty()) return;
    next_.assign(excluded.begin.begin() + static_cast<std::ptrdiff_t>(begin),
                 excluded.begin.begin() + static_cast<std::ptrdiff_t>(end));
    end_.assign(excluded.begin.begin() + static_cast<std::ptrdiff_t>(begin + 1),
                excluded.begin.begin() + static_cast<std::ptrdiff_t>(end + 1));
  }

  bool excludes(std::size_t q, std::uint32_t id) {
    if (next_.empty()) return false;
    std::size_t& next = next_[q];
    while (next < end_[q] && items_[next] < id) ++next;
    return next < end_[q] && items_[next] == id;
  }

 private:
  std::span<const std::uint32_t> items_;
  std::vector<std::size_t> next_, end_;
};

// What of one tile of scores passes for one query: bit i of `mask`, vector `first` + i.
void add_passing(std::uint32_t mask, const float* scores, std::size_t first, std::size_t size,
                 std::size_t q, Walk& walk, Best& best) {
  for (; mask != 0; mask &= mask - 1) {
    const auto lane = static_cast<std::size_t>(__builtin_ctz(mask));
    const auto id = static_cast<std::uint32_t>(first + lane);
    if (id < size && !walk.excludes(q, id)) best.add(q, scores[lane], id);
  }
}

}  // namespace

Result<VectorIndex> VectorIndex::of(MatrixView<const float> vectors, const Resources& resources) {
  if (vectors.columns == 0) return failure("vectors without dimensions");
  if (vectors.rows >= kNoNeighbour) return failure("too many vectors");
  VectorIndex index;
  SARTOR_ASSIGN(index.longest_, longest_row(vectors, "vector"));
  index.size_ = vectors.rows;
  index.dimensions_ = vectors.columns;
  const std::size_t panels = (vectors.rows + kTileVectors - 1) / kTileVectors;
  const std::size_t stride = kTileVectors * vectors.columns;
  index.panels_ = Aligned<float>(panels * stride);
  SARTOR_TRY(parallel_for(
      resources, panels, kPanelsPerBlock, [&](std::size_t begin, std::size_t end) -> Status {
        for (std::size_t i = begin * kTileVectors; i < std::min(end * kTileVectors, vectors.rows);
             ++i) {
          float* to = index.panels_.data() + i / kTileVectors * stride + i % kTileVectors;
          for (const float value : vectors.row(i)) {
            *to = value;
            to += kTileVectors;
          }
        }
        return {};
      }));
  return index;
}

Result<Neighbours> VectorIndex::search(MatrixView<const float> queries, std::size_t k,
                                       const Resources& resources, const Excluded& excluded,
                                       const VectorKernels& kernels) const {
  if (queries.columns != dimensions_) {
    return failure(
        fmt::format("queries of {} dimensions for vectors of {}", queries.columns, dimensions_));
  }
  if (!excluded.begin.empty() && excluded.begin.size() != queries.rows + 1)
    return failure("excluded: expected queries + 1 places");
  SARTOR_ASSIGN(const double longest, longest_row(queries, "query"));
  if (longest * longest_ > std::numeric_limits<float>::max() / 2)
    return failure("lengths of queries and vectors are too large: scores could overflow");
  Neighbours out{.k = k};
  out.ids.assign(queries.rows * k, kNoNeighbour);
  out.scores.assign(queries.rows * k, 0.0f);
  if (k == 0 || size_ == 0) return out;
  const std::size_t panels = (size_ + kTileVectors - 1) / kTileVectors;

  SARTOR_TRY(parallel_for(
      resources, queries.rows, kQueriesPerBlock, [&](std::size_t begin, std::size_t end) -> Status {
        const Aligned<float> rows = tiles_of(queries, begin, end);
        const std::size_t padded = rows.size() / dimensions_;
        Best best(padded, std::min(k, size_));
        for (std::size_t q = end - begin; q < padded; ++q) best.ignore(q);
        Walk walk(excluded, begin, end);
        float scores[kTileQueries * kTileVectors];
        std::uint32_t masks[kTileQueries];
        for (std::size_t p = 0; p < panels; ++p) {
          const float* panel = panels_.data() + p * kTileVectors * dimensions_;
          for (std::size_t tile = 0; tile < padded; tile += kTileQueries) {
            if (!kernels.score_tile(rows.data() + tile * dimensions_, panel, dimensions_,
                                    best.thresholds(tile), scores, masks)) {
              continue;
            }
            for (std::size_t q = 0; q < kTileQueries; ++q) {
              add_passing(masks[q], scores + q * kTileVectors, p * kTileVectors, size_, tile + q,
                          walk, best);
            }
          }
        }
        for (std::size_t q = begin; q < end; ++q) {
          std::size_t at = q * k;
          for (const Candidate& candidate : best.sorted(q - begin)) {
            out.ids[at] = candidate.id;
            out.scores[at++] = candidate.score;
          }
        }
        return {};
      }));
  return out;
}

}  // namespace sartor
