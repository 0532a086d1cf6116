#include "sartor/features/item_features.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "sartor/features/feature_row.h"

namespace sartor {

namespace {

enum ItemFeatureIndex : std::size_t {
  kItemEvents,
  kItemPositives,
  kItemUsers,
  kItemPositives28d,
  kItemTrend,
  kItemDaysSinceFirst,
  kItemDaysSinceLast,
  kItemValueMean,
  kItemPriceLevel,
  kItemDwellMean,
  kItemCtr,
  kItemConversion,
  kItemRepeatShare,
  kItemNovelty,
  kItemSeason,
  kItemFeatures
};

constexpr std::array<FeatureInfo, kItemFeatures> kItemInfos = {{
    {"events", false, "events", "0", "events of any type"},
    {"positives", false, "events", "0", "events that `signal.positive` calls a success"},
    {"users", false, "users", "0", "distinct users who took it"},
    {"positives_28d", false, "events", "0", "positives in the last 28 days"},
    {"trend", false, "log ratio", "0",
     "ln of (1 + positives in the last 28 days) over (1 + positives in the 28 days before)"},
    {"days_since_first", false, "days", "missing", "since the first event that has a time (age)"},
    {"days_since_last", false, "days", "missing", "since the last positive that has a time"},
    {"value_mean", false, "value", "missing", "mean `value` of the positives that have one"},
    {"price_level", false, "share", "missing",
     "place of its `price` among those of its category: 0 the cheapest, 1 the dearest"},
    {"dwell_mean", false, "seconds", "missing", "mean `dwell_seconds` of the events that have it"},
    {"ctr", false, "share", "missing",
     "clicks per impression, by `features.click` and `features.impression`"},
    {"conversion", false, "share", "missing", "users who took it among those with any event of it"},
    {"repeat_share", false, "share", "missing",
     "users who took it more than once among those who took it"},
    {"novelty", false, "bits", "as of an item nobody took",
     "self-information, as in the user's `novelty_appetite`"},
    {"season", true, "word", "missing", "the season it sells in, as in `season_taste`"},
}};

constexpr double kUnknownFact = std::numeric_limits<double>::quiet_NaN();

double ratio(double part, double whole) { return whole > 0 ? part / whole : kUnknownFact; }

struct ItemSums {
  double events = 0, positives = 0, recent = 0, before = 0, value = 0, values = 0, dwell = 0,
         dwells = 0, clicks = 0, impressions = 0;
  Time first = kUntimed, last = kUntimed;
};

// Of each item, users: with any event, who took it, who took it again.
struct ItemUsers {
  double met = 0, took = 0, repeated = 0;
};

std::vector<ItemSums> sums_of_items(const Dataset& data, const FeatureSpace& space, Time as_of) {
  const Events& events = data.events;
  const features::Clicks clicks(space);
  std::vector<ItemSums> sums(data.items.size());
  for (std::size_t e = 0; e < events.size(); ++e) {
    const Time time = events.time[e];
    if (time >= as_of) continue;
    ItemSums& sum = sums[events.item[e].index()];
    ++sum.events;
    if (clicks.is_click(events, e)) ++sum.clicks;
    if (clicks.is_impression(events, e)) ++sum.impressions;
    if (!std::isnan(events.dwell_seconds[e])) sum.dwell += events.dwell_seconds[e], ++sum.dwells;
    if (time != kUntimed && sum.first == kUntimed) sum.first = time;  // events are in time order
    if (events.weight[e] <= 0) continue;
    ++sum.positives;
    if (!std::isnan(events.value[e])) sum.value += events.value[e], ++sum.values;
    if (time == kUntimed) continue;
    sum.last = time;
    const Time age = as_of - time;
    if (age <= 28 * kDay) ++sum.recent;
    if (age > 28 * kDay && age <= 56 * kDay) ++sum.before;
  }
  return sums;
}

std::vector<ItemUsers> users_of_items(const Dataset& data, Time as_of) {
  const Events& events = data.events;
  struct Pair {
    std::uint32_t item, user;
    bool positive;
  };
  std::vector<Pair> pairs;
  for (std::size_t e = 0; e < events.size(); ++e) {
    if (events.time[e] < as_of)
      pairs.push_back({events.item[e].value, events.user[e].value, events.weight[e] > 0});
  }
  std::sort(pairs.begin(), pairs.end(), [](const Pair& a, const Pair& b) {
    return a.item != b.item ? a.item < b.item : a.user < b.user;
  });
  std::vector<ItemUsers> users(data.items.size());
  for (std::size_t begin = 0; begin < pairs.size();) {
    std::size_t end = begin, taken = 0;
    for (; end < pairs.size() && pairs[end].item == pairs[begin].item &&
           pairs[end].user == pairs[begin].user;
         ++end) {
      taken += pairs[end].positive ? 1 : 0;
    }
    ItemUsers& of = users[pairs[begin].item];
    ++of.met;
    if (taken > 0) ++of.took;
    if (taken > 1) ++of.repeated;
    begin = end;
  }
  return users;
}

}  // namespace

std::span<const FeatureInfo> item_feature_infos() { return kItemInfos; }

Table item_features(const Dataset& data, const FeatureSpace& space, Time as_of) {
  const std::size_t items = data.items.size();
  Table table{.rows = items};
  for (const FeatureInfo& info : kItemInfos) {
    Column column{.name = std::string(kItemFeaturePrefix) + info.name, .is_text = info.is_text};
    if (!info.is_text) column.numbers.assign(items, kUnknownFact);
    table.columns.push_back(std::move(column));
  }
  const auto sums = sums_of_items(data, space, as_of);
  const auto users = users_of_items(data, as_of);
  const auto information = features::fit_item_information(data.events, items, as_of);
  for (std::size_t i = 0; i < items; ++i) {
    const ItemSums& sum = sums[i];
    const auto put = [&](ItemFeatureIndex feature, double value) {
      table.columns[feature].numbers[i] = value;
    };
    put(kItemEvents, sum.events);
    put(kItemPositives, sum.positives);
    put(kItemUsers, users[i].took);
    put(kItemPositives28d, sum.recent);
    put(kItemTrend, std::log((1 + sum.recent) / (1 + sum.before)));
    if (sum.first != kUntimed) put(kItemDaysSinceFirst, days_between(sum.first, as_of));
    if (sum.last != kUntimed) put(kItemDaysSinceLast, days_between(sum.last, as_of));
    put(kItemValueMean, ratio(sum.value, sum.values));
    if (i < space.item_price_level.size()) put(kItemPriceLevel, space.item_price_level[i]);
    put(kItemDwellMean, ratio(sum.dwell, sum.dwells));
    put(kItemCtr, ratio(sum.clicks, sum.impressions));
    put(kItemConversion, ratio(users[i].took, users[i].met));
    put(kItemRepeatShare, ratio(users[i].repeated, users[i].took));
    put(kItemNovelty, information[i]);
  }
  Column& season = table.columns[kItemSeason];
  season.words = features::season_words();
  season.codes =
      features::fit_item_seasons(data.events, items, space.config.utc_offset_hours, as_of);
  return table;
}

}  // namespace sartor
