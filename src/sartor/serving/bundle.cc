#include "sartor/serving/bundle.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "sartor/base/files.h"
#include "sartor/models/registry.h"
#include "sartor/store/folder.h"

namespace sartor {
namespace {

namespace fs = std::filesystem;

Error bad(const std::string& message) { return {ErrorCode::bad_data, message}; }

Result<Json> read_json(const std::string& path) {
  SARTOR_ASSIGN(const std::string text, read_file(path));
  Json json = parse_json(text);
  if (!json.is_object()) return bad(path + ": is not a JSON object");
  return json;
}

std::string text_in(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

struct Loaded {
  ModelMap models;
  std::map<std::string, std::string> failures;  // why a folder's model could not be loaded
};

void load_one(const std::string& root, const std::string& name, const ModelMap& components,
              Loaded& loaded) {
  auto model = load_model(root + "/" + name, components);
  if (model) {
    loaded.models.emplace(name, std::move(*model));
  } else {
    loaded.failures.emplace(name, model.error().message);
  }
}

// Everything under models/: first what stands alone, then re-rankers, then blends, for these name
// the others.
Result<Loaded> load_models(const std::string& root) {
  std::vector<std::string> alone, rerankers, blends;
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(root, error)) {
    if (entry.path().filename() != "model.json") continue;
    const std::string folder = entry.path().parent_path().string();
    const std::string name = fs::path(folder).lexically_relative(root).string();
    const auto json = read_json(entry.path().string());
    const std::string family = json ? text_in(*json, "family") : "";
    (family == "blend" ? blends : family == "rerank" ? rerankers : alone).push_back(name);
  }
  if (error) return Error{ErrorCode::io, fmt::format("{}: {}", root, error.message())};
  Loaded loaded;
  for (const auto* names : {&alone, &rerankers, &blends}) {
    const ModelMap known = loaded.models;
    for (const std::string& name : *names) load_one(root, name, known, loaded);
  }
  return loaded;
}

// Why `name` is not in `loaded`.
std::string absence(const Loaded& loaded, const std::string& name) {
  const auto failure = loaded.failures.find(name);
  return failure != loaded.failures.end() ? failure->second : "models/" + name + ": is not there";
}

Status read_segments(const Json& routes, const Loaded& loaded, Bundle& bundle) {
  const std::string general = text_in(routes, "general");
  const auto segments = routes.find("segments");
  if (general.empty() || segments == routes.end() || !segments->is_array()) {
    return bad("routes.json: expected \"general\" and a list \"segments\"");
  }
  const auto found = loaded.models.find(general);
  if (found == loaded.models.end()) return bad(absence(loaded, general));
  bundle.general = found->second;
  bundle.info.general = general;
  const auto& names = bundle.segmentation.names();
  for (const std::string& name : names) bundle.info.segments.push_back({name, "general", general});
  bundle.segment_models.assign(names.size(), bundle.general);
  for (const Json& row : *segments) {
    const std::string name = row.is_object() ? text_in(row, "name") : "";
    const auto at = std::find(names.begin(), names.end(), name);
    if (at == names.end()) return bad(fmt::format("routes.json: no segment '{}'", name));
    const auto s = static_cast<std::size_t>(at - names.begin());
    SegmentInfo& info = bundle.info.segments[s];
    info.route = text_in(row, "route");
    info.model = text_in(row, "model");
    const auto model = loaded.models.find(info.model);
    const bool usable = model != loaded.models.end();
    bundle.segment_models[s] = usable ? model->second : nullptr;
    if (!usable) info.unavailable = absence(loaded, info.model);
  }
  return {};
}

Status count_users(Bundle& bundle) {
  SARTOR_ASSIGN(bundle.user_segment, bundle.segmentation.assign(bundle.catalogue.user_features()));
  for (const std::uint32_t segment : bundle.user_segment) ++bundle.info.segments[segment].users;
  return {};
}

void find_similar(Bundle& bundle) {
  for (const char* family : {"item_knn", "ease"}) {
    for (const auto& [name, model] : bundle.models) {
      if (bundle.similar == nullptr && model->family() == family) {
        bundle.similar = model;
        bundle.similar_name = name;
      }
    }
  }
}

// Who takes an item several times counts once.
void count_takers(Bundle& bundle) {
  const std::size_t users = bundle.catalogue.users().size();
  bundle.takers.assign(bundle.catalogue.items().size(), 0);
  std::vector<std::uint32_t> counted_for(bundle.takers.size(), Vocabulary::kNone);
  for (std::uint32_t user = 0; user < users; ++user) {
    for (const Interaction& taken : bundle.catalogue.history_of(UserId{user})) {
      const std::size_t item = taken.item.index();
      if (std::exchange(counted_for[item], user) != user) ++bundle.takers[item];
    }
  }
}

Status read_parts(const std::string& folder, Bundle& bundle) {
  SARTOR_ASSIGN(bundle.catalogue,
                Catalogue::open(folder + "/users.safetensors", folder + "/items.safetensors"));
  SARTOR_ASSIGN(const TensorFile space, TensorFile::map(folder + "/features.safetensors"));
  SARTOR_ASSIGN(bundle.space, load_feature_space(space));
  if (fs::exists(folder + "/embedding.safetensors")) {
    SARTOR_ASSIGN(const TensorFile vectors, TensorFile::map(folder + "/embedding.safetensors"));
    SARTOR_ASSIGN(bundle.embedding, Embedding::load(vectors));
  }
  SARTOR_ASSIGN(const Json segmentation, read_json(folder + "/segmentation.json"));
  SARTOR_ASSIGN(bundle.segmentation, Segmentation::from_json(segmentation));
  SARTOR_ASSIGN(const Json routes, read_json(folder + "/routes.json"));
  bundle.repeat = routes.value("repeat", Json(false)) == Json(true);
  SARTOR_ASSIGN(Loaded loaded, load_models(folder + "/models"));
  SARTOR_TRY(read_segments(routes, loaded, bundle));
  bundle.models = std::move(loaded.models);
  find_similar(bundle);
  count_takers(bundle);
  return count_users(bundle);
}

// What counts as a success, as the run was told; every event where the manifest does not say.
void read_signal(const Json& manifest, Bundle& bundle) {
  const Json signal = manifest.value("config", Json::object()).value("signal", Json::object());
  if (std::string text = text_in(signal, "positive"); !text.empty()) bundle.positive = text;
  if (std::string text = text_in(signal, "weight"); !text.empty()) bundle.weight = text;
}

}  // namespace

Result<std::unique_ptr<const Bundle>> load_bundle(const std::string& folder) {
  std::error_code error;
  const fs::path real = fs::canonical(folder, error);  // `current` may be switched meanwhile
  if (error) return Error{ErrorCode::not_found, fmt::format("{}: {}", folder, error.message())};
  const std::string path = real.string();
  SARTOR_TRY(verify_folder(path));
  SARTOR_ASSIGN(const Json manifest, read_manifest(path));
  auto bundle = std::make_unique<Bundle>();
  bundle->info.path = path;
  bundle->info.model_version = text_in(manifest, "model_version");
  bundle->info.sartor_version = text_in(manifest, "sartor_version");
  bundle->info.metric = text_in(manifest, "metric");
  if (const auto next = manifest.find("events_next");
      next != manifest.end() && next->is_number_unsigned()) {
    bundle->info.events_next = next->get<std::uint64_t>();
  }
  if (const auto erased = manifest.find("erased");
      erased != manifest.end() && erased->is_number_unsigned()) {
    bundle->info.erased = erased->get<std::size_t>();
  }
  // WORKSPACE/bundles/VERSION.
  SARTOR_ASSIGN(Erasures erasures, Erasures::beside(real.parent_path().string()));
  bundle->erasures = std::make_shared<const Erasures>(std::move(erasures));
  read_signal(manifest, *bundle);
  if (manifest.value("format_version", Json()) != Json(1)) {
    return bad(path + "/manifest.json: expected \"format_version\": 1");
  }
  if (Status read = read_parts(path, *bundle); !read) {
    // Whatever is wrong with a published bundle is wrong with its data: nobody's config is at
    // fault.
    return within(path, Error{ErrorCode::bad_data, read.error().message});
  }
  bundle->info.as_of = bundle->catalogue.as_of();
  bundle->info.users = bundle->catalogue.users().size();
  bundle->info.items = bundle->catalogue.items().size();
  bundle->info.eligible_items = bundle->catalogue.eligible().size();
  for (const auto& [name, model] : bundle->models) {
    bundle->info.models.emplace_back(name, std::string(model->family()));
  }
  return std::unique_ptr<const Bundle>(std::move(bundle));
}

}  // namespace sartor
