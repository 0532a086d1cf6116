#include "sartor/data/typed_source.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <set>

#include "sartor/base/text.h"

namespace sartor {
namespace {

constexpr const char* kRow = "\"sartor.row\"";

bool is_whole(const std::string& type) {
  static const std::set<std::string> kTypes = {"TINYINT", "SMALLINT", "INTEGER",   "BIGINT",
                                               "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER",
                                               "UBIGINT", "UHUGEINT"};
  return kTypes.count(type) != 0;
}

// Whole, and never beyond BIGINT.
bool fits_bigint(const std::string& type) {
  return is_whole(type) && type.find("HUGE") == type.npos && type != "UBIGINT";
}

bool is_real(const std::string& type) {
  return type == "DOUBLE" || type == "FLOAT" || type.starts_with("DECIMAL");
}

bool is_numeric(const std::string& type) {
  return is_whole(type) || is_real(type) || type == "BOOLEAN";
}

bool is_moment(const std::string& type) { return type == "DATE" || type.starts_with("TIMESTAMP"); }

bool is_scalar(const std::string& type) {
  return !type.ends_with("]") && !type.starts_with("STRUCT") && !type.starts_with("MAP") &&
         !type.starts_with("UNION") && type != "BLOB" && type != "BIT";
}

// How many values of a text column can be read as what.
struct Facts {
  std::int64_t values = 0;  // not NULL
  std::int64_t whole = 0;
  std::int64_t real = 0;
  std::int64_t moment = 0;
  std::int64_t truth = 0;
  std::int64_t zeros = 0;  // "007": a code, not a number
  std::int64_t zoned = 0;  // a moment with an offset behind it

  bool mostly(std::int64_t n) const { return values == 0 || n * 2 >= values; }
  const char* moment_type() const { return zoned > 0 ? "TIMESTAMP WITH TIME ZONE" : "TIMESTAMP"; }

  // The type of all values; "VARCHAR" if there is none.
  std::string natural() const {
    if (values == 0) return "VARCHAR";
    if (truth == values) return "BOOLEAN";
    if (whole == values && zeros == 0) return "BIGINT";
    if (real == values && zeros == 0) return "DOUBLE";
    return moment == values ? moment_type() : "VARCHAR";
  }
  // The types that an expression may ask for where most values have them.
  std::vector<std::string> candidates() const {
    if (values == 0) return {"DOUBLE", "TIMESTAMP", "BOOLEAN"};
    if (mostly(real)) return {whole == real ? "BIGINT" : "DOUBLE"};
    if (mostly(moment)) return {moment_type()};
    return {};
  }
};

class Typer {
 public:
  Typer(DuckDb& db, const SourceTable& table, const std::map<std::string, std::string>& types,
        const std::string& time_zone, std::vector<RoleSql>& expressions)
      : db_(db),
        table_(table),
        prescribed_(types),
        time_zone_(time_zone),
        expressions_(expressions),
        facts_(table.columns.size()),
        fixed_(table.columns.size()) {}

  Result<TypedSource> run() {
    for (const SourceColumn& column : table_.columns) types_.push_back(column.type);
    natural_ = types_;
    SARTOR_TRY(prescribe());
    SARTOR_TRY(look());
    SARTOR_TRY(make_view());
    for (const RoleSql& expression : expressions_) SARTOR_TRY(settle(expression));
    TypedSource out;
    SARTOR_TRY(write_select(out));
    SARTOR_TRY(find_bad_cells(out));
    return out;
  }

 private:
  std::string name(std::size_t c) const { return sql_name(table_.columns[c].name); }

  Status prescribe() {
    std::vector<std::string> names;
    for (const SourceColumn& column : table_.columns) names.push_back(column.name);
    for (const auto& [column, type] : prescribed_) {
      const SourceColumn* found = table_.find(column);
      if (found == nullptr) {  // not used by any expression, or misspelt
        if (const std::string hint = did_you_mean(column, names); !hint.empty()) {
          return Error{ErrorCode::config,
                       fmt::format("{}.types: no expression uses a column '{}'{}", table_.block,
                                   column, hint)};
        }
        continue;
      }
      const std::string key = fmt::format("{}.types.{}", table_.block, column);
      SARTOR_ASSIGN(UserSql cast, check_user_sql(db_, key, "CAST(NULL AS " + type + ")"));
      auto described = db_.describe("SELECT " + cast.in_brackets());
      if (!described || !cast.columns.empty() || !cast.function.empty()) {
        return Error{ErrorCode::config, fmt::format("{} = '{}': expected a SQL type", key, type)};
      }
      const auto c = static_cast<std::size_t>(found - table_.columns.data());
      types_[c] = described->front().type;
      fixed_[c] = true;
    }
    return {};
  }

  bool is_open(std::size_t c) const {
    return table_.columns[c].is_text && types_[c] == "VARCHAR" && !fixed_[c];
  }

  // Looks at some rows, then counts over all rows what the sample left possible.
  Status look() {
    std::vector<Facts> sample(facts_.size());
    SARTOR_TRY(count("(SELECT * FROM raw LIMIT 5000)", nullptr, sample));
    SARTOR_TRY(count("raw", &sample, facts_));
    for (std::size_t c = 0; c < types_.size(); ++c) {
      if (!is_open(c)) continue;
      natural_[c] = facts_[c].natural();
      types_[c] = natural_[c];
    }
    return {};
  }

  Status count(const std::string& from, const std::vector<Facts>* sample, std::vector<Facts>& out) {
    std::string list;
    for (std::size_t c = 0; c < out.size(); ++c) {
      if (!is_open(c)) continue;
      const auto possible = [&](auto member) {
        return sample == nullptr || (*sample)[c].mostly((*sample)[c].*member);
      };
      const auto add = [&](bool wanted, const std::string& sql) {
        list += wanted ? sql + ", " : "0::BIGINT, ";
      };
      const std::string n = name(c);
      add(true, fmt::format("count({})", n));
      add(possible(&Facts::whole),
          fmt::format("count(TRY_CAST({0} AS BIGINT)) FILTER (NOT contains({0}, '.') AND NOT "
                      "contains(lower({0}), 'e'))",  // DuckDB would round
                      n));
      add(possible(&Facts::real), fmt::format("count(TRY_CAST({} AS DOUBLE))", n));
      add(possible(&Facts::moment), fmt::format("count(TRY_CAST({} AS TIMESTAMP))", n));
      add(possible(&Facts::truth),
          fmt::format("count(*) FILTER (lower({}) IN ('true', 'false'))", n));
      add(possible(&Facts::real),
          fmt::format("count(*) FILTER (starts_with({0}, '0') AND length({0}) > 1 AND "
                      "substr({0}, 2, 1) BETWEEN '0' AND '9')",
                      n));
      add(possible(&Facts::moment),
          fmt::format("count(*) FILTER (length({0}) > 11 AND (suffix({0}, 'Z') OR "
                      "contains(substr({0}, 11), '+') OR contains(substr({0}, 11), '-')))",
                      n));
    }
    if (list.empty()) return {};
    SARTOR_ASSIGN(auto rows, db_.query("SELECT " + list + "0 FROM " + from));
    SARTOR_ASSIGN(const bool more, rows.next());
    if (!more) return Error{ErrorCode::internal, "no counts"};
    std::size_t column = 0;
    const auto next = [&] { return wide(rows, column++); };
    for (std::size_t c = 0; c < out.size(); ++c) {
      if (!is_open(c)) continue;
      Facts& facts = out[c];
      facts.values = next();
      facts.whole = next();
      facts.real = next();
      facts.moment = next();
      facts.truth = next();
      facts.zeros = next();
      facts.zoned = next();
    }
    return {};
  }

  static std::int64_t wide(const DuckRows& rows, std::size_t column) {
    return rows.values<std::int64_t>(column)[0];
  }

  Status make_view() {
    std::string list;
    for (std::size_t c = 0; c < types_.size(); ++c) {
      const bool as_it_is = types_[c] == table_.columns[c].type;
      list += as_it_is ? fmt::format(", {}", name(c))
                       : fmt::format(", TRY_CAST({0} AS {1}) AS {0}", name(c), types_[c]);
      if (table_.columns[c].is_text) list += fmt::format(", {} AS {}", name(c), raw_name(c));
    }
    return db_.run(
        fmt::format("CREATE OR REPLACE VIEW typed AS SELECT rowid AS {}{} FROM raw", kRow, list));
  }

  static std::string raw_name(std::size_t c) { return fmt::format("\"sartor.text.{}\"", c); }

  Result<std::string> type_of(const UserSql& sql) {
    auto described = db_.describe("SELECT " + sql.in_brackets() + " FROM typed");
    if (!described) return user_sql_error(sql, described.error());
    return described->front().type;
  }

  // What is wrong with an expression of this type in this role, or "".
  static std::string complaint(const RoleSql& expression, const std::string& type) {
    const std::string shown = type == "VARCHAR" ? "text" : type;
    switch (expression.role) {
      case SqlRole::condition:
        if (type == "BOOLEAN" || is_whole(type)) return "";
        return "expected true or false, found " + shown;
      case SqlRole::number:
        return is_numeric(type) ? "" : "expected a number, found " + shown;
      case SqlRole::moment:
        if (is_moment(type)) return "";
        if (is_numeric(type)) {
          return fmt::format(
              "expected a time, found a number: write epoch_ms({0}) for milliseconds "
              "since 1970, to_timestamp({0}) for seconds",
              expression.sql.text);
        }
        return fmt::format(
            "expected a time, found {}: write strptime({}, '%d.%m.%Y %H:%M') as the "
            "file writes it",
            shown, expression.sql.text);
      case SqlRole::name:
      case SqlRole::id:
      case SqlRole::fact:
        return is_scalar(type) ? "" : "expected a single value, found " + shown;
    }
    return "";
  }

  Status check(const RoleSql& expression) {
    SARTOR_ASSIGN(const std::string type, type_of(expression.sql));
    const std::string reason = complaint(expression, type);
    return reason.empty() ? Status{} : Status(user_sql_error(expression.sql, reason));
  }

  // Checks; if that fails, gives the text columns in it the type that most of their values have.
  Status settle(const RoleSql& expression) {
    const Status first = check(expression);
    if (first || first.error().code != ErrorCode::config) return first;
    const std::vector<std::string> before = types_;
    for (std::size_t choice = 0; choice < 3; ++choice) {
      types_ = before;
      for (const std::string& used : expression.sql.columns) {
        const SourceColumn* column = table_.find(used);
        const auto c = static_cast<std::size_t>(column - table_.columns.data());
        if (!is_open(c)) continue;
        const auto candidates = facts_[c].candidates();
        if (!candidates.empty()) types_[c] = candidates[std::min(choice, candidates.size() - 1)];
      }
      if (types_ == before) return first;
      SARTOR_TRY(make_view());
      const Status status = check(expression);
      if (status) return recheck(expression);
    }
    types_ = before;
    SARTOR_TRY(make_view());
    return first;
  }

  // The expressions that were right before must be right after a column got another type.
  Status recheck(const RoleSql& last) {
    for (const RoleSql& expression : expressions_) {
      if (&expression == &last) return {};
      SARTOR_TRY(check(expression));
    }
    return {};
  }

  // Whether the text of the file itself is what is wanted, not what became of it as a number.
  bool keeps_text(const RoleSql& expression, std::size_t* column) const {
    if (!expression.sql.is_column) return false;
    const SourceColumn* found = table_.find(expression.sql.columns.front());
    *column = static_cast<std::size_t>(found - table_.columns.data());
    if (!found->is_text) return false;
    return expression.role == SqlRole::name || expression.role == SqlRole::id ||
           (expression.role == SqlRole::fact && !is_numeric(types_[*column]));
  }

  static std::string name_sql(const std::string& e, const std::string& type) {
    if (type == "VARCHAR") return e;
    if (!is_real(type)) return fmt::format("CAST({} AS VARCHAR)", e);
    const std::string d = fmt::format("CAST({} AS DOUBLE)", e);
    return fmt::format(
        "CASE WHEN NOT isfinite({0}) THEN NULL WHEN {0} = trunc({0}) AND abs({0}) < "
        "1e15 THEN CAST(CAST({0} AS BIGINT) AS VARCHAR) ELSE CAST({1} AS VARCHAR) END",
        d, e);
  }

  // epoch_ms(1650812741436) counts from 1970 UTC, whatever zone the file's other times are in.
  static bool counts_from_1970(const UserSql& sql) {
    return sql.function == "epoch_ms" || sql.function.starts_with("make_timestamp");
  }

  std::string moment_sql(const std::string& e, const std::string& type, const UserSql& sql) const {
    std::string moment = e;
    if (type != "TIMESTAMP WITH TIME ZONE") {
      moment = fmt::format("CAST({} AS TIMESTAMP)", e);
      if (time_zone_ != "UTC" && !counts_from_1970(sql)) {
        moment = fmt::format("timezone({}, {})", sql_text(time_zone_), moment);
      }
    }
    return fmt::format("CASE WHEN isfinite({}) THEN epoch_us({}) END", e, moment);
  }

  Status write_select(TypedSource& out) {
    std::string inner;
    std::string outer;
    std::string where;
    for (std::size_t i = 0; i < expressions_.size(); ++i) {
      RoleSql& expression = expressions_[i];
      if (expression.role == SqlRole::condition) {
        where = fmt::format(" WHERE coalesce(CAST({} AS BOOLEAN), false)",
                            expression.sql.in_brackets());
        continue;
      }
      const std::string e = fmt::format("e{}", i);
      std::size_t c = 0;
      if (keeps_text(expression, &c)) {
        inner += fmt::format(", {} AS {}", raw_name(c), e);
        // 17850.0 in a column of numbers with fractions is 17850, as it would be in Parquet.
        const bool strip = expression.role != SqlRole::fact && facts_[c].natural() == "DOUBLE";
        outer += strip ? fmt::format(
                             ", CASE WHEN contains({0}, '.') THEN rtrim(rtrim({0}, '0'), "
                             "'.') ELSE {0} END",
                             e)
                       : ", " + e;
        continue;
      }
      SARTOR_ASSIGN(const std::string type, type_of(expression.sql));
      expression.is_number = expression.role == SqlRole::number ||
                             (expression.role == SqlRole::fact && is_numeric(type)) ||
                             (expression.role == SqlRole::id && fits_bigint(type));
      inner += fmt::format(", {} AS {}", expression.sql.in_brackets(), e);
      if (expression.role == SqlRole::moment) {
        outer += ", " + moment_sql(e, type, expression.sql);
      } else if (expression.is_number && expression.role == SqlRole::id) {
        outer += fmt::format(", CAST({} AS BIGINT)", e);
      } else if (expression.is_number) {
        outer += fmt::format(", CAST({} AS DOUBLE)", e);
      } else {
        outer += ", " + name_sql(e, type);
      }
    }
    out.select =
        fmt::format("SELECT r{} FROM (SELECT {} AS r{} FROM typed{})", outer, kRow, inner, where);
    out.count_kept = fmt::format("SELECT count(*) FROM typed{} {} {}", where,
                                 where.empty() ? "WHERE" : "AND", kRow);
    return {};
  }

  Status find_bad_cells(TypedSource& out) {
    for (std::size_t c = 0; c < types_.size(); ++c) {
      if (types_[c] == table_.columns[c].type || types_[c] == natural_[c]) continue;
      SARTOR_ASSIGN(auto rows, db_.query(fmt::format(
                                   "SELECT rowid, CAST({0} AS VARCHAR) FROM raw WHERE {0} IS "
                                   "NOT NULL AND TRY_CAST({0} AS {1}) IS NULL ORDER BY rowid",
                                   name(c), types_[c])));
      const std::string reason =
          fmt::format("is not {}", is_numeric(types_[c])  ? "a number"
                                   : is_moment(types_[c]) ? "a time"
                                                          : "of type " + types_[c]);
      while (true) {
        SARTOR_ASSIGN(const bool more, rows.next());
        if (!more) break;
        for (std::size_t r = 0; r < rows.size(); ++r) {
          out.bad_cells.push_back({rows.values<std::int64_t>(0)[r], table_.columns[c].name,
                                   printable(rows.text(1, r), 200), reason});
        }
      }
    }
    std::stable_sort(out.bad_cells.begin(), out.bad_cells.end(),
                     [](const BadCell& a, const BadCell& b) { return a.row < b.row; });
    return {};
  }

  DuckDb& db_;
  const SourceTable& table_;
  const std::map<std::string, std::string>& prescribed_;
  const std::string& time_zone_;
  std::vector<RoleSql>& expressions_;
  std::vector<Facts> facts_;
  std::vector<bool> fixed_;           // prescribed by the user
  std::vector<std::string> types_;    // of the columns in the view
  std::vector<std::string> natural_;  // the types that all values have
};

}  // namespace

Result<TypedSource> type_source(DuckDb& db, const SourceTable& table,
                                const std::map<std::string, std::string>& types,
                                const std::string& time_zone, std::vector<RoleSql>& expressions) {
  return Typer(db, table, types, time_zone, expressions).run();
}

Error blame(DuckDb& db, const std::vector<RoleSql>& expressions, Error error) {
  if (error.code == ErrorCode::cancelled) return error;
  for (const RoleSql& expression : expressions) {
    const auto tried = db.number("SELECT count(x) FROM (SELECT " + expression.sql.in_brackets() +
                                 " AS x FROM typed)");
    if (!tried) return user_sql_error(expression.sql, tried.error());
  }
  return error;
}

}  // namespace sartor
