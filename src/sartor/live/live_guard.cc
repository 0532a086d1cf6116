#include "sartor/live/live_guard.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "sartor/base/files.h"
#include "sartor/live/event_store.h"

namespace sartor {
namespace {

Time system_clock_now() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// The number of the last change in a file of changes; 0 if there is none.
std::uint64_t last_number_in(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return 0;
  std::uint64_t last = 0;
  for (std::size_t begin = 0; begin < text->size();) {
    const std::size_t end = std::min(text->find('\n', begin), text->size());
    const Json line = parse_json(std::string_view(*text).substr(begin, end - begin));
    if (line.is_object() && line.contains("number") && line["number"].is_number_unsigned()) {
      last = std::max(last, line["number"].get<std::uint64_t>());
    }
    begin = end + 1;
  }
  return last;
}

// The number of the next event of the log in `folder`, without reading all of it.
Result<std::uint64_t> next_event(const std::string& folder) {
  SARTOR_ASSIGN(const auto files, log_files(folder));
  SARTOR_ASSIGN(const auto pieces, event_pieces(folder));
  const std::uint64_t from =
      std::max(files.empty() ? 1 : files.back(), pieces.empty() ? 1 : pieces.back().last + 1);
  return for_each_event(folder, from, [](std::span<const StoredEvent>) { return Status(); });
}

}  // namespace

LiveGuard::LiveGuard(std::string workspace, const GuardOptions& options)
    : workspace_(std::move(workspace)), options_(options), board_(options.switchboard) {
  if (!options_.clock) options_.clock = system_clock_now;
}

LiveGuard::~LiveGuard() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  closing_changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  if (log_ != nullptr) (void)log_->flush();
  {
    const std::lock_guard lock(saving_);
    saved_ = 0;  // the running hour, too
  }
  (void)save();
}

Status LiveGuard::read_state() {
  const std::string path = workspace_ + "/breakers.json";
  logged_ = last_number_in(workspace_ + "/alerts.jsonl");
  const auto text = read_file(path);
  if (text) {
    auto board = Switchboard::from_json(parse_json(*text), options_.switchboard);
    if (board) {
      board_ = std::move(*board);
      is_new_ = false;
    } else {
      std::error_code ignored;
      std::filesystem::rename(path, path + ".bad", ignored);
      notes_.push_back(path + ": " + board.error().message +
                       "; all breakers begin anew (it is kept as breakers.json.bad)");
    }
  } else if (text.error().code != ErrorCode::not_found) {
    notes_.push_back(text.error().message + "; all breakers begin anew");
  }
  board_.number_changes_after(logged_);
  return {};
}

Status LiveGuard::open_log() {
  const ExposureLogOptions options{
      // Lists that events may come to, and an hour that may not be in the state.
      .read_age = options_.switchboard.attribution + 2 * kHour,
      .keep_age = std::max(options_.keep_exposures, options_.switchboard.attribution + 2 * kHour)};
  auto log = ExposureLog::open(workspace_ + "/" + kExposureFolder, options, [&](Exposure exposure) {
    to_replay_.push_back(std::move(exposure));
  });
  std::reverse(to_replay_.begin(), to_replay_.end());
  if (!log) {
    if (log.error().code != ErrorCode::io) return log.error();
    notes_.push_back("exposures are not logged: " + log.error().message);
    return {};
  }
  log_ = std::move(*log);
  notes_.insert(notes_.end(), log_->notes().begin(), log_->notes().end());
  return {};
}

Result<std::unique_ptr<LiveGuard>> LiveGuard::open(const std::string& workspace,
                                                   const GuardOptions& options) {
  std::unique_ptr<LiveGuard> guard(new LiveGuard(workspace, options));
  SARTOR_TRY(guard->read_state());
  SARTOR_TRY(guard->open_log());
  return guard;
}

void LiveGuard::replay_exposures(Time until) {
  while (!to_replay_.empty() && to_replay_.back().time <= until) {
    board_.remember(to_replay_.back());
    to_replay_.pop_back();
  }
}

// Lists and events of the logs go by in the order of their time, so that hours end as they did.
Status LiveGuard::catch_up(const std::string& folder, const Weigh& weigh) {
  const std::lock_guard lock(mutex_);
  const auto visit = [&](std::span<const StoredEvent> events) -> Status {
    SARTOR_ASSIGN(const auto weights, weigh(events));
    for (std::size_t e = 0; e < events.size(); ++e) {
      replay_exposures(events[e].event.received);
      board_.take(events[e], weights[e] > 0);
    }
    return {};
  };
  SARTOR_ASSIGN(const std::uint64_t next, next_event(folder));
  if (is_new_ && to_replay_.empty()) board_.skip_events(next);  // no list, no click
  if (board_.events_from() < next) {
    SARTOR_ASSIGN(const std::uint64_t end, for_each_event(folder, board_.events_from(), visit));
    board_.skip_events(end);  // those of erased users leave gaps
  }
  replay_exposures(std::numeric_limits<Time>::max());
  board_.advance(now());
  thread_ = std::thread([this] { work(); });
  return {};
}

ArmChoice LiveGuard::choose(const std::string& version, const std::string& segment,
                            const std::string& visitor) {
  const std::lock_guard lock(mutex_);
  return board_.choose(version, segment, visitor, now());
}

void LiveGuard::answered(const std::string& segment, const ModelAnswer& answer) {
  const std::lock_guard lock(mutex_);
  board_.answered(segment, answer, now());
}

Status LiveGuard::close(const std::string& segment) {
  {
    const std::lock_guard lock(mutex_);
    SARTOR_TRY(board_.close(segment, now()));
  }
  return save();
}

Status LiveGuard::latch(const std::string& segment) {
  {
    const std::lock_guard lock(mutex_);
    SARTOR_TRY(board_.latch(segment, now()));
  }
  return save();
}

std::vector<Switchboard::Shared> LiveGuard::untold() const {
  const std::lock_guard lock(mutex_);
  return board_.untold();
}

void LiveGuard::told(const std::string& segment) {
  const std::lock_guard lock(mutex_);
  board_.told(segment);
}

void LiveGuard::follow(const std::string& version, const Switchboard::Shared& shared) {
  const std::lock_guard lock(mutex_);
  board_.follow(version, shared, now());
}

LaneView LiveGuard::view(const std::string& segment) const {
  const std::lock_guard lock(mutex_);
  return board_.view(segment);
}

std::vector<BreakerChange> LiveGuard::changes() const {
  const std::lock_guard lock(mutex_);
  return {board_.changes().rbegin(), board_.changes().rend()};
}

void LiveGuard::show(Exposure exposure) {
  const std::lock_guard lock(mutex_);  // so that the log has them in the order of their numbers
  board_.show(exposure, now());
  if (log_ != nullptr) {
    log_->push(exposure);
  } else {
    ++lost_;
  }
}

void LiveGuard::take(std::span<const StoredEvent> events, const Weigh& weigh) {
  std::vector<StoredEvent> tied;
  {
    const std::lock_guard lock(mutex_);
    std::copy_if(events.begin(), events.end(), std::back_inserter(tied),
                 [&](const StoredEvent& stored) { return board_.is_tied(stored.event); });
  }
  // Who cannot tell successes counts none.
  const auto weights =
      tied.empty() ? Result<std::vector<float>>(std::vector<float>()) : weigh(tied);
  {
    const std::lock_guard lock(mutex_);
    for (std::size_t e = 0; e < tied.size(); ++e) {
      board_.take(tied[e], weights && (*weights)[e] > 0);
    }
    for (const StoredEvent& stored : events) board_.take(stored, false);  // the others
  }
  if (!tied.empty() && log_ != nullptr) (void)log_->flush();
}

void LiveGuard::forget(const std::string& user) {
  const std::lock_guard lock(mutex_);
  board_.forget(user);
  to_scrub_ = true;
}

void LiveGuard::flush() {
  if (log_ != nullptr) (void)log_->flush();
}

Status LiveGuard::append_alerts(const std::vector<BreakerChange>& changes) {
  std::string lines;
  std::uint64_t last = logged_;
  for (const BreakerChange& change : changes) {
    if (change.number <= logged_) continue;
    lines += json_text(change_json(change)) + "\n";
    last = std::max(last, change.number);
  }
  if (lines.empty()) return {};
  const std::string path = workspace_ + "/alerts.jsonl";
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return io_error(path, "open");
  Status status = write_all(fd, lines, path);
  if (status && ::fsync(fd) != 0) status = io_error(path, "sync");
  ::close(fd);
  if (status) logged_ = last;
  return status;
}

// First the state, then the alerts: what a crash between the two leaves out of alerts.jsonl is
// still among the state's latest changes, and written after the restart.
Status LiveGuard::save() {
  const std::lock_guard saving(saving_);
  Json state;
  std::vector<BreakerChange> changes;
  std::uint64_t milestones = 0;
  {
    const std::lock_guard lock(mutex_);
    milestones = board_.milestones() + 1;
    if (milestones == saved_) return {};
    state = board_.to_json();
    changes.assign(board_.changes().begin(), board_.changes().end());
  }
  SARTOR_TRY(write_file(workspace_ + "/breakers.json", json_text(state)));
  saved_ = milestones;
  return append_alerts(changes);
}

void LiveGuard::work() {
  std::unique_lock lock(mutex_);
  while (!closing_) {
    board_.advance(now());
    const bool scrubs = std::exchange(to_scrub_, false) && log_ != nullptr;
    lock.unlock();
    (void)save();                     // a disk that says no is asked again
    if (scrubs) (void)log_->scrub();  // and here at the next erasure or start
    lock.lock();
    closing_changed_.wait_for(lock, std::chrono::milliseconds(200), [this] { return closing_; });
  }
}

std::uint64_t LiveGuard::lost_exposures() const {
  const std::lock_guard lock(mutex_);
  return lost_ + (log_ == nullptr ? 0 : log_->lost());
}

}  // namespace sartor
