// `sartor bench bbob`: a sampler on the 24 functions of bbob.h.
#pragma once

#include "sartor/base/json.h"
#include "sartor/base/parallel.h"
#include "sartor/base/result.h"

namespace sartor {

// `settings` is an object: "sampler" (as in sampler.h), "dimension" (5), "trials" (200), "seeds"
// (10), "instance" (1). Every function is minimised once a seed; a function's ratio is
// (median best - optimum) / (median best of 101 random searches - optimum), the score their mean.
// Returns {"name", "sampler", "dimension", "trials", "seeds", "instance", "score", "functions":
// [{"function", "name", "ratio", "best", "random", "optimum"}] ("best" and "random" above the
// optimum), "seconds", "cpu_seconds" (of the searches alone), "suggest_us" (per trial of them),
// "suggest_us_at_1000" (median of one thread for ten parameters and 1,000 random trials known),
// "peak_rss_mb", "threads"}. Fails with `config` for unknown or bad settings.
Result<Json> bench_bbob(const Json& settings, const Resources& resources);

}  // namespace sartor
