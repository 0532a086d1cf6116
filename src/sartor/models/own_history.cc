#include "sartor/models/own_history.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "sartor/models/array.h"
#include "sartor/models/saved_config.h"
#include "sartor/models/user_items.h"

namespace sartor {
namespace {

struct Taken {
  std::uint32_t item;
  double sum;
  double age_days;  // of the latest interaction
};

// One row per distinct item below `items`.
std::vector<Taken> taken_items(const Query& query, std::size_t items,
                               const OwnHistoryConfig& config) {
  const Ages ages(query);
  const bool decay = decays(config.half_life_days);
  std::vector<Taken> rows;
  rows.reserve(query.history.size());
  for (const Interaction& row : query.history) {
    if (row.item.index() >= items) continue;
    const double age = ages.of(row);
    const double weight = config.weight_power == 0   ? 1.0
                          : config.weight_power == 1 ? row.weight
                                                     : std::pow(row.weight, config.weight_power);
    rows.push_back(
        {row.item.value, weight * (decay ? decayed(age, config.half_life_days) : 1.0), age});
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Taken& a, const Taken& b) { return a.item < b.item; });
  std::size_t n = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (n > 0 && rows[n - 1].item == rows[i].item) {
      rows[n - 1].sum += rows[i].sum;
      rows[n - 1].age_days = std::min(rows[n - 1].age_days, rows[i].age_days);
    } else {
      rows[n++] = rows[i];
    }
  }
  rows.resize(n);
  return rows;
}

// Writes the sums so that the floats keep the order of (sum, recency): where rounding or a tie
// would lose it, the next larger float is taken.
void write_in_order(std::vector<Taken>& rows, std::span<float> out) {
  const auto key = [](const Taken& row) { return std::tuple(row.sum, -row.age_days); };
  std::stable_sort(rows.begin(), rows.end(),
                   [&](const Taken& a, const Taken& b) { return key(a) < key(b); });
  float last = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i == 0 || key(rows[i - 1]) != key(rows[i])) {
      const auto rounded = static_cast<float>(rows[i].sum);
      last = rounded > last ? rounded : std::nextafter(last, std::numeric_limits<float>::max());
    }
    out[rows[i].item] = last;
  }
}

class OwnHistory final : public Model {
 public:
  OwnHistory(Array<float> strangers, OwnHistoryConfig config)
      : strangers_(std::move(strangers)), config_(config) {
    config_.half_life_days = normal_half_life(config.half_life_days);
  }

  std::string_view family() const override { return OwnHistoryConfig::kFamily; }

  void score(const Query& query, std::span<float> out) const override {
    std::vector<Taken> rows = taken_items(query, strangers_.size(), config_);
    if (rows.empty()) {
      std::copy(strangers_.begin(), strangers_.end(), out.begin());
      return;
    }
    std::fill(out.begin(), out.end(), 0.0f);
    write_in_order(rows, out);
  }

  bool knows(const Query& query) const override {
    return std::any_of(query.history.begin(), query.history.end(), [&](const Interaction& row) {
      return row.item.index() < strangers_.size();
    });
  }

  ModelPtr with_half_life(double days) const override {
    OwnHistoryConfig config = config_;
    config.half_life_days = days;
    return std::make_shared<OwnHistory>(strangers_, config);
  }

  Status save(TensorFile& out) const override {
    save_config(out, config_);
    out.add("strangers", strangers_.span());
    return {};
  }

 private:
  Array<float> strangers_;
  OwnHistoryConfig config_;
};

}  // namespace

Result<ModelPtr> fit_own_history(const FitInput& input, const OwnHistoryConfig& config,
                                 const Resources&) {
  SARTOR_TRY(check_fit_input(input, OwnHistoryConfig::kFamily));
  return ModelPtr(std::make_shared<OwnHistory>(stranger_scores(item_totals(input)), config));
}

Result<ModelPtr> load_own_history(const TensorFile& file) {
  SARTOR_ASSIGN(const auto config, load_config<OwnHistoryConfig>(file));
  SARTOR_ASSIGN(auto strangers, Array<float>::of(file, "strangers"));
  return ModelPtr(std::make_shared<OwnHistory>(std::move(strangers), config));
}

}  // namespace sartor
