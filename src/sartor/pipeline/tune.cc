#include "sartor/pipeline/tune.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sartor/base/checksum.h"
#include "sartor/stats/paired.h"
#include "sartor/tuning/list_cost.h"

namespace sartor {
namespace {

constexpr double kLeastSeconds = 1e-3;
constexpr double kHalfway = 0.5;  // from general's weights to a segment's own
// Of a segment, where it has as many: a large log's thinned pool may hold few of them.
constexpr std::size_t kSegmentUsers = 2000;
constexpr std::size_t kPoolBytes = std::size_t{384} << 20;

// How many candidates of each variant fit into the memory that a pool may take. Variants of a slot
// agree on most of their best items, so the union is about a third of the sum.
std::size_t affordable_depth(std::size_t wanted, std::size_t cases, std::size_t variants) {
  const double per_candidate =
      static_cast<double>(cases) * static_cast<double>(variants * variants) / 3.0 * sizeof(float);
  const double affordable = per_candidate > 0 ? static_cast<double>(kPoolBytes) / per_candidate
                                              : static_cast<double>(wanted);
  return std::clamp<std::size_t>(static_cast<std::size_t>(affordable), 20, wanted);
}

OriginView view_of_users(const OriginView& view, std::span<const std::size_t> users) {
  OriginView part{.window = view.window, .history = view.history};
  part.cases = cases_of_users(view.cases, users);
  for (const std::size_t u : users) part.fold.push_back(view.fold[u]);
  return part;
}

bool may_have(const SegmentLimits& limits, const std::string& adaptation) {
  return std::find(limits.adaptations.begin(), limits.adaptations.end(), adaptation) !=
         limits.adaptations.end();
}

// In trials: what a segment takes of its share, as each of its searches may take all of it.
double longest_search(const SegmentTuning& tuning) {
  std::size_t longest = 0;
  for (const TrialSeries& series : tuning.searches)
    longest = std::max(longest, series.trials.size());
  return static_cast<double>(longest);
}

std::vector<std::size_t> positions(std::size_t n) {
  std::vector<std::size_t> all(n);
  std::iota(all.begin(), all.end(), std::size_t{0});
  return all;
}

// Each line once, in order.
std::vector<std::string> notes_of(const std::vector<std::shared_ptr<const Model>>& models) {
  std::vector<std::string> notes;
  for (const auto& model : models) {
    const FitNotes given = model->notes();
    for (const std::string& line : given.lines) {
      if (std::find(notes.begin(), notes.end(), line) == notes.end()) notes.push_back(line);
    }
  }
  return notes;
}

}  // namespace

std::vector<std::vector<std::size_t>> Partition::cases_by_segment(const Cases& cases) const {
  std::vector<std::vector<std::size_t>> by_segment(segments.size());
  const std::vector<UserId> users = distinct_users(cases);
  for (std::size_t u = 0; u < users.size(); ++u) by_segment[of_user[users[u].index()]].push_back(u);
  return by_segment;
}

std::vector<UserId> Partition::users_of(std::size_t segment, const History& history) const {
  std::vector<UserId> users;
  for (std::uint32_t u = 0; u < of_user.size(); ++u) {
    if (of_user[u] == segment && !history.of(UserId{u}).empty()) users.push_back(UserId{u});
  }
  return users;
}

std::vector<UserId> Partition::users_to_fit(std::size_t segment, const History& history,
                                            const TuningConfig& config) const {
  return within_rows(history, users_of(segment, history),
                     limits_of(config, segments[segment]).rows);
}

double PartitionRecipe::validate_gain(const std::vector<bool>& provable) const {
  double gain = 0;
  double general = 0;
  for (std::size_t s = 0; s < segments.size(); ++s) {
    const SegmentRecipe& segment = segments[s];
    if (segment.has_winner() && provable[s]) gain += segment.gain * segment.users;
    general += segment.general * segment.users;
  }
  return general > 0 ? gain / general : 0;
}

Tuner::Tuner(const Project& project, const Config& config, const Resources& resources)
    : project_(project),
      config_(config),
      resources_(resources),
      metric_(parse_metric(config.gate.metric).value()),
      plan_(plan_variants(config.models, config.signal.repeat, project.timed())),
      searched_(
          thinned(project.at(Origin::validate), static_cast<std::size_t>(config.tuning.max_cases))),
      fitter_(project.at(Origin::validate).history, &project.data().item_attributes,
              config.models) {}

Result<ScorePool> Tuner::scored(const OriginView& view, VariantFitter& fitter, std::size_t cases,
                                const std::string& name) {
  std::vector<std::shared_ptr<const Model>> models;
  std::vector<const Model*> pointers;
  resources_.begin_step("fitting components for " + name, plan_.variants.size());
  for (const VariantSpec& spec : plan_.variants) {
    auto model = fitter.fit(spec, resources_.quietly());
    if (!model) return blame(spec, model.error());
    resources_.advance();
    pointers.push_back(model->get());
    models.push_back(std::move(*model));
  }
  const std::size_t depth = affordable_depth(static_cast<std::size_t>(config_.tuning.candidates),
                                             cases, plan_.variants.size());
  resources_.begin_step("scoring " + name, view.cases.size());
  std::size_t broken = 0;
  auto pool = ScorePool::make(view.cases, view.history, pointers, depth, config_.signal.repeat,
                              resources_, &broken);
  if (!pool) return blame(plan_.variants[broken], pool.error());
  notes_ = notes_of(models);
  return pool;
}

void Tuner::leave_out(const std::string& component, const std::string& reason) {
  const bool known = std::any_of(left_out_.begin(), left_out_.end(),
                                 [&](const LeftOut& one) { return one.component == component; });
  if (!known) left_out_.push_back({component, reason});
  plan_ = without(plan_, component);
}

Error Tuner::blame(const VariantSpec& spec, const Error& error) {
  if (error.code == ErrorCode::invalid_argument) leave_out(spec.component(), error.message);
  return error;
}

void Tuner::use_rerank(const GeneralTuning& tuning) {
  fitter_.use(std::make_shared<const RerankPlan>(
      rerank_plan(project_, config_, tuning.shortlist, tuning.trees)));
}

Status Tuner::make_pool() {
  if (pool_) return {};
  SARTOR_ASSIGN(pool_, scored(searched_, fitter_, searched_.cases.size(), "validate"));
  return {};
}

BlendSearchOptions Tuner::search_options(std::size_t trials, double reach, StudyKey study) const {
  // Each study has random numbers of its own, whatever is searched before it.
  const std::string name = study.segmentation + "/" + study.segment + "/" + study.adaptation;
  study.plan = plan_name_;
  return {.metric = metric_,
          .trials = trials,
          .reach = reach,
          .sampler = config_.tuning.sampler,
          .seed = hash64(name, config_.tuning.seed),
          .log = log_,
          .study = std::move(study)};
}

double Tuner::importance_of(const std::string& segment) const {
  const auto found = config_.tuning.importance.find(segment);
  return found == config_.tuning.importance.end() ? 1.0 : found->second;
}

double Tuner::general_seconds(double part) const {
  if (!by_clock()) return 0;
  return std::max(part * (config_.tuning.minutes * 30 - seconds_gone()), kLeastSeconds);
}

BudgetShares Tuner::budget_of(const Partition& partition, std::span<const std::size_t> sizes,
                              const std::vector<bool>& hopeless, double seconds) const {
  std::vector<double> importance;
  for (std::size_t s = 0; s < sizes.size(); ++s)
    importance.push_back(hopeless[s] ? 0 : importance_of(partition.segments[s]));
  if (by_clock()) return BudgetShares(seconds - seconds_gone(), sizes, importance, kLeastSeconds);
  return BudgetShares(config_.tuning.trials / 2, sizes, importance, double{kLeastTrials});
}

std::vector<std::uint8_t> Tuner::closed_to(const SegmentLimits& limits,
                                           std::span<const UserId> users,
                                           const BlendPoint& general) const {
  std::vector<std::string> families;
  std::vector<VariantSpec> variants;
  for (const Term& term : terms_of(general)) {
    families.push_back(term.variant.family);
    variants.push_back(term.variant);
  }
  std::vector<std::uint8_t> closed = closed_slots(families, limits);
  if (limits.milliseconds == 0) return closed;
  ListCost cost{
      .items = searched_.history.items(), .config = config_.models, .plan = fitter_.rerank_plan()};
  for (const UserId user : users)
    cost.history += static_cast<double>(searched_.history.of(user).size());
  cost.history /= static_cast<double>(std::max<std::size_t>(users.size(), 1));
  close_dearest(variants, cost, limits.milliseconds, closed);
  return closed;
}

Result<SegmentTuning> Tuner::tailor_to(const Partition& partition, std::size_t segment,
                                       const Searched& searched, double budget, const Base& base) {
  const std::string& name = partition.segments[segment];
  const SegmentLimits limits = limits_of(config_.tuning, name);
  const auto users = partition.users_to_fit(segment, searched_.history, config_.tuning);
  const BlendPoint& point = (*base.points)[kFolds];
  const auto trials = by_clock() ? kAnyTrials : static_cast<std::size_t>(std::lround(budget));
  TailorInput input{.pool = searched.own ? &*searched.own : &*pool_,
                    .slots = base.slots,
                    .cases = searched.in_pool,
                    .fold = searched.view.fold,
                    .general = base.points,
                    .first = base.first,
                    .search = search_options(trials, 2, {base.study, name, "", 0, -1, ""}),
                    .blended = may_have(limits, "blended"),
                    .seconds = by_clock() ? budget : 0};
  input.search.closed = closed_to(limits, partition.users_of(segment, searched_.history), point);
  if (base.own)
    input.own = own_models(users, searched.view.cases, point, limits, input.search.closed);
  return tailor(input, config_.tuning, resources_);
}

Result<PartitionRecipe> Tuner::partition(const Partition& partition, const GeneralTuning& general,
                                         const std::vector<bool>& hopeless, double seconds) {
  if (partition.segments.empty()) return PartitionRecipe{.name = partition.name};
  SARTOR_TRY(take_up(general));
  return tailored(partition, {partition.name, plan_.slots, &general.points, general.first, true},
                  hopeless, seconds);
}

Result<PartitionRecipe> Tuner::over_blend(const Partition& partition, const GeneralTuning& general,
                                          const std::vector<bool>& hopeless, double seconds) {
  if (partition.segments.empty()) return PartitionRecipe{.name = partition.name};
  SARTOR_TRY(take_up(general));
  const auto slots = std::span(plan_.slots).first(general.blend_terms.size());
  return tailored(partition, {partition.name + " over blend", slots, &general.blend, {}, false},
                  hopeless, seconds);
}

Status Tuner::take_up(const GeneralTuning& general) {
  if (plan_ != general.plan) {
    plan_ = general.plan;
    if (general.has_rerank()) use_rerank(general);
  }
  plan_name_.clear();  // there is one plan, and the log is of this partition
  return make_pool();
}

Result<PartitionRecipe> Tuner::tailored(const Partition& partition, const Base& base,
                                        const std::vector<bool>& hopeless, double seconds) {
  const auto by_segment = partition.cases_by_segment(project_.at(Origin::validate).cases);
  const auto in_pool = partition.cases_by_segment(searched_.cases);
  std::vector<std::size_t> sizes;
  for (const auto& cases : by_segment) sizes.push_back(cases.size());
  std::vector<Searched> searched(sizes.size());
  for (std::size_t s = 0; s < sizes.size(); ++s) {
    if (sizes[s] == 0 || hopeless[s] || importance_of(partition.segments[s]) == 0) continue;
    SARTOR_ASSIGN(searched[s], searched_of(partition.segments[s], by_segment[s], in_pool[s]));
  }
  BudgetShares budget = budget_of(partition, sizes, hopeless, seconds);
  const std::size_t searches = base.own ? 2 + config_.tuning.strengths.size() : 1;
  const auto trials = static_cast<std::size_t>(by_clock() ? 0 : config_.tuning.trials / 2);
  resources_.begin_step("tailoring to " + base.study, searches * (kFolds + 1) * trials);
  PartitionRecipe recipe{.name = base.study};
  for (std::size_t s = 0; s < by_segment.size(); ++s) {
    SegmentTuning tuning;
    if (const double share = budget.next(); share > 0) {
      const double before = seconds_gone();
      SARTOR_ASSIGN(tuning, tailor_to(partition, s, searched[s], share, base));
      budget.spent(by_clock() ? seconds_gone() - before : longest_search(tuning));
    }
    recipe.segments.push_back(recipe_of(partition.segments[s], tuning, (*base.points)[kFolds]));
    recipe.segments.back().users = static_cast<int>(sizes[s]);
    recipe.segments.back().importance = importance_of(partition.segments[s]);
    recipe.segments.back().hopeless = hopeless[s];
  }
  return recipe;
}

Result<Tuner::Searched> Tuner::searched_of(const std::string& segment,
                                           std::span<const std::size_t> users,
                                           std::vector<std::size_t> in_pool) {
  const std::size_t wanted = std::min(users.size(), kSegmentUsers);
  if (in_pool.size() >= wanted) {
    OriginView view = view_of_users(searched_, in_pool);
    return Searched{.in_pool = std::move(in_pool), .view = std::move(view)};
  }
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < wanted; ++i) chosen.push_back(users[i * users.size() / wanted]);
  Searched searched{.in_pool = positions(wanted),
                    .view = view_of_users(project_.at(Origin::validate), chosen)};
  SARTOR_ASSIGN(searched.own, scored(searched.view, fitter_, searched.view.cases.size(), segment));
  return searched;
}

std::vector<OwnModels> Tuner::own_models(std::span<const UserId> users, const Cases& cases,
                                         const BlendPoint& general, const SegmentLimits& limits,
                                         std::span<const std::uint8_t> closed) {
  std::vector<OwnModels> own;
  const auto add = [&](SegmentFit segment, std::vector<double> shares) {
    const bool differs =
        std::any_of(plan_.variants.begin(), plan_.variants.end(),
                    [&](const VariantSpec& spec) { return segment.has_own(spec); });
    if (users.empty() || !differs || !may_have(limits, segment.adaptation)) return;
    const auto pool = [=, this, &cases, &general]() -> Result<ScorePool> {
      SARTOR_TRY(check_bytes(segment, limits, closed, general));
      return own_pool(segment, cases, general);
    };
    own.push_back({segment.adaptation, segment.strength, std::move(shares), pool});
  };
  for (const double strength : config_.tuning.strengths)
    add({.users = users, .adaptation = "fine_tuned", .strength = strength}, {kHalfway});
  add({.users = users, .adaptation = "separate"}, {kHalfway, 1.0});
  return own;
}

Status Tuner::check_bytes(const SegmentFit& segment, const SegmentLimits& limits,
                          std::span<const std::uint8_t> closed, const BlendPoint& general) {
  if (limits.megabytes == 0) return {};
  std::vector<VariantSpec> variants;
  const std::vector<Term> terms = terms_of(general);
  for (std::size_t s = 0; s < terms.size(); ++s) {
    if (closed.empty() || closed[s] == 0) variants.push_back(terms[s].variant);
  }
  SARTOR_ASSIGN(const std::size_t bytes, fitter_.own_bytes(segment, variants, resources_));
  const double megabytes = static_cast<double>(bytes) / (1 << 20);
  if (megabytes <= limits.megabytes) return {};
  return Error{
      ErrorCode::invalid_argument,
      fmt::format("its models take {:.1f} MB; its limit is {} MB", megabytes, limits.megabytes)};
}

Result<ScorePool> Tuner::own_pool(const SegmentFit& segment, const Cases& cases,
                                  const BlendPoint& general) {
  std::vector<std::shared_ptr<const Model>> models;
  std::vector<const Model*> pointers;
  for (const Term& term : terms_of(general)) {
    SARTOR_ASSIGN(auto model, fitter_.fit_for(segment, term.variant, resources_));
    pointers.push_back(model.get());
    models.push_back(std::move(model));
  }
  return ScorePool::make(cases, searched_.history, pointers,
                         static_cast<std::size_t>(config_.tuning.candidates), config_.signal.repeat,
                         resources_.quietly());
}

std::vector<Term> Tuner::terms_of(const BlendPoint& point) const {
  std::vector<Term> terms;
  for (std::size_t s = 0; s < point.weight.size(); ++s) {
    terms.push_back({plan_.variants[plan_.slots[s].variants[point.choice[s]]], point.weight[s]});
  }
  return terms;
}

SegmentRecipe Tuner::recipe_of(const std::string& name, const SegmentTuning& tuning,
                               const BlendPoint& general) const {
  SegmentRecipe recipe{.segment = name,
                       .general = mean(tuning.general),
                       .left_out = tuning.left_out,
                       .searches = tuning.searches};
  for (const TrialSeries& series : tuning.searches)
    recipe.trials += static_cast<int>(series.trials.size());
  const TriedCandidate* best = nullptr;
  for (const TriedCandidate& tried : tuning.tried) {
    recipe.tried.push_back({tried.candidate.label(), tried.gain, tried.low, tried.high});
    if (best == nullptr || tried.gain > best->gain) best = &tried;
  }
  for (std::size_t s = 0; s < tuning.closed.size(); ++s) {
    if (tuning.closed[s] != 0) recipe.closed.push_back(plan_.slots[s].name);
  }
  if (best == nullptr) return recipe;
  recipe.gain = best->gain;
  const Moments d = moments(contrast(best->values, tuning.general, 0));
  recipe.relative_sd = recipe.general > 0 ? d.sd() / recipe.general : 0;
  if (tuning.chosen < 0) return recipe;
  const Candidate& winner = best->candidate;
  recipe.adaptation = winner.adaptation;
  recipe.candidate = winner.label();
  recipe.share = winner.share;
  recipe.strength = winner.strength;
  // The slots of models of its own hold one variant each: the one that general chose.
  const BlendPoint& own = winner.own;
  recipe.own =
      terms_of(winner.adaptation == "blended" ? own : BlendPoint{general.choice, own.weight});
  return recipe;
}

}  // namespace sartor
