// Every trial of a run, as one Optuna journal: runs/<id>/trials.journal, and the bundle's
// evidence/trials.log.
#pragma once

#include <span>
#include <string>

#include "sartor/pipeline/general.h"
#include "sartor/pipeline/recipe.h"
#include "sartor/tuning/trial_log.h"

namespace sartor {

// A study for general ("general", and "general/refined" and "general/earlier", whose values are
// means over other cases), and one for each segment that was searched for ("rfm/loyal").
// `under_way` are searches that were not finished; folds of theirs that leave users out are not
// told. `plan` names what was chosen from.
std::string trial_journal(const GeneralTuning& general,
                          std::span<const PartitionRecipe* const> recipes,
                          std::span<const Study> under_way, const VariantPlan& plan);

}  // namespace sartor
