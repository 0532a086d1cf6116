#include <cmath>
#include <limits>

#include "sartor/base/text.h"
#include "sartor/features/feature_row.h"

namespace sartor::features {

namespace {

constexpr double kPrior = 50;  // observations that a rate is shrunk by

struct Sum {
  double total = 0;
  double n = 0;

  void add(const Observation& seen) {
    total += seen.total;
    n += seen.n;
  }
  double shrunk(double all) const { return (total + kPrior * all) / (n + kPrior); }
};

// "" where the scenario is not known.
std::string scenario(const Column& key, std::size_t event) {
  if (!key.is_text) return std::isnan(key.numbers[event]) ? "" : shortest(key.numbers[event]);
  return key.codes[event] == Column::kMissing ? "" : key.words[key.codes[event]];
}

}  // namespace

const Column* find_context(const Events& events, const std::string& key) {
  for (const Column& column : events.context) {
    if (column.name == key) return &column;
  }
  return nullptr;
}

void fit_baseline(const Events& events, std::size_t items, std::span<const Observation> seen,
                  Baseline& baseline) {
  Sum all;
  for (const Observation& one : seen) all.add(one);
  baseline.all = all.n > 0 ? all.total / all.n : 0;
  baseline.of.clear();
  baseline.of_item.clear();
  for (const std::string& key : baseline.keys) {
    if (key == kItemKey) {
      std::vector<Sum> of_item(items);
      for (const Observation& one : seen) of_item[events.item[one.event].index()].add(one);
      for (const Sum& sum : of_item) baseline.of_item.push_back(sum.shrunk(baseline.all));
      continue;
    }
    std::map<std::string, Sum> sums;
    if (const Column* column = find_context(events, key)) {
      for (const Observation& one : seen) sums[scenario(*column, one.event)].add(one);
    }
    for (const auto& [value, sum] : sums) baseline.of[key][value] = sum.shrunk(baseline.all);
  }
}

Usual::Usual(const Events& events, const Baseline& baseline)
    : events_(events), baseline_(baseline) {
  for (const std::string& name : baseline.keys) {
    Key key{.is_item = name == kItemKey};
    key.column = key.is_item ? nullptr : find_context(events, name);
    const auto rates = baseline.of.find(name);
    key.rates = rates == baseline.of.end() ? nullptr : &rates->second;
    if (key.column != nullptr && key.column->is_text) {
      for (const std::string& word : key.column->words) key.by_word.push_back(rate_of(key, word));
    }
    keys_.push_back(std::move(key));
  }
}

double Usual::rate_of(const Key& key, const std::string& value) const {
  if (key.rates == nullptr) return baseline_.all;
  const auto rate = key.rates->find(value);
  return rate == key.rates->end() ? baseline_.all : rate->second;
}

double Usual::rate_at(const Key& key, std::size_t event) const {
  if (key.is_item) {
    const std::size_t item = events_.item[event].index();
    return item < baseline_.of_item.size() ? baseline_.of_item[item] : baseline_.all;
  }
  if (key.column == nullptr) return rate_of(key, "");
  if (key.column->is_text && key.column->codes[event] != Column::kMissing)
    return key.by_word[key.column->codes[event]];
  return rate_of(key, scenario(*key.column, event));
}

double Usual::at(std::size_t event) const {
  if (keys_.empty() || !(baseline_.all > 0)) return 0;
  double expected = rate_at(keys_[0], event);
  for (std::size_t k = 1; k < keys_.size(); ++k)
    expected *= rate_at(keys_[k], event) / baseline_.all;
  return expected;
}

double Usual::compared(double total, double n, double expected) const {
  if (!(n > 0)) return std::numeric_limits<double>::quiet_NaN();
  if (baseline_.by_user) return Sum{total, n}.shrunk(baseline_.all) - baseline_.all;
  return total / n - (keys_.empty() ? 0 : expected / n);
}

}  // namespace sartor::features
