// Config structs as JSON, from the same fields() list. Include this in .cc files only.
#pragma once

#include <nlohmann/json.hpp>

#include "sartor/base/fields.h"

namespace sartor {

template <class T>
Json config_json(const T& value);
template <class T>
Json config_json(const std::optional<T>& value);
template <class T>
Json config_json(const std::vector<T>& values);
template <class T>
Json config_json(const std::map<std::string, T>& values);

template <class T>
Json config_json(const T& value) {
  if constexpr (HasFields<T>) {
    Json object = Json::object();
    for_each_field<T>(
        [&](const auto& field) { object[field.name] = config_json(value.*field.member); });
    return object;
  } else {
    return Json(value);
  }
}

template <class T>
Json config_json(const std::optional<T>& value) {
  return value ? config_json(*value) : Json(nullptr);
}

template <class T>
Json config_json(const std::vector<T>& values) {
  Json array = Json::array();
  for (const T& value : values) array.push_back(config_json(value));
  return array;
}

template <class T>
Json config_json(const std::map<std::string, T>& values) {
  Json object = Json::object();
  for (const auto& [key, value] : values) object[key] = config_json(value);
  return object;
}

}  // namespace sartor
