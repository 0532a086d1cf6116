#include "sartor/pipeline/run_trials.h"

#include <algorithm>

#include "sartor/tuning/journal.h"

namespace sartor {
namespace {

std::string study_name(const StudyKey& key) {
  if (!key.segment.empty()) return key.segmentation + "/" + key.segment;
  return key.adaptation == "general" ? "general" : "general/" + key.adaptation;
}

void add_series(const StudyKey& key, TrialSeries series, std::vector<TrialStudy>& studies) {
  const std::string name = study_name(key);
  auto study = std::find_if(studies.begin(), studies.end(),
                            [&](const TrialStudy& one) { return one.name == name; });
  if (study == studies.end()) {
    study = studies.insert(studies.end(), TrialStudy{name, key.segmentation, key.segment, {}});
  }
  study->series.push_back(std::move(series));
}

}  // namespace

std::string trial_journal(const GeneralTuning& general,
                          std::span<const PartitionRecipe* const> recipes,
                          std::span<const Study> under_way, const VariantPlan& plan) {
  std::vector<TrialStudy> studies;
  for (const TrialSeries& series : general.searches)
    add_series({.adaptation = series.adaptation}, series, studies);
  for (const PartitionRecipe* recipe : recipes) {
    for (const SegmentRecipe& segment : recipe->segments) {
      for (const TrialSeries& series : segment.searches)
        add_series({recipe->name, segment.segment, series.adaptation, series.strength, -1, ""},
                   series, studies);
    }
  }
  for (const Study& study : under_way) {
    // Components' trials are points of another space: a run that goes on tells them.
    if (study.key.fold != -1 || study.key.adaptation == "components") continue;
    add_series(study.key, {study.key.adaptation, study.key.strength, study.trials}, studies);
  }
  return optuna_journal(studies, plan,
                        {"general/components", general.components, general.component_ranges});
}

}  // namespace sartor
