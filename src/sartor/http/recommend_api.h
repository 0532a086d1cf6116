// GET and POST /v1/recommendations: what a request says, and what is asked of the bundle for it.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "sartor/base/json.h"
#include "sartor/http/routes.h"
#include "sartor/live/live_guard.h"
#include "sartor/serving/live_bundle.h"
#include "sartor/serving/service.h"

namespace sartor {

// `guard` may be null.
void add_recommendations(std::vector<Route>& routes, const std::shared_ptr<const LiveBundle>& live,
                         const std::shared_ptr<LiveGuard>& guard,
                         const std::shared_ptr<HttpMetrics>& metrics);

// The request that `body` is; it fits the schema "RecommendRequest".
RecommendRequest request_of_body(const Json& body);

// The request that a text is the body of. Fails with `invalid_argument`, naming each wrong value by
// its JSON pointer.
Result<RecommendRequest> parse_recommend_request(std::string_view text);

// k, the length of a list.
RouteParameter list_length();

}  // namespace sartor
