#include "sartor/base/config_node.h"

#define TOML_EXCEPTIONS 0
#include <fmt/core.h>
#include <toml++/toml.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <sstream>

#include "sartor/base/files.h"
#include "sartor/base/text.h"

namespace sartor {
namespace {

ConfigNode convert(const toml::node& node, const std::string& file);

ConfigNode convert_table(const toml::table& table, const std::string& file) {
  ConfigNode::Table out;
  for (const auto& [key, child] : table)
    out.emplace_back(std::string(key.str()), convert(child, file));
  // toml++ sorts keys; we keep the order of the file.
  std::stable_sort(out.begin(), out.end(),
                   [](const auto& a, const auto& b) { return a.second.line < b.second.line; });
  ConfigNode node;
  node.value = std::move(out);
  return node;
}

template <class T>
std::string as_text(const T& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

ConfigNode convert(const toml::node& node, const std::string& file) {
  ConfigNode out;
  if (const auto* table = node.as_table()) {
    out = convert_table(*table, file);
  } else if (const auto* array = node.as_array()) {
    ConfigNode::Array items;
    for (const auto& child : *array) items.push_back(convert(child, file));
    out.value = std::move(items);
  } else if (const auto* text = node.as_string()) {
    out.value = text->get();
  } else if (const auto* whole = node.as_integer()) {
    out.value = whole->get();
  } else if (const auto* real = node.as_floating_point()) {
    out.value = real->get();
  } else if (const auto* flag = node.as_boolean()) {
    out.value = flag->get();
  } else if (const auto* date = node.as_date()) {
    out.value = as_text(date->get());
  } else if (const auto* date_time = node.as_date_time()) {
    out.value = as_text(date_time->get());
  } else if (const auto* time = node.as_time()) {
    out.value = as_text(time->get());
  }
  out.line = static_cast<int>(node.source().begin.line);
  out.file = file;
  return out;
}

// The value of `--set`: TOML if it parses as such, else the text itself.
ConfigNode parse_value(std::string_view text) {
  auto parsed = toml::parse(fmt::format("value = {}", text));
  ConfigNode node;
  if (parsed) {
    node = convert(*parsed.table().get("value"), "");
    node.line = 0;
  } else {
    node.value = std::string(text);
  }
  return node;
}

ConfigNode* child_for_path(ConfigNode& parent, const std::string& key) {
  if (auto* array = std::get_if<ConfigNode::Array>(&parent.value)) {
    std::size_t index = 0;
    const auto [end, code] = std::from_chars(key.data(), key.data() + key.size(), index);
    const bool whole = code == std::errc() && end == key.data() + key.size();
    return whole && index < array->size() ? &(*array)[index] : nullptr;
  }
  if (std::holds_alternative<std::monostate>(parent.value)) parent.value = ConfigNode::Table{};
  if (!parent.is_table()) return nullptr;
  for (auto& [name, child] : parent.table()) {
    if (name == key) return &child;
  }
  parent.table().emplace_back(key, ConfigNode{});
  return &parent.table().back().second;
}

}  // namespace

const ConfigNode* ConfigNode::find(std::string_view key) const {
  if (!is_table()) return nullptr;
  for (const auto& [name, child] : table()) {
    if (name == key) return &child;
  }
  return nullptr;
}

std::string ConfigNode::where() const {
  return file.empty() ? "" : fmt::format("{}:{}", file, line);
}

std::string ConfigNode::kind() const {
  static constexpr const char* kNames[] = {"nothing", "true or false", "a whole number", "a number",
                                           "a text",  "a list",        "a table"};
  return kNames[value.index()];
}

Result<ConfigNode> parse_toml(std::string_view text, const std::string& file) {
  if (!is_utf8(text)) return Error{ErrorCode::config, file + ": is not UTF-8 text"};
  auto parsed = toml::parse(text, file);
  if (!parsed) {
    const auto& error = parsed.error();
    return Error{ErrorCode::config, fmt::format("{}:{}: {}", file, error.source().begin.line,
                                                std::string(error.description()))};
  }
  ConfigNode root = convert_table(parsed.table(), file);
  root.file = file;
  root.line = 1;
  return root;
}

Result<ConfigNode> read_toml(const std::string& path) {
  SARTOR_ASSIGN(const std::string text, read_file(path));
  return parse_toml(text, path);
}

Status set_path(ConfigNode& root, std::string_view assignment) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return Error{ErrorCode::config,
                 fmt::format("--set {}: expected section.key=value", printable(assignment))};
  }
  std::string_view path = assignment.substr(0, equals);
  ConfigNode* node = &root;
  while (true) {
    const std::size_t dot = path.find('.');
    node = child_for_path(*node, std::string(path.substr(0, dot)));
    if (node == nullptr) {
      return Error{ErrorCode::config,
                   fmt::format("--set {}: there is no such place; lists are reached by "
                               "their number from 0",
                               printable(assignment))};
    }
    if (dot == std::string_view::npos) break;
    path.remove_prefix(dot + 1);
  }
  *node = parse_value(assignment.substr(equals + 1));
  return {};
}

ConfigNode node_from_json(const Json& json) {
  ConfigNode node;
  if (json.is_object()) {
    ConfigNode::Table table;
    for (const auto& [key, child] : json.items()) table.emplace_back(key, node_from_json(child));
    node.value = std::move(table);
  } else if (json.is_array()) {
    ConfigNode::Array array;
    for (const auto& child : json) array.push_back(node_from_json(child));
    node.value = std::move(array);
  } else if (json.is_string()) {
    node.value = json.get<std::string>();
  } else if (json.is_boolean()) {
    node.value = json.get<bool>();
  } else if (json.is_number_integer()) {
    node.value = json.get<std::int64_t>();
  } else if (json.is_number()) {
    node.value = json.get<double>();
  }
  return node;
}

Json json_from_node(const ConfigNode& node) {
  if (node.is_table()) {
    Json object = Json::object();
    for (const auto& [key, child] : node.table()) object[key] = json_from_node(child);
    return object;
  }
  if (node.is_array()) {
    Json array = Json::array();
    for (const ConfigNode& child : node.array()) array.push_back(json_from_node(child));
    return array;
  }
  if (const auto* flag = std::get_if<bool>(&node.value)) return *flag;
  if (const auto* whole = std::get_if<std::int64_t>(&node.value)) return *whole;
  if (const auto* real = std::get_if<double>(&node.value)) return *real;
  if (const auto* text = std::get_if<std::string>(&node.value)) return *text;
  return nullptr;
}

std::string json_text(const ConfigNode& node) { return json_text(json_from_node(node)); }

}  // namespace sartor
