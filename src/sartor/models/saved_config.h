// A model's family and config in the metadata of its tensors. Include this in .cc files only.
#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>

#include "sartor/base/fields.h"
#include "sartor/store/tensors.h"

namespace sartor {

template <HasFields T>
void save_config(TensorFile& out, const T& config) {
  out.set_meta("family", std::string(T::kFamily));
  out.set_meta("config", json_text(config_node(config)));
}

// What the file says of its model's config. Fails with `bad_data` if it is of another family.
Result<ConfigNode> saved_config(const TensorFile& file, std::string_view family);

// Fails with `bad_data` if the file is of another family or its config cannot be read.
template <HasFields T>
Result<T> load_config(const TensorFile& file) {
  SARTOR_ASSIGN(const ConfigNode node, saved_config(file, T::kFamily));
  T config;
  const Status read = read_config(node, config, "");
  if (!read)
    return Error{ErrorCode::bad_data, fmt::format("{}: {}", T::kFamily, read.error().message)};
  return config;
}

// Checks a config that was made in code the way one that was read is checked.
template <HasFields T>
Status check_config(const T& config, std::string_view family) {
  Status status;
  for_each_field<T>([&](const auto& field) {
    using Value = std::remove_cvref_t<decltype(config.*field.member)>;
    if constexpr (std::is_arithmetic_v<Value> && !std::is_same_v<Value, bool>) {
      const auto value = static_cast<double>(config.*field.member);
      if (status && !(value >= field.low && value <= field.high)) {
        status = Error{ErrorCode::invalid_argument,
                       fmt::format("{}.{}: {} is out of range; expected {} to {}", family,
                                   field.name, value, field.low, field.high)};
      }
    }
  });
  return status;
}

template <HasFields T>
Status check_config(const T& config) {
  return check_config(config, T::kFamily);
}

}  // namespace sartor
