#include "sartor/store/state.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "sartor/base/files.h"
#include "sartor/base/test_place.h"
#include "sartor/store/test_postgres.h"

namespace sartor {
namespace {

// Known answers of both kinds of state.
class AnyState : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (!GetParam()) {
      std::filesystem::remove_all(folder_);
      std::filesystem::create_directories(folder_);
      return;
    }
    config_.url = TestPostgres::url();
    if (config_.url.empty()) GTEST_SKIP() << "PostgreSQL is not installed";
    static int schemas = 0;
    config_.schema = "state_" + std::to_string(++schemas);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  State open() const {
    auto state = State::open(folder_, config_);
    EXPECT_TRUE(state) << state.error().message;
    return std::move(*state);
  }
  const std::string folder_ = test_place("any_state");
  StateConfig config_;
};
INSTANTIATE_TEST_SUITE_P(Both, AnyState, testing::Bool(),
                         [](const auto& one) { return one.param ? "PostgreSQL" : "SQLite"; });

TEST_P(AnyState, ARunWithIdenticalInputsIsNotANewLook) {
  const State state = open();
  EXPECT_EQ(*state.looks("confirm"), 0);
  EXPECT_EQ(state.look("confirm", "a")->k, 1);
  const Look again = *state.look("confirm", "a");
  EXPECT_EQ(again.k, 1);
  EXPECT_FALSE(again.is_new);
  EXPECT_EQ(state.look("confirm", "b")->k, 2);
  EXPECT_EQ(state.look("confirm", "a")->k, 1) << "as it was when it was first seen";
  EXPECT_EQ(state.look("confirm", "c")->k, 3);
  EXPECT_EQ(state.look("other data", "a")->k, 1);
  EXPECT_EQ(*state.looks("confirm"), 3);
}

TEST_P(AnyState, RemembersAfterItWasClosed) {
  {
    const State state = open();
    ASSERT_TRUE(state.look("confirm", "a"));
    ASSERT_TRUE(state.put("published", "bundles/x"));
    ASSERT_TRUE(state.put("gone", "1"));
    ASSERT_TRUE(state.erase("gone"));
    ASSERT_TRUE(state.put("zero", std::string("a\0b", 3)));
  }
  const State state = open();
  EXPECT_EQ(state.look("confirm", "b")->k, 2);
  EXPECT_EQ(*state.get("published"), "bundles/x");
  EXPECT_EQ(*state.get("gone"), std::nullopt);
  EXPECT_EQ(*state.get("zero"), std::string("a\0b", 3));
}

TEST_P(AnyState, KeepsRunsLatestFirst) {
  const State state = open();
  ASSERT_TRUE(state.put_run({.id = "r1", .started = 10, .status = "running"}));
  ASSERT_TRUE(state.put_run({.id = "r3", .started = 30, .status = "running"}));
  ASSERT_TRUE(state.put_run({.id = "r2", .started = 20, .status = "failed"}));
  ASSERT_TRUE(state.put_run({.id = "r1",
                             .started = 10,
                             .finished = 15,
                             .status = "done",
                             .bundle = "bundles/1",
                             .summary = R"({"users":3})"}));
  const auto runs = state.runs(2);
  ASSERT_TRUE(runs);
  ASSERT_EQ(runs->size(), 2u);
  EXPECT_EQ((*runs)[0].id, "r3");
  EXPECT_EQ((*runs)[0].finished, std::nullopt);
  EXPECT_EQ((*runs)[1].id, "r2");
  const auto first = state.run("r1");
  ASSERT_TRUE(first && first->has_value());
  EXPECT_EQ((*first)->finished, 15);
  EXPECT_EQ((*first)->bundle, "bundles/1");
  EXPECT_EQ((*first)->summary, R"({"users":3})");
  EXPECT_EQ(*state.run("r9"), std::nullopt);
}

TEST_P(AnyState, ConnectionsOfSeveralThreadsCountEveryLookOnce) {
  constexpr int kThreads = 4;
  constexpr int kLooks = 20;
  std::vector<std::vector<int>> seen(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      const State state = open();  // makes the file or the schema, too: all at once
      for (int i = 0; i < kLooks; ++i) {
        const auto look = state.look("confirm", std::to_string(t) + "/" + std::to_string(i));
        ASSERT_TRUE(look) << look.error().message;
        seen[static_cast<std::size_t>(t)].push_back(look->k);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<int> all;
  for (const auto& some : seen) all.insert(some.begin(), some.end());
  EXPECT_EQ(all.size(), std::size_t{kThreads * kLooks});
  EXPECT_EQ(*all.rbegin(), kThreads * kLooks);
}

TEST_P(AnyState, OneObjectMayBeSharedByThreads) {
  const State state = open();
  std::atomic<int> failures = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        if (!state.put("key" + std::to_string(t), std::to_string(i))) ++failures;
        if (!state.get("key0")) ++failures;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(*state.get("key3"), "19");
}

TEST_P(AnyState, ValuesAreChangedOnceByWhoeverKnowsTheLastOne) {
  const State state = open();
  EXPECT_TRUE(state.entries_after(0)->empty());
  const auto first = *state.put_if("a", 0, "one");
  ASSERT_TRUE(first);
  EXPECT_EQ(*state.put_if("a", 0, "other"), std::nullopt) << "it is there by now";
  ASSERT_TRUE(state.put("b", "two"));
  const auto second = *state.put_if("a", *first, "three");
  ASSERT_TRUE(second);
  EXPECT_EQ(*state.put_if("a", *first, "late"), std::nullopt);
  EXPECT_EQ(*state.get("a"), "three");
  EXPECT_EQ(*state.entries_after(0),
            (std::vector<StateEntry>{{"b", "two", *first + 1}, {"a", "three", *second}}));
  EXPECT_EQ(*state.entries_after(*first + 1), (std::vector<StateEntry>{{"a", "three", *second}}));
  ASSERT_TRUE(state.erase("a"));
  EXPECT_EQ(*state.put_if("a", 0, "again"), *second + 1) << "numbers are never used again";
}

TEST_P(AnyState, OfManyWhoChangeAValueAtOnceOneSucceeds) {
  std::atomic<int> done = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      const State state = open();
      std::int64_t number = 0;
      for (int i = 0; i < 10; ++i) {
        const auto made = state.put_if("a", number, "x");
        ASSERT_TRUE(made) << made.error().message;
        if (*made) ++done;
        number = state.entries_after(0)->back().number;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(open().entries_after(0)->back().number, done) << "each change has a number of its own";
}

TEST_P(AnyState, KeepsKeysOldestFirst) {
  const State state = open();
  const KeyRecord second{"k1", "shop", "ingest", "abc", 20, std::nullopt};
  ASSERT_TRUE(state.put_key(second));
  ASSERT_TRUE(state.put_key({"k0", "other", "admin recommend", "def", 10, std::nullopt}));
  ASSERT_TRUE(state.put_key({"k0", "other", "admin recommend", "def", 10, 30}));
  const auto keys = open().keys();
  ASSERT_TRUE(keys && keys->size() == 2);
  EXPECT_EQ(keys->at(0).id, "k0");
  EXPECT_EQ(keys->at(0).ends, 30);
  EXPECT_EQ(keys->at(1).scopes, "ingest");
  EXPECT_EQ(keys->at(1).ends, std::nullopt);
}

// Whoever moves to a database takes along what the gate has seen, once.
TEST(SharedState, BeginsWithWhatTheWorkspaceRemembered) {
  const StateConfig config{.url = TestPostgres::url(), .schema = "brought"};
  if (config.url.empty()) GTEST_SKIP() << "PostgreSQL is not installed";
  const std::string folder = test_place("brought");
  std::filesystem::create_directories(folder);
  {
    const auto own = State::open(folder, {});
    ASSERT_TRUE(own && own->look("confirm", "a") && own->look("confirm", "b"));
    ASSERT_TRUE(own->put_run({.id = "r", .started = 5, .status = "done", .summary = "{}"}));
    ASSERT_TRUE(own->put_key({"k", "shop", "ingest", "abc", 20, std::nullopt}));
  }
  for (int twice = 0; twice < 2; ++twice) {
    const auto state = State::open(folder, config);
    ASSERT_TRUE(state) << state.error().message;
    EXPECT_EQ(state->look("confirm", "a")->k, 1);
    EXPECT_EQ(state->look("confirm", "c")->k, 3);
    EXPECT_EQ((*state->run("r"))->finished, std::nullopt);
    EXPECT_EQ(state->keys()->size(), 1u);
  }
  std::filesystem::remove_all(folder);
}

// A server that is gone costs a moment and not a thread, and is found again when it is back.
TEST(SharedState, OutlivesItsDatabase) {
  const StateConfig config{.url = TestPostgres::url(), .schema = "outage"};
  if (config.url.empty()) GTEST_SKIP() << "PostgreSQL is not installed";
  const auto state = State::open("", config);
  ASSERT_TRUE(state && state->put("a", "1"));
  TestPostgres::stop();
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 50; ++i) {
    const auto lost = state->put("a", "2");
    ASSERT_FALSE(lost);
    EXPECT_EQ(lost.error().code, ErrorCode::io);
    EXPECT_NE(lost.error().message.find("PostgreSQL at /tmp/sartor-pg"), std::string::npos)
        << lost.error().message;
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
  TestPostgres::start();
  bool back = false;
  for (int i = 0; i < 100 && !back; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    back = state->put("a", "3").has_value();
  }
  EXPECT_TRUE(back);
  EXPECT_EQ(*state->get("a"), "3");
}

// Between two calls the server was started anew: neither a read nor a change fails for it.
TEST(SharedState, AConnectionThatDiedIdleIsMadeAnew) {
  const StateConfig config{.url = TestPostgres::url(), .schema = "idle"};
  if (config.url.empty()) GTEST_SKIP() << "PostgreSQL is not installed";
  const auto state = State::open("", config);
  ASSERT_TRUE(state && state->put("a", "1"));
  TestPostgres::stop();
  TestPostgres::start();
  EXPECT_EQ(*state->get("a"), "1");
  TestPostgres::stop();
  TestPostgres::start();
  EXPECT_TRUE(state->put("a", "2"));
}

TEST(SharedState, NoMessageHasThePassword) {
  for (const char* url :
       {"postgresql://u:s3cret@127.0.0.1:1/none", "postgresql://u@127.0.0.1:1/none?password=s3cret",
        "postgresql://u:s3cret@[::1/none", "postgresql://u@h/x?s3cret"}) {
    const auto state = State::open("", StateConfig{.url = url});
    ASSERT_FALSE(state);
    EXPECT_EQ(state.error().message.find("s3cret"), std::string::npos) << state.error().message;
    EXPECT_EQ(without_passwords(std::string("--set state.url=") + url).find("s3cret@"),
              std::string::npos);
  }
  EXPECT_EQ(without_passwords("run --set state.url=postgresql://u:p/a@s@h/d?password=x&a=b -q"),
            "run --set state.url=postgresql://u:***@h/d?password=***&a=b -q");
  EXPECT_EQ(without_passwords("http://h:80/a and b@c"), "http://h:80/a and b@c");
}

TEST(SharedState, WhatIsNoPlaceIsTold) {
  EXPECT_TRUE(check_state({}));
  EXPECT_TRUE(check_state({.url = "postgres://h/d", .schema = "shop_2"}));
  EXPECT_EQ(check_state({.url = "mysql://u:p@h"}).error().code, ErrorCode::config);
  EXPECT_EQ(check_state({.url = "", .schema = "a\"b"}).error().code, ErrorCode::config);
  EXPECT_EQ(check_state({.url = "", .schema = "2a"}).error().code, ErrorCode::config);
}

class StateTest : public testing::Test {
 protected:
  StateTest() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    path_ = test_place("state_") + test->name() + ".sqlite";
    clean();
  }
  ~StateTest() override { clean(); }
  void clean() const {
    for (const char* tail : {"", "-wal", "-shm"}) std::filesystem::remove(path_ + tail);
  }
  State open() const {
    auto state = State::open(path_);
    EXPECT_TRUE(state) << state.error().message;
    return std::move(*state);
  }
  void sql(const std::string& text) const {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &database), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(database, text.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(database);
  }
  std::string path_;
};

TEST_F(StateTest, DamageIsNamed) {
  std::ofstream(path_) << std::string(4096, 'x');
  const auto state = State::open(path_);
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code, ErrorCode::bad_data);
  EXPECT_NE(state.error().message.find(path_ + ": is damaged"), std::string::npos)
      << state.error().message;
}

TEST_F(StateTest, DamageInsideIsNamedWhenItIsMet) {
  {
    const State state = open();
    for (int i = 0; i < 200; ++i) {
      ASSERT_TRUE(state.put("key" + std::to_string(i), std::string(200, 'v')));
    }
  }
  std::string bytes = *read_file(path_);
  ASSERT_GT(bytes.size(), 40000u);
  for (std::size_t i = 4096; i < bytes.size(); ++i) bytes[i] = 'z';
  std::ofstream(path_, std::ios::binary) << bytes;
  const auto state = State::open(path_);
  const Error error = state ? state->get("key7").error() : state.error();
  EXPECT_EQ(error.code, ErrorCode::bad_data) << error.message;
  EXPECT_NE(error.message.find(path_), std::string::npos);
}

TEST_F(StateTest, FilesOfANewerVersionAreRefused) {
  sql("PRAGMA user_version = 99");
  const auto state = State::open(path_);
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code, ErrorCode::bad_data);
  EXPECT_NE(state.error().message.find("newer version (schema 99"), std::string::npos)
      << state.error().message;
}

TEST_F(StateTest, AFolderThatIsNotThereIsAnIoError) {
  EXPECT_EQ(State::open("/nowhere/at/all.sqlite").error().code, ErrorCode::io);
}

}  // namespace
}  // namespace sartor
