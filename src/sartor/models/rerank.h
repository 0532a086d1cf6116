// Re-ranker: a blend draws up a short list, and trees that were fitted on earlier windows put it in
// order by what they know about each item and the user (rerank_features.h).
#pragma once

#include <string>
#include <vector>

#include "sartor/base/fields.h"
#include "sartor/models/blend.h"
#include "sartor/models/rerank_features.h"
#include "sartor/models/trees.h"

namespace sartor {

struct RerankConfig {
  static constexpr std::string_view kFamily = "rerank";

  std::vector<BlendPart> parts;
  int candidates = 150;
  bool repeat = false;

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"parts", &RerankConfig::parts, "components of the blend that draws up the list"},
        Field{"candidates", &RerankConfig::candidates, 1, 10000, Scale::fixed,
              "length of the list that is put in order"},
        Field{"repeat", &RerankConfig::repeat,
              "whether what the user has taken may be on the list"});
  }
};

// A blend as of one moment, ready to draw up lists. The components must outlive nothing: they are
// shared.
struct Shortlister {
  RerankConfig config;
  std::vector<ModelPtr> parts;  // one per part of the config
  Array<ItemId> eligible;
  ItemFacts facts;
};

// Fails like make_blend.
Result<Shortlister> make_shortlister(const ModelMap& components, const RerankConfig& config,
                                     std::vector<ItemId> eligible, ItemFacts facts);

// The same at a later moment of the log: parts, facts and what may be listed (Model::advanced).
Shortlister advanced(const Shortlister& shortlister, const History& before, const History& now);

// The training rows of `cases`: for each with a target on its list, the features of the best
// `depth` items, labelled by whether they were taken. In the order of the cases, those with moments
// of their own in time order.
Result<TreeRows> rerank_rows(const Shortlister& shortlister, const Cases& cases,
                             const History& history, std::size_t depth, const Resources& resources);

// score: the list's items by the trees; all others below, in the blend's order; kNotEligible for
// what may not be listed.
Result<ModelPtr> make_rerank(Shortlister shortlister, Trees trees);
Result<ModelPtr> load_rerank(const TensorFile& file, const ModelMap& components);

// Of a model that make_rerank made: name and share of the gain of every feature, largest first.
std::vector<std::pair<std::string, double>> rerank_importance(const Model& model);

}  // namespace sartor
