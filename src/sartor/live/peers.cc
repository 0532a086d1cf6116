#include "sartor/live/peers.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "sartor/live/json_fields.h"

namespace sartor {
namespace {

constexpr double kOneSided95 = 1.6448536269514722;
constexpr std::int64_t kOldestDay = 70;  // older ones say little of today

ArmCounts sum_of(const ArmCounts& a, const ArmCounts& b) {
  return {a.impressions + b.impressions, a.clicks + b.clicks};
}

double rate_of(const ArmCounts& arm) {
  return static_cast<double>(arm.clicks) / static_cast<double>(arm.impressions);
}

bool has_both(const PairedCounts& day) {
  return day.model.impressions > 0 && day.general.impressions > 0;
}

Json numbers_json(const PeerCounts& counts) {
  return Json::array({counts.model.impressions, counts.model.clicks, counts.on_general.impressions,
                      counts.on_general.clicks, counts.peers.impressions, counts.peers.clicks});
}

// From `at` on; false if they are not six whole numbers.
bool read_numbers(const Json& row, std::size_t at, PeerCounts& counts) {
  if (!row.is_array() || row.size() != at + 6) return false;
  if (!std::all_of(row.begin(), row.end(), [](const Json& x) { return x.is_number_integer(); })) {
    return false;
  }
  for (ArmCounts* arm : {&counts.model, &counts.on_general, &counts.peers}) {
    arm->impressions = row[at++].get<std::uint64_t>();
    arm->clicks = row[at++].get<std::uint64_t>();
  }
  return true;
}

}  // namespace

PeerCounts operator+(const PeerCounts& a, const PeerCounts& b) {
  return {sum_of(a.model, b.model), sum_of(a.on_general, b.on_general), sum_of(a.peers, b.peers)};
}

UsualRatio usual_ratio(std::span<const PairedCounts> days, double phi) {
  PairedCounts all;
  for (const PairedCounts& day : days) {
    if (has_both(day)) all = all + day;
  }
  if (all.model.clicks == 0 || all.general.clicks == 0) return {};
  UsualRatio usual{.ratio = rate_of(all.model) / rate_of(all.general)};
  double spread = 0, chance = 0, squares = 0;
  for (const PairedCounts& day : days) {
    if (!has_both(day)) continue;
    const auto n = static_cast<double>(day.model.impressions);
    const double w = n / static_cast<double>(all.model.impressions);
    const double x = n * rate_of(all.model);
    const double g = static_cast<double>(day.general.impressions) * rate_of(all.general);
    // A day on which the peers had no click says as much as one on which they had half a one.
    const double peers = std::max(0.5, static_cast<double>(day.general.clicks)) /
                         static_cast<double>(day.general.impressions);
    const double off = rate_of(day.model) / peers / usual.ratio - 1;
    spread += w * off * off;
    chance += w * phi * (1 / x + 1 / g);
    squares += w * w;
  }
  const double variance = squares < 1 ? std::max(0.0, spread / (1 - squares) - chance) : 0;
  const double of_all = phi * (1 / static_cast<double>(all.model.clicks) +
                               1 / static_cast<double>(all.general.clicks));
  usual.cv = std::sqrt(variance);
  usual.low = usual.ratio * std::exp(-kOneSided95 * std::sqrt(of_all + variance * squares));
  return usual;
}

std::size_t PeerDetector::days(Time now) const {
  const auto whole = std::count_if(days_.begin(), days_.end(),
                                   [&](const Day& day) { return day.day < day_of(now); });
  return std::min(kUsualDays, static_cast<std::size_t>(whole));
}

// The earliest kUsualDays of the days that are kept, these being kDaysLeftOut more at most.
std::vector<PairedCounts> PeerDetector::usual_days(Time now, ArmCounts PeerCounts::*kind) const {
  std::vector<PairedCounts> counts;
  for (const Day& day : days_) {
    if (day.day >= day_of(now) || counts.size() == kUsualDays) break;
    counts.push_back({day.counts.*kind, day.counts.peers});
  }
  return counts;
}

UsualRatio PeerDetector::usual(Time now, double phi) const {
  return usual_ratio(usual_days(now, &PeerCounts::model), phi);
}

bool PeerDetector::watches(Time now, double phi) const {
  if (days(now) < kUsualDays) return false;
  const UsualRatio known = usual(now, phi);
  return known.ratio > 0 && known.cv <= kSteadyCv;
}

void PeerDetector::add(Time end, const PeerCounts& hour, double phi) {
  if (hour.model.impressions == 0 || hour.peers.impressions == 0) return;
  since_ = since_ + hour;
  const Time within = end - 1;
  if (watches(within, phi)) {
    const double from = kToleratedRatio * usual(within, phi).low;
    for (std::size_t r = 0; r < kLags.size(); ++r) {
      const PairedCounts pair{hour.model, hour.peers};
      w_[r] = (w_[r] + 1) * std::exp(log_ratio(pair, from, from * (1 - kLags[r]), phi));
    }
  } else {
    w_ = {};
  }
  const std::int64_t day = day_of(within);
  if (days_.empty() || days_.back().day < day) days_.push_back({day, {}});
  days_.back().counts = days_.back().counts + hour;
  if (m() >= kSuspicious) return;  // a drop that takes weeks to tell must not become usual
  const std::size_t most = kUsualDays + kDaysLeftOut + 1;  // today, too
  if (days_.size() > most) days_.erase(days_.begin(), days_.end() - static_cast<long>(most));
  std::erase_if(days_, [&](const Day& one) { return one.day < day - kOldestDay; });
}

void PeerDetector::forget_recent(Time now) {
  const std::int64_t first = day_of(now) - static_cast<std::int64_t>(kDaysLeftOut);
  std::erase_if(days_, [&](const Day& day) { return day.day >= first; });
}

void PeerDetector::begin_blame(Time now, double phi) {
  const UsualRatio known = usual_ratio(usual_days(now, &PeerCounts::on_general), phi);
  restart();
  blamed_from_ = kToleratedRatio * known.low;
}

bool PeerDetector::blame(const PeerCounts& hour, double phi) {
  if (!is_blaming() || hour.on_general.impressions == 0 || hour.peers.impressions == 0)
    return false;
  since_ = since_ + hour;
  for (std::size_t r = 0; r < kLags.size(); ++r) {
    const PairedCounts pair{hour.on_general, hour.peers};
    blame_[r] += log_ratio(pair, blamed_from_, blamed_from_ * (1 - kLags[r]), phi);
  }
  return blame_evidence() >= kNotToBlameAt;
}

double PeerDetector::blame_evidence() const {
  return is_blaming() ? (std::exp(blame_[0]) + std::exp(blame_[1])) / 2 : 0;
}

void PeerDetector::restart() {
  w_ = {};
  since_ = {};
  blamed_from_ = 0;
  blame_ = {};
}

Json PeerDetector::to_json() const {
  Json days = Json::array();
  for (const Day& day : days_) {
    Json row = numbers_json(day.counts);
    row.insert(row.begin(), day.day);
    days.push_back(std::move(row));
  }
  return {{"days", days},
          {"w", w_},
          {"since", numbers_json(since_)},
          {"blamed_from", blamed_from_},
          {"blame", blame_}};
}

Result<PeerDetector> PeerDetector::from_json(const Json& json) {
  PeerDetector peers;
  JsonFields fields(json, "peers");
  fields.reals("w", peers.w_).real("blamed_from", peers.blamed_from_).reals("blame", peers.blame_);
  const Error bad{ErrorCode::bad_data, "peers: expected lists of whole numbers"};
  for (const Json* row : fields.list("days")) {
    Day day;
    if (!read_numbers(*row, 1, day.counts)) return bad;
    day.day = row->at(0).get<std::int64_t>();
    peers.days_.push_back(day);
  }
  SARTOR_TRY(fields.status());
  if (!read_numbers(json.value("since", Json()), 0, peers.since_)) return bad;
  return peers;
}

}  // namespace sartor
