// Co-visitation: what is taken together with an item, or after it. Kept up to date event by event.
#pragma once

#include <cstdint>
#include <vector>

#include "sartor/base/fields.h"
#include "sartor/models/decay.h"
#include "sartor/models/model.h"

namespace sartor {

struct CovisitationConfig {
  static constexpr std::string_view kFamily = "covisitation";

  double horizon_days = 7;
  double gap_half_life_days = kNoDecayDays;
  double step_decay = 0.8;
  double together = 1;
  double backward = 0.3;
  int partners = 50;
  int max_pairs = 2000;
  double age_half_life_days = kNoDecayDays;
  int neighbours = 200;
  double shrinkage = 5;
  double popularity_power = 0.3;
  double half_life_days = kNoDecayDays;
  double recency_decay = 0.95;

  static constexpr auto fields() {
    using C = CovisitationConfig;
    return std::make_tuple(
        Field{"horizon_days", &C::horizon_days, 0, kNoDecayDays, Scale::linear,
              "items of different groups are taken after one another within so many days; 0: only "
              "those of one group or moment belong together"},
        Field{"gap_half_life_days", &C::gap_half_life_days, 0.001, kNoDecayDays, Scale::log,
              "gap after which the later item counts half; 3650: always"},
        Field{"step_decay", &C::step_decay, 0, 1, Scale::linear,
              "factor for each of the user's moments in between"},
        Field{"together", &C::together, 0, 100, Scale::linear,
              "what a pair of one moment counts, either way; the next moment's counts 1"},
        Field{"backward", &C::backward, 0, 1, Scale::linear,
              "share of a count that the earlier item gets after the later one"},
        Field{"partners", &C::partners, 1, 1000, Scale::log,
              "how many of the user's latest distinct items an event is paired with"},
        Field{"max_pairs", &C::max_pairs, 10, 1000000, Scale::log,
              "pairs that an item keeps counting, the strongest first to stay"},
        Field{"age_half_life_days", &C::age_half_life_days, kShortestHalfLife, kNoDecayDays,
              Scale::log, "days until a count counts half; 3650: always"},
        Field{"neighbours", &C::neighbours, 1, 5000, Scale::log,
              "items that the model keeps after each item"},
        Field{"shrinkage", &C::shrinkage, 0, 1000, Scale::linear,
              "added to the items' own counts in the denominator"},
        Field{"popularity_power", &C::popularity_power, 0, 1, Scale::linear,
              "0: how likely the item is after the other; 0.5: the cosine; 1: how likely the other "
              "came before"},
        Field{"half_life_days", &C::half_life_days, kShortestHalfLife, kNoDecayDays, Scale::log,
              "days until an item of the user's history counts half; 3650: always"},
        Field{"recency_decay", &C::recency_decay, 0, 1, Scale::linear,
              "factor for each later moment of the user's history"});
  }
};

// Running counts, brought up to date by one event at a time; a model is made of them at any moment.
// An event of item j is paired with the user's latest `partners` distinct other items i:
//   one moment (same time and group; untimed: same group)   C_ij and C_ji grow by `together`
//   i before j, in one group or at most the horizon apart   C_ij grows by
//       w = step_decay^(moments in between) 2^(-gap / gap_half_life), C_ji by backward w
// times the user's weight, and everything halves every age half-life (kept as growth of what is
// new: Cormode et al., ICDE 2009). D_i counts the events of i likewise. Untimed events are a
// sequence of their own, apart from timed ones, without gaps; each is a moment. Events of a user
// come in the order of their time; one that comes late counts as if it were as late as the last.
// Fitting a log and adding its events one by one in the order of (time, user) is the same thing,
// bit for bit. Memory: users x partners and items x 2 max_pairs at most. Not safe for several
// threads at once.
class CovisitationCounts {
 public:
  // The config is in range (check with fit_covisitation's rules: `check`).
  explicit CovisitationCounts(const CovisitationConfig& config) : config_(config) {}
  static Status check(const CovisitationConfig& config);

  // Users and items may be new. `group`: basket or session, Column::kMissing for none.
  void add(UserId user, ItemId item, Time time, std::uint32_t group, float user_weight = 1);

  // The model of the counts as of now over a catalogue of `items` items; others are left out.
  //     s_ij = C_ij / ((D_i + shrinkage)^(1 - popularity_power) (D_j + shrinkage)^popularity_power)
  // Each i keeps its `neighbours` best j, and score_j = sum over the history's distinct items i of
  // 2^(-age / half_life) recency_decay^(later moments) s_ij. A query none of whose items has
  // anything after it gets popularity, D_j between 0 and 1. Fails if cancelled.
  Result<ModelPtr> model(std::size_t items, const Resources& resources) const;

 private:
  struct Partner {
    ItemId item;
    std::uint32_t group;
    Time time;
    std::uint32_t moment;
  };
  struct UserState {
    std::vector<Partner> recent;  // distinct items, the latest last
    std::uint32_t moment = 0;
  };
  // What comes after one item: a hash table with open addressing, 0 or a power of two places.
  struct After {
    struct Place {
      std::uint32_t item = kEmpty;
      float count = 0;
    };
    static constexpr std::uint32_t kEmpty = 0xffffffff;
    std::vector<Place> places;
    std::size_t taken = 0;
    float total = 0;  // D_i

    void add(std::uint32_t item, float count);
    void rebuild(std::size_t size);
    void keep_strongest(std::size_t n);
  };

  float growth(Time time);
  void pair(const Partner& earlier, const Partner& later, float weight);
  void count(ItemId from, ItemId to, float weight);

  CovisitationConfig config_;
  std::vector<UserState> users_;
  std::vector<After> items_;
  Time landmark_ = kUntimed;  // the moment at which an event counts 1
  Time latest_ = kUntimed;
};

Result<ModelPtr> fit_covisitation(const FitInput& input, const CovisitationConfig& config,
                                  const Resources& resources);

Result<ModelPtr> load_covisitation(const TensorFile& file);

}  // namespace sartor
