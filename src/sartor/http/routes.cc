#include "sartor/http/routes.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>

#include "sartor/base/text.h"
#include "sartor/http/compress.h"
#include "sartor/http/pages.h"
#include "sartor/http/problem.h"
#include "sartor/http/schema.h"

namespace sartor {
namespace {

std::vector<std::string> pieces_of(const std::string& pattern) {
  std::vector<std::string> pieces;
  std::size_t begin = 1;
  while (true) {
    const std::size_t end = std::min(pattern.find('/', begin), pattern.size());
    pieces.push_back(pattern.substr(begin, end - begin));
    if (end == pattern.size()) return pieces;
    begin = end + 1;
  }
}

bool is_variable(const std::string& piece) { return piece.starts_with('{'); }

// Collects what is wrong, for one answer that names everything.
class Complaints {
 public:
  void add(const std::string& parameter, const std::string& detail) {
    list_.push_back({{"parameter", parameter}, {"detail", detail}});
    words_.push_back(parameter + ": " + detail);
  }
  void add_body(const SchemaError& error) {
    list_.push_back({{"pointer", error.pointer}, {"detail", error.detail}});
    words_.push_back((error.pointer.empty() ? "body" : error.pointer) + ": " + error.detail);
  }
  bool none() const { return words_.empty(); }
  HttpResponse response() const {
    return problem("invalid-parameters", join(words_, "; "), Json{{"errors", list_}});
  }

 private:
  Json list_ = Json::array();
  std::vector<std::string> words_;
};

// "context.device" or "context[device]" -> "device"; nothing if it is not of `map`.
std::optional<std::string> key_in(const std::string& map, const std::string& name) {
  if (name.size() <= map.size() + 1 || !name.starts_with(map)) return std::nullopt;
  if (name[map.size()] == '.') return name.substr(map.size() + 1);
  if (name[map.size()] == '[' && name.ends_with(']') && name.size() > map.size() + 2) {
    return name.substr(map.size() + 1, name.size() - map.size() - 2);
  }
  return std::nullopt;
}

void take_value(const RouteParameter& parameter, const std::string& value, Call& call,
                Complaints& complaints) {
  auto& values = call.values[parameter.name];
  if (!values.empty() && !parameter.repeated) {
    return complaints.add(parameter.name, "is given twice");
  }
  values.push_back(value);
  if (parameter.type == ParameterType::text) {
    const auto size = static_cast<long long>(value.size());
    if (size < parameter.low || size > parameter.high) {
      complaints.add(parameter.name, fmt::format("expected {} to {} bytes, found {}", parameter.low,
                                                 parameter.high, size));
    }
    const auto& words = parameter.words;
    if (!words.empty() && std::find(words.begin(), words.end(), value) == words.end()) {
      complaints.add(parameter.name, fmt::format("expected {}, found '{}'{}", join(words, ", "),
                                                 printable(value), did_you_mean(value, words)));
    }
    return;
  }
  long long number = 0;
  const char* end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data(), end, number);
  if (error != std::errc() || stop != end) {
    complaints.add(parameter.name, fmt::format("'{}' is not a whole number", printable(value)));
  } else if (number < parameter.low || number > parameter.high) {
    complaints.add(parameter.name, fmt::format("{} is out of range; expected {} to {}", number,
                                               parameter.low, parameter.high));
  } else {
    call.numbers[parameter.name] = number;
  }
}

void read_query(const Route& route, Call& call, Complaints& complaints) {
  for (const auto& [name, value] : call.request.query) {
    const RouteParameter* found = nullptr;
    std::optional<std::string> key;
    for (const RouteParameter& parameter : route.parameters) {
      const bool in_path = route.pattern.find("{" + parameter.name + "}") != std::string::npos;
      if (parameter.is_map) {
        if (!(key = key_in(parameter.name, name))) continue;
      } else if (in_path || parameter.name != name) {
        continue;
      }
      found = &parameter;
      break;
    }
    if (found == nullptr) {
      std::vector<std::string> names;
      for (const RouteParameter& parameter : route.parameters) names.push_back(parameter.name);
      complaints.add(printable(name), "unknown parameter" + did_you_mean(name, names));
    } else if (found->is_map) {
      if (static_cast<long long>(value.size()) > found->high) complaints.add(name, "is too long");
      if (!call.maps[found->name].emplace(*key, value).second) {
        complaints.add(printable(name), "is given twice");
      }
    } else {
      take_value(*found, value, call, complaints);
    }
  }
}

void read_path(const Route& route, Call& call, Complaints& complaints) {
  const auto pieces = pieces_of(route.pattern);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (!is_variable(pieces[i])) continue;
    const std::string name = pieces[i].substr(1, pieces[i].size() - 2);
    for (const RouteParameter& parameter : route.parameters) {
      if (parameter.name == name) {
        take_value(parameter, call.request.segments[i], call, complaints);
      }
    }
  }
}

void fill_defaults(const Route& route, Call& call, Complaints& complaints) {
  for (const RouteParameter& parameter : route.parameters) {
    if (call.values.contains(parameter.name)) continue;
    if (parameter.required) complaints.add(parameter.name, "is missing");
    if (parameter.otherwise) call.numbers[parameter.name] = *parameter.otherwise;
  }
}

bool is_json(std::string_view content_type) {
  std::string type(content_type.substr(0, content_type.find(';')));
  while (type.ends_with(' ')) type.pop_back();
  return lower_case(std::move(type)) == "application/json";
}

std::string describe(const std::vector<Route>& routes, const std::vector<std::string>& segments) {
  std::vector<std::string> paths;
  for (const Route& route : routes) paths.push_back(route.pattern);
  return did_you_mean("/" + join(segments, "/"), paths);
}

}  // namespace

bool matches(const std::string& pattern, const std::vector<std::string>& segments) {
  const auto pieces = pieces_of(pattern);
  if (pieces.size() != segments.size()) return false;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (is_variable(pieces[i]) ? segments[i].empty() : pieces[i] != segments[i]) return false;
  }
  return true;
}

std::optional<std::string> Call::text(const std::string& name) const {
  const auto found = values.find(name);
  return found == values.end() ? std::nullopt : std::optional(found->second.front());
}

std::vector<std::string> Call::all(const std::string& name) const {
  const auto found = values.find(name);
  return found == values.end() ? std::vector<std::string>() : found->second;
}

Router::Router(std::vector<Route> routes, const Json& schemas, std::string version,
               std::shared_ptr<HttpMetrics> metrics, Gate gate)
    : routes_(std::move(routes)),
      schemas_(std::make_unique<const Json>(schemas)),
      version_(std::move(version)),
      metrics_(std::move(metrics)),
      gate_(std::move(gate)) {
  for (Route& route : own_routes()) routes_.push_back(std::move(route));
}

Router::~Router() = default;

std::vector<Route> Router::own_routes() {
  std::vector<Route> routes;
  routes.push_back({.method = "GET",
                    .pattern = "/openapi.json",
                    .summary = "This interface as an OpenAPI document",
                    .response = "object",
                    .handler = [this](const Call&) {
                      return HttpResponse{200, "application/json", json_text(openapi(), 1), {}};
                    }});
  routes.push_back({.method = "GET",
                    .pattern = "/docs",
                    .summary = "This interface as a page",
                    .response_type = "text/html; charset=utf-8",
                    .handler = [this](const Call&) { return docs_page(routes_); }});
  routes.push_back({.method = "GET",
                    .pattern = "/problems/{name}",
                    .summary = "What a problem's type means",
                    .parameters = {{.name = "name", .help = "last part of the type"}},
                    .response_type = "text/html; charset=utf-8",
                    .handler = [](const Call& call) { return problem_page(*call.text("name")); }});
  routes.push_back(
      {.method = "GET",
       .pattern = "/metrics",
       .summary = "Counters in Prometheus' text format",
       .response_type = "text/plain; version=0.0.4; charset=utf-8",
       .scope = "admin",
       .handler = [this](const Call&) {
         return HttpResponse{200, "text/plain; version=0.0.4; charset=utf-8", metrics_->text(), {}};
       }});
  return routes;
}

const Route* Router::find(const HttpRequest& request, std::string& allowed) const {
  const std::string method = request.method == "HEAD" ? "GET" : request.method;
  for (const Route& route : routes_) {
    if (!matches(route.pattern, request.segments)) continue;
    if (route.method == method) return &route;
    allowed += (allowed.empty() ? "" : ", ") + route.method;
    if (route.method == "GET") allowed += ", HEAD";
  }
  return nullptr;
}

HttpResponse Router::answer(const Route& route, const HttpRequest& request) const {
  Call call{.request = request};
  if (gate_) {
    if (auto refusal = gate_(route, request, call.client)) return std::move(*refusal);
  }
  Complaints complaints;
  read_path(route, call, complaints);
  read_query(route, call, complaints);
  fill_defaults(route, call, complaints);
  Json body;
  if (!route.body.empty()) {
    if (!is_json(request.header("content-type"))) {
      return problem("unsupported-media-type", "expected Content-Type: application/json");
    }
    body = parse_json(request.body);
    if (body.is_discarded()) return problem("bad-request", "the body is not JSON");
    for (const SchemaError& error : check_schema(body, schemas_->at(route.body), *schemas_)) {
      complaints.add_body(error);
    }
    call.body = &body;
  }
  return complaints.none() ? route.handler(call) : complaints.response();
}

HttpResponse Router::handle(const HttpRequest& request) const {
  const auto start = std::chrono::steady_clock::now();
  std::string allowed;
  const Route* route = find(request, allowed);
  HttpResponse response;
  if (route == nullptr && allowed.empty()) {
    response =
        problem("not-found", fmt::format("no such path{}", describe(routes_, request.segments)));
  } else if (route == nullptr) {
    response = problem("method-not-allowed", fmt::format("expected {}", allowed));
    response.headers.emplace_back("Allow", allowed);
  } else {
    try {
      response = answer(*route, request);
    } catch (const std::exception& exception) {
      response = problem("internal", exception.what());
    }
  }
  compress(request, response);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  metrics_->observe(route != nullptr ? route->pattern : "unmatched", request.method,
                    response.status, took.count());
  return response;
}

}  // namespace sartor
