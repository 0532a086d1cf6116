#include "sartor/pipeline/cache.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "sartor/base/files.h"

namespace sartor {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kKept = 3;

std::string stem_of(const std::string& folder, const std::string& step, const std::string& key) {
  return folder + "/" + step + "." + key;
}

}  // namespace

Result<StepCache> StepCache::open(const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return Error{ErrorCode::io, folder + ": cannot make this folder: " + error.message()};
  StepCache cache;
  cache.folder_ = folder;
  return cache;
}

std::optional<Json> StepCache::find(const std::string& step, const std::string& key) const {
  const auto text = read_file(stem_of(folder_, step, key) + ".json");
  if (!text) return std::nullopt;
  Json json = parse_json(*text);
  if (json.is_discarded()) return std::nullopt;
  return json;
}

Status StepCache::keep(const std::string& step, const std::string& key, const Json& result) const {
  SARTOR_TRY(write_file(stem_of(folder_, step, key) + ".json", json_text(result)));
  // Everything that begins with "<step>.<key>." belongs to one result.
  std::map<std::string, std::vector<fs::path>> results;
  std::vector<std::pair<fs::file_time_type, std::string>> by_age;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder_, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(step + ".")) continue;
    const std::string owner = name.substr(0, name.find('.', step.size() + 1));
    results[owner].push_back(entry.path());
    if (name == owner + ".json") by_age.emplace_back(entry.last_write_time(ignored), owner);
  }
  std::sort(by_age.rbegin(), by_age.rend());
  for (std::size_t i = kKept; i < by_age.size(); ++i) {
    for (const fs::path& path : results[by_age[i].second]) fs::remove_all(path, ignored);
  }
  return {};
}

std::string StepCache::beside(const std::string& step, const std::string& key,
                              const std::string& ending) const {
  return stem_of(folder_, step, key) + "." + ending;
}

}  // namespace sartor
