#include "sartor/tuning/variants.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sartor/base/fields_json.h"
#include "sartor/base/random.h"
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

// Without slot and half-life, which share what is heavy.
VariantSpec base_of(const VariantSpec& spec) {
  VariantSpec base = spec;
  base.half_life_days = 0;
  base.slot = spec.family;
  return base;
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

bool SegmentFit::has_own(const VariantSpec& spec) const {
  if (users.empty()) return false;
  if (adaptation == "separate") return spec.family != "own_history";
  return adaptation == "fine_tuned" && (is_of_gram(spec) || spec.family == "als" ||
                                        spec.family == "popularity" || spec.family == "rerank");
}

std::vector<float> raised_weights(const History& history, std::span<const UserId> users,
                                  double strength) {
  std::size_t own = 0;
  for (const UserId user : users) own += history.of(user).size();
  const double share = static_cast<double>(own) / static_cast<double>(history.size());
  const double others = 1 / (1 + strength);
  std::vector<float> weights(history.users(), static_cast<float>(others));
  for (const UserId user : users)
    weights[user.index()] = static_cast<float>(others + (1 - others) / share);
  return weights;
}

std::vector<UserId> within_rows(const History& history, std::vector<UserId> users,
                                std::int64_t rows) {
  if (rows == 0) return users;
  const auto place = [](UserId user) { return Random::stream(1, user.value).bits(); };
  std::sort(users.begin(), users.end(), [&](UserId a, UserId b) { return place(a) < place(b); });
  std::erase_if(users, [&](UserId user) {
    const auto own = static_cast<std::int64_t>(history.of(user).size());
    if (own > rows) return true;
    rows -= own;
    return false;
  });
  std::sort(users.begin(), users.end());
  return users;
}

InteractionLog log_of(const History& history, std::span<const UserId> users) {
  InteractionLog log{.users = history.users(), .items = history.items(), .begin = {0}};
  log.context_keys.assign(history.context_keys().begin(), history.context_keys().end());
  for (std::uint32_t i = 0; i < log.items; ++i)
    log.item_first_seen.push_back(history.first_seen(ItemId{i}));
  const auto append = [](auto& to, auto from) { to.insert(to.end(), from.begin(), from.end()); };
  auto next = users.begin();
  for (std::uint32_t u = 0; u < log.users; ++u) {
    if (next != users.end() && *next == UserId{u}) {
      append(log.rows, history.of(*next));
      append(log.group, history.groups_of(*next));
      append(log.context, history.context_of(*next));
      ++next;
    }
    log.begin.push_back(log.rows.size());
  }
  return log;
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

void VariantFitter::forget(const VariantSpec& spec) { fitted_.erase(base_of(spec).label()); }

Result<ModelPtr> VariantFitter::fit_base(const VariantSpec& spec, const Resources& resources) {
  const VariantSpec base = base_of(spec);
  ModelPtr& fitted = fitted_[base.label()];
  if (fitted) return fitted;
  if (is_of_gram(spec)) {
    SARTOR_ASSIGN(const Gram* shared, gram(resources));
    SARTOR_ASSIGN(fitted, from_gram(*shared, base, resources));
  } else if (spec.family == "rerank") {
    ModelMap components;
    SARTOR_ASSIGN(fitted, rerank({}, "", components, resources));
  } else {
    SARTOR_ASSIGN(const Family* family, find_family(spec.family));
    SARTOR_ASSIGN(fitted, family->fit(input_, config_of(base), resources));
  }
  return fitted;
}

Result<Shortlister> VariantFitter::shortlister(const RerankPlan& plan, const SegmentFit& segment,
                                               const std::string& prefix, ModelMap& components,
                                               const Resources& resources) {
  RerankConfig config{.candidates = plan.candidates, .repeat = plan.repeat};
  for (const Term& term : plan.terms) {
    if (term.weight == 0) continue;
    const std::string name =
        (segment.has_own(term.variant) ? prefix : "") + term.variant.component();
    SARTOR_ASSIGN(components[name], fit_base_for(segment, term.variant, resources));
    config.parts.push_back({.component = name,
                            .weight = term.weight,
                            .half_life_days = normal_half_life(term.variant.half_life_days)});
  }
  return make_shortlister(components, config, eligible_items(*input_.history),
                          ItemFacts::make(*input_.history, plan.unit_days, plan.category));
}

Result<ModelPtr> VariantFitter::rerank(const SegmentFit& segment, const std::string& prefix,
                                       ModelMap& components, const Resources& resources) {
  if (!rerank_plan_) return Error{ErrorCode::internal, "rerank: no trees are fitted"};
  SARTOR_ASSIGN(Shortlister made,
                shortlister(*rerank_plan_, segment, prefix, components, resources));
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

Result<ModelPtr> VariantFitter::fit_for(const SegmentFit& segment, const VariantSpec& spec,
                                        const Resources& resources) {
  if (!segment.has_own(spec)) return fit(spec, resources);
  if (spec.family == "rerank") {
    ModelMap components;
    return rerank(segment, "own-", components, resources);
  }
  SARTOR_ASSIGN(const ModelPtr base, fit_base_for(segment, spec, resources));
  return base->with_half_life(normal_half_life(spec.half_life_days));
}

Result<ModelPtr> VariantFitter::fit_base_for(const SegmentFit& segment, const VariantSpec& spec,
                                             const Resources& resources) {
  if (!segment.has_own(spec)) return fit_base(spec, resources);
  turn_to(segment);
  // A segment's models are asked for more than once: alone, and as a re-ranker's components.
  const VariantSpec base = base_of(spec);
  ModelPtr& fitted = own_.fitted[fmt::format("{}, strength {}", base.label(), segment.strength)];
  if (fitted) return fitted;
  if (segment.adaptation == "separate") {
    SARTOR_ASSIGN(fitted, separate(segment, base, resources));
  } else {
    SARTOR_ASSIGN(fitted, pulled(segment, base, resources));
  }
  return fitted;
}

Result<std::size_t> VariantFitter::own_bytes(const SegmentFit& segment,
                                             std::span<const VariantSpec> variants,
                                             const Resources& resources) {
  const std::string prefix = "own-";
  ModelMap models;
  for (const VariantSpec& spec : variants) {
    if (!segment.has_own(spec)) continue;
    ModelPtr& model = models[prefix + spec.component()];
    if (spec.family == "rerank") {
      ModelMap components;
      SARTOR_ASSIGN(model, rerank(segment, prefix, components, resources));
      for (const auto& [name, one] : components) {
        if (name.starts_with(prefix)) models[name] = one;
      }
    } else {
      SARTOR_ASSIGN(model, fit_base_for(segment, spec, resources));
    }
  }
  std::size_t bytes = 0;
  for (const auto& [name, model] : models) {
    TensorFile file;
    SARTOR_TRY(model->save(file));
    bytes += file.to_bytes().size();
  }
  return bytes;
}

void VariantFitter::turn_to(const SegmentFit& segment) {
  if (own_.adaptation == segment.adaptation &&
      std::equal(segment.users.begin(), segment.users.end(), own_.users.begin(), own_.users.end()))
    return;
  own_ = {.users = {segment.users.begin(), segment.users.end()}, .adaptation = segment.adaptation};
}

Result<ModelPtr> VariantFitter::pulled(const SegmentFit& segment, const VariantSpec& base,
                                       const Resources& resources) {
  if (is_of_gram(base)) {
    SARTOR_ASSIGN(const Gram* general, gram(resources));
    if (!own_.gram) {
      SARTOR_ASSIGN(Gram made, item_gram_of(input_, segment.users, *general, resources));
      own_.gram = std::make_shared<const Gram>(std::move(made));
    }
    return from_gram(pulled_gram(*general, *own_.gram, segment.strength), base, resources);
  }
  const std::vector<float> weights =
      raised_weights(*input_.history, segment.users, segment.strength);
  if (base.family == "als") {
    std::shared_ptr<const AlsPull>& pull = als_pulls_[base.label()];
    if (!pull) {
      SARTOR_ASSIGN(const ModelPtr general, fit_base(base, resources));
      SARTOR_ASSIGN(pull, als_pull(input_, *general, resources));
    }
    return pulled_als(*pull, weights, resources);
  }
  FitInput input = input_;
  input.user_weights = weights;
  SARTOR_ASSIGN(const Family* family, find_family(base.family));
  return family->fit(input, config_of(base), resources);
}

Result<ModelPtr> VariantFitter::separate(const SegmentFit& segment, const VariantSpec& base,
                                         const Resources& resources) {
  if (base.family == "popularity") {
    // On the scale of what everybody takes, which is what it follows once it is fitted.
    const std::vector<float> weights =
        raised_weights(*input_.history, segment.users, std::numeric_limits<double>::infinity());
    FitInput input = input_;
    input.user_weights = weights;
    SARTOR_ASSIGN(const Family* family, find_family(base.family));
    return family->fit(input, config_of(base), resources);
  }
  if (!own_.fitter) {
    struct Alone {
      InteractionLog log;
      History history;
    };
    const auto made = std::make_shared<Alone>();
    made->log = log_of(*input_.history, segment.users);
    made->history = History(made->log, input_.history->as_of());
    own_.history = std::shared_ptr<const History>(made, &made->history);
    own_.fitter = std::make_shared<VariantFitter>(*own_.history, input_.item_attributes, config_);
  }
  auto alone = own_.fitter->fit_base(base, resources);
  if (alone || alone.error().code != ErrorCode::invalid_argument) return alone;
  return fit_base(base, resources);
}

}  // namespace sartor
