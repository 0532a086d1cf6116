#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "sartor/features/feature_row.h"

namespace sartor::features {

std::vector<double> fit_item_information(const Events& events, std::size_t items, Time as_of) {
  std::vector<double> counts(items, 1);
  auto total = static_cast<double>(items);
  for (std::size_t e = 0; e < events.size(); ++e) {
    if (events.time[e] >= as_of || events.weight[e] <= 0) continue;
    ++counts[events.item[e].index()];
    ++total;
  }
  for (double& count : counts) count = std::log2(total / count);
  return counts;
}

std::vector<double> price_levels(std::span<const double> price,
                                 std::span<const std::uint32_t> category) {
  std::map<std::uint32_t, std::vector<double>> by_category;
  const auto category_of = [&](std::size_t item) {
    return item < category.size() ? category[item] : Column::kMissing;
  };
  for (std::size_t i = 0; i < price.size(); ++i) {
    if (!std::isnan(price[i])) by_category[category_of(i)].push_back(price[i]);
  }
  for (auto& [code, prices] : by_category) std::sort(prices.begin(), prices.end());
  std::vector<double> levels;
  for (std::size_t i = 0; i < price.size(); ++i) {
    if (std::isnan(price[i])) {
      levels.push_back(std::numeric_limits<double>::quiet_NaN());
      continue;
    }
    const auto& prices = by_category[category_of(i)];
    const auto [low, high] = std::equal_range(prices.begin(), prices.end(), price[i]);
    levels.push_back(static_cast<double>((low - prices.begin()) + (high - prices.begin())) /
                     (2 * static_cast<double>(prices.size())));
  }
  return levels;
}

}  // namespace sartor::features
