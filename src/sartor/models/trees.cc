#include "sartor/models/trees.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <memory>

// LightGBM's C interface, as far as it is used; the wheel that carries the library has no header.
extern "C" {
using LgbmHandle = void*;
const char* LGBM_GetLastError();
int LGBM_DatasetCreateFromMat(const void* data, int data_type, std::int32_t rows,
                              std::int32_t columns, int is_row_major, const char* parameters,
                              LgbmHandle reference, LgbmHandle* out);
int LGBM_DatasetSetField(LgbmHandle dataset, const char* name, const void* values, int n, int type);
int LGBM_DatasetFree(LgbmHandle dataset);
int LGBM_BoosterCreate(LgbmHandle train, const char* parameters, LgbmHandle* out);
int LGBM_BoosterUpdateOneIter(LgbmHandle booster, int* is_finished);
int LGBM_BoosterSaveModelToString(LgbmHandle booster, int start, int iterations, int importance,
                                  std::int64_t buffer, std::int64_t* length, char* out);
int LGBM_BoosterFree(LgbmHandle booster);
}

namespace sartor {
namespace {

constexpr int kFloat32 = 0;
constexpr int kInt32 = 2;

struct FreeDataset {
  void operator()(void* handle) const { LGBM_DatasetFree(handle); }
};
struct FreeBooster {
  void operator()(void* handle) const { LGBM_BoosterFree(handle); }
};
using DatasetPtr = std::unique_ptr<void, FreeDataset>;
using BoosterPtr = std::unique_ptr<void, FreeBooster>;

Status checked(int code) {
  if (code == 0) return {};
  return Error{ErrorCode::internal, fmt::format("trees: LightGBM: {}", LGBM_GetLastError())};
}

std::string parameters_of(const TreesConfig& config, std::size_t rows, int threads) {
  // A leaf needs some rows, yet a small log must still be able to grow a tree.
  const auto least =
      std::clamp<std::size_t>(rows / 200, 5, static_cast<std::size_t>(config.min_rows));
  return fmt::format(
      "objective={} lambdarank_truncation_level={} learning_rate={} num_leaves={} "
      "min_data_in_leaf={} feature_fraction={} bagging_fraction={} bagging_freq=1 lambda_l2={} "
      "max_bin=63 use_missing=false deterministic=true force_row_wise=true seed={} num_threads={} "
      "verbosity=-1",
      config.objective, config.truncation, config.learning_rate, config.leaves, least,
      config.feature_share, config.row_share, config.l2, config.seed % 2'000'000'000, threads);
}

// key -> value of one block of LightGBM's text.
using KeyValues = std::map<std::string, std::string, std::less<>>;

template <class T>
Result<std::vector<T>> numbers(const KeyValues& block, std::string_view key) {
  std::vector<T> out;
  const auto found = block.find(key);
  if (found == block.end()) return out;
  const char* at = found->second.data();
  const char* end = at + found->second.size();
  while (at < end) {
    if (*at == ' ') {
      ++at;
      continue;
    }
    T value{};
    const auto [next, error] = std::from_chars(at, end, value);
    if (error != std::errc()) {
      return Error{ErrorCode::bad_data, fmt::format("trees: {} holds no number at '{}'", key,
                                                    std::string(at, std::min(at + 20, end)))};
    }
    out.push_back(value);
    at = next;
  }
  return out;
}

std::vector<KeyValues> blocks_of(const std::string& text) {
  std::vector<KeyValues> blocks(1);
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t end = text.find('\n', at);
    if (end == std::string::npos) end = text.size();
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    if (line == "end of trees") break;
    if (line.starts_with("Tree=")) blocks.emplace_back();
    if (const std::size_t equals = line.find('='); equals != std::string::npos)
      blocks.back()[line.substr(0, equals)] = line.substr(equals + 1);
  }
  return blocks;
}

}  // namespace

void TreeRows::append(const TreeRows& other) {
  features = other.features;
  x.insert(x.end(), other.x.begin(), other.x.end());
  label.insert(label.end(), other.label.begin(), other.label.end());
  in_case.insert(in_case.end(), other.in_case.begin(), other.in_case.end());
}

double Trees::score(std::span<const float> x) const {
  double sum = 0;
  for (std::int64_t node : root_) {
    while (node >= 0) {
      const auto n = static_cast<std::size_t>(node);
      node = x[static_cast<std::size_t>(feature_[n])] <= threshold_[n] ? left_[n] : right_[n];
    }
    sum += leaf_[static_cast<std::size_t>(~node)];
  }
  return sum;
}

void Trees::score(std::span<const float> rows, std::span<double> out) const {
  if (masked_ != nullptr) return masked_->score(rows, features_, out);
  for (std::size_t r = 0; r < out.size(); ++r)
    out[r] = score(rows.subspan(r * features_, features_));
}

std::vector<double> Trees::importance() const {
  std::vector<double> gain(features_, 0.0);
  double total = 0;
  for (std::size_t n = 0; n < feature_.size(); ++n) {
    gain[static_cast<std::size_t>(feature_[n])] += gain_[n];
    total += gain_[n];
  }
  if (total > 0) {
    for (double& value : gain) value /= total;
  }
  return gain;
}

Status Trees::save(TensorFile& out) const {
  const std::uint32_t features[] = {static_cast<std::uint32_t>(features_)};
  out.add<std::uint32_t>("trees.features", features);
  out.add("trees.root", root_.span());
  out.add("trees.feature", feature_.span());
  out.add("trees.left", left_.span());
  out.add("trees.right", right_.span());
  out.add("trees.threshold", threshold_.span());
  out.add("trees.gain", gain_.span());
  out.add("trees.leaf", leaf_.span());
  return {};
}

Result<Trees> Trees::load(const TensorFile& file) {
  Trees trees;
  SARTOR_ASSIGN(const auto features, Array<std::uint32_t>::of(file, "trees.features", 1));
  trees.features_ = features[0];
  SARTOR_ASSIGN(trees.root_, Array<std::int64_t>::of(file, "trees.root"));
  SARTOR_ASSIGN(trees.feature_, Array<std::int64_t>::of(file, "trees.feature"));
  const std::size_t n = trees.feature_.size();
  SARTOR_ASSIGN(trees.left_, Array<std::int64_t>::of(file, "trees.left", n));
  SARTOR_ASSIGN(trees.right_, Array<std::int64_t>::of(file, "trees.right", n));
  SARTOR_ASSIGN(trees.threshold_, Array<double>::of(file, "trees.threshold", n));
  SARTOR_ASSIGN(trees.gain_, Array<float>::of(file, "trees.gain", n));
  SARTOR_ASSIGN(trees.leaf_, Array<double>::of(file, "trees.leaf"));
  // Children come behind their parent, so every walk ends.
  const auto child_ok = [&](std::int64_t child, std::int64_t parent) {
    return child >= 0 ? child > parent && static_cast<std::size_t>(child) < n
                      : static_cast<std::size_t>(~child) < trees.leaf_.size();
  };
  bool whole = true;
  for (const std::int64_t root : trees.root_) whole = whole && child_ok(root, -1);
  for (std::size_t i = 0; i < n; ++i) {
    const auto at = static_cast<std::int64_t>(i);
    whole = whole && child_ok(trees.left_[i], at) && child_ok(trees.right_[i], at) &&
            trees.feature_[i] >= 0 && static_cast<std::size_t>(trees.feature_[i]) < trees.features_;
  }
  if (!whole) return Error{ErrorCode::bad_data, "trees: a node points to what is not there"};
  if (auto masked =
          MaskedTrees::make({trees.root_.span(), trees.feature_.span(), trees.left_.span(),
                             trees.right_.span(), trees.threshold_.span(), trees.leaf_.span()})) {
    trees.masked_ = std::make_shared<const MaskedTrees>(std::move(*masked));
  }
  return trees;
}

Result<Trees> Trees::parse(const std::string& text) {
  const std::vector<KeyValues> blocks = blocks_of(text);
  SARTOR_ASSIGN(const auto last, numbers<int>(blocks.front(), "max_feature_idx"));
  if (last.size() != 1 || last[0] < 0)
    return Error{ErrorCode::bad_data, "trees: max_feature_idx is missing"};
  std::vector<std::int64_t> root, feature, left, right;
  std::vector<double> threshold, leaf;
  std::vector<float> gain;
  for (std::size_t t = 1; t < blocks.size(); ++t) {
    SARTOR_ASSIGN(const auto tree_feature, numbers<std::int64_t>(blocks[t], "split_feature"));
    SARTOR_ASSIGN(const auto tree_left, numbers<std::int64_t>(blocks[t], "left_child"));
    SARTOR_ASSIGN(const auto tree_right, numbers<std::int64_t>(blocks[t], "right_child"));
    SARTOR_ASSIGN(const auto tree_threshold, numbers<double>(blocks[t], "threshold"));
    SARTOR_ASSIGN(const auto tree_gain, numbers<float>(blocks[t], "split_gain"));
    SARTOR_ASSIGN(const auto tree_leaf, numbers<double>(blocks[t], "leaf_value"));
    const auto nodes = static_cast<std::int64_t>(feature.size());
    const auto leaves = static_cast<std::int64_t>(leaf.size());
    const auto placed = [&](std::int64_t child) {
      return child >= 0 ? child + nodes : ~(~child + leaves);
    };
    root.push_back(tree_feature.empty() ? ~leaves : nodes);
    feature.insert(feature.end(), tree_feature.begin(), tree_feature.end());
    for (const std::int64_t child : tree_left) left.push_back(placed(child));
    for (const std::int64_t child : tree_right) right.push_back(placed(child));
    threshold.insert(threshold.end(), tree_threshold.begin(), tree_threshold.end());
    gain.insert(gain.end(), tree_gain.begin(), tree_gain.end());
    leaf.insert(leaf.end(), tree_leaf.begin(), tree_leaf.end());
  }
  // The checks of a file that is loaded hold for one that was parsed.
  Trees trees;
  trees.features_ = static_cast<std::size_t>(last[0]) + 1;
  trees.root_ = std::move(root);
  trees.feature_ = std::move(feature);
  trees.left_ = std::move(left);
  trees.right_ = std::move(right);
  trees.threshold_ = std::move(threshold);
  trees.gain_ = std::move(gain);
  trees.leaf_ = std::move(leaf);
  TensorFile file;
  SARTOR_TRY(trees.save(file));
  return load(file);
}

namespace {

Result<DatasetPtr> make_dataset(const TreeRows& rows, const std::string& parameters) {
  LgbmHandle handle = nullptr;
  SARTOR_TRY(checked(LGBM_DatasetCreateFromMat(
      rows.x.data(), kFloat32, static_cast<std::int32_t>(rows.rows()),
      static_cast<std::int32_t>(rows.features), 1, parameters.c_str(), nullptr, &handle)));
  DatasetPtr dataset(handle);
  SARTOR_TRY(checked(LGBM_DatasetSetField(dataset.get(), "label", rows.label.data(),
                                          static_cast<int>(rows.rows()), kFloat32)));
  if (!rows.in_case.empty()) {
    SARTOR_TRY(checked(LGBM_DatasetSetField(dataset.get(), "group", rows.in_case.data(),
                                            static_cast<int>(rows.in_case.size()), kInt32)));
  }
  return dataset;
}

// Trees [first, first + count) of what has been fitted; count -1: all from there on.
Result<Trees> trees_of(LgbmHandle booster, int first, int count) {
  std::int64_t length = 0;
  constexpr int kGain = 1;
  SARTOR_TRY(
      checked(LGBM_BoosterSaveModelToString(booster, first, count, kGain, 0, &length, nullptr)));
  std::string text(static_cast<std::size_t>(length), '\0');
  SARTOR_TRY(checked(
      LGBM_BoosterSaveModelToString(booster, first, count, kGain, length, &length, text.data())));
  return Trees::parse(text);
}

// The logloss of rows that are not fitted on, as trees are added. LightGBM's own sums it by
// threads.
class HeldOut {
 public:
  HeldOut(const TreeRows& rows, int patience, const Resources& resources)
      : rows_(rows), patience_(patience), resources_(resources), score_(rows.rows()) {}

  // Whether no tree has helped for too long.
  Result<bool> add(const Trees& tree, int round) {
    constexpr std::size_t kRowsPerBlock = 4096;
    std::vector<double> sums((score_.size() + kRowsPerBlock - 1) / kRowsPerBlock);
    SARTOR_TRY(parallel_for(
        resources_, score_.size(), kRowsPerBlock, [&](std::size_t begin, std::size_t end) {
          std::vector<double> added(end - begin);
          tree.score(
              std::span(rows_.x).subspan(begin * rows_.features, added.size() * rows_.features),
              added);
          for (std::size_t r = begin; r < end; ++r) {
            score_[r] += added[r - begin];
            const double s = rows_.label[r] > 0 ? -score_[r] : score_[r];
            sums[begin / kRowsPerBlock] += std::max(s, 0.0) + std::log1p(std::exp(-std::abs(s)));
          }
          return Status{};
        }));
    double loss = 0;
    for (const double sum : sums) loss += sum;
    if (best_ == 0 || loss < best_loss_) {
      best_ = round + 1;
      best_loss_ = loss;
    }
    return round + 1 >= best_ + patience_;
  }
  int best() const { return best_; }

 private:
  const TreeRows& rows_;
  int patience_;
  const Resources& resources_;
  std::vector<double> score_;
  int best_ = 0;  // trees
  double best_loss_ = 0;
};

Result<Trees> boost(const TreeRows& rows, const TreesConfig& config, const Resources& resources,
                    HeldOut* held_out) {
  const auto hits = std::count(rows.label.begin(), rows.label.end(), 1.0f);
  if (hits == 0 || static_cast<std::size_t>(hits) == rows.rows()) {
    return Error{
        ErrorCode::invalid_argument,
        fmt::format("trees: {} of {} rows are hits: nothing to tell apart", hits, rows.rows())};
  }
  const std::string parameters = parameters_of(config, rows.rows(), resources.threads);
  SARTOR_ASSIGN(const DatasetPtr dataset, make_dataset(rows, parameters));
  LgbmHandle handle = nullptr;
  SARTOR_TRY(checked(LGBM_BoosterCreate(dataset.get(), parameters.c_str(), &handle)));
  const BoosterPtr booster(handle);
  for (int round = 0; round < config.rounds; ++round) {
    if (resources.is_cancelled()) return Error{ErrorCode::cancelled, "stopped on request"};
    int finished = 0;
    SARTOR_TRY(checked(LGBM_BoosterUpdateOneIter(booster.get(), &finished)));
    resources.advance();
    if (finished != 0) break;
    if (held_out == nullptr) continue;
    SARTOR_ASSIGN(const Trees tree, trees_of(booster.get(), round, 1));
    SARTOR_ASSIGN(const bool enough, held_out->add(tree, round));
    if (enough) break;
  }
  return trees_of(booster.get(), 0, held_out == nullptr ? -1 : std::max(1, held_out->best()));
}

}  // namespace

Result<Trees> fit_trees(const TreeRows& rows, const TreesConfig& config,
                        const Resources& resources) {
  return boost(rows, config, resources, nullptr);
}

Result<Trees> fit_trees(const TreeRows& rows, const TreeRows& held_out, int patience,
                        const TreesConfig& config, const Resources& resources) {
  HeldOut judge(held_out, patience, resources);
  return boost(rows, config, resources, &judge);
}

}  // namespace sartor
