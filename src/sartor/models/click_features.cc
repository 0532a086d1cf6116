#include "sartor/models/click_features.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "sartor/base/text.h"

// What there is to know of a log's columns, their names, and the pass that makes rows.
// click_state.cc has the counting.

namespace sartor {
namespace {

constexpr std::size_t kFewValues = 64;  // of a number that is a scenario

float fact(double number) { return std::isnan(number) ? kMissingFact : static_cast<float>(number); }

float fact_of(const Column& column, std::size_t row) {
  if (!column.is_text) return fact(column.numbers[row]);
  return column.codes[row] == Column::kMissing ? kMissingFact
                                               : static_cast<float>(column.codes[row]);
}

bool has_few_values(const Column& column) {
  std::set<double> values;
  for (const double number : column.numbers) {
    if (!std::isnan(number)) values.insert(number);
    if (values.size() > kFewValues) return false;
  }
  return true;
}

// Which tenth of the catalogue's known numbers each is in.
std::vector<std::uint32_t> tenths(const std::vector<double>& numbers) {
  std::vector<double> known;
  for (const double number : numbers) {
    if (!std::isnan(number)) known.push_back(number);
  }
  std::sort(known.begin(), known.end());
  std::vector<double> cuts;
  for (std::size_t c = 1; c < 10 && !known.empty(); ++c)
    cuts.push_back(known[known.size() * c / 10]);
  std::vector<std::uint32_t> code;
  for (const double number : numbers) {
    const auto above = std::upper_bound(cuts.begin(), cuts.end(), number) - cuts.begin();
    code.push_back(std::isnan(number) ? Column::kMissing : static_cast<std::uint32_t>(above));
  }
  return code;
}

Error unknown(const char* key, const std::string& name, const std::vector<std::string>& known) {
  return {ErrorCode::config,
          fmt::format("clicks.{}: '{}' is not in the log; expected {}{}", key, printable(name),
                      join(known, ", "), did_you_mean(name, known))};
}

}  // namespace

Status ClickState::read_columns() {
  const Events& events = data_->events;
  for (const std::string& type : config_.types) {
    if (std::find(data_->types.begin(), data_->types.end(), type) == data_->types.end())
      return unknown("types", type, data_->types);
  }
  for (const std::string& type : data_->types) {
    shown_type_.push_back(config_.types.empty() ||
                          std::find(config_.types.begin(), config_.types.end(), type) !=
                              config_.types.end());
  }
  columns_ = events.context.size();
  std::vector<std::string> known;
  for (std::size_t c = 0; c < columns_; ++c) {
    const Column& column = events.context[c];
    known.push_back(column.name);
    const auto& wanted = config_.scenarios;
    const bool named = std::find(wanted.begin(), wanted.end(), column.name) != wanted.end();
    const bool fits = wanted.empty() && column.name != config_.position &&
                      (column.is_text || has_few_values(column));
    if (named || fits) scenario_.push_back(c);
  }
  for (const std::string& name : config_.scenarios) {
    if (std::find(known.begin(), known.end(), name) == known.end())
      return unknown("scenarios", name, known);
  }
  if (!config_.position.empty() &&
      std::find(known.begin(), known.end(), config_.position) == known.end())
    return unknown("position", config_.position, known);
  context_.reserve(events.size() * columns_);
  for (std::size_t e = 0; e < events.size(); ++e) {
    for (const Column& column : events.context) context_.push_back(fact_of(column, e));
  }
  return {};
}

void ClickState::read_attributes() {
  const auto direct = [](const Table& table, const char* prefix, std::vector<Direct>& facts) {
    for (const Column& column : table.columns) {
      if (column.name == "text") continue;  // words to read, not a fact to split on
      Direct one{.name = prefix + column.name};
      for (std::size_t r = 0; r < column.rows(); ++r) one.value.push_back(fact_of(column, r));
      facts.push_back(std::move(one));
    }
  };
  direct(data_->user_attributes, "user.", user_facts_);
  direct(data_->item_attributes, "item.", item_facts_);
  for (const Column& column : data_->item_attributes.columns) {
    if (column.name == "text" || column.rows() == 0) continue;
    facets_.push_back({column.name, column.is_text ? column.codes : tenths(column.numbers)});
  }
}

void ClickState::make_names() {
  names_ = {"all_recent",
            "user_shown",
            "user_rate",
            "user_lift",
            "user_recent",
            "user_recent_shown",
            "user_fast",
            "user_slow",
            "user_dwell",
            "user_dwell_last",
            "user_since_last",
            "user_since_first",
            "session_shown",
            "session_clicks",
            "item_shown",
            "item_rate",
            "item_lift",
            "item_recent",
            "item_recent_shown",
            "item_dwell",
            "item_since_last",
            "item_since_first",
            "pair_shown",
            "pair_clicks",
            "hour",
            "weekday"};
  for (const Column& column : data_->events.context) names_.push_back("context." + column.name);
  for (const std::size_t c : scenario_) {
    const std::string& name = data_->events.context[c].name;
    for (const char* form :
         {"{}_rate", "user_{}_shown", "user_{}_rate", "item_{}_shown", "item_{}_rate"})
      names_.push_back(fmt::format(fmt::runtime(form), name));
  }
  for (const Facet& facet : facets_) {
    names_.push_back(facet.name + "_rate");
    names_.push_back(fmt::format("user_{}_shown", facet.name));
    names_.push_back(fmt::format("user_{}_lift", facet.name));
    for (const std::size_t c : scenario_)
      names_.push_back(fmt::format("{}_{}_rate", facet.name, data_->events.context[c].name));
  }
  for (const char* who : {"user", "item"}) {
    for (const std::uint16_t type : early_types_) {
      names_.push_back(fmt::format("{}_early_{}", who, data_->types[type]));
      if (early_types_.size() > 1)
        names_.push_back(fmt::format("{}_early_share_{}", who, data_->types[type]));
    }
  }
  if (!early_types_.empty()) {
    names_.emplace_back("pair_early");
    for (const Facet& facet : facets_)
      names_.push_back(fmt::format("user_early_share_{}", facet.name));
  }
  for (const Direct& one : user_facts_) names_.push_back(one.name);
  for (const Direct& one : item_facts_) names_.push_back(one.name);
}

Result<ClickState> ClickState::make(const Dataset& data, const ClickConfig& config) {
  ClickState state(data, config);
  state.users_.resize(data.users.size());
  state.items_.resize(data.items.size());
  SARTOR_TRY(state.read_columns());
  state.read_attributes();
  state.read_untimed();
  state.make_names();
  return state;
}

std::size_t ClickRows::column(const std::string& name) const {
  return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
}

Result<ClickRows> click_rows(const Dataset& data, const ClickConfig& config, Time until) {
  SARTOR_ASSIGN(ClickState state, ClickState::make(data, config));
  const Events& events = data.events;
  ClickRows rows{.names = state.names()};
  constexpr std::uint32_t kNoRow = std::numeric_limits<std::uint32_t>::max();
  std::vector<std::uint32_t> row_of(events.size(), kNoRow);
  std::size_t begin = static_cast<std::size_t>(
      std::upper_bound(events.time.begin(), events.time.end(), kUntimed) - events.time.begin());
  while (begin < events.size() && events.time[begin] < until) {
    const Time moment = events.time[begin];
    std::size_t end = begin;
    state.advance(moment);
    for (; end < events.size() && events.time[end] == moment; ++end) {
      if (!state.is_shown(end)) continue;
      row_of[end] = static_cast<std::uint32_t>(rows.rows());
      state.write(state.impression_of(end), rows.x);
      rows.event.push_back(static_cast<std::uint32_t>(end));
      rows.time.push_back(moment);
      rows.clicked.push_back(std::numeric_limits<Time>::max());
    }
    state.add_moment(begin, end);
    for (const std::uint32_t event : state.clicked()) rows.clicked[row_of[event]] = moment;
    begin = end;
  }
  return rows;
}

}  // namespace sartor
