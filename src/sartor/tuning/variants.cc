#include "sartor/tuning/variants.h"

#include <algorithm>

#include "sartor/evaluation/evaluate.h"
#include "sartor/models/decay.h"
#include "sartor/models/own_history.h"
#include "sartor/models/popularity.h"
#include "sartor/models/saved_config.h"

namespace sartor {
namespace {

using Specs = std::vector<VariantSpec>;

constexpr std::size_t kStrengthsTried = 2;  // of fine-tuning, as TuningConfig has it by default

Specs half_life_variants(const std::string& slot, const std::string& family,
                         const std::vector<double>& half_lives) {
  Specs specs;
  for (const double days : half_lives) {
    specs.push_back({.slot = slot, .family = family, .half_life_days = days});
  }
  return specs;
}

Specs knn_variants(const ModelsConfig& config, const std::vector<double>& half_lives) {
  Specs specs;
  for (const double shrinkage : config.item_knn_shrinkage) {
    for (const double days : half_lives) {
      specs.push_back({.slot = "item_knn",
                       .family = "item_knn",
                       .half_life_days = days,
                       .shrinkage = shrinkage,
                       .neighbours = config.neighbours});
    }
  }
  return specs;
}

Specs ease_variants(const ModelsConfig& config, const std::vector<double>& half_lives) {
  Specs specs;
  for (const double regularization : config.ease_regularization) {
    for (const double days : half_lives) {
      specs.push_back({.slot = "ease",
                       .family = "ease",
                       .half_life_days = days,
                       .regularization = regularization});
    }
  }
  return specs;
}

void add_slot(VariantPlan& plan, Specs specs) {
  if (specs.empty()) return;
  Slot slot{.name = specs.front().slot};
  for (VariantSpec& spec : specs) {
    slot.variants.push_back(plan.variants.size());
    plan.variants.push_back(std::move(spec));
  }
  plan.slots.push_back(std::move(slot));
}

ItemKnnConfig knn_config(const VariantSpec& spec) {
  return {.neighbours = spec.neighbours,
          .shrinkage = spec.shrinkage,
          .half_life_days = normal_half_life(spec.half_life_days)};
}

EaseConfig ease_config(const VariantSpec& spec, const ModelsConfig& config) {
  return {.regularization = spec.regularization,
          .half_life_days = normal_half_life(spec.half_life_days),
          .max_items = config.max_items};
}

// A wrong value of sartor.toml stops the run; data that a model cannot be fitted to does not.
template <HasFields T>
Status in_range(const T& config, std::string_view family) {
  const Status status = check_config(config, family);
  if (status) return {};
  return Error{ErrorCode::config, "models: " + status.error().message};
}

}  // namespace

std::string VariantSpec::label() const {
  std::string label = slot;
  if (regularization > 0) label += fmt::format(", regularization {}", regularization);
  if (neighbours > 0) label += fmt::format(", {} neighbours, shrinkage {}", neighbours, shrinkage);
  label +=
      half_life_days > 0 ? fmt::format(", half-life {} days", half_life_days) : ", never fades";
  return label;
}

std::string VariantSpec::component() const {
  std::string name = family;
  if (regularization > 0) name += fmt::format("-{}", regularization);
  if (neighbours > 0) name += fmt::format("-{}-{}", neighbours, shrinkage);
  return name;
}

VariantPlan plan_variants(const ModelsConfig& config, bool repeat, bool timed) {
  const auto wanted = [&](const char* family) {
    return std::find(config.families.begin(), config.families.end(), family) !=
           config.families.end();
  };
  // Without times nothing fades.
  const auto fading = [&](const std::vector<double>& days) {
    return timed ? days : std::vector<double>{0.0};
  };
  VariantPlan plan;
  if (wanted("popularity")) {
    if (timed) {
      add_slot(plan, half_life_variants("popularity", "popularity", config.popularity_half_lives));
    }
    add_slot(plan, half_life_variants("popularity_long", "popularity",
                                      fading(config.popularity_long_half_lives)));
  }
  if (wanted("own_history") && repeat) {
    add_slot(plan, half_life_variants("own_history", "own_history",
                                      fading(config.own_history_half_lives)));
  }
  if (wanted("item_knn")) add_slot(plan, knn_variants(config, fading(config.history_half_lives)));
  if (wanted("ease")) add_slot(plan, ease_variants(config, fading(config.history_half_lives)));
  return plan;
}

VariantPlan without(const VariantPlan& plan, const std::string& component) {
  VariantPlan left;
  for (const Slot& slot : plan.slots) {
    Specs specs;
    for (const std::size_t v : slot.variants) {
      if (plan.variants[v].component() != component) specs.push_back(plan.variants[v]);
    }
    add_slot(left, std::move(specs));
  }
  return left;
}

bool can_be_fine_tuned(const VariantSpec& spec) {
  return spec.family == "item_knn" || spec.family == "ease" || spec.family == "rerank";
}

Result<const Gram*> VariantFitter::gram(const Resources& resources) {
  if (!gram_) {
    // Held at once while segments are tuned: the Gram and each general EASE; a segment's Gram, the
    // one pulled to it, and an EASE for each strength.
    const std::size_t matrices = 3 + config_.ease_regularization.size() + kStrengthsTried;
    const GramConfig config{.weight_power = 0,
                            .max_items = config_.max_items,
                            .max_bytes = config_.max_memory_mb * double{1 << 20},
                            .matrices = static_cast<int>(matrices),
                            .neighbours = config_.neighbours};
    SARTOR_ASSIGN(Gram made, item_gram({.history = history_}, config, "item_knn, ease", resources));
    gram_ = std::make_shared<const Gram>(std::move(made));
  }
  return gram_.get();
}

Result<ModelPtr> VariantFitter::fit(const VariantSpec& spec, const Resources& resources) {
  SARTOR_ASSIGN(const ModelPtr base, fit_base(spec, resources));
  if (spec.family == "rerank") return base;
  return base->with_half_life(normal_half_life(spec.half_life_days));
}

Result<ModelPtr> VariantFitter::fit_base(const VariantSpec& spec, const Resources& resources) {
  const FitInput input{.history = history_};
  VariantSpec base = spec;
  base.half_life_days = 0;
  base.slot = spec.family;
  ModelPtr& fitted = fitted_[base.label()];
  if (fitted) return fitted;
  if (spec.family == "popularity") {
    SARTOR_ASSIGN(fitted, fit_popularity(input, {.half_life_days = kNoDecayDays}, resources));
  } else if (spec.family == "own_history") {
    SARTOR_ASSIGN(fitted, fit_own_history(input, {.half_life_days = kNoDecayDays}, resources));
  } else if (spec.family == "rerank") {
    ModelMap components;
    SARTOR_ASSIGN(fitted, rerank({}, 0, "", components, resources));
  } else {
    SARTOR_ASSIGN(const Gram* shared, gram(resources));
    SARTOR_ASSIGN(fitted, from_gram(*shared, base, resources));
  }
  return fitted;
}

Result<Shortlister> VariantFitter::shortlister(const RerankPlan& plan,
                                               std::span<const UserId> users, double strength,
                                               const std::string& prefix, ModelMap& components,
                                               const Resources& resources) {
  RerankConfig config{.candidates = plan.candidates, .repeat = plan.repeat};
  for (const Term& term : plan.terms) {
    if (term.weight == 0) continue;
    const bool pulled = strength > 0 && can_be_fine_tuned(term.variant);
    const std::string name = (pulled ? prefix : "") + term.variant.component();
    if (pulled) {
      SARTOR_ASSIGN(components[name], fit_for(users, strength, term.variant, resources));
    } else {
      SARTOR_ASSIGN(components[name], fit_base(term.variant, resources));
    }
    config.parts.push_back({.component = name,
                            .weight = term.weight,
                            .half_life_days = normal_half_life(term.variant.half_life_days)});
  }
  return make_shortlister(components, config, eligible_items(*history_),
                          ItemFacts::make(*history_, plan.unit_days, plan.category));
}

Result<ModelPtr> VariantFitter::rerank(std::span<const UserId> users, double strength,
                                       const std::string& prefix, ModelMap& components,
                                       const Resources& resources) {
  if (!rerank_plan_) return Error{ErrorCode::internal, "rerank: no trees are fitted"};
  SARTOR_ASSIGN(Shortlister made,
                shortlister(*rerank_plan_, users, strength, prefix, components, resources));
  return make_rerank(std::move(made), rerank_plan_->trees);
}

Result<ModelPtr> VariantFitter::from_gram(const Gram& gram, const VariantSpec& spec,
                                          const Resources& resources) const {
  if (spec.family == "item_knn") {
    SARTOR_TRY(in_range(knn_config(spec), "item_knn"));
    return fit_item_knn_from_gram(gram, knn_config(spec), resources);
  }
  if (spec.family == "ease") {
    SARTOR_TRY(in_range(ease_config(spec, config_), "ease"));
    return fit_ease_from_gram(gram, ease_config(spec, config_), resources);
  }
  return Error{ErrorCode::internal, "no such family: " + spec.family};
}

Result<ModelPtr> VariantFitter::fit_for(std::span<const UserId> users, double strength,
                                        const VariantSpec& spec, const Resources& resources) {
  if (!can_be_fine_tuned(spec)) return fit(spec, resources);
  if (spec.family == "rerank") {
    ModelMap components;
    return rerank(users, strength, "own-", components, resources);
  }
  SARTOR_ASSIGN(const Gram* general, gram(resources));
  if (!segment_gram_ ||
      !std::equal(users.begin(), users.end(), segment_users_.begin(), segment_users_.end())) {
    SARTOR_ASSIGN(Gram made, item_gram_of({.history = history_}, users, *general, resources));
    segment_gram_ = std::make_shared<const Gram>(std::move(made));
    segment_users_.assign(users.begin(), users.end());
    pulled_.clear();
  }
  // A segment's models are asked for more than once: alone, and as a re-ranker's components.
  ModelPtr& fitted = pulled_[fmt::format("{}, strength {}", spec.label(), strength)];
  if (!fitted) {
    SARTOR_ASSIGN(fitted,
                  from_gram(pulled_gram(*general, *segment_gram_, strength), spec, resources));
  }
  return fitted;
}

}  // namespace sartor
