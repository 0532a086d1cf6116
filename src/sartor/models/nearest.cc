// G is symmetric, so each pair of items is counted once and offered to both.
//
// Items are renumbered by falling number of users, and only columns j < i of row i are made: row i
// costs its users' more popular items, which lie together at the front of the row. A row's numbers
// are compared, a tile at a time, with what would still improve the list of i or that of j; the few
// that would are divided out. Rows run in parallel, a round of them at a time. Row i owns its own
// list; what it has for the others is put into buckets and handed over between rounds. Thresholds
// are those of the round's beginning. That lets through more offers, never other lists. For the
// same reason a round takes rows from all over the catalogue: among rare items similarity rises as
// popularity falls, among popular ones the other way, so either order would offer nearly every
// pair.
#include "sartor/models/nearest.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <functional>
#include <numeric>

namespace sartor {
namespace {

constexpr std::size_t kOfferedPerBlock = 32;
constexpr std::size_t kRowsOfFirstRound = 128;
constexpr std::size_t kRowsPerRound = 1024;
constexpr std::size_t kBuckets = 64;
constexpr std::size_t kTileItems = 256;
// Comparisons by products may differ from the quotient by rounding; what passes is divided out.
constexpr float kSlack = 1 - 1e-6f;

// The rows with new numbers: place 0 is the item with the most users (then by ascending item).
struct Places {
  std::vector<std::uint32_t> item;  // of each place
  std::vector<std::size_t> begin;   // of each user's row
  std::vector<std::uint32_t> place;
  std::vector<float> value;                // empty if binary
  std::vector<std::size_t> columns_begin;  // of each place's users
  std::vector<std::uint32_t> user;
  std::vector<std::size_t> entry;  // where the user's row has the place
  std::vector<float> left;         // of each place
  std::vector<float> right;

  std::size_t size() const { return item.size(); }
};

Places by_popularity(const UserItems& rows, std::span<const float> values,
                     const SimilarityScale& scale, bool binary) {
  const ItemUsers columns = item_users(rows);
  const auto users_of = [&](std::uint32_t i) { return columns.begin[i + 1] - columns.begin[i]; };
  Places out;
  out.item.resize(rows.items);
  std::iota(out.item.begin(), out.item.end(), 0u);
  std::stable_sort(out.item.begin(), out.item.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return users_of(a) > users_of(b); });
  out.begin = rows.begin;
  out.place.resize(rows.item.size());
  if (!binary) out.value.resize(rows.item.size());
  out.columns_begin.assign(rows.items + 1, 0);
  out.user.resize(rows.item.size());
  out.entry.resize(rows.item.size());
  out.left.resize(rows.items);
  out.right.resize(rows.items);
  std::vector<std::size_t> next(rows.begin.begin(), rows.begin.end() - 1);
  std::size_t to = 0;
  for (std::uint32_t p = 0; p < out.size(); ++p) {  // places ascend, so every row ascends
    const std::uint32_t i = out.item[p];
    out.left[p] = scale.left[i];
    out.right[p] = scale.right[i];
    for (std::size_t at = columns.begin[i]; at < columns.begin[i + 1]; ++at, ++to) {
      const std::uint32_t u = columns.user[at];
      const std::size_t e = next[u]++;
      out.place[e] = p;
      if (!binary) out.value[e] = values[columns.entry[at]];
      out.user[to] = u;
      out.entry[to] = e;
    }
    out.columns_begin[p + 1] = to;
  }
  return out;
}

// 0 to n - 1 such that every stretch of them is spread evenly over all: steps of the golden
// section.
std::vector<std::uint32_t> spread(std::size_t n) {
  auto step = static_cast<std::size_t>(0.6180339887 * static_cast<double>(n)) | 1;
  while (std::gcd(step, n) > 1) step += 2;
  std::vector<std::uint32_t> out(n);
  for (std::size_t t = 0; t < n; ++t) out[t] = static_cast<std::uint32_t>(t * step % n);
  return out;
}

// A pair that may improve the list of place `to`.
struct Offer {
  std::uint32_t to;
  Similar similar;
};
using Buckets = std::array<std::vector<Offer>, kBuckets>;

class NearestItems {
 public:
  NearestItems(const UserItems& rows, std::span<const float> values,
               std::span<const float> user_weights, bool binary, const SimilarityScale& scale,
               std::size_t k)
      : places_(by_popularity(rows, values, scale, binary)),
        user_weights_(user_weights),
        binary_(binary),
        symmetric_(scale.left == scale.right),
        shrinkage_(scale.shrinkage),
        lists_(rows.items, Nearest(k)),
        thresholds_(rows.items, Nearest().threshold()),
        rows_(spread(rows.items)),
        bucket_width_(rows.items / kBuckets + 1) {}

  Result<std::vector<std::vector<Similar>>> run(const Resources& resources) {
    std::size_t n = kRowsOfFirstRound;
    for (std::size_t first = 0; first < places_.size(); first += n) {
      if (first > 0) n = std::min(2 * n, kRowsPerRound);
      n = std::min(n, places_.size() - first);
      SARTOR_TRY(round(first, n, resources));
    }
    std::vector<std::vector<Similar>> out(places_.size());
    SARTOR_TRY(parallel_for(resources, places_.size(), kRowsPerRound,
                            [&](std::size_t begin, std::size_t end) -> Status {
                              for (std::size_t p = begin; p < end; ++p) {
                                out[places_.item[p]] = lists_[p].take();
                              }
                              return {};
                            }));
    return out;
  }

 private:
  // Rows first to first + n of `rows_`.
  Status round(std::size_t first, std::size_t n, const Resources& resources) {
    SARTOR_TRY(parallel_for(resources, n, kOfferedPerBlock,
                            [&](std::size_t begin, std::size_t end) -> Status {
                              std::vector<float> row(places_.size(), 0.0f);
                              for (std::size_t r = first + begin; r < first + end; ++r) {
                                offer_row(rows_[r], row.data(), offers_[begin / kOfferedPerBlock]);
                              }
                              return {};
                            }));
    return parallel_for(resources, kBuckets, 1, [&](std::size_t bucket, std::size_t) -> Status {
      for (Buckets& block : offers_) {
        for (const Offer& offer : block[bucket]) lists_[offer.to].offer(offer.similar);
        block[bucket].clear();
      }
      const std::size_t end = std::min((bucket + 1) * bucket_width_, places_.size());
      for (std::size_t p = bucket * bucket_width_; p < end; ++p) {
        thresholds_[p] = lists_[p].threshold() * kSlack;
      }
      return {};
    });
  }

  // Adds row i's columns below i to `row`, which is 0, and leaves it so.
  void offer_row(std::size_t i, float* row, Buckets& offers) {
    std::size_t additions = 0;
    for (std::size_t at = places_.columns_begin[i]; at < places_.columns_begin[i + 1]; ++at) {
      additions += places_.entry[at] - places_.begin[places_.user[at]];
      fetch_row_of(at + 2);
      add_user(at, row);
    }
    if (additions < i / 4) {  // few of the columns are taken: go to each
      each_of_users(i, [&](std::uint32_t j) {
        if (row[j] > 0) offer_pair(i, j, row[j], offers);
        row[j] = 0;
      });
    } else {
      for (std::size_t j = 0; j < i; j += kTileItems) {
        offer_tile(i, j, std::min(kTileItems, i - j), row, offers);
      }
      std::fill(row, row + i, 0.0f);
    }
  }

  // The front of the row of the user at `at`: nobody else knows that it comes next.
  void fetch_row_of(std::size_t at) const {
    if (at >= places_.user.size()) return;
    const std::uint32_t* row = places_.place.data() + places_.begin[places_.user[at]];
    for (std::size_t line = 0; line < 4; ++line) __builtin_prefetch(row + 16 * line);
  }

  void add_user(std::size_t at, float* row) const {
    const std::size_t u = places_.user[at];
    const std::size_t end = places_.entry[at];
    const std::uint32_t* place = places_.place.data();
    const float weight = user_weights_.empty() ? 1.0f : user_weights_[u];
    if (binary_) {
      std::size_t e = places_.begin[u];
      for (; e + 4 <= end; e += 4) {  // a place stands once in a row
        row[place[e]] += weight;
        row[place[e + 1]] += weight;
        row[place[e + 2]] += weight;
        row[place[e + 3]] += weight;
      }
      for (; e < end; ++e) row[place[e]] += weight;
    } else {
      const float* value = places_.value.data();
      const float x = value[end];
      for (std::size_t e = places_.begin[u]; e < end; ++e) {
        row[place[e]] += weight * (x * value[e]);
      }
    }
  }

  template <class Visit>
  void each_of_users(std::size_t i, Visit&& visit) const {
    for (std::size_t at = places_.columns_begin[i]; at < places_.columns_begin[i + 1]; ++at) {
      for (std::size_t e = places_.begin[places_.user[at]]; e < places_.entry[at]; ++e) {
        visit(places_.place[e]);
      }
    }
  }

  // Columns j to j + n. The compiler makes vectors of the first loop; the second skips eight
  // columns at a time.
  void offer_tile(std::size_t i, std::size_t j, std::size_t n, const float* row, Buckets& offers) {
    alignas(64) std::uint8_t hit[kTileItems] = {};
    const float threshold = lists_[i].threshold() * kSlack;
    const float left = places_.left[i];
    const float right = places_.right[i];
    const float* lefts = places_.left.data() + j;
    const float* rights = places_.right.data() + j;
    const float* thresholds = thresholds_.data() + j;
    const float* gram = row + j;
    for (std::size_t t = 0; t < n; ++t) {
      const float for_i = threshold * (left * rights[t] + shrinkage_);
      const float for_j = thresholds[t] * (lefts[t] * right + shrinkage_);
      hit[t] = gram[t] >= (for_i < for_j ? for_i : for_j);
    }
    for (std::size_t t = 0; t < n; t += 8) {
      std::uint64_t hits;
      std::memcpy(&hits, hit + t, sizeof(hits));
      for (; hits != 0; hits &= hits - 1) {
        const std::size_t s = t + static_cast<std::size_t>(std::countr_zero(hits)) / 8;
        if (gram[s] > 0) offer_pair(i, j + s, gram[s], offers);
      }
    }
  }

  void offer_pair(std::size_t i, std::size_t j, float gram, Buckets& offers) {
    const float of_i = gram / (places_.left[i] * places_.right[j] + shrinkage_);
    const float of_j = symmetric_ ? of_i : gram / (places_.left[j] * places_.right[i] + shrinkage_);
    lists_[i].offer({of_i, places_.item[j]});
    if (of_j >= thresholds_[j]) {
      offers[j / bucket_width_].push_back({static_cast<std::uint32_t>(j), {of_j, places_.item[i]}});
    }
  }

  Places places_;
  std::span<const float> user_weights_;
  bool binary_;
  bool symmetric_;
  float shrinkage_;
  std::vector<Nearest> lists_;
  std::vector<float> thresholds_;    // of lists_ at the round's beginning, a little lower
  std::vector<std::uint32_t> rows_;  // in the order of their turn
  std::size_t bucket_width_;
  std::vector<Buckets> offers_{kRowsPerRound / kOfferedPerBlock};  // of each block of a round
};

}  // namespace

// Of a full list of 2 k. A pivot that a sample puts a little below the k-th is nearly always good
// enough, and one pass without branches costs a fraction of a selection.
void Nearest::drop_hopeless() {
  constexpr std::size_t kSample = 16;
  constexpr std::size_t kRank = 9;  // of the sample: 60% of the list, and k is half of it
  if (kept_.size() < 4 * kSample) return keep_best();
  std::array<std::uint64_t, kSample> sample;
  for (std::size_t s = 0; s < kSample; ++s) sample[s] = kept_[s * kept_.size() / kSample];
  std::nth_element(sample.begin(), sample.begin() + kRank, sample.end(), std::greater<>{});
  const std::uint64_t pivot = sample[kRank];
  std::size_t above = 0;
  for (const std::uint64_t key : kept_) above += key >= pivot;
  if (above < k_) return keep_best();
  std::size_t n = 0;
  for (const std::uint64_t key : kept_) {
    kept_[n] = key;
    n += key >= pivot;
  }
  kept_.resize(n);
  worst_ = pivot - 1;  // pivot itself is kept
}

void Nearest::keep_best() {
  if (kept_.size() < k_) return;
  const auto last = kept_.begin() + static_cast<std::ptrdiff_t>(k_ - 1);
  std::nth_element(kept_.begin(), last, kept_.end(), std::greater<>{});
  worst_ = *last;
  kept_.resize(k_);
}

std::vector<Similar> Nearest::take() {
  keep_best();
  std::sort(kept_.begin(), kept_.end(), std::greater<>{});
  std::vector<Similar> out;
  out.reserve(kept_.size());
  for (const std::uint64_t key : kept_) out.push_back(of_key(key));
  kept_ = {};
  return out;
}

Result<std::vector<std::vector<Similar>>> nearest_items(const UserItems& rows,
                                                        std::span<const float> values,
                                                        std::span<const float> user_weights,
                                                        bool binary, const SimilarityScale& scale,
                                                        std::size_t k, const Resources& resources) {
  return NearestItems(rows, values, user_weights, binary, scale, std::max<std::size_t>(k, 1))
      .run(resources);
}

}  // namespace sartor
