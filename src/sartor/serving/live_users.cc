#include "sartor/serving/live_users.h"

#include <algorithm>
#include <mutex>
#include <tuple>

#include "sartor/serving/bundle.h"

namespace sartor {

LiveUsers::LiveUsers(const Bundle& bundle)
    : bundle_(bundle),
      signal_(bundle.positive, bundle.weight, bundle.space.context),
      taken_(bundle),
      erasures_(bundle.erasures) {}

std::uint32_t user_in(const Bundle& bundle, const std::string& user, const LiveHistory* live) {
  if (live != nullptr && live->masks_bundle) return Vocabulary::kNone;
  return bundle.catalogue.users().find(user);
}

// An id that was erased after the bundle's run; one from before it is in the bundle only if it came
// back, as a new user.
bool LiveUsers::is_masked(const std::string& user) const {
  const Erasure* erasure = erasures_->of(user);
  return erasure != nullptr && erasure->number >= bundle_.info.erased;
}

bool has_events(const Bundle& bundle, std::uint32_t user) {
  if (user == Vocabulary::kNone) return false;
  const Column* events = bundle.catalogue.user_features().find("events");
  if (events != nullptr && !events->is_text) return events->numbers[user] > 0;
  return !bundle.catalogue.history_of(UserId{user}).empty();
}

LiveRow LiveUsers::row_of(const StoredEvent& stored, float weight) const {
  const LiveEvent& event = stored.event;
  LiveRow row{.time = event.time,
              .sequence = stored.sequence,
              .weight = weight,
              .dwell_seconds = static_cast<float>(event.dwell_seconds),
              .value = event.value,
              .group = event.group,
              .context = nullptr};
  const std::uint32_t item = bundle_.catalogue.items().find(event.item);
  if (item != Vocabulary::kNone) row.item = ItemId{item};
  const auto& types = bundle_.space.types;
  const auto type = std::lower_bound(types.begin(), types.end(), event.type);
  if (type != types.end() && *type == event.type) {
    row.type = static_cast<std::uint16_t>(type - types.begin());
  }
  return row;
}

void LiveUsers::take(const StoredEvent& stored, float weight) {
  const LiveEvent& event = stored.event;
  if (erasures_->covers_event(event.user, stored.sequence)) return;
  LiveRow row = row_of(stored, weight);
  const bool kept = is_masked(event.user) ||
                    !has_events(bundle_, bundle_.catalogue.users().find(event.user)) ||
                    (weight > 0 && row.item != ItemId{});
  const bool is_new_item = weight > 0 && row.item == ItemId{};
  if (!kept && !is_new_item && event.context.empty()) return;
  LiveHistory& history = users_[event.user];
  if (is_new_item && history.new_items.size() < kMostHistory) history.new_items.insert(event.item);
  for (const auto& [key, value] : event.context) {
    auto& [time, last] = history.context.try_emplace(key, event.time, value).first->second;
    if (time > event.time) continue;
    time = event.time;
    last = value;
  }
  if (!kept) return;
  auto& rows = history.rows;
  if (!event.context.empty()) {
    const bool same =
        !rows.empty() && rows.back().context != nullptr && *rows.back().context == event.context;
    row.context = same ? rows.back().context : std::make_shared<const LiveContext>(event.context);
  }
  const auto place =
      std::upper_bound(rows.begin(), rows.end(), row, [](const LiveRow& a, const LiveRow& b) {
        return std::tie(a.time, a.sequence) < std::tie(b.time, b.sequence);
      });
  rows.insert(place, std::move(row));
  if (rows.size() > kMostHistory) rows.erase(rows.begin());
}

Status LiveUsers::learn(std::span<const StoredEvent> events) {
  SARTOR_ASSIGN(auto weights, signal_.weights(events));
  const std::unique_lock lock(mutex_);
  for (std::size_t e = 0; e < events.size(); ++e) {
    if (erasures_->covers_event(events[e].event.user, events[e].sequence)) weights[e] = 0;
  }
  taken_.learn(events, weights);
  for (std::size_t e = 0; e < events.size(); ++e) take(events[e], weights[e]);
  return {};
}

// What came after the erasure and is there already stays: context is told anew from it.
void LiveUsers::forget(const std::string& user, std::shared_ptr<const Erasures> erasures) {
  const std::unique_lock lock(mutex_);
  if (erasures->size() > erasures_->size()) erasures_ = std::move(erasures);
  taken_.forget(user);
  const auto found = users_.find(user);
  if (found == users_.end()) return;
  LiveHistory& history = found->second;
  std::erase_if(history.rows,
                [&](const LiveRow& row) { return erasures_->covers_event(user, row.sequence); });
  history.context.clear();
  history.new_items.clear();
  for (const LiveRow& row : history.rows) {
    if (row.context == nullptr) continue;
    for (const auto& [key, value] : *row.context) history.context[key] = {row.time, value};
  }
  if (history.knows_nothing()) users_.erase(found);
}

std::unique_ptr<const LiveHistory> LiveUsers::of(const std::string& user) const {
  const std::shared_lock lock(mutex_);
  const auto found = users_.find(user);
  const bool masked = is_masked(user);
  if (found == users_.end() && !masked) return nullptr;
  LiveHistory history = found == users_.end() ? LiveHistory() : found->second;
  history.masks_bundle = masked;
  return std::make_unique<const LiveHistory>(std::move(history));
}

}  // namespace sartor
