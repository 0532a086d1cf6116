#include "sartor/live/json_fields.h"

#include <fmt/core.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace sartor {
namespace {

const Json& nothing() {
  static const Json null;
  return null;
}

}  // namespace

JsonFields::JsonFields(const Json& json, std::string where)
    : json_(&json), where_(std::move(where)) {}

void JsonFields::fail(const char* name, const char* expected) {
  if (!status_) return;
  status_ = Error{ErrorCode::bad_data, fmt::format("{}.{}: expected {}", where_, name, expected)};
}

const Json* JsonFields::find(const char* name) {
  if (!json_->is_object()) return nullptr;
  const auto found = json_->find(name);
  return found == json_->end() ? nullptr : &*found;
}

JsonFields& JsonFields::text(const char* name, std::string& out) {
  const Json* found = find(name);
  if (found == nullptr || !found->is_string()) {
    fail(name, "a text");
  } else {
    out = found->get<std::string>();
  }
  return *this;
}

JsonFields& JsonFields::whole(const char* name, std::int64_t& out) {
  const Json* found = find(name);
  if (found == nullptr || !found->is_number_integer()) {
    fail(name, "a whole number");
  } else {
    out = found->get<std::int64_t>();
  }
  return *this;
}

JsonFields& JsonFields::whole(const char* name, std::uint64_t& out) {
  const Json* found = find(name);
  if (found == nullptr || !found->is_number_unsigned()) {
    fail(name, "a whole number from 0");
  } else {
    out = found->get<std::uint64_t>();
  }
  return *this;
}

JsonFields& JsonFields::whole(const char* name, int& out) {
  std::int64_t value = out;
  whole(name, value);
  out = static_cast<int>(value);
  return *this;
}

JsonFields& JsonFields::whole(const char* name, std::optional<std::int64_t>& out) {
  const Json* found = find(name);
  if (found != nullptr && found->is_null()) {
    out.reset();
    return *this;
  }
  std::int64_t value = 0;
  whole(name, value);
  out = value;
  return *this;
}

JsonFields& JsonFields::wholes(const char* name, std::vector<std::int64_t>& out) {
  std::vector<std::int64_t> values;
  for (const Json* element : list(name)) {
    if (element->is_number_integer()) {
      values.push_back(element->get<std::int64_t>());
    } else {
      fail(name, "whole numbers");
    }
  }
  out = std::move(values);
  return *this;
}

JsonFields& JsonFields::real(const char* name, double& out) {
  const Json* found = find(name);
  if (found == nullptr || !found->is_number()) {
    fail(name, "a number");
  } else {
    out = found->get<double>();
  }
  return *this;
}

JsonFields& JsonFields::reals(const char* name, std::span<double> out) {
  const auto elements = list(name);
  const bool good = elements.size() == out.size() &&
                    std::all_of(elements.begin(), elements.end(),
                                [](const Json* one) { return one->is_number(); });
  if (!good) {
    fail(name, "as many numbers as there are");
    return *this;
  }
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = elements[i]->get<double>();
  return *this;
}

JsonFields& JsonFields::time(const char* name, Time& out) {
  std::string words;
  text(name, words);
  const auto parsed = parse_time(words);
  if (parsed) {
    out = *parsed;
  } else {
    fail(name, "a time");
  }
  return *this;
}

JsonFields& JsonFields::time(const char* name, std::optional<Time>& out) {
  const Json* found = find(name);
  if (found != nullptr && found->is_null()) {
    out.reset();
    return *this;
  }
  Time value = 0;
  time(name, value);
  out = value;
  return *this;
}

JsonFields JsonFields::object(const char* name) {
  const Json* found = find(name);
  if (found == nullptr || !found->is_object()) fail(name, "an object");
  return {found == nullptr ? nothing() : *found, where_ + "." + name};
}

std::vector<const Json*> JsonFields::list(const char* name) {
  const Json* found = find(name);
  std::vector<const Json*> elements;
  if (found == nullptr || !found->is_array()) {
    fail(name, "a list");
    return elements;
  }
  for (const Json& element : *found) elements.push_back(&element);
  return elements;
}

void JsonFields::take_failure(const JsonFields& part) {
  if (status_ && !part.status_) status_ = part.status_;
}

}  // namespace sartor
