// Events on their way in: durable first, then part of what is recommended.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "sartor/base/result.h"
#include "sartor/live/event_store.h"
#include "sartor/live/shared_events.h"
#include "sartor/serving/live_bundle.h"

namespace sartor {

// Shows the events of the log in `folder` that the bundle does not have to `recommender`.
Status catch_up(const std::string& folder, Recommender& recommender);

// Safe to use from several threads.
class Intake {
 public:
  // With a shared state, events go to its database, and the log is a copy.
  Intake(std::string folder, std::shared_ptr<LiveBundle> live, const StateConfig& state = {})
      : log_(std::make_shared<Log>(std::move(folder), state)), live_(std::move(live)) {}

  // Opens the log and brings the bundle up to date, this one and those that follow it. A disk that
  // cannot be written is told in notes() and tried again with every take(), but not where the log
  // is a copy: that fails with `io`, as without the database. Fails with `bad_data` if the log is
  // damaged, with `config` if another process writes it, or if [signal] cannot be told of its
  // events.
  Status open();

  // The events' numbers in the log, kDuplicate where one was there. When this returns, all of them
  // are on disk and count. Fails with `io`: none is acknowledged.
  Result<std::vector<std::uint64_t>> take(std::vector<LiveEvent> events);

  // Learns what other servers took; nothing where the log is this server's own.
  Status pull();
  // Lets the shared database forget what is older than its time, likewise.
  Status prune();

  // The number of the next event, over all servers. Fails as open() does while the log cannot be
  // written, and as pull().
  Result<std::uint64_t> next();
  // As EventStore::scrub; nothing while the log cannot be written.
  void scrub();

  // `told` hears of all new events that were taken, when they count. To be called before take().
  void tell(std::function<void(std::span<const StoredEvent>)> told) { told_ = std::move(told); }

  const std::vector<std::string>& notes() const { return log_->notes; }

 private:
  // Bundles that are loaded later read it, perhaps longer than there is an Intake.
  struct Log {
    Log(std::string path, const StateConfig& config) : folder(std::move(path)), state(config) {}
    // `listener` hears of events of a shared log.
    Status open(SharedEvents::Listener listener);
    EventStore* store() const { return shared != nullptr ? &shared->copy() : own.get(); }
    // As EventReader.
    Result<std::uint64_t> read(std::uint64_t from, const EventVisitor& visit);

    const std::string folder;
    const StateConfig state;
    std::vector<std::string> notes;
    std::mutex mutex;  // of the store's making: one of the two
    std::unique_ptr<EventStore> own;
    std::unique_ptr<SharedEvents> shared;
  };

  Status open_log() {
    return log_->open([this](std::span<const StoredEvent> events) { deliver(events); });
  }
  void deliver(std::span<const StoredEvent> events);

  const std::shared_ptr<Log> log_;
  const std::shared_ptr<LiveBundle> live_;
  std::function<void(std::span<const StoredEvent>)> told_;
};

}  // namespace sartor
