// The routes as one table: it serves requests, checks their parameters and bodies, and generates
// /openapi.json and /docs.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sartor/base/json.h"
#include "sartor/http/message.h"
#include "sartor/http/metrics.h"

namespace sartor {

enum class ParameterType { text, whole };

// One value of the query, or of the path where the pattern has {name}.
struct RouteParameter {
  std::string name;
  std::string help;
  ParameterType type = ParameterType::text;
  bool required = false;  // those of the path always are
  bool repeated = false;  // may be given several times
  bool is_map = false;    // `name.key=value` (or `name[key]=value`), any keys
  long long low = 1;      // of a whole number; of a text's length in bytes
  long long high = 1024;
  std::optional<long long> otherwise{};  // a whole number's default
  std::vector<std::string> words{};      // what a text may be; empty: anything
};

// A request whose parameters and body were found right.
struct Call {
  const HttpRequest& request;
  std::map<std::string, std::vector<std::string>> values;          // path and query
  std::map<std::string, std::map<std::string, std::string>> maps;  // those with is_map
  std::map<std::string, long long> numbers;                        // whole ones, defaults filled in
  const Json* body = nullptr;                                      // of routes that have one
  std::string client;                                              // as the gate names it

  std::optional<std::string> text(const std::string& name) const;
  std::vector<std::string> all(const std::string& name) const;
};

struct Route {
  std::string method;   // "GET" answers HEAD as well
  std::string pattern;  // "/v1/users/{id}"
  std::string summary;
  std::vector<RouteParameter> parameters;
  std::string body;      // name of the body's schema, "" if it has none
  std::string response;  // name of the answer's schema, "" if it is not JSON
  std::string response_type = "application/json";
  std::string scope = "";  // what an API key must have, where keys are asked for; "" for anybody
  std::function<HttpResponse(const Call&)> handler;
};

// Whether a request may come to a route: an answer that says no, or nothing; and whose it is.
using Gate = std::function<std::optional<HttpResponse>(const Route&, const HttpRequest&,
                                                       std::string& client)>;

class Router {
 public:
  // `schemas` holds the schemas that routes name, and those that these name. Adds /openapi.json,
  // /docs, /problems/{name} and /metrics, which shows `metrics`.
  Router(std::vector<Route> routes, const Json& schemas, std::string version,
         std::shared_ptr<HttpMetrics> metrics = std::make_shared<HttpMetrics>(), Gate gate = {});
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;
  ~Router();

  // 404, 405 with Allow, what the gate says, 415, 400 and 422 are answered here; whatever a handler
  // throws is a 500. Safe to call from several threads.
  HttpResponse handle(const HttpRequest& request) const;

  const std::vector<Route>& routes() const { return routes_; }
  Json openapi() const;

 private:
  std::vector<Route> own_routes();
  const Route* find(const HttpRequest& request, std::string& allowed) const;
  HttpResponse answer(const Route& route, const HttpRequest& request) const;

  std::vector<Route> routes_;
  std::unique_ptr<const Json> schemas_;
  std::string version_;
  std::shared_ptr<HttpMetrics> metrics_;
  Gate gate_;
};

// `{}`-free pieces of a pattern: "/v1/users/{id}" matches ["v1", "users", anything but ""].
bool matches(const std::string& pattern, const std::vector<std::string>& segments);

}  // namespace sartor
