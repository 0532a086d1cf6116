#include "sartor/tuning/bench_ranking.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "sartor/base/random.h"
#include "sartor/base/text.h"
#include "sartor/base/usage.h"
#include "sartor/evaluation/evaluate.h"
#include "sartor/models/blend.h"
#include "sartor/models/registry.h"
#include "sartor/tuning/blend_search.h"

namespace sartor {
namespace {

constexpr Time kTaken = 0;  // one moment for all: the sets have no times
constexpr Time kAsOf = 1;
const std::vector<std::string> kBlended = {"popularity", "item_knn", "ease", "als"};

// Names in the order in which they first appear.
class Names {
 public:
  std::uint32_t code(const std::string& name) {
    return codes_.emplace(name, static_cast<std::uint32_t>(codes_.size())).first->second;
  }
  std::size_t size() const { return codes_.size(); }

 private:
  std::unordered_map<std::string, std::uint32_t> codes_;
};

struct Pair {
  std::uint32_t user;
  std::uint32_t item;
  auto operator<=>(const Pair&) const = default;
};

// "user", "user_id", "UserId", …
bool is_user_heading(const std::string& heading) {
  const std::string word = lower_case(heading);
  return word.starts_with("user") && word.find_first_of("0123456789") == std::string::npos;
}

// Distinct pairs, sorted.
Result<std::vector<Pair>> read_pairs(const std::string& path, Names& users, Names& items) {
  std::ifstream in(path);
  if (!in) return Error{ErrorCode::not_found, path + ": cannot open"};
  std::vector<Pair> pairs;
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    std::vector<std::string> words;
    std::string word;
    const bool commas = line.find(',') != std::string::npos;
    for (const char c : line + "\n") {
      const bool between = commas ? c == ',' || c == '\n' || c == '\r'
                                  : c == ' ' || c == '\t' || c == '\n' || c == '\r';
      if (!between) {
        word += c;
      } else if (!word.empty()) {
        words.push_back(std::move(word));
        word.clear();
      }
    }
    if (words.empty()) continue;
    const bool is_header = number == 1 && commas && is_user_heading(words.front());
    if (is_header) continue;
    if (commas && words.size() < 2) {
      return Error{ErrorCode::bad_data,
                   fmt::format("{}: line {}: '{}': expected a user and an item", path, number,
                               printable(line, 60))};
    }
    const std::uint32_t user = users.code(words.front());
    const std::size_t end = commas ? 2 : words.size();  // more columns of a CSV are not read
    for (std::size_t w = 1; w < end; ++w) pairs.push_back({user, items.code(words[w])});
  }
  if (pairs.empty()) return Error{ErrorCode::bad_data, path + ": there is no user with an item"};
  std::sort(pairs.begin(), pairs.end());
  pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
  return pairs;
}

InteractionLog log_of(std::span<const Pair> pairs, std::size_t users, std::size_t items) {
  InteractionLog log{.users = users, .items = items};
  log.begin.assign(users + 1, 0);
  log.item_first_seen.assign(items, kTaken);
  for (const Pair& pair : pairs) {
    ++log.begin[pair.user + 1];
    log.rows.push_back({ItemId{pair.item}, 1, kTaken});
  }
  for (std::size_t u = 0; u < users; ++u) log.begin[u + 1] += log.begin[u];
  return log;
}

Cases cases_of(std::span<const Pair> pairs) {
  Cases cases{.as_of = kAsOf, .target_begin = {0}};
  for (std::size_t p = 0; p < pairs.size(); ++p) {
    cases.targets.push_back(ItemId{pairs[p].item});
    if (p + 1 < pairs.size() && pairs[p + 1].user == pairs[p].user) continue;
    cases.users.push_back(UserId{pairs[p].user});
    cases.target_begin.push_back(cases.targets.size());
  }
  return cases;
}

Result<ModelPtr> fit_family(const std::string& name, const Json& settings, const History& history,
                            const Resources& resources) {
  SARTOR_ASSIGN(const Family* family, find_family(name));
  if (family->fit == nullptr) {
    return Error{ErrorCode::config,
                 fmt::format("model: '{}'; expected {} or blend", name, join(kBlended, ", "))};
  }
  return family->fit({.history = &history}, settings, resources);
}

// Weights fitted to NDCG@20 where a tenth of each user's items is held out; then everything anew on
// the whole of train.
Result<ModelPtr> fit_blend(std::span<const Pair> train, const History& whole,
                           const Resources& resources) {
  std::vector<Pair> kept, held_out;
  Random random(1);
  for (std::size_t p = 0; p < train.size(); ++p) {
    const bool first = p == 0 || train[p - 1].user != train[p].user;
    (random.uniform() < 0.1 && !first ? held_out : kept).push_back(train[p]);
  }
  if (held_out.empty())
    return Error{ErrorCode::bad_data, "train: too few items to hold any out for the weights"};
  const InteractionLog log = log_of(kept, whole.users(), whole.items());
  const History part(log, kAsOf);
  const Cases cases = cases_of(held_out);
  std::vector<ModelPtr> models;
  std::vector<const Model*> pointers;
  std::vector<Slot> slots;
  for (const std::string& name : kBlended) {
    SARTOR_ASSIGN(ModelPtr model, fit_family(name, Json::object(), part, resources));
    slots.push_back({name, {models.size()}});
    pointers.push_back(model.get());
    models.push_back(std::move(model));
  }
  constexpr std::size_t kDepth = 100;
  SARTOR_ASSIGN(const ScorePool pool,
                ScorePool::make(cases, part, pointers, kDepth, false, resources));
  std::vector<PoolCase> pool_cases;
  for (std::size_t c = 0; c < pool.cases(); ++c) pool_cases.push_back({&pool, c});
  const Metric metric{MetricKind::ndcg, 20};
  SARTOR_ASSIGN(const auto found,
                search_blend(pool_cases, slots, first_point(pool_cases, slots, metric),
                             {.metric = metric}, resources));
  models.clear();
  ModelMap components;
  BlendConfig config;
  for (std::size_t s = 0; s < slots.size(); ++s) {
    if (found.point.weight[s] == 0) continue;
    SARTOR_ASSIGN(components[slots[s].name],
                  fit_family(slots[s].name, Json::object(), whole, resources));
    config.parts.push_back({.component = slots[s].name, .weight = found.point.weight[s]});
  }
  return make_blend(components, config, eligible_items(whole));
}

}  // namespace

Result<Json> bench_ranking(const RankingRequest& request, const Json& settings,
                           const Resources& resources) {
  Names user_names, item_names;
  SARTOR_ASSIGN(const auto train, read_pairs(request.train, user_names, item_names));
  SARTOR_ASSIGN(const auto test, read_pairs(request.test, user_names, item_names));
  const double cpu = cpu_seconds();
  const auto start = std::chrono::steady_clock::now();
  const InteractionLog log = log_of(train, user_names.size(), item_names.size());
  const History history(log, kAsOf);
  Json family_settings = settings;
  const std::string name = settings.value("model", "ease");
  family_settings.erase("model");
  ModelPtr model;
  if (name == "blend") {
    SARTOR_ASSIGN(model, fit_blend(train, history, resources));
  } else {
    SARTOR_ASSIGN(model, fit_family(name, family_settings, history, resources));
  }
  const std::vector<Metric> metrics = {{MetricKind::recall, 20}, {MetricKind::ndcg, 20}};
  const Scorer scorer = [&](std::size_t, const Query& query, std::span<float> out) {
    model->score(query, out);
  };
  const Cases cases = cases_of(test);
  SARTOR_ASSIGN(const Evaluation judged,
                evaluate(cases, history, scorer, {.metrics = metrics, .repeat = false, .depth = 20},
                         resources));
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  return Json{{"name", "ranking"},
              {"model", name},
              {"users", cases.size()},
              {"items", item_names.size()},
              {"recall@20", judged.mean(metrics[0])},
              {"ndcg@20", judged.mean(metrics[1])},
              {"seconds", wall.count()},
              {"cpu_seconds", cpu_seconds() - cpu},
              {"peak_rss_mb", peak_rss_mb()},
              {"threads", resources.threads}};
}

}  // namespace sartor
