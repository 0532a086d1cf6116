// Everything that is chosen on validate: the general blend, and for each partition of the users the
// best candidate of each segment.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sartor/pipeline/general.h"
#include "sartor/pipeline/project.h"
#include "sartor/pipeline/recipe.h"

namespace sartor {

// A partition of all users as of an origin: a segmentation, or the control's random segments.
struct Partition {
  std::string name;
  std::vector<std::string> segments;
  std::vector<std::uint32_t> of_user;  // every user of the vocabulary, as of validate's start

  // Positions, among the users of the cases, of those of each segment.
  std::vector<std::vector<std::size_t>> cases_by_segment(const Cases& cases) const;
  // Users with a history, of one segment.
  std::vector<UserId> users_of(std::size_t segment, const History& history) const;
  // Those of them that models of the segment's own are fitted on: its limit of rows.
  std::vector<UserId> users_to_fit(std::size_t segment, const History& history,
                                   const TuningConfig& config) const;
};

// Holds the pool of scores, which all searches share. Not for several threads at once.
class Tuner {
 public:
  Tuner(const Project& project, const Config& config, const Resources& resources);

  // Where the searches from here on keep their trials, and find those of a run that was stopped;
  // null: nowhere. Borrowed.
  void log_to(TrialLog* log) { log_ = log; }
  // What searches choose from at the moment, and its name in their studies' keys.
  const VariantPlan& plan() const { return plan_; }
  const std::string& plan_name() const { return plan_name_; }

  // A component that cannot be fitted to the data (`invalid_argument`), or whose scores are not
  // finite, is left out of everything, with the reason; other failures are handed on. Fails with
  // `bad_data` if nothing is left.
  Result<GeneralTuning> general();
  // A segment with `hopeless` set gets no trials, and its share goes to the others. `seconds` of
  // the clock are for all of them, where tuning.minutes says how long; those that the log has seen
  // before are gone.
  Result<PartitionRecipe> partition(const Partition& partition, const GeneralTuning& general,
                                    const std::vector<bool>& hopeless, double seconds);
  // The same with own weights over the linear blend instead of the general model, where that is
  // more (`general.blend_terms`): what tailoring is worth without trees. It decides nothing.
  Result<PartitionRecipe> over_blend(const Partition& partition, const GeneralTuning& general,
                                     const std::vector<bool>& hopeless, double seconds);

 private:
  Result<GeneralTuning> general_of_plan();
  // Takes a component out of the plan, and remembers why.
  void leave_out(const std::string& component, const std::string& reason);
  // The same if the variant is to blame for `error`, which it returns.
  Error blame(const VariantSpec& spec, const Error& error);
  // Pools of the windows before validate, over all variants but the re-ranker, and what its trees
  // are fitted on. The last window screens the variants: from then on the plan holds those that are
  // worth a search, and its blend is the one that draws up the re-ranker's list.
  Result<std::vector<ScorePool>> earlier_pools(GeneralTuning& tuning);
  Result<BlendPoint> screen(ScorePool& pool);
  // Searches the components' hyper-parameters on a window; what is better than what `best` has
  // joins the plan. Whether anything did.
  Result<bool> search_components(const OriginView& view, VariantFitter& fitter,
                                 const BlendPoint& best, GeneralTuning& tuning);
  // A blend for the windows before validate alone: where every fold's search starts.
  Result<BlendPoint> fit_earlier(std::span<const PoolCase> cases, GeneralTuning& tuning);
  bool may_rerank(GeneralTuning& tuning) const;
  Status fit_trees(GeneralTuning& tuning);
  // Family "rerank" is this from here on.
  void use_rerank(const GeneralTuning& tuning);
  Status make_pool();
  Status judge_candidates(std::span<const PoolCase> cases, const CrossFit& blend,
                          GeneralTuning& tuning);
  // The best of them with weights searched on validate alone, the re-ranker's among them: what a
  // segment's own search may find for everybody is no merit of the segment.
  Status refine(std::span<const PoolCase> cases, GeneralTuning& tuning);
  // `part` of the seconds that are left, where the clock is the budget.
  BlendSearchOptions refining(std::size_t slots, const std::string& study, double part) const;
  // The weights of the linear blend, likewise, where there is more to the general model.
  Status refine_blend(std::span<const PoolCase> cases, GeneralTuning& tuning);

  // What the search for one segment looks at.
  struct Searched {
    std::vector<std::size_t> in_pool;  // users of the shared pool
    OriginView view;                   // their cases
    std::optional<ScorePool> own;      // instead of the shared pool, where that has too few of them
  };
  Result<Searched> searched_of(const std::string& segment, std::span<const std::size_t> users,
                               std::vector<std::size_t> in_pool);
  BlendSearchOptions search_options(std::size_t trials, double reach, StudyKey study) const;
  bool by_clock() const { return config_.tuning.minutes > 0; }
  double seconds_gone() const { return log_ == nullptr ? 0 : log_->seconds(); }
  // Of general's half of the minutes, the part that one of its searches gets now; 0: by trials.
  double general_seconds(double part) const;
  // Half of all trials, or `seconds`, by size x importance; nothing where there is no hope.
  BudgetShares budget_of(const Partition& partition, std::span<const std::size_t> sizes,
                         const std::vector<bool>& hopeless, double seconds) const;
  // What segments are tailored from.
  struct Base {
    std::string study;  // of the trials
    std::span<const Slot> slots;
    const FoldPoints* points;
    std::span<const FoldPoints> first;
    bool own;  // whether models of a segment's own may be tried
  };
  Result<PartitionRecipe> tailored(const Partition& partition, const Base& base,
                                   const std::vector<bool>& hopeless, double seconds);
  // Goes on with the general model's plan, which may come from the cache.
  Status take_up(const GeneralTuning& general);
  // `budget` in trials or seconds.
  Result<SegmentTuning> tailor_to(const Partition& partition, std::size_t segment,
                                  const Searched& searched, double budget, const Base& base);
  std::vector<std::uint8_t> closed_to(const SegmentLimits& limits, std::span<const UserId> users,
                                      const BlendPoint& general) const;
  // Fails with `invalid_argument` if the segment's models are larger than its limit.
  Status check_bytes(const SegmentFit& segment, const SegmentLimits& limits,
                     std::span<const std::uint8_t> closed, const BlendPoint& general);
  double importance_of(const std::string& segment) const;
  // The adaptations with models of their own that a segment may have.
  std::vector<OwnModels> own_models(std::span<const UserId> users, const Cases& cases,
                                    const BlendPoint& general, const SegmentLimits& limits,
                                    std::span<const std::uint8_t> closed);
  Result<ScorePool> own_pool(const SegmentFit& segment, const Cases& cases,
                             const BlendPoint& general);
  std::vector<Term> terms_of(const BlendPoint& point) const;
  SegmentRecipe recipe_of(const std::string& name, const SegmentTuning& tuning,
                          const BlendPoint& general) const;
  // The pool of a window over the plan's variants, of which `cases` are to share the memory.
  Result<ScorePool> scored(const OriginView& view, VariantFitter& fitter, std::size_t cases,
                           const std::string& name);

  const Project& project_;
  const Config& config_;
  Resources resources_;
  Metric metric_;
  VariantPlan plan_;
  std::vector<LeftOut> left_out_;
  std::vector<std::string> notes_;
  OriginView searched_;  // validate, with as many cases as tuning.max_cases allows
  VariantFitter fitter_;
  std::optional<ScorePool> pool_;  // of searched_
  TrialLog* log_ = nullptr;
  std::string plan_name_;  // of the plan that the general search began with; "" of segments'
};

}  // namespace sartor
