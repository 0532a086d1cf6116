#include "sartor/pipeline/backtest_file.h"

#include <filesystem>
#include <set>

#include "sartor/base/fields_json.h"
#include "sartor/models/registry.h"

namespace sartor {
namespace {

struct NamedWindow {
  const char* name;
  JudgedWindow Backtest::*window;
};
constexpr NamedWindow kJudged[] = {{"validate", &Backtest::validate},
                                   {"confirm", &Backtest::confirm},
                                   {"test", &Backtest::test},
                                   {"control", &Backtest::control},
                                   {"blend_confirm", &Backtest::blend_confirm},
                                   {"blend_test", &Backtest::blend_test},
                                   {"blend_control", &Backtest::blend_control}};

std::span<const std::uint32_t> numbers(const std::vector<UserId>& ids) {
  return {reinterpret_cast<const std::uint32_t*>(ids.data()), ids.size()};
}
std::span<const std::uint32_t> numbers(const std::vector<ItemId>& ids) {
  return {reinterpret_cast<const std::uint32_t*>(ids.data()), ids.size()};
}

template <class Id>
std::vector<Id> ids(std::span<const std::uint32_t> values) {
  std::vector<Id> out;
  for (const std::uint32_t value : values) out.push_back(Id{value});
  return out;
}

void add_values(TensorFile& file, const std::string& prefix, const MetricValues& values) {
  for (const auto& [metric, of_cases] : values) file.add<double>(prefix + metric, of_cases);
}

Json add_window(TensorFile& file, const std::string& name, const JudgedWindow& window) {
  file.add<std::uint32_t>(name + ".users", numbers(window.users));
  file.add<std::uint32_t>(name + ".segment", window.segment);
  file.add<std::uint32_t>(name + ".general_lists", numbers(window.general_lists));
  file.add<std::uint32_t>(name + ".chosen_lists", numbers(window.chosen_lists));
  add_values(file, name + ".general.", window.general);
  add_values(file, name + ".chosen.", window.chosen);
  Json metrics = Json::array();
  for (const auto& [metric, values] : window.general) metrics.push_back(metric);
  return {{"metrics", metrics},
          {"depth", window.depth},
          {"coverage", window.general_coverage},
          {"beyond", window.general_beyond}};
}

Result<JudgedWindow> read_window(const TensorFile& file, const std::string& name,
                                 const Json& json) {
  JudgedWindow window{.depth = json.at("depth").get<std::size_t>(),
                      .general_coverage = json.at("coverage").get<double>(),
                      .general_beyond = json.at("beyond").get<std::string>()};
  SARTOR_ASSIGN(const auto users, file.get<std::uint32_t>(name + ".users"));
  SARTOR_ASSIGN(const auto segment, file.get<std::uint32_t>(name + ".segment"));
  SARTOR_ASSIGN(const auto general_lists, file.get<std::uint32_t>(name + ".general_lists"));
  SARTOR_ASSIGN(const auto chosen_lists, file.get<std::uint32_t>(name + ".chosen_lists"));
  window.users = ids<UserId>(users);
  window.segment.assign(segment.begin(), segment.end());
  window.general_lists = ids<ItemId>(general_lists);
  window.chosen_lists = ids<ItemId>(chosen_lists);
  for (const Json& metric : json.at("metrics")) {
    const std::string text = metric.get<std::string>();
    SARTOR_ASSIGN(const auto general, file.get<double>(name + ".general." + text));
    SARTOR_ASSIGN(const auto chosen, file.get<double>(name + ".chosen." + text));
    window.general[text].assign(general.begin(), general.end());
    window.chosen[text].assign(chosen.begin(), chosen.end());
  }
  return window;
}

Status save_models(const Backtest& backtest, const std::vector<ItemId>& eligible,
                   const std::string& folder) {
  std::set<std::string> saved;
  for (const FittedBlend& blend : backtest.fitted) {
    for (const auto& [name, model] : blend.components) {
      if (saved.insert(name).second) SARTOR_TRY(save_model(*model, folder + "/" + name));
    }
    SARTOR_ASSIGN(const ModelPtr made, make_blend(blend.components, blend.config, eligible));
    SARTOR_TRY(save_model(*made, folder + "/" + blend.name));
  }
  return {};
}

Json terms_json(const std::vector<Term>& terms) { return config_json(terms); }

Result<std::vector<Term>> terms_from(const Json& json) {
  std::vector<Term> terms;
  SARTOR_TRY(read_config(node_from_json(json), terms, "terms"));
  return terms;
}

}  // namespace

Result<Json> save_backtest(const Backtest& backtest, const std::vector<ItemId>& eligible,
                           const std::string& tensors, const std::string& models) {
  std::error_code ignored;
  std::filesystem::remove_all(models, ignored);  // of a run that was killed here
  SARTOR_TRY(save_models(backtest, eligible, models));
  TensorFile file;
  Json json = Json::object();
  for (const NamedWindow& named : kJudged)
    json[named.name] = add_window(file, named.name, backtest.*named.window);
  for (const ComponentScore& score : backtest.components)
    file.add<double>("component." + score.variant.slot, score.of_user);
  SARTOR_TRY(file.write(tensors));
  json["components"] = Json::array();
  for (const ComponentScore& score : backtest.components) {
    json["components"].push_back({{"variant", config_json(score.variant)},
                                  {"weight", score.weight},
                                  {"test", score.test},
                                  {"beyond", score.beyond}});
  }
  json["general_on_test"] = terms_json(backtest.general_on_test);
  json["fitted"] = Json::array();
  for (const FittedBlend& blend : backtest.fitted) {
    json["fitted"].push_back({{"name", blend.name},
                              {"segment", blend.segment},
                              {"terms", terms_json(blend.terms)},
                              {"models", blend.models},
                              {"config", config_json(blend.config)}});
  }
  return json;
}

Result<Backtest> load_backtest(const Json& json, const std::string& tensors) {
  SARTOR_ASSIGN(const TensorFile file, TensorFile::map(tensors));
  Backtest backtest;
  for (const NamedWindow& named : kJudged) {
    SARTOR_ASSIGN(backtest.*named.window, read_window(file, named.name, json.at(named.name)));
  }
  for (const Json& score : json.at("components")) {
    ComponentScore component{.weight = score.at("weight").get<double>(),
                             .test = score.at("test").get<std::map<std::string, double>>(),
                             .beyond = score.at("beyond").get<std::string>()};
    SARTOR_TRY(read_config(node_from_json(score.at("variant")), component.variant, "variant"));
    SARTOR_ASSIGN(const auto of_user, file.get<double>("component." + component.variant.slot));
    component.of_user.assign(of_user.begin(), of_user.end());
    backtest.components.push_back(std::move(component));
  }
  SARTOR_ASSIGN(backtest.general_on_test, terms_from(json.at("general_on_test")));
  for (const Json& fitted : json.at("fitted")) {
    FittedBlend blend{.name = fitted.at("name").get<std::string>(),
                      .segment = fitted.at("segment").get<std::string>(),
                      .models = fitted.at("models").get<std::vector<std::string>>()};
    SARTOR_ASSIGN(blend.terms, terms_from(fitted.at("terms")));
    SARTOR_TRY(read_config(node_from_json(fitted.at("config")), blend.config, "config"));
    backtest.fitted.push_back(std::move(blend));
  }
  return backtest;
}

}  // namespace sartor
