// The breakers of all segments, fed by the lists that were shown and the events that came: who
// answers whom, and what follows from it. No clock, no disk, no threads of its own (live_guard.h
// has them).
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sartor/base/json.h"
#include "sartor/base/result.h"
#include "sartor/live/breaker.h"
#include "sartor/live/event.h"
#include "sartor/live/exposure.h"
#include "sartor/live/exposure_index.h"
#include "sartor/live/traffic.h"

namespace sartor {

struct SwitchboardOptions {
  double holdback_least = 0.05;  // holdback_share()
  double holdback_most = 0.20;   // 0 with holdback_least = 0: nobody is held back
  Time latency_limit = 100'000;  // of a segment's model, for one list, in microseconds
  Time timeout = kSecond;        // longer than this is a failure
  Time attribution = 24 * kHour;
  bool watch_peers = true;  // compare segments with the others, too (peers.h)
};

// What people see of the comparison of a segment with the others.
struct PeerView {
  std::size_t days = 0;   // known, of the kUsualDays that it takes
  bool watching = false;  // they are all known, and steady enough
  UsualRatio usual;
  double m = 0;  // it is behind at kTripAt
};

// Who answers a request whose segment has a model of its own.
struct ArmChoice {
  Arm arm = Arm::none;        // none: no comparison is made
  bool general = false;       // else the segment's model
  bool breaker_open = false;  // why, if general
};

// What a segment's model did when it was asked for a list.
struct ModelAnswer {
  bool failed = false;  // an error, scores that are no numbers, or no list where there could be one
  Time took = 0;
};

// What people see of one segment.
struct LaneView {
  BreakerState state = BreakerState::closed;
  Time since = 0;  // 0: it was not asked for yet
  std::optional<Time> until;
  int trips = 0;
  double holdback = 0;             // today's share
  double impressions_per_day = 0;  // 0: not known yet
  bool only_collapses = false;     // its traffic is known, and too small for more
  double m = 0;                    // collapse is told at kTripAt
  double l = 0;                    // recovery at kRecoveredAt
  double phi = 1;
  PeerView peers;
  PairedCounts hour;  // the one that runs
  // Since the process started.
  std::map<std::string, std::uint64_t> shown;    // by arm
  std::map<std::string, std::uint64_t> clicked;  // by arm
};

// Moments should ascend; one that does not counts as the latest before it.
class Switchboard {
 public:
  explicit Switchboard(const SwitchboardOptions& options)
      : options_(options), index_(options.attribution) {}

  // For a list of bundle `version`. A version that was not there before is adopted, all breakers
  // beginning anew; lists of the version before it, under way while it changed, get no arm.
  ArmChoice choose(const std::string& version, const std::string& segment,
                   const std::string& visitor, Time now);
  // What became of it, where the segment's model was asked.
  void answered(const std::string& segment, const ModelAnswer& answer, Time now);
  // Gives the list its number and its time, counts it, and remembers it for its events.
  void show(Exposure& exposure, Time now);

  // Its lists are not remembered any more; what they counted for stays counted.
  void forget(const std::string& user) { index_.forget(user); }

  // Whether an event belongs to a list that is remembered.
  bool is_tied(const LiveEvent& event) { return index_.tie(event).has_value(); }
  // An event of the log, once; if it is a success and tied to a list, it is a click of that list's
  // arm. A second success with the same item of the same list does not count again.
  void take(const StoredEvent& stored, bool success);

  // Ends hours and waits that are over.
  void advance(Time now);
  // An operator's word. Fails with `not_found` if there was no list of this segment yet.
  Status close(const std::string& segment, Time now);
  Status latch(const std::string& segment, Time now);

  // After a restart, before anything else: lists and events of the logs, in order of time. What the
  // state knows already only becomes tied again.
  void remember(const Exposure& exposure);
  std::uint64_t events_from() const { return events_.next; }  // the first that may be missing
  void skip_events(std::uint64_t next) { events_ = {.next = next, .above = {}}; }

  // For servers that share their breakers: what each segment changed to last, as of the present
  // version, where others were not told of it yet; and that they were.
  struct Shared {
    std::string segment;
    BreakerChange change;
    std::vector<Time> trips;
  };
  std::vector<Shared> untold() const;
  void told(const std::string& segment) { untold_.erase(segment); }
  // What another server changed in a segment of bundle `version`, which serves here.
  void follow(const std::string& version, const Shared& shared, Time now);

  LaneView view(const std::string& segment) const;
  std::vector<std::string> segments() const;
  const std::deque<BreakerChange>& changes() const { return changes_; }  // the latest, ascending
  std::uint64_t last_change() const { return last_change_; }
  void number_changes_after(std::uint64_t number);
  // How often something changed that a restart must not lose for long: a state, or an hour's end.
  std::uint64_t milestones() const { return milestones_; }

  Json to_json() const;
  // Fails with `bad_data`.
  static Result<Switchboard> from_json(const Json& json, const SwitchboardOptions& options);

  static constexpr std::size_t kChangesKept = 200;

 private:
  struct Lane {
    Breaker breaker;
    SegmentTraffic traffic;
    std::int64_t hour = 0;
    PairedCounts counts;   // of that hour
    ArmCounts on_general;  // likewise, as PeerCounts has them
    ArmCounts peers;
    std::map<std::string, std::uint64_t> shown;
    std::map<std::string, std::uint64_t> clicked;
  };
  // Which events were counted: all before `next`, and some above.
  struct Counted {
    std::uint64_t next = 1;
    std::set<std::uint64_t> above;
    bool add(std::uint64_t sequence);
  };
  struct Click {
    std::uint64_t list = 0;
    std::size_t position = 0;
    Time listed = 0;
  };

  Time moment(Time now) { return now_ = std::max(now_, now); }
  Lane& lane_of(const std::string& segment);
  void roll(const std::string& segment, Lane& lane);
  static void forget_hour(Lane& lane);
  void note(const std::string& segment, Lane& lane, const std::optional<BreakerChange>& change);
  void keep(const std::string& segment, Lane& lane, const BreakerChange& change);
  bool adopt(const std::string& version);
  double holdback_of(const Lane& lane) const;
  PeerHour end_peer_hour(Lane& lane, const ArmCounts& model, Time within);
  double peer_phi(const Lane& lane, Time now) const;
  PeerView view_peers(const Lane& lane) const;
  void count_for_peers(const std::string& segment, Time listed, std::uint64_t ArmCounts::*what);
  void count_list(const Exposure& exposure);
  void count_click(const ExposureIndex::Tie& tie);
  void mark_clicks();
  Status operate(const std::string& segment, Time now,
                 std::optional<BreakerChange> (Breaker::*order)(Time));
  Status read(const Json& json);

  SwitchboardOptions options_;
  Time now_ = 0;
  std::string version_;
  std::string version_before_;
  Time adopted_ = 0;
  std::map<std::string, Lane> lanes_;
  ExposureIndex index_;
  std::uint64_t next_exposure_ = 1;
  std::uint64_t counted_exposures_ = 0;  // up to this number they are in the state that was read
  Counted events_;
  std::deque<Click> clicks_;  // on lists of the index
  bool clicks_marked_ = false;
  std::deque<BreakerChange> changes_;
  std::set<std::string> untold_;  // segments
  std::uint64_t last_change_ = 0;
  std::uint64_t milestones_ = 0;
};

}  // namespace sartor
