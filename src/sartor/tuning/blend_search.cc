#include "sartor/tuning/blend_search.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <cmath>
#include <optional>

#include "sartor/stats/paired.h"
#include "sartor/tuning/sampled_blend.h"

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

constexpr int kStepsEachWay = 4;
constexpr std::size_t kScoredPerBlock = 256;

// The weights to try for a slot: its present one times reach^(-1 … 1); where it has none, parts of
// the largest. Ascending. 0 is not among them.
std::vector<float> weight_grid(float weight, float largest, double reach) {
  const double middle = weight > 0 ? weight : largest / 8;
  const double widest = weight > 0 ? reach : 8;
  std::vector<float> grid;
  for (int step = -kStepsEachWay; step <= kStepsEachWay; ++step) {
    grid.push_back(
        static_cast<float>(middle * std::pow(widest, static_cast<double>(step) / kStepsEachWay)));
  }
  return grid;
}

// Each value with its neighbours, 1 : 2 : 1.
std::vector<double> smoothed(std::span<const double> values) {
  std::vector<double> out(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double below = i > 0 ? values[i - 1] : values[i];
    const double above = i + 1 < values.size() ? values[i + 1] : values[i];
    out[i] = (below + 2 * values[i] + above) / 4;
  }
  return out;
}

class CoordinateAscent {
 public:
  CoordinateAscent(std::span<const PoolCase> cases, std::span<const Slot> slots,
                   const BlendSearchOptions& options, const Resources& resources)
      : cases_(cases), slots_(slots), options_(options), resources_(resources) {}

  Result<BlendSearchResult> run(const BlendPoint& start) {
    const SearchEnd end(options_);
    BlendSearchResult result;
    if (options_.log != nullptr) result.trials = options_.log->of(options_.study);
    if (result.trials.empty() || result.trials.front().point != start) {
      result.trials.clear();
      const double value = mean(blend_values(cases_, slots_, start, options_.metric, resources_));
      SARTOR_TRY(keep({start, value}, result));
    }
    std::size_t quiet = quiet_at_the_end(result.trials);  // slots in a row without anything better
    for (std::size_t s = (result.trials.size() - 1) % slots_.size();
         quiet < slots_.size() && !end.after(result.trials.size()); s = (s + 1) % slots_.size()) {
      const BlendTrial present = result.trials.back();
      SARTOR_ASSIGN(const std::optional<BlendTrial> better, search_line(present.point, s));
      resources_.advance();
      quiet = better ? 0 : quiet + 1;
      SARTOR_TRY(keep(better ? *better : present, result));
    }
    result.point = result.trials.back().point;
    result.value = result.trials.back().value;
    return result;
  }

 private:
  Status keep(BlendTrial trial, BlendSearchResult& result) const {
    if (options_.log != nullptr) SARTOR_TRY(options_.log->add(options_.study, trial));
    result.trials.push_back(std::move(trial));
    return {};
  }

  static std::size_t quiet_at_the_end(std::span<const BlendTrial> trials) {
    std::size_t quiet = 0;
    while (quiet + 1 < trials.size() &&
           trials[trials.size() - 1 - quiet] == trials[trials.size() - 2 - quiet]) {
      ++quiet;
    }
    return quiet;
  }

  // The best point on the lines of slot `s` through `point`; nothing if `point` is.
  Result<std::optional<BlendTrial>> search_line(const BlendPoint& point, std::size_t s) {
    if (!options_.closed.empty() && options_.closed[s] != 0) return std::optional<BlendTrial>();
    const float present = point.weight[s];
    const float largest = *std::max_element(point.weight.begin(), point.weight.end());
    std::vector<float> grid = weight_grid(present, largest, options_.reach);
    const std::size_t n = grid.size();
    const bool alone = present == 1.0f;  // no other slot has any weight
    grid.push_back(0.0f);
    std::vector<std::size_t> variants = slots_[s].variants;
    if (!options_.change_variants) variants = {variants[point.choice[s]]};
    SARTOR_ASSIGN(const std::vector<double> values, along(point, s, variants, grid));

    // The present point's own smoothed value: of its variant, in the middle of the grid or nothing.
    const double nothing = values[n];
    const std::size_t own = options_.change_variants ? point.choice[s] : 0;
    double best_value = nothing;
    if (present > 0) best_value = smoothed({values.data() + own * (n + 1), n})[kStepsEachWay];
    std::optional<BlendTrial> best;
    const double least_gain = kLeastGain * best_value;
    const auto take = [&](std::size_t variant, float weight, double smooth, double value) {
      best_value = smooth;
      best = BlendTrial{point, value};
      best->point.choice[s] = options_.change_variants ? variant : point.choice[s];
      best->point.weight[s] = weight;
    };
    for (std::size_t v = 0; v < variants.size(); ++v) {
      const auto line = smoothed({values.data() + v * (n + 1), n});
      for (std::size_t w = 0; w < n; ++w) {
        if (line[w] > best_value + least_gain) take(v, grid[w], line[w], values[v * (n + 1) + w]);
      }
    }
    if (options_.change_variants && !alone && nothing > best_value) {
      take(point.choice[s], 0.0f, nothing, nothing);
    }
    if (!best) return best;
    normalise(best->point.weight);
    return best;
  }

  // Means over the cases: variants x weights.
  Result<std::vector<double>> along(const BlendPoint& point, std::size_t s,
                                    std::span<const std::size_t> variants,
                                    std::span<const float> weights) {
    BlendPoint rest = point;
    rest.weight[s] = 0;
    const auto base = terms_of(slots_, rest);
    const std::size_t n = variants.size() * weights.size();
    const std::size_t blocks = (cases_.size() + kScoredPerBlock - 1) / kScoredPerBlock;
    std::vector<double> sums(blocks * n, 0.0);
    SARTOR_TRY(parallel_for(resources_, cases_.size(), kScoredPerBlock,
                            [&](std::size_t begin, std::size_t end) -> Status {
                              ScorePool::Scratch scratch;
                              const std::span<double> out(sums.data() + begin / kScoredPerBlock * n,
                                                          n);
                              for (std::size_t i = begin; i < end; ++i) {
                                cases_[i].pool->add_along(cases_[i].c, base, variants, weights,
                                                          options_.metric, scratch, out);
                              }
                              return {};
                            }));
    std::vector<double> means(n, 0.0);
    for (std::size_t b = 0; b < blocks; ++b) {
      for (std::size_t i = 0; i < n; ++i) means[i] += sums[b * n + i];
    }
    for (double& value : means) value /= static_cast<double>(cases_.size());
    return means;
  }

  static constexpr double kLeastGain = 1e-4;  // relative: smaller ones are noise

  std::span<const PoolCase> cases_;
  std::span<const Slot> slots_;
  const BlendSearchOptions& options_;
  Resources resources_;
};

}  // namespace

SearchEnd::SearchEnd(const BlendSearchOptions& options) : trials_(options.trials) {
  if (options.seconds <= 0) return;
  const std::chrono::duration<double> time(options.seconds);
  deadline_ = Deadline::after(std::chrono::duration_cast<std::chrono::microseconds>(time));
}

bool SearchEnd::after(std::size_t trials) const {
  return trials >= trials_ || (trials >= kLeastTrials && deadline_ && deadline_->passed());
}

std::vector<double> blend_values(std::span<const PoolCase> cases, std::span<const Slot> slots,
                                 const BlendPoint& point, const Metric& metric,
                                 const Resources& resources) {
  const auto terms = terms_of(slots, point);
  std::vector<double> values(cases.size());
  const Resources uncancelled{.threads = resources.threads};
  const Status status =
      parallel_for(uncancelled, cases.size(), kScoredPerBlock,
                   [&](std::size_t begin, std::size_t end) -> Status {
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

Result<BlendSearchResult> search_blend(std::span<const PoolCase> cases, std::span<const Slot> slots,
                                       const BlendPoint& start, const BlendSearchOptions& options,
                                       const Resources& resources) {
  if (options.sampler != "coordinate")
    return sample_blends(cases, slots, start, options, resources);
  return CoordinateAscent(cases, slots, options, resources).run(start);
}

std::vector<double> curve_of(std::span<const BlendTrial> trials) {
  std::vector<double> best;
  for (const BlendTrial& trial : trials) {
    best.push_back(best.empty() ? trial.value : std::max(best.back(), trial.value));
  }
  return best;
}

BlendPoint open_part(const BlendPoint& point, std::span<const std::uint8_t> closed) {
  if (closed.empty()) return point;
  BlendPoint open = point;
  double sum = 0;
  for (std::size_t s = 0; s < closed.size(); ++s) {
    if (closed[s] != 0) open.weight[s] = 0;
    sum += open.weight[s];
  }
  for (std::size_t s = 0; s < closed.size() && sum <= 0; ++s)
    open.weight[s] = closed[s] != 0 ? 0.0f : 1.0f;
  normalise(open.weight);
  return open;
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
