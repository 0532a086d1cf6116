// The HTTP interface over a workspace's bundles: docs/http.md, or /docs of a running server.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "sartor/base/json.h"
#include "sartor/base/result.h"
#include "sartor/http/intake.h"
#include "sartor/http/rate_limit.h"
#include "sartor/http/replica.h"
#include "sartor/http/routes.h"
#include "sartor/http/server.h"
#include "sartor/http/users_api.h"
#include "sartor/live/live_guard.h"
#include "sartor/serving/bundle_shelf.h"
#include "sartor/serving/live_bundle.h"
#include "sartor/serving/service.h"
#include "sartor/store/api_keys.h"
#include "sartor/store/state.h"

namespace sartor {

// What the server can do beside answering from its bundle.
struct ApiParts {
  std::shared_ptr<Intake> intake;        // null: events are 503
  std::shared_ptr<const ApiKeys> keys;   // null: nobody is asked for one
  std::shared_ptr<LiveGuard> guard;      // null: no holdback, no breakers, no exposures
  std::shared_ptr<BundleShelf> shelf;    // null: no other bundle can be served
  std::shared_ptr<ClientLimits> limits;  // null: none
  std::shared_ptr<const State> state;    // null: /v1/runs is 503
  std::shared_ptr<const UserPlaces> users = nullptr;  // null: nobody can be exported or erased
  std::shared_ptr<Replica> replica = nullptr;         // null: the state is this server's own
};

struct ServeSettings {
  bool watch = true;  // serve what bundles/current leads to as it is switched; else at SIGHUP only
  int retention_days = 0;  // of bundles that are not in use; 0: for ever
  RateSettings limits;
  GuardOptions guard;
  TlsFiles tls;
  bool follow_stream = true;  // LiveBundle
  StateConfig state;
  // Hears, in lines and from several threads, what had to be mended, what cannot be done, and which
  // bundle serves from now on.
  std::function<void(const std::string&)> tell = [](const std::string&) {};
};

// Every route of the server. `version` is the program's.
std::shared_ptr<const Router> make_api(std::shared_ptr<const LiveBundle> live,
                                       const std::string& version,
                                       std::shared_ptr<HttpMetrics> metrics,
                                       const ApiParts& parts = {});

// Opens the bundle and serves it. Fails as Recommender::open and HttpServer::start do.
Result<HttpServer> serve_bundle(const std::string& folder, const ServerOptions& options,
                                const std::string& version);

// The same, with what the workspace knows: its API keys, asked for if there ever was one, its event
// log, its breakers, and its other bundles. `first` is of open_first(). Fails likewise, and as
// ApiKeys::open, Intake::open and LiveGuard::open do.
Result<HttpServer> serve_workspace(const std::string& workspace, FirstBundle first,
                                   const ServerOptions& options, const std::string& version,
                                   const ServeSettings& settings);

// A value of a context as text; true, false and numbers may stand for one.
std::string value_text(const Json& value);

// The schemas of what goes in and out, by name.
Json api_schemas();

}  // namespace sartor
