// SQL that somebody wrote into sartor.toml: one expression, of functions that touch nothing but
// their arguments. What passes here may be put between parentheses into a statement of ours.
#pragma once

#include <string>
#include <vector>

#include "sartor/base/result.h"
#include "sartor/data/duckdb.h"

namespace sartor {

struct UserSql {
  std::string key;   // "events[0].keep": where it was written
  std::string text;  // as written, but for a column's name that is a word of SQL's: quoted;
                     // "" where the key was left out
  std::vector<std::string> columns;  // the names it uses, in order of appearance, distinct;
                                     // of a.b the first
  bool is_column = false;            // nothing but one column's name
  bool is_integer = false;           // nothing but a whole number
  std::string function;              // the outermost function's name, lower case; "" if none
  bool unnests = false;

  explicit operator bool() const { return !text.empty(); }
  // "(text)" with a line break before the bracket, so that a comment at its end cannot hide it.
  std::string in_brackets() const { return "(" + text + "\n)"; }
};

// Parses without running. Fails with `config`, naming key, text and reason: a statement, a
// subquery, a window, an aggregate, a function that is not on the list.
Result<UserSql> check_user_sql(DuckDb& db, const std::string& key, const std::string& text);

// The functions an expression may use, sorted: for docs/config.md.
const std::vector<std::string>& user_sql_functions();

// The key, the text and what is wrong, as every message about an expression begins.
Error user_sql_error(const UserSql& sql, const std::string& reason);
// What DuckDB said of the expression, likewise; that somebody asked to stop is not its fault.
Error user_sql_error(const UserSql& sql, const Error& error);

}  // namespace sartor
