// What users did since the bundle was made: from the event log, as it grows.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <shared_mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "sartor/base/result.h"
#include "sartor/data/catalogue.h"
#include "sartor/live/erasures.h"
#include "sartor/live/event.h"
#include "sartor/serving/live_signal.h"
#include "sartor/serving/live_taken.h"

namespace sartor {

struct Bundle;
using LiveContext = std::vector<std::pair<std::string, std::string>>;

struct LiveRow {
  Time time = 0;
  std::uint64_t sequence = 0;  // in the log
  ItemId item;                 // of the bundle; ItemId{} if it does not know the item
  float weight = 0;            // > 0: a success
  std::uint16_t type = 0xffff;
  float dwell_seconds = 0;
  double value = 0;
  std::string group;
  std::shared_ptr<const LiveContext> context;  // null: none
};

// Of one user. `rows` stand by (time, sequence), whatever order they came in, so that a restart
// gives the same; the latest kMostHistory of them.
struct LiveHistory {
  std::vector<LiveRow> rows;
  std::map<std::string, std::pair<Time, std::string>> context;  // last known value of each key
  std::set<std::string> new_items;  // taken, that the bundle does not know; kMostHistory at most
  bool masks_bundle = false;  // the user was erased: what the bundle knows of them is nobody's

  bool knows_nothing() const { return rows.empty() && context.empty() && new_items.empty(); }
};

// The user in the bundle, Vocabulary::kNone if it does not know them or may not; `live` may be
// null.
std::uint32_t user_in(const Bundle& bundle, const std::string& user, const LiveHistory* live);

// Safe to use from several threads. Costs about 100 bytes an event that is kept: all of users the
// bundle has no events of, for these have no other features; of the others only the successes
// with items that the bundle knows, for their features stay as of the bundle.
class LiveUsers {
 public:
  explicit LiveUsers(const Bundle& bundle);  // which must outlive it

  // Takes events in; they count as soon as this returns. Fails as LiveSignal::weights.
  Status learn(std::span<const StoredEvent> events);

  // As Recommender::forget.
  void forget(const std::string& user, std::shared_ptr<const Erasures> erasures);

  // As LiveSignal::weights.
  Result<std::vector<float>> weigh(std::span<const StoredEvent> events) const {
    return signal_.weights(events);
  }

  const LiveTaken& taken() const { return taken_; }

  // A copy of what is known of the user; null if that is nothing, and nothing is masked.
  std::unique_ptr<const LiveHistory> of(const std::string& user) const;

 private:
  bool is_masked(const std::string& user) const;
  LiveRow row_of(const StoredEvent& stored, float weight) const;
  void take(const StoredEvent& stored, float weight);

  const Bundle& bundle_;
  const LiveSignal signal_;
  LiveTaken taken_;
  mutable std::shared_mutex mutex_;
  std::shared_ptr<const Erasures> erasures_;
  std::unordered_map<std::string, LiveHistory> users_;
};

// Whether the bundle has events of its own of this user: then features and segment are as of the
// bundle.
bool has_events(const Bundle& bundle, std::uint32_t user);

}  // namespace sartor
