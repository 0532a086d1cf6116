#include "sartor/serving/live_users.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "sartor/base/test_place.h"
#include "sartor/base/text.h"
#include "sartor/data/signal.h"
#include "sartor/serving/service.h"
#include "sartor/serving/test_bundle.h"
#include "sartor/serving/visitor.h"

namespace sartor {
namespace {

using testing::Contains;
using testing::Not;

constexpr Time kAsOf = 100 * kDay;  // of the test bundle

StoredEvent event_of(std::uint64_t number, const std::string& user, const std::string& item,
                     Time time, const std::string& type = "purchase") {
  return {number,
          {.event_id = "e" + std::to_string(number),
           .user = user,
           .item = item,
           .time = time,
           .type = type}};
}

class Live : public testing::Test {
 protected:
  void SetUp() override {
    const Status written = write_test_bundle(folder_);
    ASSERT_TRUE(written) << written.error().message;
    recommender_ = open();
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::shared_ptr<Recommender> open() const {
    auto recommender = Recommender::open(folder_);
    EXPECT_TRUE(recommender) << recommender.error().message;
    return recommender ? *recommender : nullptr;
  }
  void learn(const std::vector<StoredEvent>& events) const {
    const Status learned = recommender_->learn(events);
    EXPECT_TRUE(learned) << learned.error().message;
  }
  RecommendAnswer ask(const std::string& user, int k = 20) const {
    auto answer = recommender_->recommend({.user = user, .k = k});
    EXPECT_TRUE(answer) << answer.error().message;
    return *answer;
  }
  static std::vector<std::string> names(const RecommendAnswer& answer) {
    std::vector<std::string> out;
    for (const RecommendedItem& item : answer.items) out.push_back(item.item);
    return out;
  }
  const std::string folder_ = test_place("live_bundle");
  std::shared_ptr<Recommender> recommender_;
};

TEST_F(Live, APurchaseChangesTheSameUsersNextListAndNobodyElses) {
  const auto before = names(ask("002"));
  const auto other = names(ask("004"));
  EXPECT_THAT(before, Contains("tea-2"));  // their favourite, not yet taken
  learn({event_of(1, "002", "tea-2", kAsOf + kDay)});
  EXPECT_THAT(names(ask("002")), Not(Contains("tea-2")));
  EXPECT_THAT(names(ask("004")), testing::UnorderedElementsAreArray(other)) << "but for places";
  recommender_->follow_stream(false);
  EXPECT_EQ(names(ask("004")), other);
  const auto user = recommender_->user("002");
  EXPECT_EQ(user->history, 6u);
  EXPECT_EQ(user->latest.front(), (std::pair<std::string, Time>{"tea-2", kAsOf + kDay}));
}

// What a server holds after some events is what one started later reads from the log.
TEST_F(Live, TheOrderOfArrivalDoesNotMatter) {
  const std::vector<StoredEvent> events = {event_of(1, "visitor", "tea-1", kAsOf + 3),
                                           event_of(2, "visitor", "coffee-1", kAsOf + 1),
                                           event_of(3, "visitor", "tea-2", kAsOf + 3)};
  learn({events[2]});
  learn({events[0], events[1]});
  const auto again = open();
  ASSERT_TRUE(again->learn(events));
  EXPECT_EQ(answer_json(ask("visitor")),
            answer_json(*again->recommend({.user = "visitor", .k = 20})));
}

TEST_F(Live, SomebodyNeverSeenHasAHistoryAndASegmentAtOnce) {
  EXPECT_EQ(ask("visitor").segment, "newcomers");
  EXPECT_EQ(recommender_->user("visitor").error().code, ErrorCode::not_found);
  std::vector<StoredEvent> events;
  for (int i = 0; i < 4; ++i) {
    events.push_back(event_of(static_cast<std::uint64_t>(i) + 1, "visitor",
                              "tea-" + std::to_string(i), kAsOf + i * kDay));
  }
  learn({events[0]});
  EXPECT_EQ(ask("visitor").segment, "everyone else");
  learn({events[1], events[2], events[3]});
  const auto answer = ask("visitor");
  EXPECT_EQ(answer.segment, "loyal");  // events >= 4
  EXPECT_EQ(answer.items.front().item.substr(0, 4), "tea-");
  EXPECT_THAT(names(answer), Not(Contains("tea-0")));
  EXPECT_EQ(recommender_->user("visitor")->history, 4u);
}

TEST_F(Live, AKnownUserWithoutEventsIsPlacedByTheNewOnes) {
  EXPECT_EQ(ask("new").segment, "newcomers");
  learn({event_of(1, "new", "tea-1", kAsOf)});
  EXPECT_EQ(ask("new").segment, "everyone else");
}

TEST_F(Live, ContextIsTheLatestKnown) {
  StoredEvent event = event_of(1, "002", "tea-2", kAsOf + 2, "view");
  event.event.context = {{"device", "tablet"}};
  learn({event});
  EXPECT_EQ(ask("002").segment, "tablets");
  event = event_of(2, "002", "tea-2", kAsOf + 1);  // earlier, but heard of later
  event.event.context = {{"device", "phone"}};
  learn({event});
  EXPECT_EQ(ask("002").segment, "tablets");
  EXPECT_EQ(recommender_->recommend({.user = "002", .context = {{"device", "phone"}}})->segment,
            "loyal");
}

TEST_F(Live, ContextOfTheHistoryKeepsStep) {
  const auto bundle = load_bundle(folder_);
  ASSERT_TRUE(bundle);
  LiveUsers live(**bundle);
  StoredEvent event = event_of(1, "002", "tea-2", 45 * kDay);  // among the older ones
  event.event.context = {{"device", "tablet"}};
  ASSERT_TRUE(live.learn({&event, 1}));
  const auto visitor = visitor_of(**bundle, {.user = "002"}, live.of("002").get());
  ASSERT_TRUE(visitor);
  ASSERT_EQ(visitor->history.size(), 6u);
  for (std::size_t i = 0; i + 1 < 6; ++i) {
    EXPECT_LE(visitor->history[i].time, visitor->history[i + 1].time);
  }
  EXPECT_EQ(visitor->context, (std::vector<std::uint32_t>{0, 1, 0, 0, 0, 0}));
  EXPECT_EQ(visitor->as_of, kAsOf);
}

// As text, so that missing values compare.
std::map<std::string, std::string> values_of(const Table& row) {
  std::map<std::string, std::string> values;
  for (const Column& column : row.columns) {
    const bool missing = column.is_text && column.codes[0] == Column::kMissing;
    values[column.name] = missing          ? "missing"
                          : column.is_text ? column.words[column.codes[0]]
                                           : shortest(column.numbers[0]);
  }
  return values;
}

// Whoever does live what a user of the bundle did has the features that the run gave that user.
TEST_F(Live, FeaturesAreThoseOfARunOverTheSameEvents) {
  ASSERT_TRUE(write_test_bundle(
      folder_,
      {.features = {.normalise_conversion = "item",
                    .sql = {{"teas_40d",
                             "count(*) FILTER (WHERE category = 'tea' AND days_ago <= 40)"},
                            {"last_item", "last(item)"},
                            {"spent", "sum(value) / count(DISTINCT \"group\")"},
                            {"since", "min(time)"},
                            {"dear", "max(price_level)"},
                            {"phones", "avg(context.device = 'phone')"}}},
       .request = {.normalise_ctr = "item", .names = {"interest", "device", "weekday"}}}));
  const auto bundle = load_bundle(folder_);
  ASSERT_TRUE(bundle) << bundle.error().message;
  const std::uint32_t known = (*bundle)->catalogue.users().find("002");
  LiveUsers live(**bundle);
  std::uint64_t number = 0;
  for (const Interaction& row : (*bundle)->catalogue.history_of(UserId{known})) {
    StoredEvent event = event_of(++number, "visitor",
                                 (*bundle)->catalogue.items().name(row.item.index()), row.time);
    event.event.value = 1;
    event.event.group = "g" + std::to_string(number);
    event.event.context = {{"device", "phone"}};
    ASSERT_TRUE(live.learn({&event, 1}));
  }
  const auto visitor = visitor_of(**bundle, {.user = "visitor"}, live.of("visitor").get());
  ASSERT_TRUE(visitor) << visitor.error().message;
  const auto expected = values_of(one_row((*bundle)->catalogue.user_features(), known));
  EXPECT_EQ(values_of(visitor->features), expected);
  EXPECT_EQ(expected.at("teas_40d"), "3");
  EXPECT_EQ(expected.at("last_item"), "tea-5");
  EXPECT_EQ(expected.at("interest.tea"), "1");
}

TEST_F(Live, ItemsNeverSeenAreTakenAndNotListed) {
  learn({event_of(1, "002", "nothing like it", kAsOf + 1),
         event_of(2, "visitor", "nothing like it", kAsOf + 1)});
  EXPECT_THAT(names(ask("002")), Not(Contains("nothing like it")));
  EXPECT_EQ(recommender_->user("002")->history, 5u);
  EXPECT_EQ(recommender_->user("visitor")->history, 0u);
  EXPECT_EQ(ask("visitor").segment, "everyone else") << "one event, of whatever";
}

TEST_F(Live, SafeFromSeveralThreads) {
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < 50; ++i) {
        const StoredEvent event =
            event_of(t * 1000 + i + 1, "visitor", "tea-1", kAsOf + static_cast<Time>(i));
        EXPECT_TRUE(recommender_->learn({&event, 1}));
        EXPECT_TRUE(recommender_->recommend({.user = "visitor"}));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(recommender_->user("visitor")->history, 200u);
}

// Both ways give what a run gives.
TEST(LiveSignalTest, IsTheSignalOfARun) {
  const std::vector<Column> context = {{.name = "device", .is_text = true}, {.name = "hour"}};
  std::vector<StoredEvent> events = {event_of(1, "u", "i", 0), event_of(2, "u", "i", kDay, "click"),
                                     event_of(3, "v", "j", 0)};
  events[0].event.value = 2;
  events[1].event.dwell_seconds = 30;
  events[2].event.context = {{"device", "tablet"}, {"hour", "7"}};
  const auto weights = [&](const std::string& positive, const std::string& weight) {
    const auto got = LiveSignal(positive, weight, context).weights(events);
    EXPECT_TRUE(got) << got.error().message;
    return got ? *got : std::vector<float>();
  };
  using Weights = std::vector<float>;
  EXPECT_EQ(weights("true", "1"), (Weights{1, 1, 1}));
  EXPECT_EQ(weights("type = 'purchase'", "coalesce(value, 0.5)"), (Weights{2, 0, 0.5f}));
  EXPECT_EQ(weights("dwell_seconds >= 10", "1"), (Weights{0, 1, 0}));
  EXPECT_EQ(weights("context.device = 'tablet' AND context.hour < 8", "1"), (Weights{0, 0, 1}));
  EXPECT_EQ(weights("value > 0", "-1"), (Weights{0, 0, 0}));
  // What only DuckDB can say: a time, a regular expression.
  EXPECT_EQ(weights("\"time\" >= TIMESTAMP '1970-01-02'", "1"), (Weights{0, 1, 0}));
  EXPECT_EQ(weights("regexp_matches(\"user\", '^v')", "1"), (Weights{0, 0, 1}));
  EXPECT_FALSE(LiveSignal("context.nothing = 'x'", "1", context).weights(events));
}

}  // namespace
}  // namespace sartor
