#include "sartor/live/event_log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include "sartor/base/files.h"
#include "sartor/base/random.h"
#include "sartor/base/test_place.h"
#include "sartor/live/key_set.h"

namespace sartor {
namespace {

namespace fs = std::filesystem;

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

class DurableLogTest : public testing::Test {
 protected:
  void SetUp() override { fs::remove_all(folder_); }
  void TearDown() override { fs::remove_all(folder_); }

  std::unique_ptr<DurableLog> open(const DurableLogOptions& options = {}) {
    seen_.clear();
    auto log = DurableLog::open(folder_, options, [this](const LogRecord& record) -> Status {
      seen_.emplace_back(record.sequence, record.value);
      return {};
    });
    if (!log) {
      error_ = log.error();
      return nullptr;
    }
    return std::move(*log);
  }
  static std::vector<std::uint64_t> put(DurableLog& log, const std::vector<NewRecord>& records) {
    auto numbers = log.append(records);
    EXPECT_TRUE(numbers) << numbers.error().message;
    return numbers ? *numbers : std::vector<std::uint64_t>();
  }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    const auto firsts = log_files(folder_);
    for (const std::uint64_t first : *firsts) names.push_back(log_file_name(folder_, first));
    return names;
  }
  void write(const std::string& path, const std::string& bytes) const {
    std::ofstream(path, std::ios::binary) << bytes;
  }

  using Seen = std::vector<std::pair<std::uint64_t, std::string>>;
  const std::string folder_ = test_place("event_log");
  Seen seen_;
  Error error_{ErrorCode::internal, ""};
};

TEST_F(DurableLogTest, NumbersRecordsAndShowsThemAgain) {
  {
    const auto log = open();
    ASSERT_NE(log, nullptr);
    EXPECT_EQ(put(*log, {{"a", "one"}, {"b", "two"}}), (std::vector<std::uint64_t>{1, 2}));
    EXPECT_EQ(put(*log, {{"", "three"}, {"", "three"}}), (std::vector<std::uint64_t>{3, 4}));
    EXPECT_EQ(put(*log, {}), (std::vector<std::uint64_t>{}));
    EXPECT_EQ(log->next(), 5u);
  }
  const auto log = open();
  ASSERT_NE(log, nullptr);
  EXPECT_EQ(seen_, (Seen{{1, "one"}, {2, "two"}, {3, "three"}, {4, "three"}}));
  EXPECT_TRUE(log->notes().empty());
  EXPECT_EQ(put(*log, {{"c", std::string("\0\xff", 2)}}), (std::vector<std::uint64_t>{5}));
}

TEST_F(DurableLogTest, AKeyCountsOnceAlsoAfterARestart) {
  {
    const auto log = open();
    EXPECT_EQ(put(*log, {{"a", "1"}, {"a", "2"}, {"b", "3"}}),
              (std::vector<std::uint64_t>{1, kDuplicate, 2}));
    EXPECT_EQ(put(*log, {{"b", "4"}}), (std::vector<std::uint64_t>{kDuplicate}));
  }
  const auto log = open();
  EXPECT_EQ(put(*log, {{"a", "5"}, {"c", "6"}}), (std::vector<std::uint64_t>{kDuplicate, 3}));
}

TEST_F(DurableLogTest, FilesFollowOneAnotherAndOnlyOneProcessWrites) {
  const DurableLogOptions options{.file_bytes = 100};
  {
    const auto log = open(options);
    for (int i = 0; i < 20; ++i) put(*log, {{"", "record " + std::to_string(i)}});
    EXPECT_GT(files().size(), 5u);
    EXPECT_EQ(open(), nullptr);
    EXPECT_EQ(error_.code, ErrorCode::config);
    EXPECT_NE(error_.message.find("another process"), std::string::npos);
  }
  const auto log = open(options);
  ASSERT_NE(log, nullptr) << error_.message;
  ASSERT_EQ(seen_.size(), 20u);
  EXPECT_EQ(seen_[19], (Seen::value_type{20, "record 19"}));
  ASSERT_TRUE(log->roll());
  const std::size_t before = files().size();
  ASSERT_TRUE(log->roll());  // the present file is empty
  EXPECT_EQ(files().size(), before);
}

TEST_F(DurableLogTest, RecordsKeptElsewhereAreNotShownAndTheirFilesGo) {
  const DurableLogOptions small{.file_bytes = 40};
  {
    const auto log = open(small);
    for (int i = 0; i < 5; ++i) put(*log, {{"", "x"}});
  }
  const auto log = open({.first = 4});
  ASSERT_NE(log, nullptr) << error_.message;
  EXPECT_EQ(seen_, (Seen{{4, "x"}, {5, "x"}}));
  EXPECT_EQ(log_file_first(files().front()), 4u);
}

// Whatever byte the file ends at within the last commit, that commit is gone and all others stay.
TEST_F(DurableLogTest, ATornTailIsCutAtTheLastWholeCommit) {
  {
    const auto log = open();
    put(*log, {{"a", "one"}, {"b", "two"}});
  }
  const std::string path = files().front();
  const std::string whole = *read_file(path);
  std::string last;
  append_commit(
      last, 3, [&] { return scan_log_file(path, {})->salt; }(),
      [] {
        std::string records;
        append_record(records, "c", "three");
        append_record(records, "d", "four");
        return records;
      }());
  for (std::size_t n = 0; n <= last.size(); ++n) {
    write(path, whole + last.substr(0, n));
    const auto log = open();
    ASSERT_NE(log, nullptr) << n << ": " << error_.message;
    const bool is_whole = n == last.size();
    EXPECT_EQ(seen_.size(), is_whole ? 4u : 2u) << n;
    EXPECT_EQ(log->notes().size(), n == 0 || is_whole ? 0u : 1u) << n;
    EXPECT_EQ(put(*log, {{"e", "five"}}).front(), is_whole ? 5u : 3u);
    EXPECT_EQ(fs::exists(path + ".torn"), n > 0 && !is_whole);
    fs::remove(path + ".torn");
  }
}

TEST_F(DurableLogTest, AFileThatWasOnlyBegunIsBegunAgain) {
  {
    const auto log = open({.file_bytes = 40});
    put(*log, {{"a", "one"}});
  }
  ASSERT_EQ(files().size(), 2u);
  const std::string path = files().back();
  const std::string header = (*read_file(path)).substr(0, kLogHeader);
  for (std::size_t n = 0; n < kLogHeader; ++n) {
    write(path, header.substr(0, n));
    const auto log = open();
    ASSERT_NE(log, nullptr) << n << ": " << error_.message;
    EXPECT_EQ(put(*log, {{"a", "?"}}), (std::vector<std::uint64_t>{kDuplicate}));
    EXPECT_EQ(log->next(), 2u);
  }
}

// Any flipped bit is found: as damage, with file and offset, as long as something whole follows.
TEST_F(DurableLogTest, EveryFlippedByteIsFound) {
  {
    const auto log = open();
    put(*log, {{"a", "one"}});
    put(*log, {{"b", "two"}, {"c", "three"}});
  }  // closed in peace: the mark stands behind the last commit
  const std::string path = files().front();
  const std::string whole = *read_file(path);
  std::string mark;
  append_commit(mark, 4, 0, "");
  for (std::size_t at = 0; at + mark.size() < whole.size(); ++at) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    write(path, bytes);
    EXPECT_EQ(open(), nullptr) << at;
    EXPECT_EQ(error_.code, ErrorCode::bad_data) << at;
    EXPECT_EQ(error_.message.find(path + ": damaged at byte "), 0u) << error_.message;
  }
  for (std::size_t at = whole.size() - mark.size(); at < whole.size(); ++at) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    write(path, bytes);
    EXPECT_NE(open(), nullptr) << at;  // only the mark is lost
    EXPECT_EQ(seen_.size(), 3u);
  }
}

TEST_F(DurableLogTest, MissingFilesAndCutOnesAreFound) {
  const DurableLogOptions small{.file_bytes = 40};
  {
    const auto log = open(small);
    for (int i = 0; i < 4; ++i) put(*log, {{"", "x"}});
  }
  const auto names = files();
  const std::string second = *read_file(names[1]);
  fs::resize_file(names[1], second.size() - 1);
  EXPECT_EQ(open(small), nullptr);
  EXPECT_NE(error_.message.find("another file follows"), std::string::npos) << error_.message;
  fs::resize_file(names[1], kLogHeader);
  EXPECT_EQ(open(small), nullptr);
  EXPECT_EQ(error_.code, ErrorCode::bad_data);
  fs::remove(names[1]);
  EXPECT_EQ(open(small), nullptr);
  EXPECT_NE(error_.message.find("record 3 where 2 was expected"), std::string::npos)
      << error_.message;
}

TEST_F(DurableLogTest, ManyWritersShareCommitsAndNothingIsLost) {
  constexpr int kWriters = 8;
  constexpr int kEach = 50;
  {
    const auto log = open({.file_bytes = 2000});
    std::vector<std::thread> writers;
    for (int w = 0; w < kWriters; ++w) {
      writers.emplace_back([&, w] {
        for (int i = 0; i < kEach; ++i) {
          const std::string value = std::to_string(w) + "/" + std::to_string(i);
          const std::string shared = "shared " + std::to_string(i);
          const std::vector<NewRecord> records = {{value, value}, {shared, shared}};
          const auto numbers = log->append(records);
          EXPECT_TRUE(numbers && numbers->at(0) != kDuplicate);
        }
      });
    }
    for (std::thread& writer : writers) writer.join();
  }
  const auto log = open();
  ASSERT_NE(log, nullptr) << error_.message;
  std::map<std::string, int> times;
  for (const auto& [number, value] : seen_) ++times[value];
  EXPECT_EQ(times.size(), static_cast<std::size_t>(kWriters * kEach + kEach));
  for (const auto& [value, n] : times) EXPECT_EQ(n, 1) << value;
}

// The file may not grow beyond a limit, as on a full disk; then it may.
TEST_F(DurableLogTest, AFullDiskIsAnErrorForAllWritersAndNothingHalfWrittenIsRead) {
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  {
    const auto log = open();
    put(*log, {{"a", "one"}});
    const rlimit full{fs::file_size(files().front()) + 20, before.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &full), 0);
    std::vector<std::thread> writers;
    for (int w = 0; w < 4; ++w) {
      writers.emplace_back([&, w] {
        const std::string key = "lost " + std::to_string(w);
        const std::string long_value(200, 'x');
        const std::vector<NewRecord> records = {{key, long_value}};
        const auto numbers = log->append(records);
        EXPECT_FALSE(numbers);
        if (!numbers) {
          EXPECT_EQ(numbers.error().code, ErrorCode::io);
          EXPECT_NE(numbers.error().message.find("File too large"), std::string::npos)
              << numbers.error().message;
        }
      });
    }
    for (std::thread& writer : writers) writer.join();
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
    EXPECT_EQ(put(*log, {{"lost 0", "two"}}), (std::vector<std::uint64_t>{2}));
    EXPECT_EQ(put(*log, {{"a", "?"}}), (std::vector<std::uint64_t>{kDuplicate}));
  }
  const auto log = open();
  ASSERT_NE(log, nullptr) << error_.message;
  EXPECT_EQ(seen_, (Seen{{1, "one"}, {2, "two"}}));
}

TEST_F(DurableLogTest, AFolderThatCannotBeWrittenIsAnError) {
  EXPECT_EQ(DurableLog::open("/proc/sartor-events", {}).error().code, ErrorCode::io);
}

// In the child: threads that append, and tell the pipe what was acknowledged.
[[noreturn]] void write_until_killed(const std::string& folder, int pipe, int round) {
  auto log = DurableLog::open(folder, {.file_bytes = 4000});
  if (!log) _exit(3);
  std::vector<std::thread> writers;
  for (int w = 0; w < 3; ++w) {
    writers.emplace_back([&, w] {
      for (int i = 0;; ++i) {
        const std::string first = std::to_string(round * 10 + w) + "." + std::to_string(i);
        const std::string second = first + "b";
        const std::vector<NewRecord> records = {{first, first}, {second, second}};
        if (!(*log)->append(records)) _exit(4);
        const std::string line = first + "\n";
        if (::write(pipe, line.data(), line.size()) < 0) _exit(5);
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  _exit(0);
}

TEST_F(DurableLogTest, NothingAcknowledgedIsLostByKill9) {
  if (kSanitized) GTEST_SKIP() << "a forked child with threads is beyond the sanitizer";
  std::set<std::string> acknowledged;
  Random random(1);
  for (int round = 0; round < 30; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) write_until_killed(folder_, ends[1], round);
    ::close(ends[1]);
    std::this_thread::sleep_for(std::chrono::milliseconds(5 + random.below(60)));
    ::kill(child, SIGKILL);
    std::string told;
    char buffer[4096];
    for (ssize_t n; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;) {
      told.append(buffer, static_cast<std::size_t>(n));
    }
    ::close(ends[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << WEXITSTATUS(status);
    for (std::size_t at = 0, end; (end = told.find('\n', at)) != std::string::npos; at = end + 1) {
      acknowledged.insert(told.substr(at, end - at));
      acknowledged.insert(told.substr(at, end - at) + "b");
    }
    const auto log = open();
    ASSERT_NE(log, nullptr) << error_.message;
    std::set<std::string> found;
    for (const auto& [number, value] : seen_) EXPECT_TRUE(found.insert(value).second) << value;
    for (const std::string& value : acknowledged) EXPECT_TRUE(found.contains(value)) << value;
    for (const std::string& value : found) {  // batches are whole
      EXPECT_TRUE(value.ends_with('b') || found.contains(value + "b")) << value;
    }
  }
  EXPECT_GT(acknowledged.size(), 100u);
}

TEST(KeySetTest, RemembersTheLatestAndForgetsTheOldest) {
  KeySet keys(1000);
  const auto key = [](int i) { return hash_of_key(std::to_string(i)); };
  for (int i = 0; i < 10'000; ++i) {
    EXPECT_FALSE(keys.contains(key(i)));
    keys.add(key(i));
    keys.add(key(i));
    EXPECT_TRUE(keys.contains(key(i)));
    EXPECT_TRUE(keys.contains(key(std::max(0, i - 999))));
    EXPECT_LE(keys.size(), 2000u);
  }
  EXPECT_FALSE(keys.contains(key(0)));
}

}  // namespace
}  // namespace sartor
