#include "sartor/store/state.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "sartor/base/files.h"
#include "sartor/base/test_place.h"

namespace sartor {
namespace {

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

TEST_F(StateTest, ARunWithIdenticalInputsIsNotANewLook) {
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

TEST_F(StateTest, RemembersAfterItWasClosed) {
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

TEST_F(StateTest, KeepsRunsLatestFirst) {
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

TEST_F(StateTest, ConnectionsOfSeveralThreadsCountEveryLookOnce) {
  constexpr int kThreads = 4;
  constexpr int kLooks = 20;
  std::vector<std::vector<int>> seen(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      const State state = open();  // makes the file, too: all at once
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

TEST_F(StateTest, OneObjectMayBeSharedByThreads) {
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
