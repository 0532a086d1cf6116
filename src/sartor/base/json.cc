#include "sartor/base/json.h"

#include <nlohmann/json.hpp>

namespace sartor {

Json parse_json(std::string_view text) { return Json::parse(text, nullptr, false); }

std::string json_text(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace sartor
