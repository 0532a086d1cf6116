#include "sartor/data/dataset.h"

#include <fmt/core.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

namespace sartor {

Vocabulary::Vocabulary(std::vector<std::string> names) : names_(std::move(names)) {
  assert(std::is_sorted(names_.begin(), names_.end()));
  index_.reserve(names_.size());
  for (std::size_t i = 0; i < names_.size(); ++i) {
    index_.emplace(names_[i], static_cast<std::uint32_t>(i));
  }
}

std::uint32_t Vocabulary::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? kNone : found->second;
}

const Column* Table::find(std::string_view name) const {
  for (const Column& column : columns) {
    if (column.name == name) return &column;
  }
  return nullptr;
}

std::uint32_t ContextKey::code(std::string_view word) const {
  const auto found = std::find(words.begin(), words.end(), word);
  return found == words.end() ? Column::kMissing
                              : static_cast<std::uint32_t>(found - words.begin());
}

namespace {

// The codes of a context column by event, and their words; false if it has too many numbers.
bool encode(const Column& column, ContextKey& key, std::vector<std::uint32_t>& codes) {
  key.name = column.name;
  if (column.is_text) {
    key.words = column.words;
    codes = column.codes;
    return true;
  }
  std::vector<double> values;  // distinct, ascending
  for (const double number : column.numbers) {
    const auto at = std::lower_bound(values.begin(), values.end(), number);
    if (std::isnan(number) || (at != values.end() && *at == number)) continue;
    if (values.size() == kMostContextNumbers) return false;
    values.insert(at, number);
  }
  for (const double value : values) key.words.push_back(fmt::format("{}", value));
  codes.assign(column.numbers.size(), Column::kMissing);
  for (std::size_t e = 0; e < codes.size(); ++e) {
    if (std::isnan(column.numbers[e])) continue;
    const auto at = std::lower_bound(values.begin(), values.end(), column.numbers[e]);
    codes[e] = static_cast<std::uint32_t>(at - values.begin());
  }
  return true;
}

}  // namespace

InteractionLog interaction_log(const Dataset& data) {
  const Events& events = data.events;
  InteractionLog log{.users = data.users.size(), .items = data.items.size()};
  log.item_first_seen.assign(log.items, std::numeric_limits<Time>::max());
  log.begin.assign(log.users + 1, 0);
  for (std::size_t e = 0; e < events.size(); ++e) {
    Time& first = log.item_first_seen[events.item[e].index()];
    first = std::min(first, events.time[e]);
    if (events.weight[e] > 0) ++log.begin[events.user[e].index() + 1];
  }
  for (std::size_t u = 0; u < log.users; ++u) log.begin[u + 1] += log.begin[u];
  log.rows.resize(log.begin.back());
  const bool grouped = std::any_of(events.group.begin(), events.group.end(),
                                   [](std::uint32_t g) { return g != Column::kMissing; });
  if (grouped) log.group.resize(log.rows.size());
  std::vector<std::vector<std::uint32_t>> codes;
  for (const Column& column : events.context) {
    ContextKey key;
    std::vector<std::uint32_t> of_event;
    if (!encode(column, key, of_event)) continue;
    log.context_keys.push_back(std::move(key));
    codes.push_back(std::move(of_event));
  }
  log.context.resize(log.rows.size() * codes.size());
  std::vector<std::size_t> next(log.begin.begin(), log.begin.end() - 1);
  for (std::size_t e = 0; e < events.size(); ++e) {  // events are in time order, so rows are
    if (events.weight[e] <= 0) continue;
    const std::size_t row = next[events.user[e].index()]++;
    log.rows[row] = {events.item[e], events.weight[e], events.time[e]};
    if (!log.group.empty()) log.group[row] = events.group[e];
    for (std::size_t k = 0; k < codes.size(); ++k) {
      log.context[row * codes.size() + k] = codes[k][e];
    }
  }
  return log;
}

History::History(const InteractionLog& log, Time as_of)
    : log_(&log), as_of_(as_of), end_(log.users) {
  for (std::size_t u = 0; u < log.users; ++u) {
    const auto first = log.rows.begin() + static_cast<std::ptrdiff_t>(log.begin[u]);
    const auto last = log.rows.begin() + static_cast<std::ptrdiff_t>(log.begin[u + 1]);
    const auto end = std::partition_point(
        first, last, [as_of](const Interaction& interaction) { return interaction.time < as_of; });
    end_[u] = static_cast<std::size_t>(end - log.rows.begin());
    size_ += end_[u] - log.begin[u];
  }
}

}  // namespace sartor
