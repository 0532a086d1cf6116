// Lloyd's steps, with two bounds that spare most of the work once centres move little (Hamerly, SDM
// 2010). For every row are kept: `upper`, at least the distance to its own centre, and `lower`, at
// most that to any other. When centres move by m, upper grows by the own centre's m and lower falls
// by the largest m of another. While upper is below lower, or below half the way from the own
// centre to the nearest other one, the row stays where it is. The bounds leave room for the
// rounding of distances, so that the labels are those of comparing every row with every centre.
//
// Rows in doubt are compared with all centres by inner products; where the two nearest are closer
// to each other than the rounding of that, by differences.
//
// Sums of rows are kept from step to step; rows that change their centre are taken from one and
// added to the other.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "sartor/segments/centre_panels.h"
#include "sartor/segments/kmeans.h"

namespace sartor {
namespace {

constexpr std::size_t kAssignedPerBlock = 2048;
constexpr std::uint32_t kNobody = std::numeric_limits<std::uint32_t>::max();

double squared_distance(std::span<const float> a, std::span<const float> b) {
  double sums[4] = {};
  std::size_t j = 0;
  for (; j + 4 <= a.size(); j += 4) {
    for (std::size_t l = 0; l < 4; ++l) {
      const double difference = static_cast<double>(a[j + l]) - b[j + l];
      sums[l] += difference * difference;
    }
  }
  for (; j < a.size(); ++j) {
    const double difference = static_cast<double>(a[j]) - b[j];
    sums[0] += difference * difference;
  }
  return (sums[0] + sums[2]) + (sums[1] + sums[3]);
}

float norm(std::span<const float> row) {
  float sums[8] = {};
  std::size_t j = 0;
  for (; j + 8 <= row.size(); j += 8) {
    for (std::size_t l = 0; l < 8; ++l) sums[l] += row[j + l] * row[j + l];
  }
  for (; j < row.size(); ++j) sums[0] += row[j] * row[j];
  return ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

// What a block of rows changes.
struct Change {
  std::vector<double> sums;  // k x columns; empty: nothing
  std::vector<std::int64_t> counts;
};

class Lloyd {
 public:
  Lloyd(MatrixView<const float> x, Matrix<float> centres)
      : x_(x),
        slack_(static_cast<float>(x.columns + 8) * 0x1p-24f),
        labels_(x.rows, kNobody),
        upper_(x.rows, std::numeric_limits<float>::infinity()),
        lower_(x.rows, 0.0f),
        norms_(x.rows),
        sums_(centres.rows() * x.columns, 0.0),
        counts_(centres.rows(), 0),
        moved_(centres.rows(), 0.0f) {
    model_.centres = std::move(centres);
  }

  Result<KMeans> run(int iterations, const Resources& resources) {
    SARTOR_TRY(parallel_for(resources, x_.rows, kAssignedPerBlock,
                            [&](std::size_t begin, std::size_t end) -> Status {
                              for (std::size_t r = begin; r < end; ++r) norms_[r] = norm(x_.row(r));
                              return {};
                            }));
    for (;;) {
      SARTOR_ASSIGN(const bool changed, assign(resources));
      const bool empty = std::count(counts_.begin(), counts_.end(), 0) > 0;
      const bool done = model_.iterations == iterations || (!changed && !empty);
      if (done) break;
      SARTOR_ASSIGN(const bool placed, move_centres(empty, resources));
      if (!placed && !changed) break;
      ++model_.iterations;
    }
    SARTOR_ASSIGN(const auto squared, own_distances(resources));
    for (const double one : squared) model_.inertia += one;
    model_.labels = std::move(labels_);
    drop_empty();
    return std::move(model_);
  }

 private:
  std::size_t k() const { return model_.centres.rows(); }

  // How far each label's bounds have moved since the last step.
  struct Moves {
    std::vector<float> half_gap;  // to the nearest other centre
    std::vector<float> others;    // the largest move of another centre
  };
  Moves moves() const {
    Moves moves{std::vector<float>(k()), std::vector<float>(k())};
    std::vector<std::uint32_t> nearest(k());
    std::vector<float> squared(k());
    panels_->nearest(model_.centres.view(),
                     {nearest.data(), squared.data(), moves.half_gap.data()});
    for (float& gap : moves.half_gap) gap = std::sqrt(gap) * (1 - slack_) / 2;
    const std::size_t first =
        static_cast<std::size_t>(std::max_element(moved_.begin(), moved_.end()) - moved_.begin());
    float next = 0;
    for (std::size_t c = 0; c < k(); ++c) {
      if (c != first) next = std::max(next, moved_[c]);
    }
    for (std::size_t c = 0; c < k(); ++c) moves.others[c] = c == first ? next : moved_[first];
    return moves;
  }

  // Moves the row's bounds along; whether its centre may have changed.
  bool in_doubt(std::size_t r, const Moves& moves) {
    const std::uint32_t own = labels_[r];
    if (own == kNobody) return true;
    upper_[r] = (upper_[r] + moved_[own]) * (1 + 0x1p-22f);
    lower_[r] = (lower_[r] - moves.others[own]) * (1 - 0x1p-22f);
    return !(upper_[r] * (1 + 2 * slack_) < std::max(lower_[r], moves.half_gap[own]));
  }

  // Assigns all rows; whether any changed its centre. The blocks' changes are added in order.
  Result<bool> assign(const Resources& resources) {
    panels_.emplace(model_.centres.view());
    const Moves moves = this->moves();
    std::vector<Change> changes((x_.rows + kAssignedPerBlock - 1) / kAssignedPerBlock);
    SARTOR_TRY(parallel_for(resources, x_.rows, kAssignedPerBlock,
                            [&](std::size_t begin, std::size_t end) -> Status {
                              assign_block(begin, end, moves, changes[begin / kAssignedPerBlock]);
                              return {};
                            }));
    bool changed = false;
    for (const Change& change : changes) {
      if (change.sums.empty()) continue;
      changed = true;
      for (std::size_t i = 0; i < sums_.size(); ++i) sums_[i] += change.sums[i];
      for (std::size_t c = 0; c < k(); ++c) counts_[c] += change.counts[c];
    }
    return changed;
  }

  void assign_block(std::size_t begin, std::size_t end, const Moves& moves, Change& change) {
    std::vector<std::uint32_t> doubted;
    for (std::size_t r = begin; r < end; ++r) {
      if (in_doubt(r, moves)) doubted.push_back(static_cast<std::uint32_t>(r));
    }
    if (doubted.empty()) return;
    const auto close = settle(doubted, begin, end, true, change);
    if (!close.empty()) settle(close, begin, end, false, change);
  }

  // Compares some rows of begin to end with all centres, `roughly` or not; returns those for which
  // that was too rough.
  std::vector<std::uint32_t> settle(const std::vector<std::uint32_t>& rows, std::size_t begin,
                                    std::size_t end, bool roughly, Change& change) {
    std::vector<std::uint32_t> nearest(rows.size()), close;
    std::vector<float> least(rows.size()), second(rows.size());
    const NearestColumns out{nearest.data(), least.data(), second.data()};
    Matrix<float> gathered;
    if (rows.size() < end - begin) gathered = Matrix<float>(rows.size(), x_.columns);
    for (std::size_t i = 0; i < gathered.rows(); ++i)
      std::copy(x_.row(rows[i]).begin(), x_.row(rows[i]).end(), gathered.row(i).begin());
    const auto view = gathered.empty() ? rows_of(x_, begin, end) : std::as_const(gathered).view();
    roughly ? panels_->nearest_roughly(view, out) : panels_->nearest(view, out);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::uint32_t r = rows[i];
      float error = 0;
      if (roughly) {
        error = 2 * slack_ * (norms_[r] + 2 * panels_->longest());
        least[i] = 2 * least[i] + norms_[r];
        second[i] = 2 * second[i] + norms_[r];
        if (!(second[i] - least[i] > 4 * error)) {
          close.push_back(r);
          continue;
        }
      }
      upper_[r] = std::sqrt(std::max(0.0f, least[i] + error)) * (1 + slack_);
      lower_[r] = std::sqrt(std::max(0.0f, second[i] - error)) * (1 - slack_);
      if (labels_[r] == nearest[i]) continue;
      note(r, labels_[r], nearest[i], change);
      labels_[r] = nearest[i];
    }
    return close;
  }

  void note(std::uint32_t r, std::uint32_t from, std::uint32_t to, Change& change) const {
    if (change.sums.empty()) {
      change.sums.assign(sums_.size(), 0.0);
      change.counts.assign(k(), 0);
    }
    const auto row = x_.row(r);
    double* add = &change.sums[to * x_.columns];
    for (std::size_t j = 0; j < row.size(); ++j) add[j] += row[j];
    ++change.counts[to];
    if (from == kNobody) return;
    double* take = &change.sums[from * x_.columns];
    for (std::size_t j = 0; j < row.size(); ++j) take[j] -= row[j];
    --change.counts[from];
  }

  // The squared distance of every row to its own centre.
  Result<std::vector<double>> own_distances(const Resources& resources) const {
    std::vector<double> squared(x_.rows);
    SARTOR_TRY(parallel_for(
        resources, x_.rows, kAssignedPerBlock, [&](std::size_t begin, std::size_t end) -> Status {
          for (std::size_t r = begin; r < end; ++r)
            squared[r] = squared_distance(x_.row(r), model_.centres.row(labels_[r]));
          return {};
        }));
    return squared;
  }

  // The means of the rows; each empty centre goes to the farthest row that no other one took. False
  // if some centre has nowhere to go.
  Result<bool> move_centres(bool empty, const Resources& resources) {
    std::vector<double> squared;
    if (empty) {
      SARTOR_ASSIGN(squared, own_distances(resources));
    }
    bool all_placed = true;
    std::vector<float> to(x_.columns);
    for (std::size_t c = 0; c < k(); ++c) {
      if (counts_[c] > 0) {
        for (std::size_t j = 0; j < x_.columns; ++j)
          to[j] = static_cast<float>(sums_[c * x_.columns + j] / static_cast<double>(counts_[c]));
      } else {
        const auto farthest = std::max_element(squared.begin(), squared.end());
        if (*farthest <= 0) {
          all_placed = false;
          moved_[c] = 0;
          continue;
        }
        *farthest = 0;
        const auto row = x_.row(static_cast<std::size_t>(farthest - squared.begin()));
        std::copy(row.begin(), row.end(), to.begin());
      }
      const auto centre = model_.centres.row(c);
      moved_[c] = static_cast<float>(std::sqrt(squared_distance(centre, to))) * (1 + 0x1p-20f);
      std::copy(to.begin(), to.end(), centre.begin());
    }
    return all_placed;
  }

  void drop_empty() {
    std::vector<std::uint32_t> place(k());
    std::size_t kept = 0;
    for (std::size_t c = 0; c < place.size(); ++c) {
      place[c] = static_cast<std::uint32_t>(kept);
      if (counts_[c] > 0) ++kept;
    }
    if (kept == place.size()) return;
    Matrix<float> centres(kept, x_.columns);
    for (std::size_t c = 0; c < place.size(); ++c) {
      if (counts_[c] == 0) continue;
      const auto row = model_.centres.row(c);
      std::copy(row.begin(), row.end(), centres.row(place[c]).begin());
    }
    model_.centres = std::move(centres);
    for (std::uint32_t& label : model_.labels) label = place[label];
  }

  MatrixView<const float> x_;
  float slack_;  // of a distance, relative: one rounding per dimension and a few more
  std::vector<std::uint32_t> labels_;
  std::vector<float> upper_, lower_;
  std::vector<float> norms_;  // of the rows: sums of squares
  std::vector<double> sums_;  // of each centre's rows
  std::vector<std::int64_t> counts_;
  std::vector<float> moved_;  // by each centre in the last step, rounded up
  std::optional<CentrePanels> panels_;
  KMeans model_;
};

}  // namespace

Status check_kmeans(MatrixView<const float> x, std::size_t k) {
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

Result<KMeans> lloyd(MatrixView<const float> x, Matrix<float> centres, int iterations,
                     const Resources& resources) {
  SARTOR_TRY(check_kmeans(x, centres.rows()));
  return Lloyd(x, std::move(centres)).run(iterations, resources);
}

}  // namespace sartor
