#include "sartor/http/intake.h"

#include <algorithm>
#include <limits>

namespace sartor {

Status catch_up(const std::string& folder, Recommender& recommender) {
  SARTOR_ASSIGN([[maybe_unused]] const std::uint64_t next,
                for_each_event(folder, recommender.info().events_next,
                               [&](std::span<const StoredEvent> events) {
                                 return recommender.learn(events);
                               }));
  return {};
}

Status Intake::Log::open() {
  const std::lock_guard lock(mutex);
  if (store != nullptr) return {};
  SARTOR_ASSIGN(store, EventStore::open(folder));
  notes.insert(notes.end(), store->notes().begin(), store->notes().end());
  return {};
}

// What is written and not yet synced stands in the file, too: it is not shown, for it may be cut
// off again, and its number be another event's.
Result<std::uint64_t> Intake::Log::read(std::uint64_t from, const EventVisitor& visit) {
  std::uint64_t end = std::numeric_limits<std::uint64_t>::max();
  {
    const std::lock_guard lock(mutex);
    if (store != nullptr) end = store->next();
  }
  if (from == end) return end;
  const auto before_end = [&](std::span<const StoredEvent> events) {
    const auto after = std::partition_point(
        events.begin(), events.end(), [&](const auto& event) { return event.sequence < end; });
    const auto shown = static_cast<std::size_t>(after - events.begin());
    return shown == 0 ? Status() : visit(events.first(shown));
  };
  SARTOR_ASSIGN(const std::uint64_t next, for_each_event(folder, from, before_end));
  return std::min(next, end);
}

Status Intake::open() {
  if (const Status opened = log_->open(); !opened) {
    if (opened.error().code != ErrorCode::io) return opened;
    log_->notes.push_back("no events can be taken: " + opened.error().message);
  }
  return live_->follow([log = log_](std::uint64_t from, const EventVisitor& visit) {
    return log->read(from, visit);
  });
}

Result<std::uint64_t> Intake::next() {
  SARTOR_TRY(log_->open());
  return log_->store->next();
}

void Intake::scrub() {
  if (log_->open()) log_->store->scrub();
}

Result<std::vector<std::uint64_t>> Intake::take(std::vector<LiveEvent> events) {
  SARTOR_TRY(log_->open());
  SARTOR_ASSIGN(auto numbers, log_->store->append(events));
  std::vector<StoredEvent> fresh;
  for (std::size_t e = 0; e < events.size(); ++e) {
    if (numbers[e] != kDuplicate) fresh.push_back({numbers[e], std::move(events[e])});
  }
  // They are on disk: whatever this says, they were taken.
  (void)live_->learn(fresh);
  if (told_ && !fresh.empty()) told_(fresh);
  return numbers;
}

}  // namespace sartor
