// The tree between the parser and the evaluator of SqlExpression. Nobody else includes this.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sartor/base/result.h"
#include "sartor/data/sql_expression.h"

namespace sartor::sql {

enum class Op : std::uint8_t {
  column,
  constant,
  all_of,  // AND
  any_of,  // OR
  negation,
  equal,
  not_equal,
  less,
  less_or_equal,
  greater,
  greater_or_equal,
  distinct,
  not_distinct,
  in,
  not_in,
  between,
  is_null,
  is_not_null,
  add,
  subtract,
  multiply,
  divide,
  modulo,
  minus,
  plus,
  case_when,  // condition, value, condition, value, …, otherwise
  coalesce,
  like,
  not_like,
  absolute,
  ceiling,
  contains,
  ends_with,
  floor,
  greatest,
  least,
  length,
  logarithm,
  lower,
  round,
  square_root,
  starts_with,
  upper,
};

struct Node {
  Op op = Op::constant;
  std::size_t position = 0;             // byte of the text where it stands, from 0
  std::vector<std::uint32_t> children;  // all of them stand before it in Tree::nodes
  std::uint32_t column = 0;             // of a column: index into Tree::columns
  SqlValue constant;
};

struct Tree {
  std::string text;
  std::vector<std::string> columns;
  std::vector<Node> nodes;  // the last one is the root
};

struct Function {
  std::string_view name;
  Op op;
  std::size_t least;  // number of arguments
  std::size_t most;
};
const std::vector<Function>& functions();

// "what at character 12 of "events >": what stands at byte 11 of `text`.
Error error_at(std::string_view text, std::size_t position, const std::string& what);

Result<Tree> parse(std::string_view text);

enum class Aggregate : std::uint8_t {
  avg,
  count,
  entropy,
  first,
  last,
  max,
  median,
  min,
  mode,
  stddev,
  sum,
};

struct NamedAggregate {
  std::string_view name;
  Aggregate aggregate;
};
const std::vector<NamedAggregate>& aggregates();

// One call of an aggregate: trees over the rows' columns.
struct Call {
  Aggregate aggregate = Aggregate::count;
  bool distinct = false;
  std::size_t position = 0;
  std::optional<Tree> argument;  // none: count(*)
  std::optional<Tree> filter;
};

// Parses an expression around aggregates: column c of the tree stands for call c.
Result<Tree> parse_calls(std::string_view text, std::vector<Call>& calls);

// "a number", …
const char* type_name(SqlType type);

// The column of `table` that Tree::columns[index] means.
Result<const Column*> find_column(const Tree& tree, std::uint32_t index, const Table& table);

// The type of the whole, once every column is known.
Result<SqlType> check_types(const Tree& tree, const std::vector<const Column*>& columns);

}  // namespace sartor::sql
