#include "sartor/http/routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "sartor/base/text.h"
#include "sartor/http/problem.h"
#include "sartor/http/schema.h"

namespace sartor {
namespace {

using testing::HasSubstr;

const Json kSchemas = Json::parse(R"({
  "Order": {"type": "object", "required": ["id"], "additionalProperties": false,
            "properties": {"id": {"type": "string", "minLength": 1},
                           "lines": {"type": "array", "maxItems": 2, "items": {"$ref": "#/components/schemas/Line"}}}},
  "Line": {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1, "maximum": 9}}}})");

HttpResponse tell(const Call& call) {
  Json json = Json::object();
  json["values"] = call.values;
  json["maps"] = call.maps;
  json["numbers"] = call.numbers;
  if (call.body != nullptr) json["body"] = *call.body;
  return {200, "application/json", json.dump(), {}};
}

std::vector<Route> table() {
  return {{.method = "GET",
           .pattern = "/things/{id}",
           .summary = "A thing",
           .parameters = {{.name = "id", .help = "which"},
                          {.name = "k",
                           .help = "how many",
                           .type = ParameterType::whole,
                           .low = 1,
                           .high = 50,
                           .otherwise = 10},
                          {.name = "tag", .help = "any", .repeated = true},
                          {.name = "need", .help = "needed", .required = true, .high = 5},
                          {.name = "context", .help = "facts", .is_map = true}},
           .response = "Order",
           .handler = tell},
          {.method = "POST",
           .pattern = "/things/{id}",
           .summary = "Make one",
           .parameters = {{.name = "id", .help = "which"}},
           .body = "Order",
           .response = "Order",
           .handler = tell},
          {.method = "GET",
           .pattern = "/boom",
           .summary = "Throws",
           .handler = [](const Call&) -> HttpResponse { throw std::runtime_error("boom"); }}};
}

HttpRequest request(const std::string& method, const std::string& target,
                    const std::string& body = "") {
  HttpRequest request{.method = method};
  EXPECT_TRUE(parse_target(target, request)) << target;
  if (!body.empty()) request.headers["content-type"] = "application/json; charset=utf-8";
  request.body = body;
  return request;
}

class Routes : public testing::Test {
 protected:
  HttpResponse ask(const std::string& method, const std::string& target,
                   const std::string& body = "") {
    return router_.handle(request(method, target, body));
  }
  Router router_{table(), kSchemas, "1.2.3"};
};

TEST_F(Routes, HandsOverWhatWasAsked) {
  const auto response =
      ask("GET", "/things/a%2Fb?need=x&tag=1&tag=2&context.device=tablet&context%5Bpage%5D=home");
  ASSERT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(Json::parse(response.body),
            Json::parse(R"({"values": {"id": ["a/b"], "need": ["x"], "tag": ["1", "2"]},
                            "maps": {"context": {"device": "tablet", "page": "home"}},
                            "numbers": {"k": 10}})"));
  EXPECT_EQ(ask("HEAD", "/things/a?need=x").status, 200);
}

TEST_F(Routes, NamesEveryWrongParameterAtOnce) {
  const auto response = ask("GET", "/things/a?k=51&tga=1&k=x");
  EXPECT_EQ(response.status, 422);
  EXPECT_EQ(response.content_type, "application/problem+json");
  const Json json = Json::parse(response.body);
  EXPECT_EQ(json["type"], "/problems/invalid-parameters");
  EXPECT_EQ(json["status"], 422);
  EXPECT_EQ(json["errors"].dump(),
            R"([{"parameter":"k","detail":"51 is out of range; expected 1 to 50"},)"
            R"x({"parameter":"tga","detail":"unknown parameter (did you mean 'tag'?)"},)x"
            R"({"parameter":"k","detail":"is given twice"},)"
            R"({"parameter":"need","detail":"is missing"}])");
  for (const char* k : {"", "x", "1.5", "1e2", "99999999999999999999", "-1", "0", "+5", " 5"}) {
    EXPECT_EQ(ask("GET", std::string("/things/a?need=x&k=") + k).status, 422) << k;
  }
  EXPECT_EQ(ask("GET", "/things/a?need=sixsix").status, 422);
  EXPECT_EQ(ask("GET", "/things/a?need=x&context.=1").status, 422);
  EXPECT_EQ(ask("GET", "/things/a?need=x&id=b").status, 422) << "a path's name is no query's";
}

TEST_F(Routes, KnowsPathsAndMethods) {
  EXPECT_EQ(ask("GET", "/nothing").status, 404);
  EXPECT_EQ(ask("GET", "/things/").status, 404);
  EXPECT_EQ(ask("GET", "/things/a/b").status, 404);
  EXPECT_THAT(ask("GET", "/metricz").body, HasSubstr("did you mean '/metrics'"));
  const auto response = ask("DELETE", "/things/a");
  EXPECT_EQ(response.status, 405);
  ASSERT_EQ(response.headers.size(), 1u);
  EXPECT_EQ(response.headers[0], (std::pair<std::string, std::string>("Allow", "GET, HEAD, POST")));
}

TEST_F(Routes, ChecksBodiesAgainstTheirSchema) {
  EXPECT_EQ(ask("POST", "/things/a", R"({"id": "1", "lines": [{"n": 3}]})").status, 200);
  EXPECT_EQ(ask("POST", "/things/a", "{").status, 400);
  EXPECT_EQ(ask("POST", "/things/a").status, 415);
  const auto response =
      ask("POST", "/things/a", R"({"idd": 1, "lines": [{"n": 3}, {"n": 0}, {"n": "x"}]})");
  EXPECT_EQ(response.status, 422);
  EXPECT_EQ(Json::parse(response.body)["errors"].dump(),
            R"([{"pointer":"/id","detail":"is missing"},)"
            R"x({"pointer":"/idd","detail":"unknown member (did you mean 'id'?)"},)x"
            R"({"pointer":"/lines","detail":"3 elements where at most 2 was expected"},)"
            R"({"pointer":"/lines/1/n","detail":"0 where at least 1 was expected"},)"
            R"({"pointer":"/lines/2/n","detail":"expected integer, found string"}])");
  EXPECT_EQ(ask("POST", "/things/a", "[]").status, 422);
  EXPECT_EQ(ask("POST", "/things/a", std::string(500'000, '[')).status, 400);
}

TEST_F(Routes, AThrowingHandlerIsAnInternalError) { EXPECT_EQ(ask("GET", "/boom").status, 500); }

TEST_F(Routes, TheDocumentNamesEveryRouteAndParameter) {
  const auto response = ask("GET", "/openapi.json");
  ASSERT_EQ(response.status, 200);
  const Json document = Json::parse(response.body);
  EXPECT_EQ(document["openapi"], "3.1.0");
  EXPECT_EQ(document["info"]["version"], "1.2.3");
  for (const Route& route : router_.routes()) {
    const std::string method = lower_case(route.method);
    ASSERT_TRUE(document["paths"].contains(route.pattern)) << route.pattern;
    const Json& operation = document["paths"][route.pattern].at(method);
    EXPECT_EQ(operation.contains("parameters") ? operation["parameters"].size() : 0,
              route.parameters.size());
  }
  const Json& parameters = document["paths"]["/things/{id}"]["get"]["parameters"];
  EXPECT_EQ(parameters[0]["in"], "path");
  EXPECT_EQ(parameters[1]["schema"].dump(),
            R"({"type":"integer","minimum":1,"maximum":50,"default":10})");
  EXPECT_EQ(parameters[4]["style"], "deepObject");
  EXPECT_TRUE(document["components"]["schemas"].contains("Line"));
  EXPECT_TRUE(document["components"]["schemas"].contains("Problem"));
}

TEST_F(Routes, CountsByRouteAndNotByPath) {
  ask("GET", "/things/a?need=x");
  ask("GET", "/things/b?need=x");
  ask("GET", "/things/b");
  ask("BREW", "/who/knows");
  const std::string text = ask("GET", "/metrics").body;
  EXPECT_THAT(
      text,
      HasSubstr(
          "sartor_http_requests_total{route=\"/things/{id}\",method=\"GET\",status=\"200\"} 2\n"));
  EXPECT_THAT(
      text,
      HasSubstr(
          "sartor_http_requests_total{route=\"/things/{id}\",method=\"GET\",status=\"422\"} 1\n"));
  EXPECT_THAT(
      text,
      HasSubstr(
          "sartor_http_requests_total{route=\"unmatched\",method=\"other\",status=\"404\"} 1\n"));
  EXPECT_THAT(
      text,
      HasSubstr("sartor_http_request_seconds_bucket{route=\"/things/{id}\",le=\"+Inf\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("sartor_http_request_seconds_count{route=\"/things/{id}\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE sartor_http_request_seconds histogram\n"));
  EXPECT_EQ(text.find("knows"), std::string::npos);
}

TEST_F(Routes, PagesAreThereAndEscaped) {
  EXPECT_THAT(ask("GET", "/docs").body, HasSubstr("/things/{id}"));
  EXPECT_THAT(ask("GET", "/problems/not-found").body, HasSubstr("Status 404"));
  const auto response = ask("GET", "/problems/%3Cscript%3E");
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.content_type, "application/problem+json");
}

TEST(Problem, EveryErrorCodeHasAStatus) {
  EXPECT_EQ(problem_of({ErrorCode::invalid_argument, "k"}).status, 422);
  EXPECT_EQ(problem_of({ErrorCode::not_found, "x"}).status, 404);
  EXPECT_EQ(problem_of({ErrorCode::bad_data, "x"}).status, 500);
  EXPECT_EQ(problem_of({ErrorCode::cancelled, "x"}).status, 503);
  EXPECT_EQ(problem_of({ErrorCode::internal, "bytes \xff"}).status, 500);
}

TEST(Target, IsTakenApart) {
  HttpRequest request;
  ASSERT_TRUE(parse_target("http://host/a//b%2Fc/?x&y==&&z=%26+#f", request));
  EXPECT_EQ(request.path, "/a//b%2Fc/");
  EXPECT_EQ(request.segments, (std::vector<std::string>{"a", "", "b/c", ""}));
  EXPECT_EQ(request.query,
            (std::vector<std::pair<std::string, std::string>>{{"x", ""}, {"y", "="}, {"z", "& "}}));
  ASSERT_TRUE(parse_target("http://host", request));
  EXPECT_EQ(request.path, "/");
  for (const char* bad : {"", "*", "a", "/%", "/%4", "/%g0", "/?%00", "/?a=%ff"}) {
    EXPECT_FALSE(parse_target(bad, request)) << bad;
  }
  EXPECT_EQ(*percent_decode("%41", false), "A");
  EXPECT_EQ(*percent_decode("a+b", false), "a+b");
}

}  // namespace
}  // namespace sartor
