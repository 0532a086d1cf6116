#include "sartor/live/switchboard.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sartor/live/json_fields.h"

namespace sartor {
namespace {

// How long lists of the version before may still be under way.
constexpr Time kUnderWay = 60 * kSecond;

const char* counted_arm(Arm arm) { return arm == Arm::none ? "none" : arm_name(arm); }

}  // namespace

bool Switchboard::Counted::add(std::uint64_t sequence) {
  if (sequence < next || !above.insert(sequence).second) return false;
  while (above.erase(next) > 0) ++next;
  return true;
}

Switchboard::Lane& Switchboard::lane_of(const std::string& segment) {
  const auto [at, is_new] = lanes_.try_emplace(segment);
  if (is_new) at->second.breaker = Breaker(now_);
  roll(segment, at->second);
  return at->second;
}

void Switchboard::forget_hour(Lane& lane) {
  lane.counts = {};
  lane.on_general = {};
  lane.peers = {};
}

void Switchboard::note(const std::string& segment, Lane& lane,
                       const std::optional<BreakerChange>& change) {
  if (!change) return;
  keep(segment, lane, *change);
  untold_.insert(segment);
}

void Switchboard::keep(const std::string& segment, Lane& lane, const BreakerChange& change) {
  forget_hour(lane);  // it was the old state's
  changes_.push_back(change);
  changes_.back().number = ++last_change_;
  changes_.back().segment = segment;
  changes_.back().version = version_;
  if (changes_.size() > kChangesKept) changes_.pop_front();
  ++milestones_;
}

// Ends the hour that is over, and a wait.
void Switchboard::roll(const std::string& segment, Lane& lane) {
  const std::int64_t hour = hour_of(now_);
  if (hour > lane.hour) {
    const Time end = (lane.hour + 1) * kHour;
    const bool quiet = lane.counts == PairedCounts{} && lane.on_general == ArmCounts{} &&
                       lane.peers == ArmCounts{};
    if (!quiet) ++milestones_;
    const PairedCounts counts = std::exchange(lane.counts, {});
    lane.hour = hour;
    const PeerHour peers = end_peer_hour(lane, counts.model, end - 1);
    note(segment, lane, lane.breaker.count_hour(end, counts, lane.traffic.phi(end - 1), peers));
  }
  note(segment, lane, lane.breaker.advance(now_));
}

// Clicks of the segment and of its peers cluster on users, each in their way.
double Switchboard::peer_phi(const Lane& lane, Time now) const {
  SegmentTraffic::Clusters others;
  for (const auto& [name, other] : lanes_) {
    if (&other == &lane) continue;
    const auto clusters = other.traffic.clusters(now);
    others.clicks += clusters.clicks;
    others.squares += clusters.squares;
  }
  return std::max(lane.traffic.phi(now), others.phi());
}

PeerHour Switchboard::end_peer_hour(Lane& lane, const ArmCounts& model, Time within) {
  const PeerCounts counts{model, std::exchange(lane.on_general, {}), std::exchange(lane.peers, {})};
  if (!options_.watch_peers) return {};
  return {counts, peer_phi(lane, within)};
}

// A list of the general model, or a click on one: it is the segment's own, and one of the peers'
// for all others.
void Switchboard::count_for_peers(const std::string& segment, Time listed,
                                  std::uint64_t ArmCounts::*what) {
  for (auto& [name, lane] : lanes_) {
    roll(name, lane);
    if (listed < lane.breaker.since()) continue;
    ArmCounts& counts = name == segment ? lane.on_general : lane.peers;
    ++(counts.*what);
  }
}

double Switchboard::holdback_of(const Lane& lane) const {
  return holdback_share(lane.traffic.impressions_per_day(now_), options_.holdback_least,
                        options_.holdback_most);
}

// False for a list of the version before.
bool Switchboard::adopt(const std::string& version) {
  if (version == version_) return true;
  if (version == version_before_ && now_ < adopted_ + kUnderWay) return false;
  version_before_ = std::exchange(version_, version);
  adopted_ = now_;
  for (auto& [segment, lane] : lanes_) {
    forget_hour(lane);
    note(segment, lane, lane.breaker.renew(now_));
  }
  ++milestones_;
  return true;
}

ArmChoice Switchboard::choose(const std::string& version, const std::string& segment,
                              const std::string& visitor, Time now) {
  moment(now);
  if (!adopt(version)) return {};
  const Lane& lane = lane_of(segment);
  const BreakerState state = lane.breaker.state();
  if (state == BreakerState::open || state == BreakerState::latched) {
    return {.general = true, .breaker_open = true};
  }
  const double share = lane.breaker.general_share(holdback_of(lane));
  if (share <= 0) return {.arm = Arm::model};
  const Arm arm = arm_of(visitor, segment, day_of(now_), share);
  return {.arm = arm,
          .general = arm == Arm::holdback,
          .breaker_open = arm == Arm::holdback && state == BreakerState::probing};
}

void Switchboard::answered(const std::string& segment, const ModelAnswer& answer, Time now) {
  moment(now);
  Lane& lane = lane_of(segment);
  const ModelOutcome outcome{.failed = answer.failed || answer.took > options_.timeout,
                             .slow = answer.took > options_.latency_limit};
  note(segment, lane, lane.breaker.count_request(now_, outcome));
}

void Switchboard::count_list(const Exposure& exposure) {
  Lane& lane = lane_of(exposure.segment);
  lane.traffic.shown(now_);
  ++lane.shown[counted_arm(exposure.arm)];
  if (is_on_general(exposure)) {
    count_for_peers(exposure.segment, exposure.time, &ArmCounts::impressions);
  }
  if (exposure.time < lane.breaker.since() || exposure.version != version_) return;
  if (exposure.arm == Arm::model) ++lane.counts.model.impressions;
  if (exposure.arm == Arm::holdback) ++lane.counts.general.impressions;
}

void Switchboard::show(Exposure& exposure, Time now) {
  exposure.number = next_exposure_++;
  exposure.time = moment(now);
  count_list(exposure);
  index_.add(exposure);
}

void Switchboard::remember(const Exposure& exposure) {
  next_exposure_ = std::max(next_exposure_, exposure.number + 1);
  index_.add(exposure);
  if (exposure.number <= counted_exposures_) return;
  moment(exposure.time);
  adopt(exposure.version);
  count_list(exposure);
}

void Switchboard::count_click(const ExposureIndex::Tie& tie) {
  ShownList& list = *tie.list;
  tie.item().clicked = 1;
  clicks_.push_back({list.number, tie.position, list.time});
  while (clicks_.front().listed < now_ - options_.attribution - kClockSkew) clicks_.pop_front();
  Lane& lane = lane_of(list.segment);
  lane.traffic.clicked(now_, list.user);
  ++lane.clicked[counted_arm(list.arm)];
  if (list.on_general) count_for_peers(list.segment, list.time, &ArmCounts::clicks);
  if (list.time < lane.breaker.since()) return;
  if (list.arm == Arm::model) ++lane.counts.model.clicks;
  if (list.arm == Arm::holdback) ++lane.counts.general.clicks;
}

// The clicks that the state tells of, once their lists are remembered: no event comes before.
void Switchboard::mark_clicks() {
  if (std::exchange(clicks_marked_, true)) return;
  for (const Click& click : clicks_) {
    if (const auto tie = index_.at(click.list, click.position)) tie->item().clicked = 1;
  }
}

void Switchboard::take(const StoredEvent& stored, bool success) {
  mark_clicks();
  if (!events_.add(stored.sequence) || !success) return;
  moment(stored.event.received);
  const auto tie = index_.tie(stored.event);
  if (tie && tie->item().clicked == 0) count_click(*tie);
}

void Switchboard::advance(Time now) {
  moment(now);
  for (auto& [segment, lane] : lanes_) roll(segment, lane);
}

Status Switchboard::operate(const std::string& segment, Time now,
                            std::optional<BreakerChange> (Breaker::*order)(Time)) {
  advance(now);
  const auto lane = lanes_.find(segment);
  if (lane == lanes_.end()) {
    return Error{
        ErrorCode::not_found,
        fmt::format("no list was shown to a segment '{}' with a model of its own", segment)};
  }
  note(segment, lane->second, (lane->second.breaker.*order)(now_));
  return {};
}

Status Switchboard::close(const std::string& segment, Time now) {
  return operate(segment, now, &Breaker::close);
}

Status Switchboard::latch(const std::string& segment, Time now) {
  return operate(segment, now, &Breaker::latch);
}

std::vector<Switchboard::Shared> Switchboard::untold() const {
  std::vector<Shared> all;
  for (const std::string& segment : untold_) {
    const auto lane = lanes_.find(segment);
    const auto last = std::find_if(changes_.rbegin(), changes_.rend(), [&](const auto& change) {
      return change.segment == segment && change.version == version_;
    });
    if (lane == lanes_.end() || last == changes_.rend()) continue;
    all.push_back({segment, *last, lane->second.breaker.trip_times()});
  }
  return all;
}

void Switchboard::follow(const std::string& version, const Shared& shared, Time now) {
  moment(now);
  (void)adopt(version);
  Lane& lane = lane_of(shared.segment);
  if (const auto change = lane.breaker.follow(shared.change, shared.trips)) {
    keep(shared.segment, lane, *change);
  }
  untold_.erase(shared.segment);
}

PeerView Switchboard::view_peers(const Lane& lane) const {
  if (!options_.watch_peers) return {};
  const PeerDetector& peers = lane.breaker.peers();
  const double phi = peer_phi(lane, now_);
  return {.days = peers.days(now_),
          .watching = lane.breaker.state() == BreakerState::closed && peers.watches(now_, phi),
          .usual = peers.usual(now_, phi),
          .m = peers.m()};
}

LaneView Switchboard::view(const std::string& segment) const {
  const auto found = lanes_.find(segment);
  if (found == lanes_.end()) {
    return {.holdback = holdback_share(0, options_.holdback_least, options_.holdback_most)};
  }
  const Lane& lane = found->second;
  LaneView view{.state = lane.breaker.state(),
                .since = lane.breaker.since(),
                .until = lane.breaker.until(),
                .trips = lane.breaker.trips(),
                .holdback = holdback_of(lane),
                .impressions_per_day = lane.traffic.impressions_per_day(now_),
                .m = lane.breaker.collapse().m(),
                .l = lane.breaker.recovery().l,
                .phi = lane.traffic.phi(now_),
                .peers = view_peers(lane),
                .hour = lane.counts,
                .shown = lane.shown,
                .clicked = lane.clicked};
  view.only_collapses = view.impressions_per_day > 0 && view.impressions_per_day < kFewImpressions;
  return view;
}

std::vector<std::string> Switchboard::segments() const {
  std::vector<std::string> names;
  for (const auto& [segment, lane] : lanes_) names.push_back(segment);
  return names;
}

void Switchboard::number_changes_after(std::uint64_t number) {
  last_change_ = std::max(last_change_, number);
}

Json Switchboard::to_json() const {
  Json lanes = Json::object();
  for (const auto& [segment, lane] : lanes_) {
    lanes[segment] = {
        {"breaker", lane.breaker.to_json()},
        {"traffic", lane.traffic.to_json()},
        {"hour", lane.hour},
        {"counts", Json::array({lane.counts.model.impressions, lane.counts.model.clicks,
                                lane.counts.general.impressions, lane.counts.general.clicks})},
        {"peer_counts", Json::array({lane.on_general.impressions, lane.on_general.clicks,
                                     lane.peers.impressions, lane.peers.clicks})}};
  }
  Json clicks = Json::array();
  for (const Click& click : clicks_) {
    clicks.push_back(Json::array({click.list, click.position, click.listed}));
  }
  Json changes = Json::array();
  for (const BreakerChange& change : changes_) changes.push_back(change_json(change));
  return {{"format_version", 1},
          {"now", now_},
          {"model_version", version_},
          {"version_before", version_before_},
          {"adopted", adopted_},
          {"exposures_counted", next_exposure_ - 1},
          {"events_next", events_.next},
          {"events_above", events_.above},
          {"clicks", clicks},
          {"segments", lanes},
          {"last_change", last_change_},
          {"changes", changes}};
}

Status Switchboard::read(const Json& json) {
  JsonFields fields(json, "breakers");
  int format = 0;
  std::vector<std::int64_t> above;
  fields.whole("format_version", format)
      .whole("now", now_)
      .text("model_version", version_)
      .text("version_before", version_before_)
      .whole("adopted", adopted_)
      .whole("exposures_counted", counted_exposures_)
      .whole("events_next", events_.next)
      .wholes("events_above", above)
      .whole("last_change", last_change_);
  const Error bad{ErrorCode::bad_data, "breakers: expected format_version 1 and lists of numbers"};
  if (format != 1) return bad;
  next_exposure_ = counted_exposures_ + 1;
  events_.above.insert(above.begin(), above.end());
  const auto numbers_of = [&](const Json& row, std::size_t size) {
    return row.is_array() && row.size() == size &&
           std::all_of(row.begin(), row.end(), [](const Json& x) { return x.is_number_integer(); });
  };
  for (const Json* row : fields.list("clicks")) {
    if (!numbers_of(*row, 3)) return bad;
    clicks_.push_back(
        {row->at(0).get<std::uint64_t>(), row->at(1).get<std::size_t>(), row->at(2).get<Time>()});
  }
  for (const Json* row : fields.list("changes")) {
    SARTOR_ASSIGN(BreakerChange change, change_of(*row));
    untold_.insert(change.segment);  // whether it was told is not known
    changes_.push_back(std::move(change));
  }
  fields.take_failure(fields.object("segments"));
  SARTOR_TRY(fields.status());
  for (const auto& [segment, row] : json["segments"].items()) {
    if (!row.is_object() || !numbers_of(row.value("counts", Json()), 4)) return bad;
    Lane lane;
    JsonFields(row, "segment " + segment).whole("hour", lane.hour);
    SARTOR_ASSIGN(lane.breaker, Breaker::from_json(row.value("breaker", Json())));
    SARTOR_ASSIGN(lane.traffic, SegmentTraffic::from_json(row.value("traffic", Json())));
    const Json& counts = row["counts"];
    lane.counts = {{counts[0].get<std::uint64_t>(), counts[1].get<std::uint64_t>()},
                   {counts[2].get<std::uint64_t>(), counts[3].get<std::uint64_t>()}};
    // Of what was written before there were peers, nothing is missing.
    if (const Json peers = row.value("peer_counts", Json::array({0, 0, 0, 0}));
        numbers_of(peers, 4)) {
      lane.on_general = {peers[0].get<std::uint64_t>(), peers[1].get<std::uint64_t>()};
      lane.peers = {peers[2].get<std::uint64_t>(), peers[3].get<std::uint64_t>()};
    } else {
      return bad;
    }
    lanes_.emplace(segment, std::move(lane));
  }
  return {};
}

Result<Switchboard> Switchboard::from_json(const Json& json, const SwitchboardOptions& options) {
  Switchboard board(options);
  SARTOR_TRY(board.read(json));
  return board;
}

}  // namespace sartor
