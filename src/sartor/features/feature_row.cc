#include "sartor/features/feature_row.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sartor::features {

namespace {

constexpr double kMissingNumber = std::numeric_limits<double>::quiet_NaN();

double share(double part, double whole) { return whole > 0 ? part / whole : kMissingNumber; }

constexpr double kLeastTaste = 0.15;  // share of the positives that makes a taste
constexpr double kFewestOfTaste = 2;

}  // namespace

std::uint32_t season_of(int month) {
  constexpr std::array<std::uint32_t, 12> by_month = {3, 3, 1, 1, 1, 2, 2, 2, 0, 0, 0, 3};
  return by_month[static_cast<std::size_t>(month - 1)];
}

const std::vector<std::string>& season_words() {
  static const std::vector<std::string> words = {"autumn", "spring", "summer", "winter"};
  return words;
}

void Tally::add(std::uint32_t code) {
  if (code >= counts_.size()) counts_.resize(code + 1, 0);
  if (counts_[code]++ == 0) used_.push_back(code);
  ++total_;
}

void Tally::clear() {
  for (const std::uint32_t code : used_) counts_[code] = 0;
  used_.clear();
  total_ = 0;
}

std::uint32_t Tally::mode() const {
  std::uint32_t best = Column::kMissing;
  for (const std::uint32_t code : used_) {
    const bool better = best == Column::kMissing || counts_[code] > counts_[best] ||
                        (counts_[code] == counts_[best] && code < best);
    if (better) best = code;
  }
  return best;
}

double Tally::entropy_bits() {
  if (total_ == 0) return kMissingNumber;
  std::sort(used_.begin(), used_.end());
  double entropy = 0;
  for (const std::uint32_t code : used_) {
    const double p = static_cast<double>(counts_[code]) / static_cast<double>(total_);
    entropy -= p * std::log2(p);
  }
  return entropy + 0.0;  // no -0
}

RowMaker::RowMaker(const FeatureSpace& space, const CtrRates& rates,
                   const std::vector<std::uint32_t>& item_season, const Events& events, Time as_of)
    : space_(space),
      item_season_(item_season),
      events_(events),
      as_of_(as_of),
      clicks_(events, space, rates) {
  for (const Column& column : events.context) {
    if (column.name == space.config.device && column.is_text) device_ = &column;
  }
}

Row RowMaker::make(Rows rows) {
  const auto end = std::partition_point(
      rows.begin(), rows.end(), [&](std::uint32_t row) { return events_.time[row] < as_of_; });
  const auto past = rows.first(static_cast<std::size_t>(end - rows.begin()));
  const auto timed_from = std::partition_point(
      past.begin(), past.end(), [&](std::uint32_t row) { return events_.time[row] == kUntimed; });
  const auto timed = past.subspan(static_cast<std::size_t>(timed_from - past.begin()));
  Row row;
  row.number.fill(kMissingNumber);
  row.code.fill(Column::kMissing);
  count(past, row);
  categories(past, row);
  season_taste(past, row);
  recency(timed, row);
  clock(timed, row);
  find_sessions(timed);
  sessions(row);
  return row;
}

void RowMaker::count(Rows past, Row& row) {
  double positives = 0, value = 0, dwell = 0, expected = 0;
  std::size_t values = 0, dwells = 0, impressions = 0, clicks = 0;
  groups_.clear();
  tally_.clear();
  for (const std::uint32_t e : past) {
    const bool positive = events_.weight[e] > 0;
    if (positive) ++positives;
    if (positive && !std::isnan(events_.value[e])) value += events_.value[e], ++values;
    if (!std::isnan(events_.dwell_seconds[e])) dwell += events_.dwell_seconds[e], ++dwells;
    if (clicks_.is_impression(e)) ++impressions, expected += clicks_.expected(e);
    if (clicks_.is_click(e)) ++clicks;
    if (events_.group[e] != Column::kMissing) groups_.push_back(events_.group[e]);
    if (device_ != nullptr && device_->codes[e] != Column::kMissing) tally_.add(device_->codes[e]);
  }
  std::sort(groups_.begin(), groups_.end());
  const auto distinct = std::unique(groups_.begin(), groups_.end()) - groups_.begin();
  row.number[kEvents] = static_cast<double>(past.size());
  row.number[kPositives] = positives;
  row.number[kGroups] = static_cast<double>(distinct);
  row.number[kValueSum] = value;
  row.number[kValueMean] = share(value, static_cast<double>(values));
  row.number[kDwellMean] = share(dwell, static_cast<double>(dwells));
  row.number[kCtr] =
      clicks_.ctr(static_cast<double>(clicks), static_cast<double>(impressions), expected);
  row.code[kFavouriteDevice] = tally_.mode();
}

void RowMaker::categories(Rows past, Row& row) {
  tally_.clear();
  if (!space_.item_category.empty()) {
    for (const std::uint32_t e : past) {
      const std::size_t item = events_.item[e].index();
      if (events_.weight[e] <= 0 || item >= space_.item_category.size()) continue;
      const std::uint32_t category = space_.item_category[item];
      if (category != Column::kMissing) tally_.add(category);
    }
  }
  row.code[kFavouriteCategory] = tally_.mode();
  row.number[kCategoryEntropy] = tally_.entropy_bits();
}

void RowMaker::season_taste(Rows past, Row& row) const {
  std::array<double, 4> of_season{};
  double positives = 0;
  for (const std::uint32_t e : past) {
    if (events_.weight[e] <= 0) continue;
    ++positives;
    const std::size_t item = events_.item[e].index();
    const std::uint32_t season = item < item_season_.size() ? item_season_[item] : Column::kMissing;
    if (season != Column::kMissing) ++of_season[season];
  }
  if (positives == 0) return;
  const auto most = std::max_element(of_season.begin(), of_season.end());
  if (*most >= kFewestOfTaste && *most >= kLeastTaste * positives)
    row.code[kSeasonTaste] = static_cast<std::uint32_t>(most - of_season.begin());
  row.number[kSeasonalShare] =
      (of_season[0] + of_season[1] + of_season[2] + of_season[3]) / positives;
}

void RowMaker::recency(Rows timed, Row& row) const {
  double events_7d = 0, events_28d = 0, positives_28d = 0;
  for (std::size_t i = timed.size(); i-- > 0;) {
    const Time age = as_of_ - events_.time[timed[i]];
    if (age > 28 * kDay) break;
    if (age <= 7 * kDay) ++events_7d;
    ++events_28d;
    if (events_.weight[timed[i]] > 0) ++positives_28d;
  }
  row.number[kEvents7d] = events_7d;
  row.number[kEvents28d] = events_28d;
  row.number[kPositives28d] = positives_28d;
  if (timed.empty()) return;
  row.number[kDaysSinceFirst] = days_between(events_.time[timed.front()], as_of_);
  row.number[kDaysSinceLast] = days_between(events_.time[timed.back()], as_of_);
}

void RowMaker::clock(Rows timed, Row& row) const {
  if (timed.empty()) return;
  const auto offset =
      static_cast<Time>(std::llround(space_.config.utc_offset_hours * 3600)) * kSecond;
  const int from = space_.config.night_from, until = space_.config.night_until;
  std::array<std::size_t, 24> hours{};
  std::array<std::size_t, 4> seasons{};
  double night = 0, weekend = 0;
  CalendarTime when{};
  Time known = kUntimed;  // events of one basket share their time
  for (const std::uint32_t e : timed) {
    if (events_.time[e] != known) when = calendar_time((known = events_.time[e]) + offset);
    ++hours[static_cast<std::size_t>(when.hour)];
    ++seasons[season_of(when.month)];
    if (when.weekday >= 5) ++weekend;
    const bool after = when.hour >= from, before = when.hour < until;
    if (from <= until ? after && before : after || before) ++night;
  }
  const auto n = static_cast<double>(timed.size());
  row.number[kFavouriteHour] =
      static_cast<double>(std::max_element(hours.begin(), hours.end()) - hours.begin());
  row.number[kNightShare] = night / n;
  row.number[kWeekendShare] = weekend / n;
  row.code[kSeason] = static_cast<std::uint32_t>(std::max_element(seasons.begin(), seasons.end()) -
                                                 seasons.begin());
  const std::uint32_t now = season_of(calendar_time(as_of_ + offset).month);
  row.number[kSeasonShare] = static_cast<double>(seasons[now]) / n;
}

void RowMaker::find_sessions(Rows timed) {
  sessions_.clear();
  const bool by_group = space_.config.sessions == "groups";
  order_.assign(timed.begin(), timed.end());
  if (by_group) {
    std::stable_sort(order_.begin(), order_.end(), [&](std::uint32_t a, std::uint32_t b) {
      return events_.group[a] < events_.group[b];
    });
  }
  const Time gap = std::llround(space_.config.session_gap_minutes * 60 * kSecond);
  std::uint32_t group = Column::kMissing;
  for (const std::uint32_t e : order_) {
    if (by_group && events_.group[e] == Column::kMissing) break;  // sorted last
    const Time time = events_.time[e];
    const bool fresh = sessions_.empty() ||
                       (by_group ? events_.group[e] != group : time - sessions_.back().end > gap);
    if (fresh) sessions_.push_back({time, time, false});
    group = events_.group[e];
    sessions_.back().end = time;
    sessions_.back().positive |= events_.weight[e] > 0;
  }
}

void RowMaker::sessions(Row& row) const {
  const auto n = static_cast<double>(sessions_.size());
  row.number[kSessions] = n;
  if (sessions_.empty()) return;
  Time first = sessions_[0].start, last = first, length = 0;
  double converted = 0;
  for (const Session& session : sessions_) {
    first = std::min(first, session.start);
    last = std::max(last, session.start);
    length += session.end - session.start;
    if (session.positive) ++converted;
  }
  if (sessions_.size() > 1) row.number[kMeanGapDays] = days_between(first, last) / (n - 1);
  row.number[kAvgSessionTime] = static_cast<double>(length) / static_cast<double>(60 * kSecond) / n;
  row.number[kConversion] = converted / n;
}

}  // namespace sartor::features
