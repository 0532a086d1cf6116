// The bundle: everything that a server needs and the evidence for it, written whole or not at all.
#pragma once

#include <string>

#include "sartor/base/json.h"
#include "sartor/pipeline/summary.h"

namespace sartor {

struct PublishInput {
  RunFacts facts;
  std::string bundles;  // folder of all bundles of the workspace
  std::string models;   // where the backtest left the fitted models
  std::string report;   // the report as a page, without what belongs to one run
};

struct Published {
  std::string path;
  std::string version;
};

// Writes `bundles`/<version> if it is not there yet, and lets `bundles`/current lead to it, and
// `bundles`/previous to what that led to before (switch_current). The version is a fingerprint of
// config and data, so equal inputs give the same folder with the same bytes.
Result<Published> publish_bundle(const PublishInput& input, const std::string& version,
                                 const Resources& resources);

// What identifies a bundle: config, data, program version, the segmentation with the names that it
// keeps, and how often the gate has looked.
std::string bundle_version(const RunFacts& facts, const std::string& build);

// The config without what changes no result (serve, state).
Json bundle_config(const Config& config);

}  // namespace sartor
