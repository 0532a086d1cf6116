#include "sartor/serving/live_signal.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "sartor/data/signal.h"
#include "sartor/data/sql_expression.h"

namespace sartor {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

// "" is missing.
Column text_column(const std::string& name, std::span<const std::string> values) {
  Column column{.name = name, .is_text = true};
  column.words.assign(values.begin(), values.end());
  std::sort(column.words.begin(), column.words.end());
  column.words.erase(std::unique(column.words.begin(), column.words.end()), column.words.end());
  if (!column.words.empty() && column.words.front().empty()) {
    column.words.erase(column.words.begin());
  }
  for (const std::string& value : values) {
    const auto at = std::lower_bound(column.words.begin(), column.words.end(), value);
    column.codes.push_back(value.empty() ? Column::kMissing
                                         : static_cast<std::uint32_t>(at - column.words.begin()));
  }
  return column;
}

Column texts_of(const std::string& name, std::span<const StoredEvent> events,
                std::string LiveEvent::*member) {
  std::vector<std::string> values;
  for (const StoredEvent& stored : events) values.push_back(stored.event.*member);
  return text_column(name, values);
}

Column numbers_of(const std::string& name, std::span<const StoredEvent> events,
                  double LiveEvent::*member) {
  Column column{.name = name};
  for (const StoredEvent& stored : events) column.numbers.push_back(stored.event.*member);
  return column;
}

std::string context_of(const LiveEvent& event, const std::string& key) {
  for (const auto& [name, value] : event.context) {
    if (name == key) return value;
  }
  return "";
}

float weight_of(bool positive, double weight) {
  const auto value = static_cast<float>(weight);
  return positive && std::isfinite(value) && value > 0 ? value : 0.0f;
}

// The other column kinds have no place in Events.
Events events_of(std::span<const StoredEvent> events, const Table& table) {
  Events out;
  for (const std::uint32_t code : table.find("user")->codes) out.user.push_back(UserId{code});
  for (const std::uint32_t code : table.find("item")->codes) out.item.push_back(ItemId{code});
  for (const std::uint32_t code : table.find("type")->codes) {
    out.type.push_back(static_cast<std::uint16_t>(code));
  }
  out.group = table.find("group")->codes;
  out.value = table.find("value")->numbers;
  for (const StoredEvent& stored : events) {
    out.time.push_back(stored.event.time);
    out.dwell_seconds.push_back(static_cast<float>(stored.event.dwell_seconds));
  }
  for (const Column& column : table.columns) {
    if (!column.name.starts_with("context.")) continue;
    out.context.push_back(column);
    out.context.back().name = column.name.substr(8);
  }
  return out;
}

}  // namespace

double number_in(const std::string& text) {
  double number = kMissing;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && stop == end && std::isfinite(number) ? number : kMissing;
}

Column context_column(const std::string& key, bool is_text, std::span<const std::string> values) {
  if (is_text) return text_column(key, values);
  Column column{.name = key};
  for (const std::string& value : values) column.numbers.push_back(number_in(value));
  return column;
}

LiveSignal::LiveSignal(std::string positive, std::string weight, std::vector<Column> context)
    : positive_(std::move(positive)), weight_(std::move(weight)), context_(std::move(context)) {
  const StoredEvent any[] = {{1, {.user = "u", .item = "i", .type = "t"}}};
  here_ = weights_here(table_of(any)).has_value();
}

Table LiveSignal::table_of(std::span<const StoredEvent> events) const {
  Table table{.rows = events.size()};
  table.columns = {texts_of("user", events, &LiveEvent::user),
                   texts_of("item", events, &LiveEvent::item),
                   texts_of("type", events, &LiveEvent::type),
                   texts_of("group", events, &LiveEvent::group),
                   numbers_of("value", events, &LiveEvent::value),
                   numbers_of("dwell_seconds", events, &LiveEvent::dwell_seconds)};
  for (const Column& key : context_) {
    std::vector<std::string> values;
    for (const StoredEvent& stored : events) values.push_back(context_of(stored.event, key.name));
    table.columns.push_back(context_column(key.name, key.is_text, values));
    table.columns.back().name = "context." + key.name;
  }
  return table;
}

Result<std::vector<float>> LiveSignal::weights_here(const Table& table) const {
  SARTOR_ASSIGN(const SqlExpression positive, SqlExpression::parse(positive_));
  SARTOR_ASSIGN(const SqlExpression weight, SqlExpression::parse(weight_));
  SARTOR_ASSIGN(const BoundExpression is_positive, positive.bind_condition(table));
  SARTOR_ASSIGN(const BoundExpression counts, weight.bind(table));
  if (counts.type() == SqlType::text) {
    return Error{ErrorCode::config, "signal.weight: expected a number"};
  }
  std::vector<float> weights;
  for (std::size_t r = 0; r < table.rows; ++r) {
    const SqlValue value = counts.evaluate(r);
    weights.push_back(weight_of(is_positive.condition(r).value_or(false),
                                value.type == SqlType::null ? kMissing : value.number));
  }
  return weights;
}

Result<std::vector<float>> LiveSignal::weights_by_duckdb(std::span<const StoredEvent> events,
                                                         const Table& table) const {
  Events columns = events_of(events, table);
  IngestReport unused;
  const EventWords words{table.find("user")->words, table.find("item")->words,
                         table.find("type")->words, table.find("group")->words};
  SARTOR_TRY(mark_positives(columns, words, {.positive = positive_, .weight = weight_},
                            {.threads = 1}, "/tmp", unused));
  return columns.weight;
}

Result<std::vector<float>> LiveSignal::weights(std::span<const StoredEvent> events) const {
  if (events.empty()) return std::vector<float>();
  const Table table = table_of(events);
  return here_ ? weights_here(table) : weights_by_duckdb(events, table);
}

}  // namespace sartor
