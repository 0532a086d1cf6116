#include "sartor/models/trend.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sartor/models/item_counts.h"
#include "sartor/models/saved_config.h"

namespace sartor {
namespace {

constexpr double kLeastPrior = 0.1;
constexpr double kMostPrior = 1e6;

double sum_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

// By moments: var r = e + e^2 / prior over items, each with its own e.
double fitted_prior(const std::vector<double>& now, const std::vector<double>& expected) {
  double squares = 0;
  double excess = 0;
  for (std::size_t i = 0; i < now.size(); ++i) {
    squares += expected[i] * expected[i];
    excess += (now[i] - expected[i]) * (now[i] - expected[i]) - expected[i];
  }
  return excess > 0 ? std::clamp(squares / excess, kLeastPrior, kMostPrior) : kMostPrior;
}

std::vector<float> rises(const ItemCounts& counts, const TrendConfig& config) {
  const double half_life = config.half_life_days;
  const std::vector<double> now = counts.decayed_sums(half_life);
  const double all = sum_of(now);
  std::vector<float> scores(now.size());
  if (!decays(half_life) || !counts.timed()) {
    for (std::size_t i = 0; i < now.size(); ++i) {
      scores[i] = static_cast<float>(all > 0 ? now[i] / all : 0);
    }
    return scores;
  }
  std::vector<double> expected = counts.decayed_sums(half_life * config.baseline);
  for (std::size_t i = 0; i < now.size(); ++i) expected[i] = std::max(0.0, expected[i] - now[i]);
  const double past = sum_of(expected);
  for (double& value : expected) value = past > 0 ? value * all / past : 0;
  const double prior = config.prior > 0 ? config.prior : fitted_prior(now, expected);
  for (std::size_t i = 0; i < now.size(); ++i) {
    scores[i] = static_cast<float>(std::log((now[i] + prior) / (expected[i] + prior)));
  }
  return scores;
}

class Trend final : public Model {
 public:
  Trend(ItemCounts counts, TrendConfig config) : counts_(std::move(counts)), config_(config) {
    config_.half_life_days = normal_half_life(config.half_life_days);
    scores_ = rises(counts_, config_);
  }

  std::string_view family() const override { return TrendConfig::kFamily; }

  void score(const Query&, std::span<float> out) const override {
    std::copy(scores_.begin(), scores_.end(), out.begin());
  }

  ModelPtr with_half_life(double days) const override {
    TrendConfig config = config_;
    config.half_life_days = days;
    return std::make_shared<Trend>(counts_, config);
  }

  Status save(TensorFile& out) const override {
    save_config(out, config_);
    counts_.save(out);
    return {};
  }

  FitNotes notes() const override {
    if (counts_.timed()) return {};
    return {{"trend: no interaction has a time, so nothing rises"}};
  }

 private:
  ItemCounts counts_;
  TrendConfig config_;
  std::vector<float> scores_;
};

}  // namespace

Result<ModelPtr> fit_trend(const FitInput& input, const TrendConfig& config,
                           const Resources& resources) {
  SARTOR_TRY(check_fit_input(input, TrendConfig::kFamily));
  SARTOR_TRY(check_config(config));
  SARTOR_ASSIGN(ItemCounts counts, item_counts(input, resources));
  return ModelPtr(std::make_shared<Trend>(std::move(counts), config));
}

Result<ModelPtr> load_trend(const TensorFile& file) {
  SARTOR_ASSIGN(const auto config, load_config<TrendConfig>(file));
  SARTOR_ASSIGN(ItemCounts counts, ItemCounts::load(file));
  return ModelPtr(std::make_shared<Trend>(std::move(counts), config));
}

}  // namespace sartor
