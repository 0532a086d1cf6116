#include "sartor/models/registry.h"

#include <fmt/core.h>

#include <filesystem>

#include "sartor/base/fields_json.h"
#include "sartor/base/files.h"
#include "sartor/models/als.h"
#include "sartor/models/blend.h"
#include "sartor/models/content.h"
#include "sartor/models/context_popularity.h"
#include "sartor/models/covisitation.h"
#include "sartor/models/due_again.h"
#include "sartor/models/ease.h"
#include "sartor/models/item2vec.h"
#include "sartor/models/item_knn.h"
#include "sartor/models/new_items.h"
#include "sartor/models/own_history.h"
#include "sartor/models/popularity.h"
#include "sartor/models/rerank.h"
#include "sartor/models/trend.h"

namespace sartor {
namespace {

constexpr int kFormat = 1;

Json field_row(const char* name, const ConfigNode& value, double low, double high, Scale scale,
               const char* help) {
  constexpr const char* kScales[] = {"fixed", "linear", "log"};
  Json row = Json::object();
  row["name"] = name;
  row["default"] = json_from_node(value);
  if (std::isfinite(low)) row["low"] = low;
  if (std::isfinite(high)) row["high"] = high;
  row["scale"] = kScales[static_cast<int>(scale)];
  row["help"] = help;
  return row;
}

template <HasFields T>
Json fields_of() {
  const T defaults;
  Json out = Json::array();
  for_each_field<T>([&](const auto& field) {
    out.push_back(field_row(field.name, config_node(defaults.*field.member), field.low, field.high,
                            field.scale, field.help));
  });
  return out;
}

// A row of the table from the family's own config and functions.
template <HasFields Config,
          Result<ModelPtr> (*kFit)(const FitInput&, const Config&, const Resources&),
          Result<ModelPtr> (*kLoad)(const TensorFile&)>
constexpr Family family_row(std::string_view help) {
  return {.name = Config::kFamily,
          .help = help,
          .fields = fields_of<Config>,
          .fit = [](const FitInput& input, const Json& json,
                    const Resources& resources) -> Result<ModelPtr> {
            Config config;
            SARTOR_TRY(read_config(node_from_json(json), config, ""));
            return kFit(input, config, resources);
          },
          .load = [](const TensorFile& file, const ModelMap&) { return kLoad(file); }};
}

constexpr Family kFamilies[] = {
    family_row<PopularityConfig, fit_popularity, load_popularity>(
        "what everybody takes, the recent counting more"),
    family_row<TrendConfig, fit_trend, load_trend>("items that are rising"),
    family_row<NewItemsConfig, fit_new_items, load_new_items>(
        "interactions per day since an item was first seen, with a prior"),
    family_row<ContextPopularityConfig, fit_context_popularity, load_context_popularity>(
        "what everybody takes in this context, hour or category"),
    family_row<OwnHistoryConfig, fit_own_history, load_own_history>(
        "what the user took before, the recent counting more"),
    family_row<DueAgainConfig, fit_due_again, load_due_again>(
        "own items by the chance that they are taken again soon"),
    family_row<ItemKnnConfig, fit_item_knn, load_item_knn>(
        "items that the same users take: cosine, BM25, TF-IDF"),
    family_row<CovisitationConfig, fit_covisitation, load_covisitation>(
        "what is taken together or after one another"),
    family_row<EaseConfig, fit_ease, load_ease>(
        "linear item to item model in closed form (Steck 2019)"),
    family_row<AlsConfig, fit_als, load_als>(
        "a vector per user and item by alternating least squares (Hu 2008)"),
    family_row<Item2vecConfig, fit_item2vec, load_item2vec>(
        "items near those of the user's history, by skip-gram vectors (Mikolov 2013)"),
    family_row<ContentConfig, fit_content, load_content>(
        "items whose text, categories and numbers are like what the user took"),
    {.name = BlendConfig::kFamily,
     .help = "weighted sum of standardised components",
     .fields = fields_of<BlendConfig>,
     .fit = nullptr,
     .load = load_blend},
    {.name = RerankConfig::kFamily,
     .help = "a blend's short list, put in order by trees (LambdaMART)",
     .fields = fields_of<RerankConfig>,
     .fit = nullptr,
     .load = load_rerank},
};

}  // namespace

std::span<const Family> families() { return kFamilies; }

Result<const Family*> find_family(std::string_view name) {
  std::vector<std::string> names;
  for (const Family& family : kFamilies) {
    if (family.name == name) return &family;
    names.emplace_back(family.name);
  }
  return Error{ErrorCode::config,
               fmt::format("unknown model family '{}'{}", name, did_you_mean(name, names))};
}

Status save_model(const Model& model, const std::string& folder) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) {
    return Error{ErrorCode::io,
                 fmt::format("{}: cannot make the folder: {}", folder, failed.message())};
  }
  TensorFile file;
  SARTOR_TRY(model.save(file));
  SARTOR_ASSIGN(const std::string config, file.meta("config"));
  const Json json = {
      {"format", kFormat}, {"family", std::string(model.family())}, {"config", parse_json(config)}};
  SARTOR_TRY(file.write(folder + "/weights.safetensors"));
  return write_file(folder + "/model.json", json_text(json, 2) + "\n");
}

Result<ModelPtr> model_from(const TensorFile& file, const ModelMap& components) {
  SARTOR_ASSIGN(const std::string name, file.meta("family"));
  SARTOR_ASSIGN(const Family* family, find_family(name));
  return family->load(file, components);
}

Result<ModelPtr> load_model(const std::string& folder, const ModelMap& components) {
  SARTOR_ASSIGN(const std::string text, read_file(folder + "/model.json"));
  const Json json = parse_json(text);
  if (!json.is_object() || json.value("format", Json()) != Json(kFormat)) {
    return Error{ErrorCode::bad_data,
                 fmt::format("{}/model.json: expected \"format\": {}", folder, kFormat)};
  }
  SARTOR_ASSIGN(const TensorFile file, TensorFile::map(folder + "/weights.safetensors"));
  auto model = model_from(file, components);
  if (!model) return within(folder, model.error());
  if (json.value("family", Json()) != Json(std::string((*model)->family()))) {
    return Error{ErrorCode::bad_data, folder + ": model.json and the weights disagree"};
  }
  return model;
}

}  // namespace sartor
