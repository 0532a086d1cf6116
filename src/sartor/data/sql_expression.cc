#include "sartor/data/sql_expression.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <forward_list>

#include "sartor/base/text.h"
#include "sartor/data/sql_tree.h"

namespace sartor {

namespace sql {

const std::vector<Function>& functions() {
  constexpr std::size_t kMany = 1000;
  static const std::vector<Function> list = {{"abs", Op::absolute, 1, 1},
                                             {"ceil", Op::ceiling, 1, 1},
                                             {"contains", Op::contains, 2, 2},
                                             {"ends_with", Op::ends_with, 2, 2},
                                             {"floor", Op::floor, 1, 1},
                                             {"greatest", Op::greatest, 1, kMany},
                                             {"least", Op::least, 1, kMany},
                                             {"length", Op::length, 1, 1},
                                             {"ln", Op::logarithm, 1, 1},
                                             {"lower", Op::lower, 1, 1},
                                             {"round", Op::round, 1, 2},
                                             {"sqrt", Op::square_root, 1, 1},
                                             {"starts_with", Op::starts_with, 2, 2},
                                             {"upper", Op::upper, 1, 1}};
  return list;
}

Error error_at(std::string_view text, std::size_t position, const std::string& what) {
  return {ErrorCode::config,
          fmt::format("{} (at character {} of \"{}\")", what, position + 1, printable(text, 120))};
}

namespace {

// A value on its way up the tree; texts point into the table, the tree or the scratch list.
struct Slot {
  SqlType type = SqlType::null;
  double number = 0;
  std::string_view text;

  bool is_null() const { return type == SqlType::null; }
  bool is_true() const { return type == SqlType::boolean && number != 0; }
};

Slot boolean(bool value) { return {SqlType::boolean, value ? 1.0 : 0.0, {}}; }
Slot number(double value) {
  return std::isfinite(value) ? Slot{SqlType::number, value, {}} : Slot{};
}

int compare(const Slot& a, const Slot& b) {
  if (a.type == SqlType::text) return a.text.compare(b.text);
  return a.number < b.number ? -1 : a.number > b.number ? 1 : 0;
}

std::size_t character_bytes(std::string_view text, std::size_t at) {
  std::size_t end = at + 1;
  while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) ++end;
  return end - at;
}

// `%` is any text, `_` one character. Falls back to the last `%` only, so the cost is at most the
// product of the lengths.
bool is_like(std::string_view text, std::string_view pattern) {
  constexpr auto kNowhere = std::string_view::npos;
  std::size_t t = 0, p = 0, star = kNowhere, mark = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '%') {
      star = p++;
      mark = t;
    } else if (p < pattern.size() && pattern[p] == '_') {
      t += character_bytes(text, t);
      ++p;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != kNowhere) {
      mark += character_bytes(text, mark);
      t = mark;
      p = star + 1;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '%') ++p;
  return p == pattern.size();
}

// To `digits` places (before the point if negative), halves away from zero.
double rounded(double value, double digits) {
  const double scale = std::pow(10.0, std::abs(std::trunc(digits)));
  const double result =
      digits < 0 ? std::round(value / scale) * scale : std::round(value * scale) / scale;
  return std::isfinite(result) ? result : value;
}

class Evaluation {
 public:
  Evaluation(const Tree& tree, const std::vector<const Column*>& columns, std::size_t row)
      : tree_(tree), columns_(columns), row_(row) {}

  Slot of(std::uint32_t index) {
    const Node& node = tree_.nodes[index];
    switch (node.op) {
      case Op::column:
        return cell(*columns_[node.column]);
      case Op::constant:
        return {node.constant.type, node.constant.number, node.constant.text};
      case Op::all_of:
        return conjunction(node, false);
      case Op::any_of:
        return conjunction(node, true);
      case Op::in:
      case Op::not_in:
        return among(node);
      case Op::case_when:
        return chosen(node);
      case Op::coalesce:
        return first_known(node);
      case Op::greatest:
      case Op::least:
        return extreme(node);
      case Op::between:
        return between(of(node.children[0]), of(node.children[1]), of(node.children[2]));
      default:
        return node.children.size() == 1
                   ? unary(node.op, of(node.children[0]))
                   : binary(node.op, of(node.children[0]), of(node.children[1]));
    }
  }

 private:
  Slot cell(const Column& column) const {
    if (!column.is_text) return number(column.numbers[row_]);
    const std::uint32_t code = column.codes[row_];
    return code == Column::kMissing ? Slot{} : Slot{SqlType::text, 0, column.words[code]};
  }

  // AND stops at a false, OR at a true; else NULL if any part is.
  Slot conjunction(const Node& node, bool stop) {
    bool unknown = false;
    for (const std::uint32_t child : node.children) {
      const Slot value = of(child);
      if (value.is_null()) {
        unknown = true;
      } else if (value.is_true() == stop) {
        return value;
      }
    }
    return unknown ? Slot{} : boolean(!stop);
  }

  Slot among(const Node& node) {
    const Slot value = of(node.children[0]);
    if (value.is_null()) return {};
    bool unknown = false;
    for (std::size_t i = 1; i < node.children.size(); ++i) {
      const Slot other = of(node.children[i]);
      if (other.is_null()) {
        unknown = true;
      } else if (compare(value, other) == 0) {
        return boolean(node.op == Op::in);
      }
    }
    return unknown ? Slot{} : boolean(node.op == Op::not_in);
  }

  Slot chosen(const Node& node) {
    std::size_t i = 0;
    for (; i + 1 < node.children.size(); i += 2) {
      if (of(node.children[i]).is_true()) return of(node.children[i + 1]);
    }
    return of(node.children[i]);
  }

  Slot first_known(const Node& node) {
    for (const std::uint32_t child : node.children) {
      const Slot value = of(child);
      if (!value.is_null()) return value;
    }
    return {};
  }

  Slot extreme(const Node& node) {
    Slot best;
    for (const std::uint32_t child : node.children) {
      const Slot value = of(child);
      if (value.is_null()) continue;
      const bool better = best.is_null() || (node.op == Op::greatest ? compare(value, best) > 0
                                                                     : compare(value, best) < 0);
      if (better) best = value;
    }
    return best;
  }

  static Slot between(const Slot& value, const Slot& low, const Slot& high) {
    if (value.is_null()) return {};
    if (!low.is_null() && compare(value, low) < 0) return boolean(false);
    if (!high.is_null() && compare(value, high) > 0) return boolean(false);
    return low.is_null() || high.is_null() ? Slot{} : boolean(true);
  }

  Slot unary(Op op, const Slot& a) {
    if (op == Op::is_null) return boolean(a.is_null());
    if (op == Op::is_not_null) return boolean(!a.is_null());
    if (a.is_null()) return {};
    switch (op) {
      case Op::negation:
        return boolean(a.number == 0);
      case Op::minus:
        return number(-a.number);
      case Op::plus:
        return a;
      case Op::absolute:
        return number(std::abs(a.number));
      case Op::ceiling:
        return number(std::ceil(a.number));
      case Op::floor:
        return number(std::floor(a.number));
      case Op::round:
        return number(std::round(a.number));
      case Op::logarithm:
        return number(std::log(a.number));
      case Op::square_root:
        return number(std::sqrt(a.number));
      case Op::length:
        return number(static_cast<double>(std::count_if(a.text.begin(), a.text.end(), [](char c) {
          return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
        })));
      case Op::lower:
        return recased(a.text, 'A', 'a');
      case Op::upper:
        return recased(a.text, 'a', 'A');
      default:
        assert(false);
        return {};
    }
  }

  Slot recased(std::string_view text, char from, char to) {
    std::string& made = scratch_.emplace_front(text);
    for (char& c : made) {
      if (c >= from && c < from + 26) c = static_cast<char>(c - from + to);
    }
    return {SqlType::text, 0, made};
  }

  static Slot binary(Op op, const Slot& a, const Slot& b) {
    if (op == Op::distinct || op == Op::not_distinct) {
      const bool same =
          a.is_null() || b.is_null() ? a.is_null() == b.is_null() : compare(a, b) == 0;
      return boolean(same == (op == Op::not_distinct));
    }
    if (a.is_null() || b.is_null()) return {};
    switch (op) {
      case Op::equal:
        return boolean(compare(a, b) == 0);
      case Op::not_equal:
        return boolean(compare(a, b) != 0);
      case Op::less:
        return boolean(compare(a, b) < 0);
      case Op::less_or_equal:
        return boolean(compare(a, b) <= 0);
      case Op::greater:
        return boolean(compare(a, b) > 0);
      case Op::greater_or_equal:
        return boolean(compare(a, b) >= 0);
      case Op::add:
        return number(a.number + b.number);
      case Op::subtract:
        return number(a.number - b.number);
      case Op::multiply:
        return number(a.number * b.number);
      case Op::divide:
        return number(a.number / b.number);
      case Op::modulo:
        return number(std::fmod(a.number, b.number));
      case Op::round:
        return number(rounded(a.number, b.number));
      case Op::like:
        return boolean(is_like(a.text, b.text));
      case Op::not_like:
        return boolean(!is_like(a.text, b.text));
      case Op::contains:
        return boolean(a.text.find(b.text) != std::string_view::npos);
      case Op::starts_with:
        return boolean(a.text.starts_with(b.text));
      case Op::ends_with:
        return boolean(a.text.ends_with(b.text));
      default:
        assert(false);
        return {};
    }
  }

  const Tree& tree_;
  const std::vector<const Column*>& columns_;
  std::size_t row_;
  std::forward_list<std::string> scratch_;  // what lower and upper made
};

}  // namespace

}  // namespace sql

const std::vector<std::string>& sql_functions() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> made;
    for (const sql::Function& function : sql::functions()) made.emplace_back(function.name);
    return made;
  }();
  return names;
}

SqlType BoundExpression::type() const { return type_; }

SqlValue BoundExpression::evaluate(std::size_t row) const {
  sql::Evaluation evaluation(*tree_, columns_, row);
  const auto slot = evaluation.of(static_cast<std::uint32_t>(tree_->nodes.size() - 1));
  return {slot.type, slot.number, std::string(slot.text)};
}

std::optional<bool> BoundExpression::condition(std::size_t row) const {
  assert(type_ == SqlType::boolean || type_ == SqlType::null);
  sql::Evaluation evaluation(*tree_, columns_, row);
  const auto slot = evaluation.of(static_cast<std::uint32_t>(tree_->nodes.size() - 1));
  if (slot.is_null()) return std::nullopt;
  return slot.is_true();
}

Result<SqlExpression> SqlExpression::parse(std::string_view text) {
  SARTOR_ASSIGN(sql::Tree tree, sql::parse(text));
  SqlExpression expression;
  expression.tree_ = std::make_shared<const sql::Tree>(std::move(tree));
  return expression;
}

const std::string& SqlExpression::text() const { return tree_->text; }

const std::vector<std::string>& SqlExpression::columns() const { return tree_->columns; }

Result<BoundExpression> SqlExpression::bind(const Table& table) const {
  BoundExpression bound;
  bound.tree_ = tree_;
  for (std::uint32_t c = 0; c < tree_->columns.size(); ++c) {
    SARTOR_ASSIGN(const Column* column, sql::find_column(*tree_, c, table));
    bound.columns_.push_back(column);
  }
  SARTOR_ASSIGN(bound.type_, sql::check_types(*tree_, bound.columns_));
  return bound;
}

Result<BoundExpression> SqlExpression::bind_condition(const Table& table) const {
  SARTOR_ASSIGN(BoundExpression bound, bind(table));
  if (bound.type() != SqlType::boolean && bound.type() != SqlType::null) {
    return sql::error_at(tree_->text, 0,
                         fmt::format("expected {}, found {}", sql::type_name(SqlType::boolean),
                                     sql::type_name(bound.type())));
  }
  return bound;
}

}  // namespace sartor
