// The table of model families, and models as folders.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "sartor/base/json.h"
#include "sartor/models/model.h"

namespace sartor {

struct Family {
  std::string_view name;
  std::string_view help;
  // Its parameters: [{"name", "default", "low", "high", "scale", "help"}, …].
  Json (*fields)();
  // Reads and checks the config, {} for the defaults; null for `blend` and `rerank`, which are
  // made from fitted components (blend.h, rerank.h). Fails with `config` or as the family's own
  // fit.
  Result<ModelPtr> (*fit)(const FitInput& input, const Json& config, const Resources& resources);
  Result<ModelPtr> (*load)(const TensorFile& file, const ModelMap& components);
};

std::span<const Family> families();

// Fails with `config`, naming the nearest family.
Result<const Family*> find_family(std::string_view name);

// Writes `folder`/model.json ({"format", "family", "config"}, for people) and weights.safetensors,
// making the folder. A blend names its components and does not write them: the caller saves each
// under its own name, once.
Status save_model(const Model& model, const std::string& folder);

// Maps what save_model wrote. `components` are those that a blend names. Fails with `not_found`,
// `io` or `bad_data`, naming the folder.
Result<ModelPtr> load_model(const std::string& folder, const ModelMap& components = {});

// The model of a TensorFile that Model::save filled.
Result<ModelPtr> model_from(const TensorFile& file, const ModelMap& components = {});

}  // namespace sartor
