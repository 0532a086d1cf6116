// Ranking metrics of one list against its targets; docs/metrics.md has formulas, ties and empty
// cases.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sartor/base/ids.h"
#include "sartor/base/result.h"

namespace sartor {

enum class MetricKind { ndcg, recall, hit, mrr, map };

// "ndcg@10" and the like. All are in [0, 1], higher is better.
struct Metric {
  MetricKind kind = MetricKind::ndcg;
  std::size_t k = 10;

  std::string name() const;
  bool operator==(const Metric&) const = default;
};

// Fails with `config`, naming what is known.
Result<Metric> parse_metric(std::string_view name);

// `list` is best first, without repetitions; `targets` ascending, distinct and not empty. A list
// shorter than k counts as it is: the missing places are misses.
//   ndcg:   sum over hits 1/log2(rank + 1), divided by the same sum of min(k, |targets|) hits at
//   the top recall: hits / |targets|     hit: 1 if any hit     mrr: 1 / rank of the first hit map:
//   sum over hits of (hits so far / rank), divided by min(k, |targets|)
double metric_value(const Metric& metric, std::span<const ItemId> list,
                    std::span<const ItemId> targets);

// The same from the ranks (from 1, ascending) at which targets stand: hits beyond k are ignored.
double metric_from_ranks(const Metric& metric, std::span<const std::uint32_t> hit_ranks,
                         std::size_t targets);

}  // namespace sartor
