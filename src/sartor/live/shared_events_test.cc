#include "sartor/live/shared_events.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "sartor/base/test_place.h"
#include "sartor/store/database.h"
#include "sartor/store/test_postgres.h"

namespace sartor {
namespace {

namespace fs = std::filesystem;
using Numbers = std::vector<std::uint64_t>;

// A server with its copy, and what it heard of.
struct Server {
  std::string folder;
  std::vector<StoredEvent> heard;
  std::unique_ptr<SharedEvents> events;

  Status open(const StateConfig& config) {
    SARTOR_ASSIGN(events, SharedEvents::open(folder, config, [this](auto some) {
                    heard.insert(heard.end(), some.begin(), some.end());
                  }));
    return {};
  }
  Result<Numbers> take(const std::vector<std::string>& ids) const {
    std::vector<LiveEvent> some;
    for (const std::string& id : ids) some.push_back({.event_id = id, .user = "u", .item = id});
    return events->append(some);
  }
  // The ids in the copy, in the order of their numbers, which have no gap.
  std::vector<std::string> ids() const {
    std::vector<std::string> found;
    std::uint64_t number = first_event(folder);
    EXPECT_TRUE(for_each_event(folder, number, [&](std::span<const StoredEvent> some) {
      for (const StoredEvent& stored : some) {
        EXPECT_EQ(stored.sequence, number++);
        found.push_back(stored.event.event_id);
      }
      return Status();
    }));
    return found;
  }
};

class SharedEventsTest : public testing::Test {
 protected:
  void SetUp() override {
    config_.url = TestPostgres::url();
    if (config_.url.empty()) GTEST_SKIP() << "PostgreSQL is not installed";
    static int schemas = 0;
    config_.schema = "events_" + std::to_string(++schemas);
    fs::remove_all(place_);
  }
  void TearDown() override { fs::remove_all(place_); }
  Server server(const std::string& name) { return {place_ + "/" + name + "/events", {}, {}}; }

  const std::string place_ = test_place("shared_events");
  StateConfig config_;
};

TEST_F(SharedEventsTest, EveryServerHasEveryEventOnceUnderOneNumber) {
  Server a = server("a"), b = server("b");
  ASSERT_TRUE(a.open(config_) && b.open(config_));
  EXPECT_EQ(*a.take({"1", "2", "1"}), (Numbers{1, 2, kDuplicate}));
  EXPECT_EQ(*b.take({"2", "3", ""}), (Numbers{kDuplicate, 3, 4}));
  EXPECT_EQ(*a.take({"3", "", "4"}), (Numbers{kDuplicate, 5, 6}));
  ASSERT_TRUE(b.events->pull());
  ASSERT_TRUE(b.events->pull()) << "nothing to do";
  const std::vector<std::string> all{"1", "2", "3", "", "", "4"};
  EXPECT_EQ(a.ids(), all);
  EXPECT_EQ(b.ids(), all);
  for (const Server* one : {&a, &b}) {
    ASSERT_EQ(one->heard.size(), all.size());
    for (std::size_t e = 0; e < all.size(); ++e) {
      EXPECT_EQ(one->heard[e].sequence, e + 1);
      EXPECT_EQ(one->heard[e].event.event_id, all[e]);
    }
  }
  // A restart tells nothing twice.
  a.events.reset();
  ASSERT_TRUE(b.take({"5"}));
  a.heard.clear();
  ASSERT_TRUE(a.open(config_));
  EXPECT_TRUE(a.heard.empty()) << "it stands in the copy for whoever reads that";
  EXPECT_EQ(a.ids().back(), "5");
  EXPECT_EQ(*a.take({"5", "6"}), (Numbers{kDuplicate, 8}));
}

TEST_F(SharedEventsTest, TheFirstServerBringsItsLog) {
  Server a = server("a"), b = server("b"), c = server("c");
  {
    auto alone = EventStore::open(a.folder);
    const std::vector<LiveEvent> old{{.event_id = "old", .user = "u", .item = "i"},
                                     {.event_id = "older", .user = "u", .item = "i"}};
    ASSERT_TRUE(alone && (*alone)->append(old));
  }
  fs::create_directories(fs::path(b.folder).parent_path());
  fs::copy(a.folder, b.folder, fs::copy_options::recursive);
  ASSERT_TRUE(a.open(config_));
  ASSERT_TRUE(b.open(config_)) << "a copy of its folder";
  EXPECT_EQ(*b.take({"old", "new"}), (Numbers{kDuplicate, 3}));
  EXPECT_EQ(b.ids(), (std::vector<std::string>{"old", "older", "new"}));
  // Another with nothing begins where the database does, and again after a restart.
  ASSERT_TRUE(c.open(config_));
  EXPECT_EQ(first_event(c.folder), 3u);
  EXPECT_EQ(c.ids(), std::vector<std::string>{"new"});
  c.events.reset();
  ASSERT_TRUE(c.open(config_));
  ASSERT_TRUE(c.events->copy().seal());
  EXPECT_EQ(*c.take({"newer"}), (Numbers{4}));
  EXPECT_EQ(c.ids(), (std::vector<std::string>{"new", "newer"}));
  EXPECT_EQ(for_each_event(c.folder, 1, [](auto) { return Status(); }).error().code,
            ErrorCode::bad_data)
      << "whoever needs those before is told";
}

TEST_F(SharedEventsTest, EventsThatAreNotOfTheStreamAreRefused) {
  Server a = server("a"), b = server("b"), c = server("c");
  const auto alone = [](const Server& one, const std::string& id) {
    auto store = EventStore::open(one.folder);
    const std::vector<LiveEvent> old{{.event_id = id, .user = "u", .item = "i"}};
    return store && (*store)->append(old);
  };
  ASSERT_TRUE(alone(a, "a") && alone(b, "b"));
  ASSERT_TRUE(a.open(config_));
  EXPECT_EQ(b.open(config_).error().code, ErrorCode::config) << "as many, but others";
  // Another database with as many events is not this one.
  config_.schema += "_other";
  ASSERT_TRUE(c.open(config_));
  ASSERT_TRUE(c.take({"c"}));
  a.events.reset();
  EXPECT_EQ(a.open(config_).error().code, ErrorCode::config);
}

TEST_F(SharedEventsTest, ADatabaseThatLostEventsIsRefused) {
  Server a = server("a"), b = server("b");
  ASSERT_TRUE(a.open(config_) && b.open(config_));
  ASSERT_TRUE(a.take({"1", "2"}));
  ASSERT_TRUE(b.events->pull());
  {
    auto database = open_postgres(config_.url, config_.schema);
    ASSERT_TRUE(database && (*database)->change("UPDATE log_end SET next = 2", {}));
    ASSERT_TRUE((*database)->change("DELETE FROM log_records WHERE sequence > 1", {}));
  }
  EXPECT_EQ(a.take({"3"}).error().code, ErrorCode::bad_data);
  EXPECT_EQ(b.events->pull().error().code, ErrorCode::bad_data);
  b.events.reset();
  EXPECT_EQ(b.open(config_).error().code, ErrorCode::bad_data);
}

TEST_F(SharedEventsTest, WithoutTheDatabaseNothingIsTakenAndThenAllIsAsBefore) {
  Server a = server("a"), b = server("b");
  ASSERT_TRUE(a.open(config_) && b.open(config_));
  ASSERT_TRUE(a.take({"1"}));
  TestPostgres::stop();
  const auto lost = a.take({"2"});
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, ErrorCode::io);
  EXPECT_FALSE(b.events->pull());
  EXPECT_EQ(a.ids(), std::vector<std::string>{"1"});
  TestPostgres::start();
  Result<Numbers> taken = lost;
  for (int i = 0; i < 100 && !taken; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    taken = b.take({"1", "2"});
  }
  ASSERT_TRUE(taken) << taken.error().message;
  EXPECT_EQ(*taken, (Numbers{kDuplicate, 2}));
  for (int i = 0; i < 100 && !a.events->pull(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(a.ids(), (std::vector<std::string>{"1", "2"}));
  EXPECT_EQ(b.ids(), a.ids());
}

// Clients of two servers send the same ids at once, while both fetch.
TEST_F(SharedEventsTest, ClientsAtOnceCountEveryIdOnceEverywhere) {
  Server a = server("a"), b = server("b");
  ASSERT_TRUE(a.open(config_) && b.open(config_));
  constexpr int kClients = 3, kIds = 60;
  std::vector<int> accepted(2 * kClients, 0);
  std::vector<std::thread> threads;
  for (int c = 0; c < 2 * kClients; ++c) {
    threads.emplace_back([&, c] {
      const Server& mine = c % 2 == 0 ? a : b;
      for (int i = 0; i < kIds; i += 2) {
        const auto numbers = mine.take({std::to_string(i), std::to_string(i + 1)});
        ASSERT_TRUE(numbers) << numbers.error().message;
        for (const std::uint64_t number : *numbers) {
          if (number != kDuplicate) ++accepted[static_cast<std::size_t>(c)];
        }
        if (i % 10 == c) {
          ASSERT_TRUE(mine.events->pull());
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  int all = 0;
  for (const int some : accepted) all += some;
  EXPECT_EQ(all, kIds);
  ASSERT_TRUE(a.events->pull() && b.events->pull());
  EXPECT_EQ(a.ids().size(), std::size_t{kIds});
  EXPECT_EQ(a.ids(), b.ids());
  EXPECT_EQ(a.heard.size(), std::size_t{kIds});
  EXPECT_EQ(b.heard.size(), std::size_t{kIds});
}

}  // namespace
}  // namespace sartor
