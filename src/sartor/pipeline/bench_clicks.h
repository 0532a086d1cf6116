// `sartor bench clicks`: the click model fitted on a project's impressions before a moment and
// judged on those from it on. Each row is as of its impression's moment, so counts go on through
// the tested days while the trees stay as they were: what a server that follows the log would say.
#pragma once

#include <string>
#include <vector>

#include "sartor/base/json.h"
#include "sartor/base/parallel.h"
#include "sartor/base/result.h"
#include "sartor/models/click_model.h"
#include "sartor/pipeline/config.h"

namespace sartor {

struct ClickBench {
  std::string from;
  std::string until;
  int resamples = 200;
  std::uint64_t seed = 1;
  ClickConfig clicks;

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"from", &ClickBench::from, "first moment that is tested; the end of training"},
        Field{"until", &ClickBench::until, "first moment that is not; the log's end if empty"},
        Field{"resamples", &ClickBench::resamples, 20, 100000, Scale::fixed,
              "of the users, for the intervals"},
        Field{"seed", &ClickBench::seed, 0, 9e15, Scale::fixed, "of the resamples"},
        Field{"clicks", &ClickBench::clicks, "the model"});
  }
};

// `input` is a workspace or a TOML file. An assignment whose key begins with a field of ClickBench
// ("from=…", "clicks.trees.leaves=15") sets it, any other sets sartor.toml's. Returns
// judge_clicks() with "seconds", "cpu_seconds" (reading is outside both), "peak_rss_mb", "threads",
// and what cleaning removed. Fails with `config`, `bad_data`, or as fit_click_model() does.
Result<Json> bench_clicks(const std::string& input, const std::vector<std::string>& assignments,
                          const Resources& resources);

// {"n", "positives", "users", "auc", "gauc", "logloss", "calibration", "baselines", "importance",
// "segments", …}; intervals are the middle 95 % of resamples of the users. Segments are the first
// [[segments]] with rules, as of `from`. Fails with `bad_data` if nothing is tested.
Result<Json> judge_clicks(const Dataset& data, const ClickBench& bench, const Config& config,
                          const Resources& resources);

}  // namespace sartor
