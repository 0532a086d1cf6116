#include "sartor/models/item_knn.h"

#include <algorithm>
#include <cmath>

#include "sartor/models/array.h"
#include "sartor/models/saved_config.h"
#include "sartor/models/user_items.h"

namespace sartor {
namespace {

constexpr std::string_view kFamily = "item_knn";
constexpr std::size_t kRowsPerBlock = 64;

// For each item j of the catalogue the items i that count it among their neighbours, ascending:
// what having j adds to whose score.
struct Neighbours {
  Array<std::uint64_t> begin;  // catalogue + 1
  Array<ItemId> item;
  Array<float> similarity;
  Array<float> strangers;  // per item of the catalogue
};

class ItemKnn final : public Model {
 public:
  ItemKnn(Neighbours neighbours, ItemKnnConfig config, FitNotes notes)
      : neighbours_(std::move(neighbours)), config_(config), notes_(std::move(notes)) {
    config_.half_life_days = normal_half_life(config.half_life_days);
  }

  std::string_view family() const override { return kFamily; }

  void score(const Query& query, std::span<float> out) const override {
    if (!knows(query)) {
      std::copy(neighbours_.strangers.begin(), neighbours_.strangers.end(), out.begin());
      return;
    }
    std::fill(out.begin(), out.end(), 0.0f);
    for (const auto [item, x] :
         profile(query, catalogue(), config_.weight_power, config_.half_life_days)) {
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
    save_config(out, kFamily, config_);
    out.add("begin", neighbours_.begin.span());
    out.add("items", neighbours_.item.span());
    out.add("similarities", neighbours_.similarity.span());
    out.add("strangers", neighbours_.strangers.span());
    return {};
  }

  FitNotes notes() const override { return notes_; }

 private:
  std::size_t catalogue() const { return neighbours_.strangers.size(); }

  Neighbours neighbours_;
  ItemKnnConfig config_;
  FitNotes notes_;
};

// The best of one row of G, best first. `norms` are the square roots of G's diagonal.
void best_of_row(std::size_t i, std::span<const float> row, std::span<const std::uint32_t> columns,
                 std::span<const float> norms, const ItemKnnConfig& config,
                 std::vector<Similar>& best) {
  best.clear();
  const auto shrinkage = static_cast<float>(config.shrinkage);
  for (const std::uint32_t j : columns) {
    if (j == i || !(row[j] > 0)) continue;
    best.push_back({row[j] / (norms[i] * norms[j] + shrinkage), j});
  }
  const auto k = std::min<std::size_t>(best.size(), static_cast<std::size_t>(config.neighbours));
  const auto middle = best.begin() + static_cast<std::ptrdiff_t>(k);
  std::nth_element(best.begin(), middle, best.end());
  best.resize(k);
  std::sort(best.begin(), best.end());
}

// Neighbours of every row, made block by block: `row_of(i, row, columns)` gives row i of G and the
// columns that may be above 0.
template <class RowOf>
Result<std::vector<std::vector<Similar>>> neighbour_rows(std::size_t n,
                                                         std::span<const float> norms,
                                                         const ItemKnnConfig& config,
                                                         const Resources& resources,
                                                         const RowOf& row_of) {
  std::vector<std::vector<Similar>> rows(n);
  SARTOR_TRY(
      parallel_for(resources, n, kRowsPerBlock, [&](std::size_t begin, std::size_t end) -> Status {
        std::vector<float> scratch(n, 0.0f);
        std::vector<std::uint32_t> columns;
        std::vector<Similar> best;
        for (std::size_t i = begin; i < end; ++i) {
          const std::span<const float> row = row_of(i, scratch, columns);
          best_of_row(i, row, columns, norms, config, best);
          rows[i] = best;
        }
        return {};
      }));
  return rows;
}

// The other way round: by neighbour. `items` names the rows.
Neighbours packed(const std::vector<std::vector<Similar>>& rows, std::span<const ItemId> items,
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

// Square roots of G's diagonal.
std::vector<float> norms_of(const UserItems& rows, std::span<const float> user_weights,
                            bool binary) {
  std::vector<float> norms(rows.items, 0.0f);
  for (std::size_t u = 0; u < rows.users(); ++u) {
    const float weight = user_weights.empty() ? 1.0f : user_weights[u];
    for (std::size_t e = rows.begin[u]; e < rows.begin[u + 1]; ++e) {
      norms[rows.item[e]] += binary ? weight : weight * (rows.value[e] * rows.value[e]);
    }
  }
  for (float& norm : norms) norm = std::sqrt(norm);
  return norms;
}

}  // namespace

Result<std::vector<std::vector<Similar>>> similar_items(const UserItems& rows,
                                                        std::span<const float> user_weights,
                                                        bool binary, const ItemKnnConfig& config,
                                                        const Resources& resources) {
  const ItemUsers columns = item_users(rows);
  const GramRows gram(rows, columns, user_weights, binary);
  return neighbour_rows(rows.items, norms_of(rows, user_weights, binary), config, resources,
                        [&](std::size_t i, std::vector<float>& row,
                            std::vector<std::uint32_t>& touched) -> std::span<const float> {
                          for (const std::uint32_t j : touched) row[j] = 0;
                          touched.clear();
                          gram.add(i, row, touched);
                          return row;
                        });
}

Result<ModelPtr> fit_item_knn(const FitInput& input, const ItemKnnConfig& config,
                              const Resources& resources) {
  SARTOR_TRY(check_config(config, kFamily));
  SARTOR_TRY(check_fit_input(input, kFamily));
  SARTOR_ASSIGN(const UserItems rows, user_items(*input.history, config.weight_power, resources));
  SARTOR_ASSIGN(const auto neighbours, similar_items(rows, input.user_weights,
                                                     config.weight_power == 0, config, resources));
  std::vector<ItemId> items(rows.items);
  for (std::uint32_t i = 0; i < rows.items; ++i) items[i] = ItemId{i};
  return ModelPtr(std::make_shared<ItemKnn>(
      packed(neighbours, items, rows.items, stranger_scores(item_totals(input))), config,
      FitNotes{}));
}

Result<ModelPtr> fit_item_knn_from_gram(const Gram& gram, const ItemKnnConfig& config,
                                        const Resources& resources) {
  SARTOR_TRY(check_config(config, kFamily));
  if (config.weight_power != gram.weight_power) {
    return Error{ErrorCode::invalid_argument,
                 fmt::format("item_knn: weight_power {} with a matrix made with {}",
                             config.weight_power, gram.weight_power)};
  }
  const std::size_t n = gram.items.size();
  std::vector<float> norms(n);
  std::vector<std::uint32_t> every(n);
  std::vector<float> strangers(gram.catalogue, 0.0f);
  for (std::size_t k = 0; k < n; ++k) {
    norms[k] = std::sqrt(gram.values(k, k));
    every[k] = static_cast<std::uint32_t>(k);
    strangers[gram.items[k].index()] = gram.strangers[k];
  }
  SARTOR_ASSIGN(const auto neighbours,
                neighbour_rows(n, norms, config, resources,
                               [&](std::size_t i, std::vector<float>&,
                                   std::vector<std::uint32_t>& columns) -> std::span<const float> {
                                 if (columns.empty()) columns = every;
                                 return gram.values.row(i);
                               }));
  return ModelPtr(std::make_shared<ItemKnn>(
      packed(neighbours, gram.items, gram.catalogue, std::move(strangers)), config, gram.notes));
}

Result<ModelPtr> load_item_knn(const TensorFile& file) {
  SARTOR_ASSIGN(const auto config, load_config<ItemKnnConfig>(file, kFamily));
  Neighbours out;
  SARTOR_ASSIGN(out.strangers, Array<float>::of(file, "strangers"));
  SARTOR_ASSIGN(out.begin, Array<std::uint64_t>::of(file, "begin", out.strangers.size() + 1));
  const std::size_t n = out.begin[out.strangers.size()];
  SARTOR_ASSIGN(out.item, Array<ItemId>::of(file, "items", n));
  SARTOR_ASSIGN(out.similarity, Array<float>::of(file, "similarities", n));
  return ModelPtr(std::make_shared<ItemKnn>(std::move(out), config, FitNotes{}));
}

}  // namespace sartor
