#include "sartor/models/new_items.h"

#include <algorithm>
#include <cmath>

#include "sartor/models/item_counts.h"
#include "sartor/models/saved_config.h"

namespace sartor {
namespace {

constexpr std::size_t kLeastYoung = 10;

struct Lives {
  ItemCounts counts;
  Array<double> days;  // of each item's life
};

// Gamma(shape, rate), of interactions per day.
struct Prior {
  double shape;
  double rate;
};

// What items that came during the log were taken in their first `young` days.
std::vector<double> first_takings(const Lives& lives, double young) {
  const double longest = *std::max_element(lives.days.begin(), lives.days.end());
  std::vector<double> takings;
  const ItemCounts& counts = lives.counts;
  for (std::size_t i = 0; i < counts.items(); ++i) {
    // What was there in the log's first days may be old; what is still young has not done yet.
    if (lives.days[i] < young || lives.days[i] > longest - young) continue;
    double sum = 0;
    for (std::size_t at = counts.begin[i]; at < counts.begin[i + 1]; ++at) {
      if (counts.age_days[at] >= lives.days[i] - young) sum += counts.weight[at];
    }
    takings.push_back(sum);
  }
  return takings;
}

// By moments: mean = a / b * days, var = mean + mean^2 / a.
Prior fitted_prior(const Lives& lives, double young, std::span<const double> sums,
                   std::span<const double> days) {
  const std::vector<double> takings = first_takings(lives, young);
  double mean = 0;
  for (const double value : takings) mean += value;
  if (takings.size() < kLeastYoung || mean == 0) {
    double taken = 0;
    double lived = 0;
    for (std::size_t i = 0; i < sums.size(); ++i) {
      taken += sums[i];
      lived += days[i];
    }
    return {1, taken > 0 && lived > 0 ? lived / taken : 1};
  }
  const auto n = static_cast<double>(takings.size());
  mean /= n;
  double variance = 0;
  for (const double value : takings) variance += (value - mean) * (value - mean) / (n - 1);
  const double shape =
      variance > mean ? std::clamp(mean * mean / (variance - mean), 0.01, 1000.0) : 1000.0;
  return {shape, shape * young / mean};
}

class NewItems final : public Model {
 public:
  NewItems(Lives lives, NewItemsConfig config) : lives_(std::move(lives)), config_(config) {
    config_.half_life_days = normal_half_life(config.half_life_days);
    std::vector<double> sums = lives_.counts.decayed_sums(config_.half_life_days);
    std::vector<double> days(sums.size());
    for (std::size_t i = 0; i < days.size(); ++i) {
      days[i] = decayed_days(lives_.days[i], config_.half_life_days);
      // What has no time lies before all days that are counted.
      if (lives_.counts.timed() && !decays(config_.half_life_days)) {
        sums[i] -= lives_.counts.untimed[i];
      }
    }
    const Prior prior = fitted_prior(lives_, config_.young_days, sums, days);
    scores_.resize(sums.size());
    for (std::size_t i = 0; i < sums.size(); ++i) {
      // What was never seen is as good as not there: it has no prior either.
      const bool seen = lives_.days[i] > 0;
      scores_[i] =
          seen ? static_cast<float>((prior.shape + sums[i]) / (prior.rate + days[i])) : 0.0f;
    }
  }

  std::string_view family() const override { return NewItemsConfig::kFamily; }

  void score(const Query&, std::span<float> out) const override {
    std::copy(scores_.begin(), scores_.end(), out.begin());
  }

  ModelPtr with_half_life(double days) const override {
    NewItemsConfig config = config_;
    config.half_life_days = days;
    return std::make_shared<NewItems>(lives_, config);
  }

  Status save(TensorFile& out) const override {
    save_config(out, config_);
    lives_.counts.save(out);
    out.add("days", lives_.days.span());
    return {};
  }

  FitNotes notes() const override {
    if (lives_.counts.timed()) return {};
    return {{"new_items: no interaction has a time, so no item is newer than another"}};
  }

 private:
  Lives lives_;
  NewItemsConfig config_;
  std::vector<float> scores_;
};

// Days since each item was first seen, since the log's first timed interaction at most; 0: never.
std::vector<double> lived_days(const History& history) {
  Time start = history.as_of();
  for (std::uint32_t u = 0; u < history.users(); ++u) {
    for (const Interaction& row : history.of(UserId{u})) {
      if (row.time == kUntimed) continue;
      start = std::min(start, row.time);
      break;  // in time order
    }
  }
  const bool untimed = start == history.as_of();
  std::vector<double> days(history.items());
  for (std::uint32_t i = 0; i < days.size(); ++i) {
    if (!history.seen(ItemId{i})) continue;
    // Without a time all items are equally old.
    days[i] = untimed
                  ? 1.0
                  : days_between(std::max(start, history.first_seen(ItemId{i})), history.as_of());
  }
  return days;
}

}  // namespace

Result<ModelPtr> fit_new_items(const FitInput& input, const NewItemsConfig& config,
                               const Resources& resources) {
  SARTOR_TRY(check_fit_input(input, NewItemsConfig::kFamily));
  SARTOR_TRY(check_config(config));
  SARTOR_ASSIGN(ItemCounts counts, item_counts(input, resources));
  return ModelPtr(
      std::make_shared<NewItems>(Lives{std::move(counts), lived_days(*input.history)}, config));
}

Result<ModelPtr> load_new_items(const TensorFile& file) {
  SARTOR_ASSIGN(const auto config, load_config<NewItemsConfig>(file));
  Lives lives;
  SARTOR_ASSIGN(lives.counts, ItemCounts::load(file));
  SARTOR_ASSIGN(lives.days, Array<double>::of(file, "days", lives.counts.items()));
  return ModelPtr(std::make_shared<NewItems>(std::move(lives), config));
}

}  // namespace sartor
