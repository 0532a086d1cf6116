#include "sartor/models/item_knn.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sartor/models/array.h"
#include "sartor/models/saved_config.h"
#include "sartor/models/user_items.h"

namespace sartor {
namespace {

constexpr std::size_t kNeighboursPerBlock = 64;

// For each item j of the catalogue the items i that count it among their neighbours, ascending:
// what having j adds to whose score.
struct NeighbourLists {
  Array<std::uint64_t> begin;  // catalogue + 1
  Array<ItemId> item;
  Array<float> similarity;
  Array<float> strangers;  // per item of the catalogue
};

class ItemKnn final : public Model {
 public:
  ItemKnn(NeighbourLists neighbours, ItemKnnConfig config, FitNotes notes)
      : neighbours_(std::move(neighbours)), config_(config), notes_(std::move(notes)) {
    config_.half_life_days = normal_half_life(config.half_life_days);
  }

  std::string_view family() const override { return ItemKnnConfig::kFamily; }

  void score(const Query& query, std::span<float> out) const override {
    if (!knows(query)) {
      std::copy(neighbours_.strangers.begin(), neighbours_.strangers.end(), out.begin());
      return;
    }
    std::fill(out.begin(), out.end(), 0.0f);
    for (const auto [item, x] :
         profile(query, catalogue(), config_.weight_power, config_.half_life_days)) {
      if (query.is_late()) return;
      for (std::size_t at = neighbours_.begin[item]; at < neighbours_.begin[item + 1]; ++at) {
        out[neighbours_.item[at].index()] += x * neighbours_.similarity[at];
      }
    }
  }

  bool knows(const Query& query) const override {
    return std::any_of(query.history.begin(), query.history.end(), [&](const Interaction& row) {
      const std::size_t i = row.item.index();
      return i < catalogue() && neighbours_.begin[i + 1] > neighbours_.begin[i];
    });
  }

  ModelPtr with_half_life(double days) const override {
    ItemKnnConfig config = config_;
    config.half_life_days = days;
    return std::make_shared<ItemKnn>(neighbours_, config, notes_);
  }

  Status save(TensorFile& out) const override {
    save_config(out, config_);
    out.add("begin", neighbours_.begin.span());
    out.add("items", neighbours_.item.span());
    out.add("similarities", neighbours_.similarity.span());
    out.add("strangers", neighbours_.strangers.span());
    return {};
  }

  FitNotes notes() const override { return notes_; }

 private:
  std::size_t catalogue() const { return neighbours_.strangers.size(); }

  NeighbourLists neighbours_;
  ItemKnnConfig config_;
  FitNotes notes_;
};

// The other way round: by neighbour. `items` names the rows.
NeighbourLists packed(const std::vector<std::vector<Similar>>& rows, std::span<const ItemId> items,
                      std::size_t catalogue, std::vector<float> strangers) {
  std::vector<std::uint64_t> begin(catalogue + 1, 0);
  for (const auto& row : rows) {
    for (const Similar& similar : row) ++begin[items[similar.item].index() + 1];
  }
  for (std::size_t i = 0; i < catalogue; ++i) begin[i + 1] += begin[i];
  std::vector<ItemId> item(begin.back());
  std::vector<float> similarity(begin.back());
  std::vector<std::uint64_t> next(begin.begin(), begin.end() - 1);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (const Similar& similar : rows[i]) {
      const std::uint64_t at = next[items[similar.item].index()]++;
      item[at] = items[i];
      similarity[at] = similar.similarity;
    }
  }
  return {std::move(begin), std::move(item), std::move(similarity), std::move(strangers)};
}

constexpr const char* kSimilarities[] = {"cosine", "asymmetric", "tfidf", "bm25"};

Status check_item_knn(const ItemKnnConfig& config) {
  SARTOR_TRY(check_config(config));
  for (const char* known : kSimilarities) {
    if (config.similarity == known) return {};
  }
  return Error{ErrorCode::invalid_argument,
               fmt::format("item_knn.similarity: '{}'; expected '{}'", config.similarity,
                           fmt::join(kSimilarities, "', '"))};
}

// The matrix that a similarity is made of.
struct Weighted {
  std::vector<float> user_weights;
  std::vector<float> values;  // empty: those of the rows
  SimilarityScale scale;
};

// G's diagonal.
std::vector<float> diagonal(const UserItems& rows, std::span<const float> values,
                            std::span<const float> user_weights, bool binary) {
  std::vector<float> sums(rows.items, 0.0f);
  for (std::size_t u = 0; u < rows.users(); ++u) {
    const float weight = user_weights.empty() ? 1.0f : user_weights[u];
    for (std::size_t e = rows.begin[u]; e < rows.begin[u + 1]; ++e) {
      sums[rows.item[e]] += binary ? weight : weight * (values[e] * values[e]);
    }
  }
  return sums;
}

SimilarityScale cosine_scale(std::span<const float> diagonal_of_g, const ItemKnnConfig& config) {
  SimilarityScale scale{.shrinkage = static_cast<float>(config.shrinkage)};
  const double alpha = config.similarity == "asymmetric" ? config.alpha : 0.5;
  for (const float g : diagonal_of_g) {
    const auto power = [&](double p) {
      return p == 0.5 ? std::sqrt(g) : static_cast<float>(std::pow(g, p));
    };
    scale.left.push_back(power(alpha));
    scale.right.push_back(power(1 - alpha));
  }
  return scale;
}

// idf_u^2, times the given weights.
std::vector<float> idf_squared(const UserItems& rows, std::span<const float> user_weights) {
  std::vector<float> out(rows.users());
  for (std::size_t u = 0; u < rows.users(); ++u) {
    const auto n = static_cast<double>(rows.begin[u + 1] - rows.begin[u]);
    const double idf = std::log(static_cast<double>(rows.items)) - std::log1p(n);
    out[u] = static_cast<float>(idf * idf) * (user_weights.empty() ? 1.0f : user_weights[u]);
  }
  return out;
}

// Scales the weights so that an entry's is 1 on average: shrinkage stays a number of users.
void normalise(const UserItems& rows, std::vector<float>& user_weights) {
  double sum = 0;
  for (std::size_t u = 0; u < rows.users(); ++u) {
    sum += static_cast<double>(rows.begin[u + 1] - rows.begin[u]) * user_weights[u];
  }
  if (sum <= 0) return;
  const auto factor = static_cast<float>(static_cast<double>(rows.item.size()) / sum);
  for (float& weight : user_weights) weight *= factor;
}

// Robertson's k1 (1 - b + b l_i) of each item.
std::vector<float> bm25_lengths(const UserItems& rows, std::span<const float> user_weights,
                                const ItemKnnConfig& config) {
  std::vector<double> sums(rows.items, 0.0);
  double total = 0;
  for (std::size_t u = 0; u < rows.users(); ++u) {
    const double weight = user_weights.empty() ? 1.0 : user_weights[u];
    for (std::size_t e = rows.begin[u]; e < rows.begin[u + 1]; ++e) {
      sums[rows.item[e]] += weight * rows.value[e];
      total += weight * rows.value[e];
    }
  }
  const double mean = total > 0 ? total / static_cast<double>(rows.items) : 1.0;
  std::vector<float> out(rows.items);
  for (std::size_t i = 0; i < rows.items; ++i) {
    out[i] = static_cast<float>(config.k1 * (1 - config.b + config.b * sums[i] / mean));
  }
  return out;
}

// On binary rows w_ui depends on i and u alone, so it goes into the scale, and the rows stay as
// they are.
Weighted bm25(const UserItems& rows, std::span<const float> user_weights, bool binary,
              const ItemKnnConfig& config) {
  Weighted out{.user_weights = idf_squared(rows, user_weights)};
  const std::vector<float> length = bm25_lengths(rows, user_weights, config);
  const auto k1 = static_cast<float>(config.k1);
  out.scale.left.assign(rows.items, 1.0f);
  if (binary) {
    for (std::size_t i = 0; i < rows.items; ++i) out.scale.left[i] = (1 + length[i]) / (1 + k1);
  } else {
    for (std::size_t e = 0; e < rows.item.size(); ++e) {
      const float x = rows.value[e];
      out.values.push_back(x * (k1 + 1) / (x + length[rows.item[e]]));
    }
  }
  out.scale.right = out.scale.left;
  return out;
}

Weighted weighted(const UserItems& rows, std::span<const float> user_weights, bool binary,
                  const ItemKnnConfig& config) {
  if (config.similarity == "bm25") return bm25(rows, user_weights, binary, config);
  Weighted out{.user_weights = {user_weights.begin(), user_weights.end()}};
  if (config.similarity == "tfidf") {
    out.user_weights = idf_squared(rows, user_weights);
    normalise(rows, out.user_weights);
    if (!binary) {
      for (const float x : rows.value) out.values.push_back(std::sqrt(x));
    }
  }
  const std::span<const float> values = out.values.empty() ? rows.value : out.values;
  out.scale = cosine_scale(diagonal(rows, values, out.user_weights, binary), config);
  return out;
}

}  // namespace

Result<std::vector<std::vector<Similar>>> similar_items(const UserItems& rows,
                                                        std::span<const float> user_weights,
                                                        bool binary, const ItemKnnConfig& config,
                                                        const Resources& resources) {
  SARTOR_TRY(check_item_knn(config));
  const Weighted made = weighted(rows, user_weights, binary, config);
  const std::span<const float> values = made.values.empty() ? rows.value : made.values;
  return nearest_items(rows, values, made.user_weights, binary, made.scale,
                       static_cast<std::size_t>(config.neighbours), resources);
}

Result<ModelPtr> fit_item_knn(const FitInput& input, const ItemKnnConfig& config,
                              const Resources& resources) {
  SARTOR_TRY(check_item_knn(config));
  SARTOR_TRY(check_fit_input(input, ItemKnnConfig::kFamily));
  SARTOR_ASSIGN(const UserItems rows, user_items(*input.history, config.weight_power, resources,
                                                 config.train_half_life_days));
  const bool binary = config.weight_power == 0 && !decays(config.train_half_life_days);
  SARTOR_ASSIGN(const auto neighbours,
                similar_items(rows, input.user_weights, binary, config, resources));
  std::vector<ItemId> items(rows.items);
  for (std::uint32_t i = 0; i < rows.items; ++i) items[i] = ItemId{i};
  return ModelPtr(std::make_shared<ItemKnn>(
      packed(neighbours, items, rows.items, stranger_scores(item_totals(input))), config,
      FitNotes{}));
}

Result<ModelPtr> fit_item_knn_from_gram(const Gram& gram, const ItemKnnConfig& config,
                                        const Resources& resources) {
  SARTOR_TRY(check_item_knn(config));
  const bool of_users = config.similarity == "tfidf" || config.similarity == "bm25";
  if (of_users || decays(config.train_half_life_days)) {
    return Error{ErrorCode::invalid_argument,
                 fmt::format("item_knn: {} cannot be had from a Gram matrix",
                             of_users ? config.similarity : "train_half_life_days")};
  }
  if (config.weight_power != gram.weight_power) {
    return Error{ErrorCode::invalid_argument,
                 fmt::format("item_knn: weight_power {} with a matrix made with {}",
                             config.weight_power, gram.weight_power)};
  }
  const std::size_t n = gram.items.size();
  std::vector<float> diagonal_of_g(n);
  std::vector<float> strangers(gram.catalogue, 0.0f);
  for (std::size_t k = 0; k < n; ++k) {
    diagonal_of_g[k] = gram.values(k, k);
    strangers[gram.items[k].index()] = gram.strangers[k];
  }
  const SimilarityScale scale = cosine_scale(diagonal_of_g, config);
  std::vector<std::vector<Similar>> neighbours(n);
  SARTOR_TRY(parallel_for(resources, n, kNeighboursPerBlock,
                          [&](std::size_t begin, std::size_t end) -> Status {
                            for (std::size_t i = begin; i < end; ++i) {
                              Nearest nearest(static_cast<std::size_t>(config.neighbours));
                              for (std::uint32_t j = 0; j < n; ++j) {
                                const float g = gram.values(i, j);
                                if (j != i && g > 0) nearest.offer({scale.similarity(g, i, j), j});
                              }
                              neighbours[i] = nearest.take();
                            }
                            return {};
                          }));
  return ModelPtr(std::make_shared<ItemKnn>(
      packed(neighbours, gram.items, gram.catalogue, std::move(strangers)), config, gram.notes));
}

Result<ModelPtr> load_item_knn(const TensorFile& file) {
  SARTOR_ASSIGN(const auto config, load_config<ItemKnnConfig>(file));
  NeighbourLists out;
  SARTOR_ASSIGN(out.strangers, Array<float>::of(file, "strangers"));
  SARTOR_ASSIGN(out.begin, Array<std::uint64_t>::of(file, "begin", out.strangers.size() + 1));
  const std::size_t n = out.begin[out.strangers.size()];
  SARTOR_ASSIGN(out.item, Array<ItemId>::of(file, "items", n));
  SARTOR_ASSIGN(out.similarity, Array<float>::of(file, "similarities", n));
  return ModelPtr(std::make_shared<ItemKnn>(std::move(out), config, FitNotes{}));
}

}  // namespace sartor
