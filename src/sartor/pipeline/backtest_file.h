// A backtest in the cache: its numbers as JSON and tensors, its models as the folders that a bundle
// takes over.
#pragma once

#include <string>

#include "sartor/base/json.h"
#include "sartor/pipeline/backtest.h"

namespace sartor {

Result<Json> save_backtest(const Backtest& backtest, const std::vector<ItemId>& eligible,
                           const std::string& tensors, const std::string& models);

// `fitted` comes back without models: their folders lie where save_backtest put them.
Result<Backtest> load_backtest(const Json& json, const std::string& tensors);

}  // namespace sartor
