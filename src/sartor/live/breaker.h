// The switch of one segment between its own model and the general one, as a state machine without
// clock, disk or threads: counts and moments come in, changes with their evidence go out.
//
//   closed   --collapse, behind_peers, failures, latency-->  open: everybody is on general
//   open     --the wait is over-->                           probing: a tenth is on the model
//   probing  --recovered-->                                  closed
//   probing  --failures, latency-->                          open
//   open, probing after behind_peers  --not_to_blame-->      closed; that trip does not count
//   any trip that is the third in 30 days      latched: open until a new version or an operator
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sartor/base/json.h"
#include "sartor/base/result.h"
#include "sartor/base/time.h"
#include "sartor/live/breaker_stats.h"
#include "sartor/live/hard_rules.h"
#include "sartor/live/peers.h"

namespace sartor {

enum class BreakerState : std::uint8_t { closed, open, probing, latched };
enum class BreakerRule : std::uint8_t {
  collapse,
  behind_peers,
  not_to_blame,
  failures,
  latency,
  wait_over,
  recovered,
  new_version,
  by_operator
};
const char* name_of(BreakerState state);
const char* name_of(BreakerRule rule);

inline constexpr double kProbedShare = 0.10;
inline constexpr Time kFirstWait = 24 * kHour;  // doubles with every trip of a version
inline constexpr Time kLongestWait = 7 * kDay;
inline constexpr Time kLatchWithin = 30 * kDay;
inline constexpr int kLatchingTrips = 3;

// What one hour brought beside the holdback's comparison.
struct PeerHour {
  PeerCounts counts;
  double phi = 1;  // of the segment's clicks or its peers', whichever is larger
};

// What the comparison with the peers stood at.
struct PeerEvidence {
  double m = 0;
  std::array<double, 2> w{};
  UsualRatio usual;  // of the model
  double phi = 1;
  double blame = 0;  // that the model is not to blame; it is not at kNotToBlameAt
  PeerCounts since;
};

// One change of state, and why.
struct BreakerChange {
  std::uint64_t number = 0;  // of the workspace's changes, from 1; set by whoever keeps them
  Time time = 0;
  std::string segment;  // likewise
  std::string version;  // of the bundle; likewise
  BreakerState from = BreakerState::closed;
  BreakerState to = BreakerState::closed;
  BreakerRule rule = BreakerRule::collapse;
  // The evidence as it stood: mean of the three W, each of them, L, phi, the counts since the state
  // before began, and those of the last hour that was counted; of hard rules, the requests.
  double m = 0;
  std::array<double, 3> w{};
  double l = 0;
  double phi = 1;
  PairedCounts since;
  PairedCounts hour;
  HardCounts hard;
  PeerEvidence peers;
  int trips = 0;              // of this version, this one included
  std::optional<Time> until;  // when the wait of an open breaker is over
};
Json change_json(const BreakerChange& change);
// Fails with `bad_data`.
Result<BreakerChange> change_of(const Json& json);

// Moments come in ascending order. Not safe to use from several threads.
class Breaker {
 public:
  explicit Breaker(Time since = 0) : since_(since) {}

  BreakerState state() const { return state_; }
  Time since() const { return since_; }  // when the state began
  std::optional<Time> until() const { return until_; }
  const CollapseDetector& collapse() const { return collapse_; }
  const RecoveryDetector& recovery() const { return recovery_; }
  const PeerDetector& peers() const { return peers_; }
  double phi() const { return phi_; }  // of the last hour that was counted
  int trips() const { return static_cast<int>(trips_.size()); }

  // What goes to general today: `holdback` while closed, the rest of the probed tenth while
  // probing, else all.
  double general_share(double holdback) const;

  // What one hour brought that ended at `end`; only lists of the present state, and their clicks.
  std::optional<BreakerChange> count_hour(Time end, const PairedCounts& hour, double phi,
                                          const PeerHour& peers = {});
  // What became of one request that the segment's model was asked.
  std::optional<BreakerChange> count_request(Time now, const ModelOutcome& outcome);
  // To be asked before every list: an open breaker may begin to probe.
  std::optional<BreakerChange> advance(Time now);

  // A new model: everything is forgotten. No change where nothing was open.
  std::optional<BreakerChange> renew(Time now);
  // An operator closes it, and its trips are forgotten; or latches it.
  std::optional<BreakerChange> close(Time now);
  std::optional<BreakerChange> latch(Time now);

  // Another server of the same models went to another state; the evidence here is of the state
  // before. None where this is no news.
  std::optional<BreakerChange> follow(const BreakerChange& change, const std::vector<Time>& trips);
  const std::vector<Time>& trip_times() const { return trips_; }

  // All but the hard rules' last minutes.
  Json to_json() const;
  // Fails with `bad_data`.
  static Result<Breaker> from_json(const Json& json);

 private:
  BreakerChange go_to(BreakerState state, Time now, BreakerRule rule);
  BreakerChange trip(Time now, BreakerRule rule);
  std::optional<BreakerChange> count_arms(Time end, const PairedCounts& hour, double phi);
  std::optional<BreakerChange> count_peers(Time end, const PeerHour& hour);

  BreakerState state_ = BreakerState::closed;
  Time since_ = 0;
  std::optional<Time> until_;
  std::vector<Time> trips_;  // ascending
  CollapseDetector collapse_;
  RecoveryDetector recovery_;
  double phi_ = 1;
  PairedCounts counts_;  // since since_
  PairedCounts hour_;    // the last
  HardRules hard_;
  PeerDetector peers_;
  double peer_phi_ = 1;  // of the last hour that was counted
};

}  // namespace sartor
