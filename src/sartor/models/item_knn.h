// Item k-NN: items that the same users take, by shrunk cosine.
#pragma once

#include "sartor/base/fields.h"
#include "sartor/models/decay.h"
#include "sartor/models/gram.h"
#include "sartor/models/model.h"

namespace sartor {

struct ItemKnnConfig {
  int neighbours = 100;
  double shrinkage = 20;
  double half_life_days = kNoDecayDays;
  double weight_power = 0;

  // A Gram for fit_item_knn_from_gram.
  GramConfig gram(int max_items) const { return {weight_power, max_items}; }

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"neighbours", &ItemKnnConfig::neighbours, 1, 5000, Scale::log,
              "how many similar items each item keeps"},
        Field{"shrinkage", &ItemKnnConfig::shrinkage, 0, 1000, Scale::linear,
              "added to the cosine's denominator: pulls what few users share to zero"},
        Field{"half_life_days", &ItemKnnConfig::half_life_days, kShortestHalfLife, kNoDecayDays,
              Scale::log, "days until an item of the user's history counts half; 3650: always"},
        Field{"weight_power", &ItemKnnConfig::weight_power, 0, 1, Scale::linear,
              "power of the summed signal weights of a user and an item; 0: binary"});
  }
};

// s_ij = G_ij / (sqrt(G_ii G_jj) + shrinkage), G the Gram of gram.h. Each item i keeps its
// `neighbours` most similar others, N(i) (ties by ascending item), and score_i = sum over the
// profile's items j in N(i) of x_j s_ij (Sarwar et al., WWW 2001). A query without any item that is
// somebody's neighbour gets popularity between 0 and 1. Rows of G are made, used and dropped, so
// the catalogue may be large.
Result<ModelPtr> fit_item_knn(const FitInput& input, const ItemKnnConfig& config,
                              const Resources& resources);

// The same from a Gram that is at hand. The config's weight_power must be the Gram's.
Result<ModelPtr> fit_item_knn_from_gram(const Gram& gram, const ItemKnnConfig& config,
                                        const Resources& resources);

struct Similar {
  float similarity = 0;
  std::uint32_t item = 0;
  // The more similar first; equal ones by ascending item.
  bool operator<(const Similar& other) const {
    return similarity > other.similarity || (similarity == other.similarity && item < other.item);
  }
};

// N(i) of each item, best first, from rows that are at hand; `binary`: every value is 1.
Result<std::vector<std::vector<Similar>>> similar_items(const UserItems& rows,
                                                        std::span<const float> user_weights,
                                                        bool binary, const ItemKnnConfig& config,
                                                        const Resources& resources);

Result<ModelPtr> load_item_knn(const TensorFile& file);

}  // namespace sartor
