#include "sartor/pipeline/versions.h"

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "sartor/base/files.h"
#include "sartor/data/catalogue.h"
#include "sartor/store/folder.h"

namespace sartor {
namespace {

constexpr const char* kVersion = "version";  // in segmentation.json

// Positions of the clusters: rules are before them, `everyone else` is behind.
std::vector<std::size_t> cluster_places(const Segmentation& segmentation) {
  std::vector<std::size_t> places;
  for (std::size_t c = 0; c < segmentation.clusters(); ++c)
    places.push_back(segmentation.rules() + c);
  return places;
}

Migration part_of(const Migration& whole, const std::vector<std::size_t>& rows,
                  const std::vector<std::size_t>& columns) {
  Migration part{{}, {}, Matrix<std::size_t>(rows.size(), columns.size())};
  for (const std::size_t row : rows) part.before.push_back(whole.before[row]);
  for (const std::size_t column : columns) part.after.push_back(whole.after[column]);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (std::size_t c = 0; c < columns.size(); ++c)
      part.users(r, c) = whole.users(rows[r], columns[c]);
  }
  return part;
}

Result<Segmentation> read_segmentation(const std::string& text) {
  return Segmentation::from_json(parse_json(text));
}

// Every name in the documents of a segmentation, old -> new at once: names may change places.
void rename_in_documents(const std::map<std::string, std::string>& names,
                         FittedSegmentation& fitted) {
  const auto rename = [&](Json& name) {
    const auto found = names.find(name.get<std::string>());
    if (found != names.end()) name = found->second;
  };
  Json profiles = parse_json(fitted.profiles);
  for (Json& profile : profiles) {
    const std::string before = profile.at("segment");
    rename(profile.at("segment"));
    const std::string sentence = profile.value("sentence", "");
    if (sentence.starts_with(before + ":"))
      profile["sentence"] =
          profile.at("segment").get<std::string>() + sentence.substr(before.size());
  }
  fitted.profiles = json_text(profiles);
  Json stability = parse_json(fitted.stability);
  if (!stability.is_null()) {
    Json jaccard = Json::object();
    for (const auto& [name, value] : stability.at("jaccard").items()) {
      const auto found = names.find(name);
      jaccard[found == names.end() ? name : found->second] = value;
    }
    stability["jaccard"] = std::move(jaccard);
    fitted.stability = json_text(stability);
  }
  Json map = parse_json(fitted.map);
  for (Json& point : map.at("points")) rename(point.at("segment"));
  fitted.map = json_text(map);
}

}  // namespace

Result<std::optional<OldVersion>> read_old_version(const std::string& bundles) {
  const auto current = read_link(bundles + "/current");
  if (!current) return std::optional<OldVersion>();
  const std::string folder = bundles + "/current";
  SARTOR_ASSIGN(const std::string text, read_file(folder + "/segmentation.json"));
  SARTOR_ASSIGN(const Segmentation segmentation, read_segmentation(text));
  SARTOR_ASSIGN(const Catalogue catalogue,
                Catalogue::open(folder + "/users.safetensors", folder + "/items.safetensors"));
  OldVersion old{.bundle = std::filesystem::path(*current).filename().string(),
                 .name = segmentation.name(),
                 .segments = segmentation.names(),
                 .users = catalogue.users()};
  Json json = parse_json(text);
  old.number = json.value(kVersion, 1);
  json.erase(kVersion);
  old.segmentation = json_text(json);
  SARTOR_ASSIGN(old.of_user, segmentation.assign(catalogue.user_features()));
  return std::optional(std::move(old));
}

Result<Migration> migration_from(const OldVersion& old, const Vocabulary& users,
                                 const PartitionInTime& now) {
  const auto& of_user = now.of_user[static_cast<std::size_t>(Origin::everything)];
  std::vector<std::uint32_t> before, after;
  for (std::size_t u = 0; u < users.size(); ++u) {
    const std::uint32_t there = old.users.find(users.name(u));
    if (there == Vocabulary::kNone) continue;
    before.push_back(old.of_user[there]);
    after.push_back(of_user[u]);
  }
  return migration(before, after, old.segments, now.segments);
}

Status continue_version(const OldVersion& old, const Vocabulary& users,
                        FittedSegmentation& fitted) {
  if (fitted.partition.name != old.name) return {};
  SARTOR_ASSIGN(Segmentation segmentation, read_segmentation(fitted.segmentation));
  SARTOR_ASSIGN(const Segmentation before, read_segmentation(old.segmentation));
  SARTOR_ASSIGN(const Migration moved, migration_from(old, users, fitted.partition));
  const auto places = cluster_places(segmentation);
  const auto names = names_that_persist(part_of(moved, cluster_places(before), places), {});
  std::map<std::string, std::string> renamed;
  std::vector<std::string> all = segmentation.names();
  for (std::size_t c = 0; c < places.size(); ++c) {
    renamed[all[places[c]]] = names[c];
    all[places[c]] = names[c];
  }
  SARTOR_TRY(segmentation.rename(all));
  fitted.partition.segments = all;
  rename_in_documents(renamed, fitted);
  Json json = segmentation.to_json();
  json[kVersion] = json_text(json) == old.segmentation ? old.number : old.number + 1;
  fitted.segmentation = json_text(json, 1);
  return {};
}

Result<Json> migration_summary(const OldVersion& old, const Vocabulary& users,
                               const PartitionInTime& now) {
  SARTOR_ASSIGN(const Migration moved, migration_from(old, users, now));
  Json json = {{"bundle", old.bundle},
               {"segmentation", old.name},
               {"version", old.number},
               {"users_left", old.users.size() - moved.total()},
               {"users_new", users.size() - moved.total()}};
  json.update(migration_json(moved));
  return json;
}

}  // namespace sartor
