#include "sartor/data/guess.h"

#include <fmt/core.h>
#include <gmock/gmock.h>

#include "sartor/base/config_node.h"
#include "sartor/base/test_place.h"
#include "sartor/data/split.h"
#include "sartor/data/test_files.h"

namespace sartor {
namespace {

using testing::HasSubstr;

const std::string kShared = std::string(kSourceDir) + "/../shared/data/";

// The data part of a written sartor.toml.
DataSettings settings_of(const std::string& toml) {
  DataSettings settings;
  auto root = parse_toml(toml, "sartor.toml");
  EXPECT_TRUE(root.has_value()) << root.error().message << "\n" << toml;
  if (!root) return settings;
  const auto read = [&](const char* key, auto& out) {
    const ConfigNode* node = root->find(key);
    if (node == nullptr) return;
    const Status status = read_config(*node, out, key);
    EXPECT_TRUE(status.has_value()) << status.error().message;
  };
  read("events", settings.events);
  read("users", settings.users);
  read("items", settings.items);
  read("signal", settings.signal);
  settings.data.now = "2023-01-01";
  return settings;
}

struct Tried {
  Guess guess;
  DataSettings settings;
  IngestReport report;
};

// Guesses, then reads the files as guessed and splits them.
Tried try_guess(const GuessRequest& request) {
  Tried tried;
  auto guess = guess_config(request, {.threads = 2});
  EXPECT_TRUE(guess.has_value()) << guess.error().message;
  if (!guess) return tried;
  tried.guess = *guess;
  tried.settings = settings_of(guess->toml);
  const auto data = ingest(tried.settings, request.folder, {.threads = 2}, tried.report);
  EXPECT_TRUE(data.has_value()) << data.error().message << "\n" << guess->toml;
  if (data && !tried.settings.events.front().untimed) {
    const auto split = make_split(interaction_log(*data), {});
    EXPECT_TRUE(split.has_value()) << split.error().message;
  }
  return tried;
}

TEST(Guess, MapsByNamesAndValues) {
  const TestFolder folder;
  std::string text = "session_id,customer-id,SKU,ts,event_type,device,qty,unit_price\n";
  for (int i = 0; i < 400; ++i) {
    text += fmt::format("s{},c{},p{},{},{},{},{},2.5\n", i / 4, i % 40, i % 30,
                        1609459200000LL + i * 3'600'000LL, i % 3 == 0 ? "purchase" : "view",
                        i % 2 == 0 ? "phone" : "tablet", i % 50 == 0 ? -1 : 2);
  }
  folder.write("log.csv", text);
  folder.write("people.csv", "customer-id,age\nc1,20\nc2,30\n");
  folder.write("goods.csv", "sku,title,category,price\np1,A,x,2\np2,B,x,3\np3,C,y,4\n");
  const auto tried = try_guess({.name = "test \"shop\"",
                                .events = {"log.csv"},
                                .users = {"people.csv"},
                                .items = {"goods.csv"},
                                .folder = folder.path()});
  ASSERT_EQ(tried.settings.events.size(), 1U);
  const EventSource& events = tried.settings.events[0];
  EXPECT_EQ(events.user, "\"customer-id\"");
  EXPECT_EQ(events.item, "SKU");
  EXPECT_EQ(events.time, "epoch_ms(ts)");
  EXPECT_EQ(events.type, "event_type");
  EXPECT_EQ(events.value, "qty * unit_price");
  EXPECT_EQ(events.group, "session_id");
  EXPECT_EQ(events.context.at("device"), "device");
  EXPECT_EQ(tried.settings.signal.positive, "type = 'purchase'");
  EXPECT_EQ(tried.settings.users.at(0).user, "\"customer-id\"");
  EXPECT_EQ(tried.settings.items.at(0).text, "title");
  EXPECT_EQ(tried.settings.items.at(0).category, "category");
  EXPECT_EQ(tried.settings.items.at(0).price, "price");
  EXPECT_THAT(tried.guess.toml, HasSubstr("returns or corrections"));
  EXPECT_EQ(tried.report.events, 400U);
}

TEST(Guess, ReadsDatesInOtherWritingsAndRatings) {
  const TestFolder folder;
  std::string text = "reviewer,movie,date,rating\n";
  for (int i = 0; i < 300; ++i) {
    text += fmt::format("r{},m{},{:02}.{:02}.2021,{}\n", i % 20, i % 33, 1 + i % 28, 1 + i % 12,
                        1 + i % 5);
  }
  folder.write("ratings.csv", text);
  const auto tried = try_guess({.events = {"ratings.csv"}, .folder = folder.path()});
  ASSERT_EQ(tried.settings.events.size(), 1U);
  EXPECT_EQ(tried.settings.events[0].time, "strptime(date, '%d.%m.%Y')");
  EXPECT_EQ(tried.settings.signal.positive, "value >= 4");
}

// Well-known sets in a few lines each.
std::string lines(int n, const std::function<std::string(int)>& line) {
  std::string text;
  for (int i = 0; i < n; ++i) text += line(i) + "\n";
  return text;
}

TEST(Guess, MovieLens100K) {
  const TestFolder folder;
  folder.write("u.data", lines(300, [](int i) {
                 return fmt::format("{}\t{}\t{}\t{}", 1 + i % 20, 1 + i % 33, 1 + i % 5,
                                    881250949 + i * 9000);
               }));
  folder.write("u.user", "1|24|M|technician|85711\n2|53|F|other|94043\n");
  const std::string genres = "|0|0|0|1|1|1|0|0|0|0|0|0|0|0|0|0|0|0|0\n";
  folder.write("u.item", "1|Toy \"Story (1995)|01-Jan-1995||http://x" + genres +
                             "2|Mis\xe9rables (1995)|01-Jan-1995||http://y" + genres);
  const auto tried = try_guess(
      {.events = {"u.data"}, .users = {"u.user"}, .items = {"u.item"}, .folder = folder.path()});
  const EventSource& events = tried.settings.events.at(0);
  EXPECT_EQ(events.user, "user_id");
  EXPECT_EQ(events.time, "to_timestamp(\"timestamp\")");
  EXPECT_EQ(tried.settings.signal.positive, "value >= 4");
  EXPECT_EQ(tried.settings.items.at(0).text, "title");
  EXPECT_EQ(tried.report.events, 300U);
  EXPECT_EQ(tried.report.quarantined, 0U);
}

TEST(Guess, MovieLens1M) {
  const TestFolder folder;
  folder.write("ratings.dat", lines(300, [](int i) {
                 return fmt::format("{}::{}::{}::{}", 1 + i % 20, 1 + i % 33, 1 + i % 5,
                                    978300760 + i * 9000);
               }));
  folder.write("movies.dat",
               "1::Toy Story (1995)::Animation|Comedy\n2::Un \"air\" (1997)::Drama\n"
               "3::\"Un\" air (1997)::Drama\n");
  const auto tried =
      try_guess({.events = {"ratings.dat"}, .items = {"movies.dat"}, .folder = folder.path()});
  EXPECT_EQ(tried.settings.events.at(0).delimiter, "::");
  EXPECT_EQ(tried.settings.events.at(0).item, "item_id");
  EXPECT_EQ(tried.settings.items.at(0).category, "genres");
  EXPECT_EQ(tried.report.events, 300U);
  EXPECT_EQ(tried.report.quarantined, 0U);
}

TEST(Guess, RecBoleAtomicFiles) {
  const TestFolder folder;
  folder.write("ml.inter", "user_id:token\titem_id:token\trating:float\ttimestamp:float\n" +
                               lines(300, [](int i) {
                                 return fmt::format("{}\t{}\t{}\t{}", 1 + i % 20, 1 + i % 33,
                                                    1 + i % 5, 978300760 + i * 9000);
                               }));
  folder.write("ml.item",
               "item_id:token\tmovie_title:token_seq\tclass:token_seq\n"
               "1\tToy Story\tAnimation Comedy\n2\tHeat\tCrime\n");
  const auto tried =
      try_guess({.events = {"ml.inter"}, .items = {"ml.item"}, .folder = folder.path()});
  const EventSource& events = tried.settings.events.at(0);
  EXPECT_EQ(events.user, "\"user_id:token\"");
  EXPECT_EQ(events.item, "\"item_id:token\"");
  EXPECT_EQ(events.value, "\"rating:float\"");
  EXPECT_EQ(tried.settings.signal.positive, "value >= 4");
  EXPECT_EQ(tried.report.events, 300U);
}

TEST(Guess, PersonalizeAndGorse) {
  const TestFolder folder;
  folder.write("interactions.csv",
               "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE\n" + lines(300, [](int i) {
                 return fmt::format("u{},i{},{},{},1.5", i % 20, i % 33, 1609459200 + i * 9000,
                                    i % 3 == 0 ? "Watch" : "Click");
               }));
  folder.write("feedback.jsonl", lines(300, [](int i) {
                 return fmt::format(R"({{"FeedbackType":"{}","UserId":"u{}","ItemId":"i{}",)"
                                    R"("Timestamp":"2021-01-{:02}T00:00:00Z"}})",
                                    i % 3 == 0 ? "like" : "read", i % 20, i % 33, 1 + i % 28);
               }));
  const auto personalize = try_guess({.events = {"interactions.csv"}, .folder = folder.path()});
  EXPECT_EQ(personalize.settings.events.at(0).type, "EVENT_TYPE");
  EXPECT_EQ(personalize.settings.events.at(0).value, "EVENT_VALUE");
  EXPECT_EQ(personalize.settings.signal.positive, "type = 'Click'");
  const auto gorse = try_guess({.events = {"feedback.jsonl"}, .folder = folder.path()});
  EXPECT_EQ(gorse.settings.events.at(0).type, "FeedbackType");
  EXPECT_EQ(gorse.settings.signal.positive, "type = 'like'");
}

TEST(Guess, ListsOfLightGcn) {
  const TestFolder folder;
  folder.write("train.txt", "0 0 1 2\n1 2\n2 \n3 1 0\n");
  const auto tried = try_guess({.events = {"train.txt"}, .folder = folder.path()});
  EXPECT_TRUE(tried.settings.events.at(0).untimed);
  EXPECT_EQ(tried.settings.events.at(0).delimiter, "none");
  EXPECT_EQ(tried.report.events, 6U);
  EXPECT_EQ(tried.report.users, 3U);
  EXPECT_EQ(tried.report.quarantined, 0U);
}

TEST(Guess, SaysWhatItCannotFind) {
  const TestFolder folder;
  folder.write("log.csv", "a,b,c\n1,2,3\n4,5,6\n");
  const auto guess = guess_config({.events = {"log.csv"}, .folder = folder.path()}, {});
  ASSERT_FALSE(guess.has_value());
  EXPECT_EQ(guess.error().code, ErrorCode::config);
  EXPECT_THAT(guess.error().message, HasSubstr("there are a, b, c"));
}

TEST(GuessRealData, OnlineRetail) {
  if (!std::filesystem::exists(kShared + "onlineretail")) GTEST_SKIP() << kShared << " is not here";
  const auto tried = try_guess({.events = {kShared + "onlineretail/onlineretail.csv.gz"}});
  ASSERT_EQ(tried.settings.events.size(), 1U);
  const EventSource& events = tried.settings.events[0];
  EXPECT_EQ(events.user, "CustomerID");
  EXPECT_EQ(events.item, "StockCode");
  EXPECT_EQ(events.time, "InvoiceDate");
  EXPECT_EQ(events.value, "Quantity * UnitPrice");
  EXPECT_EQ(events.group, "InvoiceNo");
  EXPECT_EQ(events.keep, "CustomerID IS NOT NULL");
  EXPECT_EQ(events.context.at("country"), "Country");
  EXPECT_EQ(tried.settings.items.at(0).text, "Description");
  EXPECT_TRUE(tried.settings.signal.repeat);
  EXPECT_EQ(tried.report.quarantined, 0U);
}

TEST(GuessRealData, KuaiRand) {
  if (!std::filesystem::exists(kShared + "kuairand")) GTEST_SKIP() << kShared << " is not here";
  const auto tried = try_guess({.events = {kShared + "kuairand/log_standard_0425_0508.csv.gz",
                                           kShared + "kuairand/user_histories_before_0425.csv.gz"},
                                .users = {kShared + "kuairand/user_features_pure.csv.gz"},
                                .items = {kShared + "kuairand/video_features_basic_pure.csv.gz"}});
  ASSERT_EQ(tried.settings.events.size(), 2U);
  EXPECT_EQ(tried.settings.events[0].user, "user_id");
  EXPECT_EQ(tried.settings.events[0].item, "video_id");
  EXPECT_EQ(tried.settings.events[0].time, "epoch_ms(time_ms)");
  EXPECT_EQ(tried.settings.events[0].dwell_seconds, "play_time_ms / 1000");
  EXPECT_EQ(tried.settings.events[0].context.at("tab"), "tab");
  EXPECT_EQ(tried.settings.events[1].item, "unnest(string_split(watch_seq, ' '))");
  EXPECT_TRUE(tried.settings.events[1].untimed);
  EXPECT_EQ(tried.settings.events[1].type, "'click'");
  EXPECT_EQ(tried.settings.signal.positive, "type = 'click'");
  EXPECT_EQ(tried.settings.items.at(0).category, "tag");
}

TEST(GuessRealData, CompleteJourney) {
  if (!std::filesystem::exists(kShared + "completejourney")) {
    GTEST_SKIP() << kShared << " is not here";
  }
  const auto tried = try_guess({.events = {kShared + "completejourney/transactions_sample.csv.gz"},
                                .users = {kShared + "completejourney/demographics.csv.gz"},
                                .items = {kShared + "completejourney/products.csv.gz"}});
  ASSERT_EQ(tried.settings.events.size(), 1U);
  EXPECT_EQ(tried.settings.events[0].user, "household_id");
  EXPECT_EQ(tried.settings.events[0].item, "product_id");
  EXPECT_EQ(tried.settings.events[0].time, "transaction_timestamp");
  EXPECT_EQ(tried.settings.events[0].value, "sales_value");
  EXPECT_EQ(tried.settings.events[0].group, "basket_id");
  EXPECT_EQ(tried.settings.items.at(0).category, "product_category");
}

}  // namespace
}  // namespace sartor
