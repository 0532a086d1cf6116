// A parameter is declared once. A config struct lists its members in fields(); TOML, --set, JSON,
// the range checks, the search space and the docs all read that list:
//
//   struct EaseConfig {
//     double regularization = 300;
//     static constexpr auto fields() {
//       return std::make_tuple(Field{"regularization", &EaseConfig::regularization, 1e-3, 1e6,
//       Scale::log, "…"});
//     }
//   };
#pragma once

#include <fmt/core.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "sartor/base/config_node.h"
#include "sartor/base/result.h"
#include "sartor/base/text.h"

namespace sartor {

// How a parameter is searched: fixed is not, linear and log say what "half-way" means.
enum class Scale { fixed, linear, log };

template <class Owner, class T>
struct Field {
  const char* name;
  T Owner::*member;
  double low;  // a number below `low` or above `high` is an error
  double high;
  Scale scale;
  const char* help;

  constexpr Field(const char* name_, T Owner::*member_, double low_, double high_, Scale scale_,
                  const char* help_)
      : name(name_), member(member_), low(low_), high(high_), scale(scale_), help(help_) {}
  constexpr Field(const char* name_, T Owner::*member_, const char* help_)
      : Field(name_, member_, -std::numeric_limits<double>::infinity(),
              std::numeric_limits<double>::infinity(), Scale::fixed, help_) {}
};

template <class T>
concept HasFields = requires {
  T::fields();
};

template <HasFields T, class Visit>
constexpr void for_each_field(Visit&& visit) {
  std::apply([&](const auto&... field) { (visit(field), ...); }, T::fields());
}

template <HasFields T>
std::vector<std::string> field_names() {
  std::vector<std::string> names;
  for_each_field<T>([&](const auto& field) { names.emplace_back(field.name); });
  return names;
}

namespace detail {

inline Error config_error(const ConfigNode& node, const std::string& path,
                          const std::string& message) {
  const std::string where = node.where();
  return {ErrorCode::config,
          fmt::format("{}{}{}: {}", where, where.empty() ? "" : ": ", path, message)};
}

inline Error wrong_kind(const ConfigNode& node, const std::string& path, const char* expected) {
  return config_error(node, path, fmt::format("expected {}, found {}", expected, node.kind()));
}

}  // namespace detail

// Reads `node` into `out`; `path` ("gate.min_users") is for messages. All fail with `config`.
template <HasFields T>
Status read_config(const ConfigNode& node, T& out, const std::string& path);

inline Status read_config(const ConfigNode& node, bool& out, const std::string& path) {
  const bool* value = std::get_if<bool>(&node.value);
  if (value == nullptr) return detail::wrong_kind(node, path, "true or false");
  out = *value;
  return {};
}

template <class T>
requires(std::is_integral_v<T> && !std::is_same_v<T, bool>) Status
    read_config(const ConfigNode& node, T& out, const std::string& path) {
  const auto* value = std::get_if<std::int64_t>(&node.value);
  if (value == nullptr) return detail::wrong_kind(node, path, "a whole number");
  if (!std::in_range<T>(*value)) {
    return detail::config_error(node, path, fmt::format("{} is out of range", *value));
  }
  out = static_cast<T>(*value);
  return {};
}

template <class T>
requires std::is_floating_point_v<T> Status read_config(const ConfigNode& node, T& out,
                                                        const std::string& path) {
  if (const auto* whole = std::get_if<std::int64_t>(&node.value)) {
    out = static_cast<T>(*whole);
  } else if (const auto* real = std::get_if<double>(&node.value)) {
    out = static_cast<T>(*real);
  } else {
    return detail::wrong_kind(node, path, "a number");
  }
  if (!std::isfinite(out)) return detail::config_error(node, path, "is not a finite number");
  return {};
}

inline Status read_config(const ConfigNode& node, std::string& out, const std::string& path) {
  const auto* value = std::get_if<std::string>(&node.value);
  if (value == nullptr) return detail::wrong_kind(node, path, "a text in quotes");
  out = *value;
  return {};
}

template <class T>
Status read_config(const ConfigNode& node, std::optional<T>& out, const std::string& path) {
  if (std::holds_alternative<std::monostate>(node.value)) {
    out.reset();
    return {};
  }
  return read_config(node, out.emplace(), path);
}

template <class T>
Status read_config(const ConfigNode& node, std::vector<T>& out, const std::string& path) {
  out.clear();
  if constexpr (std::is_arithmetic_v<T>) {  // `k = 5` is the list of one number
    if (!node.is_array()) return read_config(node, out.emplace_back(), path);
  }
  if (!node.is_array()) return detail::wrong_kind(node, path, "a list in [ ]");
  for (std::size_t i = 0; i < node.array().size(); ++i) {
    T value{};
    SARTOR_TRY(read_config(node.array()[i], value, fmt::format("{}[{}]", path, i)));
    out.push_back(std::move(value));
  }
  return {};
}

template <class T>
Status read_config(const ConfigNode& node, std::map<std::string, T>& out, const std::string& path) {
  if (!node.is_table()) return detail::wrong_kind(node, path, "a table in { }");
  out.clear();
  for (const auto& [key, child] : node.table()) {
    SARTOR_TRY(read_config(child, out[key], path + "." + key));
  }
  return {};
}

namespace detail {

template <class Owner, class T>
Status check_range(const Field<Owner, T>& field, const Owner& owner, const ConfigNode& node,
                   const std::string& path) {
  if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) {
    const double value = static_cast<double>(owner.*field.member);
    if (value < field.low || value > field.high) {
      return config_error(
          node, path,
          fmt::format("{} is out of range; expected {} to {}", value, field.low, field.high));
    }
  }
  return {};
}

}  // namespace detail

template <HasFields T>
Status read_config(const ConfigNode& node, T& out, const std::string& path) {
  if (!node.is_table()) return detail::wrong_kind(node, path, "a table");
  const std::string prefix = path.empty() ? "" : path + ".";
  for (const auto& [key, child] : node.table()) {
    bool known = false;
    Status status;
    for_each_field<T>([&](const auto& field) {
      if (key != field.name) return;
      known = true;
      status = read_config(child, out.*field.member, prefix + key);
      if (status) status = detail::check_range(field, out, child, prefix + key);
    });
    SARTOR_TRY(status);
    if (!known) {
      const auto names = field_names<T>();
      return detail::config_error(child, prefix + key,
                                  fmt::format("unknown key{}", did_you_mean(key, names)));
    }
  }
  return {};
}

// The other way: a struct, or a value of one, as a tree. What has no value (std::nullopt) is
// std::monostate.
template <class T>
ConfigNode config_node(const T& value);
template <class T>
ConfigNode config_node(const std::optional<T>& value);
template <class T>
ConfigNode config_node(const std::vector<T>& values);
template <class T>
ConfigNode config_node(const std::map<std::string, T>& values);

template <class T>
ConfigNode config_node(const T& value) {
  ConfigNode node;
  if constexpr (HasFields<T>) {
    auto& table = node.value.template emplace<ConfigNode::Table>();
    for_each_field<T>([&](const auto& field) {
      table.emplace_back(field.name, config_node(value.*field.member));
    });
  } else if constexpr (std::is_same_v<T, bool>) {
    node.value = value;
  } else if constexpr (std::is_integral_v<T>) {
    node.value = static_cast<std::int64_t>(value);
  } else if constexpr (std::is_floating_point_v<T>) {
    node.value = static_cast<double>(value);
  } else {
    node.value = std::string(value);
  }
  return node;
}

template <class T>
ConfigNode config_node(const std::optional<T>& value) {
  return value ? config_node(*value) : ConfigNode{};
}

template <class T>
ConfigNode config_node(const std::vector<T>& values) {
  ConfigNode node;
  auto& array = node.value.template emplace<ConfigNode::Array>();
  for (const T& value : values) array.push_back(config_node(value));
  return node;
}

template <class T>
ConfigNode config_node(const std::map<std::string, T>& values) {
  ConfigNode node;
  auto& table = node.value.template emplace<ConfigNode::Table>();
  for (const auto& [key, value] : values) table.emplace_back(key, config_node(value));
  return node;
}

}  // namespace sartor
