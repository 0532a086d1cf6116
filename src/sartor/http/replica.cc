#include "sartor/http/replica.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>

namespace sartor {
namespace {

constexpr std::chrono::milliseconds kLookInterval{250};
constexpr std::chrono::minutes kPruneInterval{1};
constexpr std::chrono::seconds kFirstPause{5};
constexpr std::chrono::seconds kLongestPause{60};
constexpr std::string_view kBreakerPrefix = "breaker/";

Time replica_clock() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string breaker_key(const std::string& version, const std::string& segment) {
  return fmt::format("{}{}/{}", kBreakerPrefix, version, segment);
}

std::string shared_text(const Switchboard::Shared& shared) {
  return json_text({{"change", change_json(shared.change)}, {"trips", shared.trips}});
}

// None if it is not one of ours.
std::optional<Switchboard::Shared> shared_of(const StateEntry& entry) {
  const Json json = parse_json(entry.value);
  if (!json.is_object() || !json.contains("change") || !json.contains("trips") ||
      !json["trips"].is_array()) {
    return {};
  }
  const auto change = change_of(json["change"]);
  if (!change) return {};
  Switchboard::Shared shared{.segment = change->segment, .change = *change, .trips = {}};
  for (const Json& time : json["trips"]) {
    if (time.is_number_integer()) shared.trips.push_back(time.get<Time>());
  }
  return shared;
}

}  // namespace

Result<std::shared_ptr<Replica>> Replica::start(const ReplicaParts& parts) {
  std::shared_ptr<Replica> replica(new Replica(parts));
  replica->served_ = replica->serving();
  SARTOR_TRY(replica->read_entries());
  if (!replica->wanted_) {
    SARTOR_TRY(parts.state->put_if(kCurrentBundle, 0, replica->served_));
    SARTOR_TRY(replica->read_entries());
  }
  SARTOR_TRY(replica->follow_bundle());
  replica->follow_breakers();
  replica->thread_ = std::thread([self = replica.get()] { self->run(); });
  return replica;
}

Replica::~Replica() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  closing_changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Replica::run() {
  std::unique_lock lock(mutex_);
  while (!closing_) {
    lock.unlock();
    report(look());
    lock.lock();
    closing_changed_.wait_for(lock, kLookInterval, [this] { return closing_; });
  }
}

void Replica::report(const Status& looked) {
  const std::string reason = looked ? "" : looked.error().message;
  const bool is_away = !looked && looked.error().code == ErrorCode::io;
  bool changed = false;
  {
    const std::lock_guard lock(mutex_);
    changed = lost_.empty() != reason.empty();
    // Anybody may ask for health: where the database is, is for the server's own log.
    if (looked) lost_.clear();
    if (!looked && (changed || !is_away)) {
      lost_ = is_away ? "shared state: cannot be reached since " + format_time(replica_clock())
                      : "shared state: " + reason;
    }
  }
  if (!changed) return;
  parts_.tell(looked ? "the shared state is there again"
                     : "warning: going on without the shared state: " + reason);
}

std::vector<std::string> Replica::troubles() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> all;
  if (!lost_.empty()) all.push_back(lost_);
  if (!behind_.empty()) all.push_back(behind_);
  return all;
}

std::string Replica::serving() const {
  return std::filesystem::path(parts_.live->current()->info().path).filename().string();
}

// A bundle's change first: what breakers did before it is no more.
Status Replica::look() {
  SARTOR_TRY(read_entries());
  SARTOR_TRY(parts_.intake->pull());
  SARTOR_TRY(follow_bundle());
  SARTOR_TRY(share_breakers());
  follow_breakers();
  return prune();
}

Status Replica::read_entries() {
  SARTOR_ASSIGN(const auto entries, parts_.state->entries_after(seen_));
  for (const StateEntry& entry : entries) {
    seen_ = entry.number;
    if (entry.key == kCurrentBundle) {
      wanted_ = entry;
      pause_ = {};
      next_try_ = {};
    }
    if (entry.key.starts_with(kBreakerPrefix)) breakers_[entry.key] = entry;
    erased_ = erased_ || entry.key.starts_with(kErasedPrefix);
  }
  if (erased_) SARTOR_TRY(parts_.erasures->follow());
  erased_ = false;
  return {};
}

// What cannot be served may still come, or be mended: it is tried again, ever more seldom.
void Replica::obey_bundle(const std::string& now) {
  using Clock = std::chrono::steady_clock;
  std::string behind;
  if (wanted_->value != now) {
    if (Clock::now() < next_try_) return;
    const auto promoted = parts_.shelf->promote(wanted_->value);
    if (!promoted && promoted.error().code == ErrorCode::not_found) {
      behind =
          fmt::format("the others serve bundle {}, which is not in bundles/ here", wanted_->value);
    } else if (!promoted && promoted.error().code != ErrorCode::invalid_argument) {
      behind = fmt::format("the others serve bundle {}, which cannot be served here: {}",
                           wanted_->value, promoted.error().message);
      pause_ = std::clamp(2 * pause_, kFirstPause, kLongestPause);
      next_try_ = Clock::now() + pause_;
    }
    served_ = serving();
  }
  if (behind.empty()) followed_ = wanted_->number;
  const std::lock_guard lock(mutex_);
  behind_ = behind;
}

// Here somebody published, promoted or rolled back: then that is for all. Elsewhere: then for here.
Status Replica::follow_bundle() {
  const std::string now = serving();
  const std::string before = std::exchange(served_, now);
  if (now == before) {
    if (wanted_ && wanted_->number != followed_) obey_bundle(now);
    return {};
  }
  if (!wanted_ || wanted_->value != now) {
    const auto number = parts_.state->put_if(kCurrentBundle, wanted_ ? wanted_->number : 0, now);
    if (!number || !*number) served_ = before;  // tried again, when what was faster is read
    if (!number) return number.error();
    if (!*number) return {};
    wanted_ = StateEntry{kCurrentBundle, now, **number};
  }
  followed_ = wanted_->number;
  const std::lock_guard lock(mutex_);
  behind_.clear();
  return {};
}

// The later one of two changes at once holds.
Status Replica::share_breakers() {
  const std::int64_t since = wanted_ ? wanted_->number : 0;  // of this version
  for (const Switchboard::Shared& mine : parts_.guard->untold()) {
    const std::string key = breaker_key(mine.change.version, mine.segment);
    const auto known = breakers_.find(key);
    if (mine.change.version == served_) {
      const auto theirs = known == breakers_.end() ? std::nullopt : shared_of(known->second);
      const bool is_later =
          !theirs || known->second.number < since || theirs->change.time < mine.change.time;
      if (is_later) {
        const std::string text = shared_text(mine);
        SARTOR_ASSIGN(
            const auto number,
            parts_.state->put_if(key, known == breakers_.end() ? 0 : known->second.number, text));
        if (!number) continue;  // looked at again when it was read
        breakers_[key] = {key, text, *number};
        applied_[key] = *number;
      }
    }
    parts_.guard->told(mine.segment);
  }
  return {};
}

void Replica::follow_breakers() {
  const std::string ours = breaker_key(served_, "");
  for (const auto& [key, entry] : breakers_) {
    if (!key.starts_with(ours) || applied_[key] == entry.number) continue;
    if (wanted_ && entry.number < wanted_->number) continue;
    if (const auto theirs = shared_of(entry)) parts_.guard->follow(served_, *theirs);
    applied_[key] = entry.number;
  }
}

std::string replica_metrics(const Replica* replica) {
  return fmt::format(
      "# HELP sartor_degraded 1 if the server falls short of the others that share its state.\n"
      "# TYPE sartor_degraded gauge\nsartor_degraded {}\n",
      replica != nullptr && !replica->troubles().empty() ? 1 : 0);
}

Status Replica::prune() {
  const auto now = std::chrono::steady_clock::now();
  if (now - pruned_ < kPruneInterval) return {};
  pruned_ = now;
  SARTOR_TRY(parts_.intake->prune());
  return parts_.erasures->prune(replica_clock());
}

}  // namespace sartor
