// A configuration as it was written: a tree of values that know their line, before it is read into
// structs. toml++ stays behind this file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "sartor/base/json.h"
#include "sartor/base/result.h"

namespace sartor {

struct ConfigNode {
  using Array = std::vector<ConfigNode>;
  using Table = std::vector<std::pair<std::string, ConfigNode>>;  // in the order written

  // Dates and times are strings here; their reader parses them.
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Table> value;
  int line = 0;      // 1-based; 0 where it came from a flag or from JSON
  std::string file;  // "" where it came from a flag or from JSON

  bool is_table() const { return std::holds_alternative<Table>(value); }
  bool is_array() const { return std::holds_alternative<Array>(value); }
  const Table& table() const { return std::get<Table>(value); }
  Table& table() { return std::get<Table>(value); }
  const Array& array() const { return std::get<Array>(value); }

  const ConfigNode* find(std::string_view key) const;

  // "sartor.toml:12" or "" : the front of a message.
  std::string where() const;
  // "a whole number", "a table", …: what stands here, for messages.
  std::string kind() const;
};

// Fails with `config`, naming file and line.
Result<ConfigNode> parse_toml(std::string_view text, const std::string& file);
Result<ConfigNode> read_toml(const std::string& path);

// `--set section.key=value`: sets the value at the dotted path, making tables on the way. The value
// is read as TOML, or as a string if it is not TOML. `section.2.key` reaches into an array of
// tables (from 0).
Status set_path(ConfigNode& root, std::string_view assignment);

ConfigNode node_from_json(const Json& json);
Json json_from_node(const ConfigNode& node);
// The same as JSON on one line.
std::string json_text(const ConfigNode& node);

}  // namespace sartor
