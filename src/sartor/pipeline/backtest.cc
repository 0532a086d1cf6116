#include "sartor/pipeline/backtest.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "sartor/evaluation/beyond_accuracy.h"
#include "sartor/models/decay.h"

namespace sartor {
namespace {

using Models = std::vector<std::shared_ptr<const Model>>;

constexpr std::size_t kCoverageAt = 10;

// The blend of fitted variants, one per weight.
Result<ModelPtr> blend_of(const Models& models, const BlendPoint& point, const History& history) {
  ModelMap components;
  BlendConfig config;
  for (std::size_t s = 0; s < models.size(); ++s) {
    const std::string name = std::to_string(s);
    components[name] = models[s];
    config.parts.push_back({.component = name, .weight = point.weight[s]});
  }
  return make_blend(components, config, eligible_items(history));
}

std::vector<Slot> single_slots(std::size_t n) {
  std::vector<Slot> slots;
  for (std::size_t s = 0; s < n; ++s) slots.push_back({std::to_string(s), {s}});
  return slots;
}

BlendPoint point_of(const std::vector<Term>& terms) {
  BlendPoint point;
  for (const Term& term : terms) {
    point.choice.push_back(0);
    point.weight.push_back(static_cast<float>(term.weight));
  }
  return point;
}

std::vector<Term> with_weights(std::vector<Term> terms, const BlendPoint& point) {
  for (std::size_t s = 0; s < terms.size(); ++s) terms[s].weight = point.weight[s];
  return terms;
}

// A blend on its way through time: its frozen components, and the pools of the windows behind it,
// which its weights are refitted on.
struct Traveller {
  std::string name;
  std::vector<Term> terms;  // of the recipe
  double share = 1;         // of own weights against general's
  std::string adaptation = "general";
  double strength = 0;
  std::vector<std::uint8_t> closed;  // terms that its limits forbid; empty: none
  std::vector<ScorePool> pools;

  bool is_general() const { return name.empty(); }
  SegmentFit fit(std::span<const UserId> users) const { return {users, adaptation, strength}; }
  // A general model with a re-ranker in it keeps its weights: it is the trees that are refitted.
  bool has_fixed_weights() const {
    return is_general() && std::any_of(terms.begin(), terms.end(), [](const Term& term) {
             return term.variant.family == "rerank" && term.weight > 0;
           });
  }
};

// Names of folders in the bundle.
std::string folder_name(std::size_t segment, const std::string& name) {
  std::string folder = fmt::format("segment-{}-", segment + 1);
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    folder += plain ? c : '-';
  }
  return folder.substr(0, 64);
}

// Everything about one origin that travellers share.
class Stop {
 public:
  Stop(const BacktestInput& input, Origin origin, const Resources& resources)
      : input_(input),
        view_(input.project->at(origin)),
        fitter_(view_.history, &input.project->data().item_attributes, input.config->models),
        listened_(resources),
        resources_(resources.quietly()) {}

  // The stop's work is told in fits and evaluations.
  void begin(const std::string& what, std::size_t pieces) const {
    listened_.begin_step(what, pieces);
  }
  void done() const { listened_.advance(); }

  // Trees for the re-ranker, fitted on what was known at this stop.
  void use(const RerankPlan& plan) { fitter_.use(std::make_shared<const RerankPlan>(plan)); }
  // What trees of later stops are fitted on.
  Result<TreeRows> training_rows(const RerankPlan& plan) {
    return sartor::training_rows(plan, view_, *input_.config, fitter_, resources_);
  }

  const OriginView& view() const { return view_; }
  const Resources& resources() const { return resources_; }

  Result<Models> models(const Traveller& traveller, std::span<const UserId> users) {
    const SegmentFit segment = traveller.fit(users);
    Models models;
    for (const Term& term : traveller.terms) {
      if (segment.has_own(term.variant)) {
        SARTOR_ASSIGN(auto model, fitter_.fit_for(segment, term.variant, resources_));
        models.push_back(std::move(model));
      } else {
        SARTOR_ASSIGN(auto model, general_model(term.variant));
        models.push_back(std::move(model));
      }
    }
    return models;
  }

  // The traveller's blend with named components: those of general are shared, the segment's own
  // stand under `name`.
  Result<FittedBlend> fitted(const Traveller& traveller, std::span<const UserId> users,
                             const BlendPoint& weights, const std::string& name) {
    const SegmentFit segment = traveller.fit(users);
    FittedBlend blend{
        .name = name, .segment = traveller.name, .terms = with_weights(traveller.terms, weights)};
    for (const Term& term : blend.terms) {
      if (term.weight == 0) continue;
      const std::string prefix = segment.has_own(term.variant) ? name + "-" : "";
      const std::string component = prefix + term.variant.component();
      BlendPart part{.component = component, .weight = term.weight};
      if (term.variant.family == "rerank") {
        SARTOR_ASSIGN(blend.components[component],
                      fitter_.rerank(segment, prefix, blend.components, resources_));
      } else {
        SARTOR_ASSIGN(blend.components[component],
                      fitter_.fit_base_for(segment, term.variant, resources_));
        part.half_life_days = normal_half_life(term.variant.half_life_days);
      }
      blend.config.parts.push_back(std::move(part));
    }
    for (const auto& [component, model] : blend.components) blend.models.push_back(component);
    return blend;
  }

  // Evaluates a blend on some of the origin's cases.
  Result<Evaluation> judge(const Model& model, const Cases& cases) {
    EvaluateOptions options{.repeat = input_.config->signal.repeat,
                            .depth = static_cast<std::size_t>(input_.config->evaluation.depth)};
    SARTOR_ASSIGN(options.metrics, metrics());
    const ScorerAt scorer = [&](const History& now) -> Scorer {
      const bool moves = now.as_of() != view_.history.as_of();
      const ModelPtr moved = moves ? model.advanced(view_.history, now) : nullptr;
      return [moved, &model](std::size_t, const Query& query, std::span<float> out) {
        (moved == nullptr ? model : *moved).score(query, out);
      };
    };
    return evaluate_in_time(cases, view_.history, scorer, options, resources_);
  }

  // What weights are refitted on later.
  Result<ScorePool> pool(const Models& models, const Cases& cases) {
    std::vector<const Model*> pointers;
    for (const auto& model : models) pointers.push_back(model.get());
    const TuningConfig& tuning = input_.config->tuning;
    return ScorePool::make(thinned(cases, static_cast<std::size_t>(tuning.max_cases)),
                           view_.history, pointers, static_cast<std::size_t>(tuning.candidates),
                           input_.config->signal.repeat, resources_);
  }

 private:
  Result<std::shared_ptr<const Model>> general_model(const VariantSpec& spec) {
    auto& model = models_[spec.label()];
    if (!model) {
      SARTOR_ASSIGN(model, fitter_.fit(spec, resources_));
    }
    return model;
  }

  Result<std::vector<Metric>> metrics() const {
    std::vector<Metric> metrics;
    std::set<std::string> names{input_.config->gate.metric};
    for (const auto& [name, margin] : input_.config->gate.guards) names.insert(name);
    for (const std::string& name : names) {
      SARTOR_ASSIGN(const Metric metric, parse_metric(name));
      metrics.push_back(metric);
    }
    return metrics;
  }

  const BacktestInput& input_;
  const OriginView& view_;
  VariantFitter fitter_;
  Resources listened_;   // to whoever wants to know
  Resources resources_;  // for the pieces of work
  std::map<std::string, std::shared_ptr<const Model>> models_;
};

// The weights with which a traveller enters the next window: refitted on the windows behind it,
// except at the first stop behind validate, where the recipe's own weights are just that.
Result<BlendPoint> weights_for(const Traveller& traveller, const BlendPoint& general, Origin origin,
                               const Config& config, const Metric& metric,
                               const Resources& resources) {
  BlendPoint own = point_of(traveller.terms);
  const std::vector<std::uint8_t>& closed = traveller.closed;
  const bool refit = origin == Origin::test || origin == Origin::everything;
  std::vector<PoolCase> cases;
  for (const ScorePool& pool : traveller.pools) {
    for (std::size_t c = 0; c < pool.cases(); ++c) cases.push_back({&pool, c});
  }
  if (refit && !cases.empty() && !traveller.has_fixed_weights() &&
      (traveller.is_general() || traveller.share > 0)) {
    const auto slots = single_slots(traveller.terms.size());
    const BlendSearchOptions search{
        .metric = metric,
        .trials = static_cast<std::size_t>(std::max(1, config.tuning.trials / 4)),
        .reach = 1.5,
        .change_variants = false,
        .closed = closed};
    SARTOR_ASSIGN(const auto found, search_blend(cases, slots, own, search, resources));
    own = found.point;
  }
  return traveller.is_general() ? own : shrink_to(own, open_part(general, closed), traveller.share);
}

MetricValues values_of(const Evaluation& evaluation, const Cases& cases) {
  MetricValues values;
  for (std::size_t m = 0; m < evaluation.metrics.size(); ++m)
    values[evaluation.metrics[m].name()] = per_user(cases, evaluation.values[m]);
  return values;
}

std::vector<std::uint8_t> closed_terms(const SegmentRecipe& recipe) {
  std::vector<std::uint8_t> closed;
  if (recipe.closed.empty()) return closed;
  for (const Term& term : recipe.own) {
    closed.push_back(std::find(recipe.closed.begin(), recipe.closed.end(), term.variant.slot) !=
                     recipe.closed.end());
  }
  return closed;
}

std::vector<Traveller> travellers_of(const PartitionRecipe* recipe) {
  std::vector<Traveller> travellers;
  if (recipe == nullptr) return travellers;
  for (const SegmentRecipe& segment : recipe->segments) {
    travellers.push_back({.name = segment.segment,
                          .terms = segment.own,
                          .share = segment.share,
                          .adaptation = segment.adaptation,
                          .strength = segment.strength,
                          .closed = closed_terms(segment)});
  }
  return travellers;
}

// What a segment's winner reached on `own`, the cases of the users at `positions` of `cases`.
void put_in(const Evaluation& evaluation, const Cases& own, const Cases& cases,
            std::span<const std::size_t> positions, JudgedWindow& judged) {
  const MetricValues values = values_of(evaluation, own);
  const auto begins = user_begins(cases);
  auto list = evaluation.lists.begin();
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const std::size_t u = positions[i];
    for (const auto& [metric, of_users] : values) judged.chosen[metric][u] = of_users[i];
    const auto n = static_cast<std::ptrdiff_t>((begins[u + 1] - begins[u]) * evaluation.depth);
    std::copy_n(
        list, n,
        judged.chosen_lists.begin() + static_cast<std::ptrdiff_t>(begins[u] * evaluation.depth));
    list += n;
  }
}

// One partition's segments on the way.
class Party {
 public:
  Party(const PartitionInTime* partition, const PartitionRecipe* recipe)
      : partition_(partition), recipe_(recipe), travellers_(travellers_of(recipe)) {}

  bool empty() const { return travellers_.empty(); }
  std::size_t winners() const {
    return recipe_ == nullptr
               ? 0
               : static_cast<std::size_t>(std::count_if(
                     recipe_->segments.begin(), recipe_->segments.end(),
                     [](const SegmentRecipe& segment) { return segment.has_winner(); }));
  }

  // Judges every winner on its segment's cases; `general` has been judged on all of them. With
  // `keep` the cases join what weights are refitted on later.
  Result<JudgedWindow> judge(Stop& stop, Origin origin, const Evaluation& general,
                             const BlendPoint& general_weights, const Config& config,
                             const Metric& metric, bool keep) {
    const Cases& cases = stop.view().cases;
    const Partition partition = partition_->at(origin);
    JudgedWindow judged{.users = distinct_users(cases),
                        .general = values_of(general, cases),
                        .chosen = values_of(general, cases),
                        .general_lists = general.lists,
                        .chosen_lists = general.lists,
                        .depth = general.depth};
    judged.general_coverage =
        coverage(general, kCoverageAt, eligible_items(stop.view().history).size());
    for (const UserId user : judged.users)
      judged.segment.push_back(partition.of_user[user.index()]);
    const auto by_segment = partition.cases_by_segment(cases);
    for (std::size_t s = 0; s < travellers_.size(); ++s) {
      if (!recipe_->segments[s].has_winner() || by_segment[s].empty()) continue;
      stop.done();
      const Traveller& traveller = travellers_[s];
      const auto users = partition.users_to_fit(s, stop.view().history, config.tuning);
      SARTOR_ASSIGN(const auto models, stop.models(traveller, users));
      SARTOR_ASSIGN(const BlendPoint weights, weights_for(traveller, general_weights, origin,
                                                          config, metric, stop.resources()));
      SARTOR_ASSIGN(const ModelPtr blend, blend_of(models, weights, stop.view().history));
      const Cases own_cases = cases_of_users(cases, by_segment[s]);
      SARTOR_ASSIGN(const Evaluation evaluation, stop.judge(*blend, own_cases));
      if (keep) SARTOR_TRY(keep_pool(stop, s, models, own_cases));
      put_in(evaluation, own_cases, cases, by_segment[s], judged);
    }
    return judged;
  }

  void forget() {
    for (Traveller& traveller : travellers_) traveller.pools.clear();
  }

  // What weights are refitted on later, without judging anything.
  Status remember(Stop& stop, Origin origin) {
    const Cases& cases = stop.view().cases;
    const auto by_segment = partition_->at(origin).cases_by_segment(cases);
    for (std::size_t s = 0; s < travellers_.size(); ++s) {
      if (!recipe_->segments[s].has_winner() || by_segment[s].empty()) continue;
      SARTOR_ASSIGN(const auto models, stop.models(travellers_[s], {}));
      SARTOR_TRY(keep_pool(stop, s, models, cases_of_users(cases, by_segment[s])));
    }
    return {};
  }

  Status fit(Stop& stop, const BlendPoint& general_weights, const Config& config,
             const Metric& metric, std::vector<FittedBlend>& out) {
    const Partition partition = partition_->at(Origin::everything);
    for (std::size_t s = 0; s < travellers_.size(); ++s) {
      if (!recipe_->segments[s].has_winner()) continue;
      const Traveller& traveller = travellers_[s];
      const auto users = partition.users_to_fit(s, stop.view().history, config.tuning);
      SARTOR_ASSIGN(const BlendPoint weights,
                    weights_for(traveller, general_weights, Origin::everything, config, metric,
                                stop.resources()));
      SARTOR_ASSIGN(auto blend,
                    stop.fitted(traveller, users, weights, folder_name(s, traveller.name)));
      out.push_back(std::move(blend));
      stop.done();
    }
    return {};
  }

 private:
  Status keep_pool(Stop& stop, std::size_t segment, const Models& models, const Cases& cases) {
    if (travellers_[segment].share == 0) return {};  // its weights are general's
    SARTOR_ASSIGN(auto pool, stop.pool(models, cases));
    travellers_[segment].pools.push_back(std::move(pool));
    return {};
  }

  const PartitionInTime* partition_;
  const PartitionRecipe* recipe_;
  std::vector<Traveller> travellers_;
};

// The linear blend on its way beside a general model that is more, with its own segments.
class BlendWalk {
 public:
  explicit BlendWalk(const BacktestInput& input)
      : input_(input),
        general_{.terms = input.general->blend_terms},
        segments_(input.partition, input.over_blend),
        control_(input.control, input.control_over_blend) {}

  bool empty() const { return input_.over_blend == nullptr; }

  Status judge_at(Stop& stop, Origin origin, const Metric& metric, Backtest& result) {
    const Config& config = *input_.config;
    SARTOR_ASSIGN(const Models models, stop.models(general_, {}));
    SARTOR_ASSIGN(const BlendPoint weights,
                  weights_for(general_, {}, origin, config, metric, stop.resources()));
    if (origin == Origin::validate) SARTOR_TRY(segments_.remember(stop, origin));
    if (origin != Origin::validate) {
      SARTOR_ASSIGN(const ModelPtr blend, blend_of(models, weights, stop.view().history));
      SARTOR_ASSIGN(const Evaluation general, stop.judge(*blend, stop.view().cases));
      auto& judged = origin == Origin::confirm ? result.blend_confirm : result.blend_test;
      SARTOR_ASSIGN(judged, segments_.judge(stop, origin, general, weights, config, metric,
                                            origin == Origin::confirm));
      if (origin == Origin::confirm && !control_.empty()) {
        SARTOR_ASSIGN(result.blend_control,
                      control_.judge(stop, origin, general, weights, config, metric, false));
      }
    }
    if (origin != Origin::test) {
      SARTOR_ASSIGN(auto pool, stop.pool(models, stop.view().cases));
      general_.pools.push_back(std::move(pool));
    }
    if (origin == Origin::test) {  // nothing follows
      general_.pools.clear();
      segments_.forget();
    }
    for (JudgedWindow* window :
         {&result.blend_confirm, &result.blend_test, &result.blend_control}) {
      window->general_lists.clear();
      window->chosen_lists.clear();
    }
    return {};
  }

 private:
  const BacktestInput& input_;
  Traveller general_;
  Party segments_;
  Party control_;
};

// The whole way: validate, confirm, test, everything.
class Walk {
 public:
  Walk(const BacktestInput& input, const Resources& resources)
      : input_(input),
        resources_(resources),
        metric_(parse_metric(input.config->gate.metric).value()),
        general_{.terms = input.general->recipe.terms},
        segments_(input.partition, input.recipe),
        control_(input.control, input.control_recipe),
        blend_(input),
        rows_(input.general->rows) {}

  Result<Backtest> run() {
    SARTOR_ASSIGN(result_.validate, judge_at(Origin::validate));
    SARTOR_ASSIGN(result_.confirm, judge_at(Origin::confirm));
    SARTOR_ASSIGN(result_.test, judge_at(Origin::test));
    SARTOR_TRY(fit_everything());
    return std::move(result_);
  }

 private:
  // The re-ranker as of `origin`: validate has the trees it was chosen with.
  Status fit_trees(Stop& stop, Origin origin) {
    const GeneralTuning& general = *input_.general;
    if (!general.has_rerank()) return {};
    Trees trees = general.trees;
    if (origin != Origin::validate) {
      SARTOR_ASSIGN(trees, fit_recent_trees(rows_, *input_.config,
                                            fmt::format("fitting trees for {}", name_of(origin)),
                                            resources_));
    }
    plan_ = rerank_plan(*input_.project, *input_.config, general.shortlist, std::move(trees));
    stop.use(plan_);
    return {};
  }

  static const char* name_of(Origin origin) {
    return kOriginNames[static_cast<std::size_t>(origin)];
  }

  Result<JudgedWindow> judge_at(Origin origin) {
    Stop stop(input_, origin, resources_);
    const Config& config = *input_.config;
    SARTOR_TRY(fit_trees(stop, origin));
    const std::size_t components = origin == Origin::test ? general_.terms.size() : 0;
    stop.begin(fmt::format("judging on {}", name_of(origin)),
               3 + components + segments_.winners() +
                   (origin == Origin::confirm ? control_.winners() : 0));
    SARTOR_ASSIGN(const BlendPoint weights,
                  weights_for(general_, {}, origin, config, metric_, resources_));
    SARTOR_ASSIGN(const Models models, stop.models(general_, {}));
    stop.done();
    SARTOR_ASSIGN(const ModelPtr blend, blend_of(models, weights, stop.view().history));
    SARTOR_ASSIGN(const Evaluation general, stop.judge(*blend, stop.view().cases));
    stop.done();
    if (origin == Origin::confirm && !control_.empty()) {
      SARTOR_ASSIGN(result_.control,
                    control_.judge(stop, origin, general, weights, config, metric_, false));
    }
    if (origin == Origin::test) {
      result_.general_on_test = with_weights(general_.terms, weights);
      SARTOR_TRY(judge_components(stop, models, weights));
      SARTOR_ASSIGN(general_beyond_, beyond(stop, general));
    }
    if (!general_.has_fixed_weights()) {
      SARTOR_ASSIGN(auto pool, stop.pool(models, stop.view().cases));
      general_.pools.push_back(std::move(pool));
    }
    if (input_.general->has_rerank()) {
      SARTOR_ASSIGN(TreeRows rows, stop.training_rows(plan_));
      rows_.push_back(std::move(rows));
    }
    stop.done();
    SARTOR_ASSIGN(JudgedWindow judged,
                  segments_.judge(stop, origin, general, weights, config, metric_, true));
    if (origin == Origin::test) judged.general_beyond = general_beyond_;
    if (!blend_.empty()) SARTOR_TRY(blend_.judge_at(stop, origin, metric_, result_));
    return judged;
  }

  Status judge_components(Stop& stop, const Models& models, const BlendPoint& weights) {
    for (std::size_t s = 0; s < models.size(); ++s) {
      SARTOR_ASSIGN(const Evaluation alone, stop.judge(*models[s], stop.view().cases));
      ComponentScore score{.variant = general_.terms[s].variant, .weight = weights.weight[s]};
      for (const Metric& metric : alone.metrics)
        score.test[metric.name()] = mean_over_users(stop.view().cases, alone.of(metric));
      score.of_user = per_user(stop.view().cases, alone.of(metric_));
      SARTOR_ASSIGN(score.beyond, beyond(stop, alone));
      result_.components.push_back(std::move(score));
      stop.done();
    }
    return {};
  }

  // How the lists are, beside being right.
  Result<std::string> beyond(const Stop& stop, const Evaluation& lists) {
    if (!facts_) {
      const auto space = feature_space(input_.project->data(), input_.config->features);
      facts_.emplace(stop.view().history,
                     space ? space->item_category : std::vector<std::uint32_t>());
    }
    SARTOR_ASSIGN(const BeyondAccuracy values,
                  beyond_accuracy(lists, stop.view().cases, *facts_,
                                  std::min(kCoverageAt, lists.depth), stop.resources()));
    return json_text(beyond_accuracy_json(values));
  }

  Status fit_everything() {
    Stop stop(input_, Origin::everything, resources_);
    SARTOR_TRY(fit_trees(stop, Origin::everything));
    stop.begin("fitting on everything", 1 + segments_.winners());
    const Config& config = *input_.config;
    SARTOR_ASSIGN(const BlendPoint weights,
                  weights_for(general_, {}, Origin::everything, config, metric_, resources_));
    SARTOR_ASSIGN(auto blend, stop.fitted(general_, {}, weights, "general"));
    result_.fitted.push_back(std::move(blend));
    stop.done();
    return segments_.fit(stop, weights, config, metric_, result_.fitted);
  }

  const BacktestInput& input_;
  Resources resources_;
  Metric metric_;
  Traveller general_;
  Party segments_;
  Party control_;
  BlendWalk blend_;
  std::vector<TreeRows> rows_;  // of the windows behind
  RerankPlan plan_;
  std::optional<CatalogueFacts> facts_;  // as of test
  std::string general_beyond_;
  Backtest result_;
};

}  // namespace

Result<Backtest> backtest(const BacktestInput& input, const Resources& resources) {
  return Walk(input, resources).run();
}

}  // namespace sartor
