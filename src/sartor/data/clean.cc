#include "sartor/data/clean.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <tuple>

#include "sartor/base/text.h"

namespace sartor {
namespace {

using Keep = std::vector<std::uint8_t>;

std::size_t first_timed(const Events& events) {
  return static_cast<std::size_t>(
      std::upper_bound(events.time.begin(), events.time.end(), kUntimed) - events.time.begin());
}

template <class T>
void compact(std::vector<T>& values, std::span<const std::uint8_t> keep) {
  std::size_t out = 0;
  for (std::size_t e = 0; e < values.size(); ++e) {
    if (keep[e] != 0) values[out++] = values[e];
  }
  values.resize(out);
}

// The timed events in the order of `less`, which must be total up to the events' own order.
template <class Less>
std::vector<std::uint32_t> sorted_events(const Events& events, const Less& less) {
  std::vector<std::uint32_t> order(events.size() - first_timed(events));
  std::iota(order.begin(), order.end(), static_cast<std::uint32_t>(first_timed(events)));
  std::stable_sort(order.begin(), order.end(), less);
  return order;
}

void drop(Events& events, const Keep& keep, const char* reason, IngestReport& report) {
  const auto removed = static_cast<std::uint64_t>(std::count(keep.begin(), keep.end(), 0));
  report.removed[reason] += removed;
  if (removed > 0) compact_events(events, keep);
}

// A user with more than `most` distinct moments within 60 seconds is no person.
void remove_bots(Events& events, double most, IngestReport& report) {
  const auto order = sorted_events(events, [&](std::uint32_t a, std::uint32_t b) {
    return events.user[a] < events.user[b];  // in time order within a user
  });
  std::vector<bool> is_bot;
  std::vector<Time> moments;
  for (std::size_t begin = 0; begin < order.size();) {
    const UserId user = events.user[order[begin]];
    moments.clear();
    std::size_t end = begin;
    for (; end < order.size() && events.user[order[end]] == user; ++end) {
      const Time time = events.time[order[end]];
      if (moments.empty() || moments.back() != time) moments.push_back(time);
    }
    begin = end;
    std::size_t first = 0;
    for (std::size_t last = 0; last < moments.size(); ++last) {
      while (moments[last] - moments[first] >= 60 * kSecond) ++first;
      if (static_cast<double>(last - first + 1) <= most) continue;
      is_bot.resize(std::max(is_bot.size(), user.index() + 1));
      is_bot[user.index()] = true;
      ++report.bot_users;
      break;
    }
  }
  Keep keep(events.size(), 1);
  for (std::size_t e = first_timed(events); e < events.size(); ++e) {
    const std::size_t user = events.user[e].index();
    keep[e] = user < is_bot.size() && is_bot[user] ? 0 : 1;
  }
  drop(events, keep, "bot", report);
}

// What two events with the same key must also share to be one event twice.
std::vector<std::uint64_t> other_values(const Events& events, std::size_t e) {
  std::vector<std::uint64_t> values = {std::bit_cast<std::uint64_t>(events.value[e]),
                                       std::bit_cast<std::uint32_t>(events.dwell_seconds[e])};
  for (const Column& column : events.context) {
    values.push_back(column.is_text ? column.codes[e]
                                    : std::bit_cast<std::uint64_t>(column.numbers[e]));
  }
  return values;
}

void remove_duplicates(Events& events, IngestReport& report) {
  const auto same_key = [&](std::size_t a, std::size_t b) {
    return std::tie(events.time[a], events.user[a], events.item[a], events.type[a],
                    events.group[a]) == std::tie(events.time[b], events.user[b], events.item[b],
                                                 events.type[b], events.group[b]);
  };
  Keep keep(events.size(), 1);
  std::vector<std::vector<std::uint64_t>> seen;
  for (std::size_t begin = first_timed(events); begin < events.size();) {
    std::size_t end = begin + 1;
    while (end < events.size() && same_key(begin, end)) ++end;
    if (end - begin > 1) {
      seen.clear();
      for (std::size_t e = begin; e < end; ++e) {
        auto values = other_values(events, e);
        const auto place = std::lower_bound(seen.begin(), seen.end(), values);
        if (place != seen.end() && *place == values) {
          keep[e] = 0;
        } else {
          seen.insert(place, std::move(values));
        }
      }
    }
    begin = end;
  }
  drop(events, keep, "duplicate", report);
}

// Of events of one user, item and type, those within `seconds` of the last one that was kept.
void remove_bursts(Events& events, double seconds, IngestReport& report) {
  const auto key = [&](std::uint32_t e) {
    return std::tie(events.user[e], events.item[e], events.type[e]);
  };
  const auto order =
      sorted_events(events, [&](std::uint32_t a, std::uint32_t b) { return key(a) < key(b); });
  const Time span = static_cast<Time>(seconds * static_cast<double>(kSecond));
  Keep keep(events.size(), 1);
  std::size_t kept = 0;
  for (std::size_t i = 1; i < order.size(); ++i) {
    if (key(order[i]) == key(order[kept]) &&
        events.time[order[i]] - events.time[order[kept]] <= span) {
      keep[order[i]] = 0;
    } else {
      kept = i;
    }
  }
  drop(events, keep, "burst", report);
}

Status bound_dwell(Events& events, const CleanConfig& config, IngestReport& report) {
  const bool clips = config.dwell_outside == "clip";
  if (!clips && config.dwell_outside != "remove") {
    return Error{ErrorCode::config, fmt::format("clean.dwell_outside: expected 'clip' or 'remove', "
                                                "found '{}'",
                                                config.dwell_outside)};
  }
  if (config.min_dwell_seconds > config.max_dwell_seconds) {
    return Error{ErrorCode::config, "clean.min_dwell_seconds: is above clean.max_dwell_seconds"};
  }
  const auto low = static_cast<float>(config.min_dwell_seconds);
  const auto high = static_cast<float>(config.max_dwell_seconds);
  Keep keep(events.size(), 1);
  std::uint64_t clipped = 0;
  for (std::size_t e = 0; e < events.size(); ++e) {
    float& dwell = events.dwell_seconds[e];
    if (std::isnan(dwell) || (dwell >= low && dwell <= high)) continue;
    if (clips) {
      dwell = std::clamp(dwell, low, high);
      ++clipped;
    } else {
      keep[e] = 0;
    }
  }
  if (clips) {
    report.changed["dwell_clipped"] += clipped;
  } else {
    drop(events, keep, "dwell_outside", report);
  }
  return {};
}

// The group of each event: its user, or the value of a context key.
Result<std::vector<std::uint32_t>> groups_of(const Events& events, const std::string& by) {
  std::vector<std::uint32_t> groups(events.size());
  if (by == "user") {
    for (std::size_t e = 0; e < events.size(); ++e) groups[e] = events.user[e].value;
    return groups;
  }
  std::vector<std::string> known = {"user"};
  for (const Column& column : events.context) {
    known.push_back(column.name);
    if (column.name != by && "context." + column.name != by) continue;
    if (column.is_text) return column.codes;
    std::vector<double> distinct = column.numbers;
    std::erase_if(distinct, [](double x) { return std::isnan(x); });
    std::sort(distinct.begin(), distinct.end());
    distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
    for (std::size_t e = 0; e < events.size(); ++e) {
      const double x = column.numbers[e];
      groups[e] =
          std::isnan(x)
              ? Column::kMissing
              : static_cast<std::uint32_t>(std::lower_bound(distinct.begin(), distinct.end(), x) -
                                           distinct.begin());
    }
    return groups;
  }
  return Error{ErrorCode::config, fmt::format("clean.normalise_dwell: expected 'user' or a context "
                                              "key, found '{}'{}",
                                              by, did_you_mean(by, known))};
}

Status normalise_dwell(Events& events, const std::string& by, IngestReport& report) {
  constexpr double kPrior = 20;  // events
  SARTOR_ASSIGN(const auto groups, groups_of(events, by));
  std::uint32_t most = 0;
  for (const std::uint32_t group : groups) {
    if (group != Column::kMissing) most = std::max(most, group);
  }
  struct Sum {
    double total = 0;
    double n = 0;
  };
  std::vector<Sum> sums(static_cast<std::size_t>(most) + 2);
  Sum all;
  for (std::size_t e = 0; e < events.size(); ++e) {
    const double dwell = events.dwell_seconds[e];
    if (std::isnan(dwell)) continue;
    Sum& sum = sums[groups[e] == Column::kMissing ? sums.size() - 1 : groups[e]];
    const double general = all.n > 0 ? all.total / all.n : 0;
    const double mean = (sum.total + kPrior * general) / (sum.n + kPrior);
    events.dwell_seconds[e] = mean > 0 ? static_cast<float>(dwell / mean) : 1.0F;
    sum.total += dwell;
    sum.n += 1;
    all.total += dwell;
    all.n += 1;
    ++report.changed["dwell_normalised"];
  }
  return {};
}

}  // namespace

void compact_events(Events& events, std::span<const std::uint8_t> keep) {
  compact(events.user, keep);
  compact(events.item, keep);
  compact(events.time, keep);
  compact(events.type, keep);
  compact(events.value, keep);
  compact(events.dwell_seconds, keep);
  compact(events.group, keep);
  if (!events.weight.empty()) compact(events.weight, keep);
  for (Column& column : events.context) {
    if (column.is_text) {
      compact(column.codes, keep);
    } else {
      compact(column.numbers, keep);
    }
  }
}

Status clean_events(Events& events, const CleanConfig& config, IngestReport& report) {
  if (config.max_events_per_minute > 0) {
    remove_bots(events, config.max_events_per_minute, report);
  }
  if (config.duplicates) remove_duplicates(events, report);
  if (config.burst_seconds > 0) remove_bursts(events, config.burst_seconds, report);
  SARTOR_TRY(bound_dwell(events, config, report));
  if (!config.normalise_dwell.empty()) {
    SARTOR_TRY(normalise_dwell(events, config.normalise_dwell, report));
  }
  return {};
}

}  // namespace sartor
