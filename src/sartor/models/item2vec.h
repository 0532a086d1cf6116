// item2vec: items and users in a few dimensions, from the order in which things were taken.
//
// Skip-gram with negative sampling (Mikolov et al., NIPS 2013) over users' histories in time order
// (Barkan and Koenigstein, MLSP 2016): an item's vector foretells its neighbours in histories.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sartor/base/fields.h"
#include "sartor/base/matrix.h"
#include "sartor/models/array.h"
#include "sartor/models/decay.h"
#include "sartor/models/item_knn.h"
#include "sartor/models/kept_items.h"
#include "sartor/models/model.h"

namespace sartor {

struct Item2vecConfig {
  static constexpr std::string_view kFamily = "item2vec";

  int dimensions = 64;
  int window = 5;
  int negatives = 5;
  int epochs = 10;
  double learning_rate = 0.025;
  double negative_power = 0.75;
  double subsample = 0;
  double half_life_days = kNoDecayDays;
  std::uint64_t seed = 1;

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"dimensions", &Item2vecConfig::dimensions, 1, 1024, Scale::log, "length of a vector"},
        Field{"window", &Item2vecConfig::window, 1, 100, Scale::log,
              "events to either side that an item foretells; each time 1 to this many"},
        Field{"negatives", &Item2vecConfig::negatives, 1, 100, Scale::log,
              "items drawn against each item of a history"},
        Field{"epochs", &Item2vecConfig::epochs, 1, 1000, Scale::log, "passes over all histories"},
        Field{"learning_rate", &Item2vecConfig::learning_rate, 1e-6, 1, Scale::log,
              "of the first step; falls linearly to .004 of that"},
        Field{"negative_power", &Item2vecConfig::negative_power, -2, 2, Scale::linear,
              "of an item's frequency in drawing negatives"},
        Field{"subsample", &Item2vecConfig::subsample, 0, 1, Scale::linear,
              "share of all events from which on an item's are left out now and then; 0: never"},
        Field{"half_life_days", &Item2vecConfig::half_life_days, kShortestHalfLife, kNoDecayDays,
              Scale::log, "days until an item of the user's history counts half; 3650: always"},
        Field{"seed", &Item2vecConfig::seed, 0, 9e15, Scale::fixed, "of every random choice"});
  }
};

// What was taken, in order: sequence s is item[begin[s]] … item[begin[s + 1]], each below `items`.
struct Sequences {
  std::size_t items = 0;
  std::vector<std::size_t> begin;  // sequences + 1
  std::vector<std::uint32_t> item;
  // 1: of the same moment as the event before it. Such events have no order, and are put into
  // another one in each epoch. Empty: all have an order.
  std::vector<std::uint8_t> together;

  std::size_t size() const { return begin.size() - 1; }
};

// Both vectors of each item, items x dimensions: `input` stands for what the item is, `output` for
// where it is expected. Zeros for items that no sequence names.
struct SkipGram {
  Matrix<float> input;
  Matrix<float> output;
};

// O(events window negatives dimensions) per epoch. The same bits at any thread count (on one kind
// of processor). Fails with `invalid_argument` where a value is out of range or no sequence holds
// an item, `internal`, naming the item, where a vector is not finite.
Result<SkipGram> fit_skip_gram(const Sequences& sequences, const Item2vecConfig& config,
                               const Resources& resources);

// Histories as sequences: one per user, in time order; rows of one time (or of none) are together.
// Items are numbered as in `kept`.
Sequences sequences_of(const History& history, const KeptItems& kept);

// The fitted vectors, immutable: of items, and through them of users, seen before or not.
class ItemVectors {
 public:
  std::size_t dimensions() const { return static_cast<std::size_t>(config_.dimensions); }
  const Item2vecConfig& config() const { return config_; }
  // Which items have vectors; the rows of all that follows are in its numbering.
  const KeptItems& kept() const { return kept_; }
  // SkipGram::input scaled to length 1: what is compared by cosine.
  MatrixView<const float> unit() const { return view(unit_); }
  MatrixView<const float> input() const { return view(input_); }
  MatrixView<const float> output() const { return view(output_); }
  // negative_power * ln(count): what skip-gram leaves out of `output`, for its negatives are drawn
  // by it.
  std::span<const float> prior() const { return prior_.span(); }

  // The mean of the unit vectors of the query's distinct known items, each halved for every
  // `half_life_days` since it was last taken, scaled to length 1; zeros if none is known.
  void user_vector(const Query& query, double half_life_days, std::span<float> out) const;

  // The k items nearest to `item` by cosine, nearest first (ties by ascending item), itself left
  // out; none if the item is not known. O(items dimensions).
  std::vector<Similar> nearest(ItemId item, std::size_t k) const;

  Status save(TensorFile& out) const;
  // Fails with `bad_data` where a tensor is missing, or a number not finite.
  static Result<ItemVectors> load(const TensorFile& file);

 private:
  friend Result<ItemVectors> fit_item_vectors(const FitInput&, const Item2vecConfig&,
                                              const Resources&);

  void make_unit();
  MatrixView<const float> view(const Array<float>& values) const {
    return {values.data(), kept_.size(), dimensions(), dimensions()};
  }

  Item2vecConfig config_;
  KeptItems kept_;
  Array<float> input_;  // kept x dimensions, like the next two
  Array<float> output_;
  Array<float> unit_;
  Array<float> prior_;  // kept
};

// User weights count in a stranger's scores only. Fails like check_fit_input and fit_skip_gram.
Result<ItemVectors> fit_item_vectors(const FitInput& input, const Item2vecConfig& config,
                                     const Resources& resources);

// score = u . v_i + prior_i, v output vectors and u the mean of the input vectors of the query's
// items, weighted as in user_vector: the log odds, but for a constant, that i comes next. Without a
// known item: popularity between 0 and 1.
Result<ModelPtr> fit_item2vec(const FitInput& input, const Item2vecConfig& config,
                              const Resources& resources);
Result<ModelPtr> load_item2vec(const TensorFile& file);

}  // namespace sartor
