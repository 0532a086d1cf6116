#include "sartor/serving/live_taken.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "sartor/base/test_place.h"
#include "sartor/models/decay.h"
#include "sartor/serving/service.h"
#include "sartor/serving/test_bundle.h"

namespace sartor {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;

constexpr Time kMade = 100 * kDay;  // the test bundle's moment

class Stream : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(write_test_bundle(folder_));
    recommender_ = *Recommender::open(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  StoredEvent event(const std::string& user, const std::string& item, Time time) {
    ++number_;
    return {number_,
            {.event_id = std::to_string(number_),
             .user = user,
             .item = item,
             .time = time,
             .type = "purchase"}};
  }
  void learn(const std::string& user, const std::string& item, Time time) {
    const StoredEvent one = event(user, item, time);
    ASSERT_TRUE(recommender_->learn({&one, 1}));
  }
  std::vector<std::string> list(const std::string& user, int k = 20) const {
    const auto answer = recommender_->recommend({.user = user, .k = k});
    EXPECT_TRUE(answer) << answer.error().message;
    std::vector<std::string> out;
    for (const RecommendedItem& item : answer->items) out.push_back(item.item);
    return out;
  }
  std::vector<std::string> similar(const std::string& item, int k = 20) const {
    const auto answer = recommender_->similar_items(item, k);
    std::vector<std::string> out;
    if (!answer) return {answer.error().message};
    for (const RecommendedItem& one : answer->items) out.push_back(one.item);
    return out;
  }

  const std::string folder_ = test_place("live_taken");
  std::shared_ptr<Recommender> recommender_;
  std::uint64_t number_ = 0;
};

// By hand: 3 as of the bundle, half-life 2 days, taken twice 4 days later: 3 / 4 + 2.
TEST_F(Stream, DecaysWhatWasAndAddsWhatIs) {
  const auto bundle = load_bundle(folder_);
  ASSERT_TRUE(bundle);
  LiveTaken taken(**bundle);
  const std::uint32_t tea = (*bundle)->catalogue.items().find("tea-0");
  std::vector<float> scores((*bundle)->catalogue.items().size(), 3.0f);
  const auto as_of_now = [&](double half_life) {
    std::vector<float> now = scores;
    taken.bring_up_to_date(half_life, now);
    return std::pair(now[tea], now[0]);
  };
  EXPECT_EQ(as_of_now(2), std::pair(3.0f, 3.0f)) << "nothing was taken";
  const std::vector<StoredEvent> events = {event("a", "tea-0", kMade + 4 * kDay),
                                           event("b", "tea-0", kMade + 4 * kDay),
                                           event("c", "tea-0", kMade + 4 * kDay)};
  taken.learn(events, std::vector<float>{1, 1, 0});
  EXPECT_EQ(as_of_now(2), std::pair(2.75f, 0.75f));
  EXPECT_EQ(as_of_now(kNoDecayDays), std::pair(5.0f, 3.0f));
  const StoredEvent late = event("d", "tea-0", kMade + 2 * kDay);
  taken.learn({&late, 1}, std::vector<float>{4});
  EXPECT_EQ(as_of_now(2), std::pair(4.75f, 0.75f)) << "4 / 2 more, after the sums were made";
  LiveTaken again(**bundle);
  again.learn({&late, 1}, std::vector<float>{4});
  again.learn(events, std::vector<float>{1, 1, 0});
  std::vector<float> now = scores;
  again.bring_up_to_date(2, now);
  EXPECT_EQ(now[tea], 4.75f) << "in whatever order";
  const StoredEvent years = event("e", "tea-1", kMade + 3000 * kDay);
  again.learn({&years, 1}, std::vector<float>{1});
  again.bring_up_to_date(0.25, now);
  for (const float score : now) EXPECT_TRUE(std::isfinite(score));
}

TEST_F(Stream, WhatEverybodyTakesNowIsPopularAtOnce) {
  const auto before = list("a stranger");
  ASSERT_EQ(before.size(), 12u);
  const std::string last = before.back();
  std::vector<double> milliseconds;
  std::size_t place = before.size() - 1;
  for (int n = 0; n < 60; ++n) {
    const auto start = std::chrono::steady_clock::now();
    learn("buyer-" + std::to_string(n), last, kMade + n * kHour / 60);
    const auto now = list("a stranger");
    milliseconds.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
            .count());
    const auto at = std::find(now.begin(), now.end(), last) - now.begin();
    EXPECT_LE(static_cast<std::size_t>(at), place) << "it only rises";
    place = static_cast<std::size_t>(at);
  }
  EXPECT_EQ(place, 0u);
  std::sort(milliseconds.begin(), milliseconds.end());
  if (!kSanitized) {
    EXPECT_LT(milliseconds[30], 50) << "from an event to the next list";
  }
  recommender_->follow_stream(false);
  EXPECT_EQ(list("a stranger"), before);
}

TEST_F(Stream, AnItemThatTheBundleDoesNotKnowIsListedOnceThreeTookIt) {
  const auto before = list("a stranger");
  for (int n = 0; n < 50; ++n) learn("one and the same", "novelty", kMade + kHour);
  learn("another", "novelty", kMade + kHour);
  EXPECT_EQ(list("a stranger"), before) << "two users took it";
  learn("a third", "novelty", kMade + kHour);
  auto now = list("a stranger");
  EXPECT_EQ(now.front(), "novelty") << "nobody took anything as often in the last weeks";
  now.erase(now.begin());
  EXPECT_EQ(now, before);
  EXPECT_EQ(list("002", 1), std::vector<std::string>{"novelty"});
  EXPECT_EQ(list("a stranger", 3).size(), 3u);
  EXPECT_THAT(list("a third"), Not(Contains("novelty"))) << "taken already";
  learn("002", "novelty", kMade + kHour);
  EXPECT_THAT(list("002"), Not(Contains("novelty")));
  const auto without = recommender_->recommend({.user = "004", .k = 20, .exclude = {"novelty"}});
  for (const RecommendedItem& item : without->items) EXPECT_NE(item.item, "novelty");
  const auto answer = recommender_->recommend({.user = "004", .k = 20});
  for (std::size_t i = 0; i + 1 < answer->items.size(); ++i) {
    EXPECT_GE(answer->items[i].score, answer->items[i + 1].score);
  }
}

// Popularity as of the bundle is some tenths per item: users took them months ago.
TEST_F(Stream, ANewItemStandsWhereItsPopularityPutsIt) {
  for (int n = 0; n < 3; ++n) learn("n" + std::to_string(n), "rare", kMade);
  for (int i = 0; i < 6; ++i) {
    for (int n = 0; n < 5; ++n) {
      learn("x" + std::to_string(n), "tea-" + std::to_string(i), kMade);
      learn("y" + std::to_string(n), "coffee-" + std::to_string(i), kMade);
    }
  }
  EXPECT_EQ(list("a stranger").back(), "rare") << "twelve items were taken five times";
  EXPECT_THAT(list("a stranger", 12), Not(Contains("rare")));
}

TEST_F(Stream, WhatIsTakenTogetherIsSimilarAtOnce) {
  const auto before = similar("tea-0");
  EXPECT_THAT(before, Not(Contains("coffee-0")));
  EXPECT_EQ(similar("novelty"), std::vector<std::string>{"no item 'novelty'"});
  for (int n = 0; n < 40; ++n) {
    const std::string user = "u" + std::to_string(n);
    learn(user, "tea-0", kMade + n * kHour);
    learn(user, "coffee-0", kMade + n * kHour + kHour / 2);
    learn(user, "novelty", kMade + n * kHour + kHour);
    learn(user, "tea-0", kMade + n * kHour + 30 * kHour);  // a day later: with nothing
  }
  auto now = similar("tea-0");
  EXPECT_THAT(std::vector<std::string>(now.begin(), now.begin() + 2),
              testing::UnorderedElementsAre("coffee-0", "novelty"));
  EXPECT_EQ(now.size(), before.size() + 2) << "what the model knows is still there";
  EXPECT_EQ(similar("novelty"), (std::vector<std::string>{"coffee-0", "tea-0"}));
  EXPECT_EQ(similar("tea-0", 1).size(), 1u);
  recommender_->follow_stream(false);
  EXPECT_EQ(similar("tea-0"), before);
}

TEST_F(Stream, WhatIsTakenAfterAnErasureGoesWithNothingBeforeIt) {
  const auto bundle = load_bundle(folder_);
  ASSERT_TRUE(bundle);
  const std::vector<float> weight = {1};
  for (const bool erased : {false, true}) {
    LiveTaken taken(**bundle);
    const StoredEvent before = event("u", "tea-0", kMade + kHour);
    const StoredEvent after = event("u", "tea-1", kMade + 2 * kHour);
    taken.learn({&before, 1}, weight);
    if (erased) taken.forget("u");
    taken.learn({&after, 1}, weight);
    EXPECT_EQ(taken.taken_with("tea-0").contains("tea-1"), !erased);
  }
}

TEST_F(Stream, ASingleTakeChangesSimilarItemsALittle) {
  const auto before = similar("tea-0");
  learn("u", "tea-0", kMade);
  learn("u", "coffee-3", kMade + 1);
  const auto now = recommender_->similar_items("tea-0", 20);
  ASSERT_TRUE(now);
  EXPECT_EQ(now->items.back().item, "coffee-3");
  EXPECT_NEAR(now->items.back().score, 1.0 / 21, 1e-6);
  EXPECT_NEAR(now->items.front().score, 20.0 / 21, 1e-6);
  EXPECT_EQ(now->model, "item_knn");
}

}  // namespace
}  // namespace sartor
