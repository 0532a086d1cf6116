#include "sartor/http/api.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "sartor/base/files.h"
#include "sartor/base/text.h"
#include "sartor/http/breaker_api.h"
#include "sartor/http/events.h"
#include "sartor/http/models_api.h"
#include "sartor/http/pages.h"
#include "sartor/http/problem.h"
#include "sartor/http/recommend_api.h"
#include "sartor/http/runs_api.h"
#include "sartor/http/users_api.h"

namespace sartor {
namespace {

using Shared = std::shared_ptr<const LiveBundle>;

constexpr const char* kEventPath = "/v1/events";
constexpr std::chrono::milliseconds kWatchInterval{1000};
constexpr const char* kHtml = "text/html; charset=utf-8";

HttpResponse json_response(const Json& json) {
  return {200, "application/json", json_text(json), {}};
}

void add_facts(std::vector<Route>& routes, const Shared& live,
               const std::shared_ptr<LiveGuard>& guard) {
  routes.push_back(
      {.method = "GET",
       .pattern = "/v1/similar-items",
       .summary = "What people take who take an item",
       .parameters = {{.name = "item", .help = "which", .required = true}, list_length()},
       .response = "SimilarItems",
       .scope = "recommend",
       .handler = [live](const Call& call) {
         const auto answer = live->current()->similar_items(*call.text("item"),
                                                            static_cast<int>(call.numbers.at("k")));
         return answer ? json_response(answer_json(*answer)) : problem_of(answer.error());
       }});
  routes.push_back({.method = "GET",
                    .pattern = "/v1/segments",
                    .summary = "The segments, in the order of their rules, and who serves each",
                    .response = "Segments",
                    .scope = "recommend",
                    .handler = [live, guard](const Call&) {
                      return json_response(
                          segments_with_breakers(live->current()->info(), guard.get()));
                    }});
}

HttpResponse index_page(const BundleInfo& info) {
  std::string rows;
  for (const SegmentInfo& segment : info.segments) {
    rows += fmt::format(
        "<tr><td>{}</td><td>{}</td><td>{}</td></tr>", html_escaped(segment.name),
        with_thousands(static_cast<long long>(segment.users)),
        html_escaped(segment.unavailable.empty() ? segment.route : "general (model unavailable)"));
  }
  return html_page(
      "Sartor",
      fmt::format(
          "<p>Serving bundle <code>{}</code>: {} users, {} items, as of {}.</p>"
          "<ul><li><a href=\"/report\">The report</a> of the run that made it</li>"
          "<li><a href=\"/docs\">The HTTP interface</a></li>"
          "<li><a href=\"/v1/recommendations?k=5\">Five recommendations for a stranger</a>"
          "</li><li><a href=\"/metrics\">Metrics</a></li></ul>"
          "<h2>Segments</h2><table><tr><th>Segment</th><th>Users</th><th>Served by</th>"
          "</tr>{}</table>",
          html_escaped(info.model_version), with_thousands(static_cast<long long>(info.users)),
          with_thousands(static_cast<long long>(info.items)), format_time(info.as_of), rows));
}

HttpResponse report_page(const BundleInfo& info) {
  auto report = read_file(info.path + "/report.html");
  if (!report) return problem("not-found", "this bundle has no report");
  return {200,
          kHtml,
          std::move(*report),
          {{"Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
            "img-src data:"}}};
}

std::vector<std::string> troubles_of(const Replica* replica) {
  return replica == nullptr ? std::vector<std::string>() : replica->troubles();
}

void add_pages(std::vector<Route>& routes, const Shared& live,
               const std::shared_ptr<BundleShelf>& shelf, const std::shared_ptr<Replica>& replica) {
  routes.push_back({.method = "GET",
                    .pattern = "/health/live",
                    .summary = "Whether the process answers",
                    .response = "Health",
                    .handler = [](const Call&) {
                      return json_response({{"status", "live"}});
                    }});
  routes.push_back({.method = "GET",
                    .pattern = "/health/ready",
                    .summary = "Whether a bundle is served",
                    .response = "Health",
                    .handler = [live, shelf, replica](const Call&) {
                      return json_response(readiness(live->current()->info(), shelf.get(),
                                                     troubles_of(replica.get())));
                    }});
  routes.push_back(
      {.method = "GET",
       .pattern = "/",
       .summary = "A page that leads to the others",
       .response_type = kHtml,
       .scope = "recommend",
       .handler = [live](const Call&) { return index_page(live->current()->info()); }});
  routes.push_back(
      {.method = "GET",
       .pattern = "/report",
       .summary = "The report of the run that made the bundle",
       .response_type = kHtml,
       .scope = "recommend",
       .handler = [live](const Call&) { return report_page(live->current()->info()); }});
}

Time now() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

void add_events(std::vector<Route>& routes, const ApiParts& parts,
                const std::shared_ptr<HttpMetrics>& metrics) {
  const auto schemas = std::make_shared<const Json>(api_schemas());
  routes.push_back(
      {.method = "POST",
       .pattern = kEventPath,
       .summary = "What users did: durable, and part of their next lists, when this answers",
       .body = "Events",
       .response = "EventsTaken",
       .scope = "ingest",
       .handler = [intake = parts.intake, limits = parts.limits, schemas,
                   metrics](const Call& call) {
         if (intake == nullptr) return problem("unavailable", "this server takes no events");
         if (limits != nullptr) {
           auto late = limits->events(call.client, call.body->at("events").size());
           if (late) return std::move(*late);
         }
         return take_events(*intake, *call.body, *schemas, now(), *metrics);
       }});
}

// Whoever has no key gets 401, whoever has the wrong one 403; a good one is the client.
std::optional<HttpResponse> refusal_of(const ApiKeys& keys, const Route& route,
                                       const HttpRequest& request, std::string& client) {
  constexpr std::string_view kBearer = "Bearer ";
  const std::string_view header = request.header("authorization");
  const bool given = header.starts_with(kBearer);
  const auto key = keys.find(given ? header.substr(kBearer.size()) : std::string_view(), now());
  if (!key) return problem_of(key.error());
  if (!*key) {
    HttpResponse response = problem("unauthorized", given ? "this key is not known, or has ended"
                                                          : "expected Authorization: Bearer KEY");
    response.headers.emplace_back("WWW-Authenticate", "Bearer");
    return response;
  }
  client = "key " + (*key)->id;
  if ((*key)->may(route.scope)) return std::nullopt;
  return problem("forbidden", fmt::format("this needs a key with the scope {}", route.scope));
}

// Keys, then limits; what is refused counts, too.
Gate gate_of(const ApiParts& parts) {
  if (parts.keys == nullptr && parts.limits == nullptr) return {};
  return [keys = parts.keys, limits = parts.limits](const Route& route, const HttpRequest& request,
                                                    std::string& client) {
    std::optional<HttpResponse> refusal;
    if (route.scope.empty()) return refusal;
    client = "address " + request.peer;
    if (keys != nullptr) refusal = refusal_of(*keys, route, request, client);
    if (limits != nullptr) {
      if (auto late = limits->request(client)) return late;
    }
    return refusal;
  };
}

Result<HttpServer> start(const Shared& live, const ServerOptions& options,
                         const std::string& version, const ApiParts& parts,
                         const std::shared_ptr<HttpMetrics>& metrics) {
  metrics->serves(live->current()->info().model_version);
  const auto api = make_api(live, version, metrics, parts);
  ServerOptions own = options;
  own.waits = [](const HttpRequest& request) {
    return request.path == kEventPath || request.path.starts_with(kModelsPath + std::string("/")) ||
           request.path == kRunsPath || waits_for_users(request);
  };
  if (parts.shelf != nullptr) own.on_hangup = [shelf = parts.shelf] { shelf->nudge(); };
  return HttpServer::start(
      own, [api](const HttpRequest& request) { return api->handle(request); },
      [metrics](int status) { metrics->refused(status); });
}

}  // namespace

std::string value_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.is_number_float() ? shortest(value.get<double>()) : value.dump();
}

std::shared_ptr<const Router> make_api(std::shared_ptr<const LiveBundle> live,
                                       const std::string& version,
                                       std::shared_ptr<HttpMetrics> metrics,
                                       const ApiParts& parts) {
  std::vector<Route> routes;
  add_recommendations(routes, live, parts.guard, metrics);
  add_events(routes, parts, metrics);
  add_facts(routes, live, parts.guard);
  add_users(routes, live, parts.users);
  add_breakers(routes, parts.guard);
  add_models(routes, live, parts.shelf);
  add_runs(routes, parts.state);
  add_pages(routes, live, parts.shelf, parts.replica);
  if (parts.shelf != nullptr) {
    // The shelf tells the metrics of swaps, and so holds them: not the other way, too.
    metrics->add_source([weak = std::weak_ptr<const BundleShelf>(parts.shelf)] {
      const auto shelf = weak.lock();
      return shelf == nullptr ? std::string() : shelf_metrics(*shelf);
    });
  }
  metrics->add_source([weak = std::weak_ptr<const Replica>(parts.replica)] {
    return replica_metrics(weak.lock().get());
  });
  if (parts.guard != nullptr) {
    metrics->add_source(
        [live, guard = parts.guard] { return breaker_metrics(live->current()->info(), *guard); });
  }
  return std::make_shared<const Router>(std::move(routes), api_schemas(), version, metrics,
                                        gate_of(parts));
}

Result<HttpServer> serve_bundle(const std::string& folder, const ServerOptions& options,
                                const std::string& version) {
  SARTOR_ASSIGN(auto recommender, Recommender::open(folder));
  return start(std::make_shared<LiveBundle>(std::move(recommender)), options, version, {},
               std::make_shared<HttpMetrics>());
}

Result<HttpServer> serve_workspace(const std::string& workspace, FirstBundle first,
                                   const ServerOptions& options, const std::string& version,
                                   const ServeSettings& settings) {
  SARTOR_ASSIGN(auto keys, ApiKeys::open(workspace, settings.state));
  SARTOR_ASSIGN(const auto known, keys.list());
  ServerOptions own = options;
  own.has_keys =
      std::any_of(known.begin(), known.end(), [](const ApiKey& key) { return key.active(now()); });
  own.tls = settings.tls;
  own.on_reload = [tell = settings.tell](const Status& status) {
    tell(status ? "TLS: certificate and key are read anew"
                : "warning: TLS: the old certificate serves on: " + status.error().message);
  };
  ApiParts parts;
  if (!known.empty()) parts.keys = std::make_shared<const ApiKeys>(std::move(keys));
  const auto metrics = std::make_shared<HttpMetrics>();
  const auto live =
      std::make_shared<LiveBundle>(std::move(first.recommender), settings.follow_stream);
  tell_passed_over(first.refused, live->current()->info().model_version, *metrics, settings.tell);
  SARTOR_ASSIGN(auto list, ErasureList::open(workspace));
  const std::shared_ptr<ErasureList> erasures = std::move(list);
  std::shared_ptr<const State> shared;
  std::shared_ptr<SharedErasures> shared_erasures;
  if (settings.state.shared()) {
    SARTOR_ASSIGN(State opened, State::open(workspace, settings.state));
    shared = std::make_shared<const State>(std::move(opened));
    SARTOR_ASSIGN(shared_erasures,
                  SharedErasures::open(shared, erasures, settings.state.event_days));
    live->forget("", erasures->current());  // before it learns anything
  }
  parts.intake = std::make_shared<Intake>(workspace + "/" + kEventFolder, live, settings.state);
  SARTOR_TRY(parts.intake->open());
  for (const std::string& note : parts.intake->notes()) settings.tell("warning: " + note);
  SARTOR_ASSIGN(parts.guard, open_guard(workspace, settings.guard, live, *parts.intake));
  for (const std::string& note : parts.guard->notes()) settings.tell("warning: " + note);
  parts.users = std::make_shared<const UserPlaces>(
      UserPlaces{workspace, live, parts.intake, parts.guard, erasures, shared_erasures});
  parts.shelf = std::make_shared<BundleShelf>(workspace + "/bundles", live,
                                              swap_observer(metrics, settings.tell), first.refused);
  parts.limits = std::make_shared<ClientLimits>(settings.limits, metrics);
  SARTOR_ASSIGN(State state, State::open(workspace, settings.state));
  parts.state = std::make_shared<const State>(std::move(state));
  if (shared != nullptr) {
    shared_erasures->tell(
        [places = UserPlaces{workspace, live, parts.intake, parts.guard, erasures}](
            const std::string& user) { forget_user(places, user); });
    SARTOR_ASSIGN(parts.replica, Replica::start({shared, live, parts.shelf, parts.guard,
                                                 parts.intake, shared_erasures, settings.tell}));
  }
  SARTOR_ASSIGN(auto server, start(live, own, version, parts, metrics));
  parts.shelf->watch(settings.watch ? kWatchInterval : std::chrono::milliseconds(0),
                     settings.retention_days);
  return server;
}

}  // namespace sartor
