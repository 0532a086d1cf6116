#include "sartor/live/live_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "sartor/base/files.h"
#include "sartor/base/test_place.h"
#include "sartor/live/event_store.h"

namespace sartor {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

Exposure shown_to(const std::string& user, const std::string& id, Arm arm = Arm::model) {
  return {.id = id,
          .user = user,
          .segment = "loyal",
          .route = "blended/2",
          .version = "v1",
          .arm = arm,
          .fallback = "",
          .items = {{"a", 1.5}, {"b", 0.5}}};
}

class ExposureLogTest : public testing::Test {
 protected:
  void SetUp() override { fs::remove_all(folder_); }
  void TearDown() override { fs::remove_all(folder_); }
  std::unique_ptr<ExposureLog> open(const ExposureLogOptions& options = {}) {
    read_.clear();
    auto log = ExposureLog::open(folder_, options,
                                 [this](const Exposure& one) { read_.push_back(one.id); });
    EXPECT_TRUE(log) << log.error().message;
    return log ? std::move(*log) : nullptr;
  }
  std::size_t files() const {
    std::size_t count = 0;
    for (const auto& entry : fs::directory_iterator(folder_)) {
      count += entry.path().extension() == ".log";
    }
    return count;
  }

  const std::string folder_ = test_place("exposures");
  std::vector<std::string> read_;
};

TEST_F(ExposureLogTest, KeepsWhatWasFlushedInOrder) {
  auto log = open();
  std::vector<std::string> ids;
  for (int i = 0; i < 2500; ++i) {
    ids.push_back(std::to_string(i));
    log->push(shown_to("u", ids.back()));
  }
  ASSERT_TRUE(log->flush());
  fs::remove_all(folder_ + ".copy");
  fs::copy(folder_, folder_ + ".copy", fs::copy_options::recursive);  // as a crash leaves it
  log->push(shown_to("u", "last"));
  log.reset();
  log = open();
  ids.emplace_back("last");
  EXPECT_EQ(read_, ids);
  EXPECT_EQ(log->lost(), 0u);
  ids.pop_back();
  log.reset();
  fs::remove_all(folder_);
  fs::rename(folder_ + ".copy", folder_);
  log = open();
  EXPECT_EQ(read_, ids);
}

TEST_F(ExposureLogTest, OldFilesAreNotReadAndThenRemoved) {
  const ExposureLogOptions small{.file_bytes = 100};  // a file for every flush
  auto log = open(small);
  for (const char* id : {"1", "2", "3"}) {
    log->push(shown_to("u", id));
    ASSERT_TRUE(log->flush());
  }
  log.reset();
  ASSERT_EQ(files(), 4u);  // and an empty one
  const auto old = fs::file_time_type::clock::now() - std::chrono::hours(48);
  fs::last_write_time(log_file_name(folder_, 1), old);
  fs::last_write_time(log_file_name(folder_, 2), old);
  log = open(small);
  EXPECT_EQ(read_, (std::vector<std::string>{"3"}));
  EXPECT_EQ(files(), 4u);
  log.reset();
  log = open({.read_age = 100 * kDay, .keep_age = kDay, .file_bytes = 100});
  EXPECT_EQ(read_, (std::vector<std::string>{"3"}));
  EXPECT_EQ(files(), 2u);
  fs::last_write_time(log_file_name(folder_, 3), old);
  log->push(shown_to("u", "4"));
  ASSERT_TRUE(log->flush());  // begins a file
  EXPECT_FALSE(fs::exists(log_file_name(folder_, 3)));
  log.reset();
  log = open();
  EXPECT_EQ(read_, (std::vector<std::string>{"4"}));
}

class LiveGuardTest : public testing::Test {
 protected:
  void SetUp() override { fs::remove_all(root_); }
  void TearDown() override {
    guard_.reset();
    store_.reset();
    fs::remove_all(root_);
  }

  // As a server does when it starts, on the workspace `name`.
  void start(const std::string& name = "one") {
    guard_.reset();
    store_.reset();
    place_ = root_ + "/" + name;
    fs::create_directories(place_);
    auto store = EventStore::open(place_ + "/events");
    ASSERT_TRUE(store) << store.error().message;
    store_ = std::move(*store);
    GuardOptions options;
    options.clock = [this] { return clock_.load(); };
    auto guard = LiveGuard::open(place_, options);
    ASSERT_TRUE(guard) << guard.error().message;
    guard_ = std::move(*guard);
    const Status caught_up = guard_->catch_up(place_ + "/events", weigh_);
    ASSERT_TRUE(caught_up) << caught_up.error().message;
  }
  // What a crash leaves: the server goes on, and another begins on a copy of its files.
  void crash() {
    fs::copy(place_, root_ + "/copy", fs::copy_options::recursive);
    start("copy");
  }
  void show(const std::string& user, const std::string& id, Arm arm = Arm::model) {
    (void)guard_->choose("v1", "loyal", user);
    guard_->show(shown_to(user, id, arm));
    clock_ += kSecond;
  }
  void click(const std::string& user, const std::string& item, const std::string& exposure = "") {
    const LiveEvent event{.user = user,
                          .item = item,
                          .time = clock_,
                          .type = "click",
                          .exposure = exposure,
                          .received = clock_};
    const auto numbers = store_->append({&event, 1});
    ASSERT_TRUE(numbers);
    guard_->take(std::vector<StoredEvent>{{numbers->at(0), event}}, weigh_);
    clock_ += kSecond;
  }
  std::vector<std::string> alerts() const {
    std::vector<std::string> lines;
    std::ifstream file(place_ + "/alerts.jsonl");
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }

  const std::string root_ = test_place("live_guard");
  const LiveGuard::Weigh weigh_ = [](std::span<const StoredEvent> events) {
    std::vector<float> weights;
    for (const StoredEvent& stored : events) weights.push_back(stored.event.type == "click");
    return Result<std::vector<float>>(weights);
  };
  std::atomic<Time> clock_ = 20'000 * kDay + 8 * kHour;
  std::string place_;
  std::unique_ptr<EventStore> store_;
  std::unique_ptr<LiveGuard> guard_;
};

TEST_F(LiveGuardTest, CountsSurviveACrashAndARestart) {
  start();
  show("ann", "x1");
  show("bob", "x2", Arm::holdback);
  show("ann", "x3");
  click("ann", "a", "x1");
  click("bob", "b");
  const PairedCounts counts{{2, 1}, {1, 1}};
  EXPECT_EQ(guard_->view("loyal").hour, counts);
  crash();
  EXPECT_EQ(guard_->view("loyal").hour, counts);
  click("ann", "a", "x1");  // known already
  EXPECT_EQ(guard_->view("loyal").hour, counts);
  click("ann", "a");  // of x3: shown before the crash, clicked after it
  EXPECT_EQ(guard_->view("loyal").hour, (PairedCounts{{2, 2}, {1, 1}}));
  start("copy");
  EXPECT_EQ(guard_->view("loyal").hour, (PairedCounts{{2, 2}, {1, 1}}));
  click("ann", "a");
  EXPECT_EQ(guard_->view("loyal").hour, (PairedCounts{{2, 2}, {1, 1}}));
  show("ann", "x4");
  click("ann", "a");
  EXPECT_EQ(guard_->view("loyal").hour, (PairedCounts{{3, 3}, {1, 1}}));
  EXPECT_EQ(guard_->lost_exposures(), 0u);
  EXPECT_TRUE(guard_->notes().empty());
}

// Hours that went by while nobody served end as they would have.
TEST_F(LiveGuardTest, AnHourThatEndedInTheLogsEndsAfterACrash) {
  start();
  for (int i = 0; i < 20; ++i) show("u" + std::to_string(i), "m" + std::to_string(i));
  for (int i = 0; i < 5; ++i) show("h" + std::to_string(i), "h" + std::to_string(i), Arm::holdback);
  for (int i = 0; i < 5; ++i) click("h" + std::to_string(i), "a");
  CollapseDetector expected;
  expected.add({{20, 0}, {5, 5}}, 1);
  fs::copy(place_, root_ + "/copy", fs::copy_options::recursive);
  clock_ += kHour;
  show("late", "l");
  EXPECT_EQ(guard_->view("loyal").m, expected.m());
  start("copy");
  EXPECT_EQ(guard_->view("loyal").m, expected.m());
  EXPECT_GT(expected.m(), 1);
}

TEST_F(LiveGuardTest, AnOpenBreakerStaysOpenAndIsToldOnce) {
  start();
  (void)guard_->choose("v1", "loyal", "ann");
  for (int i = 0; i < 20; ++i) guard_->answered("loyal", {.failed = true});
  EXPECT_TRUE(guard_->choose("v1", "loyal", "ann").breaker_open);
  ASSERT_TRUE(guard_->save());
  ASSERT_EQ(alerts().size(), 1u);
  const Json alert = parse_json(alerts()[0]);
  EXPECT_EQ(alert["segment"], "loyal");
  EXPECT_EQ(alert["rule"], "failures");
  EXPECT_EQ(alert["evidence"]["bad_requests"], 20);
  crash();
  EXPECT_TRUE(guard_->choose("v1", "loyal", "ann").breaker_open);
  EXPECT_EQ(guard_->changes().size(), 1u);
  start("copy");
  EXPECT_TRUE(guard_->choose("v1", "loyal", "ann").breaker_open);
  EXPECT_EQ(alerts().size(), 1u);
  fs::remove(place_ + "/alerts.jsonl");  // as if the crash had come before it was written
  start("copy");
  clock_ += kDay;
  EXPECT_FALSE(guard_->choose("v1", "loyal", "ann").arm == Arm::none) << "it probes";
  ASSERT_TRUE(guard_->save());
  EXPECT_EQ(alerts().size(), 2u);
  ASSERT_TRUE(guard_->close("loyal"));
  EXPECT_THAT(alerts().back(), HasSubstr("\"operator\""));
  EXPECT_EQ(guard_->changes().front().number, 3u);
}

TEST_F(LiveGuardTest, AStateThatCannotBeReadIsSetAside) {
  start();
  show("ann", "x1");
  guard_.reset();
  ASSERT_TRUE(write_file(place_ + "/breakers.json", "{\"format_version\": 1"));
  start();
  ASSERT_EQ(guard_->notes().size(), 1u);
  EXPECT_THAT(guard_->notes()[0], HasSubstr("breakers.json"));
  EXPECT_TRUE(fs::exists(place_ + "/breakers.json.bad"));
  EXPECT_EQ(guard_->view("loyal").hour, (PairedCounts{{1, 0}, {0, 0}})) << "from the log";
}

TEST_F(LiveGuardTest, ManyThreadsCountEveryListAndEveryClick) {
  start();
  constexpr int kThreads = 4;
  const int lists = kSanitized ? 50 : 500;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < lists; ++i) {
        const std::string user = std::to_string(t) + "." + std::to_string(i);
        (void)guard_->choose("v1", "loyal", user);
        guard_->show(shown_to(user, user));
        if (i % 10 == 0) click(user, "a", user);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::uint64_t all = kThreads * static_cast<std::uint64_t>(lists);
  EXPECT_EQ(guard_->view("loyal").hour, (PairedCounts{{all, all / 10}, {0, 0}}));
  start();
  EXPECT_EQ(guard_->view("loyal").hour, (PairedCounts{{all, all / 10}, {0, 0}}));
}

}  // namespace
}  // namespace sartor
