#include "sartor/http/models_api.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "sartor/http/problem.h"

namespace sartor {
namespace {

Json versions_json(const std::vector<ShelfVersion>& versions) {
  Json list = Json::array();
  for (const ShelfVersion& row : versions) {
    list.push_back({{"version", row.version},
                    {"state", row.state},
                    {"reason", row.reason.empty() ? Json() : Json(row.reason)},
                    {"metric", row.metric.empty() ? Json() : Json(row.metric)},
                    {"published", row.published ? Json(format_time(*row.published)) : Json()}});
  }
  return list;
}

HttpResponse list_models(const LiveBundle& live, const BundleShelf* shelf) {
  const auto serving = live.current();
  const BundleInfo& info = serving->info();
  Json json = info_json(info);
  json["versions"] =
      versions_json(shelf != nullptr ? shelf->versions()
                                     : std::vector<ShelfVersion>{{.version = info.model_version,
                                                                  .state = "serving",
                                                                  .reason = "",
                                                                  .metric = info.metric,
                                                                  .published = std::nullopt}});
  return {200, "application/json", json_text(json), {}};
}

// A page of somebody else's may make a browser send a POST without a body, but not without saying
// where it comes from.
bool is_from_elsewhere(const HttpRequest& request) {
  const std::string_view origin = request.header("origin");
  return !origin.empty() && origin != "http://" + std::string(request.header("host")) &&
         origin != "https://" + std::string(request.header("host"));
}

HttpResponse swap_answer(const Result<SwapReport>& swapped) {
  if (swapped) {
    const Json json{{"version", swapped->version},
                    {"before", swapped->before},
                    {"seconds", swapped->seconds},
                    {"questions", swapped->smoke.questions},
                    {"overlap", swapped->smoke.overlap}};
    return {200, "application/json", json_text(json), {}};
  }
  const std::string& message = swapped.error().message;
  switch (swapped.error().code) {
    case ErrorCode::not_found:
      return problem("not-found", message);
    case ErrorCode::invalid_argument:
      return problem("conflict", message);
    case ErrorCode::bad_data:
      return problem("bundle-refused", message);
    default:
      return problem_of(swapped.error());
  }
}

}  // namespace

Json readiness(const BundleInfo& info, const BundleShelf* shelf,
               const std::vector<std::string>& troubles) {
  const auto refused = shelf == nullptr ? std::nullopt : shelf->passed_over();
  Json json{{"status", "ready"}, {"model_version", info.model_version}};
  if (refused) json["refused"] = {{"version", refused->version}, {"reason", refused->reason}};
  if (!troubles.empty()) {
    json["status"] = "degraded";
    json["reasons"] = troubles;
  }
  return json;
}

std::string shelf_metrics(const BundleShelf& shelf) {
  return fmt::format(
      "# HELP sartor_bundle_passed_over 1 if bundles/current leads to a bundle that was refused.\n"
      "# TYPE sartor_bundle_passed_over gauge\nsartor_bundle_passed_over {}\n",
      shelf.passed_over() ? 1 : 0);
}

void tell_passed_over(const std::vector<RefusedVersion>& refused, const std::string& serving,
                      HttpMetrics& metrics, const std::function<void(const std::string&)>& tell) {
  for (const RefusedVersion& one : refused) {
    metrics.refused_bundle();
    tell(fmt::format("warning: bundle {} is refused, {} serves: {}", one.version, serving,
                     one.reason));
  }
}

void add_models(std::vector<Route>& routes, std::shared_ptr<const LiveBundle> live,
                std::shared_ptr<BundleShelf> shelf) {
  routes.push_back(
      {.method = "GET",
       .pattern = kModelsPath,
       .summary = "The bundle that is served, its models, and the other versions",
       .response = "Models",
       .scope = "recommend",
       .handler = [live, shelf](const Call&) { return list_models(*live, shelf.get()); }});
  const auto change = [shelf](const Call& call, auto&& act) {
    if (shelf == nullptr) return problem("unavailable", "this server serves one bundle only");
    if (is_from_elsewhere(call.request)) return problem("forbidden", "a page of another origin");
    return swap_answer(act());
  };
  routes.push_back({.method = "POST",
                    .pattern = "/v1/models/{version}/promote",
                    .summary = "Lets a version serve, from its answer on",
                    .parameters = {{.name = "version", .help = "a folder of bundles/"}},
                    .response = "Swap",
                    .scope = "admin",
                    .handler = [change, shelf](const Call& call) {
                      return change(call, [&] { return shelf->promote(*call.text("version")); });
                    }});
  routes.push_back({.method = "POST",
                    .pattern = "/v1/models/rollback",
                    .summary = "Lets the version serve that did before; again undoes it",
                    .response = "Swap",
                    .scope = "admin",
                    .handler = [change, shelf](const Call& call) {
                      return change(call, [&] { return shelf->roll_back(); });
                    }});
}

SwapObserver swap_observer(std::shared_ptr<HttpMetrics> metrics,
                           std::function<void(const std::string&)> tell) {
  return [metrics = std::move(metrics), tell = std::move(tell)](const std::string& version,
                                                                const Result<SwapReport>& outcome) {
    if (!outcome) {
      metrics->refused_bundle();
      tell(fmt::format("warning: bundle {} is refused, the old one serves on: {}", version,
                       outcome.error().message));
      return;
    }
    metrics->serves(outcome->version);
    metrics->swapped(outcome->seconds);
    tell(fmt::format("serving {} instead of {}: {:.2f} s, {:.0f}% of the listed items as before",
                     outcome->version, outcome->before, outcome->seconds,
                     100 * outcome->smoke.overlap));
  };
}

}  // namespace sartor
