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
#include "sartor/serving/live_bundle.h"

namespace sartor {

// Shows the events of the log in `folder` that the bundle does not have to `recommender`.
Status catch_up(const std::string& folder, Recommender& recommender);

// Safe to use from several threads.
class Intake {
 public:
  Intake(std::string folder, std::shared_ptr<LiveBundle> live)
      : log_(std::make_shared<Log>(std::move(folder))), live_(std::move(live)) {}

  // Opens the log and brings the bundle up to date, this one and those that follow it. A disk that
  // cannot be written is told in notes() and tried again with every take(). Fails with `bad_data`
  // if the log is damaged, with `config` if another process writes it, or if [signal] cannot be
  // told of its events.
  Status open();

  // The events' numbers in the log, kDuplicate where one was there. When this returns, all of them
  // are on disk and count. Fails with `io`: none is acknowledged.
  Result<std::vector<std::uint64_t>> take(std::vector<LiveEvent> events);

  // The number of the next event. Fails as open() does while the log cannot be written.
  Result<std::uint64_t> next();
  // As EventStore::scrub; nothing while the log cannot be written.
  void scrub();

  // `told` hears of all new events that were taken, when they count. To be called before take().
  void tell(std::function<void(std::span<const StoredEvent>)> told) { told_ = std::move(told); }

  const std::vector<std::string>& notes() const { return log_->notes; }

 private:
  // Bundles that are loaded later read it, perhaps longer than there is an Intake.
  struct Log {
    explicit Log(std::string path) : folder(std::move(path)) {}
    Status open();
    // As EventReader.
    Result<std::uint64_t> read(std::uint64_t from, const EventVisitor& visit);

    const std::string folder;
    std::vector<std::string> notes;
    std::mutex mutex;  // of the store's making
    std::unique_ptr<EventStore> store;
  };

  const std::shared_ptr<Log> log_;
  const std::shared_ptr<LiveBundle> live_;
  std::function<void(std::span<const StoredEvent>)> told_;
};

}  // namespace sartor
