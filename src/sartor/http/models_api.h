// /v1/models: what serves, what could, and the change from one to another.
#pragma once

#include <memory>
#include <vector>

#include "sartor/http/routes.h"
#include "sartor/serving/bundle_shelf.h"
#include "sartor/serving/live_bundle.h"

namespace sartor {

// Under it, answers may wait for a bundle to be loaded.
inline constexpr const char* kModelsPath = "/v1/models";

// GET /v1/models, and with a shelf POST /v1/models/{version}/promote and POST /v1/models/rollback.
void add_models(std::vector<Route>& routes, std::shared_ptr<const LiveBundle> live,
                std::shared_ptr<BundleShelf> shelf);

// The body of /health/ready: which version serves, and which one should and was refused. Whoever
// serves another is ready all the same, and so is who has `troubles`: they degrade it, no more.
Json readiness(const BundleInfo& info, const BundleShelf* shelf,
               const std::vector<std::string>& troubles = {});

// In Prometheus' text format.
std::string shelf_metrics(const BundleShelf& shelf);

// Counts what a server passed over when it started, and tells each in a line.
void tell_passed_over(const std::vector<RefusedVersion>& refused, const std::string& serving,
                      HttpMetrics& metrics, const std::function<void(const std::string&)>& tell);

// The shelf's observer: counts swaps and refusals, and tells each in a line.
SwapObserver swap_observer(std::shared_ptr<HttpMetrics> metrics,
                           std::function<void(const std::string&)> tell);

}  // namespace sartor
