#include "sartor/live/breaker.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sartor/live/json_fields.h"

namespace sartor {
namespace {

constexpr const char* kStateNames[] = {"closed", "open", "probing", "latched"};
constexpr const char* kRuleNames[] = {"collapse",  "failures",    "latency", "wait_over",
                                      "recovered", "new_version", "operator"};

Json counts_json(const PairedCounts& counts) {
  const auto arm = [](const ArmCounts& one) {
    return Json{{"impressions", one.impressions}, {"clicks", one.clicks}};
  };
  return {{"model", arm(counts.model)}, {"general", arm(counts.general)}};
}

Json time_or_null(const std::optional<Time>& time) { return time ? Json(*time) : Json(nullptr); }

void read_counts(JsonFields& fields, const char* name, PairedCounts& counts) {
  JsonFields both = fields.object(name);
  for (auto [arm, of_arm] : {std::pair{"model", &counts.model}, {"general", &counts.general}}) {
    JsonFields one = both.object(arm);
    one.whole("impressions", of_arm->impressions).whole("clicks", of_arm->clicks);
    both.take_failure(one);
  }
  fields.take_failure(both);
}

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
                {"bad_requests", change.hard.bad}};
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
                       .hour = hour_};
  change.trips = trips();
  state_ = state;
  since_ = now;
  until_.reset();
  collapse_ = {};
  recovery_ = {};
  counts_ = {};
  hour_ = {};
  hard_.clear();
  return change;
}

BreakerChange Breaker::trip(Time now, BreakerRule rule) {
  trips_.push_back(now);
  const auto recent = std::count_if(trips_.begin(), trips_.end(),
                                    [&](Time time) { return time > now - kLatchWithin; });
  const HardCounts hard = rule == BreakerRule::collapse ? HardCounts{} : hard_.counts();
  const bool latches = recent >= kLatchingTrips;
  BreakerChange change = go_to(latches ? BreakerState::latched : BreakerState::open, now, rule);
  if (!latches) {
    const int doublings = std::min(trips() - 1, 16);
    until_ = now + std::min(kLongestWait, kFirstWait << doublings);
  }
  change.hard = hard;
  change.until = until_;
  return change;
}

std::optional<BreakerChange> Breaker::count_hour(Time end, const PairedCounts& hour, double phi) {
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

Json Breaker::to_json() const {
  return {{"state", name_of(state_)},
          {"since", since_},
          {"until", time_or_null(until_)},
          {"trips", trips_},
          {"w", collapse_.w},
          {"l", recovery_.l},
          {"phi", phi_},
          {"counts", counts_json(counts_)},
          {"hour", counts_json(hour_)}};
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
  SARTOR_TRY(fields.status());
  return breaker;
}

}  // namespace sartor
