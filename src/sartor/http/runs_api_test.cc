#include "sartor/http/runs_api.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "sartor/base/test_place.h"
#include "sartor/http/api.h"
#include "sartor/http/test_answers.h"

namespace sartor {
namespace {

HttpResponse ask(const std::shared_ptr<const State>& state, const std::string& target) {
  std::vector<Route> routes;
  add_runs(routes, state);
  const Router router(std::move(routes), api_schemas(), "1.2.3");
  HttpRequest request{.method = "GET"};
  EXPECT_TRUE(parse_target(target, request));
  return router.handle(request);
}

TEST(RunsApi, ListsTheLatestFirstWithItsHeadline) {
  const std::string folder = test_place("runs_api");
  std::filesystem::create_directories(folder);
  auto opened = State::open(folder + "/state.sqlite");
  ASSERT_TRUE(opened) << opened.error().message;
  const auto state = std::make_shared<const State>(std::move(*opened));
  const std::string summary = R"({"seconds": 12.5, "metric": "ndcg@10",
      "overall": {"test": {"general": 0.33, "served": 0.34, "difference": 0.01, "low": 0.002, "high": 0.018}},
      "segments": [{"decision": "adapted"}, {"decision": "general"}, {"decision": "adapted"}]})";
  ASSERT_TRUE(state->put_run({"r1", kSecond, 20 * kSecond, "done", "/w/bundles/b5", summary}));
  ASSERT_TRUE(state->put_run({"r2", 30 * kSecond, std::nullopt, "running", "", ""}));
  ASSERT_TRUE(state->put_run({"r3", 40 * kSecond, 41 * kSecond, "failed", "", "not JSON"}));
  const Json json = body_of("Runs", ask(state, "/v1/runs"));
  ASSERT_EQ(json["runs"].size(), 3u);
  EXPECT_EQ(json["runs"][0]["run"], "r3");
  EXPECT_EQ(json["runs"][0]["version"], nullptr);
  EXPECT_EQ(json["runs"][0]["adapted"], nullptr);
  EXPECT_EQ(json["runs"][1]["finished"], nullptr);
  const Json& done = json["runs"][2];
  EXPECT_EQ(done["version"], "b5");
  EXPECT_EQ(done["finished"], "1970-01-01T00:00:20Z");
  EXPECT_EQ(done["metric"], "ndcg@10");
  EXPECT_EQ(done["served"], 0.34);
  EXPECT_EQ(done["low"], 0.002);
  EXPECT_EQ(done["segments"], 3);
  EXPECT_EQ(done["adapted"], 2);
  EXPECT_EQ(Json::parse(ask(state, "/v1/runs?limit=1").body)["runs"].size(), 1u);
  EXPECT_EQ(ask(state, "/v1/runs?limit=0").status, 422);
  EXPECT_EQ(ask(nullptr, "/v1/runs").status, 503);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace sartor
