#include "sartor/segments/segmentation.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "sartor/segments/kmeans.h"

namespace sartor {
namespace {

constexpr std::size_t kMostLeaves = 64;  // of the dendrogram that is kept, but for the clusters

Error config_error(std::string message) { return {ErrorCode::config, std::move(message)}; }

// Clusters are called "name-1", …: no rule may be.
bool is_cluster_name(const std::string& name, const std::string& segmentation) {
  if (!name.starts_with(segmentation + "-")) return false;
  const std::string tail = name.substr(segmentation.size() + 1);
  return !tail.empty() && tail.find_first_not_of("0123456789") == std::string::npos;
}

Status check_names(const SegmentationConfig& config) {
  std::set<std::string> names{kEveryoneElse};
  for (const RuleConfig& rule : config.rules) {
    const std::string where = fmt::format("segmentation '{}'", config.name);
    if (rule.name.empty()) return config_error(where + ": a rule has no name");
    if (rule.where.empty())
      return config_error(fmt::format("{}, rule '{}': where is empty", where, rule.name));
    if (!config.cluster.empty() && is_cluster_name(rule.name, config.name)) {
      return config_error(
          fmt::format("{}: the name '{}' is reserved for a cluster", where, rule.name));
    }
    if (!names.insert(rule.name).second) {
      return config_error(
          fmt::format("{}: the name '{}' is {}", where, rule.name,
                      rule.name == kEveryoneElse ? "reserved" : "taken by another rule"));
    }
  }
  if (!config.cluster.empty() && config.cluster != "kmeans" && config.cluster != "hierarchical") {
    return config_error(
        fmt::format("segmentation '{}': cluster '{}' is not known; expected kmeans or hierarchical",
                    config.name, config.cluster));
  }
  const bool range = config.k.size() == 1 || (config.k.size() == 2 && config.k[0] <= config.k[1]);
  if (!config.cluster.empty() && (!range || config.k[0] < 2 || config.k.back() > 200)) {
    return config_error(fmt::format(
        "segmentation '{}': k is wrong; expected [n] or [least, most] from 2 to 200", config.name));
  }
  return {};
}

// The clusters from the largest to the smallest.
std::vector<std::size_t> by_size(std::span<const std::uint32_t> labels, std::size_t clusters) {
  std::vector<std::size_t> sizes(clusters);
  for (const std::uint32_t label : labels) ++sizes[label];
  std::vector<std::size_t> order(clusters);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return sizes[a] > sizes[b]; });
  return order;
}

Matrix<float> in_order(const Matrix<float>& from, const std::vector<std::size_t>& order) {
  Matrix<float> centres(order.size(), from.columns());
  for (std::size_t c = 0; c < order.size(); ++c)
    std::copy(from.row(order[c]).begin(), from.row(order[c]).end(), centres.row(c).begin());
  return centres;
}

// The top of a hierarchy's dendrogram; `order` is that of the centres.
SegmentTree top_of(const Hierarchy& hierarchy, const std::vector<std::size_t>& order) {
  std::vector<std::uint32_t> place(order.size());
  for (std::size_t c = 0; c < order.size(); ++c) place[order[c]] = static_cast<std::uint32_t>(c);
  const std::size_t cut =
      std::min(hierarchy.tree.leaves(), std::max(kMostLeaves, order.size() + hierarchy.absorbed));
  SegmentTree top{.tree = top_of(hierarchy.tree, cut),
                  .cluster = std::vector<std::uint32_t>(cut),
                  .agreement = hierarchy.agreement};
  const auto labels = cut_into(hierarchy.tree, cut);
  for (std::size_t leaf = 0; leaf < labels.size(); ++leaf)
    top.cluster[labels[leaf]] = place[hierarchy.cluster[leaf]];
  return top;
}

Json tree_json(const SegmentTree& top, std::span<const std::string> names) {
  Json leaves = Json::array(), merges = Json::array();
  for (std::size_t leaf = 0; leaf < top.cluster.size(); ++leaf)
    leaves.push_back({{"users", top.tree.weights[leaf]}, {"segment", names[top.cluster[leaf]]}});
  for (const Merge& merge : top.tree.merges)
    merges.push_back({merge.a, merge.b, merge.height, merge.weight});
  return {{"leaves", leaves}, {"merges", merges}, {"agreement", top.agreement}};
}

// Throws what nlohmann throws; fails if the merges are no dendrogram of the leaves.
Result<SegmentTree> read_tree(const Json& json, std::span<const std::string> names) {
  SegmentTree top{.agreement = json.at("agreement").get<double>()};
  const auto fail = [] {
    return Error{ErrorCode::bad_data, "segmentation: leaves and merges are no dendrogram"};
  };
  for (const Json& leaf : json.at("leaves")) {
    const auto name = std::find(names.begin(), names.end(), leaf.at("segment").get<std::string>());
    if (name == names.end()) return fail();
    top.cluster.push_back(static_cast<std::uint32_t>(name - names.begin()));
    top.tree.weights.push_back(leaf.at("users").get<double>());
  }
  std::vector<bool> used(2 * top.cluster.size());
  for (const Json& merge : json.at("merges")) {
    const Merge read{merge.at(0), merge.at(1), merge.at(2), merge.at(3)};
    const std::size_t there = top.cluster.size() + top.tree.merges.size();
    if (read.a >= read.b || read.b >= there || used[read.a] || used[read.b]) return fail();
    used[read.a] = used[read.b] = true;
    top.tree.merges.push_back(read);
  }
  if (top.cluster.empty() || top.tree.merges.size() + 1 != top.cluster.size()) return fail();
  return top;
}

// Rules that hold for nobody at all, or for everybody of `rows`. Somebody may be a user not yet
// known: newcomers are.
void warn_of_rules(const std::vector<std::uint32_t>& assigned, std::span<const std::uint32_t> rows,
                   const std::vector<RuleConfig>& rules, std::vector<std::string>& warnings) {
  std::vector<std::size_t> counts(rules.size() + 1), ever(rules.size() + 1);
  const auto place = [&](std::uint32_t segment) {
    return std::min<std::size_t>(segment, rules.size());
  };
  for (const std::uint32_t row : rows) ++counts[place(assigned[row])];
  for (const std::uint32_t segment : assigned) ++ever[place(segment)];
  for (std::size_t r = 0; r < rules.size(); ++r) {
    if (ever[r] == 0) {
      warnings.push_back(
          fmt::format("rule '{}' takes nobody of {} users", rules[r].name, assigned.size()));
    } else if (counts[r] == rows.size()) {
      warnings.push_back(fmt::format("rule '{}' takes all {} users", rules[r].name, rows.size()));
    }
  }
}

}  // namespace

bool SegmentationConfig::wants_embedding() const {
  return !cluster.empty() &&
         std::any_of(features.begin(), features.end(),
                     [](const std::string& f) { return f.starts_with("embedding"); });
}

std::string Segmentation::kind() const {
  if (clusters() == 0) return "rules";
  const std::string method = tree_ ? "hierarchical" : "kmeans";
  return rules_.empty() ? method : "rules and " + method;
}

Status Segmentation::parse_rules(const std::vector<RuleConfig>& rules) {
  for (const RuleConfig& rule : rules) {
    auto parsed = SqlExpression::parse(rule.where);
    if (!parsed)
      return within(fmt::format("segmentation '{}', rule '{}'", name_, rule.name), parsed.error());
    rules_.push_back({rule.name, std::move(*parsed)});
  }
  return {};
}

void Segmentation::name_segments() {
  names_.clear();
  for (const Rule& rule : rules_) names_.push_back(rule.name);
  for (std::size_t c = 0; c < clusters(); ++c) names_.push_back(fmt::format("{}-{}", name_, c + 1));
  names_.emplace_back(kEveryoneElse);
}

Status Segmentation::rename(const std::vector<std::string>& names) {
  const auto wrong = [&](const std::string& what) {
    return Error{ErrorCode::invalid_argument, fmt::format("segmentation '{}': {}", name_, what)};
  };
  if (names.size() != names_.size())
    return wrong(fmt::format("{} names for {} segments", names.size(), names_.size()));
  std::set<std::string> taken;
  for (std::size_t s = 0; s < names.size(); ++s) {
    const bool cluster = s >= rules() && s < rules() + clusters();
    if (!cluster && names[s] != names_[s])
      return wrong(fmt::format("'{}' cannot be called '{}'", names_[s], names[s]));
    if (names[s].empty() || !taken.insert(names[s]).second)
      return wrong(fmt::format("the name '{}' is empty or taken", names[s]));
  }
  names_ = names;
  return {};
}

Result<std::vector<std::uint32_t>> Segmentation::apply_rules(const Table& features) const {
  const auto none = static_cast<std::uint32_t>(rules_.size());
  std::vector<std::uint32_t> taken(features.rows, none);
  for (std::size_t r = 0; r < rules_.size(); ++r) {
    auto bound = rules_[r].where.bind_condition(features);
    if (!bound)
      return within(fmt::format("segmentation '{}', rule '{}'", name_, rules_[r].name),
                    bound.error());
    for (std::size_t row = 0; row < features.rows; ++row) {
      if (taken[row] == none && bound->condition(row).value_or(false))
        taken[row] = static_cast<std::uint32_t>(r);
    }
  }
  return taken;
}

Status Segmentation::fit_clusters(const SegmentationConfig& config, const Table& features,
                                  std::span<const std::uint32_t> rows, std::uint64_t seed,
                                  const Resources& resources) {
  SARTOR_ASSIGN(const auto taken, apply_rules(features));
  std::vector<std::uint32_t> left;
  for (const std::uint32_t row : rows) {
    if (taken[row] == rules_.size()) left.push_back(row);
  }
  SARTOR_ASSIGN(scaler_, Scaler::fit(features, config.features, left));
  warnings_.insert(warnings_.end(), scaler_.notes().begin(), scaler_.notes().end());
  SARTOR_ASSIGN(const auto known, scaler_.known(features));
  std::erase_if(left, [&](std::uint32_t row) { return known[row] == 0; });
  if (left.size() < static_cast<std::size_t>(config.k.back())) {
    return config_error(fmt::format("k goes up to {}, but only {} users are left to cluster",
                                    config.k.back(), left.size()));
  }
  SARTOR_ASSIGN(const Matrix<float> points, scaler_.transform(features, left));
  const auto min_rows = static_cast<std::size_t>(config.min_users);
  if (config.cluster == "hierarchical") {
    const HierarchyConfig range{
        .low = config.k[0], .high = config.k.back(), .min_rows = min_rows, .seed = seed};
    SARTOR_ASSIGN(centres_, fit_hierarchical(range, points.view(), resources));
    return {};
  }
  const KSearchConfig range{
      .low = config.k[0], .high = config.k.back(), .min_rows = min_rows, .seed = seed};
  SARTOR_ASSIGN(const KSearch found, search_kmeans(points.view(), range, resources));
  centres_ = in_order(found.model.centres, by_size(found.model.labels, found.model.centres.rows()));
  if (centres_.rows() < static_cast<std::size_t>(config.k[0])) {
    warnings_.push_back(fmt::format("{} clusters instead of {}: there are no more distinct users",
                                    centres_.rows(), config.k[0]));
  }
  return {};
}

// The centres; the tree, and what there is to say of small clusters, are kept.
Result<Matrix<float>> Segmentation::fit_hierarchical(const HierarchyConfig& config,
                                                     MatrixView<const float> points,
                                                     const Resources& resources) {
  SARTOR_ASSIGN(const Hierarchy found, fit_hierarchy(points, config, resources));
  const auto order = by_size(found.labels, found.centres.rows());
  tree_ = top_of(found, order);
  if (found.absorbed > 0) {
    warnings_.push_back(
        fmt::format("{} of {} clusters had fewer than {} users and joined their nearest",
                    found.absorbed, found.centres.rows() + found.absorbed, config.min_rows));
  }
  return in_order(found.centres, order);
}

FitCentres Segmentation::fit_again(const Resources& resources) const {
  if (!tree_) return {};
  const int k = static_cast<int>(clusters());
  return
      [k, resources](MatrixView<const float> points, std::uint64_t seed) -> Result<Matrix<float>> {
        const HierarchyConfig config{.low = k, .high = k, .seed = seed};
        SARTOR_ASSIGN(Hierarchy found, fit_hierarchy(points, config, resources));
        return std::move(found.centres);
      };
}

Result<Segmentation> fit_segmentation(const SegmentationConfig& config, const Table& features,
                                      std::span<const std::uint32_t> rows, std::uint64_t seed,
                                      const Resources& resources) {
  SARTOR_TRY(check_names(config));
  Segmentation made;
  made.name_ = config.name;
  SARTOR_TRY(made.parse_rules(config.rules));
  if (!config.cluster.empty()) {
    if (auto status = made.fit_clusters(config, features, rows, seed, resources); !status) {
      return within(fmt::format("segmentation '{}'", config.name), status.error());
    }
  }
  made.name_segments();
  SARTOR_ASSIGN(const auto assigned, made.assign(features));
  warn_of_rules(assigned, rows, config.rules, made.warnings_);
  return made;
}

Result<std::vector<std::uint32_t>> Segmentation::assign(const Table& features) const {
  SARTOR_ASSIGN(auto assigned, apply_rules(features));
  const auto none = static_cast<std::uint32_t>(rules_.size());
  const auto else_segment = static_cast<std::uint32_t>(names_.size() - 1);
  if (clusters() == 0) return assigned;  // `everyone else` follows the rules
  SARTOR_ASSIGN(const auto known, scaler_.known(features));
  std::vector<std::uint32_t> rows;
  for (std::uint32_t row = 0; row < features.rows; ++row) {
    if (assigned[row] != none) continue;
    assigned[row] = else_segment;
    if (known[row] != 0) rows.push_back(row);
  }
  SARTOR_ASSIGN(const Matrix<float> points, scaler_.transform(features, rows));
  SARTOR_ASSIGN(const auto nearest, nearest_centres(points.view(), centres_, {}));
  for (std::size_t i = 0; i < rows.size(); ++i) assigned[rows[i]] = none + nearest[i];
  return assigned;
}

Json Segmentation::to_json() const {
  Json rules = Json::array();
  for (const Rule& rule : rules_)
    rules.push_back({{"name", rule.name}, {"where", rule.where.text()}});
  Json centres = Json::array();
  for (std::size_t c = 0; c < centres_.rows(); ++c) {
    centres.push_back(std::vector<float>(centres_.row(c).begin(), centres_.row(c).end()));
  }
  Json json = {{"format_version", 1}, {"name", name_},  {"kind", kind()},
               {"segments", names_},  {"rules", rules}, {"columns", scaler_.to_json()},
               {"centres", centres}};
  const auto names = std::span(names_).subspan(rules_.size(), clusters());
  if (tree_) json["dendrogram"] = tree_json(*tree_, names);
  return json;
}

Result<Segmentation> Segmentation::from_json(const Json& json) {
  Segmentation made;
  try {
    made.name_ = json.at("name");
    std::vector<RuleConfig> rules;
    for (const Json& rule : json.at("rules")) rules.push_back({rule.at("name"), rule.at("where")});
    SARTOR_TRY(made.parse_rules(rules));
    SARTOR_ASSIGN(made.scaler_, Scaler::from_json(json.at("columns")));
    const Json& centres = json.at("centres");
    made.centres_ = Matrix<float>(centres.size(), made.scaler_.columns());
    for (std::size_t c = 0; c < centres.size(); ++c) {
      const auto centre = centres[c].get<std::vector<float>>();
      if (centre.size() != made.scaler_.columns())
        return Error{ErrorCode::bad_data, "segmentation: a centre has the wrong length"};
      std::copy(centre.begin(), centre.end(), made.centres_.row(c).begin());
    }
    made.name_segments();
    if (!made.rename(json.at("segments").get<std::vector<std::string>>())) {
      return Error{ErrorCode::bad_data,
                   "segmentation: the names of segments do not agree with rules and centres"};
    }
    if (json.contains("dendrogram")) {
      const auto names = std::span(made.names_).subspan(made.rules_.size(), made.clusters());
      SARTOR_ASSIGN(made.tree_, read_tree(json.at("dendrogram"), names));
    }
  } catch (const Json::exception& e) {
    return Error{ErrorCode::bad_data, std::string("segmentation: ") + e.what()};
  }
  return made;
}

}  // namespace sartor
