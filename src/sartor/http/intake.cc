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

Status Intake::Log::open(SharedEvents::Listener listener) {
  const std::lock_guard lock(mutex);
  if (store() != nullptr) return {};
  if (state.shared()) {
    SARTOR_ASSIGN(shared, SharedEvents::open(folder, state, std::move(listener)));
  } else {
    SARTOR_ASSIGN(own, EventStore::open(folder));
  }
  notes.insert(notes.end(), store()->notes().begin(), store()->notes().end());
  return {};
}

// What is written and not yet synced stands in the file, too: it is not shown, for it may be cut
// off again, and its number be another event's.
Result<std::uint64_t> Intake::Log::read(std::uint64_t from, const EventVisitor& visit) {
  std::uint64_t end = std::numeric_limits<std::uint64_t>::max();
  {
    const std::lock_guard lock(mutex);
    if (store() != nullptr) end = store()->next();
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
  if (const Status opened = open_log(); !opened) {
    if (opened.error().code != ErrorCode::io || log_->state.shared()) return opened;
    log_->notes.push_back("no events can be taken: " + opened.error().message);
  }
  return live_->follow([log = log_](std::uint64_t from, const EventVisitor& visit) {
    return log->read(from, visit);
  });
}

Status Intake::pull() { return log_->shared == nullptr ? Status() : log_->shared->pull(); }
Status Intake::prune() { return log_->shared == nullptr ? Status() : log_->shared->prune(); }

Result<std::uint64_t> Intake::next() {
  SARTOR_TRY(open_log());
  SARTOR_TRY(pull());
  return log_->store()->next();
}

void Intake::scrub() {
  if (open_log()) log_->store()->scrub();
}

// They are on disk: whatever this says, they were taken.
void Intake::deliver(std::span<const StoredEvent> events) {
  (void)live_->learn(events);
  if (told_ && !events.empty()) told_(events);
}

Result<std::vector<std::uint64_t>> Intake::take(std::vector<LiveEvent> events) {
  SARTOR_TRY(open_log());
  if (log_->shared != nullptr) return log_->shared->append(events);
  SARTOR_ASSIGN(auto numbers, log_->own->append(events));
  std::vector<StoredEvent> fresh;
  for (std::size_t e = 0; e < events.size(); ++e) {
    if (numbers[e] != kDuplicate) fresh.push_back({numbers[e], std::move(events[e])});
  }
  deliver(fresh);
  return numbers;
}

}  // namespace sartor
