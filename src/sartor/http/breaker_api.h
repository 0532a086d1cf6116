// Lists under the eyes of the breakers, and what people see of these.
#pragma once

#include <memory>
#include <vector>

#include "sartor/base/json.h"
#include "sartor/http/intake.h"
#include "sartor/http/routes.h"
#include "sartor/live/live_guard.h"
#include "sartor/serving/live_bundle.h"
#include "sartor/serving/service.h"

namespace sartor {

// The breakers of a workspace, up to date with its events, and told of those that come. Fails as
// LiveGuard::open and catch_up do.
Result<std::shared_ptr<LiveGuard>> open_guard(const std::string& workspace,
                                              const GuardOptions& options,
                                              const std::shared_ptr<LiveBundle>& live,
                                              Intake& intake);

// A list with a fresh exposure id. With a guard, it says who answers, and the exposure is logged
// and counted.
Result<Json> answer_list(const Recommender& recommender, LiveGuard* guard,
                         const RecommendRequest& request, HttpMetrics& metrics);

// The body of /v1/segments: segments_json() with "breaker", null where a segment has no model of
// its own that could be switched off.
Json segments_with_breakers(const BundleInfo& info, const LiveGuard* guard);

// In Prometheus' text format; the only labels are the bundle's segments and fixed words.
std::string breaker_metrics(const BundleInfo& info, const LiveGuard& guard);

// GET /v1/alerts and POST /v1/segments/{name}/breaker.
void add_breakers(std::vector<Route>& routes, const std::shared_ptr<LiveGuard>& guard);

}  // namespace sartor
