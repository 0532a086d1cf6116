// The variants of each component that a search may choose from, and their fitting on one history.
// What variants share (a Gram matrix, an inverse) is made once.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "sartor/models/als.h"
#include "sartor/models/gram.h"
#include "sartor/models/model.h"
#include "sartor/models/rerank.h"
#include "sartor/tuning/blend_search.h"
#include "sartor/tuning/config.h"

namespace sartor {

// One component of a blend: a row of the models' registry with some of its config.
struct VariantSpec {
  std::string slot;  // its place in the blend: "popularity", "popularity_long", "own_history", …
  std::string family;
  double half_life_days = 0;  // of events, or of the items in the user's history; 0 never fades
  std::map<std::string, double> parameters;  // keys of the family's config; the others default

  bool operator==(const VariantSpec&) const = default;
  std::string label() const;      // "ease, regularization 300, half-life 60 days"
  std::string component() const;  // "ease-300": the same for every slot and half-life

  static constexpr auto fields() {
    return std::make_tuple(Field{"slot", &VariantSpec::slot, "place in the blend"},
                           Field{"family", &VariantSpec::family, "of the model"},
                           Field{"half_life_days", &VariantSpec::half_life_days, "0 never fades"},
                           Field{"parameters", &VariantSpec::parameters, "of the family"});
  }
};

// A blend: one variant per slot, with its weight.
struct Term {
  VariantSpec variant;
  double weight = 0;

  static constexpr auto fields() {
    return std::make_tuple(Field{"variant", &Term::variant, "the component"},
                           Field{"weight", &Term::weight, "its weight; all of a blend sum to 1"});
  }
};

// What a re-ranker is made of on any history, once its trees are fitted.
struct RerankPlan {
  std::vector<Term> terms;  // of the blend that draws up the list
  int candidates = 150;
  bool repeat = false;
  double unit_days = 30;                // ItemFacts
  std::vector<std::uint32_t> category;  // of each item, or empty
  Trees trees;
};

struct VariantPlan {
  std::vector<VariantSpec> variants;
  std::vector<Slot> slots;  // of positions in `variants`

  bool operator==(const VariantPlan&) const = default;

  static constexpr auto fields() {
    return std::make_tuple(Field{"variants", &VariantPlan::variants, "of all slots"},
                           Field{"slots", &VariantPlan::slots, "of positions in `variants`"});
  }
};

// Everything that the config lets a search choose from. Own history needs `repeat`; half-lives need
// times (`timed`).
VariantPlan plan_variants(const ModelsConfig& config, bool repeat, bool timed);

// A component that could not be used, with all its half-lives, and why.
struct LeftOut {
  std::string component;  // VariantSpec::component()
  std::string reason;

  static constexpr auto fields() {
    return std::make_tuple(Field{"component", &LeftOut::component, "what is left out"},
                           Field{"reason", &LeftOut::reason, "why"});
  }
};

// The plan without the variants of `component`, and without slots that are empty then.
VariantPlan without(const VariantPlan& plan, const std::string& component);

// Whose models are fitted, and how they come to differ from general's.
struct SegmentFit {
  std::span<const UserId>
      users;  // the segment's, with a history, ascending; none: all is general's
  // fine_tuned: general's models, pulled to `users`; separate: models of their interactions alone;
  // anything else: general's models as they are.
  std::string adaptation = "general";
  double strength = 0;  // of fine_tuned

  // Whether the segment's model of a variant is another than general's. `fine_tuned` are what has a
  // Gram matrix, ALS, popularity, and the components of a re-ranker; `separate` everything but own
  // history, which learns nothing from anybody.
  bool has_own(const VariantSpec& spec) const;
};

// How much each user's interactions count, so that all of them together count as much as before,
// and those of `users` strength times as much as everybody's beside that. Infinite: those alone.
std::vector<float> raised_weights(const History& history, std::span<const UserId> users,
                                  double strength);

// Of `users` (ascending) as many as have `rows` interactions together, in an order that has nothing
// to do with them; those who would be too many are passed over. All if `rows` is 0.
std::vector<UserId> within_rows(const History& history, std::vector<UserId> users,
                                std::int64_t rows);

// The interactions of `users` alone, as of `history`.
InteractionLog log_of(const History& history, std::span<const UserId> users);

// Fits variants on one history. Not safe for use from several threads; each fit uses `resources`
// inside.
class VariantFitter {
 public:
  // `item_attributes` (one row per item) may be null; it must outlive the fitter, as the history.
  VariantFitter(const History& history, const Table* item_attributes, const ModelsConfig& config)
      : input_{.history = &history, .item_attributes = item_attributes}, config_(config) {}

  Result<ModelPtr> fit(const VariantSpec& spec, const Resources& resources);

  // What all half-lives of the variant share: the model without one.
  Result<ModelPtr> fit_base(const VariantSpec& spec, const Resources& resources);

  // Frees what fit() kept of the variant.
  void forget(const VariantSpec& spec);

  // The segment's own model where it has one, else general's. What counts more counts
  // (1 + strength * n / n_segment) times in a Gram matrix; raised_weights() elsewhere. What
  // cannot be fitted to the segment's users alone is general's. A re-ranker's components are the
  // segment's own, its trees and facts are general's.
  Result<ModelPtr> fit_for(const SegmentFit& segment, const VariantSpec& spec,
                           const Resources& resources);

  // What all half-lives of that share.
  Result<ModelPtr> fit_base_for(const SegmentFit& segment, const VariantSpec& spec,
                                const Resources& resources);

  // What the segment's own models of `variants` take in a bundle, each once.
  Result<std::size_t> own_bytes(const SegmentFit& segment, std::span<const VariantSpec> variants,
                                const Resources& resources);

  const RerankPlan* rerank_plan() const { return rerank_plan_.get(); }
  // What family "rerank" is from now on.
  void use(std::shared_ptr<const RerankPlan> plan) {
    rerank_plan_ = std::move(plan);
    fitted_.erase("rerank, never fades");
  }
  // The blend of the plan on this history, ready to draw up lists; its components, named with
  // `prefix` where they are the segment's own, join `components`, without half-lives.
  Result<Shortlister> shortlister(const RerankPlan& plan, const SegmentFit& segment,
                                  const std::string& prefix, ModelMap& components,
                                  const Resources& resources);
  // Family "rerank" itself, likewise.
  Result<ModelPtr> rerank(const SegmentFit& segment, const std::string& prefix,
                          ModelMap& components, const Resources& resources);

 private:
  Result<const Gram*> gram(const Resources& resources);
  Result<ModelPtr> from_gram(const Gram& gram, const VariantSpec& spec,
                             const Resources& resources) const;

  // What is kept of the segment asked for last.
  struct Own {
    std::vector<UserId> users;
    std::string adaptation;
    std::shared_ptr<const Gram> gram;        // of its users
    std::shared_ptr<const History> history;  // likewise, which keeps the log alive
    std::shared_ptr<VariantFitter> fitter;   // on that history
    std::map<std::string, ModelPtr> fitted;  // by base label and strength
  };
  // Makes room for another segment, or another of its adaptations.
  void turn_to(const SegmentFit& segment);
  Result<ModelPtr> pulled(const SegmentFit& segment, const VariantSpec& base,
                          const Resources& resources);
  Result<ModelPtr> separate(const SegmentFit& segment, const VariantSpec& base,
                            const Resources& resources);

  FitInput input_;
  ModelsConfig config_;
  std::shared_ptr<const Gram> gram_;
  Own own_;
  std::map<std::string, std::shared_ptr<const AlsPull>> als_pulls_;  // by base label
  std::map<std::string, ModelPtr> fitted_;  // by label, without slot and half-life
  std::shared_ptr<const RerankPlan> rerank_plan_;
};

}  // namespace sartor
