#include "sartor/pipeline/publish.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "sartor/base/checksum.h"
#include "sartor/base/fields_json.h"
#include "sartor/data/catalogue.h"
#include "sartor/features/item_features.h"
#include "sartor/pipeline/run_trials.h"
#include "sartor/store/folder.h"

namespace sartor {
namespace {

namespace fs = std::filesystem;

// Who is served by what: general, and the promoted segments' own models.
struct Routes {
  Json json;
  std::set<std::string> models;  // folders that the bundle needs
};

void need(const FittedBlend& blend, Routes& routes) {
  routes.models.insert(blend.name);
  routes.models.insert(blend.models.begin(), blend.models.end());
}

Routes make_routes(const RunFacts& facts) {
  Routes routes;
  Json segments = Json::array();
  const PartitionRecipe& recipe = (*facts.tried)[facts.chosen];
  for (const FittedBlend& blend : facts.backtest->fitted) {
    if (blend.segment.empty()) need(blend, routes);
  }
  for (std::size_t s = 0; s < recipe.segments.size(); ++s) {
    const SegmentVerdict& verdict = facts.verdict->result.segments[s];
    Json route = {{"name", recipe.segments[s].segment},
                  {"route", "general"},
                  {"model", "general"},
                  {"reason", verdict.reason}};
    for (const FittedBlend& blend : facts.backtest->fitted) {
      if (!verdict.adapted || blend.segment != recipe.segments[s].segment) continue;
      route["route"] = fmt::format("{}/{}", recipe.segments[s].adaptation, s + 1);
      route["model"] = blend.name;
      route["candidate"] = recipe.segments[s].candidate;
      need(blend, routes);
    }
    segments.push_back(std::move(route));
  }
  routes.json = {
      {"repeat", facts.config->signal.repeat}, {"general", "general"}, {"segments", segments}};
  return routes;
}

Status copy_models(const std::string& from, const std::set<std::string>& models,
                   const StagedFolder& folder) {
  for (const std::string& model : models) {
    for (const char* file : {"model.json", "weights.safetensors"}) {
      SARTOR_ASSIGN(const std::string place, folder.place("models/" + model + "/" + file));
      std::error_code error;
      fs::copy_file(from + "/" + model + "/" + file, place, error);
      if (error)
        return Error{ErrorCode::io,
                     fmt::format("{}/{}/{}: cannot copy: {}", from, model, file, error.message())};
    }
  }
  return {};
}

Status add_catalogue(const RunFacts& facts, const StagedFolder& folder,
                     const Resources& resources) {
  const Project& project = *facts.project;
  const Embedding* embedding = facts.segments->embedding ? &*facts.segments->embedding : nullptr;
  const FeatureRequest request = feature_request(*facts.config, facts.segments->leaks());
  SARTOR_ASSIGN(const Table features,
                project.features(Origin::everything, *facts.config, request, embedding, resources));
  SARTOR_ASSIGN(const FeatureSpace space,
                feature_space(project.data(), facts.config->features, request));
  Table items_known = project.data().item_attributes;
  items_known.rows = project.data().items.size();
  for (Column& column :
       item_features(project.data(), space, project.at(Origin::everything).history.as_of()).columns)
    items_known.columns.push_back(std::move(column));
  SARTOR_ASSIGN(const std::string users, folder.place("users.safetensors"));
  SARTOR_ASSIGN(const std::string items, folder.place("items.safetensors"));
  SARTOR_TRY(write_catalogue({.users = &project.data().users,
                              .items = &project.data().items,
                              .history = &project.at(Origin::everything).history,
                              .user_features = &features,
                              .item_attributes = &items_known},
                             users, items));
  TensorFile space_file;
  SARTOR_TRY(save_feature_space(space, space_file));
  SARTOR_TRY(folder.add("features.safetensors", space_file.to_bytes()));
  if (embedding == nullptr) return {};
  TensorFile embedding_file;
  SARTOR_TRY(embedding->save(embedding_file));
  return folder.add("embedding.safetensors", embedding_file.to_bytes());
}

Status add_evidence(const RunFacts& facts, const StagedFolder& folder, const Resources& resources) {
  const Verdict& verdict = *facts.verdict;
  SARTOR_TRY(
      folder.add("evidence/decisions.jsonl", decisions_jsonl(verdict.input, verdict.result)));
  if (!verdict.control_input.segments.empty()) {
    SARTOR_TRY(folder.add("evidence/control.jsonl",
                          decisions_jsonl(verdict.control_input, verdict.control_result)));
  }
  std::vector<const PartitionRecipe*> recipes;
  for (const PartitionRecipe& recipe : *facts.tried) recipes.push_back(&recipe);
  recipes.push_back(facts.control);
  recipes.insert(recipes.end(), facts.over_blend.begin(), facts.over_blend.end());
  SARTOR_TRY(folder.add("evidence/trials.log",
                        trial_journal(*facts.general, recipes, {}, facts.general->plan)));
  SARTOR_ASSIGN(const std::string per_user, folder.place("evidence/per_user.parquet"));
  return write_per_user(verdict, per_user, resources);
}

}  // namespace

Json bundle_config(const Config& config) {
  Json json = config_json(config);
  json.erase("serve");
  json.erase("state");
  return json;
}

std::string bundle_version(const RunFacts& facts, const std::string& build) {
  return Fingerprint()
      .add(build)
      .add(json_text(bundle_config(*facts.config)))
      .add(facts.project->data().fingerprint)
      .add(facts.segments->segmentations[facts.chosen].segmentation)
      .add(std::int64_t{facts.verdict->result.looks})
      .add(static_cast<std::int64_t>(facts.events_next))
      .text()
      .substr(0, 12);
}

Result<Published> publish_bundle(const PublishInput& input, const std::string& version,
                                 const Resources& resources) {
  const RunFacts& facts = input.facts;
  const Published published{input.bundles + "/" + version, version};
  if (!verify_folder(published.path)) {
    std::error_code ignored;
    fs::remove_all(published.path, ignored);  // damaged: made anew
    SARTOR_ASSIGN(StagedFolder folder, StagedFolder::make(published.path));
    const Routes routes = make_routes(facts);
    SARTOR_TRY(copy_models(input.models, routes.models, folder));
    SARTOR_TRY(folder.add("segmentation.json",
                          facts.segments->segmentations[facts.chosen].segmentation + "\n"));
    SARTOR_TRY(folder.add("routes.json", json_text(routes.json, 2) + "\n"));
    SARTOR_TRY(add_catalogue(facts, folder, resources));
    SARTOR_TRY(add_evidence(facts, folder, resources));
    SARTOR_TRY(folder.add("report.html", input.report));
    SARTOR_TRY(folder.publish({{"format_version", 1},
                               {"sartor_version", SARTOR_VERSION},
                               {"model_version", version},
                               {"metric", facts.config->gate.metric},
                               {"events_next", facts.events_next},
                               {"erased", facts.erased},
                               {"data", sha256(facts.project->data().fingerprint)},
                               {"config", bundle_config(*facts.config)}}));
  }
  SARTOR_TRY(switch_current(input.bundles, version));
  return published;
}

}  // namespace sartor
