// Trials as an Optuna journal: the file that optuna.storages.journal.JournalFileBackend and
// optuna-dashboard open. One JSON object per line; the last word on the format is Optuna's
// JournalStorage.
#pragma once

#include <string>
#include <vector>

#include "sartor/tuning/component_search.h"
#include "sartor/tuning/tailor.h"
#include "sartor/tuning/variants.h"

namespace sartor {

// One study: the trials of one segment's searches, whose values are means over the same cases.
struct TrialStudy {
  std::string name;          // unique within the journal
  std::string segmentation;  // "" of general
  std::string segment;       // likewise
  std::vector<TrialSeries> series;
};

// What was tried of components' hyper-parameters, with their ranges.
struct ComponentStudy {
  std::string name;
  std::vector<ComponentTrial> trials;
  std::vector<ComponentRange> ranges;
};

// Parameters are `<slot>` (the chosen variant's label, where there is a choice) and
// `<slot>.weight`. A trial's user attributes are its `adaptation` (and `strength`), its `family`
// ("blend", or that of its only component), and the segment's names; a study's are those names.
// Equal trials give equal bytes: a trial's time is its number in seconds since 1970, for a journal
// holds no clock.
// A component's trial has `component` and `<slot>.<parameter>` for parameters, and its `rung`.
std::string optuna_journal(const std::vector<TrialStudy>& studies, const VariantPlan& plan,
                           const ComponentStudy& components = {});

}  // namespace sartor
