// Trials as an Optuna journal: the file that optuna.storages.journal.JournalFileBackend and
// optuna-dashboard open. One JSON object per line; the last word on the format is Optuna's
// JournalStorage.
#pragma once

#include <string>
#include <vector>

#include "sartor/tuning/tailor.h"
#include "sartor/tuning/variants.h"

namespace sartor {

// One study: the trials of one search.
struct TrialStudy {
  std::string name;  // unique within the journal
  TrialSeries series;
};

// Parameters are `<slot>` (the chosen variant's label, where there is a choice) and
// `<slot>.weight`. Equal trials give equal bytes: a trial's time is its number in seconds since
// 1970, for a journal holds no clock.
std::string optuna_journal(const std::vector<TrialStudy>& studies, const VariantPlan& plan);

}  // namespace sartor
