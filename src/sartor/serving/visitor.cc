#include "sartor/serving/visitor.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace sartor {
namespace {

constexpr double kNoNumber = std::numeric_limits<double>::quiet_NaN();

// A column of `rows` times the same value; a text that is no number is missing among numbers.
Column constant(const std::string& name, bool is_text, const std::string& value, std::size_t rows) {
  if (!is_text) return {.name = name, .numbers = std::vector<double>(rows, number_in(value))};
  return {.name = name,
          .is_text = true,
          .codes = std::vector<std::uint32_t>(rows, 0),
          .words = {value}};
}

// The given items as interactions of the last seconds.
std::vector<Interaction> interactions(const Bundle& bundle, const std::vector<std::string>& items) {
  std::vector<Interaction> history;
  for (const std::string& name : items) {
    const std::uint32_t item = bundle.catalogue.items().find(name);
    if (item != Vocabulary::kNone) history.push_back({ItemId{item}, 1.0f, 0});
  }
  const auto n = static_cast<Time>(history.size());
  for (Time i = 0; i < n; ++i) {
    history[static_cast<std::size_t>(i)].time = bundle.catalogue.as_of() - (n - i) * kSecond;
  }
  return history;
}

// The event type that a given history most likely means: one that is neither shown nor clicked.
std::uint16_t type_of_history(const FeatureSpace& space) {
  for (std::size_t t = 0; t < space.types.size(); ++t) {
    if (space.types[t] != space.config.impression && space.types[t] != space.config.click) {
      return static_cast<std::uint16_t>(t);
    }
  }
  for (std::size_t t = 0; t < space.types.size(); ++t) {
    if (space.types[t] == space.config.click) return static_cast<std::uint16_t>(t);
  }
  return 0;
}

Events events_of(const Bundle& bundle, const std::vector<Interaction>& history,
                 const std::map<std::string, std::string>& context) {
  Events events;
  const std::size_t n = history.size();
  for (const Interaction& interaction : history) {
    events.user.push_back(UserId{0});
    events.item.push_back(interaction.item);
    events.time.push_back(interaction.time);
    events.weight.push_back(interaction.weight);
  }
  events.type.assign(n, type_of_history(bundle.space));
  events.value.assign(n, kNoNumber);
  events.dwell_seconds.assign(n, static_cast<float>(kNoNumber));
  events.group.assign(n, Column::kMissing);
  for (const Column& key : bundle.space.context) {
    const auto given = context.find(key.name);
    if (given == context.end()) continue;
    events.context.push_back(constant(key.name, key.is_text, given->second, n));
  }
  return events;
}

std::string value_of(const LiveRow& row, const std::string& key) {
  if (row.context == nullptr) return "";
  for (const auto& [name, value] : *row.context) {
    if (name == key) return value;
  }
  return "";
}

Events events_of(const Bundle& bundle, const LiveHistory& live) {
  Events events;
  std::map<std::string, std::uint32_t> groups;
  for (const LiveRow& row : live.rows) {
    events.user.push_back(UserId{0});
    events.item.push_back(row.item);
    events.time.push_back(row.time);
    events.weight.push_back(row.weight);
    events.type.push_back(row.type);
    events.value.push_back(row.value);
    events.dwell_seconds.push_back(row.dwell_seconds);
    const auto code = static_cast<std::uint32_t>(groups.size());
    events.group.push_back(row.group.empty() ? Column::kMissing
                                             : groups.emplace(row.group, code).first->second);
  }
  for (const Column& key : bundle.space.context) {
    std::vector<std::string> values;
    for (const LiveRow& row : live.rows) values.push_back(value_of(row, key.name));
    events.context.push_back(context_column(key.name, key.is_text, values));
  }
  return events;
}

// Attributes of a known user under the names that the feature space has for them.
Table attributes_of(const Bundle& bundle, std::uint32_t user) {
  Table attributes{.rows = 1};
  if (user == Vocabulary::kNone) return attributes;
  const Table row = one_row(bundle.catalogue.user_features(), user);
  for (const Column& shape : bundle.space.attributes) {
    const Column* known = row.find("user." + shape.name);
    if (known == nullptr) known = row.find(shape.name);
    if (known == nullptr) continue;
    attributes.columns.push_back(*known);
    attributes.columns.back().name = shape.name;
  }
  return attributes;
}

void override_context(const std::map<std::string, std::string>& context, Table& row) {
  for (Column& column : row.columns) {
    if (!column.name.starts_with("context.")) continue;
    const auto given = context.find(column.name.substr(8));
    if (given != context.end()) {
      column = constant(column.name, column.is_text, given->second, 1);
    }
  }
}

void add_embedding(const Embedding& embedding, std::span<const Interaction> history, Table& row) {
  std::vector<float> vector(embedding.dimensions());
  embedding.user_vector(history, vector);
  for (std::size_t d = 0; d < vector.size(); ++d) {
    row.columns.push_back({.name = fmt::format("embedding.{}", d), .numbers = {vector[d]}});
  }
}

// The request's context as the models know it, or empty where it names none of their keys.
std::vector<std::uint32_t> moment_of(const Bundle& bundle,
                                     const std::map<std::string, std::string>& context) {
  std::vector<std::uint32_t> codes;
  bool any = false;
  for (const ContextKey& key : bundle.catalogue.context_keys()) {
    const auto given = context.find(key.name);
    codes.push_back(given == context.end() ? Column::kMissing : key.code(given->second));
    any |= given != context.end();
  }
  return any ? codes : std::vector<std::uint32_t>();
}

Result<std::uint32_t> segment_of(const Bundle& bundle, const Table& row) {
  SARTOR_ASSIGN(const auto segments, bundle.segmentation.assign(row));
  return segments.at(0);
}

}  // namespace

Table one_row(const Table& table, std::size_t row) {
  Table out{.rows = 1};
  for (const Column& column : table.columns) {
    Column one{.name = column.name, .is_text = column.is_text};
    if (!column.is_text) {
      one.numbers = {column.numbers[row]};
    } else if (column.codes[row] == Column::kMissing) {
      one.codes = {Column::kMissing};
    } else {
      one.words = {column.words[column.codes[row]]};
      one.codes = {0};
    }
    out.columns.push_back(std::move(one));
  }
  return out;
}

namespace {

// Adds the successes of `live` to the visitor's history, at their times; what was there stands
// before what came at the same time. So does their context, if `visitor.context` is the history's.
void add_live(const Bundle& bundle, const LiveHistory& live, bool with_context, Visitor& visitor) {
  const auto& keys = bundle.catalogue.context_keys();
  for (const LiveRow& row : live.rows) {
    visitor.as_of = std::max(visitor.as_of, row.time + 1);
    if (row.weight <= 0 || row.item == ItemId{}) continue;
    const auto place = std::upper_bound(
        visitor.history.begin(), visitor.history.end(), row.time,
        [](Time time, const Interaction& interaction) { return time < interaction.time; });
    const auto at = place - visitor.history.begin();
    visitor.history.insert(place, {row.item, row.weight, row.time});
    if (!with_context) continue;
    std::vector<std::uint32_t> codes;
    for (const ContextKey& key : keys) {
      const std::string value = value_of(row, key.name);
      codes.push_back(value.empty() ? Column::kMissing : key.code(value));
    }
    visitor.context.insert(visitor.context.begin() + at * static_cast<std::ptrdiff_t>(keys.size()),
                           codes.begin(), codes.end());
  }
}

// The segment of a visitor whose features come from `events` alone.
Status place_by(const Bundle& bundle, const Events& events, std::uint32_t user,
                const std::map<std::string, std::string>& context, Visitor& visitor) {
  std::vector<std::uint32_t> rows(events.size());
  for (std::uint32_t r = 0; r < rows.size(); ++r) rows[r] = r;
  visitor.features =
      user_features_of({&events, rows}, attributes_of(bundle, user), bundle.space, visitor.as_of);
  override_context(context, visitor.features);
  if (bundle.embedding) add_embedding(*bundle.embedding, visitor.history, visitor.features);
  SARTOR_ASSIGN(visitor.segment, segment_of(bundle, visitor.features));
  return {};
}

// Somebody the bundle knows, with what happened since.
Status place_known(const Bundle& bundle, const RecommendRequest& request, const LiveHistory* live,
                   Visitor& visitor) {
  visitor.history = bundle.catalogue.history_of(visitor.user);
  const bool of_history = visitor.context.empty();
  if (of_history) {
    const auto known = bundle.catalogue.context_of(visitor.user);
    visitor.context.assign(known.begin(), known.end());
  }
  std::map<std::string, std::string> context;
  if (live != nullptr) {
    add_live(bundle, *live, of_history, visitor);
    for (const auto& [key, value] : live->context) context[key] = value.second;
  }
  for (const auto& [key, value] : request.context) context[key] = value;
  visitor.segment = bundle.user_segment[visitor.user.index()];
  if (context.empty()) return {};
  visitor.features = one_row(bundle.catalogue.user_features(), visitor.user.index());
  override_context(context, visitor.features);
  SARTOR_ASSIGN(visitor.segment, segment_of(bundle, visitor.features));
  return {};
}

}  // namespace

Result<Visitor> visitor_of(const Bundle& bundle, const RecommendRequest& request,
                           const LiveHistory* live) {
  const std::uint32_t user =
      request.user ? user_in(bundle, *request.user, live) : Vocabulary::kNone;
  const bool given = !request.history.empty();
  Visitor visitor;
  visitor.as_of = bundle.catalogue.as_of();
  visitor.context = moment_of(bundle, request.context);
  if (user != Vocabulary::kNone && !given) visitor.user = UserId{user};
  const bool by_events = live != nullptr && !live->rows.empty() && !has_events(bundle, user);
  if (visitor.user != kNoUser && !by_events) {
    SARTOR_TRY(place_known(bundle, request, live, visitor));
  } else if (!given && by_events) {
    add_live(bundle, *live, visitor.context.empty(), visitor);
    SARTOR_TRY(place_by(bundle, events_of(bundle, *live), user, request.context, visitor));
  } else {
    visitor.history = interactions(bundle, request.history);
    const Events events = events_of(bundle, visitor.history, request.context);
    SARTOR_TRY(place_by(bundle, events, user, request.context, visitor));
  }
  return visitor;
}

}  // namespace sartor
