#include "sartor/http/breaker_api.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "sartor/base/test_place.h"
#include "sartor/http/api.h"
#include "sartor/http/test_answers.h"
#include "sartor/serving/test_bundle.h"

namespace sartor {
namespace {

using testing::HasSubstr;
using testing::Not;

// A server's parts on a workspace, with a clock of its own. Users 000 to 039 are "loyal", which has
// a model of its own; strangers are "newcomers", who have not.
class BreakerApi : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    write_bundle();
    start();
  }
  void TearDown() override {
    stop();
    std::filesystem::remove_all(folder_);
  }
  void write_bundle() const { ASSERT_TRUE(write_test_bundle(folder_ + "/bundle")); }
  void stop() {
    api_.reset();
    intake_.reset();
    guard_.reset();
  }
  void start() {
    stop();
    auto recommender = open_changed(folder_ + "/bundle", [&](Bundle& bundle) {
      if (loyal_sleeps_) bundle.segment_models[1] = sleeping_model();
    });
    ASSERT_TRUE(recommender) << recommender.error().message;
    live_ = std::make_shared<LiveBundle>(*recommender);
    intake_ = std::make_shared<Intake>(folder_ + "/events", live_);
    ASSERT_TRUE(intake_->open());
    GuardOptions options;
    options.switchboard = {.holdback_least = share_, .holdback_most = share_, .timeout = timeout_};
    options.clock = [this] { return clock_.load(); };
    auto guard = open_guard(folder_, options, live_, *intake_);
    ASSERT_TRUE(guard) << guard.error().message;
    guard_ = *guard;
    api_ = make_api(live_, "1.2.3", std::make_shared<HttpMetrics>(),
                    {.intake = intake_, .keys = nullptr, .guard = guard_});
  }
  Json ask(const std::string& schema, const std::string& method, const std::string& target,
           const std::string& body = "") {
    return body_of(schema, raw(method, target, body));
  }
  HttpResponse raw(const std::string& method, const std::string& target,
                   const std::string& body = "") const {
    return ask_api(*api_, method, target, body);
  }
  Json list(const std::string& user) {
    return ask("Recommendations", "GET", "/v1/recommendations?k=3&user=" + user);
  }
  Json breaker_of(std::size_t segment) {
    return ask("Segments", "GET", "/v1/segments")["segments"][segment]["breaker"];
  }
  // A loyal user who is in this arm today.
  std::string user_in(const std::string& arm) {
    for (int user = 0; user < 40; ++user) {
      const std::string name = fmt::format("{:03}", user);
      if (list(name)["arm"] == arm) return name;
    }
    ADD_FAILURE() << "nobody is in " << arm;
    return "";
  }

  const std::string folder_ = test_place("breaker_api");
  double share_ = 0.5;
  Time timeout_ = kSecond;
  bool loyal_sleeps_ = false;
  std::atomic<Time> clock_ = 1'700'000'000 * kSecond;
  std::shared_ptr<LiveBundle> live_;
  std::shared_ptr<Intake> intake_;
  std::shared_ptr<LiveGuard> guard_;
  std::shared_ptr<const Router> api_;
};

TEST_F(BreakerApi, AHoldbackUserGetsTheGeneralListAndEveryAnswerSaysItsArm) {
  const std::string held = user_in("holdback");
  const Json general = list(held);
  EXPECT_EQ(general["segment"], "loyal");
  EXPECT_EQ(general["route"], "general");
  EXPECT_EQ(general["fallback"], nullptr);
  EXPECT_EQ(list(held)["items"], general["items"]);
  const Json own = list(user_in("model"));
  EXPECT_EQ(own["route"], "blended/2");
  EXPECT_EQ(list("a-stranger")["arm"], nullptr);
  int changed = 0;
  for (int day = 1; day <= 20; ++day) {
    clock_ += kDay;
    changed += list(held)["arm"] == "model";
  }
  EXPECT_GT(changed, 2) << "the holdback is drawn anew every day";
  EXPECT_LT(changed, 18);

  const Json breaker = breaker_of(1);
  EXPECT_EQ(breaker["state"], "closed");
  EXPECT_EQ(breaker["holdback"], 0.5);
  EXPECT_EQ(breaker_of(0), nullptr) << "its model is not there";
  EXPECT_EQ(breaker_of(2), nullptr) << "on general";
  const std::string metrics = raw("GET", "/metrics").body;
  EXPECT_THAT(metrics, HasSubstr("sartor_breaker_state{segment=\"loyal\",state=\"closed\"} 1\n"));
  EXPECT_THAT(metrics, HasSubstr("sartor_breaker_state{segment=\"loyal\",state=\"open\"} 0\n"));
  EXPECT_THAT(metrics, HasSubstr("sartor_exposures_total{segment=\"newcomers\",arm=\"none\"} 1\n"));
  EXPECT_THAT(metrics, Not(HasSubstr("a-stranger")));
}

TEST_F(BreakerApi, EventsAreTiedToTheListTheyNameOrToTheLast) {
  // The server's clock stamps events; the guard's stands at its present.
  clock_ = std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::system_clock::now().time_since_epoch())
               .count();
  const std::string user = user_in("model");
  const Json shown = list(user);
  const auto event = [&](std::size_t place, const std::string& more) {
    return R"({"events": [{"user": ")" + user + R"(", "type": "purchase", "item": ")" +
           shown["items"][place]["item"].get<std::string>() + "\"" + more + "}]}";
  };
  const auto clicks = [&] { return guard_->view("loyal").clicked["model"]; };
  const std::string named = R"(, "exposure": ")" + shown["exposure"].get<std::string>() + "\"";
  ask("EventsTaken", "POST", "/v1/events", event(0, named));
  EXPECT_EQ(clicks(), 1u);
  ask("EventsTaken", "POST", "/v1/events", event(0, named));
  EXPECT_EQ(clicks(), 1u) << "the same item of the same list";
  ask("EventsTaken", "POST", "/v1/events", event(1, ""));
  EXPECT_EQ(clicks(), 2u);
  ask("EventsTaken", "POST", "/v1/events", event(2, R"(, "exposure": "nothing")"));
  EXPECT_EQ(clicks(), 2u);
  EXPECT_THAT(raw("GET", "/metrics").body,
              HasSubstr("sartor_clicks_total{segment=\"loyal\",arm=\"model\"} 2\n"));
  const PairedCounts before = guard_->view("loyal").hour;
  EXPECT_EQ(before.model.clicks, 2u);
  start();
  EXPECT_EQ(guard_->view("loyal").hour, before);
}

TEST_F(BreakerApi, AModelThatTimesOutIsSwitchedOffAndStaysSoAfterARestart) {
  share_ = 0;
  timeout_ = kSanitized ? kSecond : kSecond / 20;
  loyal_sleeps_ = true;
  start();
  const auto asked = std::chrono::steady_clock::now();
  const Json own = list("002");
  EXPECT_LT(std::chrono::steady_clock::now() - asked, std::chrono::seconds(kSanitized ? 10 : 1));
  EXPECT_EQ(own["arm"], "model");
  EXPECT_EQ(own["fallback"], "model_late");
  EXPECT_EQ(own["route"], "general");
  EXPECT_EQ(own["items"].size(), 3u);
  for (int i = 0; i < 19; ++i) list("002");
  const Json answer = list("002");
  EXPECT_EQ(answer["fallback"], "breaker_open");
  EXPECT_EQ(answer["route"], "general");
  EXPECT_EQ(answer["arm"], nullptr);
  EXPECT_EQ(answer["items"].size(), 3u);
  const Json alerts = ask("Alerts", "GET", "/v1/alerts")["alerts"];
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0]["segment"], "loyal");
  EXPECT_EQ(alerts[0]["model_version"], "f00d");
  EXPECT_EQ(alerts[0]["rule"], "failures");
  EXPECT_EQ(alerts[0]["evidence"]["requests"], 20);
  EXPECT_EQ(breaker_of(1)["state"], "open");
  EXPECT_THAT(raw("GET", "/metrics").body,
              HasSubstr("sartor_fallbacks_total{reason=\"breaker_open\"} 1\n"));
  EXPECT_EQ(list("a-stranger")["fallback"], nullptr);

  loyal_sleeps_ = false;
  start();
  EXPECT_EQ(list("002")["fallback"], "breaker_open");
  EXPECT_EQ(ask("Alerts", "GET", "/v1/alerts")["alerts"], alerts);
  clock_ += kDay;
  int probed = 0;
  for (int user = 0; user < 40; ++user)
    probed += list(fmt::format("{:03}", user))["arm"] == "model";
  EXPECT_EQ(breaker_of(1)["state"], "probing");
  EXPECT_LT(probed, 15) << "a tenth of the users";

  EXPECT_EQ(raw("POST", "/v1/segments/loyal/breaker", R"({"state": "open"})").status, 422);
  EXPECT_EQ(raw("POST", "/v1/segments/nobody/breaker", R"({"state": "closed"})").status, 404);
  EXPECT_EQ(
      ask("Breaker", "POST", "/v1/segments/loyal/breaker", R"({"state": "latched"})")["state"],
      "latched");
  start();
  EXPECT_EQ(list("002")["fallback"], "breaker_open");
  ask("Breaker", "POST", "/v1/segments/loyal/breaker", R"({"state": "closed"})");
  EXPECT_EQ(list("002")["arm"], "model");
  EXPECT_EQ(ask("Alerts", "GET", "/v1/alerts")["alerts"][0]["rule"], "operator");
}

}  // namespace
}  // namespace sartor
