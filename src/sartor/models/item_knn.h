// Item k-NN: items that the same users take.
#pragma once

#include <string>

#include "sartor/base/fields.h"
#include "sartor/models/decay.h"
#include "sartor/models/gram.h"
#include "sartor/models/model.h"
#include "sartor/models/nearest.h"

namespace sartor {

struct ItemKnnConfig {
  static constexpr std::string_view kFamily = "item_knn";

  int neighbours = 100;
  std::string similarity = "cosine";
  double shrinkage = 20;
  double alpha = 0.5;
  double k1 = 1.2;
  double b = 0.75;
  double half_life_days = kNoDecayDays;
  double train_half_life_days = kNoDecayDays;
  double weight_power = 0;

  // A Gram for fit_item_knn_from_gram.
  GramConfig gram(int max_items) const { return {weight_power, max_items}; }

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"neighbours", &ItemKnnConfig::neighbours, 1, 5000, Scale::log,
              "how many similar items each item keeps"},
        Field{"similarity", &ItemKnnConfig::similarity, "cosine, asymmetric, tfidf or bm25"},
        Field{"shrinkage", &ItemKnnConfig::shrinkage, 0, 1000, Scale::linear,
              "added to the denominator: pulls what few users share to zero; not of bm25"},
        Field{"alpha", &ItemKnnConfig::alpha, 0, 1, Scale::linear,
              "of asymmetric: 0 asks how likely the item is given the other, 1 the reverse, 0.5 is "
              "the cosine"},
        Field{"k1", &ItemKnnConfig::k1, 0.001, 1000, Scale::log,
              "of bm25: how slowly more of the same saturates"},
        Field{"b", &ItemKnnConfig::b, 0, 1, Scale::linear,
              "of bm25: how much an item's popularity counts against it"},
        Field{"half_life_days", &ItemKnnConfig::half_life_days, kShortestHalfLife, kNoDecayDays,
              Scale::log, "days until an item of the user's history counts half; 3650: always"},
        Field{"train_half_life_days", &ItemKnnConfig::train_half_life_days, kShortestHalfLife,
              kNoDecayDays, Scale::log,
              "days until what two items have in common counts half; 3650: always"},
        Field{"weight_power", &ItemKnnConfig::weight_power, 0, 1, Scale::linear,
              "power of the summed signal weights of a user and an item; 0: binary"});
  }
};

// Each item i keeps its `neighbours` most similar others, N(i) (ties by ascending item), and
// score_i = sum over the profile's items j in N(i) of x_j s_ij (Sarwar et al., WWW 2001). With G
// the Gram of gram.h and l the shrinkage:
//   cosine      s_ij = G_ij / (sqrt(G_ii G_jj) + l)
//   asymmetric  s_ij = G_ij / (G_ii^alpha G_jj^(1 - alpha) + l)       (Aiolli, RecSys 2013)
//   tfidf       the cosine of sqrt(x_ui) idf_u, with users in the part of terms: idf_u =
//               ln(items / (1 + items of u)), scaled so that idf^2 is 1 on average
//   bm25        s_ij = sum over users of w_ui w_uj, w_ui = idf_u x_ui (k1 + 1) / (x_ui + k1 (1 - b
//               + b l_i)), l_i = sum of x_ui over i's users / its mean over all items (Robertson
//               and Zaragoza, 2009; the numbers of implicit's BM25Recommender)
// A query without any item that is somebody's neighbour gets popularity between 0 and 1. Rows of G
// are made, used and dropped, so the catalogue may be large.
Result<ModelPtr> fit_item_knn(const FitInput& input, const ItemKnnConfig& config,
                              const Resources& resources);

// The same from a Gram that is at hand: cosine and asymmetric alone, without train_half_life_days.
// The config's weight_power must be the Gram's.
Result<ModelPtr> fit_item_knn_from_gram(const Gram& gram, const ItemKnnConfig& config,
                                        const Resources& resources);

// N(i) of each item, best first, from rows that are at hand; `binary`: every value is 1.
Result<std::vector<std::vector<Similar>>> similar_items(const UserItems& rows,
                                                        std::span<const float> user_weights,
                                                        bool binary, const ItemKnnConfig& config,
                                                        const Resources& resources);

Result<ModelPtr> load_item_knn(const TensorFile& file);

}  // namespace sartor
