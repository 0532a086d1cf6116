#include "sartor/http/schema.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sartor/base/json_pointer.h"
#include "sartor/base/text.h"

namespace sartor {
namespace {

constexpr std::size_t kMostErrors = 20;

bool is_type(const Json& value, const std::string& type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "boolean") return value.is_boolean();
  return type == "null" && value.is_null();
}

class Checker {
 public:
  explicit Checker(const Json& schemas) : schemas_(schemas) {}

  void check(const Json& value, const Json& schema, const std::string& pointer) {
    if (errors_.size() >= kMostErrors) return;
    if (const auto ref = schema.find("$ref"); ref != schema.end()) {
      const std::string name = ref->get<std::string>();
      return check(value, schemas_.at(name.substr(name.rfind('/') + 1)), pointer);
    }
    if (!type_fits(value, schema, pointer)) return;
    if (const auto words = schema.find("enum");
        words != schema.end() && std::find(words->begin(), words->end(), value) == words->end()) {
      add(pointer, fmt::format("expected one of {}", json_text(*words)));
    }
    if (value.is_object()) members(value, schema, pointer);
    if (value.is_array()) elements(value, schema, pointer);
    if (value.is_number()) {
      range(value.get<double>(), schema, pointer, "minimum", "maximum", "");
    }
    if (value.is_string()) {
      const auto size = static_cast<double>(value.get_ref<const std::string&>().size());
      range(size, schema, pointer, "minLength", "maxLength", " bytes");
    }
  }

  std::vector<SchemaError> take() { return std::move(errors_); }

 private:
  void add(const std::string& pointer, std::string detail) {
    if (errors_.size() < kMostErrors) errors_.push_back({pointer, std::move(detail)});
  }

  bool type_fits(const Json& value, const Json& schema, const std::string& pointer) {
    const auto type = schema.find("type");
    if (type == schema.end()) return true;
    const Json names = type->is_array() ? *type : Json::array({*type});
    for (const Json& name : names) {
      if (is_type(value, name.get<std::string>())) return true;
    }
    std::vector<std::string> words;
    for (const Json& name : names) words.push_back(name.get<std::string>());
    add(pointer, fmt::format("expected {}, found {}", join(words, " or "), value.type_name()));
    return false;
  }

  void members(const Json& value, const Json& schema, const std::string& pointer) {
    const auto known = schema.find("properties");
    const auto others = schema.find("additionalProperties");
    if (const auto required = schema.find("required"); required != schema.end()) {
      for (const Json& name : *required) {
        if (!value.contains(name.get<std::string>())) {
          add(pointer + "/" + pointer_part(name.get<std::string>()), "is missing");
        }
      }
    }
    range(static_cast<double>(value.size()), schema, pointer, "minProperties", "maxProperties",
          " members");
    for (const auto& [key, member] : value.items()) {
      const std::string place = pointer + "/" + pointer_part(key);
      if (known != schema.end() && known->contains(key)) {
        check(member, known->at(key), place);
      } else if (others != schema.end() && others->is_object()) {
        check(member, *others, place);
      } else if (others != schema.end() && !others->get<bool>()) {
        std::vector<std::string> names;
        if (known != schema.end()) {
          for (const auto& [name, unused] : known->items()) names.push_back(name);
        }
        add(place, "unknown member" + did_you_mean(key, names));
      }
    }
  }

  void elements(const Json& value, const Json& schema, const std::string& pointer) {
    range(static_cast<double>(value.size()), schema, pointer, "minItems", "maxItems", " elements");
    const auto items = schema.find("items");
    if (items == schema.end() || schema.contains("x-partial")) return;
    for (std::size_t i = 0; i < value.size() && errors_.size() < kMostErrors; ++i) {
      check(value[i], *items, fmt::format("{}/{}", pointer, i));
    }
  }

  void range(double number, const Json& schema, const std::string& pointer, const char* low,
             const char* high, const char* unit) {
    const auto least = schema.find(low);
    const auto most = schema.find(high);
    if (least != schema.end() && number < least->get<double>()) {
      add(pointer, fmt::format("{}{} where at least {} was expected", shortest(number), unit,
                               shortest(least->get<double>())));
    }
    if (most != schema.end() && number > most->get<double>()) {
      add(pointer, fmt::format("{}{} where at most {} was expected", shortest(number), unit,
                               shortest(most->get<double>())));
    }
  }

  const Json& schemas_;
  std::vector<SchemaError> errors_;
};

}  // namespace

std::vector<SchemaError> check_schema(const Json& value, const Json& schema, const Json& schemas) {
  Checker checker(schemas);
  checker.check(value, schema, "");
  return checker.take();
}

}  // namespace sartor
