// Names -> columns, and whether the types fit together.
#include <fmt/format.h>

#include <algorithm>

#include "sartor/base/text.h"
#include "sartor/data/sql_tree.h"

namespace sartor::sql {

const char* type_name(SqlType type) {
  switch (type) {
    case SqlType::null:
      return "NULL";
    case SqlType::boolean:
      return "a condition (true or false)";
    case SqlType::number:
      return "a number";
    case SqlType::text:
      return "a text";
  }
  return "";
}

namespace {

// Finds the type of every node, children first, and refuses what does not fit together.
class TypeCheck {
 public:
  TypeCheck(const Tree& tree, const std::vector<const Column*>& columns)
      : tree_(tree), columns_(columns), types_(tree.nodes.size(), SqlType::null) {}

  Result<SqlType> root() {
    for (std::size_t n = 0; n < tree_.nodes.size(); ++n) {
      SARTOR_ASSIGN(types_[n], type_of(tree_.nodes[n]));
    }
    return types_.back();
  }

 private:
  using T = SqlType;

  Result<T> type_of(const Node& node) const {
    switch (node.op) {
      case Op::column:
        return columns_[node.column]->is_text ? T::text : T::number;
      case Op::constant:
        return node.constant.type;
      case Op::all_of:
      case Op::any_of:
      case Op::negation:
        return all(node, T::boolean, T::boolean);
      case Op::is_null:
      case Op::is_not_null:
        return T::boolean;
      case Op::equal:
      case Op::not_equal:
      case Op::less:
      case Op::less_or_equal:
      case Op::greater:
      case Op::greater_or_equal:
      case Op::distinct:
      case Op::not_distinct:
      case Op::in:
      case Op::not_in:
      case Op::between:
        SARTOR_TRY(common(node, node.children));
        return T::boolean;
      case Op::case_when:
        return case_type(node);
      case Op::coalesce:
      case Op::greatest:
      case Op::least:
        return common(node, node.children);
      case Op::like:
      case Op::not_like:
      case Op::contains:
      case Op::starts_with:
      case Op::ends_with:
        return all(node, T::text, T::boolean);
      case Op::length:
        return all(node, T::text, T::number);
      case Op::lower:
      case Op::upper:
        return all(node, T::text, T::text);
      default:
        return all(node, T::number, T::number);
    }
  }

  Result<T> all(const Node& node, T wanted, T result) const {
    for (const std::uint32_t child : node.children) {
      if (types_[child] == wanted || types_[child] == T::null) continue;
      return error_at(tree_.text, tree_.nodes[child].position,
                      fmt::format("expected {}, found {}", type_name(wanted), describe(child)));
    }
    return result;
  }

  // The type the parts share; NULL fits every type.
  Result<T> common(const Node& node, const std::vector<std::uint32_t>& parts) const {
    std::uint32_t first = parts[0];
    for (const std::uint32_t part : parts) {
      if (types_[first] == T::null) first = part;
      if (types_[part] == T::null || types_[part] == types_[first]) continue;
      return error_at(tree_.text, node.position,
                      fmt::format("{} and {} cannot be compared", describe(first), describe(part)));
    }
    return types_[first];
  }

  Result<T> case_type(const Node& node) const {
    Node conditions{.position = node.position};
    std::vector<std::uint32_t> values;
    for (std::size_t i = 0; i < node.children.size(); ++i) {
      const bool is_condition = i % 2 == 0 && i + 1 < node.children.size();
      (is_condition ? conditions.children : values).push_back(node.children[i]);
    }
    SARTOR_TRY(all(conditions, T::boolean, T::boolean));
    return common(node, values);
  }

  std::string describe(std::uint32_t index) const {
    const Node& node = tree_.nodes[index];
    if (node.op == Op::column) {
      return fmt::format("column '{}' ({})", tree_.columns[node.column], type_name(types_[index]));
    }
    return type_name(types_[index]);
  }

  const Tree& tree_;
  const std::vector<const Column*>& columns_;
  std::vector<SqlType> types_;
};

bool same_ignoring_case(std::string_view a, std::string_view b) {
  const auto folded = [](char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return folded(x) == folded(y); });
}

}  // namespace

Result<SqlType> check_types(const Tree& tree, const std::vector<const Column*>& columns) {
  return TypeCheck(tree, columns).root();
}

Result<const Column*> find_column(const Tree& tree, std::uint32_t index, const Table& table) {
  const std::string& name = tree.columns[index];
  if (const Column* exact = table.find(name)) return exact;
  for (const Column& column : table.columns) {
    if (same_ignoring_case(column.name, name)) return &column;
  }
  std::vector<std::string> names;
  for (const Column& column : table.columns) names.push_back(column.name);
  const auto user = std::find_if(tree.nodes.begin(), tree.nodes.end(), [&](const Node& node) {
    return node.op == Op::column && node.column == index;
  });
  return error_at(tree.text, user->position,
                  fmt::format("unknown column '{}'{}", printable(name), did_you_mean(name, names)));
}

}  // namespace sartor::sql
