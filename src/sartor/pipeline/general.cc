#include "sartor/pipeline/general.h"

#include "sartor/base/fields_json.h"

namespace sartor {
namespace {

Json points_json(const FoldPoints& points) {
  Json json = Json::array();
  for (const BlendPoint& point : points) json.push_back(config_json(point));
  return json;
}

Status read_points(const Json& json, FoldPoints& points) {
  for (std::size_t f = 0; f < points.size(); ++f)
    SARTOR_TRY(read_config(node_from_json(json.at(f)), points[f], "points"));
  return {};
}

}  // namespace

RerankPlan rerank_plan(const Project& project, const Config& config, std::vector<Term> shortlist,
                       Trees trees) {
  const Window& validate = project.at(Origin::validate).window;
  const auto space = feature_space(project.data(), config.features);
  return {.terms = std::move(shortlist),
          .candidates = config.models.rerank_candidates,
          .repeat = config.signal.repeat,
          .unit_days = days_between(validate.from, validate.until),
          .category = space ? space->item_category : std::vector<std::uint32_t>(),
          .trees = std::move(trees)};
}

Result<TreeRows> training_rows(const RerankPlan& plan, const OriginView& view, const Config& config,
                               VariantFitter& fitter, const Resources& resources) {
  ModelMap components;
  SARTOR_ASSIGN(const Shortlister shortlister,
                fitter.shortlister(plan, {}, "", components, resources));
  const Cases cases = thinned(view.cases, static_cast<std::size_t>(config.models.rerank_cases));
  return rerank_rows(shortlister, cases, view.history,
                     static_cast<std::size_t>(config.models.rerank_depth), resources);
}

Result<Trees> fit_recent_trees(std::span<const TreeRows> windows, const Config& config,
                               const std::string& what, const Resources& resources) {
  const auto most = static_cast<std::size_t>(config.split.earlier) + 1;
  TreeRows rows;
  for (const TreeRows& window : windows.last(std::min(most, windows.size()))) rows.append(window);
  resources.begin_step(what, static_cast<std::size_t>(config.models.trees.rounds));
  return fit_trees(rows, config.models.trees, resources);
}

Result<Json> save_general(const GeneralTuning& tuning, const std::string& path) {
  Json first = Json::array();
  for (const FoldPoints& of_folds : tuning.first) first.push_back(points_json(of_folds));
  TensorFile file;
  SARTOR_TRY(tuning.trees.save(file));
  for (std::size_t w = 0; w < tuning.rows.size(); ++w) {
    const TreeRows& rows = tuning.rows[w];
    const std::string name = fmt::format("rows.{}.", w);
    const std::uint64_t features[] = {rows.features};
    file.add<std::uint64_t>(name + "features", features);
    file.add<float>(name + "x", rows.x);
    file.add<float>(name + "label", rows.label);
    file.add<std::uint32_t>(name + "in_case",
                            std::vector<std::uint32_t>(rows.in_case.begin(), rows.in_case.end()));
  }
  SARTOR_TRY(file.write(path));
  return Json{{"plan", config_json(tuning.plan)},
              {"recipe", config_json(tuning.recipe)},
              {"points", points_json(tuning.points)},
              {"first", first},
              {"searches", config_json(tuning.searches)},
              {"components", config_json(tuning.components)},
              {"component_ranges", config_json(tuning.component_ranges)},
              {"metrics", tuning.metrics},
              {"tried", config_json(tuning.tried)},
              {"left_out", config_json(tuning.left_out)},
              {"blend", points_json(tuning.blend)},
              {"blend_terms", config_json(tuning.blend_terms)},
              {"blend_validate", tuning.blend_validate},
              {"without_rerank", tuning.without_rerank},
              {"shortlist", config_json(tuning.shortlist)},
              {"notes", tuning.notes},
              {"components_left_out", config_json(tuning.components_left_out)}};
}

Result<GeneralTuning> load_general(const Json& json, const std::string& path) {
  GeneralTuning tuning;
  const auto read = [&](const char* key, auto& out) {
    return read_config(node_from_json(json.at(key)), out, key);
  };
  SARTOR_TRY(read("plan", tuning.plan));
  SARTOR_TRY(read("recipe", tuning.recipe));
  SARTOR_TRY(read("searches", tuning.searches));
  SARTOR_TRY(read("components", tuning.components));
  SARTOR_TRY(read("component_ranges", tuning.component_ranges));
  SARTOR_TRY(read("tried", tuning.tried));
  SARTOR_TRY(read("left_out", tuning.left_out));
  SARTOR_TRY(read("blend_terms", tuning.blend_terms));
  SARTOR_TRY(read("blend_validate", tuning.blend_validate));
  SARTOR_TRY(read_points(json.at("blend"), tuning.blend));
  SARTOR_TRY(read("without_rerank", tuning.without_rerank));
  SARTOR_TRY(read("shortlist", tuning.shortlist));
  SARTOR_TRY(read("components_left_out", tuning.components_left_out));
  tuning.notes = json.at("notes").get<std::vector<std::string>>();
  SARTOR_TRY(read_points(json.at("points"), tuning.points));
  for (const Json& of_folds : json.at("first"))
    SARTOR_TRY(read_points(of_folds, tuning.first.emplace_back()));
  tuning.metrics = json.at("metrics").get<std::map<std::string, double>>();

  SARTOR_ASSIGN(const TensorFile file, TensorFile::map(path));
  SARTOR_ASSIGN(tuning.trees, Trees::load(file));
  for (std::size_t w = 0; file.has(fmt::format("rows.{}.features", w)); ++w) {
    const std::string name = fmt::format("rows.{}.", w);
    SARTOR_ASSIGN(const auto features, file.get<std::uint64_t>(name + "features"));
    SARTOR_ASSIGN(const auto x, file.get<float>(name + "x"));
    SARTOR_ASSIGN(const auto label, file.get<float>(name + "label"));
    SARTOR_ASSIGN(const auto in_case, file.get<std::uint32_t>(name + "in_case"));
    tuning.rows.push_back({.features = features[0],
                           .x = {x.begin(), x.end()},
                           .label = {label.begin(), label.end()},
                           .in_case = {in_case.begin(), in_case.end()}});
  }
  return tuning;
}

}  // namespace sartor
