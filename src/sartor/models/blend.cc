#include "sartor/models/blend.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "sartor/base/text.h"
#include "sartor/evaluation/evaluate.h"
#include "sartor/models/array.h"
#include "sartor/models/decay.h"
#include "sartor/models/saved_config.h"

namespace sartor {
namespace {

constexpr std::size_t kLanes = 16;

// Eligible items that lie side by side in the catalogue.
struct Stretch {
  std::size_t first;
  std::size_t n;
};

std::vector<Stretch> stretches_of(std::span<const ItemId> eligible) {
  const auto side_by_side = [&](std::size_t i, std::size_t n) {
    return i + n <= eligible.size() && eligible[i + n - 1].index() == eligible[i].index() + n - 1;
  };
  std::vector<Stretch> stretches;
  std::size_t i = 0;
  while (i < eligible.size()) {
    std::size_t n = eligible.size() - i;
    if (!side_by_side(i, n)) {  // most of a catalogue is eligible: they are long
      n = 1;
      while (side_by_side(i, n + kLanes)) n += kLanes;
      while (side_by_side(i, n + 1)) ++n;
    }
    stretches.push_back({eligible[i].index(), n});
    i += n;
  }
  return stretches;
}

// The sum of f over the stretches of `scores`, in kLanes sums side by side.
template <class F>
double sum_over(std::span<const float> scores, std::span<const Stretch> stretches, const F& f) {
  std::array<double, kLanes> lane{};
  for (const Stretch& stretch : stretches) {
    const std::span<const float> part = scores.subspan(stretch.first, stretch.n);
    std::size_t i = 0;
    for (; i + kLanes <= part.size(); i += kLanes) {
      for (std::size_t j = 0; j < kLanes; ++j) lane[j] += f(static_cast<double>(part[i + j]));
    }
    for (std::size_t j = 0; i < part.size(); ++i, ++j) lane[j] += f(static_cast<double>(part[i]));
  }
  return std::accumulate(lane.begin(), lane.end(), 0.0);
}

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
    for (const Stretch& stretch : stretches_of(eligible_.span())) {
      const auto at = static_cast<std::ptrdiff_t>(stretch.first);
      std::copy_n(sum.begin() + at, stretch.n, out.begin() + at);
    }
  }

  bool knows(const Query& query) const override {
    for (std::size_t p = 0; p < parts_.size(); ++p) {
      if (config_.parts[p].weight != 0 && parts_[p]->knows(query)) return true;
    }
    return false;
  }

  std::vector<Contribution> contributions(const Query& query, std::span<const ItemId> items,
                                          std::span<float> scratch) const override {
    return contributions_of(parts_, weights_of(config_.parts), eligible_.span(), query, items,
                            scratch);
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

bool standardise(std::span<float> scores, std::span<const ItemId> eligible) {
  if (eligible.empty()) return true;
  const std::vector<Stretch> stretches = stretches_of(eligible);
  const auto items = static_cast<double>(eligible.size());
  const double mean = sum_over(scores, stretches, [](double score) { return score; }) / items;
  // A sum of floats cannot leave the range of doubles: if it is not finite, one of them is not.
  const bool finite = std::isfinite(mean);
  const double squares =
      sum_over(scores, stretches, [mean](double score) { return (score - mean) * (score - mean); });
  const double sd = std::sqrt(squares / items);
  // Equal scores may differ from their own mean by rounding.
  const bool flat = !finite || !(sd > 1e-12 * std::abs(mean)) || !std::isfinite(sd);
  const double scale = 1 / sd;
  for (const Stretch& stretch : stretches) {
    const std::span<float> part = scores.subspan(stretch.first, stretch.n);
    if (flat) {
      std::fill(part.begin(), part.end(), 0.0f);
    } else {
      for (float& score : part) score = static_cast<float>((score - mean) * scale);
    }
  }
  return finite;
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

std::vector<double> weights_of(std::span<const BlendPart> parts) {
  std::vector<double> weights;
  for (const BlendPart& part : parts) weights.push_back(part.weight);
  return weights;
}

std::vector<Contribution> contributions_of(std::span<const ModelPtr> parts,
                                           std::span<const double> weights,
                                           std::span<const ItemId> eligible, const Query& query,
                                           std::span<const ItemId> items,
                                           std::span<float> scratch) {
  bool stranger = true;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    stranger = stranger && (weights[p] == 0 || !parts[p]->knows(query));
  }
  std::vector<Contribution> all;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    if (weights[p] == 0 || !(stranger || parts[p]->knows(query))) continue;
    parts[p]->score(query, scratch);
    standardise(scratch, eligible);
    Contribution one{.component = parts[p].get(), .amounts = {}};
    for (const ItemId item : items) {
      one.amounts.push_back(static_cast<float>(weights[p]) * scratch[item.index()]);
    }
    all.push_back(std::move(one));
  }
  return all;
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
