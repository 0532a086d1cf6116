#include "sartor/live/traffic.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "sartor/live/breaker_stats.h"
#include "sartor/live/json_fields.h"

namespace sartor {
namespace {

constexpr std::int64_t kDaysLookedAt = 7;

}  // namespace

SegmentTraffic::Day& SegmentTraffic::today(Time now) {
  const std::int64_t day = days_.empty() ? day_of(now) : std::max(day_of(now), days_.back().day);
  if (days_.empty() || days_.back().day < day) {
    users_.clear();
    days_.push_back({.day = day});
    std::erase_if(days_, [&](const Day& one) { return one.day < day - kDaysLookedAt; });
  }
  return days_.back();
}

void SegmentTraffic::shown(Time now) {
  ++today(now).impressions;
  if (first_ < 0) first_ = day_of(now);
}

void SegmentTraffic::clicked(Time now, std::uint64_t user) {
  Day& day = today(now);
  const std::uint64_t before = users_[user]++;
  ++day.clicks;
  day.squares += 2 * before + 1;
}

SegmentTraffic::Clusters SegmentTraffic::clusters(Time now) const {
  Clusters sums;
  for (const Day& day : days_) {
    if (day.day <= day_of(now) - kDaysLookedAt) continue;
    sums.clicks += static_cast<double>(day.clicks);
    sums.squares += static_cast<double>(day.squares);
  }
  return sums;
}

double SegmentTraffic::impressions_per_day(Time now) const {
  const std::int64_t day = day_of(now);
  const std::int64_t from = std::max(first_, day - kDaysLookedAt);
  if (first_ < 0 || day <= from) return 0;
  double impressions = 0;
  for (const Day& one : days_) {
    if (one.day >= from && one.day < day) impressions += static_cast<double>(one.impressions);
  }
  return impressions / static_cast<double>(day - from);
}

Json SegmentTraffic::to_json() const {
  Json days = Json::array();
  for (const Day& day : days_) {
    days.push_back(Json::array({day.day, day.impressions, day.clicks, day.squares}));
  }
  Json users = Json::array();
  const std::map<std::uint64_t, std::uint32_t> sorted(users_.begin(), users_.end());
  for (const auto& [user, clicks] : sorted) users.push_back(Json::array({user, clicks}));
  return {{"first", first_}, {"days", days}, {"users", users}};
}

Result<SegmentTraffic> SegmentTraffic::from_json(const Json& json) {
  const Error bad{ErrorCode::bad_data, "traffic: expected lists of whole numbers"};
  const auto is_row = [](const Json& row, std::size_t size) {
    return row.is_array() && row.size() == size &&
           std::all_of(row.begin(), row.end(), [](const Json& x) { return x.is_number_integer(); });
  };
  SegmentTraffic traffic;
  JsonFields fields(json, "traffic");
  fields.whole("first", traffic.first_);
  for (const Json* row : fields.list("days")) {
    if (!is_row(*row, 4)) return bad;
    traffic.days_.push_back({row->at(0).get<std::int64_t>(), row->at(1).get<std::uint64_t>(),
                             row->at(2).get<std::uint64_t>(), row->at(3).get<std::uint64_t>()});
  }
  for (const Json* row : fields.list("users")) {
    if (!is_row(*row, 2)) return bad;
    traffic.users_[row->at(0).get<std::uint64_t>()] = row->at(1).get<std::uint32_t>();
  }
  SARTOR_TRY(fields.status());
  return traffic;
}

}  // namespace sartor
