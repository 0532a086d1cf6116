#include "sartor/models/popularity.h"

#include <algorithm>

#include "sartor/models/item_counts.h"
#include "sartor/models/saved_config.h"

namespace sartor {
namespace {

class Popularity final : public Model {
 public:
  Popularity(ItemCounts counts, PopularityConfig config) : counts_(std::move(counts)) {
    config_.half_life_days = normal_half_life(config.half_life_days);
    const std::vector<double> sums = counts_.decayed_sums(config.half_life_days);
    scores_.assign(sums.begin(), sums.end());
  }

  std::string_view family() const override { return PopularityConfig::kFamily; }

  void score(const Query& query, std::span<float> out) const override {
    std::copy(scores_.begin(), scores_.end(), out.begin());
    if (query.since != nullptr) query.since->bring_up_to_date(config_.half_life_days, out);
  }

  ModelPtr with_half_life(double days) const override {
    return std::make_shared<Popularity>(counts_, PopularityConfig{.half_life_days = days});
  }

  ModelPtr advanced(const History& before, const History& now) const override {
    return std::make_shared<Popularity>(counts_.advanced(before, now), config_);
  }

  Status save(TensorFile& out) const override {
    save_config(out, config_);
    counts_.save(out);
    return {};
  }

  FitNotes notes() const override {
    if (!decays(config_.half_life_days) || counts_.timed()) return {};
    return {{"popularity: no interaction has a time, so the half-life does nothing"}};
  }

 private:
  ItemCounts counts_;
  PopularityConfig config_;
  std::vector<float> scores_;
};

}  // namespace

Result<ModelPtr> fit_popularity(const FitInput& input, const PopularityConfig& config,
                                const Resources& resources) {
  SARTOR_TRY(check_fit_input(input, PopularityConfig::kFamily));
  SARTOR_ASSIGN(ItemCounts counts, item_counts(input, resources));
  return ModelPtr(std::make_shared<Popularity>(std::move(counts), config));
}

Result<ModelPtr> load_popularity(const TensorFile& file) {
  SARTOR_ASSIGN(const auto config, load_config<PopularityConfig>(file));
  SARTOR_ASSIGN(ItemCounts counts, ItemCounts::load(file));
  return ModelPtr(std::make_shared<Popularity>(std::move(counts), config));
}

}  // namespace sartor
