// The general model as it is chosen on validate: a blend, a re-ranker over a blend, or a mixture of
// both.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "sartor/base/json.h"
#include "sartor/models/rerank.h"
#include "sartor/pipeline/project.h"
#include "sartor/pipeline/recipe.h"
#include "sartor/tuning/component_search.h"

namespace sartor {

// What was tried as the general model, judged on validate by fits that never saw the user.
struct GeneralCandidate {
  std::string name;     // "blend", "0.5 rerank + 0.5 blend", "blend, weights refined, share 1"
  double validate = 0;  // mean of the gate's metric

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"name", &GeneralCandidate::name, "what"},
        Field{"validate", &GeneralCandidate::validate, "held-out mean of the metric"});
  }
};

struct GeneralTuning {
  VariantPlan plan;  // what `points` choose from; the re-ranker last, where there is one
  BlendRecipe recipe;
  FoldPoints points;
  std::vector<FoldPoints> first;  // the next best of each fold: what segments may begin with, too
  std::vector<TrialSeries>
      searches;  // of the blend first, "earlier", "refined": fits on everything
  std::vector<ComponentTrial> components;        // tuning.component_trials
  std::vector<ComponentRange> component_ranges;  // of their parameters
  std::map<std::string, double> metrics;         // held-out means on validate
  std::vector<GeneralCandidate> tried;
  std::vector<GeneralCandidate> left_out;  // the blend without each of its slots

  std::vector<LeftOut> components_left_out;  // what could not be fitted, or gave no finite scores
  std::vector<std::string> notes;            // of the models as fitted for validate, each once

  // The linear blend alone, its weights refined, where the general model is more than that:
  // tailoring is measured over it, too.
  FoldPoints blend;
  std::vector<Term> blend_terms;  // of the point fitted on everything; empty: general is the blend
  double blend_validate = 0;      // held-out mean of the gate's metric

  // The re-ranker, where one was worth it; else why there is none.
  std::string without_rerank;
  std::vector<Term> shortlist;  // the blend that draws up its list, fitted before validate
  Trees trees;                  // fitted on the windows before validate
  std::vector<TreeRows> rows;   // what they were fitted on, window by window

  bool has_rerank() const { return !shortlist.empty(); }
};

// Everything about a re-ranker that does not depend on the moment.
RerankPlan rerank_plan(const Project& project, const Config& config, std::vector<Term> shortlist,
                       Trees trees);

// The rows of an origin's cases, as many as models.rerank_cases allows, for trees of later origins.
Result<TreeRows> training_rows(const RerankPlan& plan, const OriginView& view, const Config& config,
                               VariantFitter& fitter, const Resources& resources);

// Trees fitted on the last windows, as many as there were before validate and one more: old habits
// drop out, and the work stays the same however long a log is.
Result<Trees> fit_recent_trees(std::span<const TreeRows> windows, const Config& config,
                               const std::string& what, const Resources& resources);

// For the cache: JSON, and tensors at `path`.
Result<Json> save_general(const GeneralTuning& tuning, const std::string& path);
Result<GeneralTuning> load_general(const Json& json, const std::string& path);

}  // namespace sartor
