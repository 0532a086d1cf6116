#include "sartor/data/sql_aggregate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "sartor/data/sql_tree.h"

namespace sartor {

namespace sql {

struct Calls {
  SqlExpression outer;
  struct One {
    Aggregate aggregate;
    bool distinct;
    std::size_t position;
    std::vector<SqlExpression> argument, filter;  // none or one of each
    bool is_plain_count;                          // of one column's values
  };
  std::vector<One> list;
};

const std::vector<NamedAggregate>& aggregates() {
  static const std::vector<NamedAggregate> list = {
      {"avg", Aggregate::avg},       {"count", Aggregate::count}, {"entropy", Aggregate::entropy},
      {"first", Aggregate::first},   {"last", Aggregate::last},   {"max", Aggregate::max},
      {"median", Aggregate::median}, {"min", Aggregate::min},     {"mode", Aggregate::mode},
      {"stddev", Aggregate::stddev}, {"sum", Aggregate::sum}};
  return list;
}

namespace {

bool keeps_type(Aggregate aggregate) {
  switch (aggregate) {
    case Aggregate::first:
    case Aggregate::last:
    case Aggregate::max:
    case Aggregate::min:
    case Aggregate::mode:
      return true;
    default:
      return false;
  }
}

bool takes_texts(Aggregate aggregate) {
  return keeps_type(aggregate) || aggregate == Aggregate::count || aggregate == Aggregate::entropy;
}

SqlValue value_of(double number) {
  return std::isfinite(number) ? SqlValue{SqlType::number, number, {}} : SqlValue{};
}
SqlValue value_of(std::string text) { return {SqlType::text, 0, std::move(text)}; }

// Lengths of the runs of equal values; `values` are sorted.
template <class T, class Visit>
void for_each_run(const std::vector<T>& values, Visit&& visit) {
  for (std::size_t begin = 0; begin < values.size();) {
    std::size_t end = begin;
    while (end < values.size() && values[end] == values[begin]) ++end;
    visit(values[begin], static_cast<double>(end - begin));
    begin = end;
  }
}

// Numbers only.
double reduced(Aggregate aggregate, std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  double sum = 0;
  for (const double x : values) sum += x;
  if (aggregate == Aggregate::sum) return sum;
  if (aggregate == Aggregate::avg) return sum / n;
  if (aggregate == Aggregate::median) {
    std::sort(values.begin(), values.end());
    const std::size_t middle = values.size() / 2;
    return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  }
  double squares = 0;  // stddev
  for (const double x : values) squares += (x - sum / n) * (x - sum / n);
  return n > 1 ? std::sqrt(squares / (n - 1)) : std::numeric_limits<double>::quiet_NaN();
}

// `values` are not missing, in the rows' order.
template <class T>
SqlValue reduce(Aggregate aggregate, bool distinct, std::vector<T>& values) {
  if (distinct) {
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
  }
  if (aggregate == Aggregate::count) return value_of(static_cast<double>(values.size()));
  if (values.empty()) return {};
  switch (aggregate) {
    case Aggregate::first:
      return value_of(values.front());
    case Aggregate::last:
      return value_of(values.back());
    case Aggregate::max:
      return value_of(*std::max_element(values.begin(), values.end()));
    case Aggregate::min:
      return value_of(*std::min_element(values.begin(), values.end()));
    case Aggregate::mode: {
      std::sort(values.begin(), values.end());
      T best = values.front();
      double most = 0;
      for_each_run(values, [&](const T& value, double count) {
        if (count > most) best = value, most = count;
      });
      return value_of(best);
    }
    case Aggregate::entropy: {
      std::sort(values.begin(), values.end());
      double bits = 0;
      for_each_run(values, [&](const T&, double count) {
        const double p = count / static_cast<double>(values.size());
        bits -= p * std::log2(p);
      });
      return value_of(bits + 0.0);  // no -0
    }
    default:
      if constexpr (std::is_same_v<T, double>) return value_of(reduced(aggregate, values));
      return {};
  }
}

}  // namespace

}  // namespace sql

SqlValue BoundAggregate::evaluate(std::span<const std::uint32_t> rows) const {
  std::vector<Column> results(parts_.size());
  std::vector<double> numbers;
  std::vector<std::string> texts;
  for (std::size_t c = 0; c < parts_.size(); ++c) {
    const Part& part = parts_[c];
    const auto& call = calls_->list[c];
    numbers.clear();
    texts.clear();
    for (const std::uint32_t row : rows) {
      if (!part.filter.empty() && !part.filter[0].condition(row).value_or(false)) continue;
      if (part.argument.empty()) {
        numbers.push_back(1);
        continue;
      }
      SqlValue value = part.argument[0].evaluate(row);
      if (value.type == SqlType::null) continue;
      if (part.is_text) {
        texts.push_back(std::move(value.text));
      } else {
        numbers.push_back(value.number);
      }
    }
    const SqlValue result = part.is_text ? sql::reduce(call.aggregate, call.distinct, texts)
                                         : sql::reduce(call.aggregate, call.distinct, numbers);
    Column& column = results[c];
    column.is_text = part.is_text && sql::keeps_type(call.aggregate);
    const bool known = result.type != SqlType::null;
    if (column.is_text) {
      column.codes = {known ? 0 : Column::kMissing};
      column.words = {result.text};
    } else {
      column.numbers = {known ? result.number : std::numeric_limits<double>::quiet_NaN()};
    }
  }
  BoundExpression outer = outer_;
  outer.columns_.clear();
  for (const Column& column : results) outer.columns_.push_back(&column);
  return outer.evaluate(0);
}

Result<SqlAggregate> SqlAggregate::parse(std::string_view text) {
  std::vector<sql::Call> parsed;
  SARTOR_ASSIGN(sql::Tree tree, sql::parse_calls(text, parsed));
  const auto expression = [](sql::Tree made) {
    SqlExpression out;
    out.tree_ = std::make_shared<const sql::Tree>(std::move(made));
    return out;
  };
  auto calls = std::make_shared<sql::Calls>();
  calls->outer = expression(std::move(tree));
  for (sql::Call& call : parsed) {
    sql::Calls::One one{.aggregate = call.aggregate,
                        .distinct = call.distinct,
                        .position = call.position,
                        .argument = {},
                        .filter = {},
                        .is_plain_count = false};
    one.is_plain_count = call.aggregate == sql::Aggregate::count && call.argument &&
                         call.argument->nodes.size() == 1;
    if (call.argument) one.argument.push_back(expression(std::move(*call.argument)));
    if (call.filter) one.filter.push_back(expression(std::move(*call.filter)));
    calls->list.push_back(std::move(one));
  }
  SqlAggregate made;
  made.calls_ = std::move(calls);
  return made;
}

const std::string& SqlAggregate::text() const { return calls_->outer.text(); }

namespace {

void add_columns(const std::vector<SqlExpression>& expressions, std::vector<std::string>& names) {
  for (const SqlExpression& expression : expressions) {
    for (const std::string& name : expression.columns()) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
}

}  // namespace

std::vector<std::string> SqlAggregate::columns() const {
  std::vector<std::string> names;
  for (const auto& call : calls_->list) {
    add_columns(call.argument, names);
    add_columns(call.filter, names);
  }
  return names;
}

std::vector<std::string> SqlAggregate::columns_looked_at() const {
  std::vector<std::string> names;
  for (const auto& call : calls_->list) {
    if (!call.is_plain_count) add_columns(call.argument, names);
    add_columns(call.filter, names);
  }
  return names;
}

Result<BoundAggregate> SqlAggregate::bind(const Table& table) const {
  BoundAggregate bound;
  bound.calls_ = calls_;
  Table shapes;
  const std::vector<std::string>& names = calls_->outer.columns();
  for (std::size_t c = 0; c < calls_->list.size(); ++c) {
    const auto& call = calls_->list[c];
    BoundAggregate::Part part;
    if (!call.argument.empty()) {
      SARTOR_ASSIGN(BoundExpression argument, call.argument[0].bind(table));
      part.is_text = argument.type() == SqlType::text;
      part.argument.push_back(std::move(argument));
    }
    if (part.is_text && !sql::takes_texts(call.aggregate)) {
      return sql::error_at(text(), call.position,
                           fmt::format("expected {}, found {}", sql::type_name(SqlType::number),
                                       sql::type_name(SqlType::text)));
    }
    if (!call.filter.empty()) {
      SARTOR_ASSIGN(BoundExpression filter, call.filter[0].bind_condition(table));
      part.filter.push_back(std::move(filter));
    }
    shapes.columns.push_back(
        {.name = names[c], .is_text = part.is_text && sql::keeps_type(call.aggregate)});
    bound.parts_.push_back(std::move(part));
  }
  SARTOR_ASSIGN(bound.outer_, calls_->outer.bind(shapes));
  return bound;
}

const std::vector<std::string>& sql_aggregates() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> made;
    for (const auto& one : sql::aggregates()) made.emplace_back(one.name);
    return made;
  }();
  return names;
}

}  // namespace sartor
