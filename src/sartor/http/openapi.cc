// The table of routes as an OpenAPI 3.1 document.
#include <fmt/core.h>

#include <map>
#include <nlohmann/json.hpp>

#include "sartor/base/text.h"
#include "sartor/http/problem.h"
#include "sartor/http/routes.h"

namespace sartor {
namespace {

Json schema_of(const RouteParameter& parameter) {
  constexpr const char* kNoNul = "^[^\\u0000]*$";  // as percent_decode() has it
  if (parameter.is_map) {
    return {{"type", "object"},
            {"additionalProperties",
             {{"type", "string"}, {"maxLength", parameter.high}, {"pattern", kNoNul}}}};
  }
  Json schema;
  if (parameter.type == ParameterType::whole) {
    schema = {{"type", "integer"}, {"minimum", parameter.low}, {"maximum", parameter.high}};
    if (parameter.otherwise) schema["default"] = *parameter.otherwise;
  } else {
    schema = {{"type", "string"},
              {"minLength", parameter.low},
              {"maxLength", parameter.high},
              {"pattern", kNoNul}};
  }
  if (!parameter.words.empty()) schema = {{"type", "string"}, {"enum", parameter.words}};
  if (!parameter.repeated) return schema;
  return {{"type", "array"}, {"items", schema}};
}

Json parameter_json(const RouteParameter& parameter, bool in_path) {
  Json json{{"name", parameter.name},
            {"in", in_path ? "path" : "query"},
            {"required", in_path || parameter.required},
            {"description", parameter.help},
            {"schema", schema_of(parameter)}};
  if (parameter.is_map) {
    json["style"] = "deepObject";
    json["explode"] = true;
  }
  return json;
}

Json reference(const std::string& name) { return {{"$ref", "#/components/schemas/" + name}}; }

Json responses_of(const Route& route) {
  const std::string type = route.response_type.substr(0, route.response_type.find(';'));
  const Json schema = route.response.empty()       ? Json{{"type", "string"}}
                      : route.response == "object" ? Json{{"type", "object"}}
                                                   : reference(route.response);
  return {{"200", {{"description", "Done"}, {"content", {{type, {{"schema", schema}}}}}}},
          {"default",
           {{"description", "A problem (RFC 9457)"},
            {"content", {{"application/problem+json", {{"schema", reference("Problem")}}}}}}}};
}

std::string operation_id(const Route& route) {
  std::string id;
  for (const char c : route.method + route.pattern) {
    const bool keep = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (keep) {
      id += c;
    } else if (c >= 'A' && c <= 'Z') {
      id += static_cast<char>(c + 32);
    } else if (!id.empty() && id.back() != '_') {
      id += '_';
    }
  }
  while (id.ends_with('_')) id.pop_back();
  return id;
}

Json operation(const Route& route) {
  Json json{{"operationId", operation_id(route)}, {"summary", route.summary}};
  Json parameters = Json::array();
  for (const RouteParameter& parameter : route.parameters) {
    const bool in_path = route.pattern.find("{" + parameter.name + "}") != std::string::npos;
    parameters.push_back(parameter_json(parameter, in_path));
  }
  if (!parameters.empty()) json["parameters"] = parameters;
  if (!route.body.empty()) {
    json["requestBody"] = {
        {"required", true},
        {"content", {{"application/json", {{"schema", reference(route.body)}}}}}};
  }
  json["responses"] = responses_of(route);
  if (!route.scope.empty()) {
    // An empty requirement besides: a server without keys asks nobody.
    Json with_key = Json::object();
    with_key["key"] = std::vector<std::string>{route.scope};
    json["security"] = std::vector<Json>{with_key, Json::object()};
  }
  return json;
}

Json problem_schema() {
  const Json text{{"type", "string"}};
  return {{"type", "object"},
          {"required", {"type", "title", "status", "detail"}},
          {"properties",
           {{"type", text},
            {"title", text},
            {"status", {{"type", "integer"}}},
            {"detail", text},
            {"errors", {{"type", "array"}, {"items", {{"type", "object"}}}}}}}};
}

}  // namespace

Json Router::openapi() const {
  Json paths = Json::object();
  for (const Route& route : routes_) {
    paths[route.pattern][lower_case(route.method)] = operation(route);
  }
  Json schemas = *schemas_;
  schemas["Problem"] = problem_schema();
  return {{"openapi", "3.1.0"},
          {"info", {{"title", "Sartor"}, {"version", version_}}},
          {"paths", paths},
          {"components",
           {{"schemas", schemas},
            {"securitySchemes", {{"key", {{"type", "http"}, {"scheme", "bearer"}}}}}}}};
}

}  // namespace sartor
