#include "sartor/serving/test_bundle.h"

#include <fmt/core.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "sartor/data/catalogue.h"
#include "sartor/features/user_features.h"
#include "sartor/models/blend.h"
#include "sartor/models/item_knn.h"
#include "sartor/models/own_history.h"
#include "sartor/models/popularity.h"
#include "sartor/models/registry.h"
#include "sartor/segments/segmentation.h"

namespace sartor {
namespace {

constexpr std::uint32_t kUsers = 40;
constexpr std::uint32_t kPerTaste = 6;
const Time kBundleTime = 100 * kDay;

Table attributes(const Vocabulary& items) {
  const std::vector<std::uint32_t> missing(items.size(), Column::kMissing);
  Column text{.name = "text", .is_text = true, .codes = missing, .words = {"Green <tea>"}};
  text.codes[items.find("tea-0")] = 0;
  Column category{.name = "category", .is_text = true, .codes = missing};
  category.words = {"coffee", "tea"};
  Column tags{.name = "tags", .is_text = true, .codes = missing};
  tags.words = {"hot", "hot| black", "hot| green"};
  Column price{.name = "price", .numbers = std::vector<double>(items.size(), NAN)};
  for (std::uint32_t i = 0; i < kPerTaste; ++i) {
    const std::uint32_t tea = items.find("tea-0") + i;
    category.codes[i] = 0;
    category.codes[tea] = 1;
    tags.codes[i] = 0;
    tags.codes[tea] = 1 + i % 2;
    price.numbers[i] = 1 + i;
    price.numbers[tea] = 11 + i;
  }
  return {.rows = items.size(), .columns = {text, category, tags, price}};
}

Dataset shop() {
  std::vector<std::string> users;
  for (std::uint32_t u = 0; u < kUsers; ++u) users.push_back(fmt::format("{:03}", u));
  users.emplace_back("new");
  std::vector<std::string> items;
  for (std::uint32_t i = 0; i < kPerTaste; ++i) items.push_back(fmt::format("coffee-{}", i));
  items.emplace_back("late");
  for (std::uint32_t i = 0; i < kPerTaste; ++i) items.push_back(fmt::format("tea-{}", i));
  Dataset data{.users = Vocabulary(users), .items = Vocabulary(items), .types = {"purchase"}};
  Events& events = data.events;
  events.context = {{.name = "device", .is_text = true, .words = {"phone", "tablet"}}};
  const auto add = [&](std::uint32_t user, std::uint32_t item, Time time) {
    events.user.push_back(UserId{user});
    events.item.push_back(ItemId{item});
    events.time.push_back(time);
    events.type.push_back(0);
    events.value.push_back(1);
    events.dwell_seconds.push_back(NAN);
    events.group.push_back(static_cast<std::uint32_t>(events.group.size()));
    events.weight.push_back(1);
    events.context[0].codes.push_back(0);
  };
  for (std::uint32_t i = 0; i < kPerTaste; ++i) {
    for (std::uint32_t u = 0; u < kUsers; ++u) {
      if (u % kPerTaste == i) continue;
      const std::uint32_t item = u % 2 == 0 ? data.items.find("tea-0") + i : i;
      add(u, item, (40 + 10 * i) * kDay + u);
    }
  }
  add(0, data.items.find("late"), kBundleTime + kDay);
  data.item_attributes = attributes(data.items);
  return data;
}

Status add_models(const StagedFolder& folder, const InteractionLog& log, const History& history) {
  const FitInput input{.history = &history};
  std::vector<ItemId> eligible;
  for (std::uint32_t i = 0; i < log.items; ++i) {
    if (history.seen(ItemId{i})) eligible.push_back(ItemId{i});
  }
  ModelMap models;
  SARTOR_ASSIGN(models["popularity"], fit_popularity(input, {}, {}));
  SARTOR_ASSIGN(models["item_knn"], fit_item_knn(input, {.shrinkage = 1}, {}));
  SARTOR_ASSIGN(models["own_history"], fit_own_history(input, {}, {}));
  const BlendConfig general{{{.component = "popularity"}, {.component = "item_knn"}}};
  const BlendConfig loyal{{{.component = "item_knn"}, {.component = "own_history", .weight = 2}}};
  SARTOR_ASSIGN(const ModelPtr general_blend, make_blend(models, general, eligible));
  SARTOR_ASSIGN(const ModelPtr loyal_blend, make_blend(models, loyal, eligible));
  models["general"] = general_blend;
  models["loyal"] = loyal_blend;
  for (const auto& [name, model] : models) {
    SARTOR_TRY(save_model(*model, folder.path() + "/models/" + name));
  }
  return {};
}

class Sleeper final : public Model {
 public:
  std::string_view family() const override { return "sleeper"; }
  void score(const Query& query, std::span<float> out) const override {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!query.is_late() && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    std::fill(out.begin(), out.end(), 1e9f);
  }
  Status save(TensorFile&) const override { return {}; }
};

Json routes_of(const TestBundleOptions& options) {
  Json routes{{"repeat", options.repeat}, {"general", "general"}};
  routes["segments"] = Json::array();
  routes["segments"].push_back({{"name", "tablets"}, {"route", "blended/1"}, {"model", "tablets"}});
  routes["segments"].push_back({{"name", "loyal"}, {"route", "blended/2"}, {"model", "loyal"}});
  if (options.change_routes) options.change_routes(routes);
  return routes;
}

}  // namespace

Result<std::shared_ptr<Recommender>> open_changed(const std::string& folder,
                                                  const std::function<void(Bundle&)>& change) {
  SARTOR_ASSIGN(auto loaded, load_bundle(folder));
  std::unique_ptr<Bundle> bundle(const_cast<Bundle*>(loaded.release()));  // nobody has it yet
  change(*bundle);
  return Recommender::of(std::move(bundle));
}

ModelPtr sleeping_model() { return std::make_shared<Sleeper>(); }

Status write_test_bundle(const std::string& folder, const TestBundleOptions& options) {
  std::filesystem::remove_all(folder);
  SARTOR_ASSIGN(StagedFolder staged, StagedFolder::make(folder));
  const Dataset data = shop();
  const InteractionLog log = interaction_log(data);
  const History history(log, kBundleTime);
  SARTOR_ASSIGN(const FeatureSpace space,
                feature_space(data, options.features, options.request, kBundleTime));
  SARTOR_ASSIGN(const Table features,
                user_features(data, events_by_user(data), space, kBundleTime, {}));
  std::vector<std::uint32_t> rows(features.rows);
  for (std::uint32_t r = 0; r < rows.size(); ++r) rows[r] = r;
  const SegmentationConfig config{.name = "test",
                                  .rules = {{"tablets", "context.device = 'tablet'"},
                                            {"loyal", "events >= 4"},
                                            {"newcomers", "events = 0"}}};
  SARTOR_ASSIGN(const Segmentation segmentation, fit_segmentation(config, features, rows, 1, {}));

  SARTOR_TRY(write_catalogue({&data.users, &data.items, &history, &features, &data.item_attributes},
                             staged.path() + "/users.safetensors",
                             staged.path() + "/items.safetensors"));
  TensorFile space_file;
  SARTOR_TRY(save_feature_space(space, space_file));
  SARTOR_TRY(staged.add("features.safetensors", space_file.to_bytes()));
  SARTOR_TRY(staged.add("segmentation.json", json_text(segmentation.to_json())));
  SARTOR_TRY(add_models(staged, log, history));
  SARTOR_TRY(staged.add("routes.json", json_text(routes_of(options))));
  SARTOR_TRY(staged.add("report.html", "<!doctype html><title>Report</title>"));
  if (options.change) options.change(staged);
  return staged.publish({{"format_version", 1},
                         {"sartor_version", "0.1.0"},
                         {"model_version", options.version},
                         {"erased", options.erased},
                         {"metric", "ndcg@10"}});
}

}  // namespace sartor
