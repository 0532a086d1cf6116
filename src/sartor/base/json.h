// The JSON type for headers: a forward declaration only. Include <nlohmann/json.hpp> in .cc files.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace sartor {

using Json = nlohmann::ordered_json;  // keeps the order in which we write keys, so bytes are stable

// The library's reader and writer are compiled here and nowhere else: they are most of the time
// that a file with JSON takes to compile.

// `is_discarded()` where `text` is not JSON.
Json parse_json(std::string_view text);
// On one line, or with `indent` spaces a level; bytes that are not UTF-8 become U+FFFD.
std::string json_text(const Json& json, int indent = -1);

}  // namespace sartor
