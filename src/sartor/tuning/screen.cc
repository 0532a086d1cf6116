#include "sartor/tuning/screen.h"

#include <algorithm>
#include <numeric>

#include "sartor/stats/paired.h"

namespace sartor {
namespace {

// Positions in the slot of the variants to keep, ascending.
std::vector<std::size_t> best_of(const std::vector<double>& values, std::size_t chosen,
                                 std::size_t keep) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    if ((a == chosen) != (b == chosen)) return a == chosen;
    return values[a] > values[b];
  });
  order.resize(std::min(keep, order.size()));
  std::sort(order.begin(), order.end());
  return order;
}

}  // namespace

Result<Screened> screen_variants(const VariantPlan& plan, std::span<const PoolCase> cases,
                                 const BlendPoint& point, const Metric& metric, std::size_t keep,
                                 const Resources& resources) {
  Screened out{.point = point};
  const float largest = *std::max_element(point.weight.begin(), point.weight.end());
  for (std::size_t s = 0; s < plan.slots.size(); ++s) {
    const std::vector<std::size_t>& variants = plan.slots[s].variants;
    std::vector<double> values;
    for (std::size_t v = 0; v < variants.size() && variants.size() > keep; ++v) {
      if (resources.is_cancelled()) return Error{ErrorCode::cancelled, "cancelled"};
      BlendPoint tried = point;
      tried.choice[s] = v;
      if (tried.weight[s] == 0) tried.weight[s] = largest / 8;
      values.push_back(mean(blend_values(cases, plan.slots, tried, metric, resources)));
    }
    values.resize(variants.size());
    Slot slot{.name = plan.slots[s].name};
    for (const std::size_t v : best_of(values, point.choice[s], keep)) {
      if (v == point.choice[s]) out.point.choice[s] = slot.variants.size();
      slot.variants.push_back(out.plan.variants.size());
      out.kept.push_back(variants[v]);
      out.plan.variants.push_back(plan.variants[variants[v]]);
    }
    out.plan.slots.push_back(std::move(slot));
  }
  return out;
}

}  // namespace sartor
