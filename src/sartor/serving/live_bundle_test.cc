#include "sartor/serving/live_bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "sartor/base/test_place.h"
#include "sartor/serving/test_bundle.h"

namespace sartor {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// Two bundles that give different lists: b lists again what was taken.
class LiveBundleTest : public testing::Test {
 protected:
  LiveBundleTest() {
    EXPECT_TRUE(write_test_bundle(a_, {.version = "a"}));
    EXPECT_TRUE(write_test_bundle(b_, {.version = "b", .repeat = true}));
    live_ = std::make_shared<LiveBundle>(*Recommender::open(a_));
  }
  ~LiveBundleTest() override { fs::remove_all(place_); }

  std::string refusal(const std::string& folder) const {
    const auto before = live_->current();
    const auto swapped = live_->swap_to(folder);
    EXPECT_FALSE(swapped) << folder;
    EXPECT_EQ(live_->current(), before);
    return swapped ? "" : swapped.error().message;
  }

  const std::string place_ = test_place("live_bundle");
  const std::string a_ = place_ + "/a";
  const std::string b_ = place_ + "/b";
  std::shared_ptr<LiveBundle> live_;
};

std::string list_of(const Recommender& recommender, const std::string& user) {
  const auto answer = recommender.recommend({.user = user, .k = 20});
  EXPECT_TRUE(answer) << answer.error().message;
  std::string text = answer->model_version + ":";
  for (const RecommendedItem& item : answer->items) text += " " + item.item;
  return text;
}

// Fills a tensor of a safetensors file with one byte.
void fill_tensor(const std::string& path, const std::string& name, char byte) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  std::uint64_t size = 0;
  file.read(reinterpret_cast<char*>(&size), sizeof size);
  std::string header(size, ' ');
  file.read(header.data(), static_cast<std::streamsize>(size));
  const Json json = Json::parse(header);
  ASSERT_TRUE(json.contains(name)) << header;
  const std::uint64_t begin = json[name]["data_offsets"][0];
  const std::uint64_t end = json[name]["data_offsets"][1];
  file.seekp(static_cast<std::streamoff>(8 + size + begin));
  for (std::uint64_t b = begin; b < end; ++b) file.put(byte);
}

TEST_F(LiveBundleTest, WhoHasTheOldOneKeepsItToTheEnd) {
  auto kept = live_->current();
  const std::weak_ptr<const Recommender> old = kept;
  const std::string list = list_of(*kept, "002");
  const auto swapped = live_->swap_to(b_);
  ASSERT_TRUE(swapped) << swapped.error().message;
  EXPECT_EQ(swapped->version, "b");
  EXPECT_EQ(swapped->before, "a");
  EXPECT_EQ(swapped->smoke.questions, 1u + 16 + 13) << "a stranger, users, items";
  EXPECT_GT(swapped->smoke.overlap, 0.4);
  EXPECT_LT(swapped->smoke.overlap, 1);
  EXPECT_NE(list_of(*live_->current(), "002").substr(2), list.substr(2));
  EXPECT_EQ(list_of(*kept, "002"), list);
  kept.reset();
  EXPECT_TRUE(old.expired()) << "the last one that asks lets the old bundle go";
  EXPECT_EQ(live_->swap_to(b_)->smoke.overlap, 1) << "a bundle agrees with itself";
}

TEST_F(LiveBundleTest, NoAnswerFailsOrMixesVersionsDuringManySwaps) {
  std::map<std::string, std::string> right;  // user and version
  const std::vector<std::string> users = {"002", "003", "new", "nobody"};
  for (const std::string& folder : {a_, b_}) {
    const auto recommender = *Recommender::open(folder);
    for (const std::string& user : users) {
      right[user + recommender->info().model_version] = list_of(*recommender, user);
    }
  }
  std::atomic<bool> stop = false;
  std::atomic<int> wrong = 0;
  std::atomic<int> asked = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = static_cast<std::size_t>(t); !stop; ++i) {
        const std::string& user = users[i % users.size()];
        const std::string list = list_of(*live_->current(), user);
        if (list != right[user + list.substr(0, 1)]) ++wrong;
        ++asked;
      }
    });
  }
  for (int i = 0; i < (kSanitized ? 6 : 20); ++i) EXPECT_TRUE(live_->swap_to(i % 2 == 0 ? b_ : a_));
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(asked, 6);
}

TEST_F(LiveBundleTest, DamageIsRefusedAndTheOldOneServesOn) {
  int refused = 0;
  for (const auto& entry : fs::recursive_directory_iterator(b_)) {
    if (!entry.is_regular_file()) continue;
    const std::string name = entry.path().lexically_relative(b_).string();
    for (const char* how : {"cut", "flipped", "removed"}) {
      if (kSanitized && how != std::string("cut")) continue;
      const fs::path bad = place_ + "/bad";
      fs::remove_all(bad);
      fs::copy(b_, bad, fs::copy_options::recursive);
      const fs::path file = bad / name;
      const auto size = fs::file_size(file);
      if (how == std::string("cut")) fs::resize_file(file, size / 2);
      if (how == std::string("removed")) fs::remove(file);
      if (how == std::string("flipped")) {
        std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
        stream.seekg(static_cast<std::streamoff>(size / 3));
        const char byte = static_cast<char>(stream.get() ^ 1);
        stream.seekp(static_cast<std::streamoff>(size / 3));
        stream.put(byte);
      }
      if (name == "manifest.json" && how == std::string("flipped")) continue;  // any text may be
      EXPECT_THAT(refusal(bad), HasSubstr(name == "manifest.json" ? "manifest" : name)) << how;
      ++refused;
    }
  }
  EXPECT_GT(refused, kSanitized ? 10 : 30);
  EXPECT_TRUE(live_->swap_to(b_));
}

TEST_F(LiveBundleTest, AWholeBundleThatAnswersBadlyIsRefused) {
  const std::string bad = place_ + "/bad";
  ASSERT_TRUE(write_test_bundle(bad, {.change = [](const StagedFolder& folder) {
                                  fill_tensor(folder.path() + "/items.safetensors", "eligible", 0);
                                }}));
  EXPECT_THAT(refusal(bad), HasSubstr("a stranger: an empty list; the old bundle had one"));
  ASSERT_TRUE(write_test_bundle(bad, {.change = [](const StagedFolder& folder) {
                                  fill_tensor(
                                      folder.path() + "/models/item_knn/weights.safetensors",
                                      "similarities", static_cast<char>(0xff));
                                }}));
  EXPECT_THAT(refusal(bad), HasSubstr("smoke test: nothing is similar to any item"));
  ASSERT_TRUE(write_test_bundle(
      bad, {.change_routes = [](Json& routes) { routes["segments"][1]["model"] = "nothing"; }}));
  EXPECT_THAT(refusal(bad), HasSubstr("segment loyal: models/nothing: is not there"));
  ASSERT_TRUE(write_test_bundle(bad, {.change = [](const StagedFolder& folder) {
                                  fs::remove_all(folder.path() + "/models/item_knn");
                                }}));
  EXPECT_THAT(refusal(bad), HasSubstr("item_knn"));
  EXPECT_THAT(refusal(place_ + "/none"), HasSubstr("none"));
}

TEST_F(LiveBundleTest, WhatFailsLastChangesNothing) {
  const auto before = live_->current();
  const auto swapped = live_->swap_to(b_, [] { return Status(Error{ErrorCode::io, "full"}); });
  EXPECT_EQ(swapped.error().message, "full");
  EXPECT_EQ(live_->current(), before);
}

// A log in memory, with append() and learn() as two steps, as the server has them.
class Log {
 public:
  StoredEvent append(const std::string& user) {
    const std::lock_guard lock(mutex_);
    LiveEvent event{.user = user, .item = "tea-0", .time = 200 * kDay, .type = "purchase"};
    events_.push_back({events_.size() + 1, event});
    return events_.back();
  }
  EventReader reader() {
    return [this](std::uint64_t from, const EventVisitor& visit) -> Result<std::uint64_t> {
      std::vector<StoredEvent> events;
      {
        const std::lock_guard lock(mutex_);
        events.assign(events_.begin() + static_cast<std::ptrdiff_t>(from) - 1, events_.end());
      }
      SARTOR_TRY(visit(events));
      return from + events.size();
    };
  }

 private:
  std::mutex mutex_;
  std::vector<StoredEvent> events_;
};

TEST_F(LiveBundleTest, AnEventBetweenDiskAndMemoryCountsOnce) {
  Log log;
  const StoredEvent first = log.append("somebody");
  ASSERT_TRUE(live_->follow(log.reader()));
  EXPECT_EQ(live_->current()->user("somebody")->history, 1u);
  const StoredEvent second = log.append("somebody");
  ASSERT_TRUE(live_->swap_to(b_));
  EXPECT_EQ(live_->current()->user("somebody")->history, 2u);
  const StoredEvent third = log.append("somebody");
  const std::vector<StoredEvent> late = {second, third};  // of one batch or of two
  ASSERT_TRUE(live_->learn(late));
  EXPECT_EQ(live_->current()->user("somebody")->history, 3u);
  ASSERT_TRUE(live_->swap_to(a_));
  EXPECT_EQ(live_->current()->user("somebody")->history, 3u);
}

TEST_F(LiveBundleTest, NoEventIsLostOrCountsTwiceWhileBundlesChange) {
  constexpr int kWriters = 4;
  const int events = kSanitized ? 100 : 400;
  Log log;
  ASSERT_TRUE(live_->follow(log.reader()));
  std::atomic<int> writing = kWriters;
  std::vector<std::thread> threads;
  for (int t = 0; t < kWriters; ++t) {
    threads.emplace_back([&, t] {
      const std::string user = "writer " + std::to_string(t);
      for (int e = 0; e < events; ++e) {
        const StoredEvent event = log.append(user);
        if (e % 7 == 0) std::this_thread::yield();
        EXPECT_TRUE(live_->learn({&event, 1}));
        // What was acknowledged counts in whatever serves now.
        EXPECT_EQ(live_->current()->user(user)->history, static_cast<std::size_t>(e) + 1);
        std::this_thread::sleep_for(std::chrono::microseconds(200));
      }
      --writing;
    });
  }
  int swaps = 0;
  while (writing > 0 || swaps < 2) EXPECT_TRUE(live_->swap_to(swaps++ % 2 == 0 ? b_ : a_));
  for (std::thread& thread : threads) thread.join();
  for (int t = 0; t < kWriters; ++t) {
    const auto user = live_->current()->user("writer " + std::to_string(t));
    ASSERT_TRUE(user);
    EXPECT_EQ(user->history, static_cast<std::size_t>(events));
  }
}

TEST_F(LiveBundleTest, ALogThatCannotBeReadIsARefusal) {
  ASSERT_TRUE(live_->follow({}));
  bool broken = false;
  ASSERT_TRUE(live_->follow([&](std::uint64_t from, const EventVisitor&) -> Result<std::uint64_t> {
    if (broken) return Error{ErrorCode::io, "no disk"};
    return from;
  }));
  broken = true;
  EXPECT_EQ(refusal(b_), "no disk");
}

}  // namespace
}  // namespace sartor
