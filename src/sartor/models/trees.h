// Gradient boosted trees as LightGBM fits them (Ke et al., NIPS 2017). For ranking: LambdaMART
// (Burges, MSR-TR-2010-82), or XE-NDCG-MART (Bruch, WWW 2021), a listwise cross-entropy that bounds
// NDCG and is as good here in two thirds of the time. For probabilities: "binary", logistic loss;
// score() is then the log-odds. LightGBM does the fitting only; a fitted
// ensemble is our own arrays, so that scoring needs no library, is safe from any number of threads
// and maps from a file.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sartor/base/fields.h"
#include "sartor/base/matrix.h"
#include "sartor/base/parallel.h"
#include "sartor/base/result.h"
#include "sartor/models/array.h"
#include "sartor/models/masked_trees.h"

namespace sartor {

struct TreesConfig {
  std::string objective = "rank_xendcg";
  int rounds = 120;
  double learning_rate = 0.07;
  int leaves = 15;
  int min_rows = 200;
  double feature_share = 0.4;
  double row_share = 0.7;
  double l2 = 5;
  int truncation = 20;
  std::uint64_t seed = 1;

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"objective", &TreesConfig::objective, "rank_xendcg or lambdarank"},
        Field{"rounds", &TreesConfig::rounds, 1, 10000, Scale::log, "trees"},
        Field{"learning_rate", &TreesConfig::learning_rate, 1e-3, 1, Scale::log,
              "how much of each tree counts"},
        Field{"leaves", &TreesConfig::leaves, 2, 1024, Scale::log, "of a tree at most"},
        Field{"min_rows", &TreesConfig::min_rows, 1, 1e6, Scale::log,
              "of a leaf; less where there are few rows in all"},
        Field{"feature_share", &TreesConfig::feature_share, 0.05, 1, Scale::linear,
              "of the features that a tree may use"},
        Field{"row_share", &TreesConfig::row_share, 0.05, 1, Scale::linear,
              "of the rows that a tree is fitted on"},
        Field{"l2", &TreesConfig::l2, 0, 1000, Scale::linear, "pull of the leaves' values to 0"},
        Field{"truncation", &TreesConfig::truncation, 1, 1000, Scale::log,
              "places of a list that lambdarank looks at"},
        Field{"seed", &TreesConfig::seed, 0, 9e15, Scale::fixed, "of rows and features"});
  }
};

// What trees are fitted on: rows of features, grouped by case.
struct TreeRows {
  std::size_t features = 0;
  std::vector<float> x;               // rows x features, finite
  std::vector<float> label;           // per row, 0 or 1
  std::vector<std::int32_t> in_case;  // rows of each case, in order; unused by "binary"

  std::size_t rows() const { return label.size(); }
  void append(const TreeRows& other);
};

class Trees {
 public:
  std::size_t features() const { return features_; }
  std::size_t size() const { return root_.size(); }
  // The sum of the leaves that the row falls into; x.size() is features().
  double score(std::span<const float> x) const;
  // The same of many rows, out.size() x features(), to the same bits and many times as fast.
  void score(std::span<const float> rows, std::span<double> out) const;
  // How much each feature's splits gained, summing to 1; zeros if there is no split.
  std::vector<double> importance() const;

  Status save(TensorFile& out) const;
  // Fails with `bad_data` if a node names a feature or node that is not there.
  static Result<Trees> load(const TensorFile& file);
  // From LightGBM's text format.
  static Result<Trees> parse(const std::string& text);

 private:
  std::size_t features_ = 0;
  Array<std::int64_t> root_;  // per tree: its first node, or ~leaf
  // Per inner node; a child >= 0 is a node, else ~child is a leaf.
  Array<std::int64_t> feature_, left_, right_;
  Array<double> threshold_;  // x <= threshold goes left
  Array<float> gain_;
  Array<double> leaf_;
  std::shared_ptr<const MaskedTrees> masked_;  // made of the above; null: a tree is too large
};

// The same bits at any thread count. Fails with `invalid_argument` if there are no rows, or all
// labels are equal; with `cancelled`.
Result<Trees> fit_trees(const TreeRows& rows, const TreesConfig& config,
                        const Resources& resources);

// The same for "binary", which stops after `patience` trees without a smaller logloss on
// `held_out` (not empty), and keeps as many trees as had the smallest.
Result<Trees> fit_trees(const TreeRows& rows, const TreeRows& held_out, int patience,
                        const TreesConfig& config, const Resources& resources);

}  // namespace sartor
