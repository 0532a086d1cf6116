#include "sartor/tuning/halving.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

namespace sartor {
namespace {

// Positions of the finite values, least first, earlier ones first among equals.
std::vector<std::size_t> ranked(std::span<const double> values) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (std::isfinite(values[i])) order.push_back(i);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  return order;
}

// floor(n / factor), where 9 / 3 is 3 though the factor be 2.9999999999999996 and such.
std::size_t share_of(std::size_t n, double factor) {
  return static_cast<std::size_t>(std::floor(static_cast<double>(n) / factor + 1e-9));
}

}  // namespace

Result<std::vector<double>> rung_budgets(const HalvingConfig& config) {
  const auto bad = [](const char* name, double value, const char* expected) {
    return Error{ErrorCode::config, fmt::format("{}: {}; expected {}", name, value, expected)};
  };
  if (!std::isfinite(config.least) || config.least <= 0)
    return bad("least", config.least, "a number above 0");
  if (!std::isfinite(config.most) || config.most < config.least)
    return bad("most", config.most, "a number not below least");
  if (!std::isfinite(config.factor) || config.factor < 1.5)
    return bad("factor", config.factor, "1.5 at least");
  std::vector<double> out;
  // A rung within a thousandth of the last is the last.
  for (double budget = config.least; budget < config.most * 0.999; budget *= config.factor)
    out.push_back(budget);
  out.push_back(config.most);
  return out;
}

std::vector<std::size_t> halving_survivors(std::span<const double> values, double factor) {
  std::vector<std::size_t> order = ranked(values);
  const std::size_t most = std::max<std::size_t>(1, share_of(values.size(), factor));
  if (order.size() > most) order.resize(most);
  return order;
}

std::optional<Promotion> next_promotion(std::span<const RungValues> trials, std::size_t rungs,
                                        double factor) {
  for (std::size_t rung = rungs < 2 ? 0 : rungs - 1; rung-- > 0;) {
    std::vector<std::size_t> here;
    std::vector<double> values;
    for (std::size_t t = 0; t < trials.size(); ++t) {
      if (trials[t].size() <= rung) continue;
      here.push_back(t);
      values.push_back(trials[t][rung]);
    }
    std::vector<std::size_t> order = ranked(values);
    if (const std::size_t most = share_of(values.size(), factor); order.size() > most)
      order.resize(most);
    for (const std::size_t i : order)
      if (trials[here[i]].size() == rung + 1) return Promotion{here[i], rung + 1};
  }
  return std::nullopt;
}

}  // namespace sartor
