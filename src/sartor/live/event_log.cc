#include "sartor/live/event_log.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <filesystem>
#include <mutex>
#include <optional>
#include <random>
#include <unordered_set>

#include "sartor/base/files.h"
#include "sartor/live/key_set.h"

namespace sartor {
namespace {

namespace fs = std::filesystem;

std::uint64_t random_salt() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

struct HashOfHash {
  std::size_t operator()(KeyHash key) const { return key.low; }
};

}  // namespace

class DurableLog::Impl {
 public:
  Impl(std::string folder, const DurableLogOptions& options)
      : folder_(std::move(folder)), options_(options), keys_(options.keys) {}
  ~Impl() {
    if (fd_ >= 0 && !failed_ && next_ > file_first_) {
      std::string mark;
      append_commit(mark, next_, salt_, "");
      if (write_all(fd_, mark, path_)) ::fdatasync(fd_);  // only a help to the next reader
    }
    if (fd_ >= 0) ::close(fd_);
    if (lock_ >= 0) ::close(lock_);
  }

  Status open(const LogVisitor& visit, const KeySource& known) {
    std::error_code error;
    fs::create_directories(folder_, error);
    if (error) return io_error(folder_, "make the folder", error.message());
    SARTOR_TRY(lock());
    if (known) {
      SARTOR_TRY(known([this](std::string_view key) { remember(key); }));
    }
    next_ = options_.first;
    SARTOR_ASSIGN(std::vector<std::uint64_t> files, log_files(folder_));
    SARTOR_TRY(drop_files(files));
    for (std::size_t i = 0; i < files.size(); ++i) {
      if (i == 0) next_ = std::min(files[0], options_.first);
      if (i + 1 < files.size() && files[i + 1] <= options_.read_from) {
        if (files[i] != next_) return missing(log_file_name(folder_, files[i]), files[i]);
        next_ = files[i + 1];
        continue;
      }
      SARTOR_TRY(read_file_of(files[i], i + 1 == files.size(), visit));
    }
    if (next_ < options_.first) return missing(folder_, options_.first);
    if (fd_ < 0) SARTOR_TRY(begin_file());
    open_file_ = file_first_;
    return {};
  }

  Result<std::vector<std::uint64_t>> append(std::span<const NewRecord> records) {
    Waiting mine{.records = records};
    std::unique_lock lock(mutex_);
    waiting_.push_back(&mine);
    while (!mine.result) {
      if (busy_) {
        changed_.wait(lock);
      } else {
        lead(lock);
      }
    }
    if (!*mine.result) return mine.result->error();
    return std::move(mine.sequences);
  }

  Status roll() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !busy_; });
    if (failed_) SARTOR_TRY(recover());
    if (next_ == file_first_) return {};
    const Status rolled = begin_next_file();
    failed_ = !rolled;
    return rolled;
  }

  std::atomic<std::uint64_t> next_{1};
  std::atomic<std::uint64_t> open_file_{1};
  std::vector<std::string> notes_;

 private:
  // One append() that waits for its commit.
  struct Waiting {
    std::span<const NewRecord> records;
    std::vector<std::uint64_t> sequences;
    std::optional<Status> result;
  };

  Status lock() {
    const std::string path = folder_ + "/lock";
    lock_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (lock_ < 0) return io_error(path, "open");
    if (::flock(lock_, LOCK_EX | LOCK_NB) == 0) return {};
    return Error{ErrorCode::config,
                 folder_ + ": another process writes here (is it served already?)"};
  }

  void remember(std::string_view key) {
    if (options_.check_keys && !key.empty()) keys_.add(hash_of_key(key));
  }

  // Removes the files whose records are all kept elsewhere.
  Status drop_files(std::vector<std::uint64_t>& files) const {
    while (files.size() > 1 && files[1] <= options_.first) {
      std::error_code error;
      fs::remove(log_file_name(folder_, files.front()), error);
      if (error) return io_error(folder_, "remove a file", error.message());
      files.erase(files.begin());
    }
    return {};
  }

  Error missing(const std::string& path, std::uint64_t found) const {
    return {ErrorCode::bad_data, fmt::format("{}: begins with or is followed by record {} where {} "
                                             "was expected",
                                             path, found, next_.load())};
  }

  Status read_file_of(std::uint64_t first, bool is_last, const LogVisitor& visit) {
    const std::string path = log_file_name(folder_, first);
    if (first != next_) return missing(path, first);
    SARTOR_ASSIGN(const LogFileFacts facts, scan_log_file(path, [&](const LogRecord& record) {
                    if (record.sequence < options_.first) return Status();
                    remember(record.key);
                    return visit ? visit(record) : Status();
                  }));
    if (facts.whole < facts.bytes && !is_last) {
      return Error{ErrorCode::bad_data,
                   fmt::format("{}: damaged at byte {}: another file follows", path, facts.whole)};
    }
    next_ = facts.next;
    return is_last ? go_on_with(path, facts) : Status();
  }

  // The last file: its tail is cut, and it is written on.
  Status go_on_with(const std::string& path, const LogFileFacts& facts) {
    if (facts.whole < facts.bytes) {
      SARTOR_ASSIGN(const std::string text, read_file(path));
      (void)write_file(path + ".torn", std::string_view(text).substr(facts.whole));
      notes_.push_back(fmt::format(
          "{}: the last {} bytes, from byte {} on, were cut off: a commit that did not end "
          "(they are kept in {}.torn)",
          path, facts.bytes - facts.whole, facts.whole, path));
    }
    if (facts.whole == 0) {
      ::unlink(path.c_str());
      return {};
    }
    fd_ = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
    if (fd_ < 0) return io_error(path, "open");
    path_ = path;
    file_first_ = facts.first;
    salt_ = facts.salt;
    size_ = facts.whole;
    if (facts.whole == facts.bytes) return {};
    return cut();
  }

  // The end of the file goes back to the last commit that was acknowledged.
  Status cut() const {
    if (::ftruncate(fd_, static_cast<off_t>(size_)) != 0) return io_error(path_, "cut");
    return ::fsync(fd_) == 0 ? Status() : Status(io_error(path_, "sync"));
  }

  Status begin_file() {
    const std::string path = log_file_name(folder_, next_);
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0) return io_error(path, "create");
    const std::uint64_t salt = random_salt();
    Status made = write_all(fd, log_header(next_, salt), path);
    if (made && ::fsync(fd) != 0) made = io_error(path, "sync");
    if (made) made = sync_to_disk(folder_);
    if (!made) {
      ::close(fd);
      ::unlink(path.c_str());
      return made;
    }
    fd_ = fd;
    path_ = path;
    file_first_ = next_;
    salt_ = salt;
    size_ = kLogHeader;
    open_file_ = file_first_;
    return {};
  }

  Status begin_next_file() {
    ::close(std::exchange(fd_, -1));
    return begin_file();
  }

  // After a failure nothing is known of what the disk has behind size_: it is cut off, and a fresh
  // file begun, for the old one's unwritten pages may have been given up.
  Status recover() {
    if (fd_ >= 0) {
      SARTOR_TRY(cut());
      if (next_ == file_first_) {
        ::unlink(path_.c_str());
      }
      ::close(std::exchange(fd_, -1));
    }
    SARTOR_TRY(begin_file());
    failed_ = false;
    return {};
  }

  // Commits what waits, this thread's own and others'; called and left with the lock held.
  void lead(std::unique_lock<std::mutex>& lock) {
    busy_ = true;
    std::vector<Waiting*> batch;
    for (std::size_t bytes = 0; !waiting_.empty() && bytes < options_.commit_bytes;) {
      batch.push_back(waiting_.front());
      waiting_.pop_front();
      for (const NewRecord& record : batch.back()->records) {
        bytes += record.key.size() + record.value.size() + 8;
      }
    }
    lock.unlock();
    const Status status = commit(batch);
    lock.lock();
    for (Waiting* one : batch) one->result = status;
    busy_ = false;
    changed_.notify_all();
  }

  // Numbers the records that are new, and makes them durable.
  Status commit(const std::vector<Waiting*>& batch) {
    if (failed_) SARTOR_TRY(recover());
    std::string records;
    std::unordered_set<KeyHash, HashOfHash> fresh;
    std::uint64_t next = next_;
    for (Waiting* one : batch) {
      for (const NewRecord& record : one->records) {
        const KeyHash key = hash_of_key(record.key);
        if (options_.check_keys && !record.key.empty() &&
            (keys_.contains(key) || !fresh.insert(key).second)) {
          one->sequences.push_back(kDuplicate);
          continue;
        }
        append_record(records, record.key, record.value);
        one->sequences.push_back(next++);
      }
    }
    if (next == next_) return {};  // all were there, and on disk
    if (records.size() > 0xffffffff) {
      return Error{ErrorCode::invalid_argument, "more than 4 GiB of records at once"};
    }
    SARTOR_TRY(write_commit(records));
    for (const KeyHash key : fresh) keys_.add(key);
    next_ = next;
    if (size_ >= options_.file_bytes) failed_ = !begin_next_file();  // the next append tries again
    return {};
  }

  Status write_commit(std::string_view records) {
    std::string bytes;
    bytes.reserve(records.size() + 64);
    append_commit(bytes, next_, salt_, records);
    failed_ = true;
    SARTOR_TRY(write_all(fd_, bytes, path_));
    if (::fdatasync(fd_) != 0) return io_error(path_, "sync");
    failed_ = false;
    size_ += bytes.size();
    return {};
  }

  const std::string folder_;
  const DurableLogOptions options_;
  int lock_ = -1;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Waiting*> waiting_;
  bool busy_ = false;  // some thread commits: what follows is its alone

  KeySet keys_;
  int fd_ = -1;
  std::string path_;
  std::uint64_t file_first_ = 1;
  std::uint64_t salt_ = 0;
  std::uint64_t size_ = 0;  // bytes that were acknowledged
  bool failed_ = false;     // there may be more bytes, or no file
};

DurableLog::DurableLog(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DurableLog::~DurableLog() = default;

Result<std::unique_ptr<DurableLog>> DurableLog::open(const std::string& folder,
                                                     const DurableLogOptions& options,
                                                     const LogVisitor& visit,
                                                     const KeySource& known) {
  auto impl = std::make_unique<Impl>(folder, options);
  SARTOR_TRY(impl->open(visit, known));
  return std::unique_ptr<DurableLog>(new DurableLog(std::move(impl)));
}

Result<std::vector<std::uint64_t>> DurableLog::append(std::span<const NewRecord> records) {
  return impl_->append(records);
}

Status DurableLog::roll() { return impl_->roll(); }
std::uint64_t DurableLog::next() const { return impl_->next_; }
std::uint64_t DurableLog::open_file() const { return impl_->open_file_; }
const std::vector<std::string>& DurableLog::notes() const { return impl_->notes_; }

}  // namespace sartor
