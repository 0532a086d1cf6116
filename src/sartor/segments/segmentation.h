// A segmentation: ordered rules, then clusters over what no rule took, then `everyone else`. Every
// user is in exactly one segment, users never seen included.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "sartor/base/fields.h"
#include "sartor/base/json.h"
#include "sartor/base/matrix.h"
#include "sartor/base/parallel.h"
#include "sartor/data/dataset.h"
#include "sartor/data/sql_expression.h"
#include "sartor/segments/hierarchy.h"
#include "sartor/segments/scaler.h"
#include "sartor/segments/stability.h"

namespace sartor {

inline constexpr const char* kEveryoneElse = "everyone else";

struct RuleConfig {
  std::string name;
  std::string where;

  static constexpr auto fields() {
    return std::make_tuple(Field{"name", &RuleConfig::name, "of the segment"},
                           Field{"where", &RuleConfig::where,
                                 "SQL condition over the user features (docs/features.md)"});
  }
};

// One [[segments]] block.
struct SegmentationConfig {
  std::string name;
  std::vector<RuleConfig> rules;
  std::string cluster;
  std::vector<std::string> features = {"embedding"};
  std::vector<int> k = {3, 8};
  int min_users = 0;
  int dimensions = 16;

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"name", &SegmentationConfig::name, "of the segmentation"},
        Field{"rules", &SegmentationConfig::rules,
              "in order: the first that holds names the segment"},
        Field{"cluster", &SegmentationConfig::cluster,
              "kmeans or hierarchical (Ward's method), over the users that no rule took; none if "
              "empty"},
        Field{"features", &SegmentationConfig::features, "to cluster by; any feature names"},
        Field{"k", &SegmentationConfig::k,
              "number of clusters, or [least, most]: the best separated is taken"},
        Field{
            "min_users", &SegmentationConfig::min_users, 0, 1e9, Scale::fixed,
            "numbers of clusters that leave one with fewer users are avoided; of hierarchical, one "
            "that is left joins its nearest"},
        Field{"dimensions", &SegmentationConfig::dimensions, 2, 512, Scale::log,
              "of the embedding, if it is among the features"});
  }
  bool wants_embedding() const;
};

// The top of the dendrogram behind hierarchical clusters.
struct SegmentTree {
  Dendrogram tree;                     // its leaves are at least the clusters, at most 64 or those
  std::vector<std::uint32_t> cluster;  // of each leaf
  double agreement = 0;  // share of the users whose nearest centre is that of their branch
};

class Segmentation {
 public:
  const std::string& name() const { return name_; }
  // "rules", "kmeans", "hierarchical", "rules and kmeans" or "rules and hierarchical".
  std::string kind() const;
  // Rules in order, clusters from the largest to the smallest, then `everyone else`. Clusters are
  // called "<name>-1", … until rename() gives them the names that they had in an older version.
  const std::vector<std::string>& names() const { return names_; }
  // Other names for the clusters. Fails with invalid_argument if there are not as many names as
  // before, a rule or `everyone else` would change its own, or two are the same.
  Status rename(const std::vector<std::string>& names);
  // What fitting had to say: rules that always or never hold, features left out.
  const std::vector<std::string>& warnings() const { return warnings_; }
  std::size_t clusters() const { return centres_.rows(); }
  std::size_t rules() const { return rules_.size(); }
  const Scaler& scaler() const { return scaler_; }
  const Matrix<float>& centres() const { return centres_; }
  const std::optional<SegmentTree>& tree() const { return tree_; }  // of hierarchical clusters
  // Fits as many clusters to other points, the same way; for cluster_stability.
  FitCentres fit_again(const Resources& resources) const;

  // The segment of every row, as a position in names(). The table has one row per user with the
  // user features as of the moment asked about. Fails with `config` if a column is missing.
  Result<std::vector<std::uint32_t>> assign(const Table& features) const;

  Json to_json() const;
  static Result<Segmentation> from_json(const Json& json);

 private:
  friend Result<Segmentation> fit_segmentation(const SegmentationConfig&, const Table&,
                                               std::span<const std::uint32_t>, std::uint64_t,
                                               const Resources&);
  struct Rule {
    std::string name;
    SqlExpression where;
  };
  Status parse_rules(const std::vector<RuleConfig>& rules);
  void name_segments();
  Result<std::vector<std::uint32_t>> apply_rules(const Table& features) const;
  Status fit_clusters(const SegmentationConfig& config, const Table& features,
                      std::span<const std::uint32_t> rows, std::uint64_t seed,
                      const Resources& resources);
  Result<Matrix<float>> fit_hierarchical(const HierarchyConfig& config,
                                         MatrixView<const float> points,
                                         const Resources& resources);

  std::string name_;
  std::vector<Rule> rules_;
  Scaler scaler_;
  Matrix<float> centres_;
  std::optional<SegmentTree> tree_;
  std::vector<std::string> names_;
  std::vector<std::string> warnings_;
};

// Learns from `rows` of `features` (the users known on train). Fails with `config`, naming
// segmentation and rule: a rule that does not parse or names an unknown feature, names that are
// taken or reserved, more clusters than users.
Result<Segmentation> fit_segmentation(const SegmentationConfig& config, const Table& features,
                                      std::span<const std::uint32_t> rows, std::uint64_t seed,
                                      const Resources& resources);

}  // namespace sartor
