// Text -> tree. DuckDB's json_serialize_sql parses and runs nothing; what its syntax tree may hold
// is an allow-list: a class, operator, function or clause that is not named here is refused.
#include <duckdb.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>

#include "sartor/base/json.h"
#include "sartor/base/text.h"
#include "sartor/data/sql_aggregate.h"
#include "sartor/data/sql_tree.h"

namespace sartor::sql {

namespace {

constexpr std::string_view kSelect = "SELECT ";
constexpr const char* kAllowed =
    "allowed are columns, numbers, 'texts', TRUE, FALSE, NULL, = <> < <= > >=, AND, OR, NOT, IN, "
    "BETWEEN, LIKE, IS [NOT] NULL, IS [NOT] DISTINCT FROM, + - * / %, CASE, COALESCE and the "
    "functions ";

std::string allowed() { return kAllowed + join(sql_functions(), ", "); }
std::string allowed_calls() { return "; aggregates are " + join(sql_aggregates(), ", "); }

// A database of our own with nothing in it and no way out of it; one for the process, for opening
// one takes 15 ms.
class Parser {
 public:
  static Parser& instance() {
    static Parser parser;
    return parser;
  }

  // DuckDB's syntax tree of `sql` as JSON text.
  Result<std::string> serialize(const std::string& sql) {
    const std::lock_guard lock(mutex_);
    if (statement_ == nullptr) return Error{ErrorCode::internal, "the SQL parser did not start"};
    duckdb_bind_varchar_length(statement_, 1, sql.data(), sql.size());
    duckdb_result result;
    const bool failed = duckdb_execute_prepared(statement_, &result) == DuckDBError;
    std::string text;
    if (failed) {
      const char* reason = duckdb_result_error(&result);
      text = reason == nullptr ? "unknown reason" : reason;
    } else if (char* value = duckdb_value_varchar(&result, 0, 0); value != nullptr) {
      text = value;
      duckdb_free(value);
    }
    duckdb_destroy_result(&result);
    if (failed) return Error{ErrorCode::internal, "the SQL parser failed: " + text};
    return text;
  }

 private:
  Parser() {
    duckdb_config config = nullptr;
    if (duckdb_create_config(&config) == DuckDBError) return;
    for (const auto& [key, value] : {std::pair{"threads", "1"},
                                     {"enable_external_access", "false"},
                                     {"autoinstall_known_extensions", "false"},
                                     {"autoload_known_extensions", "false"},
                                     {"lock_configuration", "true"}}) {
      duckdb_set_config(config, key, value);
    }
    const bool open = duckdb_open_ext(nullptr, &database_, config, nullptr) == DuckDBSuccess;
    duckdb_destroy_config(&config);
    if (!open || duckdb_connect(database_, &connection_) == DuckDBError) return;
    if (duckdb_prepare(connection_, "SELECT json_serialize_sql(?::VARCHAR)", &statement_) ==
        DuckDBError) {
      duckdb_destroy_prepare(&statement_);
    }
  }
  ~Parser() {
    duckdb_destroy_prepare(&statement_);
    duckdb_disconnect(&connection_);
    duckdb_close(&database_);
  }

  std::mutex mutex_;
  duckdb_database database_ = nullptr;
  duckdb_connection connection_ = nullptr;
  duckdb_prepared_statement statement_ = nullptr;
};

struct NamedOp {
  std::string_view name;
  Op op;
};

constexpr NamedOp kComparisons[] = {{"COMPARE_EQUAL", Op::equal},
                                    {"COMPARE_NOTEQUAL", Op::not_equal},
                                    {"COMPARE_LESSTHAN", Op::less},
                                    {"COMPARE_LESSTHANOREQUALTO", Op::less_or_equal},
                                    {"COMPARE_GREATERTHAN", Op::greater},
                                    {"COMPARE_GREATERTHANOREQUALTO", Op::greater_or_equal},
                                    {"COMPARE_DISTINCT_FROM", Op::distinct},
                                    {"COMPARE_NOT_DISTINCT_FROM", Op::not_distinct}};
constexpr NamedOp kOperators[] = {{"OPERATOR_NOT", Op::negation},
                                  {"OPERATOR_IS_NULL", Op::is_null},
                                  {"OPERATOR_IS_NOT_NULL", Op::is_not_null},
                                  {"OPERATOR_COALESCE", Op::coalesce},
                                  {"COMPARE_IN", Op::in},
                                  {"COMPARE_NOT_IN", Op::not_in}};
constexpr NamedOp kConjunctions[] = {{"CONJUNCTION_AND", Op::all_of},
                                     {"CONJUNCTION_OR", Op::any_of}};
constexpr NamedOp kBinary[] = {{"+", Op::add},       {"-", Op::subtract}, {"*", Op::multiply},
                               {"/", Op::divide},    {"%", Op::modulo},   {"~~", Op::like},
                               {"!~~", Op::not_like}};
constexpr NamedOp kUnary[] = {{"-", Op::minus}, {"+", Op::plus}};

template <std::size_t N>
const NamedOp* find_op(const NamedOp (&ops)[N], std::string_view name) {
  const auto* found =
      std::find_if(ops, ops + N, [&](const NamedOp& named) { return named.name == name; });
  return found == ops + N ? nullptr : found;
}

// Walks DuckDB's tree. `at` is the nearest known place, for nodes that do not know their own.
class Walk {
 public:
  // With `calls`, columns stand inside of aggregates only.
  explicit Walk(Tree& tree, std::vector<Call>* calls = nullptr) : tree_(tree), calls_(calls) {}

  Result<std::uint32_t> node(const Json& json, std::size_t at, std::size_t depth) {
    at = place(json, at);
    if (depth > SqlExpression::kMaxDepth) {
      return refuse(at, fmt::format("nested more than {} deep", SqlExpression::kMaxDepth));
    }
    const std::string& kind = json.at("class").get_ref<const std::string&>();
    const std::string& type = json.at("type").get_ref<const std::string&>();
    if (!json.at("alias").get_ref<const std::string&>().empty()) {
      return refuse(at, "names (AS) and named arguments are not allowed");
    }
    if (kind == "COLUMN_REF") return column(json, at);
    if (kind == "CONSTANT") return constant(json, at);
    if (kind == "COMPARISON") return comparison(json, at, depth);
    if (kind == "CONJUNCTION") return listed(kConjunctions, type, json, at, depth);
    if (kind == "OPERATOR") return listed(kOperators, type, json, at, depth);
    if (kind == "BETWEEN") {
      return with_children(Op::between, at,
                           {&json.at("input"), &json.at("lower"), &json.at("upper")}, depth);
    }
    if (kind == "CASE") return case_when(json, at, depth);
    if (kind == "CAST") return truth(json, at);
    if (kind == "FUNCTION") return function(json, at, depth);
    if (kind == "SUBQUERY") return refuse(at, "subqueries are not allowed; " + allowed());
    if (kind == "WINDOW") return refuse(at, "window functions are not allowed; " + allowed());
    return refuse(at, fmt::format("{} is not allowed; {}", lower_case(type), allowed()));
  }

 private:
  Error refuse(std::size_t at, const std::string& what) const {
    return error_at(tree_.text, at, what);
  }

  static std::size_t place(const Json& json, std::size_t fallback) {
    const auto location = json.at("query_location").get<std::uint64_t>();
    if (location == std::numeric_limits<std::uint64_t>::max() || location < kSelect.size()) {
      return fallback;
    }
    return static_cast<std::size_t>(location) - kSelect.size();
  }

  std::uint32_t push(Node made) {
    tree_.nodes.push_back(std::move(made));
    return static_cast<std::uint32_t>(tree_.nodes.size() - 1);
  }

  Result<std::uint32_t> with_children(Op op, std::size_t at, const std::vector<const Json*>& parts,
                                      std::size_t depth) {
    Node made{.op = op, .position = at};
    for (const Json* part : parts) {
      SARTOR_ASSIGN(const std::uint32_t child, node(*part, at, depth + 1));
      made.children.push_back(child);
    }
    return push(std::move(made));
  }

  template <std::size_t N>
  Result<std::uint32_t> listed(const NamedOp (&ops)[N], const std::string& type, const Json& json,
                               std::size_t at, std::size_t depth) {
    const NamedOp* found = find_op(ops, type);
    if (found == nullptr) {
      return refuse(at, fmt::format("{} is not allowed; {}", lower_case(type), allowed()));
    }
    return with_children(found->op, at, pointers(json.at("children")), depth);
  }

  static std::vector<const Json*> pointers(const Json& list) {
    std::vector<const Json*> parts;
    for (const Json& part : list) parts.push_back(&part);
    return parts;
  }

  Result<std::uint32_t> column(const Json& json, std::size_t at) {
    std::string name;
    for (const Json& part : json.at("column_names")) {
      if (!name.empty()) name += '.';
      name += part.get_ref<const std::string&>();
    }
    if (calls_ != nullptr) {
      return refuse(at,
                    fmt::format("column '{0}' stands outside of an aggregate; expected something "
                                "like avg({0}){1}",
                                printable(name), allowed_calls()));
    }
    const auto known = std::find(tree_.columns.begin(), tree_.columns.end(), name);
    const auto index = static_cast<std::uint32_t>(known - tree_.columns.begin());
    if (known == tree_.columns.end()) tree_.columns.push_back(name);
    return push({.op = Op::column, .position = at, .column = index});
  }

  Result<std::uint32_t> constant(const Json& json, std::size_t at) {
    const Json& value = json.at("value");
    Node made{.op = Op::constant, .position = at};
    if (value.at("is_null").get<bool>()) return push(std::move(made));
    const std::string& type = value.at("type").at("id").get_ref<const std::string&>();
    const Json& content = value.at("value");
    if (type == "VARCHAR") {
      made.constant = {.type = SqlType::text, .text = content.get<std::string>()};
    } else if (type == "BOOLEAN") {
      made.constant = {.type = SqlType::boolean, .number = content.get<bool>() ? 1.0 : 0.0};
    } else {
      const double number = number_of(content, type == "DECIMAL" ? value.at("type") : Json());
      if (!std::isfinite(number)) {
        return refuse(at, fmt::format("a constant of type {} is not allowed; {}", lower_case(type),
                                      allowed()));
      }
      made.constant = {.type = SqlType::number, .number = number};
    }
    return push(std::move(made));
  }

  // A decimal is a whole number and a scale; numbers beyond 64 bits come as two halves. NaN for
  // whatever is no number.
  static double number_of(const Json& content, const Json& decimal) {
    double number = std::numeric_limits<double>::quiet_NaN();
    if (content.is_object() && content.contains("upper")) {
      number = content.at("upper").get<double>() * 0x1p64 + content.at("lower").get<double>();
    } else if (content.is_number()) {
      number = content.get<double>();
    }
    if (decimal.is_null()) return number;
    return number / std::pow(10.0, decimal.at("type_info").at("scale").get<int>());
  }

  static bool is_text(const Json& json) {
    return json.at("class") == "CONSTANT" && json.at("value").at("type").at("id") == "VARCHAR";
  }

  // `x IS TRUE` comes as CAST(x AS BOOLEAN) IS NOT DISTINCT FROM true.
  Result<std::uint32_t> comparison(const Json& json, std::size_t at, std::size_t depth) {
    const NamedOp* found = find_op(kComparisons, json.at("type").get_ref<const std::string&>());
    if (found == nullptr) return refuse(at, "this comparison is not allowed; " + allowed());
    const Json* left = &json.at("left");
    const Json& right = json.at("right");
    const bool is_truth = left->at("class") == "CAST" && right.at("class") == "CONSTANT" &&
                          right.at("value").at("type").at("id") == "BOOLEAN" &&
                          (found->op == Op::distinct || found->op == Op::not_distinct);
    if (is_truth && left->at("cast_type").at("id") == "BOOLEAN" && !is_text(left->at("child"))) {
      left = &left->at("child");
    }
    return with_children(found->op, at, {left, &right}, depth);
  }

  // TRUE and FALSE come as CAST('t' AS BOOLEAN); every other cast is refused.
  Result<std::uint32_t> truth(const Json& json, std::size_t at) {
    const Json& child = json.at("child");
    if (json.at("cast_type").at("id") == "BOOLEAN" && is_text(child)) {
      const std::string text = child.at("value").at("value").get<std::string>();
      if (text == "t" || text == "f") {
        return push({.op = Op::constant,
                     .position = place(child, at),
                     .constant = {.type = SqlType::boolean, .number = text == "t" ? 1.0 : 0.0}});
      }
    }
    return refuse(place(child, at), "casts and dates are not allowed; " + allowed());
  }

  Result<std::uint32_t> case_when(const Json& json, std::size_t at, std::size_t depth) {
    std::vector<const Json*> parts;
    for (const Json& check : json.at("case_checks")) {
      parts.push_back(&check.at("when_expr"));
      parts.push_back(&check.at("then_expr"));
    }
    parts.push_back(&json.at("else_expr"));
    return with_children(Op::case_when, at, parts, depth);
  }

  Result<std::uint32_t> function(const Json& json, std::size_t at, std::size_t depth) {
    const std::string name = lower_case(json.at("function_name").get<std::string>());
    const auto arguments = pointers(json.at("children"));
    if (json.at("is_operator").get<bool>()) {
      const NamedOp* found = arguments.size() == 1 ? find_op(kUnary, name) : find_op(kBinary, name);
      if (found == nullptr) {
        return refuse(at, fmt::format("the operator {} is not allowed; {}", name, allowed()));
      }
      return with_children(found->op, at, arguments, depth);
    }
    if (const NamedAggregate* found = find_aggregate(name)) {
      if (calls_ != nullptr) return call(*found, json, at, depth);
      if (inside_call_) return refuse(at, "an aggregate inside of an aggregate is not allowed");
    }
    const auto known = std::find_if(functions().begin(), functions().end(),
                                    [&](const Function& f) { return f.name == name; });
    const bool plain = json.at("schema").get_ref<const std::string&>().empty() &&
                       json.at("catalog").get_ref<const std::string&>().empty() &&
                       json.at("filter").is_null() && !json.at("distinct").get<bool>() &&
                       json.at("order_bys").at("orders").empty();
    if (known == functions().end() || !plain) {
      return refuse(at, fmt::format("the function {} is not allowed{}; {}", printable(name),
                                    did_you_mean(name, known_names()),
                                    allowed() + (calls_ != nullptr ? allowed_calls() : "")));
    }
    if (arguments.size() < known->least || arguments.size() > known->most) {
      return refuse(at, fmt::format("{} takes {} argument{}, found {}", name, known->least,
                                    known->most > known->least ? " or more"
                                    : known->least == 1        ? ""
                                                               : "s",
                                    arguments.size()));
    }
    return with_children(known->op, at, arguments, depth);
  }

  std::vector<std::string> known_names() const {
    std::vector<std::string> names = sql_functions();
    if (calls_ != nullptr)
      names.insert(names.end(), sql_aggregates().begin(), sql_aggregates().end());
    return names;
  }

  static const NamedAggregate* find_aggregate(std::string_view name) {
    if (name == "count_star") name = "count";
    for (const NamedAggregate& one : aggregates()) {
      if (one.name == name) return &one;
    }
    return nullptr;
  }

  // What stands inside of a call: a tree of its own.
  Result<Tree> inner(const Json& json, std::size_t at, std::size_t depth) const {
    Tree made{.text = tree_.text};
    Walk walk(made);
    walk.inside_call_ = true;
    SARTOR_TRY(walk.node(json, at, depth + 1));
    return made;
  }

  Result<std::uint32_t> call(const NamedAggregate& found, const Json& json, std::size_t at,
                             std::size_t depth) {
    const Json& arguments = json.at("children");
    Call made{
        .aggregate = found.aggregate, .distinct = json.at("distinct").get<bool>(), .position = at};
    if (!json.at("order_bys").at("orders").empty())
      return refuse(at, fmt::format("ORDER BY in {} is not allowed", found.name));
    const bool counts_rows = made.aggregate == Aggregate::count && arguments.empty();
    if (arguments.size() != 1 && !counts_rows)
      return refuse(at, fmt::format("{} takes 1 argument, found {}", found.name, arguments.size()));
    const bool ordered = made.aggregate == Aggregate::first || made.aggregate == Aggregate::last;
    if (made.distinct && ordered)
      return refuse(at, fmt::format("DISTINCT in {} is not allowed", found.name));
    if (!counts_rows) {
      SARTOR_ASSIGN(made.argument, inner(arguments[0], at, depth));
    }
    if (!json.at("filter").is_null()) {
      SARTOR_ASSIGN(made.filter, inner(json.at("filter"), at, depth));
    }
    const auto column = static_cast<std::uint32_t>(calls_->size());
    calls_->push_back(std::move(made));
    tree_.columns.push_back(fmt::format("{}#{}", found.name, column + 1));
    return push({.op = Op::column, .position = at, .column = column});
  }

  Tree& tree_;
  std::vector<Call>* calls_;
  bool inside_call_ = false;
};

// The one expression of `SELECT expression` and nothing else.
Result<const Json*> only_expression(const Json& root, const std::string& text) {
  const Json& statements = root.at("statements");
  if (statements.size() != 1) {
    return error_at(text, 0,
                    fmt::format("expected one expression, found {} statements", statements.size()));
  }
  const Json& select = statements[0].at("node");
  const bool bare = select.at("type") == "SELECT_NODE" && select.at("modifiers").empty() &&
                    select.at("cte_map").at("map").empty() &&
                    select.at("from_table").at("type") == "EMPTY" &&
                    select.at("where_clause").is_null() && select.at("group_expressions").empty() &&
                    select.at("group_sets").empty() && select.at("having").is_null() &&
                    select.at("sample").is_null() && select.at("qualify").is_null();
  if (!bare) {
    return error_at(text, 0, "expected one expression without FROM or any other clause");
  }
  if (select.at("select_list").size() != 1) {
    return error_at(
        text, 0, fmt::format("expected one expression, found {}", select.at("select_list").size()));
  }
  return &select.at("select_list")[0];
}

// "syntax error at or near …" and where.
Error syntax_error(const Json& root, const std::string& text) {
  std::size_t position = 0;
  if (root.contains("position")) {
    const std::string digits = root.at("position").get<std::string>();
    std::from_chars(digits.data(), digits.data() + digits.size(), position);
    position -= std::min(position, kSelect.size());
  }
  std::string message = root.value("error_message", "syntax error");
  if (message.find("Max expression depth") != std::string::npos) {
    message = fmt::format("nested more than {} deep", SqlExpression::kMaxDepth);
  }
  if (message.starts_with("Only SELECT"))
    message = "expected one expression and no other statement";
  return error_at(text, std::min(position, text.size()), printable(message, 200));
}

Result<Tree> parse_with(std::string_view text, std::vector<Call>* calls, const char* example) {
  Tree tree{.text = std::string(text)};
  if (text.size() > SqlExpression::kMaxBytes) {
    return Error{ErrorCode::config, fmt::format("an expression of {} bytes; at most {} are allowed",
                                                text.size(), SqlExpression::kMaxBytes)};
  }
  if (!is_utf8(text) || text.find('\0') != std::string_view::npos) {
    return error_at(text, 0, "not well-formed UTF-8 without NUL bytes");
  }
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    return Error{ErrorCode::config,
                 fmt::format("an empty expression; expected something such as {}", example)};
  }
  SARTOR_ASSIGN(const std::string serialized,
                Parser::instance().serialize(std::string(kSelect) + tree.text));
  try {
    const Json root = parse_json(serialized);
    if (root.at("error").get<bool>()) return syntax_error(root, tree.text);
    SARTOR_ASSIGN(const Json* expression, only_expression(root, tree.text));
    SARTOR_TRY(Walk(tree, calls).node(*expression, 0, 1));
  } catch (const Json::exception&) {
    return error_at(text, 0, std::string("this kind of expression is not allowed; ") + allowed());
  }
  return tree;
}

}  // namespace

Result<Tree> parse(std::string_view text) { return parse_with(text, nullptr, "events > 3"); }

Result<Tree> parse_calls(std::string_view text, std::vector<Call>& calls) {
  return parse_with(text, &calls, "count(*)");
}

}  // namespace sartor::sql
