// The bundle that answers, and how another one takes over between two requests.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>

#include "sartor/base/result.h"
#include "sartor/live/event_store.h"
#include "sartor/serving/service.h"
#include "sartor/serving/smoke.h"

namespace sartor {

// Shows the acknowledged events of the workspace's log from number `from` on, in order; the number
// of the first one that it did not show.
using EventReader =
    std::function<Result<std::uint64_t>(std::uint64_t from, const EventVisitor& visit)>;

struct SwapReport {
  std::string version;  // that serves now
  std::string before;   // that served
  SmokeReport smoke;
  double seconds = 0;  // until the new one answered; requests did not wait for it
};

// Safe to use from several threads.
class LiveBundle {
 public:
  // `follow_stream` as Recommender has it, of this bundle and of all that take over.
  explicit LiveBundle(std::shared_ptr<Recommender> first, bool follow_stream = true)
      : follow_stream_(follow_stream), current_(std::move(first)) {
    current_->follow_stream(follow_stream);
  }

  // What answers now. A request asks once and keeps it to its end, so that no answer mixes two
  // bundles; the last request that keeps an old one lets it go. Waits for no load: the lock is held
  // for the copy of a pointer.
  std::shared_ptr<const Recommender> current() const;

  // As Recommender::learn, of events that stand in the log. Each counts once in the bundle that
  // serves when this returns, and in those that follow it.
  Status learn(std::span<const StoredEvent> events);

  // As Recommender::forget, for the bundle that serves; `erasures` stand in the workspace's file,
  // so those that follow know, too. Waits for a bundle that is being loaded.
  void forget(const std::string& user, const std::shared_ptr<const Erasures>& erasures);

  // Brings the bundle up to date from the log, now and whenever another takes over. To be called
  // before the first learn(). Fails as `reader` and Recommender::learn do.
  Status follow(EventReader reader);

  // Loads the bundle in `folder` beside the one that serves, shows it the events that it does not
  // have, asks both the smoke questions, and lets it serve. `settle` is called last, when nothing
  // else can fail; if it does, nothing has changed. Whatever fails, the old bundle serves on. One
  // at a time; a second caller waits.
  Result<SwapReport> swap_to(const std::string& folder, const std::function<Status()>& settle = {});

 private:
  Result<std::uint64_t> catch_up(Recommender& recommender, std::uint64_t from) const;

  const bool follow_stream_;
  std::mutex swapping_;
  EventReader reader_;

  // Events are learned under a shared lock, and a bundle takes over under the exclusive one. Who
  // waits for that holds the door, so that a steady stream of events cannot keep it waiting.
  std::mutex door_;
  std::shared_mutex learning_;
  std::uint64_t caught_up_ = 0;  // events before it came to `current_` from the log

  mutable std::mutex mutex_;  // of the pointer
  std::shared_ptr<Recommender> current_;
};

}  // namespace sartor
