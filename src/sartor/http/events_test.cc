#include "sartor/http/events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "sartor/base/test_place.h"
#include "sartor/http/api.h"
#include "sartor/http/test_answers.h"
#include "sartor/serving/test_bundle.h"

namespace sartor {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr Time kNow = 1'700'000'000 * kSecond;  // 2023-11-14T22:13:20Z

// What is wrong with an event, "" if nothing is.
std::string fault(const std::string& json) {
  static const Json schemas = api_schemas();
  const auto event = event_of(Json::parse(json), schemas, kNow);
  return event ? "" : event.error().message;
}

TEST(EventOf, ReadsEveryField) {
  const Json schemas = api_schemas();
  const auto event = event_of(Json::parse(R"({"event_id": "e1", "user": "17850", "item": "85123A",
      "time": "2011-12-09T10:00:00+01:00", "type": "purchase", "value": 15.3, "dwell_seconds": 2,
      "group": "581587", "exposure": "x", "context": {"device": "tablet", "hour": 7, "new": true}})"),
                              schemas, kNow);
  ASSERT_TRUE(event) << event.error().message;
  EXPECT_EQ(event->event_id, "e1");
  EXPECT_EQ(format_time(event->time), "2011-12-09T09:00:00Z");
  EXPECT_EQ(event->value, 15.3);
  EXPECT_EQ(event->group, "581587");
  EXPECT_EQ(event->received, kNow);
  const std::vector<std::pair<std::string, std::string>> context = {
      {"device", "tablet"}, {"hour", "7"}, {"new", "true"}};
  EXPECT_EQ(event->context, context);
  const auto bare = event_of(
      Json::parse(R"({"user": "u", "item": "i", "type": "t", "value": null})"), schemas, kNow);
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->time, kNow);
  EXPECT_TRUE(std::isnan(bare->value));
}

TEST(EventOf, NamesTheFieldThatIsWrong) {
  const std::string good = R"("user": "u", "item": "i", "type": "t")";
  const auto with = [&](const std::string& more) { return fault("{" + good + ", " + more + "}"); };
  EXPECT_EQ(fault(R"({"item": "i", "type": "t"})"), "user: is missing");
  EXPECT_EQ(fault("3"), "event: expected object, found number");
  EXPECT_THAT(fault(R"({"user": "", "item": "i", "type": "t"})"), HasSubstr("user: 0 bytes"));
  EXPECT_THAT(fault(R"({"user": 7, "item": "i", "type": "t"})"), HasSubstr("user: expected"));
  EXPECT_THAT(fault(R"({"user": "a\u0000b", "item": "i", "type": "t"})"), HasSubstr("user: holds"));
  EXPECT_THAT(with(R"("tipe": "x")"), HasSubstr("tipe: unknown member"));
  EXPECT_THAT(with(R"("time": "yesterday")"), HasSubstr("time: 'yesterday' is not a time"));
  EXPECT_THAT(with(R"("time": "2023-11-14T22:19:00Z")"), HasSubstr("time: "));
  EXPECT_EQ(with(R"("time": "2023-11-14T22:18:00Z")"), "");
  EXPECT_THAT(with(R"("time": "1969-12-31T00:00:00Z")"), HasSubstr("before 1970"));
  EXPECT_THAT(with(R"("dwell_seconds": -1)"), HasSubstr("dwell_seconds: "));
  EXPECT_THAT(with(R"("value": "1")"), HasSubstr("value: expected"));
  EXPECT_THAT(with(R"("context": {"a b": "x"})"), HasSubstr("context: 'a b'"));
  EXPECT_THAT(with(R"("context": {"a": null})"), HasSubstr("context.a: expected"));
  EXPECT_THAT(with(R"("event_id": "")"), HasSubstr("event_id: "));
}

class EventsApi : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    ASSERT_TRUE(write_test_bundle(folder_ + "/bundle"));
    start();
  }
  void TearDown() override {
    api_.reset();
    intake_.reset();
    fs::remove_all(folder_);
  }
  // As a server does after it was stopped or killed.
  void start() {
    api_.reset();
    intake_.reset();
    auto recommender = Recommender::open(folder_ + "/bundle");
    ASSERT_TRUE(recommender) << recommender.error().message;
    recommender_ = *recommender;
    live_ = std::make_shared<LiveBundle>(recommender_);
    intake_ = std::make_shared<Intake>(folder_ + "/events", live_);
    const Status opened = intake_->open();
    ASSERT_TRUE(opened) << opened.error().message;
    api_ =
        make_api(live_, "1.2.3", metrics_, {.intake = intake_, .keys = keys_, .limits = limits_});
  }
  HttpResponse ask(const std::string& method, const std::string& target,
                   const std::string& body = "", const std::string& key = "",
                   const std::string& type = "application/json") const {
    HttpRequest request{.method = method};
    EXPECT_TRUE(parse_target(target, request)) << target;
    request.headers["content-type"] = type;
    if (!key.empty()) request.headers["authorization"] = "Bearer " + key;
    request.body = body;
    return api_->handle(request);
  }
  Json taken(const std::string& body) const {
    return body_of("EventsTaken", ask("POST", "/v1/events", body));
  }
  std::string list() const {
    const Json json = Json::parse(ask("GET", "/v1/recommendations?user=002&k=20").body);
    std::string items;
    for (const Json& item : json["items"]) items += item["item"].get<std::string>() + " ";
    return items;
  }

  const std::string folder_ = test_place("events_api");
  const std::string tea_ =
      R"({"event_id": "e1", "user": "002", "item": "tea-2", "type": "purchase"})";
  std::shared_ptr<HttpMetrics> metrics_ = std::make_shared<HttpMetrics>();
  std::shared_ptr<Recommender> recommender_;
  std::shared_ptr<LiveBundle> live_;
  std::shared_ptr<Intake> intake_;
  std::shared_ptr<const ApiKeys> keys_;
  std::shared_ptr<ClientLimits> limits_;
  std::shared_ptr<const Router> api_;
};

TEST_F(EventsApi, AnEventChangesTheNextListAlsoAfterARestart) {
  EXPECT_THAT(list(), HasSubstr("tea-2"));
  EXPECT_EQ(taken("{\"events\": [" + tea_ + "]}"),
            Json::parse(R"({"accepted": 1, "duplicates": 0, "rejected": []})"));
  const std::string changed = list();
  EXPECT_THAT(changed, testing::Not(HasSubstr("tea-2")));
  start();
  EXPECT_EQ(list(), changed);
  EXPECT_EQ(taken("{\"events\": [" + tea_ + "]}")["duplicates"], 1);
  EXPECT_EQ(recommender_->user("002")->history, 6u);
}

TEST_F(EventsApi, APartlyWrongBatchSaysWhichEventsWereTaken) {
  const Json answer = taken("{\"events\": [" + tea_ + R"(, {"user": "002"}, )" + tea_ +
                            R"(, {"user": "9", "item": "x", "type": "t", "time": "?"}]})");
  EXPECT_EQ(answer["accepted"], 1);
  EXPECT_EQ(answer["duplicates"], 1);
  ASSERT_EQ(answer["rejected"].size(), 2u);
  EXPECT_EQ(answer["rejected"][0],
            Json::parse(R"({"index": 1, "field": "item", "detail": "is missing"})"));
  EXPECT_EQ(answer["rejected"][1]["index"], 3);
  EXPECT_EQ(answer["rejected"][1]["field"], "time");
  EXPECT_THAT(ask("GET", "/metrics").body,
              HasSubstr("sartor_events_total{outcome=\"rejected\"} 2\n"));
}

TEST_F(EventsApi, BodiesThatAreNoBatchesAreProblems) {
  EXPECT_EQ(ask("POST", "/v1/events", "{").status, 400);
  EXPECT_EQ(ask("POST", "/v1/events", R"({"events": []})").status, 422);
  EXPECT_EQ(ask("POST", "/v1/events", R"({"events": {}})").status, 422);
  EXPECT_EQ(ask("POST", "/v1/events", R"({})").status, 422);
  EXPECT_EQ(ask("POST", "/v1/events", "{\"events\": [" + tea_ + "]}", "", "text/plain").status,
            415);
  EXPECT_EQ(ask("GET", "/v1/events").status, 405);
}

// The folder's name is taken by a file, as a disk that cannot be written would have it.
TEST_F(EventsApi, WhatCannotBeStoredIs503WithAReasonUntilItCan) {
  intake_.reset();
  api_.reset();
  fs::remove_all(folder_ + "/events");
  Intake intake("/proc/sartor/events", live_);
  ASSERT_TRUE(intake.open());
  ASSERT_EQ(intake.notes().size(), 1u);
  const Json body = Json::parse("{\"events\": [" + tea_ + "]}");
  const HttpResponse response = take_events(intake, body, api_schemas(), kNow, *metrics_);
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.content_type, "application/problem+json");
  EXPECT_THAT(response.body, HasSubstr("/proc/sartor"));
  EXPECT_EQ(response.headers.at(0).first, "Retry-After");
  EXPECT_EQ(recommender_->user("002")->history, 5u);
}

TEST_F(EventsApi, AnEventCountsInTheBundlesThatFollow) {
  ASSERT_TRUE(write_test_bundle(folder_ + "/other", {.version = "other"}));
  taken("{\"events\": [" + tea_ + "]}");
  const std::string changed = list();
  ASSERT_TRUE(live_->swap_to(folder_ + "/other"));
  EXPECT_EQ(live_->current()->user("002")->history, 6u);
  EXPECT_EQ(list(), changed);
  taken(R"({"events": [{"user": "002", "item": "tea-2", "type": "purchase"}]})");
  EXPECT_EQ(live_->current()->user("002")->history, 7u);
}

TEST_F(EventsApi, WhoAsksTooOftenWaits) {
  limits_ = std::make_shared<ClientLimits>(RateSettings{.requests_per_second = 0.01,
                                                        .request_burst = 4,
                                                        .events_per_second = 0.01,
                                                        .event_burst = 2},
                                           metrics_);
  start();
  const std::string batch =
      R"({"events": [{"user": "002", "item": "tea-2", "type": "purchase"},
                     {"user": "002", "item": "tea-2", "type": "purchase"}]})";
  EXPECT_EQ(ask("POST", "/v1/events", batch).status, 200);
  const HttpResponse late = ask("POST", "/v1/events", batch);
  EXPECT_EQ(late.status, 429);
  EXPECT_EQ(late.content_type, "application/problem+json");
  EXPECT_EQ(late.headers.at(0), std::make_pair(std::string("Retry-After"), std::string("200")));
  EXPECT_EQ(recommender_->user("002")->history, 7u) << "nothing of a late batch is stored";
  EXPECT_EQ(ask("GET", "/v1/recommendations?user=002").status, 200);
  EXPECT_EQ(ask("GET", "/v1/segments").status, 200);
  EXPECT_EQ(ask("GET", "/v1/segments").headers.at(0).second, "100");
  EXPECT_EQ(ask("GET", "/health/ready").status, 200) << "what is open to all has no limit";
  const std::string counts = metrics_->text();
  EXPECT_THAT(counts, HasSubstr("sartor_rate_limited_total{limit=\"events\"} 1\n"));
  EXPECT_THAT(counts, HasSubstr("sartor_rate_limited_total{limit=\"requests\"} 1\n"));
}

TEST_F(EventsApi, EachKeyHasItsOwnLimit) {
  auto keys = ApiKeys::open(folder_);
  ASSERT_TRUE(keys) << keys.error().message;
  const std::string one = *keys->create({"recommend"}, "", 1);
  const std::string two = *keys->create({"recommend"}, "", 1);
  keys_ = std::make_shared<const ApiKeys>(std::move(*keys));
  limits_ = std::make_shared<ClientLimits>(
      RateSettings{.requests_per_second = 0.01, .request_burst = 2}, metrics_);
  start();
  const auto status = [&](const std::string& key) {
    return ask("GET", "/v1/segments", "", key).status;
  };
  EXPECT_EQ(status(one), 200);
  EXPECT_EQ(status(one), 200);
  EXPECT_EQ(status(one), 429);
  EXPECT_EQ(status(two), 200);
  EXPECT_EQ(status("guess"), 401);
  EXPECT_EQ(status("guess 2"), 401);
  EXPECT_EQ(status("guess 3"), 429) << "guessing counts for the address";
}

TEST_F(EventsApi, KeysOpenTheRoutesOfTheirScopes) {
  auto keys = ApiKeys::open(folder_);
  ASSERT_TRUE(keys) << keys.error().message;
  const std::string ingest = *keys->create({"ingest"}, "", 1);
  const std::string recommend = *keys->create({"recommend"}, "", 1);
  const std::string admin = *keys->create({"admin"}, "", 1);
  keys_ = std::make_shared<const ApiKeys>(std::move(*keys));
  start();
  const std::string batch = "{\"events\": [" + tea_ + "]}";
  const auto none = ask("POST", "/v1/events", batch);
  EXPECT_EQ(none.status, 401);
  EXPECT_EQ(none.headers.at(0).first, "WWW-Authenticate");
  EXPECT_EQ(ask("POST", "/v1/events", batch, ingest + "0").status, 401);
  EXPECT_EQ(ask("POST", "/v1/events", batch, recommend).status, 403);
  EXPECT_EQ(ask("POST", "/v1/events", batch, ingest).status, 200);
  EXPECT_EQ(ask("GET", "/v1/recommendations?user=002", "", ingest).status, 403);
  EXPECT_EQ(ask("GET", "/v1/recommendations?user=002", "", recommend).status, 200);
  EXPECT_EQ(ask("GET", "/metrics", "", recommend).status, 403);
  EXPECT_EQ(ask("POST", "/v1/models/rollback", "", recommend).status, 403);
  for (const char* path : {"/v1/users/002", "/v1/segments", "/metrics", "/", "/report"}) {
    EXPECT_EQ(ask("GET", path).status, 401) << path;
    EXPECT_EQ(ask("GET", path, "", admin).status, 200) << path;
  }
  for (const char* path : {"/health/live", "/health/ready", "/openapi.json", "/docs"}) {
    EXPECT_EQ(ask("GET", path).status, 200) << path;
  }
}

}  // namespace
}  // namespace sartor
