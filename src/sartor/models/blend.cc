#include "sartor/models/blend.h"

#include <algorithm>
#include <cmath>

#include "sartor/base/text.h"
#include "sartor/evaluation/evaluate.h"
#include "sartor/models/array.h"
#include "sartor/models/decay.h"
#include "sartor/models/saved_config.h"

namespace sartor {
namespace {

class Blend final : public Model {
 public:
  Blend(std::vector<ModelPtr> parts, BlendConfig config, Array<ItemId> eligible)
      : parts_(std::move(parts)), config_(std::move(config)), eligible_(std::move(eligible)) {}

  std::string_view family() const override { return BlendConfig::kFamily; }

  void score(const Query& query, std::span<float> out) const override {
    const bool stranger = !knows(query);
    std::vector<float> sum(out.size(), 0.0f);
    for (std::size_t p = 0; p < parts_.size(); ++p) {
      const double weight = config_.parts[p].weight;
      if (weight == 0) continue;
      if (query.is_late()) return;
      if (stranger) {
        parts_[p]->score(query, out);
        standardise(out, eligible_.span());
      } else {
        standardised_scores(*parts_[p], query, eligible_.span(), out);
      }
      mix(sum, weight, out);
    }
    std::fill(out.begin(), out.end(), kNotEligible);
    for (const ItemId item : eligible_) out[item.index()] = sum[item.index()];
  }

  bool knows(const Query& query) const override {
    for (std::size_t p = 0; p < parts_.size(); ++p) {
      if (config_.parts[p].weight != 0 && parts_[p]->knows(query)) return true;
    }
    return false;
  }

  ModelPtr advanced(const History& before, const History& now) const override {
    std::vector<ModelPtr> parts;
    for (const ModelPtr& part : parts_) parts.push_back(sartor::advanced(part, before, now));
    return std::make_shared<Blend>(std::move(parts), config_, eligible_items(now));
  }

  Status save(TensorFile& out) const override {
    save_config(out, config_);
    out.add("eligible", eligible_.span());
    return {};
  }

 private:
  std::vector<ModelPtr> parts_;  // one per part of the config
  BlendConfig config_;
  Array<ItemId> eligible_;
};

Result<ModelPtr> component_of(const BlendPart& part, const ModelMap& components,
                              std::string_view family) {
  const auto fail = [&](const std::string& message) {
    return Error{ErrorCode::invalid_argument,
                 fmt::format("{}: component '{}' {}", family, part.component, message)};
  };
  const auto found = components.find(part.component);
  if (found == components.end() || found->second == nullptr) {
    std::vector<std::string> names;
    for (const auto& [name, model] : components) names.push_back(name);
    return fail("does not exist" + did_you_mean(part.component, names));
  }
  if (!std::isfinite(part.weight)) return fail("has a weight that is not finite");
  if (!part.half_life_days) return found->second;
  ModelPtr changed = found->second->with_half_life(*part.half_life_days);
  if (changed == nullptr) return fail("has no half-life");
  return changed;
}

Result<ModelPtr> assemble(const ModelMap& components, BlendConfig config, Array<ItemId> eligible) {
  if (eligible.empty()) {
    return Error{ErrorCode::invalid_argument, "blend: no item may be listed"};
  }
  SARTOR_ASSIGN(std::vector<ModelPtr> parts,
                parts_of(components, config.parts, BlendConfig::kFamily));
  return ModelPtr(
      std::make_shared<Blend>(std::move(parts), std::move(config), std::move(eligible)));
}

}  // namespace

Result<std::vector<ModelPtr>> parts_of(const ModelMap& components, std::vector<BlendPart>& parts,
                                       std::string_view family) {
  if (parts.empty())
    return Error{ErrorCode::invalid_argument, fmt::format("{}: no components", family)};
  std::vector<ModelPtr> models;
  for (BlendPart& part : parts) {
    if (part.half_life_days) part.half_life_days = normal_half_life(*part.half_life_days);
    SARTOR_ASSIGN(ModelPtr model, component_of(part, components, family));
    models.push_back(std::move(model));
  }
  return models;
}

void standardise(std::span<float> scores, std::span<const ItemId> eligible) {
  if (eligible.empty()) return;
  const auto n = static_cast<double>(eligible.size());
  double sum = 0;
  for (const ItemId item : eligible) sum += scores[item.index()];
  const double mean = sum / n;
  double squares = 0;
  for (const ItemId item : eligible) {
    const double off = scores[item.index()] - mean;
    squares += off * off;
  }
  const double sd = std::sqrt(squares / n);
  // Equal scores may differ from their own mean by rounding.
  const bool flat = !(sd > 1e-12 * std::abs(mean)) || !std::isfinite(sd);
  for (const ItemId item : eligible) {
    float& score = scores[item.index()];
    score = flat ? 0.0f : static_cast<float>((score - mean) / sd);
  }
}

void standardised_scores(const Model& model, const Query& query, std::span<const ItemId> eligible,
                         std::span<float> out) {
  if (!model.knows(query)) {
    std::fill(out.begin(), out.end(), 0.0f);
    return;
  }
  model.score(query, out);
  standardise(out, eligible);
}

void mix(std::span<float> out, double weight, std::span<const float> scores) {
  const auto w = static_cast<float>(weight);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] += w * scores[i];
}

Result<ModelPtr> make_blend(const ModelMap& components, const BlendConfig& config,
                            std::vector<ItemId> eligible) {
  return assemble(components, config, std::move(eligible));
}

Result<ModelPtr> load_blend(const TensorFile& file, const ModelMap& components) {
  SARTOR_ASSIGN(auto config, load_config<BlendConfig>(file));
  SARTOR_ASSIGN(auto eligible, Array<ItemId>::of(file, "eligible"));
  return assemble(components, std::move(config), std::move(eligible));
}

}  // namespace sartor
