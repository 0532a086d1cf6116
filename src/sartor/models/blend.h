// Blend: a weighted sum of components, each standardised over the items that may be listed, so that
// a weight means the same whatever a component's scale.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sartor/base/fields.h"
#include "sartor/models/model.h"

namespace sartor {

// In place: z = (score - mean) / sd over `eligible` (ascending), 0 where sd is 0. Sums are doubles,
// always in the same order. Other items' scores are left as they are. Whether all scores of
// `eligible` were finite; if not, they are all 0 now.
bool standardise(std::span<float> scores, std::span<const ItemId> eligible);

// The model's scores, standardised; zeros for `eligible` where the model does not know the query.
// What a blend adds up, and what a tuning may keep: mix() of kept scores has the blend's own bits.
void standardised_scores(const Model& model, const Query& query, std::span<const ItemId> eligible,
                         std::span<float> out);

// out += weight * scores.
void mix(std::span<float> out, double weight, std::span<const float> scores);

struct BlendPart;
std::vector<double> weights_of(std::span<const BlendPart> parts);

// Model::contributions of such a sum. `parts` and `weights` are of one length.
std::vector<Contribution> contributions_of(std::span<const ModelPtr> parts,
                                           std::span<const double> weights,
                                           std::span<const ItemId> eligible, const Query& query,
                                           std::span<const ItemId> items, std::span<float> scratch);

inline constexpr float kNotEligible = -1e30f;

struct BlendPart {
  std::string component;  // its name in the map of components
  double weight = 1;
  std::optional<double> half_life_days;  // instead of the component's own

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"component", &BlendPart::component, "name of the component"},
        Field{"weight", &BlendPart::weight, -1e6, 1e6, Scale::linear, "of its standardised score"},
        Field{"half_life_days", &BlendPart::half_life_days,
              "instead of the component's own half-life"});
  }
};

struct BlendConfig {
  static constexpr std::string_view kFamily = "blend";

  std::vector<BlendPart> parts;

  static constexpr auto fields() {
    return std::make_tuple(Field{"parts", &BlendConfig::parts, "components and their weights"});
  }
};

// The models of parts, with their half-lives, which are brought into the configs' range. Fails with
// `invalid_argument`, naming `family`, if there is no part or a component is unknown (naming the
// nearest), null, has a weight that is not finite, or has no half-life where one is given.
Result<std::vector<ModelPtr>> parts_of(const ModelMap& components, std::vector<BlendPart>& parts,
                                       std::string_view family);

// score = sum over parts, in their order, of weight * standardised score, over `eligible`
// (ascending, not empty); kNotEligible for every other item. A part that does not know the query
// counts 0; if none with a weight does, their guesses for a stranger are summed. Fails like
// parts_of.
Result<ModelPtr> make_blend(const ModelMap& components, const BlendConfig& config,
                            std::vector<ItemId> eligible);

// `components` must hold the names the blend was made from.
Result<ModelPtr> load_blend(const TensorFile& file, const ModelMap& components);

}  // namespace sartor
