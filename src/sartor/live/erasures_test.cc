#include "sartor/live/erasures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "sartor/base/files.h"
#include "sartor/base/test_place.h"
#include "sartor/data/duckdb.h"
#include "sartor/live/event_store.h"
#include "sartor/live/exposure_log.h"
#include "sartor/live/shared_erasures.h"

namespace sartor {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ErasuresTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(workspace_);
    fs::create_directories(workspace_);
  }
  void TearDown() override { fs::remove_all(workspace_); }

  std::unique_ptr<ErasureList> open() const {
    auto list = ErasureList::open(workspace_);
    EXPECT_TRUE(list) << list.error().message;
    return list ? std::move(*list) : nullptr;
  }
  void erase(const std::string& user, std::uint64_t events_before, Time now) const {
    EXPECT_TRUE(open()->add(user, events_before, now));
  }
  std::string events() const { return workspace_ + "/events"; }

  // The users of the log's events, in order.
  std::vector<std::string> users_of_log() const {
    std::vector<std::string> users;
    const auto next = for_each_event(events(), 1, [&](std::span<const StoredEvent> some) -> Status {
      for (const StoredEvent& stored : some) users.push_back(stored.event.user);
      return {};
    });
    EXPECT_TRUE(next) << next.error().message;
    return users;
  }
  std::vector<std::string> users_of_export() const {
    const std::string path = workspace_ + "/export.parquet";
    const auto made = export_events(events(), path, workspace_, {});
    EXPECT_TRUE(made) << made.error().message;
    auto db = DuckDb::open({}, workspace_);
    auto rows = db->query("SELECT \"user\" FROM read_parquet('" + path + "')");
    std::vector<std::string> users;
    while (*rows->next()) {
      for (std::size_t r = 0; r < rows->size(); ++r) users.emplace_back(rows->text(0, r));
    }
    return users;
  }
  // Whether any file of the folder has the bytes.
  static bool anywhere(const std::string& folder, const std::string& bytes) {
    for (const auto& entry : fs::directory_iterator(folder)) {
      const auto text = read_file(entry.path().string());
      if (text && text->find(bytes) != std::string::npos) return true;
    }
    return false;
  }

  const std::string workspace_ = test_place("erasures");
};

TEST_F(ErasuresTest, AreKeptAndDoNotNameAnybody) {
  EXPECT_TRUE(Erasures::read(workspace_)->empty());
  erase("anna", 7, 100);
  erase("bert", 9, 200);
  erase("anna", 12, 300);
  const auto list = Erasures::read(workspace_);
  ASSERT_TRUE(list) << list.error().message;
  EXPECT_EQ(list->size(), 3u);
  EXPECT_EQ(list->of("anna")->number, 2u) << "the last one counts";
  EXPECT_EQ(list->of("bert")->number, 1u);
  EXPECT_EQ(list->of("ann"), nullptr);
  EXPECT_TRUE(list->covers_event("anna", 11));
  EXPECT_FALSE(list->covers_event("anna", 12)) << "she came back";
  EXPECT_TRUE(list->covers_time("bert", 200));
  EXPECT_FALSE(list->covers_time("bert", 201));
  EXPECT_TRUE(list->covers_time("bert", kUntimed));
  EXPECT_FALSE(anywhere(workspace_, "anna"));
  EXPECT_EQ(Erasures::beside(events())->size(), 3u);
  EXPECT_EQ(Erasures::beside(events() + "/")->size(), 3u);
}

TEST_F(ErasuresTest, ADamagedListStopsEverything) {
  for (
      const char* text :
      {"", "{}", "[1]", R"({"salt": "x", "count": 1, "erased": {"0": []}})",
       R"({"salt": "x", "count": 0, "erased": {"0": ["00000000000000000000000000000001", 1, 1]}})"}) {
    ASSERT_TRUE(write_file(workspace_ + "/" + kErasedFile, text));
    const auto list = Erasures::read(workspace_);
    ASSERT_FALSE(list) << text;
    EXPECT_EQ(list.error().code, ErrorCode::bad_data);
    EXPECT_THAT(list.error().message, HasSubstr("erased.json: is damaged"));
    EXPECT_FALSE(for_each_event(events(), 1, [](auto) { return Status(); }));
  }
}

TEST_F(ErasuresTest, EventsAreGoneFromEveryReaderAndThenFromTheFiles) {
  auto store = EventStore::open(events());
  ASSERT_TRUE(store) << store.error().message;
  const auto add = [&](const std::string& user) {
    const LiveEvent event{.user = user, .item = "tea", .time = kDay, .type = "buy"};
    EXPECT_TRUE((*store)->append({&event, 1}));
  };
  add("anna-the-first");
  add("bert");
  ASSERT_TRUE((*store)->seal());
  add("anna-the-first");
  add("bert");
  EXPECT_EQ(users_of_log().size(), 4u);
  erase("anna-the-first", (*store)->next(), kDay);
  add("anna-the-first");
  EXPECT_THAT(users_of_log(), ElementsAre("bert", "bert", "anna-the-first"));
  EXPECT_THAT(users_of_export(), ElementsAre("bert", "bert", "anna-the-first"));
  ASSERT_TRUE((*store)->scrub_now());
  EXPECT_THAT(users_of_log(), ElementsAre("bert", "bert", "anna-the-first"));
  EXPECT_THAT(users_of_export(), ElementsAre("bert", "bert", "anna-the-first"));
  // Without the list, nothing of her first life is there to be hidden.
  fs::remove(workspace_ + "/" + kErasedFile);
  EXPECT_THAT(users_of_log(), ElementsAre("bert", "bert", "anna-the-first"));
  EXPECT_EQ((*store)->next(), 6u);
  add("bert");
  store->reset();
  store = EventStore::open(events());
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_EQ((*store)->next(), 7u) << "numbers go on behind the gaps";
  EXPECT_EQ(users_of_log().size(), 4u);
}

TEST_F(ErasuresTest, AFileOfNothingButAnErasedUserIsEmptyAndWhole) {
  auto store = EventStore::open(events());
  ASSERT_TRUE(store) << store.error().message;
  const LiveEvent event{.user = "anna", .item = "tea", .time = kDay, .type = "buy"};
  ASSERT_TRUE((*store)->append({&event, 1}));
  ASSERT_TRUE((*store)->append({&event, 1}));
  erase("anna", (*store)->next(), kDay);
  ASSERT_TRUE((*store)->scrub_now());
  EXPECT_THAT(users_of_log(), IsEmpty());
  EXPECT_THAT(users_of_export(), IsEmpty());
  EXPECT_EQ(*for_each_event(events(), 1, [](auto) { return Status(); }), 3u);
}

TEST_F(ErasuresTest, WhatACrashLeftIsScrubbedAtTheNextStart) {
  {
    auto store = EventStore::open(events());
    const LiveEvent event{.user = "anna-the-first", .item = "tea", .time = kDay, .type = "buy"};
    ASSERT_TRUE((*store)->append({&event, 1}));
    erase("anna-the-first", (*store)->next(), kDay);
  }
  EXPECT_TRUE(anywhere(events(), "anna-the-first"));
  auto store = EventStore::open(events());
  ASSERT_TRUE(store);
  for (int i = 0; i < 200 && !fs::exists(events() + "/scrubbed"); ++i) ::usleep(20'000);
  EXPECT_FALSE(anywhere(events(), "anna-the-first"));
}

TEST_F(ErasuresTest, ListsBecomeNobodys) {
  const std::string folder = workspace_ + "/exposures";
  const auto show = [](ExposureLog& log, const std::string& user, Time time) {
    log.push({.number = 1,
              .id = "id-of-" + user,
              .time = time,
              .user = user,
              .segment = "loyal",
              .route = "general",
              .version = "v",
              .fallback = "",
              .items = {{"tea", 1}}});
  };
  auto log = ExposureLog::open(folder, {}, {});
  ASSERT_TRUE(log) << log.error().message;
  show(**log, "anna", 10);
  show(**log, "bert", 20);
  erase("anna", 1, 25);
  show(**log, "anna", 30);
  const auto users = [&] {
    std::vector<std::string> out;
    EXPECT_TRUE(for_each_exposure(
        folder, [&](const Exposure& one) { out.push_back(one.user + "/" + one.segment); }));
    return out;
  };
  ASSERT_TRUE((*log)->flush());
  EXPECT_THAT(users(), ElementsAre("bert/loyal", "anna/loyal"));
  ASSERT_TRUE((*log)->scrub());
  EXPECT_THAT(users(), ElementsAre("/loyal", "bert/loyal", "anna/loyal"));
  show(**log, "carl", 40);
  log->reset();
  fs::remove(workspace_ + "/" + kErasedFile);
  std::vector<std::string> read;
  log = ExposureLog::open(folder, {}, [&](const Exposure& one) { read.push_back(one.user); });
  ASSERT_TRUE(log) << log.error().message;
  EXPECT_THAT(read, ElementsAre("", "bert", "anna", "carl"));
}

// Servers of one state: numbers and hashes are the same everywhere, whoever erased.
TEST_F(ErasuresTest, ServersShareOneList) {
  const StateConfig config{.url = "", .schema = "sartor"};
  const auto state = std::make_shared<const State>(*State::open(workspace_, config));
  fs::create_directories(workspace_ + "/a");
  fs::create_directories(workspace_ + "/b");
  const auto list_in = [&](const std::string& name) {
    return std::shared_ptr<ErasureList>(*ErasureList::open(workspace_ + "/" + name));
  };
  ASSERT_TRUE(list_in("a")->add("early", 3, 10));  // before the state was shared
  const auto a = list_in("a"), b = list_in("b");
  auto of_a = SharedErasures::open(state, a, 7);
  auto of_b = SharedErasures::open(state, b, 7);
  ASSERT_TRUE(of_a && of_b);
  EXPECT_TRUE(b->current()->covers_event("early", 2));
  std::vector<std::string> heard;
  (*of_a)->tell([&](const std::string& user) { heard.push_back(user); });
  ASSERT_TRUE((*of_b)->add("anna", 5, 20));
  ASSERT_TRUE((*of_a)->add("bert", 6, 30));
  EXPECT_THAT(heard, ElementsAre("anna", "bert")) << "what others did first";
  ASSERT_TRUE((*of_b)->follow());
  for (const auto& list : {a, b}) {
    EXPECT_EQ(list->current()->size(), 3u);
    EXPECT_EQ(list->current()->of("anna")->number, 1u);
    EXPECT_EQ(list->current()->of("bert")->events_before, 6u);
  }
  EXPECT_EQ(a->current()->rows().size(), b->current()->rows().size());
  EXPECT_EQ(*read_file(workspace_ + "/a/erased.json"), *read_file(workspace_ + "/b/erased.json"));
  // After some days nothing names them, and a new server knows them all the same.
  ASSERT_TRUE((*of_a)->prune(20 + 7 * kDay));
  int named = 0;
  const auto entries = state->entries_after(0);
  for (const StateEntry& entry : *entries) {
    EXPECT_EQ(entry.value.find("anna"), std::string::npos);
    named += entry.value.find("bert") != std::string::npos;
  }
  EXPECT_EQ(named, 1) << "not yet";
  const auto c = list_in("");
  ASSERT_TRUE(SharedErasures::open(state, c, 7));
  EXPECT_EQ(*read_file(workspace_ + "/erased.json"), *read_file(workspace_ + "/a/erased.json"));
  // Who erased by himself cannot be told apart from the others.
  fs::create_directories(workspace_ + "/d");
  ASSERT_TRUE(list_in("d")->add("x", 1, 1));
  EXPECT_EQ(SharedErasures::open(state, list_in("d"), 7).error().code, ErrorCode::config);
}

}  // namespace
}  // namespace sartor
