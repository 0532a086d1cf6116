#include <cmath>
#include <limits>

#include "sartor/base/text.h"
#include "sartor/features/feature_row.h"

namespace sartor::features {

namespace {

constexpr double kPrior = 50;  // impressions that a rate is shrunk by

struct Count {
  double clicks = 0;
  double impressions = 0;
};

const Column* find_key(const Events& events, const std::string& key) {
  for (const Column& column : events.context) {
    if (column.name == key) return &column;
  }
  return nullptr;
}

// "" where the scenario is not known.
std::string scenario(const Column& key, std::size_t event) {
  if (!key.is_text) return std::isnan(key.numbers[event]) ? "" : shortest(key.numbers[event]);
  return key.codes[event] == Column::kMissing ? "" : key.words[key.codes[event]];
}

double shrunk(const Count& count, double all) {
  return (count.clicks + kPrior * all) / (count.impressions + kPrior);
}

}  // namespace

void fit_ctr_rates(const Events& events, const FeatureSpace& space, Time as_of, CtrRates& rates) {
  const Column* key = find_key(events, rates.key);
  if (key == nullptr && !rates.by_user) return;
  const Clicks kinds(events, space, rates);
  Count all;
  std::map<std::string, Count> counts;
  for (std::size_t e = 0; e < events.size(); ++e) {
    const bool click = kinds.is_click(e), impression = kinds.is_impression(e);
    if (events.time[e] >= as_of || !(click || impression)) continue;
    const auto add = [&](Count& count) {
      count.clicks += click;
      count.impressions += impression;
    };
    add(all);
    if (!rates.by_user) add(counts[scenario(*key, e)]);
  }
  rates.all = all.impressions > 0 ? all.clicks / all.impressions : 0;
  rates.of.clear();
  for (const auto& [value, count] : counts) rates.of[value] = shrunk(count, rates.all);
}

Clicks::Clicks(const Events& events, const FeatureSpace& space, const CtrRates& rates)
    : events_(events), rates_(rates), both_(space.config.click_replaces_impression) {
  for (std::uint16_t t = 0; t < space.types.size(); ++t) {
    if (space.types[t] == space.config.impression) impression_ = t;
    if (space.types[t] == space.config.click) click_ = t;
  }
  if (rates.key.empty() || rates.by_user) return;
  key_ = find_key(events, rates.key);
  if (key_ == nullptr || !key_->is_text) return;
  for (const std::string& word : key_->words) {
    const auto rate = rates.of.find(word);
    by_word_.push_back(rate == rates.of.end() ? rates.all : rate->second);
  }
}

double Clicks::expected(std::size_t event) const {
  if (key_ == nullptr) return rates_.all;
  if (key_->is_text && key_->codes[event] != Column::kMissing) {
    return by_word_[key_->codes[event]];
  }
  const auto rate = rates_.of.find(scenario(*key_, event));
  return rate == rates_.of.end() ? rates_.all : rate->second;
}

double Clicks::ctr(double clicks, double impressions, double expected) const {
  if (!(impressions > 0)) return std::numeric_limits<double>::quiet_NaN();
  if (rates_.by_user) return shrunk({clicks, impressions}, rates_.all) - rates_.all;
  return clicks / impressions - (rates_.key.empty() ? 0 : expected / impressions);
}

}  // namespace sartor::features
