#include "sartor/evaluation/metrics.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "sartor/base/text.h"

namespace sartor {
namespace {

constexpr std::array<const char*, 5> kNames = {"ndcg", "recall", "hit", "mrr", "map"};
constexpr std::size_t kMaxK = 1000;

// 1 / log2(rank + 1) and its running sums, for ranks 1 to kMaxK.
struct Discounts {
  std::array<double, kMaxK + 1> at{};
  std::array<double, kMaxK + 1> sum{};
  Discounts() {
    for (std::size_t rank = 1; rank <= kMaxK; ++rank) {
      at[rank] = 1.0 / std::log2(static_cast<double>(rank) + 1.0);
      sum[rank] = sum[rank - 1] + at[rank];
    }
  }
};

const Discounts& discounts() {
  static const Discounts table;
  return table;
}

}  // namespace

std::string Metric::name() const {
  return fmt::format("{}@{}", kNames[static_cast<std::size_t>(kind)], k);
}

Result<Metric> parse_metric(std::string_view name) {
  const std::size_t at = name.find('@');
  const std::vector<std::string> known(kNames.begin(), kNames.end());
  const Error error{
      ErrorCode::config,
      fmt::format("metric '{}'{}: expected one of {} and @k with k from 1 to {}, such "
                  "as ndcg@10",
                  printable(name), did_you_mean(name.substr(0, at), known), join(known, ", "),
                  kMaxK)};
  const auto found = std::find(known.begin(), known.end(), name.substr(0, at));
  if (at == std::string_view::npos || found == known.end()) return error;
  Metric metric{.kind = static_cast<MetricKind>(found - known.begin())};
  const auto [end, code] =
      std::from_chars(name.data() + at + 1, name.data() + name.size(), metric.k);
  if (code != std::errc() || end != name.data() + name.size() || metric.k < 1 || metric.k > kMaxK) {
    return error;
  }
  return metric;
}

double metric_from_ranks(const Metric& metric, std::span<const std::uint32_t> hit_ranks,
                         std::size_t targets) {
  const auto end = std::upper_bound(hit_ranks.begin(), hit_ranks.end(), metric.k);
  const auto hits = static_cast<std::size_t>(end - hit_ranks.begin());
  if (hits == 0 || targets == 0) return 0;
  switch (metric.kind) {
    case MetricKind::ndcg: {
      double gain = 0;
      for (std::size_t i = 0; i < hits; ++i) gain += discounts().at[hit_ranks[i]];
      return gain / discounts().sum[std::min(metric.k, targets)];
    }
    case MetricKind::recall:
      return static_cast<double>(hits) / static_cast<double>(targets);
    case MetricKind::hit:
      return 1;
    case MetricKind::mrr:
      return 1.0 / hit_ranks[0];
    case MetricKind::map: {
      double sum = 0;
      for (std::size_t i = 0; i < hits; ++i) sum += static_cast<double>(i + 1) / hit_ranks[i];
      return sum / static_cast<double>(std::min(metric.k, targets));
    }
  }
  return 0;
}

double metric_value(const Metric& metric, std::span<const ItemId> list,
                    std::span<const ItemId> targets) {
  std::vector<std::uint32_t> ranks;
  for (std::size_t i = 0; i < std::min(metric.k, list.size()); ++i) {
    if (std::binary_search(targets.begin(), targets.end(), list[i])) {
      ranks.push_back(static_cast<std::uint32_t>(i + 1));
    }
  }
  return metric_from_ranks(metric, ranks, targets.size());
}

}  // namespace sartor
