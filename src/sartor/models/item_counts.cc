#include "sartor/models/item_counts.h"

#include <algorithm>
#include <cmath>

namespace sartor {
namespace {

constexpr std::size_t kMergedPerBlock = 512;

struct Dated {
  double age_days;
  double weight;
};

// Sorts one item's interactions by age and merges those of the same hour, in place.
std::size_t merge_hours(std::span<Dated> rows) {
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Dated& a, const Dated& b) { return a.age_days < b.age_days; });
  const auto hour = [](const Dated& row) { return std::floor(row.age_days * 24); };
  std::size_t n = 0;
  for (std::size_t i = 0; i < rows.size();) {
    Dated sum{0, 0};
    const std::size_t first = i;
    for (; i < rows.size() && hour(rows[i]) == hour(rows[first]); ++i) {
      sum.weight += rows[i].weight;
      sum.age_days += rows[i].weight * rows[i].age_days;
    }
    if (sum.weight > 0) rows[n++] = {sum.age_days / sum.weight, sum.weight};
  }
  return n;
}

// The timed interactions by item, and the untimed ones' sums.
struct Gathered {
  std::vector<std::size_t> begin;
  std::vector<Dated> rows;
  std::vector<double> untimed;
};

Gathered gather(const FitInput& input) {
  const History& history = *input.history;
  Gathered out{.begin = std::vector<std::size_t>(history.items() + 1, 0),
               .untimed = std::vector<double>(history.items(), 0.0)};
  const auto each = [&](auto&& visit) {
    for (std::uint32_t u = 0; u < history.users(); ++u) {
      for (const Interaction& row : history.of(UserId{u})) visit(row, input.weight_of(u));
    }
  };
  each([&](const Interaction& row, float) {
    if (row.time != kUntimed) ++out.begin[row.item.index() + 1];
  });
  for (std::size_t i = 0; i < history.items(); ++i) out.begin[i + 1] += out.begin[i];
  out.rows.resize(out.begin.back());
  std::vector<std::size_t> next(out.begin.begin(), out.begin.end() - 1);
  each([&](const Interaction& row, float user_weight) {
    const double weight = static_cast<double>(row.weight) * user_weight;
    if (row.time == kUntimed) {
      out.untimed[row.item.index()] += weight;
    } else {
      out.rows[next[row.item.index()]++] = {days_between(row.time, history.as_of()), weight};
    }
  });
  return out;
}

}  // namespace

std::vector<double> ItemCounts::decayed_sums(double half_life_days) const {
  const bool decay = decays(half_life_days) && timed();
  std::vector<double> sums(items());
  for (std::size_t i = 0; i < sums.size(); ++i) {
    double sum = decay ? 0.0 : untimed[i];
    for (std::size_t at = begin[i]; at < begin[i + 1]; ++at) {
      sum += weight[at] * (decay ? decayed(age_days[at], half_life_days) : 1.0);
    }
    sums[i] = sum;
  }
  return sums;
}

ItemCounts ItemCounts::advanced(const History& before, const History& now) const {
  std::vector<std::vector<Dated>> news(items());
  for (std::uint32_t u = 0; u < now.users(); ++u) {
    for (const Interaction& row : now.of(UserId{u}).subspan(before.of(UserId{u}).size()))
      news[row.item.index()].push_back({days_between(row.time, now.as_of()), row.weight});
  }
  const double days = days_between(before.as_of(), now.as_of());
  std::vector<std::uint64_t> begins = {0};
  std::vector<float> ages;
  std::vector<float> weights;
  for (std::size_t i = 0; i < news.size(); ++i) {
    const std::size_t recent = merge_hours(news[i]);
    for (std::size_t k = 0; k < recent; ++k) {
      ages.push_back(static_cast<float>(news[i][k].age_days));
      weights.push_back(static_cast<float>(news[i][k].weight));
    }
    for (std::size_t at = begin[i]; at < begin[i + 1]; ++at) {
      ages.push_back(static_cast<float>(age_days[at] + days));
      weights.push_back(weight[at]);
    }
    begins.push_back(ages.size());
  }
  return {std::move(begins), std::move(ages), std::move(weights), untimed};
}

void ItemCounts::save(TensorFile& out) const {
  out.add("begin", begin.span());
  out.add("age_days", age_days.span());
  out.add("weight", weight.span());
  out.add("untimed", untimed.span());
}

Result<ItemCounts> ItemCounts::load(const TensorFile& file) {
  ItemCounts counts;
  SARTOR_ASSIGN(counts.untimed, Array<float>::of(file, "untimed"));
  SARTOR_ASSIGN(counts.begin, Array<std::uint64_t>::of(file, "begin", counts.untimed.size() + 1));
  const std::size_t rows = counts.begin[counts.untimed.size()];
  SARTOR_ASSIGN(counts.age_days, Array<float>::of(file, "age_days", rows));
  SARTOR_ASSIGN(counts.weight, Array<float>::of(file, "weight", rows));
  return counts;
}

Result<ItemCounts> item_counts(const FitInput& input, const Resources& resources) {
  const std::size_t items = input.history->items();
  Gathered all = gather(input);
  std::vector<std::size_t> kept(items);
  SARTOR_TRY(parallel_for(
      resources, items, kMergedPerBlock, [&](std::size_t begin, std::size_t end) -> Status {
        for (std::size_t i = begin; i < end; ++i) {
          kept[i] = merge_hours({all.rows.data() + all.begin[i], all.begin[i + 1] - all.begin[i]});
        }
        return {};
      }));
  std::vector<std::uint64_t> begin(items + 1, 0);
  for (std::size_t i = 0; i < items; ++i) begin[i + 1] = begin[i] + kept[i];
  std::vector<float> ages(begin.back());
  std::vector<float> weights(begin.back());
  for (std::size_t i = 0; i < items; ++i) {
    for (std::size_t k = 0; k < kept[i]; ++k) {
      ages[begin[i] + k] = static_cast<float>(all.rows[all.begin[i] + k].age_days);
      weights[begin[i] + k] = static_cast<float>(all.rows[all.begin[i] + k].weight);
    }
  }
  std::vector<float> untimed(all.untimed.begin(), all.untimed.end());
  return ItemCounts{std::move(begin), std::move(ages), std::move(weights), std::move(untimed)};
}

}  // namespace sartor
