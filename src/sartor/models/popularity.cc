#include "sartor/models/popularity.h"

#include <algorithm>
#include <cmath>

#include "sartor/models/array.h"
#include "sartor/models/saved_config.h"

namespace sartor {
namespace {

constexpr std::string_view kFamily = "popularity";
constexpr std::size_t kItemsPerBlock = 512;

// Each item's interactions by the hour, the youngest first.
struct Counts {
  Array<std::uint64_t> begin;  // items + 1
  Array<float> age_days;       // weighted mean age of the hour's interactions
  Array<float> weight;
  Array<float> untimed;  // per item
};

struct Dated {
  double age_days;
  double weight;
};
Counts later_counts(const Counts& before, double days, std::span<const std::vector<Dated>> news);

class Popularity final : public Model {
 public:
  Popularity(Counts counts, PopularityConfig config)
      : counts_(std::move(counts)), scores_(counts_.untimed.size()) {
    config_.half_life_days = normal_half_life(config.half_life_days);
    const bool decay = decays(config.half_life_days) && !counts_.age_days.empty();
    for (std::size_t i = 0; i < scores_.size(); ++i) {
      double sum = decay ? 0.0 : counts_.untimed[i];
      for (std::size_t at = counts_.begin[i]; at < counts_.begin[i + 1]; ++at) {
        const double left = decay ? decayed(counts_.age_days[at], config.half_life_days) : 1.0;
        sum += counts_.weight[at] * left;
      }
      scores_[i] = static_cast<float>(sum);
    }
  }

  std::string_view family() const override { return kFamily; }

  void score(const Query&, std::span<float> out) const override {
    std::copy(scores_.begin(), scores_.end(), out.begin());
  }

  ModelPtr with_half_life(double days) const override {
    return std::make_shared<Popularity>(counts_, PopularityConfig{.half_life_days = days});
  }

  ModelPtr advanced(const History& before, const History& now) const override {
    std::vector<std::vector<Dated>> news(scores_.size());
    for (std::uint32_t u = 0; u < now.users(); ++u) {
      for (const Interaction& row : now.of(UserId{u}).subspan(before.of(UserId{u}).size()))
        news[row.item.index()].push_back({days_between(row.time, now.as_of()), row.weight});
    }
    const double days = days_between(before.as_of(), now.as_of());
    return std::make_shared<Popularity>(later_counts(counts_, days, news), config_);
  }

  Status save(TensorFile& out) const override {
    save_config(out, kFamily, config_);
    out.add("begin", counts_.begin.span());
    out.add("age_days", counts_.age_days.span());
    out.add("weight", counts_.weight.span());
    out.add("untimed", counts_.untimed.span());
    return {};
  }

  FitNotes notes() const override {
    if (!decays(config_.half_life_days) || !counts_.age_days.empty()) return {};
    return {{"popularity: no interaction has a time, so the half-life does nothing"}};
  }

 private:
  Counts counts_;
  PopularityConfig config_;
  std::vector<float> scores_;
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

// `before`, older by `days`, behind what came since.
Counts later_counts(const Counts& before, double days, std::span<const std::vector<Dated>> news) {
  std::vector<std::uint64_t> begin = {0};
  std::vector<float> ages;
  std::vector<float> weights;
  for (std::size_t i = 0; i < news.size(); ++i) {
    std::vector<Dated> recent = news[i];
    recent.resize(merge_hours(recent));
    for (const Dated& row : recent) {
      ages.push_back(static_cast<float>(row.age_days));
      weights.push_back(static_cast<float>(row.weight));
    }
    for (std::size_t at = before.begin[i]; at < before.begin[i + 1]; ++at) {
      ages.push_back(static_cast<float>(before.age_days[at] + days));
      weights.push_back(before.weight[at]);
    }
    begin.push_back(ages.size());
  }
  return {std::move(begin), std::move(ages), std::move(weights), before.untimed};
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

Result<ModelPtr> fit_popularity(const FitInput& input, const PopularityConfig& config,
                                const Resources& resources) {
  SARTOR_TRY(check_fit_input(input, kFamily));
  const std::size_t items = input.history->items();
  Gathered all = gather(input);
  std::vector<std::size_t> kept(items);
  SARTOR_TRY(parallel_for(
      resources, items, kItemsPerBlock, [&](std::size_t begin, std::size_t end) -> Status {
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
  return ModelPtr(std::make_shared<Popularity>(
      Counts{std::move(begin), std::move(ages), std::move(weights), std::move(untimed)}, config));
}

Result<ModelPtr> load_popularity(const TensorFile& file) {
  SARTOR_ASSIGN(const auto config, load_config<PopularityConfig>(file, kFamily));
  Counts counts;
  SARTOR_ASSIGN(counts.untimed, Array<float>::of(file, "untimed"));
  SARTOR_ASSIGN(counts.begin, Array<std::uint64_t>::of(file, "begin", counts.untimed.size() + 1));
  const std::size_t rows = counts.begin[counts.untimed.size()];
  SARTOR_ASSIGN(counts.age_days, Array<float>::of(file, "age_days", rows));
  SARTOR_ASSIGN(counts.weight, Array<float>::of(file, "weight", rows));
  return ModelPtr(std::make_shared<Popularity>(std::move(counts), config));
}

}  // namespace sartor
