#include "sartor/features/feature_row.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sartor::features {

namespace {

constexpr double kMissingNumber = std::numeric_limits<double>::quiet_NaN();

double share_of(double part, double whole) { return whole > 0 ? part / whole : kMissingNumber; }

constexpr double kLeastTaste = 0.15;  // share of the positives that makes a taste
constexpr double kFewestOfTaste = 2;

// Monday is 0; in the order of weekday_words().
constexpr std::array<std::size_t, 7> kWeekdayByName = {4, 0, 5, 6, 3, 1, 2};
using Counts = std::array<std::size_t, 4>;  // night, morning, afternoon, evening

std::size_t daypart_of(const std::string& word) {
  return word == "night" ? 0 : word == "morning" ? 1 : word == "afternoon" ? 2 : 3;
}

}  // namespace

std::uint32_t season_of(int month) {
  constexpr std::array<std::uint32_t, 12> by_month = {3, 3, 1, 1, 1, 2, 2, 2, 0, 0, 0, 3};
  return by_month[static_cast<std::size_t>(month - 1)];
}

const std::vector<std::string>& season_words() {
  static const std::vector<std::string> words = {"autumn", "spring", "summer", "winter"};
  return words;
}

const std::vector<std::string>& weekday_words() {
  static const std::vector<std::string> words = {"friday",   "monday",  "saturday", "sunday",
                                                 "thursday", "tuesday", "wednesday"};
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

double Tally::share(std::uint32_t code) const {
  const std::size_t count = code < counts_.size() ? counts_[code] : 0;
  return share_of(static_cast<double>(count), static_cast<double>(total_));
}

Past past_of(const Events& events, std::span<const std::uint32_t> rows, Time as_of) {
  const auto end = std::partition_point(
      rows.begin(), rows.end(), [&](std::uint32_t row) { return events.time[row] < as_of; });
  const auto past = rows.first(static_cast<std::size_t>(end - rows.begin()));
  const auto timed_from = std::partition_point(
      past.begin(), past.end(), [&](std::uint32_t row) { return events.time[row] == kUntimed; });
  return {past, past.subspan(static_cast<std::size_t>(timed_from - past.begin()))};
}

Clicks::Clicks(const FeatureSpace& space) : both_(space.config.click_replaces_impression) {
  for (std::uint16_t t = 0; t < space.types.size(); ++t) {
    if (space.types[t] == space.config.impression) impression_ = t;
    if (space.types[t] == space.config.click) click_ = t;
  }
}

RowMaker::RowMaker(const FeatureSpace& space, const Events& events, Time as_of)
    : space_(space),
      events_(events),
      as_of_(as_of),
      offset_(static_cast<Time>(std::llround(space.config.utc_offset_hours * 3600)) * kSecond),
      clicks_(space),
      usual_ctr_(events, space.ctr),
      usual_dwell_(events, space.dwell),
      usual_conversion_(events, space.conversion),
      categories_{.name = "", .is_text = true, .words = space.categories},
      device_(find_context(events, space.config.device)),
      os_(find_context(events, space.config.os)) {
  if (device_ != nullptr && !device_->is_text) device_ = nullptr;
  if (os_ != nullptr && !os_->is_text) os_ = nullptr;
  const auto weight = [](const std::map<std::string, double>& weights, const std::string& type,
                         double otherwise) {
    const auto found = weights.find(type);
    return found == weights.end() ? otherwise : found->second;
  };
  for (const std::string& type : space.types) {
    engagement_.push_back(
        weight(space.config.engagement, type, type == space.config.impression ? 0 : 1));
    intent_.push_back(weight(space.config.intent, type, type == space.config.click ? 1 : 0));
    has_intent_ |= intent_.back() > 0;
  }
}

Row RowMaker::make(Rows rows) {
  const auto [past, timed] = past_of(events_, rows, as_of_);
  Row row;
  row.number.fill(kMissingNumber);
  row.code.fill(Column::kMissing);
  row.shares.assign(space_.shares.size(), kMissingNumber);
  count(past, row);
  contexts(past, row);
  categories(past, row);
  items(past, row);
  season_taste(past, row);
  find_sessions(events_, space_.config, timed, order_, sessions_);
  sessions(row);
  recency(timed, row);
  engagement(timed, row);
  intent(timed, row);
  clock(timed, row);
  return row;
}

void RowMaker::count(Rows past, Row& row) {
  double positives = 0, value = 0, dwell = 0, impressions = 0, clicks = 0;
  double usual_dwell = 0, usual_clicks = 0;
  std::size_t values = 0, dwells = 0;
  order_.clear();
  for (const std::uint32_t e : past) {
    const bool positive = events_.weight[e] > 0;
    if (positive) ++positives;
    if (positive && !std::isnan(events_.value[e])) value += events_.value[e], ++values;
    if (!std::isnan(events_.dwell_seconds[e])) {
      dwell += events_.dwell_seconds[e], ++dwells;
      usual_dwell += usual_dwell_.at(e);
    }
    if (clicks_.is_impression(events_, e)) ++impressions, usual_clicks += usual_ctr_.at(e);
    if (clicks_.is_click(events_, e)) ++clicks;
    if (events_.group[e] != Column::kMissing) order_.push_back(events_.group[e]);
  }
  std::sort(order_.begin(), order_.end());
  const auto distinct = std::unique(order_.begin(), order_.end()) - order_.begin();
  row.number[kEvents] = static_cast<double>(past.size());
  row.number[kPositives] = positives;
  row.number[kGroups] = static_cast<double>(distinct);
  row.number[kValueSum] = value;
  row.number[kValueMean] = share_of(value, static_cast<double>(values));
  row.number[kDwellMean] = usual_dwell_.compared(dwell, static_cast<double>(dwells), usual_dwell);
  row.number[kCtr] = usual_ctr_.compared(clicks, impressions, usual_clicks);
}

// Fills in the columns of one group from what is in the tally; `words` are those of its codes.
void RowMaker::put_shares(const std::string& group, const Column* words, Row& row) {
  for (std::size_t s = 0; s < space_.shares.size(); ++s) {
    const ShareColumn& share = space_.shares[s];
    if (share.group != group || words == nullptr) continue;
    const auto found = std::lower_bound(words->words.begin(), words->words.end(), share.word);
    const bool known = found != words->words.end() && *found == share.word;
    const auto code = static_cast<std::uint32_t>(found - words->words.begin());
    row.shares[s] = tally_.share(known ? code : Column::kMissing - 1);
  }
}

void RowMaker::contexts(Rows past, Row& row) {
  const auto favourite = [&](const Column* key, const char* group) {
    tally_.clear();
    for (const std::uint32_t e : past) {
      if (key != nullptr && key->codes[e] != Column::kMissing) tally_.add(key->codes[e]);
    }
    put_shares(group, key, row);
    return tally_.mode();
  };
  row.code[kFavouriteDevice] = favourite(device_, "device");
  row.code[kFavouriteOs] = favourite(os_, "os");
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
  const std::uint32_t favourite = tally_.mode();
  row.code[kFavouriteCategory] = favourite;
  row.number[kCategoryShare] = tally_.share(favourite);
  row.number[kCategoryEntropy] = tally_.entropy_bits();
  put_shares("interest", &categories_, row);
}

void RowMaker::items(Rows past, Row& row) {
  double price = 0, priced = 0, bits = 0, known = 0;
  order_.clear();
  for (const std::uint32_t e : past) {
    const std::size_t item = events_.item[e].index();
    if (events_.weight[e] <= 0) continue;
    order_.push_back(events_.item[e].value);
    if (item < space_.item_price_level.size() && !std::isnan(space_.item_price_level[item]))
      price += space_.item_price_level[item], ++priced;
    if (item < space_.item_information.size()) bits += space_.item_information[item], ++known;
  }
  row.number[kPriceLevel] = share_of(price, priced);
  row.number[kNoveltyAppetite] = share_of(bits, known);
  std::sort(order_.begin(), order_.end());
  const auto distinct = std::unique(order_.begin(), order_.end()) - order_.begin();
  row.number[kDiscoveryShare] =
      share_of(static_cast<double>(distinct - 1), static_cast<double>(order_.size()) - 1);
}

void RowMaker::season_taste(Rows past, Row& row) const {
  std::array<double, 4> of_season{};
  double positives = 0;
  for (const std::uint32_t e : past) {
    if (events_.weight[e] <= 0) continue;
    ++positives;
    const std::size_t item = events_.item[e].index();
    const std::uint32_t season =
        item < space_.item_season.size() ? space_.item_season[item] : Column::kMissing;
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
  double events_7d = 0, events_28d = 0, positives_28d = 0, value_28d = 0, active_days = 0;
  Time day = kUntimed;
  for (std::size_t i = timed.size(); i-- > 0;) {
    const std::uint32_t e = timed[i];
    const Time age = as_of_ - events_.time[e];
    if (age > 28 * kDay) break;
    if (age <= 7 * kDay) ++events_7d;
    ++events_28d;
    const Time its_day = (age - 1) / kDay;  // the last 24 hours are one
    if (its_day != day) ++active_days;
    day = its_day;
    if (events_.weight[e] <= 0) continue;
    ++positives_28d;
    if (!std::isnan(events_.value[e])) value_28d += events_.value[e];
  }
  row.number[kEvents7d] = events_7d;
  row.number[kEvents28d] = events_28d;
  row.number[kPositives28d] = positives_28d;
  row.number[kValue28d] = value_28d;
  row.number[kActivityLevel] = active_days / 28;
  if (timed.empty()) return;
  row.number[kDaysSinceFirst] = days_between(events_.time[timed.front()], as_of_);
  row.number[kDaysSinceLast] = days_between(events_.time[timed.back()], as_of_);
  row.number[kFrequency] =
      30 * static_cast<double>(sessions_.size()) / std::max(1.0, row.number[kDaysSinceFirst]);
}

// Live events may be of a type that the bundle never saw: they count from the next run on.
double RowMaker::weight_of(const std::vector<double>& weights, std::uint16_t type) {
  return type < weights.size() ? weights[type] : 0;
}

void RowMaker::engagement(Rows timed, Row& row) const {
  double sum = 0, factor = 1;
  Time known = kUntimed;
  for (const std::uint32_t e : timed) {
    const double weight = weight_of(engagement_, events_.type[e]);
    if (weight == 0) continue;
    if (events_.time[e] != known) {
      known = events_.time[e];
      factor = std::exp2(-days_between(known, as_of_) / space_.config.engagement_half_life_days);
    }
    sum += weight * factor;
  }
  row.number[kEngagement] = sum;
}

void RowMaker::intent(Rows timed, Row& row) {
  if (!has_intent_) return;
  const auto reach = static_cast<Time>(std::llround(space_.config.intent_days * 86400)) * kSecond;
  std::size_t begin = timed.size();
  while (begin > 0 && as_of_ - events_.time[timed[begin - 1]] <= reach) --begin;
  order_.assign(timed.begin() + static_cast<std::ptrdiff_t>(begin), timed.end());
  std::stable_sort(order_.begin(), order_.end(), [&](std::uint32_t a, std::uint32_t b) {
    return events_.item[a] < events_.item[b];
  });
  double sum = 0;
  for (std::size_t first = 0; first < order_.size();) {
    std::size_t last = first;
    Time taken = kUntimed;
    for (; last < order_.size() && events_.item[order_[last]] == events_.item[order_[first]];
         ++last) {
      if (events_.weight[order_[last]] > 0) taken = events_.time[order_[last]];
    }
    double strongest = 0;
    for (; first < last; ++first) {
      const std::uint32_t e = order_[first];
      if (events_.weight[e] <= 0 && events_.time[e] > taken)
        strongest = std::max(strongest, weight_of(intent_, events_.type[e]));
    }
    sum += strongest;
  }
  row.number[kPurchaseIntent] = sum;
}

void RowMaker::clock(Rows timed, Row& row) const {
  if (timed.empty()) return;
  const int from = space_.config.night_from, until = space_.config.night_until;
  std::array<std::size_t, 24> hours{};
  std::array<std::size_t, 4> seasons{};
  std::array<std::size_t, 7> weekdays{};
  Counts dayparts{};
  CalendarTime when{};
  Time known = kUntimed;  // events of one basket share their time
  for (const std::uint32_t e : timed) {
    if (events_.time[e] != known) when = calendar_time((known = events_.time[e]) + offset_);
    ++hours[static_cast<std::size_t>(when.hour)];
    ++seasons[season_of(when.month)];
    ++weekdays[static_cast<std::size_t>(when.weekday)];
    const bool after = when.hour >= from, before = when.hour < until;
    const bool night = from <= until ? after && before : after || before;
    ++dayparts[night ? 0 : when.hour < 12 ? 1 : when.hour < 18 ? 2 : 3];
  }
  const auto n = static_cast<double>(timed.size());
  row.number[kFavouriteHour] =
      static_cast<double>(std::max_element(hours.begin(), hours.end()) - hours.begin());
  row.number[kNightShare] = static_cast<double>(dayparts[0]) / n;
  row.number[kWeekendShare] = static_cast<double>(weekdays[5] + weekdays[6]) / n;
  std::size_t favourite = 0;  // by bytes
  for (std::size_t w = 0; w < 7; ++w) {
    if (weekdays[kWeekdayByName[w]] > weekdays[kWeekdayByName[favourite]]) favourite = w;
  }
  row.code[kFavouriteWeekday] = static_cast<std::uint32_t>(favourite);
  row.code[kSeason] = static_cast<std::uint32_t>(std::max_element(seasons.begin(), seasons.end()) -
                                                 seasons.begin());
  const std::uint32_t now = season_of(calendar_time(as_of_ + offset_).month);
  row.number[kSeasonShare] = static_cast<double>(seasons[now]) / n;
  for (std::size_t s = 0; s < space_.shares.size(); ++s) {
    const ShareColumn& share = space_.shares[s];
    if (share.group == "daypart")
      row.shares[s] = static_cast<double>(dayparts[daypart_of(share.word)]) / n;
    if (share.group != "weekday") continue;
    const auto& words = weekday_words();
    const auto w =
        static_cast<std::size_t>(std::find(words.begin(), words.end(), share.word) - words.begin());
    row.shares[s] = static_cast<double>(weekdays[kWeekdayByName[w]]) / n;
  }
}

void find_sessions(const Events& events, const FeatureConfig& config,
                   std::span<const std::uint32_t> timed, std::vector<std::uint32_t>& order,
                   std::vector<Session>& sessions) {
  sessions.clear();
  const bool by_group = config.sessions == "groups";
  order.assign(timed.begin(), timed.end());
  if (by_group) {
    std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
      return events.group[a] < events.group[b];
    });
  }
  const Time gap = std::llround(config.session_gap_minutes * 60 * kSecond);
  std::uint32_t group = Column::kMissing;
  for (const std::uint32_t e : order) {
    if (by_group && events.group[e] == Column::kMissing) break;  // sorted last
    const Time time = events.time[e];
    const bool fresh = sessions.empty() ||
                       (by_group ? events.group[e] != group : time - sessions.back().end > gap);
    if (fresh) sessions.push_back({time, time, e, false});
    group = events.group[e];
    sessions.back().end = time;
    sessions.back().positive |= events.weight[e] > 0;
  }
}

void RowMaker::sessions(Row& row) const {
  const auto n = static_cast<double>(sessions_.size());
  row.number[kSessions] = n;
  if (sessions_.empty()) return;
  Time first = sessions_[0].start, last = first, length = 0;
  double converted = 0, usual = 0;
  for (const Session& session : sessions_) {
    first = std::min(first, session.start);
    last = std::max(last, session.start);
    length += session.end - session.start;
    if (session.positive) ++converted;
    usual += usual_conversion_.at(session.first);
  }
  if (sessions_.size() > 1) row.number[kMeanGapDays] = days_between(first, last) / (n - 1);
  row.number[kAvgSessionTime] = static_cast<double>(length) / static_cast<double>(60 * kSecond) / n;
  row.number[kConversion] = usual_conversion_.compared(converted, n, usual);
}

}  // namespace sartor::features
