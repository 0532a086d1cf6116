#include "sartor/http/api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "sartor/base/test_place.h"
#include "sartor/http/problem.h"
#include "sartor/http/test_answers.h"
#include "sartor/serving/test_bundle.h"

namespace sartor {
namespace {

using testing::HasSubstr;

class Api : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = test_place("api_bundle");
    const Status written = write_test_bundle(folder_);
    ASSERT_TRUE(written) << written.error().message;
    auto recommender = Recommender::open(folder_);
    ASSERT_TRUE(recommender) << recommender.error().message;
    recommender_ = *recommender;
  }
  static void TearDownTestSuite() {
    recommender_.reset();
    std::filesystem::remove_all(folder_);
  }

  HttpResponse ask(const std::string& method, const std::string& target,
                   const std::string& body = "") const {
    return ask_api(*api_, method, target, body);
  }

  static std::string folder_;
  static std::shared_ptr<Recommender> recommender_;
  std::shared_ptr<HttpMetrics> metrics_ = std::make_shared<HttpMetrics>();
  std::shared_ptr<const Router> api_ =
      make_api(std::make_shared<LiveBundle>(recommender_), "1.2.3", metrics_);
};

std::string Api::folder_;
std::shared_ptr<Recommender> Api::recommender_;

TEST_F(Api, GivesTheListOfTheLibraryWithAnExposure) {
  Json json = body_of("Recommendations", ask("GET", "/v1/recommendations?user=002&k=3"));
  EXPECT_EQ(json["exposure"].get<std::string>().size(), 32u);
  EXPECT_NE(json["exposure"],
            body_of("Recommendations", ask("GET", "/v1/recommendations"))["exposure"]);
  json.erase("exposure");
  EXPECT_EQ(json, answer_json(*recommender_->recommend({.user = "002", .k = 3})));
  EXPECT_EQ(json["segment"], "loyal");
}

TEST_F(Api, PostIsTheSameAsGet) {
  const auto without_exposure = [](Json json) {
    json.erase("exposure");
    return json;
  };
  const Json got =
      body_of("Recommendations", ask("GET",
                                     "/v1/recommendations?history=tea-0&history=tea-1&k=2"
                                     "&exclude=tea-2&context.device=tablet"));
  const Json posted =
      body_of("Recommendations",
              ask("POST", "/v1/recommendations",
                  R"({"user": null, "history": ["tea-0", "tea-1"], "k": 2, "exclude": ["tea-2"],
              "context": {"device": "tablet", "hour": 7, "night": false}})"));
  EXPECT_EQ(without_exposure(got), without_exposure(posted));
  EXPECT_EQ(got["segment"], "tablets");
  EXPECT_EQ(got["fallback"], "model_unavailable");
  EXPECT_EQ(body_of("Recommendations", ask("POST", "/v1/recommendations", "{}"))["items"].size(),
            10u);
}

TEST_F(Api, TellsAboutItemsUsersSegmentsAndModels) {
  EXPECT_EQ(body_of("SimilarItems", ask("GET", "/v1/similar-items?item=tea-0&k=2"))["items"].size(),
            2u);
  EXPECT_EQ(body_of("User", ask("GET", "/v1/users/002"))["history"], 5);
  EXPECT_EQ(body_of("Segments", ask("GET", "/v1/segments"))["segments"].size(), 4u);
  const Json models = body_of("Models", ask("GET", "/v1/models"));
  EXPECT_EQ(models["model_version"], "f00d");
  EXPECT_EQ(models["versions"][0]["state"], "serving");
  EXPECT_EQ(ask("POST", "/v1/models/rollback").status, 503);
  body_of("Health", ask("GET", "/health/live"));
  EXPECT_EQ(body_of("Health", ask("GET", "/health/ready"))["model_version"], "f00d");
  EXPECT_THAT(ask("GET", "/").body, HasSubstr("everyone else"));
  EXPECT_THAT(ask("GET", "/report").body, HasSubstr("<title>Report</title>"));
}

TEST_F(Api, WrongQuestionsGetProblems) {
  EXPECT_EQ(ask("GET", "/v1/users/nobody").status, 404);
  EXPECT_EQ(ask("GET", "/v1/similar-items").status, 422);
  EXPECT_EQ(ask("GET", "/v1/similar-items?item=nothing").status, 404);
  EXPECT_EQ(ask("GET", "/v1/recommendations?k=1001").status, 422);
  EXPECT_EQ(ask("GET", "/v1/recommendations?user=").status, 422);
  EXPECT_EQ(ask("POST", "/v1/recommendations", R"({"k": 0})").status, 422);
  EXPECT_EQ(ask("POST", "/v1/recommendations", R"({"context": {"a": null}})").status, 422);
  EXPECT_EQ(ask("POST", "/v1/recommendations", R"({"history": "tea-0"})").status, 422);
  EXPECT_EQ(ask("PUT", "/v1/recommendations").status, 405);
}

TEST_F(Api, TheDocumentHoldsEveryRouteAndSchema) {
  const Json document = Json::parse(ask("GET", "/openapi.json").body);
  const std::string text = document.dump();
  for (const char* path :
       {"/v1/recommendations", "/v1/similar-items", "/v1/segments", "/v1/users/{id}", "/v1/runs",
        "/v1/models", "/v1/models/{version}/promote", "/v1/models/rollback", "/health/live",
        "/health/ready", "/metrics", "/openapi.json", "/docs", "/", "/report"}) {
    EXPECT_TRUE(document["paths"].contains(path)) << path;
  }
  const std::string prefix = "#/components/schemas/";
  for (std::size_t at = text.find(prefix); at != std::string::npos;
       at = text.find(prefix, at + 1)) {
    const std::size_t begin = at + prefix.size();
    const std::string name = text.substr(begin, text.find('"', begin) - begin);
    EXPECT_TRUE(document["components"]["schemas"].contains(name)) << name;
  }
  const Json& request = document["components"]["schemas"]["RecommendRequest"]["properties"];
  EXPECT_EQ(request["k"]["maximum"], kMostItems);
  EXPECT_EQ(request["history"]["maxItems"], kMostHistory);
  EXPECT_EQ(request["exclude"]["maxItems"], kMostHistory);
}

TEST_F(Api, CountsFallbacks) {
  ask("GET", "/v1/recommendations?context.device=tablet");
  EXPECT_THAT(ask("GET", "/metrics").body,
              HasSubstr("sartor_fallbacks_total{reason=\"model_unavailable\"} 1\n"));
}

TEST_F(Api, ServesAFolderOverTheNetwork) {
  ServerOptions options;
  options.port = 0;
  auto server = serve_bundle(folder_, options, "1.2.3");
  ASSERT_TRUE(server) << server.error().message;
  EXPECT_NE(server->port(), 0);
  EXPECT_EQ(serve_bundle(folder_ + "/nothing", options, "").error().code, ErrorCode::not_found);
  options.host = "0.0.0.0";
  EXPECT_EQ(serve_bundle(folder_, options, "").error().code, ErrorCode::config);
}

}  // namespace
}  // namespace sartor
