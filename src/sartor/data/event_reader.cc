#include "sartor/data/event_reader.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "sartor/base/text.h"

namespace sartor {
namespace {

constexpr std::size_t kLongestName = 1000;  // bytes of an id
constexpr std::size_t kNoColumn = static_cast<std::size_t>(-1);

// Where each part of an event stands in the query's rows.
struct Places {
  std::size_t user = kNoColumn;
  std::size_t item = kNoColumn;
  std::size_t time = kNoColumn;
  std::size_t type = kNoColumn;
  std::size_t value = kNoColumn;
  std::size_t dwell = kNoColumn;
  std::size_t group = kNoColumn;
  std::vector<std::size_t> context;  // of the source's own keys
  std::vector<std::size_t> context_in_log;
};

class EventReader {
 public:
  EventReader(OpenSource& source, Time latest, EventLog& log, IngestReport& report)
      : source_(source), latest_(latest), log_(log), ledger_(source, report) {}

  Status read(const EventSource& config, const Resources& resources) {
    find_places(config);
    reserve(log_.size() + static_cast<std::size_t>(source_.table.rows()));
    auto rows = source_.db.query(source_.typed.select);
    if (!rows) return blame(source_.db, source_.expressions, rows.error());
    while (true) {
      const auto more = rows->next();
      if (!more) return blame(source_.db, source_.expressions, more.error());
      if (!*more) break;
      const std::int64_t before = last_row_;
      SARTOR_TRY(read_chunk(*rows));
      resources.advance(static_cast<std::size_t>(last_row_ - before));
    }
    for (FactColumn& column : log_.context) column.resize(log_.size());
    return {};
  }

  Status finish(double max_bad_share) { return ledger_.finish(source_, max_bad_share); }

 private:
  void find_places(const EventSource& config) {
    std::size_t column = 0;
    for (const RoleSql& expression : source_.expressions) {
      if (expression.role == SqlRole::condition) continue;
      labels_.push_back(column_label(expression.sql));
      numbers_.push_back(expression.is_number);
      ++column;
      const std::string key = expression.sql.key.substr(expression.sql.key.find('.') + 1);
      if (key == "user") places_.user = column;
      if (key == "item") places_.item = column;
      if (key == "time") places_.time = column;
      if (key == "type") places_.type = column;
      if (key == "value") places_.value = column;
      if (key == "dwell_seconds") places_.dwell = column;
      if (key == "group") places_.group = column;
      if (key.starts_with("context.")) places_.context.push_back(column);
    }
    for (const auto& [name, text] : config.context) {
      auto found = std::find_if(log_.context.begin(), log_.context.end(),
                                [&](const FactColumn& known) { return known.name() == name; });
      if (found == log_.context.end()) {
        log_.context.emplace_back(name);
        found = log_.context.end() - 1;
      }
      places_.context_in_log.push_back(static_cast<std::size_t>(found - log_.context.begin()));
    }
  }

  void reserve(std::size_t events) {
    log_.user.reserve(events);
    log_.item.reserve(events);
    log_.type.reserve(events);
    log_.time.reserve(events);
    if (places_.value != kNoColumn) log_.value.reserve(events);
    if (places_.dwell != kNoColumn) log_.dwell_seconds.reserve(events);
    if (places_.group != kNoColumn) log_.group.reserve(events);
  }

  Status read_chunk(const DuckRows& rows) {
    const auto row = rows.values<std::int64_t>(0);
    const std::size_t most = log_.size() + rows.size();
    for (FactColumn& column : log_.context) column.resize(most);
    for (std::size_t r = 0; r < rows.size(); ++r) {
      if (row[r] < last_row_) return Error{ErrorCode::internal, "rows came out of order"};
      last_row_ = row[r];
      if (ledger_.admit(row[r]) && is_whole(rows, r, row[r])) append(rows, r);
    }
    if (log_.types.size() > 65535) {
      return Error{ErrorCode::config,
                   source_.table.block + ".type: more than 65,535 different types"};
    }
    return {};
  }

  void reject(std::int64_t row, std::size_t column, std::string value, std::string reason) {
    ledger_.reject(row, labels_[column - 1], std::move(value), std::move(reason));
  }

  bool has(const DuckRows& rows, std::size_t column, std::size_t r) const {
    return column != kNoColumn && !rows.missing(column, r);
  }

  bool is_name(const DuckRows& rows, std::size_t column, std::size_t r, std::int64_t row) {
    if (rows.missing(column, r)) {
      reject(row, column, "", "is missing");
      return false;
    }
    if (numbers_[column - 1]) return true;
    const std::string_view text = rows.text(column, r);
    if (!text.empty() && text.size() <= kLongestName && text.find('\0') == text.npos) return true;
    const char* reason = text.empty()                 ? "is empty"
                         : text.size() > kLongestName ? "is longer than 1,000 bytes"
                                                      : "holds a NUL byte";
    reject(row, column, printable(text, 200), reason);
    return false;
  }

  bool is_finite(const DuckRows& rows, std::size_t column, std::size_t r, std::int64_t row) {
    if (!has(rows, column, r)) return true;
    const double value = rows.values<double>(column)[r];
    if (std::isfinite(value)) return true;
    reject(row, column, fmt::format("{}", value), "is not a finite number");
    return false;
  }

  bool is_clean(const DuckRows& rows, std::size_t column, std::size_t r, std::int64_t row) {
    if (!has(rows, column, r) || rows.text(column, r).find('\0') == std::string_view::npos) {
      return true;
    }
    reject(row, column, printable(rows.text(column, r), 200), "holds a NUL byte");
    return false;
  }

  bool is_time(const DuckRows& rows, std::size_t r, std::int64_t row) {
    if (places_.time == kNoColumn) return true;
    if (rows.missing(places_.time, r)) {
      reject(row, places_.time, "", "is missing or no moment");
      return false;
    }
    const Time time = rows.values<std::int64_t>(places_.time)[r];
    if (time <= latest_) return true;
    reject(row, places_.time, format_time(time), "lies in the future");
    return false;
  }

  // Whether everything about the event can be used; if not, says what all cannot.
  bool is_whole(const DuckRows& rows, std::size_t r, std::int64_t row) {
    bool whole = is_name(rows, places_.user, r, row);
    whole = is_name(rows, places_.item, r, row) && whole;
    whole = is_time(rows, r, row) && whole;
    whole = is_clean(rows, places_.type, r, row) && whole;
    whole = is_finite(rows, places_.value, r, row) && whole;
    whole = is_finite(rows, places_.dwell, r, row) && whole;
    whole = is_clean(rows, places_.group, r, row) && whole;
    for (const std::size_t column : places_.context) {
      if (!numbers_[column - 1]) {
        whole = is_clean(rows, column, r, row) && whole;
      } else if (has(rows, column, r) && std::isinf(rows.values<double>(column)[r])) {
        whole = is_finite(rows, column, r, row) && whole;
      }
    }
    return whole;
  }

  std::uint32_t code_of(const DuckRows& rows, std::size_t column, std::size_t r,
                        NumberCodes& numbers, TextEncoder& encoder) const {
    if (!numbers_[column - 1]) return encoder.code(rows.text(column, r));
    return numbers.code(rows.values<std::int64_t>(column)[r], encoder);
  }

  template <class T>
  static void append_number(const DuckRows& rows, std::size_t column, std::size_t r,
                            std::size_t event, std::vector<T>& values) {
    constexpr T kNan = std::numeric_limits<T>::quiet_NaN();
    if (column == kNoColumn) return;
    values.resize(event, kNan);  // earlier blocks did not tell
    values.push_back(rows.missing(column, r) ? kNan
                                             : static_cast<T>(rows.values<double>(column)[r]));
  }

  void append(const DuckRows& rows, std::size_t r) {
    const std::size_t event = log_.size();
    log_.user.push_back(code_of(rows, places_.user, r, user_numbers_, log_.users));
    log_.item.push_back(code_of(rows, places_.item, r, item_numbers_, log_.items));
    log_.time.push_back(places_.time == kNoColumn ? kUntimed
                                                  : rows.values<std::int64_t>(places_.time)[r]);
    log_.type.push_back(
        log_.types.code(has(rows, places_.type, r) ? rows.text(places_.type, r) : "event"));
    append_number(rows, places_.value, r, event, log_.value);
    append_number(rows, places_.dwell, r, event, log_.dwell_seconds);
    if (places_.group != kNoColumn) {
      log_.group.resize(event, Column::kMissing);
      log_.group.push_back(rows.missing(places_.group, r)
                               ? Column::kMissing
                               : log_.groups.code(rows.text(places_.group, r)));
    }
    for (std::size_t k = 0; k < places_.context.size(); ++k) {
      const std::size_t column = places_.context[k];
      if (!has(rows, column, r)) continue;
      FactColumn& facts = log_.context[places_.context_in_log[k]];
      if (numbers_[column - 1]) {
        facts.set(event, rows.values<double>(column)[r]);
      } else {
        facts.set(event, rows.text(column, r));
      }
    }
  }

  OpenSource& source_;
  const Time latest_;
  EventLog& log_;
  RowLedger ledger_;
  Places places_;
  std::vector<std::string> labels_;  // of each column but the row's
  std::vector<bool> numbers_;        // whether it holds a number: BIGINT of ids, DOUBLE else
  NumberCodes user_numbers_;
  NumberCodes item_numbers_;
  std::int64_t last_row_ = -1;
};

Result<std::vector<KeyedSql>> wanted_of(const EventSource& source, const std::string& block) {
  const auto missing = [&](const char* key) {
    return Error{ErrorCode::config,
                 fmt::format("{}.{}: is missing: which column says it?", block, key)};
  };
  if (source.user.empty()) return missing("user");
  if (source.item.empty()) return missing("item");
  if (source.untimed && !source.time.empty()) {
    return Error{ErrorCode::config, block + ".time: a source is either untimed or has a time"};
  }
  if (!source.untimed && source.time.empty()) {
    return Error{ErrorCode::config, block +
                                        ".time: is missing; write untimed = true if the files "
                                        "hold no times"};
  }
  std::vector<KeyedSql> wanted;
  const auto add = [&](const std::string& key, const std::string& text, SqlRole role) {
    if (!text.empty()) wanted.push_back({key, text, role});
  };
  add("keep", source.keep, SqlRole::condition);
  add("user", source.user, SqlRole::id);
  add("item", source.item, SqlRole::id);
  add("time", source.time, SqlRole::moment);
  add("type", source.type.empty() ? "'event'" : source.type, SqlRole::name);
  add("value", source.value, SqlRole::number);
  add("dwell_seconds", source.dwell_seconds, SqlRole::number);
  add("group", source.group, SqlRole::name);
  for (const auto& [name, text] : source.context) {
    if (text.empty()) return missing(("context." + name).c_str());
    add("context." + name, text, SqlRole::fact);
  }
  return wanted;
}

}  // namespace

Status read_events(const EventSource& source, std::size_t index, double max_bad_share, Time latest,
                   const IngestPlace& place, EventLog& log, IngestReport& report) {
  const SourceSetup setup{.block = fmt::format("events[{}]", index),
                          .patterns = source.files,
                          .format = source.format,
                          .header = source.header,
                          .layout = layout_of(source),
                          .types = source.types,
                          .time_zone = source.time_zone.empty() ? "UTC" : source.time_zone,
                          .max_bad_share = max_bad_share};
  SARTOR_ASSIGN(const auto wanted, wanted_of(source, setup.block));
  SARTOR_ASSIGN(OpenSource open, open_source(setup, wanted, false, place, report));
  EventReader reader(open, latest, log, report);
  SARTOR_TRY(reader.read(source, place.resources));
  return reader.finish(max_bad_share);
}

}  // namespace sartor
