// The JSON type for headers: a forward declaration only. Include <nlohmann/json.hpp> in .cc files.
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace sartor {

using Json = nlohmann::ordered_json;  // keeps the order in which we write keys, so bytes are stable

}  // namespace sartor
