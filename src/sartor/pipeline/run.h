// `sartor run`: from the log to a published bundle. Steps, in order:
//   ingest, segment, tune, backtest, gate, publish
// Each is kept under the fingerprint of what it depends on and done again only if that changed.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sartor/base/json.h"
#include "sartor/base/parallel.h"
#include "sartor/pipeline/config.h"

namespace sartor {

inline constexpr const char* kSteps[] = {"ingest",   "segment", "tune",
                                         "backtest", "gate",    "publish"};

struct RunRequest {
  std::string workspace;  // folder of sartor.toml; cache, runs, bundles and state lie in it
  Config config;
  std::string config_path;  // for the report
  std::string command;      // as typed, for the report
  std::string
      build;  // what tells one program from another: results of other programs are not reused
  std::string last_step;  // "" runs all
  std::string rankings;   // folder for TREC files; "" writes none
};

struct RunOutcome {
  bool nothing_changed = false;  // everything was there already
  std::string summary;           // the document of --json, serialised
  std::string bundle;            // "" where the last step was before publish
  std::string report;
};

// Fails with `config` (exit 2), `bad_data` (exit 3), `cancelled` or `io`; the published bundle
// stays as it was.
Result<RunOutcome> run_pipeline(const RunRequest& request, const Resources& resources);

// `sartor check`: everything that can be told without fitting, as text for people and as JSON.
struct CheckOutcome {
  std::string text;
  std::string json;
};
Result<CheckOutcome> check_pipeline(const RunRequest& request, const Resources& resources);

}  // namespace sartor
