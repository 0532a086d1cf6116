// One SQL expression over the columns of a table: a rule of a segment. Rules are untrusted input,
// so they are never handed to a database: DuckDB's parser makes a tree, what is not on a short list
// of allowed things is refused, and the rest is evaluated here. An expression therefore cannot read
// a file, write, or run long.
//
// Allowed: columns (`days_since_last`, `context.device`, `"any name"`), numbers, 'texts', TRUE,
// FALSE, NULL, = <> < <= > >=, AND OR NOT, IN (…), BETWEEN, LIKE, IS [NOT] NULL, IS [NOT] DISTINCT
// FROM, + - * / %, CASE, COALESCE and the functions of sql_functions().
//
// Semantics are SQL's: three-valued logic, missing values are NULL. Numbers are doubles; a result
// that is no finite number (division by zero, ln(0), overflow) is NULL. Texts compare by bytes;
// lower and upper change A to Z only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sartor/base/result.h"
#include "sartor/data/dataset.h"

namespace sartor {

namespace sql {
struct Tree;
}

enum class SqlType : std::uint8_t { null, boolean, number, text };

struct SqlValue {
  SqlType type = SqlType::null;
  double number = 0;  // of a number; 0 or 1 of a boolean
  std::string text;
};

// An expression whose columns are found in one table. A view of the table, which must outlive it.
// Safe to use from several threads.
class BoundExpression {
 public:
  SqlType type() const;
  SqlValue evaluate(std::size_t row) const;
  // Of a boolean expression: true, false, or nothing for NULL.
  std::optional<bool> condition(std::size_t row) const;

 private:
  friend class SqlExpression;
  friend class BoundAggregate;
  std::shared_ptr<const sql::Tree> tree_;
  std::vector<const Column*> columns_;
  SqlType type_ = SqlType::null;
};

class SqlExpression {
 public:
  static constexpr std::size_t kMaxBytes = 10'000;
  static constexpr std::size_t kMaxDepth = 100;

  // Fails with `config`, with the place in the text and what is allowed.
  static Result<SqlExpression> parse(std::string_view text);

  const std::string& text() const;
  // The columns it names, in the order of their first appearance.
  const std::vector<std::string>& columns() const;

  // Finds the columns (exactly, else ignoring case) and checks the types. Fails with `config`: an
  // unknown column names the nearest known one, a mismatch names both types and the place.
  Result<BoundExpression> bind(const Table& table) const;
  // The same, and fails unless the expression is true or false.
  Result<BoundExpression> bind_condition(const Table& table) const;

 private:
  friend class SqlAggregate;
  std::shared_ptr<const sql::Tree> tree_;
};

// The functions an expression may call, sorted.
const std::vector<std::string>& sql_functions();

}  // namespace sartor
