#include "sartor/http/replica.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "sartor/base/test_place.h"
#include "sartor/http/api.h"
#include "sartor/http/breaker_api.h"
#include "sartor/http/test_answers.h"
#include "sartor/serving/test_bundle.h"
#include "sartor/store/test_postgres.h"

namespace sartor {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;

// One of several servers: a workspace of its own, all parts, no socket. Nobody is held back, so
// that lists of "loyal" (users 000 to 039) are its own model's.
class TestServer {
 public:
  TestServer(std::string workspace, StateConfig config)
      : workspace_(std::move(workspace)), config_(std::move(config)) {}

  void add_bundle(const std::string& version) const {
    ASSERT_TRUE(write_test_bundle(workspace_ + "/bundles/" + version, {.version = version}));
  }
  void publish(const std::string& version) const {
    ASSERT_TRUE(switch_link(workspace_ + "/bundles/current", version));
  }

  void start() {
    stop();
    auto first = open_first(workspace_ + "/bundles");
    ASSERT_TRUE(first) << first.error().message;
    live_ = std::make_shared<LiveBundle>(first->recommender);
    auto state = State::open(workspace_, config_);
    ASSERT_TRUE(state) << state.error().message;
    const auto shared = std::make_shared<const State>(std::move(*state));
    const std::shared_ptr<ErasureList> list = *ErasureList::open(workspace_);
    auto erasures = SharedErasures::open(shared, list, config_.event_days);
    ASSERT_TRUE(erasures) << erasures.error().message;
    const std::shared_ptr<SharedErasures> shared_erasures = std::move(*erasures);
    live_->forget("", list->current());
    const auto intake = std::make_shared<Intake>(workspace_ + "/events", live_, config_);
    const Status opened = intake->open();
    ASSERT_TRUE(opened) << opened.error().message;
    GuardOptions options;
    options.switchboard.holdback_least = options.switchboard.holdback_most = 0;
    const auto guard = open_guard(workspace_, options, live_, *intake);
    ASSERT_TRUE(guard) << guard.error().message;
    const auto shelf = std::make_shared<BundleShelf>(workspace_ + "/bundles", live_);
    const UserPlaces places{workspace_, live_, intake, *guard, list, shared_erasures};
    shared_erasures->tell([places = UserPlaces{workspace_, live_, intake, *guard, list}](
                              const std::string& user) { forget_user(places, user); });
    auto replica = Replica::start(
        {shared, live_, shelf, *guard, intake, shared_erasures, [](const std::string&) {}});
    ASSERT_TRUE(replica) << replica.error().message;
    replica_ = *replica;
    api_ = make_api(live_, "1.2.3", std::make_shared<HttpMetrics>(),
                    {.intake = intake,
                     .guard = *guard,
                     .shelf = shelf,
                     .users = std::make_shared<const UserPlaces>(places),
                     .replica = replica_});
  }
  void stop() {
    api_.reset();
    replica_.reset();
    live_.reset();
  }

  HttpResponse ask(const std::string& method, const std::string& target,
                   const std::string& body = "") const {
    return ask_api(*api_, method, target, body);
  }
  Json get(const std::string& schema, const std::string& target) const {
    return body_of(schema, ask("GET", target));
  }
  std::string version() const { return get("Health", "/health/ready")["model_version"]; }
  std::string status() const { return get("Health", "/health/ready")["status"]; }
  std::string breaker(const std::string& segment) const {
    const Json body = get("Segments", "/v1/segments");
    for (const Json& row : body["segments"]) {
      if (row["name"] == segment) return row["breaker"]["state"];
    }
    return "";
  }
  HttpResponse take(const std::string& id, const std::string& user) const {
    return ask("POST", "/v1/events",
               Json{{"events",
                     {{{"event_id", id}, {"user", user}, {"item", "tea-0"}, {"type", "purchase"}}}}}
                   .dump());
  }
  int history(const std::string& user) const {
    const auto response = ask("GET", "/v1/users/" + user);
    return response.status == 200 ? Json::parse(response.body)["history"].get<int>() : 0;
  }

 private:
  const std::string workspace_;
  const StateConfig config_;
  std::shared_ptr<LiveBundle> live_;
  std::shared_ptr<Replica> replica_;
  std::shared_ptr<const Router> api_;
};

// Whether it comes true within some seconds.
template <class Fact>
bool becomes_true(const Fact& fact) {
  for (int i = 0; i < 400; ++i) {
    if (fact()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(25));
  }
  return false;
}

class ReplicaTest : public testing::Test {
 protected:
  void SetUp() override {
    if (TestPostgres::url().empty()) GTEST_SKIP() << "PostgreSQL is not installed";
    fs::remove_all(place_);
    for (TestServer* one : {&a_, &b_}) {
      one->add_bundle("v1");
      one->add_bundle("v2");
      one->publish("v1");
      one->start();
    }
  }
  void TearDown() override {
    a_.stop();
    b_.stop();
    fs::remove_all(place_);
  }

  const std::string place_ = test_place("replica");
  TestServer a_{place_ + "/a", config()}, b_{place_ + "/b", config()};

 private:
  static StateConfig config() {
    static int servers = 0;
    return {.url = TestPostgres::url(), .schema = "replica_" + std::to_string(servers++ / 2)};
  }
};

TEST_F(ReplicaTest, APromotionIsForAllAndSoIsARollback) {
  ASSERT_EQ(a_.ask("POST", "/v1/models/v2/promote").status, 200);
  EXPECT_TRUE(becomes_true([&] { return b_.version() == "v2"; }));
  ASSERT_EQ(b_.ask("POST", "/v1/models/rollback").status, 200);
  EXPECT_TRUE(becomes_true([&] { return a_.version() == "v1"; }));
  EXPECT_EQ(b_.version(), "v1");
  // Who was away follows, whatever its own link says.
  b_.stop();
  ASSERT_EQ(a_.ask("POST", "/v1/models/v2/promote").status, 200);
  std::this_thread::sleep_for(std::chrono::milliseconds(600));
  b_.start();
  EXPECT_EQ(b_.version(), "v2");
  // What is not there is told, and served as soon as it comes.
  a_.add_bundle("v3");
  ASSERT_EQ(a_.ask("POST", "/v1/models/v3/promote").status, 200);
  EXPECT_TRUE(becomes_true([&] { return b_.status() == "degraded"; }));
  EXPECT_EQ(b_.version(), "v2");
  EXPECT_THAT(b_.get("Health", "/health/ready")["reasons"][0].get<std::string>(),
              HasSubstr("bundle v3, which is not in bundles/ here"));
  EXPECT_EQ(a_.status(), "ready");
  b_.add_bundle("v3");
  EXPECT_TRUE(becomes_true([&] { return b_.version() == "v3" && b_.status() == "ready"; }));
}

TEST_F(ReplicaTest, AnEventCountsOnceAndEverywhere) {
  EXPECT_THAT(a_.take("e1", "somebody").body, HasSubstr("\"accepted\":1"));
  EXPECT_THAT(b_.take("e1", "somebody").body, HasSubstr("\"duplicates\":1"));
  EXPECT_THAT(b_.take("e2", "somebody").body, HasSubstr("\"accepted\":1"));
  EXPECT_EQ(b_.history("somebody"), 2) << "what the other took before is there, too";
  EXPECT_TRUE(becomes_true([&] { return a_.history("somebody") == 2; }));
  a_.start();
  EXPECT_EQ(a_.history("somebody"), 2);
  EXPECT_THAT(a_.take("e2", "somebody").body, HasSubstr("\"duplicates\":1"));
}

TEST_F(ReplicaTest, ABreakerIsTheSameEverywhere) {
  const std::string list = "/v1/recommendations?user=004";
  for (const TestServer* one : {&a_, &b_}) {
    EXPECT_EQ(one->get("Recommendations", list)["route"], "blended/2");
  }
  ASSERT_EQ(a_.ask("POST", "/v1/segments/loyal/breaker", R"({"state": "latched"})").status, 200);
  EXPECT_TRUE(becomes_true([&] { return b_.breaker("loyal") == "latched"; }));
  EXPECT_EQ(b_.get("Recommendations", list)["fallback"], "breaker_open");
  const Json alerts = b_.get("Alerts", "/v1/alerts")["alerts"];
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0]["rule"], "operator");
  EXPECT_EQ(alerts[0]["to"], "latched");
  // Across a restart, and back again from the other side.
  b_.start();
  EXPECT_EQ(b_.breaker("loyal"), "latched");
  ASSERT_EQ(b_.ask("POST", "/v1/segments/loyal/breaker", R"({"state": "closed"})").status, 200);
  EXPECT_TRUE(becomes_true([&] { return a_.breaker("loyal") == "closed"; }));
  EXPECT_EQ(a_.get("Recommendations", list)["route"], "blended/2");
  // Another version begins anew, here and there, and so does this one after it.
  ASSERT_EQ(a_.ask("POST", "/v1/segments/loyal/breaker", R"({"state": "latched"})").status, 200);
  EXPECT_TRUE(becomes_true([&] { return b_.breaker("loyal") == "latched"; }));
  ASSERT_EQ(a_.ask("POST", "/v1/models/v2/promote").status, 200);
  EXPECT_TRUE(becomes_true([&] { return b_.version() == "v2"; }));
  for (const TestServer* one : {&a_, &b_}) {
    EXPECT_EQ(one->get("Recommendations", list)["route"], "blended/2");
    EXPECT_EQ(one->breaker("loyal"), "closed");
  }
  ASSERT_EQ(a_.ask("POST", "/v1/models/rollback").status, 200);
  EXPECT_TRUE(becomes_true([&] { return b_.version() == "v1"; }));
  b_.start();
  EXPECT_EQ(b_.get("Recommendations", list)["route"], "blended/2") << "the latch was before that";
}

TEST_F(ReplicaTest, WhoIsErasedIsGoneEverywhere) {
  ASSERT_EQ(a_.take("e1", "004").status, 200);
  EXPECT_TRUE(becomes_true([&] { return b_.history("004") > 0; }));
  ASSERT_EQ(a_.ask("DELETE", "/v1/users/004").status, 200);
  EXPECT_EQ(a_.ask("GET", "/v1/users/004").status, 404);
  EXPECT_TRUE(becomes_true([&] { return b_.ask("GET", "/v1/users/004").status == 404; }));
  b_.start();
  EXPECT_EQ(b_.ask("GET", "/v1/users/004").status, 404);
}

TEST_F(ReplicaTest, WithoutTheDatabaseListsGoOnAndAfterwardsAllIsAsItShouldBe) {
  const std::string list = "/v1/recommendations?user=004";
  TestPostgres::stop();
  EXPECT_TRUE(becomes_true([&] { return a_.status() == "degraded" && b_.status() == "degraded"; }));
  EXPECT_THAT(a_.ask("GET", "/metrics").body, HasSubstr("sartor_degraded 1"));
  for (const TestServer* one : {&a_, &b_}) {
    EXPECT_FALSE(one->get("Recommendations", list)["items"].empty());
    const auto refused = one->take("e1", "somebody");
    EXPECT_EQ(refused.status, 503) << refused.body;
    EXPECT_EQ(refused.headers.back().first, "Retry-After");
    const auto kept = one->ask("DELETE", "/v1/users/006");
    EXPECT_EQ(kept.status, 503) << kept.body;
    EXPECT_EQ(kept.headers.back().first, "Retry-After");
    EXPECT_EQ(one->ask("GET", "/v1/users/006").status, 200) << "erased nowhere rather than here";
  }
  ASSERT_EQ(a_.ask("POST", "/v1/models/v2/promote").status, 200);
  ASSERT_EQ(b_.ask("POST", "/v1/segments/loyal/breaker", R"({"state": "latched"})").status, 200);
  EXPECT_EQ(b_.version(), "v1");
  TestPostgres::start();
  EXPECT_TRUE(becomes_true([&] { return b_.version() == "v2" && b_.status() == "ready"; }));
  EXPECT_EQ(a_.breaker("loyal"), "closed") << "that was of the old version";
  EXPECT_THAT(a_.take("e1", "somebody").body, HasSubstr("\"accepted\":1"));
  EXPECT_THAT(b_.take("e1", "somebody").body, HasSubstr("\"duplicates\":1"));
  EXPECT_EQ(a_.status(), "ready");
}

}  // namespace
}  // namespace sartor
