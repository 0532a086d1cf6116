// The types of a source's columns and of the expressions over them. The text of a CSV has no types:
// a column is a number or a time where all its values are; where only most of them are, it is one
// if an expression needs it (InvoiceNo, of which some begin with C, stays text), and the values
// that are none are bad.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sartor/base/result.h"
#include "sartor/data/duckdb.h"
#include "sartor/data/source_table.h"
#include "sartor/data/user_sql.h"

namespace sartor {

// What an expression has to give: true or false; a moment, as microseconds; a number; a name, as
// text; an id, as a whole number where it is one and as text elsewhere; or a fact, as a number
// where it is one and as text elsewhere.
enum class SqlRole { condition, moment, number, name, id, fact };

struct RoleSql {
  UserSql sql;
  SqlRole role = SqlRole::name;
  bool is_number = false;  // of an id or a fact: what it turned out to be
};

// A cell whose text is not of its column's type.
struct BadCell {
  std::int64_t row;
  std::string column;
  std::string value;
  std::string reason;  // "is not a number"
};

struct TypedSource {
  std::vector<BadCell> bad_cells;  // by row
  // SELECT of the row of `raw` and then every expression but the condition, in its role's SQL type
  // (BIGINT, DOUBLE or VARCHAR); the rows for which the condition is true.
  std::string select;
  std::string count_kept;  // SELECT count(*) of those rows, before any unnest(); for a WHERE's tail
};

// Finds the types and makes a view of them. `types` are the ones that the user prescribes. Fails
// with `config` naming the expression and DuckDB's reason.
Result<TypedSource> type_source(DuckDb& db, const SourceTable& table,
                                const std::map<std::string, std::string>& types,
                                const std::string& time_zone, std::vector<RoleSql>& expressions);

// Which expression fails on these rows, after `select` failed.
Error blame(DuckDb& db, const std::vector<RoleSql>& expressions, Error error);

}  // namespace sartor
