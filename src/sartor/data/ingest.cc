#include "sartor/data/ingest.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>
#include <span>
#include <tuple>

#include "sartor/data/attribute_reader.h"
#include "sartor/data/clean.h"
#include "sartor/data/dataset_file.h"
#include "sartor/data/event_reader.h"
#include "sartor/data/signal.h"
#include "sartor/data/time_order.h"

namespace sartor {
namespace {

// A folder of our own that goes away with us.
class ScratchFolder {
 public:
  static Result<ScratchFolder> make(const std::string& parent) {
    std::string name = parent + "/sartor-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) {
      return Error{ErrorCode::io, parent + ": cannot make a folder for temporary files"};
    }
    return ScratchFolder(name);
  }
  ScratchFolder(ScratchFolder&& other) noexcept : path_(std::move(other.path_)) {
    other.path_.clear();
  }
  ScratchFolder& operator=(ScratchFolder&&) = delete;
  ~ScratchFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  explicit ScratchFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

Result<Time> latest_moment(const DataConfig& config) {
  Time now = std::chrono::duration_cast<std::chrono::microseconds>(
                 std::chrono::system_clock::now().time_since_epoch())
                 .count();
  if (!config.now.empty()) {
    auto given = parse_time(config.now);
    if (!given) return Error{ErrorCode::config, "data.now: " + given.error().message};
    now = *given;
  }
  return now + static_cast<Time>(config.future_hours * static_cast<double>(kHour));
}

// The codes become ranks; the encoder's names, sorted.
std::vector<std::string> rank(std::vector<std::uint32_t>& codes, const TextEncoder& encoder) {
  const auto ranks = encoder.ranks();
  for (std::uint32_t& code : codes) {
    if (code != Column::kMissing) code = ranks[code];
  }
  return encoder.sorted();
}

// In the order of `order`; `missing` where `values` has ended before.
template <class To, class T>
std::vector<To> permuted(const std::vector<T>& values, const std::vector<std::uint32_t>& order,
                         To missing = {}) {
  if (values.empty()) return std::vector<To>(order.size(), missing);
  std::vector<To> out;
  out.reserve(order.size());
  for (const std::uint32_t e : order) out.push_back(e < values.size() ? To(values[e]) : missing);
  return out;
}

struct Sorted {
  Events events;
  std::vector<std::string> users;
  std::vector<std::string> items;
  std::vector<std::string> types;
  std::vector<std::string> groups;
};

// Of the events that block `block` added behind the first `before`, those of erased users.
void mark_erased(const DataSettings& settings, std::size_t block, const EventLog& log,
                 std::vector<bool>& erased) {
  const std::size_t before = erased.size();
  erased.resize(log.size());
  if (!settings.is_erased) return;
  for (std::size_t e = before; e < log.size(); ++e) {
    erased[e] = settings.is_erased(block, log.users.text(log.user[e]), log.time[e]);
  }
}

// Of [[users]], sorted.
std::vector<std::string> erased_names(const DataSettings& settings, const FactTable& users) {
  std::vector<std::string> names;
  if (!settings.is_erased) return names;
  for (std::string& name : users.names.sorted()) {
    if (settings.is_erased(kNoBlock, name, kUntimed)) names.push_back(std::move(name));
  }
  return names;
}

// Each job writes what belongs to it alone.
Status at_once(const Resources& resources, std::span<const std::function<void()>> jobs) {
  return parallel_for(resources, jobs.size(), 1, [&](std::size_t job, std::size_t) -> Status {
    jobs[job]();
    return {};
  });
}

// Names by bytes, events by (time, user, item, type, group, source order); without the erased ones.
Result<Sorted> sort_events(EventLog log, const std::vector<bool>& erased,
                           const Resources& resources) {
  constexpr auto kNan = std::numeric_limits<float>::quiet_NaN();
  Sorted out;
  SARTOR_TRY(at_once(resources, {{[&] { out.users = rank(log.user, log.users); },
                                  [&] { out.items = rank(log.item, log.items); },
                                  [&] { out.types = rank(log.type, log.types); },
                                  [&] { out.groups = rank(log.group, log.groups); }}}));
  const auto group = [&](std::uint32_t e) {
    return e < log.group.size() ? log.group[e] : Column::kMissing;
  };
  const auto less = [&](std::uint32_t a, std::uint32_t b) {
    const auto ids = [&](std::uint32_t e) {
      return std::tie(log.user[e], log.item[e], log.type[e]);
    };
    if (ids(a) != ids(b)) return ids(a) < ids(b);
    return std::pair(group(a), a) < std::pair(group(b), b);
  };
  const auto order = time_order(log.time, erased, less);
  Events& events = out.events;
  std::vector<std::function<void()>> jobs = {
      [&] { events.user = permuted<UserId>(log.user, order); },
      [&] { events.item = permuted<ItemId>(log.item, order); },
      [&] { events.time = permuted<Time>(log.time, order); },
      [&] { events.type = permuted<std::uint16_t>(log.type, order); },
      [&] { events.value = permuted<double>(log.value, order, kNan); },
      [&] { events.dwell_seconds = permuted<float>(log.dwell_seconds, order, kNan); },
      [&] { events.group = permuted<std::uint32_t>(log.group, order, Column::kMissing); }};
  std::sort(log.context.begin(), log.context.end(),
            [](const FactColumn& a, const FactColumn& b) { return a.name() < b.name(); });
  events.context.resize(log.context.size());
  for (std::size_t k = 0; k < log.context.size(); ++k)
    jobs.push_back([&, k] { events.context[k] = log.context[k].take(order); });
  SARTOR_TRY(at_once(resources, jobs));
  return out;
}

// Items below the thresholds of [data]: their events and their names go.
std::vector<bool> rare_items(const Events& events, std::size_t items, const DataConfig& config) {
  std::vector<int> positives(items);
  std::vector<std::pair<std::uint32_t, std::uint32_t>> pairs;
  for (std::size_t e = 0; e < events.size(); ++e) {
    if (events.weight[e] <= 0) continue;
    ++positives[events.item[e].index()];
    pairs.emplace_back(events.item[e].value, events.user[e].value);
  }
  std::sort(pairs.begin(), pairs.end());
  pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
  std::vector<int> users(items);
  for (const auto& [item, user] : pairs) ++users[item];
  std::vector<bool> rare(items);
  for (std::size_t i = 0; i < items; ++i) {
    rare[i] = positives[i] < config.min_item_events || users[i] < config.min_item_users;
  }
  return rare;
}

// The union of the names that are used and the names of the facts, sorted.
std::vector<std::string> final_names(const std::vector<std::string>& names,
                                     const std::vector<bool>& used, const FactTable& facts,
                                     const std::vector<std::string>& left_out) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (used[i]) all.push_back(names[i]);
  }
  for (std::string& name : facts.names.sorted()) {
    if (!std::binary_search(left_out.begin(), left_out.end(), name)) all.push_back(std::move(name));
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

// Where each of `names` stands in `all`; both are sorted.
std::vector<std::uint32_t> places_in(const std::vector<std::string>& names,
                                     const std::vector<std::string>& all) {
  std::vector<std::uint32_t> places(names.size(), Vocabulary::kNone);
  std::size_t at = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    while (at < all.size() && all[at] < names[i]) ++at;
    if (at < all.size() && all[at] == names[i]) places[i] = static_cast<std::uint32_t>(at);
  }
  return places;
}

Table fact_table(const FactTable& facts, const Vocabulary& names,
                 const std::vector<std::string>& left_out, const char* kind, IngestReport& report) {
  Table table{.rows = names.size()};
  std::vector<std::uint32_t> order(names.size(), Column::kMissing);
  for (std::uint32_t code = 0; code < facts.names.size(); ++code) {
    const std::string_view name = facts.names.text(code);
    if (std::binary_search(left_out.begin(), left_out.end(), name)) continue;
    const std::uint32_t at = names.find(name);
    if (at != Vocabulary::kNone) order[at] = code;
  }
  for (const FactColumn& column : facts.columns) {
    table.columns.push_back(column.take(order));
    const Column& taken = table.columns.back();
    std::uint64_t missing = 0;
    for (std::size_t i = 0; i < table.rows; ++i) {
      missing += (taken.is_text ? taken.codes[i] == Column::kMissing : std::isnan(taken.numbers[i]))
                     ? 1
                     : 0;
    }
    report.missing[fmt::format("{}.{}", kind, column.name())] = missing;
  }
  return table;
}

// Leaves only the words that occur.
void prune_words(Column& column) {
  if (!column.is_text) return;
  std::vector<std::uint32_t> place(column.words.size(), 0);
  for (const std::uint32_t code : column.codes) {
    if (code != Column::kMissing) place[code] = 1;
  }
  std::vector<std::string> words;
  for (std::size_t w = 0; w < place.size(); ++w) {
    if (place[w] == 0) continue;
    place[w] = static_cast<std::uint32_t>(words.size());
    words.push_back(std::move(column.words[w]));
  }
  column.words = std::move(words);
  for (std::uint32_t& code : column.codes) {
    if (code != Column::kMissing) code = place[code];
  }
}

void count_missing(const Events& events, const DataSettings& settings, IngestReport& report) {
  const auto configured = [&](std::string EventSource::*key) {
    return std::any_of(settings.events.begin(), settings.events.end(),
                       [&](const EventSource& source) { return !(source.*key).empty(); });
  };
  const auto nan = [](const auto& values) {
    return static_cast<std::uint64_t>(
        std::count_if(values.begin(), values.end(), [](auto x) { return std::isnan(x); }));
  };
  if (configured(&EventSource::value)) report.missing["events.value"] = nan(events.value);
  if (configured(&EventSource::dwell_seconds)) {
    report.missing["events.dwell_seconds"] = nan(events.dwell_seconds);
  }
  if (configured(&EventSource::group)) {
    report.missing["events.group"] = static_cast<std::uint64_t>(
        std::count(events.group.begin(), events.group.end(), Column::kMissing));
  }
  for (const Column& column : events.context) {
    report.missing["events.context." + column.name] =
        column.is_text ? static_cast<std::uint64_t>(
                             std::count(column.codes.begin(), column.codes.end(), Column::kMissing))
                       : nan(column.numbers);
  }
}

void count_events(const Dataset& data, IngestReport& report) {
  const Events& events = data.events;
  report.users = data.users.size();
  report.items = data.items.size();
  report.events = events.size();
  for (std::size_t e = 0; e < events.size(); ++e) {
    report.positives += events.weight[e] > 0 ? 1 : 0;
    report.untimed += events.time[e] == kUntimed ? 1 : 0;
  }
  if (report.untimed < events.size()) {
    report.first = events.time[report.untimed];
    report.last = events.time.back();
  }
}

std::vector<std::string> missing_names(const std::vector<std::string>& names,
                                       const std::vector<bool>& out) {
  std::vector<std::string> gone;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (out[i]) gone.push_back(names[i]);
  }
  return gone;
}

// Leaves out rare items, then gives users, items and types their final numbers.
Dataset finish_dataset(Sorted sorted, const DataSettings& settings, const FactTable& users,
                       const FactTable& items, IngestReport& report) {
  Events& events = sorted.events;
  std::vector<std::string> left_out;
  if (settings.data.min_item_events > 1 || settings.data.min_item_users > 1) {
    const auto rare = rare_items(events, sorted.items.size(), settings.data);
    left_out = missing_names(sorted.items, rare);
    report.items_left_out = left_out.size();
    std::vector<std::uint8_t> keep(events.size());
    for (std::size_t e = 0; e < keep.size(); ++e) keep[e] = rare[events.item[e].index()] ? 0 : 1;
    report.removed["rare_item"] =
        static_cast<std::uint64_t>(std::count(keep.begin(), keep.end(), 0));
    compact_events(events, keep);
  }
  std::vector<bool> used_users(sorted.users.size());
  std::vector<bool> used_items(sorted.items.size());
  std::vector<bool> used_types(sorted.types.size());
  for (std::size_t e = 0; e < events.size(); ++e) {
    used_users[events.user[e].index()] = true;
    used_items[events.item[e].index()] = true;
    used_types[events.type[e]] = true;
  }
  const auto erased = erased_names(settings, users);
  const auto user_names = final_names(sorted.users, used_users, users, erased);
  const auto item_names = final_names(sorted.items, used_items, items, left_out);
  const auto user_places = places_in(sorted.users, user_names);
  const auto item_places = places_in(sorted.items, item_names);
  Dataset data;
  data.types = final_names(sorted.types, used_types, {}, {});
  const auto type_places = places_in(sorted.types, data.types);
  for (std::size_t e = 0; e < events.size(); ++e) {
    events.user[e].value = user_places[events.user[e].index()];
    events.item[e].value = item_places[events.item[e].index()];
    events.type[e] = static_cast<std::uint16_t>(type_places[events.type[e]]);
  }
  for (Column& column : events.context) prune_words(column);
  data.users = Vocabulary(user_names);
  data.items = Vocabulary(item_names);
  data.events = std::move(events);
  data.user_attributes = fact_table(users, data.users, erased, "users", report);
  data.item_attributes = fact_table(items, data.items, {}, "items", report);
  for (Column& column : data.user_attributes.columns) prune_words(column);
  for (Column& column : data.item_attributes.columns) prune_words(column);
  return data;
}

}  // namespace

Result<Dataset> ingest(const DataSettings& settings, const std::string& folder,
                       const Resources& resources, IngestReport& report,
                       const std::string& scratch) {
  report = {};
  if (settings.events.empty()) {
    return Error{ErrorCode::config, "[[events]]: there is no block: name at least one file"};
  }
  SARTOR_ASSIGN(const ScratchFolder temporary, ScratchFolder::make(scratch));
  SARTOR_ASSIGN(const Time latest, latest_moment(settings.data));
  const IngestPlace place{folder, temporary.path(), resources};
  const double bad = settings.data.max_bad_share;
  EventLog log;
  std::vector<bool> erased;  // per event
  FactTable users;
  FactTable items;
  for (std::size_t i = 0; i < settings.events.size(); ++i) {
    SARTOR_TRY(read_events(settings.events[i], i, bad, latest, place, log, report));
    mark_erased(settings, i, log, erased);
  }
  for (std::size_t i = 0; i < settings.users.size(); ++i) {
    SARTOR_TRY(read_users(settings.users[i], i, bad, place, users, report));
  }
  for (std::size_t i = 0; i < settings.items.size(); ++i) {
    SARTOR_TRY(read_items(settings.items[i], i, bad, place, items, report));
  }
  if (log.size() == 0) {
    return Error{ErrorCode::bad_data,
                 "no row of [[events]] is an event: see `keep` and the bad rows"};
  }
  const auto gone = static_cast<std::uint64_t>(std::count(erased.begin(), erased.end(), true));
  if (gone > 0) report.removed["erased_user"] = gone;
  if (gone == log.size()) {
    return Error{ErrorCode::bad_data, "every event of [[events]] is of a user who was erased"};
  }
  SARTOR_ASSIGN(Sorted sorted, sort_events(std::move(log), erased, resources));
  SARTOR_TRY(clean_events(sorted.events, settings.clean, report));
  const EventWords words{sorted.users, sorted.items, sorted.types, sorted.groups};
  SARTOR_TRY(
      mark_positives(sorted.events, words, settings.signal, resources, temporary.path(), report));
  Dataset data = finish_dataset(std::move(sorted), settings, users, items, report);
  count_missing(data.events, settings, report);
  count_events(data, report);
  data.fingerprint = fingerprint_of(data);
  return data;
}

}  // namespace sartor
