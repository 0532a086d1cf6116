// `sartor bench ranking`: fits on a given train set and judges on a given test set, for published
// splits that have no times.
#pragma once

#include <string>

#include "sartor/base/json.h"
#include "sartor/base/parallel.h"
#include "sartor/base/result.h"

namespace sartor {

struct RankingRequest {
  std::string
      train;  // a line is a user and the user's items ("0 17 4"), or user and item ("u1,17")
  std::string test;
};

// `settings` is an object: "model" ("popularity", "item_knn", "ease", "als", or "blend" of these,
// weighted on a tenth of each user's train items), and the fields of that family. Items taken in
// train are not listed; every item of train and test may be. Returns {"name", "model", "users"
// (judged), "items", "recall@20", "ndcg@20", "seconds", "cpu_seconds", "peak_rss_mb", "threads"},
// means over users with a test item; reading the files is
// outside the time. Fails with `bad_data`, naming file and line, for lines of
// another shape, and with `config` for an unknown model or setting.
Result<Json> bench_ranking(const RankingRequest& request, const Json& settings,
                           const Resources& resources);

}  // namespace sartor
