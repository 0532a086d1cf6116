#include "sartor/pipeline/segment_step.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "sartor/base/fields_json.h"
#include "sartor/segments/profile.h"
#include "sartor/segments/stability.h"

namespace sartor {
namespace {

constexpr std::size_t kMapUsers = 1500;
constexpr int kStabilityDraws = 5;
constexpr double kDaysForSeasons = 330;

// Users with an event before the moment.
std::vector<std::uint32_t> known_users(const Project& project, Origin origin) {
  const Time as_of = project.at(origin).history.as_of();
  const Events& events = project.data().events;
  std::vector<std::uint32_t> known;
  for (std::uint32_t u = 0; u < project.data().users.size(); ++u) {
    const auto rows = project.events_by_user().of(UserId{u});
    if (!rows.empty() && events.time[rows.front()] < as_of) known.push_back(u);
  }
  return known;
}

Result<std::string> stability_json(const Segmentation& made, const Table& features,
                                   const std::vector<std::uint32_t>& known, std::uint64_t seed,
                                   const Resources& resources) {
  if (made.clusters() == 0) return std::string("null");
  SARTOR_ASSIGN(const auto assigned, made.assign(features));
  std::vector<std::uint32_t> clustered;
  for (const std::uint32_t user : known) {
    if (assigned[user] >= made.rules() && assigned[user] < made.rules() + made.clusters())
      clustered.push_back(user);
  }
  SARTOR_ASSIGN(const Matrix<float> points, made.scaler().transform(features, clustered));
  SARTOR_ASSIGN(const Stability stability,
                cluster_stability(points.view(), made.centres(), kStabilityDraws, seed, resources,
                                  made.fit_again(resources)));
  Json jaccard = Json::object();
  for (std::size_t c = 0; c < stability.jaccard.size(); ++c)
    jaccard[made.names()[made.rules() + c]] = stability.jaccard[c];
  return json_text(Json{{"ari", stability.ari}, {"jaccard", jaccard}});
}

std::string map_json(const UserMap& map, const std::vector<std::uint32_t>& assigned,
                     const std::vector<std::string>& names) {
  Json points = Json::array();
  for (std::size_t i = 0; i < map.x.size(); ++i) {
    points.push_back({{"x", map.x[i]}, {"y", map.y[i]}, {"segment", names[assigned[map.row[i]]]}});
  }
  return json_text(Json{{"points", points}, {"explained", {map.explained[0], map.explained[1]}}});
}

// Against who has a success in each of the windows: none of them may be told by what is known at
// the start of the first.
std::vector<LeftOutFeature> screened(const Project& project, const Table& features,
                                     const std::vector<std::uint32_t>& known) {
  std::vector<std::string> given;
  for (const Column& column : project.data().user_attributes.columns)
    given.push_back(attribute_feature(column.name));
  std::vector<CameBack> windows;
  for (std::size_t o = 0; o < kWindows; ++o) {
    CameBack window{kOriginNames[o], std::vector<std::uint8_t>(features.rows)};
    const Window& span = project.at(static_cast<Origin>(o)).window;
    for (std::uint32_t u = 0; u < project.log().users; ++u) {
      const auto rows = project.log().rows.begin();
      const auto begin = rows + static_cast<std::ptrdiff_t>(project.log().begin[u]);
      const auto end = rows + static_cast<std::ptrdiff_t>(project.log().begin[u + 1]);
      window.of_row[u] = std::any_of(begin, end, [&](const Interaction& row) {
        return row.time >= span.from && row.time < span.until;
      });
    }
    windows.push_back(std::move(window));
  }
  return screen_features(features, known, given, windows);
}

// Share of a window's users who are elsewhere once it is over.
double moved_share(const Cases& cases, const std::vector<std::uint32_t>& before,
                   const std::vector<std::uint32_t>& after) {
  const std::vector<UserId> users = distinct_users(cases);
  std::size_t moved = 0;
  for (const UserId user : users) moved += before[user.index()] != after[user.index()];
  return users.empty() ? 0 : static_cast<double>(moved) / static_cast<double>(users.size());
}

// Whether any name of `made` is that of a configured segmentation or rule.
bool has_taken_names(const SegmentationConfig& made, const Config& config) {
  std::set<std::string> taken;
  for (const SegmentationConfig& one : config.segments) {
    taken.insert(one.name);
    for (const RuleConfig& rule : one.rules) taken.insert(rule.name);
  }
  return taken.contains(made.name) ||
         std::any_of(made.rules.begin(), made.rules.end(),
                     [&](const RuleConfig& rule) { return taken.contains(rule.name); });
}

// From the first timed event before validate to the end of test.
double days_of_log(const Project& project) {
  const Events& events = project.data().events;
  Time first = project.at(Origin::validate).history.as_of();
  for (const Time time : events.time) {
    if (time != kUntimed && time < first) first = time;
  }
  return days_between(first, project.at(Origin::everything).history.as_of());
}

std::vector<SegmentationConfig> wanted_segmentations(const Project& project, const Config& config) {
  std::vector<SegmentationConfig> wanted = config.segments;
  if (wanted.empty()) wanted.push_back({.name = "everyone"});  // one segment, `everyone else`
  const SegmentationConfig seasons = season_segmentation();
  if (config.tuning.seasons && days_of_log(project) >= kDaysForSeasons &&
      !has_taken_names(seasons, config)) {
    wanted.push_back(seasons);
  }
  return wanted;
}

}  // namespace

std::vector<std::string> SegmentStep::leaks() const {
  std::vector<std::string> names;
  for (const LeftOutFeature& one : left_out) {
    if (one.leak) names.push_back(one.feature);
  }
  return names;
}

SegmentationConfig season_segmentation() {
  SegmentationConfig seasons{.name = "seasons"};
  for (const char* season : {"winter", "spring", "summer", "autumn"}) {
    seasons.rules.push_back(
        {fmt::format("{} shoppers", season), fmt::format("season_taste = '{}'", season)});
  }
  return seasons;
}

Result<SegmentStep> segment_users(const Project& project, const Config& config,
                                  const Resources& listened) {
  SegmentStep step;
  const auto configs = wanted_segmentations(project, config);
  const Resources resources = listened.quietly();
  listened.begin_step("finding segments", configs.size());
  const auto wanting =
      std::find_if(configs.begin(), configs.end(),
                   [](const SegmentationConfig& c) { return c.wants_embedding(); });
  if (wanting != configs.end()) {
    const FitInput input{.history = &project.at(Origin::validate).history};
    SARTOR_ASSIGN(
        step.embedding,
        fit_embedding(input, {.dimensions = wanting->dimensions, .seed = config.tuning.seed},
                      resources));
  }
  std::array<Table, 4> features;
  for (std::size_t o = 0; o < features.size(); ++o) {
    SARTOR_ASSIGN(features[o],
                  project.features(static_cast<Origin>(o), config, feature_request(config, {}),
                                   step.embedding ? &*step.embedding : nullptr, resources));
  }
  const auto known = known_users(project, Origin::validate);
  step.left_out = screened(project, features[0], known);
  for (Table& table : features) blank_columns(step.leaks(), table);
  // Clusters that could not reach min_users in confirm are avoided, at the rate at which known
  // users come back.
  const double come_back = static_cast<double>(project.at(Origin::confirm).fold.size()) /
                           static_cast<double>(std::max<std::size_t>(1, known.size()));
  for (SegmentationConfig one : configs) {
    if (one.min_users == 0 && come_back > 0)
      one.min_users = static_cast<int>(config.gate.min_users / come_back);
    SARTOR_ASSIGN(const Segmentation made,
                  fit_segmentation(one, features[0], known, config.tuning.seed, resources));
    FittedSegmentation fitted{.kind = made.kind(),
                              .segmentation = json_text(made.to_json(), 1),
                              .partition = {.name = one.name, .segments = made.names()},
                              .warnings = made.warnings()};
    for (std::size_t o = 0; o < features.size(); ++o) {
      SARTOR_ASSIGN(fitted.partition.of_user[o], made.assign(features[o]));
    }
    const auto& now = fitted.partition.of_user[0];
    auto profiles = segment_profiles(features[0], known, now, made.names());
    add_items_taken(project.at(Origin::validate).history, known, now, item_labels(project.data()),
                    profiles);
    fitted.profiles = json_text(profiles_json(profiles));
    SARTOR_ASSIGN(fitted.stability,
                  stability_json(made, features[0], known, config.tuning.seed, resources));
    fitted.map = map_json(map_users(features[0], known, kMapUsers), now, made.names());
    fitted.moved_share = moved_share(project.at(Origin::confirm).cases, fitted.partition.of_user[1],
                                     fitted.partition.of_user[2]);
    fitted.unasked = std::none_of(config.segments.begin(), config.segments.end(),
                                  [&](const auto& asked) { return asked.name == one.name; }) &&
                     one.name == season_segmentation().name;
    step.segmentations.push_back(std::move(fitted));
    listened.advance();
  }
  return step;
}

Result<Json> save_segment_step(const SegmentStep& step, const std::string& path) {
  TensorFile file;
  Json list = Json::array();
  for (std::size_t i = 0; i < step.segmentations.size(); ++i) {
    const FittedSegmentation& fitted = step.segmentations[i];
    for (std::size_t o = 0; o < 4; ++o) {
      file.add<std::uint32_t>(fmt::format("segmentation.{}.{}", i, kOriginNames[o]),
                              fitted.partition.of_user[o]);
    }
    list.push_back({{"name", fitted.partition.name},
                    {"segments", fitted.partition.segments},
                    {"kind", fitted.kind},
                    {"segmentation", fitted.segmentation},
                    {"profiles", fitted.profiles},
                    {"stability", fitted.stability},
                    {"map", fitted.map},
                    {"unasked", fitted.unasked},
                    {"moved_share", fitted.moved_share},
                    {"warnings", fitted.warnings}});
  }
  if (step.embedding) SARTOR_TRY(step.embedding->save(file));
  SARTOR_TRY(file.write(path));
  return Json{{"segmentations", list},
              {"embedding", step.embedding.has_value()},
              {"left_out", config_json(step.left_out)}};
}

Result<SegmentStep> load_segment_step(const Json& json, const std::string& path) {
  SARTOR_ASSIGN(const TensorFile file, TensorFile::map(path));
  SegmentStep step;
  SARTOR_TRY(read_config(node_from_json(json.at("left_out")), step.left_out, "left_out"));
  for (const Json& one : json.at("segmentations")) {
    FittedSegmentation fitted{
        .kind = one.at("kind"),
        .segmentation = one.at("segmentation"),
        .partition = {.name = one.at("name"),
                      .segments = one.at("segments").get<std::vector<std::string>>()},
        .profiles = one.at("profiles"),
        .stability = one.at("stability"),
        .map = one.at("map"),
        .unasked = one.at("unasked"),
        .moved_share = one.at("moved_share"),
        .warnings = one.at("warnings").get<std::vector<std::string>>()};
    for (std::size_t o = 0; o < 4; ++o) {
      const std::string name =
          fmt::format("segmentation.{}.{}", step.segmentations.size(), kOriginNames[o]);
      SARTOR_ASSIGN(const auto of_user, file.get<std::uint32_t>(name));
      fitted.partition.of_user[o].assign(of_user.begin(), of_user.end());
    }
    step.segmentations.push_back(std::move(fitted));
  }
  if (json.at("embedding").get<bool>()) {
    SARTOR_ASSIGN(step.embedding, Embedding::load(file));
  }
  return step;
}

}  // namespace sartor
