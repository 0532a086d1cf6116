#include "sartor/http/models_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "sartor/base/test_place.h"
#include "sartor/http/api.h"
#include "sartor/http/test_answers.h"
#include "sartor/serving/test_bundle.h"
#include "sartor/store/folder.h"

namespace sartor {
namespace {

using testing::HasSubstr;

class ModelsApi : public testing::Test {
 protected:
  ModelsApi() {
    for (const char* version : {"a", "b", "bad"}) {
      EXPECT_TRUE(write_test_bundle(bundles_ + "/" + version, {.version = version}));
    }
    std::ofstream(bundles_ + "/bad/routes.json") << "{}";
    EXPECT_TRUE(switch_current(bundles_, "a"));
    const auto live = std::make_shared<LiveBundle>(*Recommender::open(bundles_ + "/current"));
    metrics_->serves("a");
    const auto shelf = std::make_shared<BundleShelf>(
        bundles_, live,
        swap_observer(metrics_, [this](const std::string& line) { told_ += line + "\n"; }));
    api_ = make_api(live, "1.2.3", metrics_, {.shelf = shelf});
  }
  ~ModelsApi() override { std::filesystem::remove_all(bundles_); }

  HttpResponse ask(const std::string& method, const std::string& target,
                   const std::string& origin = "") const {
    HttpRequest request{.method = method};
    EXPECT_TRUE(parse_target(target, request)) << target;
    request.headers["host"] = "localhost:8080";
    if (!origin.empty()) request.headers["origin"] = origin;
    return api_->handle(request);
  }
  std::string ready() const {
    return Json::parse(ask("GET", "/health/ready").body)["model_version"].get<std::string>();
  }

  const std::string bundles_ = test_place("models_api");
  std::string told_;
  std::shared_ptr<HttpMetrics> metrics_ = std::make_shared<HttpMetrics>();
  std::shared_ptr<const Router> api_;
};

TEST_F(ModelsApi, PromotesAndRollsBackBeforeItAnswers) {
  const Json promoted = body_of("Swap", ask("POST", "/v1/models/b/promote"));
  EXPECT_EQ(promoted["version"], "b");
  EXPECT_EQ(promoted["before"], "a");
  EXPECT_EQ(promoted["overlap"], 1.0);
  EXPECT_EQ(ready(), "b");
  std::map<std::string, Json> rows;
  const Json models = body_of("Models", ask("GET", "/v1/models"));
  for (const Json& row : models["versions"]) {
    rows[row["version"].get<std::string>()] = row;
  }
  EXPECT_EQ(rows["a"]["state"], "previous");
  EXPECT_EQ(rows["b"]["state"], "serving");
  EXPECT_EQ(rows["bad"]["state"], "available");
  EXPECT_EQ(rows["b"]["metric"], "ndcg@10");
  EXPECT_EQ(body_of("Swap", ask("POST", "/v1/models/rollback"))["version"], "a");
  EXPECT_EQ(ready(), "a");
  const std::string metrics = ask("GET", "/metrics").body;
  EXPECT_THAT(metrics, HasSubstr("sartor_bundle_info{version=\"a\"} 1\n"));
  EXPECT_THAT(metrics, testing::Not(HasSubstr("version=\"b\"")));
  EXPECT_THAT(metrics, HasSubstr("sartor_bundle_swaps_total{outcome=\"swapped\"} 2\n"));
  EXPECT_THAT(told_, HasSubstr("serving b instead of a: "));
}

TEST_F(ModelsApi, RefusalsAreProblems) {
  EXPECT_EQ(ask("POST", "/v1/models/nothing/promote").status, 404);
  EXPECT_EQ(ask("POST", "/v1/models/%2e%2e/promote").status, 404);
  EXPECT_EQ(ask("POST", "/v1/models/a/promote").status, 409);
  EXPECT_EQ(ask("POST", "/v1/models/rollback").status, 409);
  const HttpResponse refused = ask("POST", "/v1/models/bad/promote");
  EXPECT_EQ(refused.status, 422);
  EXPECT_THAT(refused.body, HasSubstr("/problems/bundle-refused"));
  EXPECT_THAT(refused.body, HasSubstr("changed: routes.json"));
  EXPECT_EQ(ready(), "a");
  const Json models = body_of("Models", ask("GET", "/v1/models"));
  for (const Json& row : models["versions"]) {
    if (row["version"] != "bad") continue;
    EXPECT_EQ(row["state"], "refused");
    EXPECT_THAT(row["reason"].get<std::string>(), HasSubstr("routes.json"));
  }
  EXPECT_THAT(ask("GET", "/metrics").body,
              HasSubstr("sartor_bundle_swaps_total{outcome=\"refused\"} 1\n"));
  EXPECT_THAT(told_, HasSubstr("warning: bundle bad is refused"));
}

TEST_F(ModelsApi, NoPageOfSomebodyElseSwaps) {
  EXPECT_EQ(ask("POST", "/v1/models/b/promote", "https://evil.example").status, 403);
  EXPECT_EQ(ask("POST", "/v1/models/b/promote", "null").status, 403);
  EXPECT_EQ(ready(), "a");
  EXPECT_EQ(ask("POST", "/v1/models/b/promote", "http://localhost:8080").status, 200);
}

}  // namespace
}  // namespace sartor
