#include "sartor/serving/visitor.h"

#include <fmt/core.h>

#include <charconv>
#include <cmath>
#include <limits>

namespace sartor {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

// A column of `rows` times the same value; a text that is no number is missing among numbers.
Column constant(const std::string& name, bool is_text, const std::string& value, std::size_t rows) {
  Column column{.name = name, .is_text = is_text};
  if (is_text) {
    column.words = {value};
    column.codes.assign(rows, 0);
    return column;
  }
  double number = kMissing;
  const char* end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data(), end, number);
  if (error != std::errc() || stop != end || !std::isfinite(number)) number = kMissing;
  column.numbers.assign(rows, number);
  return column;
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
  events.value.assign(n, kMissing);
  events.dwell_seconds.assign(n, static_cast<float>(kMissing));
  events.group.assign(n, Column::kMissing);
  for (const Column& key : bundle.space.context) {
    const auto given = context.find(key.name);
    if (given == context.end()) continue;
    events.context.push_back(constant(key.name, key.is_text, given->second, n));
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

Result<Visitor> visitor_of(const Bundle& bundle, const RecommendRequest& request) {
  const std::uint32_t user =
      request.user ? bundle.catalogue.users().find(*request.user) : Vocabulary::kNone;
  Visitor visitor;
  visitor.context = moment_of(bundle, request.context);
  if (user != Vocabulary::kNone && request.history.empty()) {
    visitor.user = UserId{user};
    visitor.history = bundle.catalogue.history_of(visitor.user);
    if (visitor.context.empty()) {
      const auto known = bundle.catalogue.context_of(visitor.user);
      visitor.context.assign(known.begin(), known.end());
    }
    visitor.segment = bundle.user_segment[user];
    if (request.context.empty()) return visitor;
    Table row = one_row(bundle.catalogue.user_features(), user);
    override_context(request.context, row);
    SARTOR_ASSIGN(visitor.segment, segment_of(bundle, row));
    return visitor;
  }
  visitor.history = interactions(bundle, request.history);
  const Events events = events_of(bundle, visitor.history, request.context);
  std::vector<std::uint32_t> rows(events.size());
  for (std::uint32_t r = 0; r < rows.size(); ++r) rows[r] = r;
  Table row = user_features_of({&events, rows}, attributes_of(bundle, user), bundle.space,
                               bundle.catalogue.as_of());
  override_context(request.context, row);
  if (bundle.embedding) add_embedding(*bundle.embedding, visitor.history, row);
  SARTOR_ASSIGN(visitor.segment, segment_of(bundle, row));
  return visitor;
}

}  // namespace sartor
