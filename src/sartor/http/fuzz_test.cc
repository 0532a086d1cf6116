// Requests that nobody meant: good ones, cut, doubled, spliced and with bytes changed. Whatever
// comes in, the answer is one of the documented statuses with a readable body, and the sanitizers
// have nothing to say. SARTOR_FUZZ_RUNS is how many are tried.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "sartor/base/random.h"
#include "sartor/base/test_place.h"
#include "sartor/base/text.h"
#include "sartor/http/api.h"
#include "sartor/serving/test_bundle.h"

namespace sartor {
namespace {

struct Asked {
  std::string method;
  std::string target;
  std::string body;
};

const std::vector<Asked>& good_requests() {
  static const std::vector<Asked> kGood = {
      {"GET", "/v1/recommendations?user=002&k=3&context.device=tablet&exclude=tea-1,tea-2", ""},
      {"GET", "/v1/recommendations?history=tea-0,coffee-3&k=1000", ""},
      {"POST", "/v1/recommendations",
       R"({"user": "002", "k": 3, "history": ["tea-0"], "context": {"device": "tablet"}})"},
      {"GET", "/v1/recommendations?user=003&filter.category=tea&pins=tea-5&seen=include", ""},
      {"POST", "/v1/recommendations",
       R"({"filter": {"category": ["tea"], "price": {"min": 1, "max": 12.5}, "not": {"tags":)"
       R"( {"has": ["black"]}}}, "pins": ["tea-3", {"item": "late", "position": 2}], "boosts":)"
       R"( [{"where": {"price": 3}, "add": 1.5}], "diversity": {"by": "tags", "most": 2}})"},
      {"POST", "/v1/events",
       R"({"events": [{"event_id": "e1", "user": "002", "item": "tea-1", "type": "purchase",)"
       R"( "time": "2011-12-09T10:00:00Z", "value": 15.3, "dwell_seconds": null}]})"},
      {"GET", "/v1/similar-items?item=tea-0&k=5", ""},
      {"GET", "/v1/users/002", ""},
      {"GET", "/v1/users/002/export", ""},
      {"DELETE", "/v1/users/002", ""},
      {"GET", "/v1/segments", ""},
      {"GET", "/v1/models", ""},
      {"POST", "/v1/models/rollback", ""},
      {"POST", "/v1/segments/loyal/breaker", R"({"state": "closed"})"},
      {"GET", "/v1/runs", ""},
      {"GET", "/health/ready", ""},
      {"GET", "/openapi.json", ""}};
  return kGood;
}

std::string any_text(const Asked& asked, Random& random) {
  return random.below(2) == 0 ? asked.target : asked.body;
}

// One to four small accidents.
void spoil(std::string& text, Random& random) {
  static const std::string kWords[] = {"%", "%00",  "%zz",   "..", "/",   "\"",   "{",
                                       "[", "null", "1e999", "-1", "\\u", "\xff", "\n",
                                       "&", "=",    "'; --", "é",  "😀",   ","};
  for (std::size_t n = 1 + random.below(4); n > 0; --n) {
    const std::size_t at = random.below(text.size() + 1);
    switch (random.below(5)) {
      case 0:
        text.insert(at, kWords[random.below(std::size(kWords))]);
        break;
      case 1:
        text.erase(at, 1 + random.below(8));
        break;
      case 2:
        text.resize(at);
        break;
      case 3:
        text.insert(at, text.substr(random.below(text.size() + 1), 40));
        break;
      default:
        if (at < text.size()) text[at] = static_cast<char>(random.bits());
    }
  }
}

Asked unmeant(Random& random) {
  const auto& good = good_requests();
  Asked asked = good[random.below(good.size())];
  switch (random.below(4)) {
    case 0:
      spoil(asked.target, random);
      break;
    case 1:
      spoil(asked.body, random);
      break;
    case 2:
      asked.body = any_text(good[random.below(good.size())], random);
      break;
    default:
      spoil(asked.target, random);
      spoil(asked.body, random);
  }
  return asked;
}

TEST(Fuzz, EveryRequestGetsADocumentedAnswer) {
  const std::string folder = test_place("fuzz_bundle");
  ASSERT_TRUE(write_test_bundle(folder));
  const auto recommender = Recommender::open(folder);
  ASSERT_TRUE(recommender) << recommender.error().message;
  const auto api = make_api(std::make_shared<LiveBundle>(*recommender), "1.2.3",
                            std::make_shared<HttpMetrics>());
  const char* wanted = std::getenv("SARTOR_FUZZ_RUNS");
  const long runs = wanted != nullptr ? std::atol(wanted) : kSanitized ? 1500 : 5000;
  const std::set<int> documented = {200, 304, 400, 403, 404, 405, 409, 413, 415, 422, 503};
  std::set<int> met;
  for (long run = 0; run < runs; ++run) {
    Random random = Random::stream(1, static_cast<std::uint64_t>(run));
    const Asked asked = unmeant(random);
    HttpRequest request{.method = asked.method};
    if (!parse_target(asked.target, request)) {
      met.insert(400);
      continue;
    }
    request.headers["content-type"] = "application/json";
    request.body = asked.body;
    const HttpResponse response = api->handle(request);
    const std::string said = printable(asked.method + " " + asked.target + " " + asked.body, 300);
    ASSERT_TRUE(documented.count(response.status)) << response.status << " for " << said;
    if (response.content_type.find("json") != std::string::npos) {
      ASSERT_TRUE(is_utf8(response.body)) << said;
      ASSERT_FALSE(Json::parse(response.body, nullptr, false).is_discarded()) << said;
    }
    met.insert(response.status);
  }
  for (const int status : {200, 400, 404, 422}) EXPECT_TRUE(met.count(status)) << status;
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace sartor
