#include "sartor/tuning/variants.h"

#include <algorithm>
#include <cmath>

#include "sartor/base/fields_json.h"
#include "sartor/evaluation/evaluate.h"
#include "sartor/models/decay.h"
#include "sartor/models/ease.h"
#include "sartor/models/item_knn.h"
#include "sartor/models/registry.h"

namespace sartor {
namespace {

using Specs = std::vector<VariantSpec>;

constexpr const char* kAsTheyAre[] = {"trend",        "new_items", "context_popularity",
                                      "covisitation", "item2vec",  "content"};
constexpr std::size_t kStrengthsTried = 2;  // of fine-tuning, as TuningConfig has it by default

// Every one of `parameters` with every half-life.
Specs variants_of(const std::string& slot, const std::string& family,
                  const std::vector<double>& half_lives,
                  const std::vector<std::map<std::string, double>>& parameters = {{}}) {
  Specs specs;
  for (const auto& chosen : parameters) {
    for (const double days : half_lives) specs.push_back({slot, family, days, chosen});
  }
  return specs;
}

std::vector<std::map<std::string, double>> each_of(const std::string& key,
                                                   const std::vector<double>& values) {
  std::vector<std::map<std::string, double>> out;
  for (const double value : values) out.push_back({{key, value}});
  return out;
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

Json config_of(const VariantSpec& spec) {
  Json config = {{"half_life_days", normal_half_life(spec.half_life_days)}};
  for (const auto& [key, value] : spec.parameters) {
    // Whole numbers may be the family's `int`s.
    if (value == std::floor(value) && std::abs(value) < 1e15) {
      config[key] = static_cast<std::int64_t>(value);
    } else {
      config[key] = value;
    }
  }
  return config;
}

// The family's config with the variant's part of it. A wrong value of sartor.toml stops the run;
// data that a model cannot be fitted to does not.
template <HasFields Config>
Result<Config> typed_config(const VariantSpec& spec) {
  Config config;
  const Status read = read_config(node_from_json(config_of(spec)), config, spec.family);
  if (!read) return within("models", read.error());
  return config;
}

bool is_of_gram(const VariantSpec& spec) {
  return spec.family == "item_knn" || spec.family == "ease";
}

}  // namespace

std::string VariantSpec::label() const {
  std::string label = slot;
  for (const auto& [key, value] : parameters) label += fmt::format(", {} {}", key, value);
  label +=
      half_life_days > 0 ? fmt::format(", half-life {} days", half_life_days) : ", never fades";
  return label;
}

std::string VariantSpec::component() const {
  std::string name = family;
  for (const auto& [key, value] : parameters) name += fmt::format("-{}", value);
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
      add_slot(plan, variants_of("popularity", "popularity", config.popularity_half_lives));
    }
    add_slot(plan, variants_of("popularity_long", "popularity",
                               fading(config.popularity_long_half_lives)));
  }
  if (wanted("own_history") && repeat) {
    add_slot(plan,
             variants_of("own_history", "own_history", fading(config.own_history_half_lives)));
  }
  const auto half_lives = fading(config.history_half_lives);
  if (wanted("item_knn")) {
    auto parameters = each_of("shrinkage", config.item_knn_shrinkage);
    for (auto& chosen : parameters) chosen["neighbours"] = config.neighbours;
    add_slot(plan, variants_of("item_knn", "item_knn", half_lives, parameters));
  }
  if (wanted("ease")) {
    add_slot(plan, variants_of("ease", "ease", half_lives,
                               each_of("regularization", config.ease_regularization)));
  }
  if (wanted("due_again") && repeat && timed) {
    add_slot(plan, variants_of("due_again", "due_again", {180, 0},
                               {{{"horizon_days", 30}, {"item_half_life_days", 60}},
                                {{"horizon_days", 30}}}));
  }
  if (wanted("als")) {
    add_slot(plan,
             variants_of("als", "als", half_lives, {{{"regularization", 300}, {"alpha", 40}}}));
  }
  // Whatever else the registry has, as it is by default.
  for (const char* family : kAsTheyAre) {
    if (wanted(family)) add_slot(plan, variants_of(family, family, half_lives));
  }
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
  return is_of_gram(spec) || spec.family == "rerank";
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
    SARTOR_ASSIGN(Gram made, item_gram(input_, config, "item_knn, ease", resources));
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
  VariantSpec base = spec;
  base.half_life_days = 0;
  base.slot = spec.family;
  ModelPtr& fitted = fitted_[base.label()];
  if (fitted) return fitted;
  if (is_of_gram(spec)) {
    SARTOR_ASSIGN(const Gram* shared, gram(resources));
    SARTOR_ASSIGN(fitted, from_gram(*shared, base, resources));
  } else if (spec.family == "rerank") {
    ModelMap components;
    SARTOR_ASSIGN(fitted, rerank({}, 0, "", components, resources));
  } else {
    SARTOR_ASSIGN(const Family* family, find_family(spec.family));
    SARTOR_ASSIGN(fitted, family->fit(input_, config_of(base), resources));
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
  return make_shortlister(components, config, eligible_items(*input_.history),
                          ItemFacts::make(*input_.history, plan.unit_days, plan.category));
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
    SARTOR_ASSIGN(const auto config, typed_config<ItemKnnConfig>(spec));
    return fit_item_knn_from_gram(gram, config, resources);
  }
  SARTOR_ASSIGN(auto config, typed_config<EaseConfig>(spec));
  config.max_items = config_.max_items;
  return fit_ease_from_gram(gram, config, resources);
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
    SARTOR_ASSIGN(Gram made, item_gram_of(input_, users, *general, resources));
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
