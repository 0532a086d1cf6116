// Training; one step of it is in skip_gram_step.h.
//
// The events are cut into blocks, and kTogether blocks make a round. Within a round each
// block trains copies, of its own, of the vectors that it meets: they fit into the cache, and
// nobody writes what another reads. After the round, what every block has changed is added to the
// vectors, in the order of the blocks (see Want). How many threads there are does not matter to any
// of this.
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "sartor/base/random.h"
#include "sartor/models/item2vec.h"
#include "sartor/models/saved_config.h"
#include "sartor/models/skip_gram_step.h"

namespace sartor {
namespace {

using skip_gram::Rows;

constexpr std::size_t kTogether = 8;  // blocks of a round
constexpr std::size_t kMergers = 8;   // parts of the items that are merged at the same time
constexpr std::size_t kPool = 512;    // negatives that the events of a block share, at most
constexpr double kLastRate = 0.004;   // of the first
// A block's events: fewer than the most where an epoch would have less than fifty rounds.
constexpr std::size_t kMostEvents = 1024;
constexpr std::size_t kLeastEvents = 16;
constexpr std::size_t kRoundsPerEpoch = 50;
// A quarter, the steepest slope of s, times the squared length of a vector, which is some four.
constexpr float kCurvature = 1;
// Events of a history that stay together: a block's, but within these.
constexpr std::size_t kShortPiece = 64;
constexpr std::size_t kLongPiece = 256;

struct Piece {
  std::size_t begin = 0;
  std::size_t end = 0;
};

// What all blocks read.
struct Plan {
  std::vector<Piece> pieces;               // of sequences, in random order
  std::vector<std::size_t> begin;          // of blocks in `pieces`, blocks + 1
  std::vector<std::size_t> events_before;  // per block
  std::vector<float> keep;                 // probability per item; empty: all are kept
  std::vector<std::uint32_t> negatives;    // item i's share is ~ count^negative_power

  std::size_t blocks() const { return begin.size() - 1; }
};

void shuffle(std::span<std::uint32_t> values, Random& random) {
  for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[random.below(i)]);
}

// Histories, long ones cut up: who foretells whom does not reach over a cut.
std::vector<Piece> shuffled_pieces(const Sequences& sequences, std::size_t longest,
                                   std::uint64_t seed) {
  std::vector<Piece> pieces;
  for (std::size_t s = 0; s < sequences.size(); ++s) {
    for (std::size_t at = sequences.begin[s]; at < sequences.begin[s + 1]; at += longest) {
      pieces.push_back({at, std::min(at + longest, sequences.begin[s + 1])});
    }
  }
  Random random = Random::stream(seed, 1);
  for (std::size_t i = pieces.size(); i > 1; --i) std::swap(pieces[i - 1], pieces[random.below(i)]);
  return pieces;
}

// A long list in which each item stands as often as it is to be drawn.
std::vector<std::uint32_t> negative_table(const std::vector<double>& count, double power) {
  double total = 0;
  for (const double n : count) total += n > 0 ? std::pow(n, power) : 0;
  const std::size_t size = std::max<std::size_t>(1U << 16U, 16 * count.size());
  std::vector<std::uint32_t> table(size);
  std::size_t at = 0;
  double sum = 0;
  for (std::size_t i = 0; i < count.size(); ++i) {
    if (count[i] > 0) sum += std::pow(count[i], power) / total;
    const double to = sum * static_cast<double>(size);
    for (; at < size && static_cast<double>(at) + 0.5 < to; ++at) {
      table[at] = static_cast<std::uint32_t>(i);
    }
  }
  for (; at < size; ++at) table[at] = table[at - 1];  // what rounding left
  return table;
}

Plan make_plan(const Sequences& sequences, const std::vector<double>& count,
               const Item2vecConfig& config) {
  const auto events = static_cast<double>(sequences.item.size());
  const std::size_t size =
      std::clamp(sequences.item.size() / (kRoundsPerEpoch * kTogether), kLeastEvents, kMostEvents);
  Plan plan{
      .pieces = shuffled_pieces(sequences, std::clamp(size, kShortPiece, kLongPiece), config.seed),
      .negatives = negative_table(count, config.negative_power)};
  if (config.subsample > 0) {  // as word2vec does it
    for (const double n : count) {
      const double over = n / (config.subsample * events);
      plan.keep.push_back(over > 0 ? static_cast<float>((std::sqrt(over) + 1) / over) : 1);
    }
  }
  std::size_t before = 0;
  std::size_t in_block = size;
  for (std::size_t p = 0; p < plan.pieces.size(); ++p) {
    if (in_block >= size) {
      plan.begin.push_back(p);
      plan.events_before.push_back(before);
      in_block = 0;
    }
    const std::size_t n = plan.pieces[p].end - plan.pieces[p].begin;
    in_block += n;
    before += n;
  }
  plan.begin.push_back(plan.pieces.size());
  return plan;
}

// What the blocks of a round want of one vector. They do not see each other's steps, and on a
// frequent item their changes would add up to far too much. n steps of length `rate` go about
// c / (1 + c) of the way to where they lead, c = kCurvature rate n; those of all blocks, one after
// the other, would go C / (1 + C), C = sum of c. To that the sum of the changes is scaled: nothing
// is lost of a rare item's, and a very frequent one's are averaged.
struct Want {
  float c = 0;      // sum over the blocks
  float share = 0;  // sum of c / (1 + c)

  void add(float strength) {
    c += strength;
    share += strength / (1 + strength);
  }
  float scale() const { return share > 0 ? c / (1 + c) / share : 0; }
};

// One vector per item, and what is wanted of it in the present round.
struct Side {
  Side(std::size_t items, std::size_t width) : rows(items, width), want(items) {}

  Rows rows;
  std::vector<Want> want;
};

struct TwoSides {
  Side in;
  Side out;
};

// Some vectors of a side, and how many steps each has taken.
struct Copies {
  Rows rows;
  std::vector<std::uint32_t> steps;
  std::vector<float*> pointers;  // of one step

  // Those of `items`, in their order.
  void take(const Side& side, std::span<const std::uint32_t> items, std::size_t width) {
    rows.grow(items.size());
    for (std::size_t r = 0; r < items.size(); ++r) {
      std::copy_n(side.rows.row(items[r]), width, rows.row(r));
    }
    steps.assign(items.size(), 0);
  }

  // The vectors at `places`, each of which takes n steps more.
  std::span<float* const> stepped(std::span<const std::uint32_t> places, std::size_t n) {
    pointers.clear();
    for (const std::uint32_t place : places) {
      pointers.push_back(rows.row(place));
      steps[place] += static_cast<std::uint32_t>(n);
    }
    return pointers;
  }

  // Leaves the changes.
  void subtract(const Side& side, std::span<const std::uint32_t> items, std::size_t width) {
    for (std::size_t r = 0; r < items.size(); ++r) {
      const float* from = side.rows.row(items[r]);
      float* row = rows.row(r);
      for (std::size_t k = 0; k < width; ++k) row[k] -= from[k];
    }
  }
};

// One block's copies and what it trains them on.
class Block {
 public:
  Block(std::size_t items, std::size_t width) : width_(width), place_(items, kNowhere) {
    in_.rows.set_width(width);
    out_.rows.set_width(width);
  }

  // Reads the events of block b, copies what they need, trains it, and leaves the changes.
  void train(const Sequences& sequences, const Plan& plan, std::size_t b, float rate,
             const Item2vecConfig& config, Random random, const TwoSides& vectors) {
    clear();
    read(sequences, plan, b, random);
    const std::size_t inputs = items_.size();
    pool_.resize(std::min(kPool, events_.size() * static_cast<std::size_t>(config.negatives)));
    for (auto& place : pool_) place = place_of(plan.negatives[random.below(plan.negatives.size())]);
    const std::span<const std::uint32_t> items(items_);
    in_.take(vectors.in, items.first(inputs), width_);
    out_.take(vectors.out, items, width_);
    skip_gram::with_step(width_, static_cast<std::size_t>(config.negatives),
                         [&](auto step) { run(step, config, rate, random); });
    in_.subtract(vectors.in, items.first(inputs), width_);
    out_.subtract(vectors.out, items, width_);
    rate_ = rate;
  }

  // For the items of one part: says what is wanted, adds the changes, and wants nothing any more.
  void want(std::size_t part, TwoSides& vectors) const {
    for_part(part, vectors, [&](const Copies& copies, std::size_t place, Side& side, auto item) {
      side.want[item].add(kCurvature * rate_ * static_cast<float>(copies.steps[place]));
    });
  }
  void add(std::size_t part, TwoSides& vectors) const {
    for_part(part, vectors, [&](const Copies& copies, std::size_t place, Side& side, auto item) {
      const float scale = side.want[item].scale();
      const float* change = copies.rows.row(place);
      float* row = side.rows.row(item);
      for (std::size_t k = 0; k < width_; ++k) row[k] += scale * change[k];
    });
  }
  void forget(std::size_t part, TwoSides& vectors) const {
    for_part(part, vectors,
             [](const Copies&, std::size_t, Side& side, auto item) { side.want[item] = {}; });
  }

 private:
  static constexpr std::uint32_t kNowhere = 0xffffffff;

  template <class Visit>
  void for_part(std::size_t part, TwoSides& vectors, Visit&& visit) const {
    for (const std::uint32_t place : part_[part]) {
      if (place < in_.steps.size()) visit(in_, place, vectors.in, items_[place]);
      visit(out_, place, vectors.out, items_[place]);
    }
  }

  void clear() {
    for (const std::uint32_t item : items_) place_[item] = kNowhere;
    items_.clear();
    events_.clear();
    ends_.clear();
    for (auto& part : part_) part.clear();
  }

  std::uint32_t place_of(std::uint32_t item) {
    std::uint32_t& place = place_[item];
    if (place == kNowhere) {
      place = static_cast<std::uint32_t>(items_.size());
      items_.push_back(item);
      part_[item % kMergers].push_back(place);
    }
    return place;
  }

  void read(const Sequences& sequences, const Plan& plan, std::size_t b, Random& random) {
    for (std::size_t p = plan.begin[b]; p < plan.begin[b + 1]; ++p) {
      const Piece piece = plan.pieces[p];
      order_.assign(&sequences.item[piece.begin],
                    &sequences.item[piece.begin] + piece.end - piece.begin);
      if (!sequences.together.empty()) mix(&sequences.together[piece.begin], random);
      for (const std::uint32_t item : order_) {
        if (!plan.keep.empty() && plan.keep[item] < 1 && plan.keep[item] < random.uniform())
          continue;
        events_.push_back(place_of(item));
      }
      ends_.push_back(events_.size());
    }
  }

  // Puts what belongs to one moment into a random order.
  void mix(const std::uint8_t* together, Random& random) {
    for (std::size_t i = 0; i < order_.size();) {
      std::size_t end = i + 1;
      while (end < order_.size() && together[end] != 0) ++end;
      shuffle(std::span(order_).subspan(i, end - i), random);
      i = end;
    }
  }

  template <class StepOfWidth>
  void run(StepOfWidth& step, const Item2vecConfig& config, float rate, Random& random) {
    const auto window = static_cast<std::size_t>(config.window);
    std::size_t first = 0;
    for (const std::size_t end : ends_) {
      for (std::size_t t = first; t < end; ++t) {
        const std::size_t reach = 1 + random.below(window);
        neighbours_.clear();
        for (std::size_t c = t - std::min(t - first, reach); c < std::min(end, t + reach + 1);
             ++c) {
          if (c != t) neighbours_.push_back(events_[c]);
        }
        targets_.assign(1, events_[t]);
        for (int k = 0; k < config.negatives; ++k) {
          const std::uint32_t place = pool_[random.below(pool_.size())];
          if (place != events_[t]) targets_.push_back(place);
        }
        step.take(in_.stepped(neighbours_, targets_.size()),
                  out_.stepped(targets_, neighbours_.size()), rate);
      }
      first = end;
    }
  }

  std::size_t width_;
  std::vector<std::uint32_t> place_;  // of each item in the copies
  std::vector<std::uint32_t> items_;  // of each place; those of events stand first
  std::array<std::vector<std::uint32_t>, kMergers> part_;  // places by item % kMergers
  std::vector<std::uint32_t> events_;                      // places, one piece behind the other
  std::vector<std::size_t> ends_;                          // of pieces in `events_`
  std::vector<std::uint32_t> order_;                       // of the piece that is read
  std::vector<std::uint32_t> neighbours_, targets_;        // of the event at hand
  std::vector<std::uint32_t> pool_;                        // places of negatives
  Copies in_;                                              // of items of events alone
  Copies out_;                                             // and of negatives
  float rate_ = 0;
};

// Adds what the blocks of a round have changed, for one part of the items.
void merge(std::span<const Block> blocks, std::size_t part, TwoSides& vectors) {
  for (const Block& block : blocks) block.want(part, vectors);
  for (const Block& block : blocks) block.add(part, vectors);
  for (const Block& block : blocks) block.forget(part, vectors);
}

TwoSides first_vectors(const std::vector<double>& count, std::size_t width,
                       const Item2vecConfig& config) {
  TwoSides vectors{Side(count.size(), width), Side(count.size(), width)};
  Random random = Random::stream(config.seed, 2);
  for (std::size_t i = 0; i < count.size(); ++i) {
    if (count[i] == 0) continue;
    for (int k = 0; k < config.dimensions; ++k) {
      vectors.in.rows.row(i)[k] = static_cast<float>((random.uniform() - 0.5) / config.dimensions);
    }
  }
  return vectors;
}

Status train_epoch(const Sequences& sequences, const Plan& plan, const Item2vecConfig& config,
                   std::size_t epoch, const Resources& resources, std::vector<Block>& blocks,
                   TwoSides& vectors) {
  const auto events = static_cast<double>(sequences.item.size());
  for (std::size_t first = 0; first < plan.blocks(); first += kTogether) {
    const std::size_t n = std::min(kTogether, plan.blocks() - first);
    SARTOR_TRY(parallel_for(resources, n, 1, [&](std::size_t slot, std::size_t) -> Status {
      const std::size_t b = first + slot;
      const double done =
          static_cast<double>(epoch) + static_cast<double>(plan.events_before[b]) / events;
      const double rate = config.learning_rate * std::max(kLastRate, 1 - done / config.epochs);
      blocks[slot].train(sequences, plan, b, static_cast<float>(rate), config,
                         Random::stream(config.seed, 3 + epoch * plan.blocks() + b), vectors);
      return {};
    }));
    SARTOR_TRY(parallel_for(resources, kMergers, 1, [&](std::size_t part, std::size_t) -> Status {
      merge(std::span(blocks).first(n), part, vectors);
      return {};
    }));
  }
  return {};
}

Result<Matrix<float>> without_padding(const Rows& rows, std::size_t items, std::size_t dimensions) {
  Matrix<float> out(items, dimensions);
  for (std::size_t i = 0; i < items; ++i) {
    std::copy_n(rows.row(i), dimensions, out.row(i).data());
    if (!std::all_of(rows.row(i), rows.row(i) + dimensions,
                     [](float v) { return std::isfinite(v); })) {
      return Error{ErrorCode::internal,
                   fmt::format("item2vec: the vector of item {} is not finite; is learning_rate "
                               "too large?",
                               i)};
    }
  }
  return out;
}

}  // namespace

Result<SkipGram> fit_skip_gram(const Sequences& sequences, const Item2vecConfig& config,
                               const Resources& resources) {
  SARTOR_TRY(check_config(config));
  if (sequences.item.empty()) {
    return Error{ErrorCode::invalid_argument, "item2vec: no sequence holds an item"};
  }
  std::vector<double> count(sequences.items, 0.0);
  for (const std::uint32_t item : sequences.item) count[item] += 1;
  const auto dimensions = static_cast<std::size_t>(config.dimensions);
  const std::size_t width = skip_gram::padded(dimensions);
  const Plan plan = make_plan(sequences, count, config);
  TwoSides vectors = first_vectors(count, width, config);
  std::vector<Block> blocks(kTogether, Block(sequences.items, width));
  for (std::size_t epoch = 0; epoch < static_cast<std::size_t>(config.epochs); ++epoch) {
    SARTOR_TRY(train_epoch(sequences, plan, config, epoch, resources, blocks, vectors));
  }
  SkipGram out;
  SARTOR_ASSIGN(out.input, without_padding(vectors.in.rows, sequences.items, dimensions));
  SARTOR_ASSIGN(out.output, without_padding(vectors.out.rows, sequences.items, dimensions));
  return out;
}

}  // namespace sartor
