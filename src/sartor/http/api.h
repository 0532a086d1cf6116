// The HTTP interface over one bundle: docs/http.md, or /docs of a running server.
#pragma once

#include <memory>
#include <string>

#include "sartor/base/json.h"
#include "sartor/base/result.h"
#include "sartor/http/routes.h"
#include "sartor/http/server.h"
#include "sartor/serving/service.h"

namespace sartor {

// Every route of the server. `version` is the program's.
std::shared_ptr<const Router> make_api(std::shared_ptr<const Recommender> recommender,
                                       const std::string& version,
                                       std::shared_ptr<HttpMetrics> metrics);

// Opens the bundle and serves it. Fails as Recommender::open and HttpServer::start do.
Result<HttpServer> serve_bundle(const std::string& folder, const ServerOptions& options,
                                const std::string& version);

// The schemas of what goes in and out, by name.
Json api_schemas();

}  // namespace sartor
