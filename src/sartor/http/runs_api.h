// GET /v1/runs: the workspace's runs, with what each found in a line.
#pragma once

#include <memory>
#include <vector>

#include "sartor/http/routes.h"
#include "sartor/store/state.h"

namespace sartor {

inline constexpr const char* kRunsPath = "/v1/runs";

// Without a state it answers 503.
void add_runs(std::vector<Route>& routes, std::shared_ptr<const State> state);

// One run as it is answered: facts of the record, and of its summary (docs/run.schema.json) the
// metric, general's and the served lists' value on test with their difference and its interval, and
// how many segments were adapted. Null is what a run that is not done does not have.
Json run_json(const RunRecord& run);

}  // namespace sartor
