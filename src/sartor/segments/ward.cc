// Ward's distance of clusters a and b with weights wa, wb and centres ca, cb:
//     d(a, b) = wa wb / (wa + wb) |ca - cb|^2
// It is reducible: d(a + b, c) >= min(d(a, c), d(b, c)). So two clusters that are each other's
// nearest may be merged at once, in any order, and the dendrogram is the same as that of merging
// the nearest pair of all each time (Müllner 2011, section 2.2).
//
// Every cluster keeps a few neighbours and a radius: whatever is not among them is at least that
// far away. That too survives merging: a union of two that are no neighbours is no nearer than they
// were. A round merges all pairs that are each other's nearest; who lost the nearest looks among
// the neighbours, or what became of them; who has none left, and every new cluster, is compared
// with all. These comparisons come in batches, as tiles of inner products in float, from which
// follow lower bounds of distances; what decides is computed again, in double.
#include "sartor/segments/ward.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "sartor/models/aligned.h"
#include "sartor/segments/tile_kernels.h"

namespace sartor {
namespace {

constexpr std::size_t kNeighbours = 16;
constexpr std::size_t kRoom = 3 * kNeighbours;         // candidates before the worst are dropped
constexpr std::size_t kAskedPerBlock = 8 * kTileRows;  // that go through all clusters together
constexpr std::size_t kPanelsPerChunk = 64;            // 64 dimensions: half a megabyte
constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

constexpr float kInfinity = std::numeric_limits<float>::infinity();

Error failure(const std::string& message) {
  return {ErrorCode::invalid_argument, "Ward: " + message};
}

Status check(MatrixView<const float> x, std::span<const double> weights) {
  if (x.rows == 0 || x.columns == 0)
    return failure(fmt::format("{} rows of {} columns", x.rows, x.columns));
  if (x.rows > kNone / 2) return failure(fmt::format("{} rows are too many", x.rows));
  if (!weights.empty() && weights.size() != x.rows)
    return failure(fmt::format("{} weights of {} rows", weights.size(), x.rows));
  for (std::size_t r = 0; r < weights.size(); ++r) {
    if (!(weights[r] > 0) || !std::isfinite(weights[r]))
      return failure(fmt::format("row {} has weight {}", r, weights[r]));
  }
  for (std::size_t r = 0; r < x.rows; ++r) {
    for (const float value : x.row(r)) {
      if (!std::isfinite(value))
        return failure(fmt::format("row {} holds a value that is not finite", r));
    }
  }
  return {};
}

// A merge of the clusters that hold two leaves.
struct Joined {
  std::uint32_t a, b;
  double height;
};

// Rows in order, equal ones beside each other.
std::vector<std::uint32_t> in_order(MatrixView<const float> x) {
  std::vector<std::uint32_t> order(x.rows);
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    const auto left = x.row(a), right = x.row(b);
    const auto [l, r] = std::mismatch(left.begin(), left.end(), right.begin());
    return l == left.end() ? a < b : *l < *r;
  });
  return order;
}

struct DistinctRows {
  std::vector<std::uint32_t> row;  // the first of the equal ones
  std::vector<double> weight;
};

// Equal rows are merged at height 0 before anything else; what is left are distinct rows, in order.
DistinctRows distinct_rows(MatrixView<const float> x, std::span<const double> weights,
                           std::vector<Joined>& joined) {
  const auto order = in_order(x);
  std::vector<std::uint32_t> first(x.rows);
  std::vector<double> weight(x.rows, 0.0);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::uint32_t row = order[i];
    const bool same =
        i > 0 && std::equal(x.row(row).begin(), x.row(row).end(), x.row(order[i - 1]).begin());
    first[row] = same ? first[order[i - 1]] : row;
    weight[first[row]] += weights.empty() ? 1.0 : weights[row];
    if (same) joined.push_back({first[row], row, 0.0});
  }
  DistinctRows leaves;
  for (std::uint32_t row = 0; row < x.rows; ++row) {
    if (first[row] != row) continue;
    leaves.row.push_back(row);
    leaves.weight.push_back(weight[row]);
  }
  return leaves;
}

// Clusters by slot, packed for the kernels. A slot whose cluster went into another is infinitely
// far from everything, until the slots are packed anew.
class Clusters {
 public:
  Clusters(MatrixView<const float> x, const DistinctRows& leaves)
      : columns_(x.columns),
        // Of the error of the float bound, relative to both norms: one rounding per dimension, of
        // the values themselves, and a few at the end.
        slack_((static_cast<double>(x.columns) + 16) * 0x1p-24) {
    const std::size_t n = leaves.row.size();
    centres_.resize(n * columns_);
    weights_ = leaves.weight;
    ids_.resize(n);
    std::iota(ids_.begin(), ids_.end(), 0u);
    copy_scaled(x, leaves);
    pack();
  }

  std::size_t size() const { return ids_.size(); }
  bool holds(std::size_t slot) const { return ids_[slot] != kNone; }
  std::uint32_t id(std::size_t slot) const { return ids_[slot]; }
  double height(double distance) const { return std::sqrt(2 * distance) / scale_; }

  double distance(std::size_t a, std::size_t b) const {
    const double* left = &centres_[a * columns_];
    const double* right = &centres_[b * columns_];
    double sums[8] = {};  // several chains: additions are slow, not many
    std::size_t j = 0;
    for (; j + 8 <= columns_; j += 8) {
      for (std::size_t l = 0; l < 8; ++l) {
        const double difference = left[j + l] - right[j + l];
        sums[l] += difference * difference;
      }
    }
    for (; j < columns_; ++j) {
      const double difference = left[j] - right[j];
      sums[0] += difference * difference;
    }
    const double squared =
        ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
    return squared * (weights_[a] * weights_[b] / (weights_[a] + weights_[b]));
  }

  // b goes into a, which is from now on `id`.
  void merge(std::size_t a, std::size_t b, std::uint32_t id) {
    const double share = weights_[b] / (weights_[a] + weights_[b]);
    for (std::size_t j = 0; j < columns_; ++j) {
      double& to = centres_[a * columns_ + j];
      to += share * (centres_[b * columns_ + j] - to);
    }
    weights_[a] += weights_[b];
    ids_[a] = id;
    ids_[b] = kNone;
    pack_slot(a);
    norms_[b] = kInfinity;
  }

  // Moves the clusters into the first slots. Returns the old slot of each.
  std::vector<std::uint32_t> close_gaps() {
    std::vector<std::uint32_t> from;
    for (std::uint32_t slot = 0; slot < size(); ++slot) {
      if (!holds(slot)) continue;
      const std::size_t to = from.size();
      from.push_back(slot);
      std::copy_n(&centres_[slot * columns_], columns_, &centres_[to * columns_]);
      weights_[to] = weights_[slot];
      ids_[to] = ids_[slot];
    }
    weights_.resize(from.size());
    ids_.resize(from.size());
    pack();
    return from;
  }

  std::size_t panels() const { return (size() + kTileColumns - 1) / kTileColumns; }

  // Some slots as the rows of tiles; no limits.
  struct Rows {
    std::vector<float> values, norms, inverses, limits;
  };
  Rows rows_of(std::span<const std::uint32_t> slots) const {
    Rows rows{.limits = std::vector<float>(slots.size(), kInfinity)};
    for (const std::uint32_t slot : slots) {
      for (std::size_t j = 0; j < columns_; ++j)
        rows.values.push_back(static_cast<float>(centres_[slot * columns_ + j]));
      rows.norms.push_back(norms_[slot]);
      rows.inverses.push_back(inverses_[slot]);
    }
    return rows;
  }
  WardTile tile(const Rows& rows, std::size_t first, std::size_t n, std::size_t panel) const {
    return {.rows = rows.values.data() + first * columns_,
            .n = n,
            .width = columns_,
            .panel = panels_.data() + panel * columns_ * kTileColumns,
            .row_norms = rows.norms.data() + first,
            .row_inverses = rows.inverses.data() + first,
            .limits = rows.limits.data() + first,
            .norms = norms_.data() + panel * kTileColumns,
            .inverses = inverses_.data() + panel * kTileColumns};
  }
  float inverse(std::size_t slot) const { return inverses_[slot]; }

 private:
  // Around the mean, where inner products lose least, and scaled by a power of two so that no
  // square is too large for a float.
  void copy_scaled(MatrixView<const float> x, const DistinctRows& leaves) {
    std::vector<double> mean(columns_, 0.0);
    for (const std::uint32_t row : leaves.row) {
      for (std::size_t j = 0; j < columns_; ++j)
        mean[j] += x(row, j) / static_cast<double>(leaves.row.size());
    }
    double largest = 0;
    for (std::size_t i = 0; i < leaves.row.size(); ++i) {
      for (std::size_t j = 0; j < columns_; ++j) {
        double& to = centres_[i * columns_ + j];
        to = x(leaves.row[i], j) - mean[j];
        largest = std::max(largest, std::abs(to));
      }
    }
    if (!(largest > 0)) return;
    scale_ = std::ldexp(1.0, -std::ilogb(largest));
    for (double& value : centres_) value *= scale_;
  }

  void pack() {
    const std::size_t padded = panels() * kTileColumns;
    panels_ = Aligned<float>(padded * columns_);
    norms_.assign(padded, kInfinity);
    inverses_.assign(padded, 1.0f);
    for (std::size_t slot = 0; slot < size(); ++slot) pack_slot(slot);
  }

  void pack_slot(std::size_t slot) {
    float* to = &panels_[slot / kTileColumns * columns_ * kTileColumns + slot % kTileColumns];
    double norm = 0;
    for (std::size_t j = 0; j < columns_; ++j) {
      const double value = centres_[slot * columns_ + j];
      norm += value * value;
      to[j * kTileColumns] = static_cast<float>(value);
    }
    norms_[slot] = static_cast<float>(norm * (1 - slack_));
    inverses_[slot] = static_cast<float>(1 / weights_[slot]);
  }

  std::size_t columns_;
  double slack_;
  double scale_ = 1;
  std::vector<double> centres_;  // slots x columns
  std::vector<double> weights_;
  std::vector<std::uint32_t> ids_;  // kNone: the slot is empty
  Aligned<float> panels_;
  std::vector<float> norms_;  // a little less than the sum of squares, so that bounds are below
  std::vector<float> inverses_;
};

struct Neighbour {
  double distance;
  std::uint32_t id;

  bool operator<(const Neighbour& other) const {
    return distance < other.distance || (distance == other.distance && id < other.id);
  }
};

// What a cluster knows: the nearest first, and how far at least all others are.
struct Near {
  std::vector<Neighbour> list;
  double radius = 0;
};

// The kNeighbours candidates of one row with the lowest bounds, and some more.
class Candidates {
 public:
  void add(float bound, std::uint32_t slot, float& limit) {
    all_[count_++] = {bound, slot};
    if (count_ < kRoom) return;
    std::nth_element(all_, all_ + kNeighbours - 1, all_ + kRoom);
    count_ = kNeighbours;
    limit = all_[kNeighbours - 1].first;
  }
  std::span<const std::pair<float, std::uint32_t>> all() const { return {all_, count_}; }

 private:
  std::pair<float, std::uint32_t> all_[kRoom];
  std::size_t count_ = 0;
};

class Ward {
 public:
  Ward(MatrixView<const float> x, const DistinctRows& leaves)
      : clusters_(x, leaves),
        rows_(leaves.row),
        near_(leaves.row.size()),
        into_(2 * leaves.row.size()),
        slot_(2 * leaves.row.size()),
        next_id_(static_cast<std::uint32_t>(leaves.row.size())) {
    std::iota(into_.begin(), into_.end(), 0u);
    std::iota(slot_.begin(), slot_.end(), 0u);
    heights_.resize(leaves.row.size(), 0.0);
  }

  Status run(std::vector<Joined>& joined, const Resources& resources) {
    std::vector<std::uint32_t> asking(clusters_.size());
    std::iota(asking.begin(), asking.end(), 0u);
    for (std::size_t left = clusters_.size(); left > 1;) {
      SARTOR_TRY(compare_with_all(asking, resources));
      asking.clear();
      left -= merge_pairs(asking, joined);
      for (std::uint32_t slot = 0; slot < clusters_.size(); ++slot) {
        if (clusters_.holds(slot) && lost_nearest(slot) && !look_again(slot))
          asking.push_back(slot);
      }
      if (4 * left < 3 * clusters_.size()) close_gaps(asking);
    }
    return {};
  }

 private:
  // Neighbours and radius of the clusters in some slots.
  Status compare_with_all(const std::vector<std::uint32_t>& slots, const Resources& resources) {
    const std::size_t per_thread = (slots.size() / 8 + kTileRows) / kTileRows * kTileRows;
    return parallel_for(resources, slots.size(), std::min(per_thread, kAskedPerBlock),
                        [&](std::size_t begin, std::size_t end) -> Status {
                          compare_block(std::span(slots).subspan(begin, end - begin));
                          return {};
                        });
  }

  void compare_block(std::span<const std::uint32_t> slots) {
    auto rows = clusters_.rows_of(slots);
    std::vector<Candidates> candidates(slots.size());
    for (std::size_t chunk = 0; chunk < clusters_.panels(); chunk += kPanelsPerChunk) {
      const std::size_t end = std::min(chunk + kPanelsPerChunk, clusters_.panels());
      for (std::size_t first = 0; first < slots.size(); first += kTileRows) {
        const std::size_t n = std::min(kTileRows, slots.size() - first);
        for (std::size_t panel = chunk; panel < end; ++panel)
          compare_tile(slots, first, n, panel, rows, candidates);
      }
    }
    for (std::size_t r = 0; r < slots.size(); ++r)
      decide(slots[r], candidates[r].all(), rows.limits[r]);
  }

  void compare_tile(std::span<const std::uint32_t> slots, std::size_t first, std::size_t n,
                    std::size_t panel, Clusters::Rows& rows,
                    std::vector<Candidates>& candidates) const {
    alignas(64) float squared[kTileRows * kTileColumns];
    std::uint32_t masks[kTileRows];
    if (!kernels_.ward_tile(clusters_.tile(rows, first, n, panel), squared, masks)) return;
    for (std::size_t r = 0; r < n; ++r) {
      for (std::uint32_t mask = masks[r]; mask != 0; mask &= mask - 1) {
        const auto column = static_cast<std::uint32_t>(std::countr_zero(mask));
        const auto slot = static_cast<std::uint32_t>(panel * kTileColumns) + column;
        if (slot == slots[first + r]) continue;
        const float bound = squared[r * kTileColumns + column] /
                            (rows.inverses[first + r] + clusters_.inverse(slot));
        candidates[first + r].add(bound, slot, rows.limits[first + r]);
      }
    }
  }

  // The true distances of the candidates. All others are at least `limit` away but for the rounding
  // of the comparison itself, and of numbers too small for a float.
  void decide(std::uint32_t slot, std::span<const std::pair<float, std::uint32_t>> candidates,
              float limit) {
    Near& near = near_[slot];
    near.radius = limit == kInfinity ? limit : limit * (1 - 1e-6) - 1e-36;
    near.list.clear();
    for (const auto& [bound, other] : candidates) keep_if_near(slot, other, near);
    if (near.list.empty()) compare_exactly(slot);
    settle(near);
  }

  void keep_if_near(std::uint32_t slot, std::uint32_t other, Near& near) const {
    const double distance = clusters_.distance(slot, other);
    if (distance <= near.radius) near.list.push_back({distance, clusters_.id(other)});
  }

  // Floats could not tell: the cluster is nearer to its neighbours than to the middle by far.
  void compare_exactly(std::uint32_t slot) {
    Near& near = near_[slot];
    near.radius = std::numeric_limits<double>::infinity();
    for (std::uint32_t other = 0; other < clusters_.size(); ++other) {
      if (!clusters_.holds(other) || other == slot) continue;
      keep_if_near(slot, other, near);
      if (near.list.size() == kRoom) keep_best(near);
    }
    if (near.list.size() > kNeighbours) keep_best(near);
  }

  static void keep_best(Near& near) {
    std::nth_element(near.list.begin(), near.list.begin() + kNeighbours - 1, near.list.end());
    near.list.resize(kNeighbours);
    near.radius = near.list.back().distance;
  }

  static void settle(Near& near) {
    std::sort(near.list.begin(), near.list.end());
    if (near.list.size() > kNeighbours) {
      near.list.resize(kNeighbours);
      near.radius = near.list.back().distance;
    }
  }

  // Merges all pairs that are each other's nearest, or as near as that; new clusters are added to
  // `made`. Returns how many. The nearest pair of all is among them, so there is at least one.
  std::size_t merge_pairs(std::vector<std::uint32_t>& made, std::vector<Joined>& joined) {
    for (std::uint32_t slot = 0; slot < clusters_.size(); ++slot) {
      if (!clusters_.holds(slot) || into_[clusters_.id(slot)] != clusters_.id(slot)) continue;
      const Neighbour nearest = near_[slot].list.front();
      if (into_[nearest.id] != nearest.id) continue;  // merged in this round
      const std::uint32_t other = slot_[nearest.id];
      if (near_[other].list.front().distance < nearest.distance) continue;
      pairs_.push_back({slot, other});
      into_[clusters_.id(slot)] = into_[nearest.id] =
          next_id_ + static_cast<std::uint32_t>(pairs_.size()) - 1;
    }
    for (const auto& [slot, other] : pairs_) {
      const double height = std::max(
          {clusters_.height(near_[slot].list.front().distance), heights_[slot], heights_[other]});
      joined.push_back({rows_[slot], rows_[other], height});
      slot_[next_id_] = slot;
      heights_[slot] = height;
      near_[slot].list.clear();
      near_[other].list.clear();
      clusters_.merge(slot, other, next_id_++);
      made.push_back(slot);
    }
    const std::size_t merged = pairs_.size();
    pairs_.clear();
    return merged;
  }

  std::uint32_t now(std::uint32_t id) {
    while (into_[id] != id) id = into_[id] = into_[into_[id]];
    return id;
  }

  bool lost_nearest(std::uint32_t slot) const {
    const auto& list = near_[slot].list;
    return !list.empty() && into_[list.front().id] != list.front().id;
  }

  // Looks for the nearest among what became of the neighbours; false if they are all too far.
  bool look_again(std::uint32_t slot) {
    Near& near = near_[slot];
    std::vector<Neighbour> before;
    before.swap(near.list);
    for (const Neighbour& one : before) {
      const std::uint32_t id = now(one.id);
      if (id == one.id) {
        near.list.push_back(one);
      } else if (std::none_of(near.list.begin(), near.list.end(),
                              [&](const Neighbour& other) { return other.id == id; })) {
        keep_if_near(slot, slot_[id], near);
      }
    }
    settle(near);
    return !near.list.empty();
  }

  void close_gaps(std::vector<std::uint32_t>& asking) {
    std::vector<std::uint32_t> to(clusters_.size(), kNone);
    const auto from = clusters_.close_gaps();
    for (std::uint32_t slot = 0; slot < from.size(); ++slot) {
      to[from[slot]] = slot;
      rows_[slot] = rows_[from[slot]];
      heights_[slot] = heights_[from[slot]];
      if (from[slot] != slot) near_[slot] = std::move(near_[from[slot]]);
      slot_[clusters_.id(slot)] = slot;
    }
    near_.resize(from.size());
    for (std::uint32_t& slot : asking) slot = to[slot];
  }

  const TileKernels& kernels_ = tile_kernels();
  Clusters clusters_;
  std::vector<std::uint32_t> rows_;  // by slot: a leaf of the cluster
  std::vector<double> heights_;      // by slot
  std::vector<Near> near_;           // by slot
  std::vector<std::uint32_t> into_;  // by id: what it became, itself at first
  std::vector<std::uint32_t> slot_;  // by id
  std::uint32_t next_id_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> pairs_;
};

// Which cluster holds a leaf, as merges go by.
class Holders {
 public:
  explicit Holders(std::size_t leaves)
      : into_(2 * leaves), next_(static_cast<std::uint32_t>(leaves)) {
    std::iota(into_.begin(), into_.end(), 0u);
  }
  std::uint32_t of(std::uint32_t id) {
    while (into_[id] != id) id = into_[id] = into_[into_[id]];
    return id;
  }
  void join(std::uint32_t a, std::uint32_t b) { into_[a] = into_[b] = next_++; }

 private:
  std::vector<std::uint32_t> into_;
  std::uint32_t next_;
};

// The merges by height, named as scipy names them.
Dendrogram in_linkage_order(std::size_t n, std::span<const double> weights,
                            std::vector<Joined> joined) {
  std::stable_sort(joined.begin(), joined.end(),
                   [](const Joined& a, const Joined& b) { return a.height < b.height; });
  Dendrogram tree;
  tree.weights.assign(weights.begin(), weights.end());
  tree.weights.resize(n, 1.0);
  Holders holders(n);
  const auto weight_of = [&](std::uint32_t id) {
    return id < n ? tree.weights[id] : tree.merges[id - n].weight;
  };
  for (const Joined& one : joined) {
    const std::uint32_t a = holders.of(one.a), b = holders.of(one.b);
    holders.join(a, b);
    tree.merges.push_back(
        {std::min(a, b), std::max(a, b), one.height, weight_of(a) + weight_of(b)});
  }
  return tree;
}

}  // namespace

Result<Dendrogram> fit_ward(MatrixView<const float> x, std::span<const double> weights,
                            const Resources& resources) {
  SARTOR_TRY(check(x, weights));
  std::vector<Joined> joined;
  const DistinctRows leaves = distinct_rows(x, weights, joined);
  SARTOR_TRY(Ward(x, leaves).run(joined, resources));
  return in_linkage_order(x.rows, weights, std::move(joined));
}

std::vector<std::uint32_t> cut_into(const Dendrogram& tree, std::size_t clusters) {
  const std::size_t n = tree.leaves();
  Holders holders(n);
  for (std::size_t m = 0; m + clusters < n; ++m) holders.join(tree.merges[m].a, tree.merges[m].b);
  std::vector<std::uint32_t> number(2 * n, kNone), labels(n);
  std::uint32_t next = 0;
  for (std::uint32_t leaf = 0; leaf < n; ++leaf) {
    std::uint32_t& of = number[holders.of(leaf)];
    if (of == kNone) of = next++;
    labels[leaf] = of;
  }
  return labels;
}

std::size_t clusters_of_at_least(const Dendrogram& tree, double least) {
  const std::size_t n = tree.leaves();
  std::size_t small = 0;
  for (const double weight : tree.weights) small += weight < least;
  const auto weight_of = [&](std::uint32_t id) {
    return id < n ? tree.weights[id] : tree.merges[id - n].weight;
  };
  for (std::size_t m = 0; m < tree.merges.size() && small > 0; ++m) {
    const Merge& merge = tree.merges[m];
    small -= (weight_of(merge.a) < least) + (weight_of(merge.b) < least);
    small += merge.weight < least;
    if (small == 0) return n - m - 1;
  }
  return small == 0 ? n : 1;
}

Dendrogram top_of(const Dendrogram& tree, std::size_t clusters) {
  const std::size_t n = tree.leaves();
  const std::size_t first = n - clusters;  // merges below the cut
  const auto labels = cut_into(tree, clusters);
  std::vector<std::uint32_t> name(n + tree.merges.size(), kNone);  // in the new dendrogram
  Holders holders(n);
  for (std::size_t m = 0; m < first; ++m) holders.join(tree.merges[m].a, tree.merges[m].b);
  Dendrogram top{.weights = std::vector<double>(clusters, 0.0)};
  for (std::uint32_t leaf = 0; leaf < n; ++leaf) {
    name[holders.of(leaf)] = labels[leaf];
    top.weights[labels[leaf]] += tree.weights[leaf];
  }
  for (std::size_t m = first; m < tree.merges.size(); ++m) {
    Merge merge = tree.merges[m];
    name[n + m] = static_cast<std::uint32_t>(clusters + m - first);
    const std::uint32_t a = name[merge.a], b = name[merge.b];
    merge.a = std::min(a, b);
    merge.b = std::max(a, b);
    top.merges.push_back(merge);
  }
  return top;
}

}  // namespace sartor
