#include "sartor/http/recommend_api.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sartor/http/api.h"
#include "sartor/http/breaker_api.h"
#include "sartor/http/problem.h"
#include "sartor/http/schema.h"

namespace sartor {
namespace {

const std::vector<std::string> kSeenWords = {"default", "exclude", "include"};

Seen seen_of(const std::string& word) {
  return word == "include" ? Seen::include : word == "exclude" ? Seen::exclude : Seen::by_bundle;
}

// A text, a number, a list of either, or an object of bounds and parts. What of it does not go with
// the column is found by whoever has the column.
Condition condition_of(const std::string& attribute, const Json& json) {
  Condition condition{.attribute = attribute};
  for (const Json& value : json.is_array() ? json : Json::array({json})) {
    if (value.is_number()) condition.numbers.push_back(value.get<double>());
    if (value.is_string() || value.is_boolean()) condition.words.push_back(value_text(value));
  }
  if (!json.is_object()) return condition;
  if (json.contains("min")) condition.min = json["min"].get<double>();
  if (json.contains("max")) condition.max = json["max"].get<double>();
  condition.has = json.value("has", condition.has);
  return condition;
}

ItemFilter filter_of(const Json& json) {
  ItemFilter filter;
  for (const auto& [name, value] : json.items()) {
    if (name != "not") {
      filter.all.push_back(condition_of(name, value));
      continue;
    }
    for (const auto& [other, unwanted] : value.items()) {
      filter.none.push_back(condition_of(other, unwanted));
    }
  }
  return filter;
}

Wishes wishes_of(const Json& body) {
  Wishes wishes;
  if (body.contains("filter")) wishes.filter = filter_of(body["filter"]);
  for (const Json& pin : body.value("pins", Json::array())) {
    if (pin.is_string()) {
      wishes.pins.push_back({pin.get<std::string>()});
    } else {
      wishes.pins.push_back({pin.value("item", ""), pin.value("position", 0)});
    }
  }
  for (const Json& boost : body.value("boosts", Json::array())) {
    wishes.boosts.push_back({filter_of(boost.at("where")), boost.at("add").get<double>()});
  }
  wishes.seen = seen_of(body.value("seen", "default"));
  if (body.contains("diversity")) {
    const Json& diversity = body["diversity"];
    wishes.diversity = Diversity{diversity.value("by", ""), diversity.value("most", 1)};
  }
  return wishes;
}

RecommendRequest request_of_query(const Call& call) {
  RecommendRequest request{.user = call.text("user"),
                           .history = call.all("history"),
                           .k = static_cast<int>(call.numbers.at("k")),
                           .exclude = call.all("exclude")};
  if (const auto context = call.maps.find("context"); context != call.maps.end()) {
    request.context = context->second;
  }
  if (const auto filter = call.maps.find("filter"); filter != call.maps.end()) {
    for (const auto& [name, word] : filter->second) {
      request.wishes.filter.all.push_back({.attribute = name, .words = {word}});
    }
  }
  for (const std::string& item : call.all("pins")) request.wishes.pins.push_back({item});
  request.wishes.seen = seen_of(call.text("seen").value_or("default"));
  request.reasons = call.text("reasons") == "true";
  return request;
}

// A wish that the bundle cannot grant begins with where it stands in a body; in a query "/pins/0"
// is the parameter pins, and "/filter/price" filter.price.
HttpResponse problem_with(const Error& error, bool of_query) {
  const std::size_t end = error.message.find(": ");
  if (error.code != ErrorCode::invalid_argument || !error.message.starts_with('/') ||
      end == std::string::npos) {
    return problem_of(error);
  }
  std::string place = error.message.substr(0, end);
  if (of_query) {
    place = place.starts_with("/filter/") ? "filter." + place.substr(8)
                                          : place.substr(1, place.find('/', 1) - 1);
  }
  const std::string detail = error.message.substr(end + 2);
  Json extra;
  extra["errors"].push_back({{of_query ? "parameter" : "pointer", place}, {"detail", detail}});
  return problem("invalid-parameters", place + ": " + detail, extra);
}

HttpResponse recommend(const Recommender& recommender, const std::shared_ptr<LiveGuard>& guard,
                       HttpMetrics& metrics, const RecommendRequest& request, bool of_query) {
  const auto answer = answer_list(recommender, guard.get(), request, metrics);
  if (!answer) return problem_with(answer.error(), of_query);
  return {200, "application/json", json_text(*answer), {}};
}

std::vector<RouteParameter> query_parameters() {
  return {{.name = "user", .help = "who; left out or never seen: a stranger"},
          list_length(),
          {.name = "history",
           .help = "an item taken, the oldest first; if given, nothing else counts",
           .repeated = true},
          {.name = "exclude", .help = "an item not to be listed", .repeated = true},
          {.name = "context",
           .help = "facts of the moment, as in context.device=tablet",
           .is_map = true},
          {.name = "filter",
           .help = "items of which a text attribute is this, as in filter.category=tea; POST "
                   "knows more",
           .is_map = true},
          {.name = "pins",
           .help = "an item that stands at the top, in the order given",
           .repeated = true},
          {.name = "seen",
           .help = "whether what was taken may be listed; default: as the project says",
           .words = kSeenWords},
          {.name = "reasons",
           .help = "whether each item says what adds most to its score",
           .words = {"true", "false"}}};
}

}  // namespace

RouteParameter list_length() {
  return {.name = "k",
          .help = "length of the list",
          .type = ParameterType::whole,
          .low = 1,
          .high = kMostItems,
          .otherwise = 10};
}

RecommendRequest request_of_body(const Json& body) {
  RecommendRequest request;
  if (body.contains("user") && body["user"].is_string()) {
    request.user = body["user"].get<std::string>();
  }
  request.k = body.value("k", request.k);
  request.history = body.value("history", request.history);
  request.exclude = body.value("exclude", request.exclude);
  if (body.contains("context")) {
    for (const auto& [key, value] : body["context"].items())
      request.context[key] = value_text(value);
  }
  request.wishes = wishes_of(body);
  request.reasons = body.value("reasons", false);
  return request;
}

Result<RecommendRequest> parse_recommend_request(std::string_view text) {
  const Json body = parse_json(text);
  if (body.is_discarded()) return Error{ErrorCode::invalid_argument, "is not JSON"};
  const Json schemas = api_schemas();
  std::string wrong;
  for (const SchemaError& error : check_schema(body, schemas.at("RecommendRequest"), schemas)) {
    const std::string place = error.pointer.empty() ? "" : error.pointer + ": ";
    wrong += (wrong.empty() ? "" : "; ") + place + error.detail;
  }
  if (!wrong.empty()) return Error{ErrorCode::invalid_argument, wrong};
  return request_of_body(body);
}

void add_recommendations(std::vector<Route>& routes, const std::shared_ptr<const LiveBundle>& live,
                         const std::shared_ptr<LiveGuard>& guard,
                         const std::shared_ptr<HttpMetrics>& metrics) {
  routes.push_back({.method = "GET",
                    .pattern = "/v1/recommendations",
                    .summary = "A list for a user, or for somebody unknown",
                    .parameters = query_parameters(),
                    .response = "Recommendations",
                    .scope = "recommend",
                    .handler = [live, guard, metrics](const Call& call) {
                      return recommend(*live->current(), guard, *metrics, request_of_query(call),
                                       true);
                    }});
  routes.push_back(
      {.method = "POST",
       .pattern = "/v1/recommendations",
       .summary = "The same, with filters, boosts and diversity, and for what is too long for an "
                  "address",
       .body = "RecommendRequest",
       .response = "Recommendations",
       .scope = "recommend",
       .handler = [live, guard, metrics](const Call& call) {
         return recommend(*live->current(), guard, *metrics, request_of_body(*call.body), false);
       }});
}

}  // namespace sartor
