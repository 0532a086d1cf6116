#include "sartor/live/exposure_log.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "sartor/base/files.h"

namespace sartor {
namespace {

// 0 if it cannot be told: such a file counts as old only where everything does.
Time last_written(const std::string& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return 0;
  return Time{facts.st_mtim.tv_sec} * kSecond + facts.st_mtim.tv_nsec / 1000;
}

// That of the file system, whose marks it is compared with.
Time wall_clock() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// The number of the first record in the first file that was written at or after `since`, or in the
// last file if none was.
std::uint64_t first_since(const std::string& folder, std::span<const std::uint64_t> files,
                          Time since) {
  for (const std::uint64_t first : files) {
    if (last_written(log_file_name(folder, first)) >= since) return first;
  }
  return files.empty() ? 1 : files.back();
}

// How many erasures the files of the folder are rid of.
std::string scrubbed_path(const std::string& folder) { return folder + "/scrubbed"; }

std::size_t lists_scrubbed_in(const std::string& folder) {
  const auto text = read_file(scrubbed_path(folder));
  return text ? static_cast<std::size_t>(std::strtoull(text->c_str(), nullptr, 10)) : 0;
}

bool is_erased(const Erasures& erasures, const Exposure& exposure) {
  return !exposure.user.empty() && erasures.covers_time(exposure.user, exposure.time);
}

// Segment, arm and time stay, for they count lists; whose and of what does not.
std::string without_person(Exposure exposure) {
  exposure.id.clear();
  exposure.user.clear();
  exposure.items.clear();
  return encode_exposure(exposure);
}

Status scrub_file(const std::string& path, const Erasures& erasures) {
  bool any = false;
  SARTOR_ASSIGN([[maybe_unused]] const auto facts,
                scan_log_file(path, [&](const LogRecord& record) -> Status {
                  SARTOR_ASSIGN(const Exposure exposure, decode_exposure(record.value));
                  any = any || is_erased(erasures, exposure);
                  return {};
                }));
  if (!any) return {};
  return rewrite_log_file(path, [&](const LogRecord& record) -> Result<std::string> {
    SARTOR_ASSIGN(const Exposure exposure, decode_exposure(record.value));
    return is_erased(erasures, exposure) ? without_person(exposure) : std::string(record.value);
  });
}

}  // namespace

class ExposureLog::Impl {
 public:
  Impl(std::string folder, const ExposureLogOptions& options)
      : folder_(std::move(folder)), options_(options) {}
  ~Impl() {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  Status open(const Visitor& visit) {
    SARTOR_ASSIGN(const auto files, log_files(folder_));
    const Time now = wall_clock();
    const DurableLogOptions options{
        .file_bytes = options_.file_bytes,
        .keys = 1,  // exposures have none
        .first = first_since(folder_, files, now - options_.keep_age),
        .read_from = first_since(folder_, files, now - options_.read_age)};
    SARTOR_ASSIGN(const Erasures erasures, Erasures::beside(folder_));
    SARTOR_ASSIGN(log_, DurableLog::open(folder_, options, [&](const LogRecord& record) -> Status {
                    SARTOR_ASSIGN(Exposure exposure, decode_exposure(record.value));
                    if (visit && !is_erased(erasures, exposure)) visit(std::move(exposure));
                    return {};
                  }));
    thread_ = std::thread([this] { work(); });
    return {};
  }

  void push(const Exposure& exposure) {
    std::string bytes = encode_exposure(exposure);
    const std::lock_guard lock(mutex_);
    if (waiting_.size() >= options_.most_waiting) {
      ++lost_;
      return;
    }
    waiting_.push_back(std::move(bytes));
    ++pushed_;
    if (waiting_.size() == 1 || waiting_.size() == kManyWaiting) changed_.notify_all();
  }

  Status flush() {
    std::unique_lock lock(mutex_);
    const std::uint64_t mine = pushed_;
    ++flushing_;
    changed_.notify_all();
    written_changed_.wait(lock, [&] { return written_ >= mine; });
    --flushing_;
    return last_;
  }

  Status scrub() {
    SARTOR_ASSIGN(const Erasures erasures, Erasures::beside(folder_));
    if (erasures.size() <= lists_scrubbed_in(folder_)) return {};
    SARTOR_TRY(flush());
    SARTOR_TRY(log_->roll());
    SARTOR_ASSIGN(const auto files, log_files(folder_));
    for (const std::uint64_t first : files) {
      if (first >= log_->open_file()) break;
      const Status done = scrub_file(log_file_name(folder_, first), erasures);
      if (!done && done.error().code != ErrorCode::not_found) return done;  // it was too old
    }
    return write_file(scrubbed_path(folder_), std::to_string(erasures.size()));
  }

  std::unique_ptr<DurableLog> log_;
  std::atomic<std::uint64_t> lost_{0};

 private:
  static constexpr std::size_t kManyWaiting = 1000;

  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return closing_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      // Others may come to share the sync, unless somebody waits for it.
      changed_.wait_for(lock, std::chrono::milliseconds(100), [this] {
        return closing_ || flushing_ > 0 || waiting_.size() >= kManyWaiting;
      });
      const std::vector<std::string> batch = std::exchange(waiting_, {});
      lock.unlock();
      const Status status = write(batch);
      lock.lock();
      last_ = status;
      if (!status) lost_ += batch.size();
      written_ += batch.size();
      written_changed_.notify_all();
    }
  }

  Status write(const std::vector<std::string>& batch) {
    const std::uint64_t file = log_->open_file();
    const std::vector<NewRecord> records = [&] {
      std::vector<NewRecord> out;
      for (const std::string& bytes : batch) out.push_back({"", bytes});
      return out;
    }();
    SARTOR_ASSIGN([[maybe_unused]] const auto numbers, log_->append(records));
    if (log_->open_file() != file) drop_old_files();
    return {};
  }

  // Only a help: what is left is removed later.
  void drop_old_files() const {
    const auto files = log_files(folder_);
    if (!files) return;
    const Time kept = wall_clock() - options_.keep_age;
    for (const std::uint64_t first : *files) {
      const std::string path = log_file_name(folder_, first);
      if (first >= log_->open_file() || last_written(path) >= kept) return;
      ::unlink(path.c_str());
    }
  }

  const std::string folder_;
  const ExposureLogOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::condition_variable written_changed_;
  std::vector<std::string> waiting_;
  std::uint64_t pushed_ = 0;
  std::uint64_t written_ = 0;  // or lost
  int flushing_ = 0;
  Status last_;
  bool closing_ = false;
  std::thread thread_;
};

ExposureLog::ExposureLog(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ExposureLog::~ExposureLog() = default;

Result<std::unique_ptr<ExposureLog>> ExposureLog::open(const std::string& folder,
                                                       const ExposureLogOptions& options,
                                                       const Visitor& visit) {
  auto impl = std::make_unique<Impl>(folder, options);
  SARTOR_TRY(impl->open(visit));
  return std::unique_ptr<ExposureLog>(new ExposureLog(std::move(impl)));
}

void ExposureLog::push(const Exposure& exposure) { impl_->push(exposure); }
Status ExposureLog::flush() { return impl_->flush(); }
Status ExposureLog::scrub() { return impl_->scrub(); }
std::uint64_t ExposureLog::lost() const { return impl_->lost_; }
const std::vector<std::string>& ExposureLog::notes() const { return impl_->log_->notes(); }

Status for_each_exposure(const std::string& folder, const ExposureLog::Visitor& visit) {
  SARTOR_ASSIGN(const Erasures erasures, Erasures::beside(folder));
  SARTOR_ASSIGN(const auto files, log_files(folder));
  for (const std::uint64_t first : files) {
    const auto read =
        scan_log_file(log_file_name(folder, first), [&](const auto& record) -> Status {
          SARTOR_ASSIGN(Exposure exposure, decode_exposure(record.value));
          if (!is_erased(erasures, exposure)) visit(std::move(exposure));
          return {};
        });
    if (!read && read.error().code != ErrorCode::not_found) return read.error();  // it was too old
  }
  return {};
}

}  // namespace sartor
