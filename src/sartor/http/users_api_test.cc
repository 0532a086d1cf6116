#include "sartor/http/users_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "sartor/base/files.h"
#include "sartor/base/test_place.h"
#include "sartor/http/api.h"
#include "sartor/http/breaker_api.h"
#include "sartor/http/test_answers.h"
#include "sartor/serving/test_bundle.h"

namespace sartor {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// A server's parts on a workspace, with nobody held back.
class UsersApi : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    ASSERT_TRUE(write_test_bundle(folder_ + "/bundles/v1"));
    start();
  }
  void TearDown() override {
    stop();
    fs::remove_all(folder_);
  }
  void stop() {
    api_.reset();
    places_.reset();
  }
  // As a server does after it was stopped or killed.
  void start() {
    stop();
    auto recommender = Recommender::open(folder_ + "/bundles/v1");
    ASSERT_TRUE(recommender) << recommender.error().message;
    const auto live = std::make_shared<LiveBundle>(*recommender);
    const auto intake = std::make_shared<Intake>(folder_ + "/events", live);
    ASSERT_TRUE(intake->open());
    GuardOptions options;
    options.switchboard.holdback_least = options.switchboard.holdback_most = 0;
    auto guard = open_guard(folder_, options, live, *intake);
    ASSERT_TRUE(guard) << guard.error().message;
    auto erasures = ErasureList::open(folder_);
    ASSERT_TRUE(erasures) << erasures.error().message;
    places_ = std::make_shared<const UserPlaces>(
        UserPlaces{folder_, live, intake, *guard, std::move(*erasures)});
    api_ = make_api(live, "1.2.3", std::make_shared<HttpMetrics>(),
                    {.intake = intake, .keys = nullptr, .guard = *guard, .users = places_});
  }
  HttpResponse ask(const std::string& method, const std::string& target,
                   const std::string& body = "") const {
    return ask_api(*api_, method, target, body);
  }
  void buy(const std::string& user, const std::string& item, const std::string& device) const {
    const Json event{{"user", user},
                     {"item", item},
                     {"type", "purchase"},
                     {"time", "2011-12-09T10:00:00Z"},
                     {"context", {{"device", device}}}};
    const Json taken = body_of(
        "EventsTaken", ask("POST", "/v1/events", Json{{"events", Json::array({event})}}.dump()));
    EXPECT_EQ(taken["accepted"], 1);
  }
  Json list(const std::string& user) const {
    Json json = body_of("Recommendations", ask("GET", "/v1/recommendations?k=20&user=" + user));
    json.erase("exposure");
    json.erase("user");
    return json;
  }
  Json exported(const std::string& user) const {
    return body_of("UserExport", ask("GET", "/v1/users/" + user + "/export"));
  }

  const std::string folder_ = test_place("users_api");
  std::shared_ptr<const UserPlaces> places_;
  std::shared_ptr<const Router> api_;
};

TEST_F(UsersApi, ExportsProfileEventsAndLists) {
  buy("002", "tea-2", "phone");
  list("002");
  const Json json = exported("002");
  EXPECT_EQ(json["user"], "002");
  EXPECT_EQ(json["model_version"], "f00d");
  EXPECT_EQ(json["profile"]["segment"], "loyal");
  EXPECT_EQ(json["profile"]["latest"].size(), 6u) << "five of the bundle, one since";
  ASSERT_EQ(json["events"].size(), 1u);
  EXPECT_EQ(json["events"][0]["item"], "tea-2");
  EXPECT_EQ(json["events"][0]["context"]["device"], "phone");
  ASSERT_EQ(json["exposures"].size(), 1u);
  EXPECT_EQ(json["exposures"][0]["segment"], "loyal");
  EXPECT_GT(json["exposures"][0]["items"].size(), 0u);
  EXPECT_EQ(ask("GET", "/v1/users/nobody/export").status, 404);
}

TEST_F(UsersApi, WhoIsErasedIsAStrangerAtOnceAndAfterARestart) {
  buy("002", "tea-2", "phone");
  EXPECT_NE(list("002"), list("never-seen"));
  const Json erased = body_of("UserErased", ask("DELETE", "/v1/users/002"));
  EXPECT_EQ(erased["user"], "002");
  for (int life = 0; life < 2; ++life) {
    EXPECT_EQ(ask("GET", "/v1/users/002").status, 404);
    EXPECT_EQ(list("002"), list("never-seen")) << "segment, route and items";
    const Json left = exported("002");
    EXPECT_TRUE(left["profile"].is_null());
    EXPECT_TRUE(left["events"].empty());
    EXPECT_EQ(left["exposures"].size(), 1u + static_cast<std::size_t>(life))
        << "what was shown since";
    EXPECT_EQ(body_of("User", ask("GET", "/v1/users/004"))["history"], 5) << "others are there";
    start();
  }
}

TEST_F(UsersApi, WhoComesBackIsANewUser) {
  buy("002", "tea-2", "phone");
  body_of("UserErased", ask("DELETE", "/v1/users/002"));
  buy("002", "coffee-1", "tablet");
  for (int life = 0; life < 2; ++life) {
    const Json user = body_of("User", ask("GET", "/v1/users/002"));
    EXPECT_EQ(user["history"], 1);
    EXPECT_EQ(user["latest"][0]["item"], "coffee-1");
    EXPECT_EQ(user["segment"], "tablets") << "by the new event's context";
    EXPECT_EQ(exported("002")["events"].size(), 1u);
    start();
  }
  body_of("UserErased", ask("DELETE", "/v1/users/002"));
  EXPECT_EQ(ask("GET", "/v1/users/002").status, 404);
}

// A bundle that is made before the erasure masks its user; one whose run knew of it does not, for
// there the id is the new user's.
TEST_F(UsersApi, ABundleMasksThoseItsRunDidNotKnowOf) {
  body_of("UserErased", ask("DELETE", "/v1/users/002"));
  const auto older = Recommender::open(folder_ + "/bundles/v1");
  ASSERT_TRUE(older);
  EXPECT_FALSE((*older)->user("002"));
  const TestBundleOptions knows{.version = "v2", .erased = 1};
  ASSERT_TRUE(write_test_bundle(folder_ + "/bundles/v2", knows));
  const auto newer = Recommender::open(folder_ + "/bundles/v2");
  ASSERT_TRUE(newer);
  EXPECT_EQ((*newer)->info().erased, 1u);
  ASSERT_TRUE((*newer)->user("002"));
  EXPECT_EQ((*newer)->user("002")->history, 5u);
  EXPECT_TRUE(places_->live->swap_to(folder_ + "/bundles/v2"));
  EXPECT_EQ(body_of("User", ask("GET", "/v1/users/002"))["history"], 5);
  body_of("UserErased", ask("DELETE", "/v1/users/002"));
  EXPECT_EQ(ask("GET", "/v1/users/002").status, 404);
  EXPECT_TRUE(places_->live->swap_to(folder_ + "/bundles/v1"));
  EXPECT_EQ(ask("GET", "/v1/users/002").status, 404) << "a rollback does not bring anybody back";
}

TEST_F(UsersApi, AServerWithoutAWorkspaceSaysSo) {
  const auto api = make_api(places_->live, "1.2.3", std::make_shared<HttpMetrics>());
  HttpRequest request{.method = "DELETE"};
  ASSERT_TRUE(parse_target("/v1/users/002", request));
  EXPECT_EQ(api->handle(request).status, 503);
  EXPECT_TRUE(waits_for_users(request));
  ASSERT_TRUE(parse_target("/v1/users/002/export", request));
  request.method = "GET";
  EXPECT_TRUE(waits_for_users(request));
  ASSERT_TRUE(parse_target("/v1/users/002", request));
  EXPECT_FALSE(waits_for_users(request));
}

}  // namespace
}  // namespace sartor
