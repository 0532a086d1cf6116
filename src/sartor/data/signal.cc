#include "sartor/data/signal.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <deque>

#include "sartor/base/text.h"
#include "sartor/data/duckdb.h"
#include "sartor/data/user_sql.h"

namespace sartor {
namespace {

// The event columns that the expressions name, as arrays that DuckDB can take: a row for every
// event; or, where they are words of few combinations (`type = 'purchase'`), for every combination.
class EventTable {
 public:
  EventTable(const Events& events, const EventWords& words) : events_(events), words_(words) {}

  Status make(DuckDb& db, const std::vector<UserSql>& expressions) {
    std::vector<DuckInput> inputs;
    std::string select;
    const auto add = [&](DuckInput input, const std::string& sql) {
      select += (select.empty() ? "" : ", ") + sql;
      inputs.push_back(std::move(input));
    };
    for (const char* name : {"user", "item", "time", "type", "value", "dwell_seconds", "group"}) {
      if (is_named(expressions, name)) add(input_of(name), sql_name(name));
    }
    if (is_named(expressions, "context")) {
      std::string pack;
      for (const Column& column : events_.context) {
        const std::string name = "context." + column.name;
        pack += fmt::format("{}{} := {}", pack.empty() ? "" : ", ", sql_name(column.name),
                            sql_name(name));
        inputs.push_back(context_of(column, name));
      }
      if (pack.empty()) {
        return Error{ErrorCode::config, "signal: no [[events]] block has a context"};
      }
      select += fmt::format("{}struct_pack({}) AS context", select.empty() ? "" : ", ", pack);
    }
    if (inputs.empty()) {  // constants: any column of words will do
      add(input_of("type"), "type");
    }
    const std::size_t rows = combine(inputs) ? combinations_.size() : events_.size();
    SARTOR_TRY(db.create_table("facts", rows, inputs));
    return db.run("CREATE VIEW events AS SELECT rowid AS \"sartor.row\", " + select +
                  " FROM facts");
  }

  // The row that stands for the event.
  std::size_t row_of(std::size_t event) const { return rows_.empty() ? event : rows_[event]; }

 private:
  // Leaves one row of each combination of words, if they are few.
  bool combine(std::vector<DuckInput>& inputs) {
    constexpr std::size_t kMost = 1 << 16;
    std::size_t possible = 1;
    for (const DuckInput& input : inputs) {
      if (input.kind != DuckInput::Kind::text) return false;
      possible *= input.words.size() + 1;  // and none
      if (possible > kMost) return false;
    }
    constexpr std::uint32_t kNone = 0xffffffff;
    std::vector<std::uint32_t> row_of(possible, kNone);
    rows_.reserve(events_.size());
    for (std::uint32_t e = 0; e < events_.size(); ++e) {
      std::size_t place = 0;
      for (const DuckInput& input : inputs) {
        place = place * (input.words.size() + 1) +
                std::min<std::size_t>(input.codes[e], input.words.size());
      }
      if (row_of[place] == kNone) {
        row_of[place] = static_cast<std::uint32_t>(combinations_.size());
        combinations_.push_back(e);
      }
      rows_.push_back(row_of[place]);
    }
    for (DuckInput& input : inputs) {
      std::vector<std::uint32_t>& codes = codes_.emplace_back();
      for (const std::uint32_t e : combinations_) codes.push_back(input.codes[e]);
      input.codes = codes;
    }
    return true;
  }

  static bool is_named(const std::vector<UserSql>& expressions, const std::string& name) {
    return std::any_of(expressions.begin(), expressions.end(), [&](const UserSql& sql) {
      return std::any_of(sql.columns.begin(), sql.columns.end(),
                         [&](const std::string& column) { return lower_case(column) == name; });
    });
  }

  DuckInput text(const std::string& name, const std::vector<std::string>& words) {
    return {.name = name, .codes = codes_.back(), .words = words, .kind = DuckInput::Kind::text};
  }

  DuckInput input_of(const std::string& name) {
    std::vector<std::uint32_t>& codes = codes_.emplace_back();
    codes.reserve(events_.size());
    if (name == "user") {
      for (const UserId user : events_.user) codes.push_back(user.value);
      return text(name, words_.users);
    }
    if (name == "item") {
      for (const ItemId item : events_.item) codes.push_back(item.value);
      return text(name, words_.items);
    }
    if (name == "type") {
      codes.assign(events_.type.begin(), events_.type.end());
      return text(name, words_.types);
    }
    if (name == "group") {
      codes = events_.group;
      return text(name, words_.groups);
    }
    if (name == "time") {
      return {.name = name, .times = events_.time, .kind = DuckInput::Kind::time};
    }
    if (name == "value") return {.name = name, .numbers = events_.value};
    dwell_.assign(events_.dwell_seconds.begin(), events_.dwell_seconds.end());
    return {.name = name, .numbers = dwell_};
  }

  static DuckInput context_of(const Column& column, const std::string& name) {
    if (!column.is_text) return {.name = name, .numbers = column.numbers};
    return {
        .name = name, .codes = column.codes, .words = column.words, .kind = DuckInput::Kind::text};
  }

  const Events& events_;
  const EventWords& words_;
  std::deque<std::vector<std::uint32_t>> codes_;  // spans into its members stay good
  std::vector<double> dwell_;
  std::vector<std::uint32_t> rows_;          // of each event, if there are fewer
  std::vector<std::uint32_t> combinations_;  // the first event of each row
};

Status check_columns(const UserSql& sql, const Events& events) {
  const std::vector<std::string> known = {"user",  "item",          "time",  "type",
                                          "value", "dwell_seconds", "group", "context"};
  for (const std::string& name : sql.columns) {
    if (std::find(known.begin(), known.end(), lower_case(name)) != known.end()) continue;
    for (const Column& column : events.context) {
      if (column.name == name) {
        return user_sql_error(sql,
                              fmt::format("no column '{0}' (did you mean context.{0}?)", name));
      }
    }
    return user_sql_error(sql, fmt::format("no column '{}'{}; an event has user, item, time, type, "
                                           "value, dwell_seconds, \"group\" and context.*",
                                           name, did_you_mean(name, known)));
  }
  if (sql.unnests) return user_sql_error(sql, "unnest() is not allowed here");
  return {};
}

Status check_types(DuckDb& db, const UserSql& positive, const UserSql& weight) {
  for (const UserSql* sql : {&positive, &weight}) {
    auto found = db.describe("SELECT " + sql->in_brackets() + " FROM events");
    if (!found) return user_sql_error(*sql, found.error());
    const std::string& type = found->front().type;
    const bool text = type == "VARCHAR" || type.ends_with("]") || type.starts_with("STRUCT") ||
                      type.starts_with("TIMESTAMP") || type == "DATE";
    if (text) {
      return user_sql_error(*sql,
                            fmt::format("expected {}, found {}",
                                        sql == &positive ? "true or false" : "a number", type));
    }
  }
  return {};
}

}  // namespace

Status mark_positives(Events& events, const EventWords& words, const SignalConfig& config,
                      const Resources& resources, const std::string& scratch,
                      IngestReport& report) {
  SARTOR_ASSIGN(DuckDb db, DuckDb::open(resources, scratch));
  SARTOR_TRY(db.lock());
  SARTOR_ASSIGN(UserSql positive, check_user_sql(db, "signal.positive", config.positive));
  SARTOR_ASSIGN(UserSql weight, check_user_sql(db, "signal.weight", config.weight));
  if (!positive) return Error{ErrorCode::config, "signal.positive: is empty"};
  if (!weight) return Error{ErrorCode::config, "signal.weight: is empty"};
  SARTOR_TRY(check_columns(positive, events));
  SARTOR_TRY(check_columns(weight, events));
  EventTable table(events, words);
  SARTOR_TRY(table.make(db, {positive, weight}));
  SARTOR_TRY(check_types(db, positive, weight));
  auto rows = db.query(fmt::format(
      "SELECT \"sartor.row\", coalesce(CAST({} AS BOOLEAN), false), CAST({} AS DOUBLE) FROM events",
      positive.in_brackets(), weight.in_brackets()));
  const auto blamed = [&](const Error& error) {
    const auto tried = db.number("SELECT count(" + positive.in_brackets() + ") FROM events");
    return user_sql_error(tried ? weight : positive, error);
  };
  if (!rows) return blamed(rows.error());
  std::vector<float> weight_of;  // of each row; negative: no positive
  while (true) {
    const auto more = rows->next();
    if (!more) return blamed(more.error());
    if (!*more) break;
    const auto row = rows->values<std::int64_t>(0);
    const auto is_positive = rows->values<bool>(1);
    const auto weights = rows->values<double>(2);
    for (std::size_t r = 0; r < rows->size(); ++r) {
      const auto value = rows->missing(2, r) ? 0.0F : static_cast<float>(weights[r]);
      const float counted = std::isfinite(value) && value > 0 ? value : 0;
      weight_of.resize(std::max(weight_of.size(), static_cast<std::size_t>(row[r]) + 1), -1);
      weight_of[static_cast<std::size_t>(row[r])] = is_positive[r] ? counted : -1;
    }
  }
  std::uint64_t without_weight = 0;
  events.weight.reserve(events.size());
  for (std::size_t e = 0; e < events.size(); ++e) {
    const float value = weight_of[table.row_of(e)];
    without_weight += value == 0 ? 1 : 0;
    events.weight.push_back(std::max(value, 0.0F));
  }
  if (without_weight > 0) report.changed["weight_not_positive"] += without_weight;
  return {};
}

}  // namespace sartor
