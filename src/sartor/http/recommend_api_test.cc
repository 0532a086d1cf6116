#include "sartor/http/recommend_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "sartor/base/test_place.h"
#include "sartor/http/test_answers.h"
#include "sartor/serving/test_bundle.h"

namespace sartor {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

class RecommendApi : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = test_place("recommend_api_bundle");
    ASSERT_TRUE(write_test_bundle(folder_));
    auto recommender = Recommender::open(folder_);
    ASSERT_TRUE(recommender) << recommender.error().message;
    recommender_ = *recommender;
  }
  static void TearDownTestSuite() {
    recommender_.reset();
    std::filesystem::remove_all(folder_);
  }

  HttpResponse get(const std::string& query) const {
    HttpRequest request{.method = "GET"};
    EXPECT_TRUE(parse_target("/v1/recommendations?" + query, request)) << query;
    return api_->handle(request);
  }
  HttpResponse post(const std::string& body) const {
    HttpRequest request{.method = "POST"};
    EXPECT_TRUE(parse_target("/v1/recommendations", request));
    request.headers["content-type"] = "application/json";
    request.body = body;
    return api_->handle(request);
  }
  static std::vector<std::string> items(const HttpResponse& response) {
    const Json json = body_of("Recommendations", response);
    std::vector<std::string> names;
    for (const Json& item : json["items"]) names.push_back(item["item"].get<std::string>());
    return names;
  }
  // "place: detail" of each error of a 422.
  static std::vector<std::string> faults(const HttpResponse& response) {
    EXPECT_EQ(response.status, 422) << response.body;
    std::vector<std::string> out;
    const Json json = Json::parse(response.body);
    for (const Json& error : json["errors"]) {
      const char* kind = error.contains("pointer") ? "pointer" : "parameter";
      out.push_back(error[kind].get<std::string>() + ": " + error["detail"].get<std::string>());
    }
    return out;
  }

  static std::string folder_;
  static std::shared_ptr<Recommender> recommender_;
  std::shared_ptr<const Router> api_ = make_api(std::make_shared<LiveBundle>(recommender_), "1.2.3",
                                                std::make_shared<HttpMetrics>());
};
std::string RecommendApi::folder_;
std::shared_ptr<Recommender> RecommendApi::recommender_;

TEST_F(RecommendApi, ReadsEveryFormOfACondition) {
  const auto filtered = [&](const std::string& filter) {
    return items(post(R"({"k": 20, "filter": )" + filter + "}"));
  };
  EXPECT_THAT(filtered(R"({"category": "tea", "price": {"max": 12}})"),
              UnorderedElementsAre("tea-0", "tea-1"));
  EXPECT_THAT(filtered(R"({"category": ["tea", "coffee"], "price": [1, 16]})"),
              UnorderedElementsAre("coffee-0", "tea-5"));
  EXPECT_THAT(filtered(R"({"price": 3})"), ElementsAre("coffee-2"));
  EXPECT_THAT(filtered(R"({"text": {}})"), ElementsAre("tea-0"));
  EXPECT_THAT(filtered(R"({"tags": {"has": ["green"]}, "not": {"price": {"min": 13, "max": 15}}})"),
              UnorderedElementsAre("tea-1", "tea-5"));
  EXPECT_EQ(filtered("{}").size(), 12u);
}

TEST_F(RecommendApi, PinsBoostsSeenAndDiversityComeThrough) {
  EXPECT_THAT(items(post(R"({"k": 3, "pins": ["tea-3", {"item": "coffee-1", "position": 1}],
                             "filter": {"item": ["tea-0"]}})")),
              ElementsAre("coffee-1", "tea-3", "tea-0"));
  EXPECT_EQ(items(post(R"({"user": "003", "k": 20, "seen": "include"})")).size(), 12u);
  EXPECT_EQ(items(post(R"({"user": "003", "k": 20, "seen": "exclude"})")).size(), 7u);
  EXPECT_EQ(items(post(R"({"k": 20, "diversity": {"by": "category", "most": 2}})")).size(), 4u);
  const auto boosted =
      items(post(R"({"k": 1, "boosts": [{"where": {"item": "coffee-5"}, "add": 50}]})"));
  EXPECT_THAT(boosted, ElementsAre("coffee-5"));
  const Json late = body_of("Recommendations", post(R"({"k": 1, "pins": ["late"]})"));
  EXPECT_TRUE(late["items"][0]["score"].is_null());
  EXPECT_EQ(late["items"][0]["reason"], "pinned");
}

TEST_F(RecommendApi, AnAddressKnowsTheSimpleForms) {
  EXPECT_THAT(items(get("k=20&filter.text=Green%20%3Ctea%3E")), ElementsAre("tea-0"));
  EXPECT_EQ(items(get("k=20&filter.category=tea&user=003&seen=include")).size(), 6u);
  EXPECT_THAT(items(get("k=2&pins=tea-5&pins=coffee-5")), ElementsAre("tea-5", "coffee-5"));
  EXPECT_THAT(faults(get("seen=includ")),
              ElementsAre("seen: expected default, exclude, include, found 'includ' (did you mean "
                          "'include'?)"));
  EXPECT_THAT(faults(get("filter.categry=tea")),
              ElementsAre("filter.categry: items have no such attribute (did you mean "
                          "'category'?)"));
  EXPECT_THAT(faults(get("filter.category=tea&filter.category=coffee")),
              ElementsAre("filter.category: is given twice"));
  EXPECT_THAT(faults(get("pins=tea-55")), ElementsAre("pins: the bundle has no item 'tea-55'"));
}

TEST_F(RecommendApi, ReasonsComeWhereTheyAreAskedFor) {
  const Json plain = body_of("Recommendations", get("user=002&k=2"));
  EXPECT_FALSE(plain["items"][0].contains("reasons"));
  const Json got = body_of("Recommendations", get("user=002&k=2&reasons=true"));
  const Json posted =
      body_of("Recommendations", post(R"({"user": "002", "k": 2, "reasons": true})"));
  EXPECT_EQ(got["items"], posted["items"]);
  EXPECT_EQ(got["items"][0]["reasons"][0]["kind"], "follows");
  EXPECT_EQ(faults(get("reasons=yes")).size(), 1u);
}

TEST_F(RecommendApi, WhatCannotBeGrantedIsNamed) {
  const auto fault = [&](const std::string& body) {
    const auto all = faults(post(body));
    return all.empty() ? std::string() : all.front();
  };
  EXPECT_EQ(fault(R"({"filter": {"category": ["te"]}})"),
            "/filter/category: no item has 'te' (did you mean 'tea'?)");
  EXPECT_EQ(fault(R"({"filter": {"category": [1, "tea"]}})"),
            "/filter/category: expected texts: it is no number");
  EXPECT_EQ(fault(R"({"filter": {"price": {"minimum": 1}}})"),
            "/filter/price/minimum: unknown member");
  EXPECT_EQ(fault(R"({"filter": {"price": null}})"),
            "/filter/price: expected string or number or boolean or array or object, found null");
  EXPECT_EQ(fault(R"({"filter": {"price": []}})"),
            "/filter/price: 0 elements where at least 1 was expected");
  EXPECT_EQ(fault(R"({"seen": "sometimes"})").substr(0, 6), "/seen:");
  EXPECT_EQ(fault(R"({"diversity": {"by": "category"}})"), "/diversity/most: is missing");
  EXPECT_EQ(fault(R"({"boosts": [{"where": {"price": {}}, "add": 101}]})"),
            "/boosts/0/add: 101 where at most 100 was expected");
  EXPECT_EQ(fault(R"({"pins": [{"item": "tea-1", "position": 0}]})"),
            "/pins/0/position: 0 where at least 1 was expected");
  EXPECT_EQ(fault(R"({"pin": []})"), "/pin: unknown member (did you mean 'pins'?)");
}

// They stand in the schemas as numbers.
TEST_F(RecommendApi, TheDocumentHasTheLimitsOfTheLibrary) {
  const Json schemas = api_schemas();
  const Json& request = schemas["RecommendRequest"]["properties"];
  EXPECT_EQ(request["boosts"]["maxItems"], kMostBoosts);
  EXPECT_EQ(request["pins"]["maxItems"], kMostItems);
  EXPECT_EQ(schemas["Pin"]["properties"]["position"]["maximum"], kMostItems);
  EXPECT_EQ(request["diversity"]["properties"]["most"]["maximum"], kMostItems);
  EXPECT_EQ(schemas["Boost"]["properties"]["add"]["maximum"], kMostBoost);
  EXPECT_EQ(schemas["Boost"]["properties"]["add"]["minimum"], -kMostBoost);
  EXPECT_EQ(schemas["Filter"]["maxProperties"], kMostConditions + 1) << "and \"not\"";
  EXPECT_EQ(schemas["Filter"]["properties"]["not"]["maxProperties"], kMostConditions);
  EXPECT_EQ(schemas["Condition"]["maxItems"], kMostHistory);
}

}  // namespace
}  // namespace sartor
