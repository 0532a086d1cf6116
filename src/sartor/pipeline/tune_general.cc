// Tuner::general: the blend, then the re-ranker over it, then whichever is better on validate.
#include <fmt/core.h>

#include <algorithm>
#include <optional>

#include "sartor/base/checksum.h"
#include "sartor/base/fields_json.h"
#include "sartor/pipeline/tune.h"
#include "sartor/stats/paired.h"
#include "sartor/tuning/screen.h"

namespace sartor {
namespace {

constexpr std::size_t kLeastTreeCases = 100;  // with a hit on their list
// Parts of the re-ranker in a mixture with the blend.
constexpr double kRerankShares[] = {0.25, 0.5, 0.75, 1.0};
constexpr std::size_t kRefinedRounds = 3;  // of all slots
constexpr std::size_t kRungFactor = 3;     // of successive halving over components

void add_cases(const ScorePool& pool, std::vector<PoolCase>& cases) {
  for (std::size_t c = 0; c < pool.cases(); ++c) cases.push_back({&pool, c});
}

// The blend's point with the re-ranker as one more slot.
BlendPoint mixed(const BlendPoint& blend, double rerank_share) {
  BlendPoint point = blend;
  for (float& weight : point.weight) weight *= static_cast<float>(1 - rerank_share);
  point.choice.push_back(0);
  point.weight.push_back(static_cast<float>(rerank_share));
  return point;
}

FoldPoints mixed(const FoldPoints& blend, double rerank_share) {
  FoldPoints points;
  for (std::size_t f = 0; f < points.size(); ++f) points[f] = mixed(blend[f], rerank_share);
  return points;
}

// The same blends with nothing in slot `s`.
FoldPoints without(FoldPoints points, std::size_t s) {
  for (BlendPoint& point : points) point.weight[s] = 0;
  return points;
}

std::string mixture_name(double rerank_share) {
  return rerank_share == 1 ? "rerank"
                           : fmt::format("{} rerank + {} blend", rerank_share, 1 - rerank_share);
}

std::size_t trials_of_general(const Config& config) {
  if (config.tuning.minutes > 0) return kAnyTrials;
  return static_cast<std::size_t>(std::max(1, config.tuning.trials / 2));
}

bool wants(const Config& config, const std::string& family) {
  const auto& families = config.models.families;
  return std::find(families.begin(), families.end(), family) != families.end();
}

}  // namespace

Result<std::vector<ScorePool>> Tuner::earlier_pools(GeneralTuning& tuning) {
  const std::vector<OriginView>& earlier = project_.earlier();
  std::size_t cases = 0;
  for (const OriginView& view : earlier) cases += view.cases.size();
  bool rerank = may_rerank(tuning);
  std::vector<ScorePool> pools;
  RerankPlan plan;
  for (std::size_t i = earlier.size(); i-- > 0;) {
    const OriginView& view = earlier[i];
    const std::string name = fmt::format("earlier window {} of {}", i + 1, earlier.size());
    VariantFitter fitter(view.history, &project_.data().item_attributes, config_.models);
    SARTOR_ASSIGN(auto pool, scored(view, fitter, cases, name));
    if (pools.empty()) {
      SARTOR_ASSIGN(BlendPoint best, screen(pool));
      if (best.weight.empty()) {
        tuning.without_rerank = "nobody has a case in the window before validate";
        rerank = false;
      } else {
        plan = rerank_plan(project_, config_, terms_of(best), {});
        SARTOR_ASSIGN(const bool more, search_components(view, fitter, best, tuning));
        if (more) {
          SARTOR_ASSIGN(pool, scored(view, fitter, cases, name));
        }
      }
    }
    pools.push_back(std::move(pool));
    if (!rerank) continue;
    resources_.begin_step("drawing up lists for " + name);
    SARTOR_ASSIGN(TreeRows rows, training_rows(plan, view, config_, fitter, resources_.quietly()));
    tuning.rows.push_back(std::move(rows));
  }
  std::reverse(pools.begin(), pools.end());
  std::reverse(tuning.rows.begin(), tuning.rows.end());
  if (rerank) tuning.shortlist = std::move(plan.terms);
  return pools;
}

namespace {

// A window as the rungs of a search see it: a part of its cases, and of the users to learn from.
struct SearchedPart {
  Cases cases;
  InteractionLog log;
  History history;  // of `log`
  std::optional<VariantFitter> fitter;
};

std::vector<UserId> every_nth_user(const History& history, std::size_t n) {
  std::vector<UserId> users;
  for (std::uint32_t u = 0; u < history.users(); u += static_cast<std::uint32_t>(n))
    users.push_back(UserId{u});
  return users;
}

}  // namespace

Result<bool> Tuner::search_components(const OriginView& view, VariantFitter& fitter,
                                      const BlendPoint& best, GeneralTuning& tuning) {
  if (config_.tuning.component_trials == 0) return false;
  std::vector<VariantSpec> present;
  for (const Term& term : terms_of(best)) present.push_back(term.variant);
  const auto space = ComponentSpace::make(present);
  if (!space) return false;  // no component has anything to search
  SearchedPart part{
      .cases = thinned(view.cases, std::max<std::size_t>(view.cases.size() / kRungFactor, 1)),
      .log = log_of(view.history, every_nth_user(view.history, kRungFactor))};
  part.history = History(part.log, view.history.as_of());
  part.fitter.emplace(part.history, &project_.data().item_attributes, config_.models);
  std::vector<Slot> slots;
  for (std::size_t s = 0; s < present.size(); ++s) slots.push_back({present[s].slot, {s}});
  const float largest = *std::max_element(best.weight.begin(), best.weight.end());

  const auto judge = [&](std::size_t slot, const VariantSpec& variant, int rung) -> Result<double> {
    const Resources quiet = resources_.quietly();
    std::vector<ModelPtr> models;
    for (std::size_t s = 0; s < present.size(); ++s) {
      VariantFitter& of = s == slot && rung == 0 ? *part.fitter : fitter;
      SARTOR_ASSIGN(models.emplace_back(), of.fit(s == slot ? variant : present[s], quiet));
    }
    part.fitter->forget(variant);
    if (variant != present[slot]) fitter.forget(variant);
    std::vector<const Model*> pointers;
    for (const ModelPtr& model : models) pointers.push_back(model.get());
    SARTOR_ASSIGN(const ScorePool pool,
                  ScorePool::make(rung == 0 ? part.cases : view.cases, view.history, pointers,
                                  static_cast<std::size_t>(config_.tuning.candidates),
                                  config_.signal.repeat, quiet));
    BlendPoint point{.choice = std::vector<std::size_t>(present.size(), 0), .weight = best.weight};
    if (point.weight[slot] == 0) point.weight[slot] = largest / 8;
    std::vector<PoolCase> cases;
    add_cases(pool, cases);
    return mean(blend_values(cases, slots, point, metric_, resources_));
  };
  const StudyKey study{.adaptation = "components", .plan = plan_name_};
  const ComponentSearchOptions options{
      .trials = static_cast<std::size_t>(config_.tuning.component_trials),
      .factor = kRungFactor,
      .sampler = config_.tuning.sampler,
      .seed = hash64("components", config_.tuning.seed),
      .log = log_,
      .study = study};
  resources_.begin_step("searching the components' hyper-parameters", options.trials);
  SARTOR_ASSIGN(tuning.components, sartor::search_components(*space, options, judge, resources_));
  tuning.component_ranges = space->ranges();
  const std::vector<VariantSpec> better = better_components(tuning.components);
  for (const VariantSpec& variant : better) {
    for (Slot& slot : plan_.slots) {
      if (slot.name != variant.slot) continue;
      slot.variants.push_back(plan_.variants.size());
      plan_.variants.push_back(variant);
    }
  }
  return !better.empty();
}

Result<BlendPoint> Tuner::screen(ScorePool& pool) {
  std::vector<PoolCase> cases;
  add_cases(pool, cases);
  if (cases.empty()) return BlendPoint{};
  const BlendSearchOptions search{.metric = metric_, .trials = 6 * plan_.slots.size()};
  resources_.begin_step("choosing variants", search.trials);
  SARTOR_ASSIGN(const BlendSearchResult found,
                search_blend(cases, plan_.slots, first_point(cases, plan_.slots, metric_), search,
                             resources_));
  SARTOR_ASSIGN(Screened kept,
                screen_variants(plan_, cases, found.point, metric_,
                                static_cast<std::size_t>(config_.tuning.keep_variants),
                                resources_.quietly()));
  plan_ = std::move(kept.plan);
  pool = pool.only(kept.kept);
  return kept.point;
}

bool Tuner::may_rerank(GeneralTuning& tuning) const {
  if (!wants(config_, "rerank")) {
    tuning.without_rerank = "it is not among models.families";
    return false;
  }
  for (const LeftOut& one : left_out_) {
    if (one.component != "rerank") continue;
    tuning.without_rerank = "it was left out: " + one.reason;
    return false;
  }
  return true;
}

Status Tuner::fit_trees(GeneralTuning& tuning) {
  std::size_t cases = 0;
  for (const TreeRows& rows : tuning.rows) cases += rows.in_case.size();
  if (cases < kLeastTreeCases) {
    tuning.without_rerank =
        fmt::format("{} cases of earlier windows had a hit on their list; {} are needed", cases,
                    kLeastTreeCases);
    leave_out("rerank", tuning.without_rerank);
    tuning.rows.clear();
    tuning.shortlist.clear();
    return {};
  }
  SARTOR_ASSIGN(tuning.trees, fit_recent_trees(tuning.rows, config_, "fitting trees", resources_));
  return {};
}

Status Tuner::judge_candidates(std::span<const PoolCase> cases, const CrossFit& blend,
                               GeneralTuning& tuning) {
  const auto& fold = searched_.fold;
  tuning.points = blend.points;
  double best = mean(blend.values);
  tuning.tried = {{"blend", best}};
  const std::span<const Slot> blended =
      std::span(plan_.slots).first(blend.points[kFolds].weight.size());
  for (std::size_t s = 0; s < blended.size(); ++s) {
    tuning.left_out.push_back(
        {blended[s].name,
         mean(held_out_values(cases, fold, blended, without(blend.points, s), metric_))});
  }
  double share = 0;
  if (tuning.has_rerank()) {
    for (const double candidate : kRerankShares) {
      const double value =
          mean(held_out_values(cases, fold, plan_.slots, mixed(blend.points, candidate), metric_));
      tuning.tried.push_back({mixture_name(candidate), value});
      if (value > best) {
        best = value;
        share = candidate;
      }
    }
    if (share > 0) {
      tuning.blend = blend.points;
      tuning.blend_validate = mean(blend.values);
      tuning.points = mixed(blend.points, share);
    } else {
      tuning.without_rerank = "it was not better than the blend on validate";
      tuning.shortlist.clear();
      tuning.rows.clear();
      plan_.slots.pop_back();
    }
  }
  tuning.metrics[config_.gate.metric] = best;
  return {};
}

BlendSearchOptions Tuner::refining(std::size_t slots, const std::string& study, double part) const {
  const std::size_t trials = config_.tuning.sampler == "coordinate"
                                 ? kRefinedRounds * slots
                                 : std::max<std::size_t>(trials_of_general(config_) / 2, 1);
  BlendSearchOptions search = search_options(trials, 2, {.adaptation = study});
  search.seconds = general_seconds(part);
  return search;
}

Status Tuner::refine_blend(std::span<const PoolCase> cases, GeneralTuning& tuning) {
  const auto& fold = searched_.fold;
  const std::span<const Slot> slots = std::span(plan_.slots).first(tuning.blend[0].weight.size());
  const BlendSearchOptions search = refining(slots.size(), "refined_blend", 1);
  resources_.begin_step("refining the linear blend's weights", (kFolds + 1) * search.trials);
  const FoldPoints starts = tuning.blend;
  SARTOR_ASSIGN(const CrossFit own, cross_fit(cases, fold, slots, starts, search, resources_));
  for (const double share : config_.tuning.shrink) {
    const FoldPoints points = shrink_to(own.points, starts, share);
    const double value = mean(held_out_values(cases, fold, slots, points, metric_));
    if (value <= tuning.blend_validate) continue;
    tuning.blend_validate = value;
    tuning.blend = points;
  }
  tuning.blend_terms = terms_of(tuning.blend[kFolds]);
  tuning.searches.push_back({"refined_blend", 0, own.trials});
  return {};
}

Status Tuner::refine(std::span<const PoolCase> cases, GeneralTuning& tuning) {
  const auto& fold = searched_.fold;
  const BlendSearchOptions search =
      refining(plan_.slots.size(), "refined", tuning.has_rerank() ? 0.5 : 1);
  resources_.begin_step("refining the general model's weights", (kFolds + 1) * search.trials);
  const FoldPoints starts = tuning.points;
  const std::string name =
      std::max_element(tuning.tried.begin(), tuning.tried.end(), [](const auto& a, const auto& b) {
        return a.validate < b.validate;
      })->name;
  SARTOR_ASSIGN(CrossFit own, cross_fit(cases, fold, plan_.slots, starts, search, resources_));
  double& best = tuning.metrics[config_.gate.metric];
  for (const double share : config_.tuning.shrink) {
    const FoldPoints points = shrink_to(own.points, starts, share);
    const double value = mean(held_out_values(cases, fold, plan_.slots, points, metric_));
    tuning.tried.push_back({fmt::format("{}, weights refined, share {}", name, share), value});
    if (value <= best) continue;
    best = value;
    tuning.points = points;
  }
  tuning.first = std::move(own.best);
  tuning.searches.push_back({"refined", 0, std::move(own.trials)});
  return {};
}

Result<GeneralTuning> Tuner::general() {
  // Whatever was fitted together with a component that failed is fitted once more without it.
  while (!plan_.slots.empty()) {
    const std::size_t before = left_out_.size();
    auto tuning = general_of_plan();
    if (tuning) {
      tuning->components_left_out = left_out_;
      tuning->notes = notes_;
      return tuning;
    }
    if (left_out_.size() == before || tuning.error().code != ErrorCode::invalid_argument)
      return tuning.error();
    plan_ = without(plan_, "rerank");
    pool_.reset();
  }
  std::string why;
  for (const LeftOut& one : left_out_) why += "\n  " + one.component + ": " + one.reason;
  return Error{ErrorCode::bad_data, "no component of the general model could be fitted:" + why};
}

Result<BlendPoint> Tuner::fit_earlier(std::span<const PoolCase> cases, GeneralTuning& tuning) {
  BlendSearchOptions search =
      search_options(trials_of_general(config_), 4, {.adaptation = "earlier"});
  search.seconds = general_seconds(1.0 / 3);
  resources_.begin_step("fitting a blend to earlier windows", search.trials);
  SARTOR_ASSIGN(BlendSearchResult found,
                search_blend(cases, plan_.slots, first_point(cases, plan_.slots, metric_), search,
                             resources_));
  tuning.searches.push_back({"earlier", 0, std::move(found.trials)});
  return std::move(found.point);
}

Result<GeneralTuning> Tuner::general_of_plan() {
  GeneralTuning tuning;
  // Whatever is left out changes the plan: trials of one plan are none of another.
  plan_name_ = Fingerprint().add(json_text(config_json(plan_))).text();
  BlendSearchOptions search =
      search_options(trials_of_general(config_), 4, {.adaptation = "general"});

  // What is fitted before validate: where the search starts, and the re-ranker.
  SARTOR_ASSIGN(const std::vector<ScorePool> before, earlier_pools(tuning));
  const std::vector<Slot> slots = plan_.slots;  // of the blend alone
  std::vector<PoolCase> always;
  for (const ScorePool& pool : before) add_cases(pool, always);
  FoldPoints starts;
  if (always.empty()) {
    tuning.without_rerank = "the log is too short for windows before validate";
    if (wants(config_, "rerank")) leave_out("rerank", tuning.without_rerank);
  } else {
    SARTOR_ASSIGN(const BlendPoint first, fit_earlier(always, tuning));
    starts.fill(first);
    if (tuning.has_rerank()) SARTOR_TRY(fit_trees(tuning));
  }

  if (tuning.has_rerank()) {
    plan_.slots.push_back({"rerank", {plan_.variants.size()}});
    plan_.variants.push_back({.slot = "rerank", .family = "rerank"});
    use_rerank(tuning);
  }
  SARTOR_TRY(make_pool());
  std::vector<PoolCase> cases;
  add_cases(*pool_, cases);
  if (always.empty()) {
    SARTOR_ASSIGN(starts, first_points(cases, searched_.fold, slots, metric_, resources_));
  }
  search.seconds = general_seconds(1.0 / 2);
  resources_.begin_step("tuning the general blend", (kFolds + 1) * search.trials);
  SARTOR_ASSIGN(CrossFit blend,
                cross_fit(cases, searched_.fold, slots, starts, search, resources_, always));
  SARTOR_TRY(judge_candidates(cases, blend, tuning));
  tuning.searches.insert(tuning.searches.begin(), {"general", 0, std::move(blend.trials)});
  SARTOR_TRY(refine(cases, tuning));
  if (tuning.has_rerank()) SARTOR_TRY(refine_blend(cases, tuning));
  tuning.recipe = {.terms = terms_of(tuning.points[kFolds]),
                   .validate = tuning.metrics[config_.gate.metric]};
  for (const TrialSeries& series : tuning.searches)
    tuning.recipe.trials += static_cast<int>(series.trials.size());
  for (const auto& [name, margin] : config_.gate.guards) {
    SARTOR_ASSIGN(const Metric guard, parse_metric(name));
    tuning.metrics[name] =
        mean(held_out_values(cases, searched_.fold, plan_.slots, tuning.points, guard));
  }
  // A run that goes on from the cache never hears of a re-ranker that was not worth it: nor may
  // what follows here.
  if (!tuning.has_rerank() && plan_.variants.back().family == "rerank") {
    plan_.variants.pop_back();
    pool_.reset();
  }
  tuning.plan = plan_;
  return tuning;
}

}  // namespace sartor
