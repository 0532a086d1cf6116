// Config structs as JSON, from the same fields() list. Include this in .cc files only.
#pragma once

#include <nlohmann/json.hpp>

#include "sartor/base/fields.h"

namespace sartor {

template <class T>
Json config_json(const T& value) {
  return json_from_node(config_node(value));
}

}  // namespace sartor
