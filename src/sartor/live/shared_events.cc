#include "sartor/live/shared_events.h"

#include <fmt/core.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>

#include "sartor/base/files.h"
#include "sartor/live/erasures.h"
#include "sartor/live/key_set.h"
#include "sartor/store/shared_log.h"

namespace sartor {
namespace {

constexpr const char* kStream = "/stream";  // the id of the one that this is a copy of

constexpr std::size_t kFetchedAtOnce = 5'000;
constexpr std::size_t kSentAtOnce = 5'000;  // events of all callers, about

// Of an event_id, or of other bytes.
std::string shared_key(const std::string& event_id) {
  if (event_id.empty()) return {};
  const KeyHash hash = hash_of_key(event_id);
  return fmt::format("{:016x}{:016x}", hash.high, hash.low);
}

}  // namespace

class SharedEvents::Impl {
 public:
  Impl(std::string folder, Listener listener)
      : folder_(std::move(folder)), listener_(std::move(listener)) {}

  Status open(const StateConfig& config) {
    SARTOR_ASSIGN(log_, SharedLog::open(config));
    SARTOR_ASSIGN(auto ends, log_->ends());
    const DurableLogOptions options{.check_keys = false, .first = ends ? ends->oldest : 1};
    SARTOR_ASSIGN(copy_, EventStore::open(folder_, options));
    if (!ends) {
      SARTOR_TRY(begin());
      SARTOR_ASSIGN(ends, log_->ends());
    }
    SARTOR_TRY(check_origin(ends->origin));
    return fetch([](std::span<const StoredEvent>) {});
  }

  Result<std::vector<std::uint64_t>> append(std::span<const LiveEvent> events) {
    Waiting mine{.events = events};
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
    return std::move(mine.numbers);
  }

  Status pull() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !busy_; });
    busy_ = true;
    lock.unlock();
    const Status fetched = fetch(listener_);
    lock.lock();
    busy_ = false;
    changed_.notify_all();
    return fetched;
  }

  Status prune() { return log_->prune(); }

  std::unique_ptr<EventStore> copy_;

 private:
  // One append() that waits for its commit.
  struct Waiting {
    std::span<const LiveEvent> events;
    std::vector<std::uint64_t> numbers;
    std::optional<Status> result;
  };

  // A hash of the copy's last event; "" if it has none.
  Result<std::string> last_event() const {
    const std::uint64_t next = copy_->next();
    std::string last;
    if (next <= first_event(folder_)) return last;
    const auto visit = [&](std::span<const StoredEvent> events) {
      for (const StoredEvent& stored : events) last = shared_key(encode_event(stored.event));
      return Status();
    };
    SARTOR_ASSIGN([[maybe_unused]] const std::uint64_t end,
                  for_each_event(folder_, next - 1, visit));
    return last;
  }

  // Logs of two servers that were served by themselves are not one, whatever their numbers say.
  Status check_origin(const SharedLogOrigin& origin) const {
    const std::string path = folder_ + kStream;
    const auto known = read_file(path);
    if (known && *known == origin.id) return {};
    if (copy_->next() > first_event(folder_)) {
      SARTOR_ASSIGN(const std::string last, last_event());
      if (copy_->next() != origin.began || last != origin.before) {
        return Error{ErrorCode::config,
                     folder_ +
                         ": has events that are not those of the shared database; start from "
                         "a copy of another server's workspace, or without this folder"};
      }
    }
    return write_file(path, origin.id);
  }

  // The stream of this database does not exist yet.
  Status begin() {
    const std::uint64_t next = copy_->next();
    const std::uint64_t keys = 2'000'000;  // as a server by itself knows them again
    const std::uint64_t from = std::max(first_event(folder_), next > keys ? next - keys : 1);
    const auto tell = [this](std::span<const StoredEvent> events) -> Status {
      std::vector<std::string> known;
      for (const StoredEvent& stored : events) {
        if (!stored.event.event_id.empty()) known.push_back(shared_key(stored.event.event_id));
      }
      return known.empty() ? Status() : log_->add_keys(known, events.back().sequence);
    };
    SARTOR_ASSIGN([[maybe_unused]] const std::uint64_t end, for_each_event(folder_, from, tell));
    SARTOR_ASSIGN(const std::string last, last_event());
    return log_->begin({.id = random_digits(), .began = next, .before = last});
  }

  // What the database has and the copy has not, up to number `end`.
  Status fetch(const Listener& listener,
               std::uint64_t end = std::numeric_limits<std::uint64_t>::max()) {
    while (copy_->next() < end) {
      SARTOR_ASSIGN(const auto records,
                    log_->read(copy_->next(), std::min(kFetchedAtOnce, end - copy_->next())));
      std::vector<StoredEvent> events;
      for (const NumberedBytes& record : records) {
        auto event = decode_event(record.bytes);
        if (!event) {
          return within(fmt::format("the database's event {}", record.sequence), event.error());
        }
        events.push_back({record.sequence, std::move(*event)});
      }
      SARTOR_TRY(keep(std::move(events), listener));
      if (records.size() < kFetchedAtOnce) return {};
    }
    return {};
  }

  // Into the copy, and on to the listener.
  Status keep(std::vector<StoredEvent> stored, const Listener& listener) {
    if (stored.empty()) return {};
    std::vector<LiveEvent> events;
    for (const StoredEvent& one : stored) events.push_back(one.event);
    SARTOR_ASSIGN(const auto numbers, copy_->append(events));
    for (std::size_t e = 0; e < stored.size(); ++e) {
      if (numbers[e] == stored[e].sequence) continue;
      return Error{ErrorCode::internal, fmt::format("{}: event {} of the database got number {}",
                                                    folder_, stored[e].sequence, numbers[e])};
    }
    listener(stored);
    return {};
  }

  // Commits what waits, this thread's own and others'; called and left with the lock held.
  void lead(std::unique_lock<std::mutex>& lock) {
    busy_ = true;
    std::vector<Waiting*> batch;
    for (std::size_t events = 0; !waiting_.empty() && events < kSentAtOnce;) {
      batch.push_back(waiting_.front());
      waiting_.pop_front();
      events += batch.back()->events.size();
    }
    lock.unlock();
    const Status status = commit(batch);
    lock.lock();
    for (Waiting* one : batch) one->result = status;
    busy_ = false;
    changed_.notify_all();
  }

  // First the database, then what others committed before, then these.
  Status commit(const std::vector<Waiting*>& batch) {
    std::vector<SharedRecord> records;
    for (const Waiting* one : batch) {
      for (const LiveEvent& event : one->events) {
        records.push_back({shared_key(event.event_id), encode_event(event)});
      }
    }
    SARTOR_ASSIGN(const auto numbers, log_->append(records, copy_->next()));
    std::vector<StoredEvent> fresh;
    std::size_t r = 0;
    for (Waiting* one : batch) {
      for (const LiveEvent& event : one->events) {
        const std::uint64_t number = numbers[r++];
        one->numbers.push_back(number);
        if (number != kDuplicate) fresh.push_back({number, event});
      }
    }
    if (fresh.empty()) return {};
    SARTOR_TRY(fetch(listener_, fresh.front().sequence));
    return keep(std::move(fresh), listener_);
  }

  const std::string folder_;
  const Listener listener_;
  std::unique_ptr<SharedLog> log_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Waiting*> waiting_;
  bool busy_ = false;  // some thread commits or fetches: the copy's end is its alone
};

SharedEvents::SharedEvents(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SharedEvents::~SharedEvents() = default;

Result<std::unique_ptr<SharedEvents>> SharedEvents::open(const std::string& folder,
                                                         const StateConfig& config,
                                                         Listener listener) {
  auto impl = std::make_unique<Impl>(folder, std::move(listener));
  SARTOR_TRY(impl->open(config));
  return std::unique_ptr<SharedEvents>(new SharedEvents(std::move(impl)));
}

Result<std::vector<std::uint64_t>> SharedEvents::append(std::span<const LiveEvent> events) {
  return impl_->append(events);
}

Status SharedEvents::pull() { return impl_->pull(); }
Status SharedEvents::prune() { return impl_->prune(); }
EventStore& SharedEvents::copy() { return *impl_->copy_; }

}  // namespace sartor
