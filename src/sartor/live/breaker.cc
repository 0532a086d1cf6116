#include "sartor/live/breaker.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sartor/live/json_fields.h"

namespace sartor {
namespace {

constexpr const char* kStateNames[] = {"closed", "open", "probing", "latched"};
constexpr const char* kRuleNames[] = {"collapse",  "behind_peers", "not_to_blame",
                                      "failures",  "latency",      "wait_over",
                                      "recovered", "new_version",  "operator"};

Json arm_json(const ArmCounts& arm) {
  return {{"impressions", arm.impressions}, {"clicks", arm.clicks}};
}

Json counts_json(const PairedCounts& counts) {
  return {{"model", arm_json(counts.model)}, {"general", arm_json(counts.general)}};
}

Json peers_json(const PeerEvidence& peers) {
  return {{"m", peers.m},
          {"w", peers.w},
          {"ratio", peers.usual.ratio},
          {"cv", peers.usual.cv},
          {"low", peers.usual.low},
          {"phi", peers.phi},
          {"blame", peers.blame},
          {"since",
           {{"model", arm_json(peers.since.model)},
            {"on_general", arm_json(peers.since.on_general)},
            {"peers", arm_json(peers.since.peers)}}}};
}

Json time_or_null(const std::optional<Time>& time) { return time ? Json(*time) : Json(nullptr); }

using NamedArm = std::pair<const char*, ArmCounts*>;

void read_arms(JsonFields& fields, const char* name, std::initializer_list<NamedArm> arms) {
  JsonFields all = fields.object(name);
  for (const auto& [arm, of_arm] : arms) {
    JsonFields one = all.object(arm);
    one.whole("impressions", of_arm->impressions).whole("clicks", of_arm->clicks);
    all.take_failure(one);
  }
  fields.take_failure(all);
}

void read_counts(JsonFields& fields, const char* name, PairedCounts& counts) {
  read_arms(fields, name, {{"model", &counts.model}, {"general", &counts.general}});
}

void read_peers(JsonFields& fields, PeerEvidence& peers) {
  JsonFields all = fields.object("peers");
  all.real("m", peers.m)
      .reals("w", peers.w)
      .real("ratio", peers.usual.ratio)
      .real("cv", peers.usual.cv)
      .real("low", peers.usual.low)
      .real("phi", peers.phi)
      .real("blame", peers.blame);
  read_arms(all, "since",
            {{"model", &peers.since.model},
             {"on_general", &peers.since.on_general},
             {"peers", &peers.since.peers}});
  fields.take_failure(all);
}

// Of what was written before there were peers, nothing is missing.
bool has(const Json& json, const char* name) { return json.is_object() && json.contains(name); }

}  // namespace

const char* name_of(BreakerState state) { return kStateNames[static_cast<std::size_t>(state)]; }
const char* name_of(BreakerRule rule) { return kRuleNames[static_cast<std::size_t>(rule)]; }

Json change_json(const BreakerChange& change) {
  Json evidence{{"m", change.m},
                {"w", change.w},
                {"l", change.l},
                {"phi", change.phi},
                {"since", counts_json(change.since)},
                {"hour", counts_json(change.hour)},
                {"requests", change.hard.requests},
                {"bad_requests", change.hard.bad},
                {"peers", peers_json(change.peers)}};
  return {{"number", change.number},
          {"time", format_time(change.time)},
          {"segment", change.segment},
          {"model_version", change.version},
          {"from", name_of(change.from)},
          {"to", name_of(change.to)},
          {"rule", name_of(change.rule)},
          {"trips", change.trips},
          {"until", change.until ? Json(format_time(*change.until)) : Json(nullptr)},
          {"evidence", evidence}};
}

Result<BreakerChange> change_of(const Json& json) {
  BreakerChange change;
  JsonFields fields(json, "change");
  fields.whole("number", change.number)
      .time("time", change.time)
      .text("segment", change.segment)
      .text("model_version", change.version)
      .word("from", kStateNames, change.from)
      .word("to", kStateNames, change.to)
      .word("rule", kRuleNames, change.rule)
      .whole("trips", change.trips)
      .time("until", change.until);
  JsonFields evidence = fields.object("evidence");
  evidence.real("m", change.m).real("l", change.l).real("phi", change.phi).reals("w", change.w);
  read_counts(evidence, "since", change.since);
  read_counts(evidence, "hour", change.hour);
  evidence.whole("requests", change.hard.requests).whole("bad_requests", change.hard.bad);
  if (has(json["evidence"], "peers")) read_peers(evidence, change.peers);
  fields.take_failure(evidence);
  SARTOR_TRY(fields.status());
  return change;
}

double Breaker::general_share(double holdback) const {
  if (state_ == BreakerState::closed) return holdback;
  return state_ == BreakerState::probing ? 1 - kProbedShare : 1;
}

// The evidence of the old state goes into the change, and the new one begins without any.
BreakerChange Breaker::go_to(BreakerState state, Time now, BreakerRule rule) {
  BreakerChange change{.time = now,
                       .from = state_,
                       .to = state,
                       .rule = rule,
                       .m = collapse_.m(),
                       .w = collapse_.w,
                       .l = recovery_.l,
                       .phi = phi_,
                       .since = counts_,
                       .hour = hour_,
                       .hard = {},
                       .peers = {.m = peers_.m(),
                                 .w = peers_.w(),
                                 .usual = peers_.usual(now - 1, peer_phi_),
                                 .phi = peer_phi_,
                                 .blame = peers_.blame_evidence(),
                                 .since = peers_.since()}};
  change.trips = trips();
  state_ = state;
  since_ = now;
  until_.reset();
  collapse_ = {};
  recovery_ = {};
  counts_ = {};
  hour_ = {};
  hard_.clear();
  // Who is to blame is asked until the model serves again.
  const bool asks = state == BreakerState::open || state == BreakerState::probing;
  if (!asks || !peers_.is_blaming()) peers_.restart();
  return change;
}

BreakerChange Breaker::trip(Time now, BreakerRule rule) {
  trips_.push_back(now);
  const auto recent = std::count_if(trips_.begin(), trips_.end(),
                                    [&](Time time) { return time > now - kLatchWithin; });
  const bool is_hard = rule == BreakerRule::failures || rule == BreakerRule::latency;
  const HardCounts hard = is_hard ? hard_.counts() : HardCounts{};
  const bool latches = recent >= kLatchingTrips;
  BreakerChange change = go_to(latches ? BreakerState::latched : BreakerState::open, now, rule);
  peers_.restart();
  if (rule == BreakerRule::behind_peers && !latches) peers_.begin_blame(now, peer_phi_);
  peers_.forget_recent(now);
  if (!latches) {
    const int doublings = std::min(trips() - 1, 16);
    until_ = now + std::min(kLongestWait, kFirstWait << doublings);
  }
  change.hard = hard;
  change.until = until_;
  return change;
}

std::optional<BreakerChange> Breaker::count_peers(Time end, const PeerHour& hour) {
  peer_phi_ = hour.phi;
  if (state_ == BreakerState::closed) {
    peers_.add(end, hour.counts, hour.phi);
    if (peers_.behind()) return trip(end, BreakerRule::behind_peers);
  } else if (peers_.blame(hour.counts, hour.phi)) {
    // Its world has changed, and with it what is usual.
    BreakerChange change = go_to(BreakerState::closed, end, BreakerRule::not_to_blame);
    peers_.forget_days();
    if (!trips_.empty()) trips_.pop_back();
    return change;
  }
  return {};
}

std::optional<BreakerChange> Breaker::count_arms(Time end, const PairedCounts& hour, double phi) {
  const bool counts = state_ == BreakerState::closed || state_ == BreakerState::probing;
  if (!counts || hour == PairedCounts{}) return {};
  counts_ = counts_ + hour;
  hour_ = hour;
  phi_ = phi;
  if (state_ == BreakerState::closed) {
    collapse_.add(hour, phi);
    if (collapse_.collapsed()) return trip(end, BreakerRule::collapse);
  } else {
    recovery_.add(hour, phi);
    if (recovery_.recovered()) return go_to(BreakerState::closed, end, BreakerRule::recovered);
  }
  return {};
}

std::optional<BreakerChange> Breaker::count_hour(Time end, const PairedCounts& hour, double phi,
                                                 const PeerHour& peers) {
  auto change = count_arms(end, hour, phi);
  return change ? change : count_peers(end, peers);
}

std::optional<BreakerChange> Breaker::count_request(Time now, const ModelOutcome& outcome) {
  if (state_ != BreakerState::closed && state_ != BreakerState::probing) return {};
  const HardRule rule = hard_.add(now, outcome);
  if (rule == HardRule::none) return {};
  return trip(now, rule == HardRule::failures ? BreakerRule::failures : BreakerRule::latency);
}

std::optional<BreakerChange> Breaker::advance(Time now) {
  if (state_ != BreakerState::open || !until_ || now < *until_) return {};
  return go_to(BreakerState::probing, now, BreakerRule::wait_over);
}

std::optional<BreakerChange> Breaker::renew(Time now) {
  const BreakerState before = state_;
  const BreakerChange change = go_to(BreakerState::closed, now, BreakerRule::new_version);
  trips_.clear();
  phi_ = 1;
  return before == BreakerState::closed ? std::optional<BreakerChange>() : change;
}

std::optional<BreakerChange> Breaker::close(Time now) {
  if (state_ == BreakerState::closed) return {};
  const BreakerChange change = go_to(BreakerState::closed, now, BreakerRule::by_operator);
  trips_.clear();
  return change;
}

std::optional<BreakerChange> Breaker::latch(Time now) {
  if (state_ == BreakerState::latched) return {};
  return go_to(BreakerState::latched, now, BreakerRule::by_operator);
}

std::optional<BreakerChange> Breaker::follow(const BreakerChange& change,
                                             const std::vector<Time>& trips) {
  trips_ = trips;
  if (change.to == state_ && change.until == until_) return {};
  (void)go_to(change.to, change.time, change.rule);
  if (change.to == BreakerState::open) {
    peers_.restart();
    if (change.rule == BreakerRule::behind_peers) peers_.begin_blame(change.time, peer_phi_);
    peers_.forget_recent(change.time);
  }
  until_ = change.until;
  return change;
}

Json Breaker::to_json() const {
  return {{"state", name_of(state_)},
          {"since", since_},
          {"until", time_or_null(until_)},
          {"trips", trips_},
          {"w", collapse_.w},
          {"l", recovery_.l},
          {"phi", phi_},
          {"counts", counts_json(counts_)},
          {"hour", counts_json(hour_)},
          {"peers", peers_.to_json()},
          {"peer_phi", peer_phi_}};
}

Result<Breaker> Breaker::from_json(const Json& json) {
  Breaker breaker;
  JsonFields fields(json, "breaker");
  fields.word("state", kStateNames, breaker.state_)
      .whole("since", breaker.since_)
      .whole("until", breaker.until_)
      .wholes("trips", breaker.trips_)
      .reals("w", breaker.collapse_.w)
      .real("l", breaker.recovery_.l)
      .real("phi", breaker.phi_);
  read_counts(fields, "counts", breaker.counts_);
  read_counts(fields, "hour", breaker.hour_);
  if (has(json, "peers")) {
    fields.real("peer_phi", breaker.peer_phi_);
    SARTOR_ASSIGN(breaker.peers_, PeerDetector::from_json(json["peers"]));
  }
  SARTOR_TRY(fields.status());
  return breaker;
}

}  // namespace sartor
