#include "sartor/serving/live_bundle.h"

#include <algorithm>
#include <chrono>
#include <vector>

namespace sartor {

std::shared_ptr<const Recommender> LiveBundle::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

// An event is on disk before it comes here, so a bundle that took over in between may have read it
// in the log already.
Status LiveBundle::learn(std::span<const StoredEvent> events) {
  std::shared_lock<std::shared_mutex> lock;
  {
    const std::lock_guard door(door_);
    lock = std::shared_lock(learning_);
  }
  const auto is_new = [&](const StoredEvent& event) { return event.sequence >= caught_up_; };
  if (std::all_of(events.begin(), events.end(), is_new)) return current_->learn(events);
  std::vector<StoredEvent> fresh;
  std::copy_if(events.begin(), events.end(), std::back_inserter(fresh), is_new);
  return current_->learn(fresh);
}

void LiveBundle::forget(const std::string& user, const std::shared_ptr<const Erasures>& erasures) {
  const std::lock_guard one(swapping_);
  current_->forget(user, erasures);
}

Result<std::uint64_t> LiveBundle::catch_up(Recommender& recommender, std::uint64_t from) const {
  if (!reader_) return from;
  return reader_(from,
                 [&](std::span<const StoredEvent> events) { return recommender.learn(events); });
}

Status LiveBundle::follow(EventReader reader) {
  const std::lock_guard one(swapping_);
  const std::lock_guard door(door_);
  const std::unique_lock lock(learning_);
  reader_ = std::move(reader);
  SARTOR_ASSIGN(caught_up_, catch_up(*current_, current_->info().events_next));
  return {};
}

// The log is read twice: all of it beside, and what came meanwhile while nobody learns. An event is
// then before `caught` and in the new bundle, or its learn() is still to come.
Result<SwapReport> LiveBundle::swap_to(const std::string& folder,
                                       const std::function<Status()>& settle) {
  const std::lock_guard one(swapping_);
  const auto start = std::chrono::steady_clock::now();
  std::shared_ptr<Recommender> old = current_;
  SARTOR_ASSIGN(auto next, Recommender::open(folder));
  next->follow_stream(follow_stream_);
  SARTOR_ASSIGN(std::uint64_t caught, catch_up(*next, next->info().events_next));
  SwapReport report{.version = next->info().model_version, .before = old->info().model_version};
  SARTOR_ASSIGN(report.smoke, smoke_test(*old, *next));
  {
    const std::lock_guard door(door_);
    const std::unique_lock lock(learning_);
    SARTOR_ASSIGN(caught, catch_up(*next, caught));
    if (settle) SARTOR_TRY(settle());
    caught_up_ = caught;
    const std::lock_guard pointer(mutex_);
    current_ = std::move(next);
  }
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace sartor
