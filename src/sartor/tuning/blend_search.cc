#include "sartor/tuning/blend_search.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "sartor/base/random.h"

namespace sartor {
namespace {

constexpr float kSmallestWeight = 1e-3f;

void normalise(std::vector<float>& weights) {
  double sum = 0;
  for (const float weight : weights) sum += weight;
  if (sum <= 0) {
    std::fill(weights.begin(), weights.end(), 1.0f / static_cast<float>(weights.size()));
    return;
  }
  for (float& weight : weights) weight = static_cast<float>(weight / sum);
}

std::vector<ScorePool::Term> terms_of(std::span<const Slot> slots, const BlendPoint& point) {
  std::vector<ScorePool::Term> terms;
  for (std::size_t s = 0; s < slots.size(); ++s) {
    if (point.weight[s] > 0) terms.push_back({slots[s].variants[point.choice[s]], point.weight[s]});
  }
  return terms;
}

double mean(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

// A neighbour of `point`: some weights multiplied by log-normal noise, sometimes one set to nothing
// or brought back, sometimes one slot's variant exchanged.
BlendPoint neighbour(const BlendPoint& point, std::span<const Slot> slots, double spread,
                     bool change_variants, Random& random) {
  BlendPoint next = point;
  const std::size_t one = random.below(slots.size());
  if (change_variants && random.uniform() < 0.35) {
    const std::size_t variants = slots[one].variants.size();
    if (variants > 1)
      next.choice[one] = (next.choice[one] + 1 + random.below(variants - 1)) % variants;
  }
  const bool all = random.uniform() < 0.3;
  for (std::size_t s = 0; s < slots.size(); ++s) {
    if (!all && s != one && random.uniform() > 0.25) continue;
    const float base = std::max(next.weight[s], kSmallestWeight);
    next.weight[s] = base * static_cast<float>(std::exp(spread * random.normal()));
  }
  if (random.uniform() < 0.08) next.weight[one] = 0;
  normalise(next.weight);
  return next;
}

}  // namespace

std::vector<double> blend_values(std::span<const PoolCase> cases, std::span<const Slot> slots,
                                 const BlendPoint& point, const Metric& metric,
                                 const Resources& resources) {
  const auto terms = terms_of(slots, point);
  std::vector<double> values(cases.size());
  constexpr std::size_t kCasesPerBlock = 256;
  const Resources uncancelled{.threads = resources.threads};
  const Status status = parallel_for(
      uncancelled, cases.size(), kCasesPerBlock, [&](std::size_t begin, std::size_t end) -> Status {
        ScorePool::Scratch scratch;
        for (std::size_t i = begin; i < end; ++i) {
          values[i] = cases[i].pool->value(cases[i].c, terms, metric, scratch);
        }
        return {};
      });
  assert(status.has_value());
  static_cast<void>(status);
  return values;
}

BlendPoint first_point(std::span<const PoolCase> cases, std::span<const Slot> slots,
                       const Metric& metric) {
  BlendPoint point;
  for (const Slot& slot : slots) {
    BlendPoint alone{.choice = {0}, .weight = {1.0f}};
    std::size_t best = 0;
    double best_mean = -1;
    for (std::size_t i = 0; i < slot.variants.size(); ++i) {
      alone.choice[0] = i;
      const double value = mean(blend_values(cases, {&slot, 1}, alone, metric));
      if (value > best_mean) {
        best_mean = value;
        best = i;
      }
    }
    point.choice.push_back(best);
    point.weight.push_back(1.0f / static_cast<float>(slots.size()));
  }
  return point;
}

BlendSearchResult search_blend(std::span<const PoolCase> cases, std::span<const Slot> slots,
                               const BlendPoint& start, const BlendSearchOptions& options,
                               const Resources& resources) {
  Random random(options.seed);
  BlendSearchResult result{
      .point = start, .value = mean(blend_values(cases, slots, start, options.metric, resources))};
  result.trials.push_back({start, result.value});
  std::size_t since_gain = 0;
  double spread = options.spread;
  while (result.trials.size() < options.trials && since_gain < options.patience) {
    const BlendPoint next = neighbour(result.point, slots, spread, options.change_variants, random);
    const double value = mean(blend_values(cases, slots, next, options.metric, resources));
    result.trials.push_back({next, value});
    resources.advance();
    ++since_gain;
    if (value > result.value) {
      result.value = value;
      result.point = next;
      since_gain = 0;
      spread = std::min(options.spread, spread * 1.3);
    } else {
      spread = std::max(0.05, spread * 0.985);  // narrow down while nothing is found
    }
  }
  return result;
}

std::vector<double> curve_of(std::span<const Trial> trials) {
  std::vector<double> best;
  for (const Trial& trial : trials) {
    best.push_back(best.empty() ? trial.value : std::max(best.back(), trial.value));
  }
  return best;
}

BlendPoint shrink_to(const BlendPoint& own, const BlendPoint& general, double share) {
  BlendPoint shrunk = own;
  for (std::size_t s = 0; s < own.weight.size(); ++s) {
    const double a = std::max(own.weight[s], kSmallestWeight);
    const double b = std::max(general.weight[s], kSmallestWeight);
    shrunk.weight[s] = static_cast<float>(std::pow(a, share) * std::pow(b, 1.0 - share));
    if (own.weight[s] == 0 && general.weight[s] == 0) shrunk.weight[s] = 0;
  }
  normalise(shrunk.weight);
  return shrunk;
}

}  // namespace sartor
