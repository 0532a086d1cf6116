#include "sartor/http/intake.h"

namespace sartor {

Status catch_up(const std::string& folder, Recommender& recommender) {
  SARTOR_ASSIGN([[maybe_unused]] const std::uint64_t next,
                for_each_event(folder, recommender.info().events_next,
                               [&](std::span<const StoredEvent> events) {
                                 return recommender.learn(events);
                               }));
  return {};
}

Status Intake::open_store() {
  const std::lock_guard lock(mutex_);
  if (store_ != nullptr) return {};
  SARTOR_ASSIGN(store_, EventStore::open(folder_));
  notes_.insert(notes_.end(), store_->notes().begin(), store_->notes().end());
  return {};
}

Status Intake::open() {
  if (const Status opened = open_store(); !opened) {
    if (opened.error().code != ErrorCode::io) return opened;
    notes_.push_back("no events can be taken: " + opened.error().message);
  }
  return catch_up(folder_, *recommender_);
}

Result<std::vector<std::uint64_t>> Intake::take(std::vector<LiveEvent> events) {
  SARTOR_TRY(open_store());
  SARTOR_ASSIGN(auto numbers, store_->append(events));
  std::vector<StoredEvent> fresh;
  for (std::size_t e = 0; e < events.size(); ++e) {
    if (numbers[e] != kDuplicate) fresh.push_back({numbers[e], std::move(events[e])});
  }
  // They are on disk: whatever this says, they were taken.
  (void)recommender_->learn(fresh);
  if (told_ && !fresh.empty()) told_(fresh);
  return numbers;
}

}  // namespace sartor
