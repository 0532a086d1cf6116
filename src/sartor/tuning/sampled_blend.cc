#include "sartor/tuning/sampled_blend.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "sartor/stats/paired.h"
#include "sartor/tuning/sampler.h"

namespace sartor {
namespace {

constexpr double kLeastWeight = 1e-3;   // of a blend's weight, that a range goes down to
constexpr double kNothingBelow = 0.05;  // share of a weight's range that stands for none

// The range of a slot's weight around the start's; where that is none, up to half of the largest.
Parameter weight_range(const std::string& name, double weight, double largest, double reach) {
  const double factor = std::pow(reach, 3);
  const double middle = weight > 0 ? std::max(weight, kLeastWeight) : largest / 8;
  const double high = weight > 0 ? std::min(middle * factor, 1.0) : largest / 2;
  const double low = std::max(middle / factor, kLeastWeight);
  return Parameter::real(name, std::min(low, high / 2), high, Scale::log);
}

void to_sum_one(std::vector<float>& weights) {
  double sum = 0;
  for (const float weight : weights) sum += weight;
  for (float& weight : weights) weight = static_cast<float>(weight / sum);
}

}  // namespace

Result<BlendSpace> BlendSpace::make(std::span<const Slot> slots, const BlendPoint& start,
                                    const BlendSearchOptions& options) {
  const float largest = *std::max_element(start.weight.begin(), start.weight.end());
  constexpr auto kNone = static_cast<std::size_t>(-1);
  std::vector<Parameter> parameters;
  std::vector<std::size_t> choice(slots.size(), kNone), weight(slots.size(), kNone);
  for (std::size_t s = 0; s < slots.size(); ++s) {
    if (!options.closed.empty() && options.closed[s] != 0) continue;
    if (options.change_variants && slots[s].variants.size() > 1) {
      std::vector<std::string> names;
      for (const std::size_t v : slots[s].variants) names.push_back(fmt::format("{}", v));
      choice[s] = parameters.size();
      parameters.push_back(Parameter::categorical(slots[s].name, std::move(names)));
    }
    weight[s] = parameters.size();
    parameters.push_back(
        weight_range(slots[s].name + ".weight", start.weight[s], largest, options.reach));
  }
  SARTOR_ASSIGN(SearchSpace space, SearchSpace::make(std::move(parameters)));
  BlendSpace made(std::move(space));
  made.start_ = start;
  made.choice_ = std::move(choice);
  made.weight_ = std::move(weight);
  return made;
}

BlendPoint BlendSpace::blend_of(const Point& point) const {
  BlendPoint blend = start_;
  double largest = 0;
  std::size_t heaviest = 0;
  for (std::size_t s = 0; s < blend.weight.size(); ++s) {
    if (choice_[s] < point.size()) blend.choice[s] = static_cast<std::size_t>(point[choice_[s]]);
    if (weight_[s] >= point.size()) continue;
    const double value = point[weight_[s]];
    const bool nothing = space_.share_of(weight_[s], value) < kNothingBelow;
    blend.weight[s] = nothing ? 0.0f : static_cast<float>(value);
    if (value > largest) {
      largest = value;
      heaviest = s;
    }
  }
  if (largest > 0) blend.weight[heaviest] = static_cast<float>(largest);  // never nothing at all
  to_sum_one(blend.weight);
  return blend;
}

Point BlendSpace::point_of(const BlendPoint& blend) const {
  Point point(space_.size());
  for (std::size_t s = 0; s < blend.weight.size(); ++s) {
    if (choice_[s] < point.size()) point[choice_[s]] = static_cast<double>(blend.choice[s]);
    if (weight_[s] >= point.size()) continue;
    const Parameter& range = space_[weight_[s]];
    point[weight_[s]] = std::clamp<double>(blend.weight[s], range.low, range.high);
  }
  return point;
}

Result<BlendSearchResult> sample_blends(std::span<const PoolCase> cases,
                                        std::span<const Slot> slots, const BlendPoint& start,
                                        const BlendSearchOptions& options,
                                        const Resources& resources) {
  SARTOR_ASSIGN(const BlendSpace blends, BlendSpace::make(slots, start, options));
  SARTOR_ASSIGN(const auto sampler,
                make_sampler(blends.space(), {.sampler = options.sampler,
                                              .trials = static_cast<int>(options.trials),
                                              .seed = options.seed}));
  std::vector<BlendPoint> given = {start};
  given.insert(given.end(), options.first.begin(), options.first.end());
  const std::vector<BlendTrial> known =
      options.log != nullptr ? options.log->of(options.study) : std::vector<BlendTrial>();
  BlendSearchResult result;
  std::vector<Trial> history;
  const SearchEnd end(options);
  for (std::size_t t = 0; t == 0 || !end.after(t); ++t) {
    if (resources.is_cancelled()) return Error{ErrorCode::cancelled, "cancelled"};
    // What is given need not lie in the space; the sampler learns of it at its nearest point.
    const Point point = t < given.size() ? blends.point_of(given[t]) : sampler->suggest(history);
    BlendTrial trial{.point = t < given.size() ? given[t] : blends.blend_of(point)};
    if (t < known.size() && known[t].point == trial.point) {
      trial.value = known[t].value;
    } else {
      trial.value = mean(blend_values(cases, slots, trial.point, options.metric, resources));
      if (options.log != nullptr) SARTOR_TRY(options.log->add(options.study, trial));
    }
    if (t == 0 || trial.value > result.value) {
      result.point = trial.point;
      result.value = trial.value;
    }
    history.push_back({point, -trial.value});
    result.trials.push_back(std::move(trial));
    resources.advance();
  }
  return result;
}

}  // namespace sartor
