#include "sartor/live/event_store.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "sartor/base/test_place.h"

namespace sartor {
namespace {

namespace fs = std::filesystem;

LiveEvent event_of(int i) {
  LiveEvent event{.event_id = "e" + std::to_string(i),
                  .user = "u" + std::to_string(i % 3),
                  .item = "it'em \"" + std::to_string(i),
                  .time = 1'700'000'000'000'000 + i,
                  .type = i % 2 == 0 ? "purchase" : "click",
                  .received = 1'700'000'001'000'000 + i};
  if (i % 2 == 0) event.value = 1.5 * i;
  if (i % 3 == 0) event.context = {{"country", "Österreich"}, {"device", "tablet"}};
  if (i % 5 == 0) event.group = "g1";
  return event;
}

class EventStoreTest : public testing::Test {
 protected:
  void SetUp() override { fs::remove_all(folder_); }
  void TearDown() override { fs::remove_all(folder_); }

  std::unique_ptr<EventStore> open(const DurableLogOptions& options = {}) {
    auto store = EventStore::open(folder_, options);
    EXPECT_TRUE(store) << store.error().message;
    return store ? std::move(*store) : nullptr;
  }
  std::vector<StoredEvent> all(std::uint64_t from = 1) {
    std::vector<StoredEvent> events;
    const auto next = for_each_event(folder_, from, [&](std::span<const StoredEvent> some) {
      events.insert(events.end(), some.begin(), some.end());
      return Status();
    });
    EXPECT_TRUE(next) << next.error().message;
    EXPECT_TRUE(events.empty() || *next == events.back().sequence + 1);
    return events;
  }
  static void put(EventStore& store, int from, int until) {
    std::vector<LiveEvent> events;
    for (int i = from; i < until; ++i) events.push_back(event_of(i));
    const auto numbers = store.append(events);
    ASSERT_TRUE(numbers) << numbers.error().message;
    EXPECT_EQ(numbers->back(), static_cast<std::uint64_t>(until));
  }
  void expect_same(const std::vector<StoredEvent>& events, int from, int until) {
    ASSERT_EQ(events.size(), static_cast<std::size_t>(until - from));
    for (int i = from; i < until; ++i) {
      const StoredEvent& stored = events[static_cast<std::size_t>(i - from)];
      EXPECT_EQ(stored.sequence, static_cast<std::uint64_t>(i + 1));
      EXPECT_EQ(encode_event(stored.event), encode_event(event_of(i))) << i;
    }
  }

  const std::string folder_ = test_place("event_store");
};

TEST(LiveEventTest, BytesComeBackAndAnythingElseIsRefused) {
  for (int i = 0; i < 6; ++i) {
    const std::string bytes = encode_event(event_of(i));
    const auto back = decode_event(bytes);
    ASSERT_TRUE(back);
    EXPECT_EQ(encode_event(*back), bytes);
    for (std::size_t n = 0; n < bytes.size(); ++n) EXPECT_FALSE(decode_event(bytes.substr(0, n)));
    EXPECT_FALSE(decode_event(bytes + "x"));
  }
}

TEST_F(EventStoreTest, FinishedFilesBecomeParquetWithTheSameEvents) {
  {
    const auto store = open();
    put(*store, 0, 10);
    expect_same(all(), 0, 10);
    ASSERT_TRUE(store->seal());
    EXPECT_EQ(event_pieces(folder_)->size(), 1u);
    put(*store, 10, 13);
    expect_same(all(), 0, 13);
    ASSERT_TRUE(store->seal());
    put(*store, 13, 15);
    expect_same(all(), 0, 15);
    expect_same(all(12), 11, 15);
    EXPECT_TRUE(all(16).empty());
  }
  const auto store = open();
  EXPECT_EQ(store->next(), 16u);
  const std::vector<LiveEvent> again = {event_of(2), event_of(14), event_of(15)};
  EXPECT_EQ(*store->append(again), (std::vector<std::uint64_t>{kDuplicate, kDuplicate, 16}));
}

TEST_F(EventStoreTest, RolledFilesAreCompressedBesideTheWriting) {
  const auto store = open({.file_bytes = 3000});
  for (int i = 0; i < 200; ++i) put(*store, i, i + 1);
  for (int tries = 0; tries < 200 && event_pieces(folder_)->empty(); ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    expect_same(all(), 0, 200);
  }
  EXPECT_FALSE(event_pieces(folder_)->empty());
  ASSERT_TRUE(store->seal());
  EXPECT_EQ(log_files(folder_)->size(), 1u);
  expect_same(all(), 0, 200);
}

// A crash between the Parquet file's rename and the log file's removal leaves both.
TEST_F(EventStoreTest, WhatIsThereTwiceIsReadOnce) {
  {
    const auto store = open();
    put(*store, 0, 5);
  }
  const std::string log_file = log_file_name(folder_, 1);
  fs::copy_file(log_file, folder_ + "/kept");
  {
    const auto store = open();
    ASSERT_TRUE(store->seal());
    put(*store, 5, 6);
  }
  fs::rename(folder_ + "/kept", log_file);
  expect_same(all(), 0, 6);
  const auto store = open();
  expect_same(all(), 0, 6);
  EXPECT_FALSE(fs::exists(log_file));
}

TEST_F(EventStoreTest, ADamagedParquetFileIsFound) {
  {
    const auto store = open();
    put(*store, 0, 5);
    ASSERT_TRUE(store->seal());
  }
  const std::string path = event_pieces(folder_)->front().path;
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(100);
    file.put('#');
  }
  const auto read = for_each_event(folder_, 1, [](auto) { return Status(); });
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::bad_data);
  EXPECT_EQ(read.error().message.find(path), 0u);
}

TEST_F(EventStoreTest, ExportsWhatARunReads) {
  {
    const auto store = open();
    put(*store, 0, 7);
    ASSERT_TRUE(store->seal());
    put(*store, 7, 9);
  }
  {  // beyond the horizon of the log, an event_id is stored twice and exported once
    const auto store = open({.keys = 1});
    std::vector<LiveEvent> more;
    for (int i = 9; i < 20; ++i) more.push_back(event_of(i));
    ASSERT_TRUE(store->append(more));
    const std::vector<LiveEvent> repeated = {event_of(0)};
    EXPECT_NE(store->append(repeated)->front(), kDuplicate);
  }
  const std::string path = folder_ + "/export.parquet";
  const auto made = export_events(folder_, path, folder_, {.threads = 1});
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->next, 22u);
  EXPECT_EQ(made->context_keys, (std::vector<std::string>{"country", "device"}));
  auto db = DuckDb::open({.threads = 1}, folder_);
  ASSERT_TRUE(db);
  ASSERT_TRUE(db->run("CREATE VIEW e AS SELECT * FROM read_parquet(" + sql_text(path) + ")"));
  EXPECT_EQ(*db->number("SELECT count(*) FROM e"), 20);
  EXPECT_EQ(*db->number("SELECT count(*) FROM e WHERE \"context.device\" = 'tablet' AND "
                        "\"context.country\" = 'Österreich'"),
            7);
  EXPECT_EQ(*db->number("SELECT CAST(sum(value) * 10 AS BIGINT) FROM e"), 1350);
  EXPECT_EQ(*db->number("SELECT epoch_us(max(\"time\")) FROM e"), 1'700'000'000'000'019);
  EXPECT_EQ(for_each_event(folder_ + "/nothing", 1, [](auto) { return Status(); }).value(), 1u);
}

}  // namespace
}  // namespace sartor
