#include "sartor/tuning/list_cost.h"

#include <algorithm>
#include <cmath>

#include "sartor/models/als.h"
#include "sartor/models/item2vec.h"

namespace sartor {
namespace {

// Nanoseconds: a number read, used and written in a stretch; one by itself, somewhere in memory; a
// node of a tree.
constexpr double kStep = 0.25;
constexpr double kJump = 2;
constexpr double kNode = 4;
constexpr double kPasses = 8;  // over the catalogue: clear, standardise, add
constexpr double kTermsOfAnItem = 30;

double parameter(const VariantSpec& spec, const char* key, double otherwise) {
  const auto found = spec.parameters.find(key);
  return found == spec.parameters.end() ? otherwise : found->second;
}

}  // namespace

double ListCost::milliseconds(const VariantSpec& spec) const {
  const auto n = static_cast<double>(items);
  double ns = kPasses * kStep * n;
  if (spec.family == "ease") {
    ns += kStep * history * std::min(n, static_cast<double>(config.max_items));
  } else if (spec.family == "item_knn" || spec.family == "covisitation") {
    ns += kJump * history * parameter(spec, "neighbours", config.neighbours);
  } else if (spec.family == "als") {
    const double f = parameter(spec, "factors", AlsConfig{}.factors);
    ns += kStep * (n * f + history * f * f + f * f * f / 3);
  } else if (spec.family == "item2vec") {
    ns += kStep * (n + history) * parameter(spec, "dimensions", Item2vecConfig{}.dimensions);
  } else if (spec.family == "content") {
    ns += kJump * (n + history) * kTermsOfAnItem;
  } else if (spec.family == "rerank" && plan != nullptr) {
    double list = 0;
    for (const Term& term : plan->terms) {
      if (term.weight > 0) list += milliseconds(term.variant);
    }
    const double depth = std::log2(std::max(2, config.trees.leaves));
    ns += 1e6 * list + kNode * plan->candidates * depth * static_cast<double>(plan->trees.size());
  } else {
    ns += kJump * history;
  }
  return ns / 1e6;
}

void close_dearest(std::span<const VariantSpec> variants, const ListCost& cost, double most,
                   std::vector<std::uint8_t>& closed) {
  closed.resize(variants.size(), 0);
  std::vector<double> left;
  double sum = 0;
  for (std::size_t s = 0; s < variants.size(); ++s) {
    left.push_back(closed[s] != 0 ? 0 : cost.milliseconds(variants[s]));
    sum += left.back();
  }
  while (sum > most) {
    const auto dearest = std::max_element(left.begin(), left.end());
    if (*dearest <= 0) break;
    closed[static_cast<std::size_t>(dearest - left.begin())] = 1;
    *dearest = 0;
    sum = 0;
    for (const double one : left) sum += one;
  }
}

}  // namespace sartor
