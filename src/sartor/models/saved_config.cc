#include "sartor/models/saved_config.h"

#include <nlohmann/json.hpp>

namespace sartor {

Result<ConfigNode> saved_config(const TensorFile& file, std::string_view family) {
  SARTOR_ASSIGN(const std::string found, file.meta("family"));
  if (found != family) {
    return Error{ErrorCode::bad_data,
                 fmt::format("a model of family '{}' where '{}' was expected", found, family)};
  }
  SARTOR_ASSIGN(const std::string text, file.meta("config"));
  return node_from_json(parse_json(text));
}

}  // namespace sartor
