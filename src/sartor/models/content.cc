#include "sartor/models/content.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sartor/models/array.h"
#include "sartor/models/content_features.h"
#include "sartor/models/saved_config.h"
#include "sartor/models/user_items.h"

namespace sartor {
namespace {

constexpr float kPopularityShare = 1e-3f;
constexpr double kPriorPairs = 1;  // what a column's lift weighs against a feature's own

// Items x features by item, and the same by feature, which follows from it.
struct FactVectors {
  Array<std::uint64_t> begin;  // items + 1
  Array<std::uint32_t> feature;
  Array<float> value;
  Array<float> strangers;  // per item of the catalogue

  struct Posting {
    std::uint32_t item;
    float value;
  };
  std::shared_ptr<const std::vector<std::size_t>> posting_begin;  // features + 1
  std::shared_ptr<const std::vector<Posting>> postings;

  std::size_t items() const { return strangers.size(); }
  std::size_t features() const { return posting_begin->size() - 1; }

  void index() {
    std::uint32_t features = 0;
    for (const std::uint32_t f : feature) features = std::max(features, f + 1);
    std::vector<std::size_t> starts(features + std::size_t{1}, 0);
    for (const std::uint32_t f : feature) ++starts[f + 1];
    std::partial_sum(starts.begin(), starts.end(), starts.begin());
    std::vector<Posting> all(feature.size());
    std::vector<std::size_t> next(starts.begin(), starts.end() - 1);
    for (std::uint32_t i = 0; i < items(); ++i) {
      for (std::size_t at = begin[i]; at < begin[i + 1]; ++at)
        all[next[feature[at]]++] = {i, value[at]};
    }
    posting_begin = std::make_shared<const std::vector<std::size_t>>(std::move(starts));
    postings = std::make_shared<const std::vector<Posting>>(std::move(all));
  }
};

class Content final : public Model {
 public:
  Content(FactVectors vectors, ContentConfig config)
      : vectors_(std::move(vectors)), config_(config) {
    config_.half_life_days = normal_half_life(config.half_life_days);
  }

  std::string_view family() const override { return ContentConfig::kFamily; }

  void score(const Query& query, std::span<float> out) const override {
    const auto& strangers = vectors_.strangers;
    if (!knows(query)) {
      std::copy(strangers.begin(), strangers.end(), out.begin());
      return;
    }
    std::vector<std::uint32_t> touched;
    const std::vector<float> taste = taste_of(query, touched);
    double squares = 0;
    for (const std::uint32_t f : touched) squares += static_cast<double>(taste[f]) * taste[f];
    const auto scale = static_cast<float>(squares > 0 ? 1 / std::sqrt(squares) : 0);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = kPopularityShare * strangers[i];
    for (const std::uint32_t f : touched) {
      if (query.is_late()) return;
      const float x = taste[f] * scale;
      for (std::size_t at = (*vectors_.posting_begin)[f]; at < (*vectors_.posting_begin)[f + 1];
           ++at) {
        const FactVectors::Posting& posting = (*vectors_.postings)[at];
        out[posting.item] += x * posting.value;
      }
    }
  }

  bool knows(const Query& query) const override {
    return std::any_of(query.history.begin(), query.history.end(), [&](const Interaction& row) {
      const std::size_t i = row.item.index();
      return i < vectors_.items() && vectors_.begin[i + 1] > vectors_.begin[i];
    });
  }

  ModelPtr with_half_life(double days) const override {
    ContentConfig config = config_;
    config.half_life_days = days;
    return std::make_shared<Content>(vectors_, config);
  }

  Status save(TensorFile& out) const override {
    save_config(out, config_);
    out.add("begin", vectors_.begin.span());
    out.add("features", vectors_.feature.span());
    out.add("values", vectors_.value.span());
    out.add("strangers", vectors_.strangers.span());
    return {};
  }

 private:
  // The sum of the history's vectors, over all features; `touched` are those that are set.
  std::vector<float> taste_of(const Query& query, std::vector<std::uint32_t>& touched) const {
    std::vector<float> taste(vectors_.features(), 0.0f);
    for (const auto [item, x] : profile(query, vectors_.items(), 0, config_.half_life_days)) {
      for (std::size_t at = vectors_.begin[item]; at < vectors_.begin[item + 1]; ++at) {
        float& sum = taste[vectors_.feature[at]];
        if (sum == 0) touched.push_back(vectors_.feature[at]);
        sum += x * vectors_.value[at];
      }
    }
    // A sum that came back to 0 on the way may stand here twice.
    std::sort(touched.begin(), touched.end());
    touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
    return taste;
  }

  FactVectors vectors_;
  ContentConfig config_;
};

// How many of the items seen before the history's end have each feature, and how many there are.
struct Frequencies {
  std::vector<std::size_t> of;
  std::size_t items = 0;
};

Frequencies frequencies(const ItemFeatures& facts, const History& history) {
  Frequencies out{.of = std::vector<std::size_t>(facts.features(), 0)};
  for (std::uint32_t i = 0; i < facts.items(); ++i) {
    if (!history.seen(ItemId{i})) continue;
    ++out.items;
    for (std::size_t at = facts.begin[i]; at < facts.begin[i + 1]; ++at)
      ++out.of[facts.feature[at]];
  }
  return out;
}

// g_f by rarity.
std::vector<double> inverse_frequencies(const Frequencies& frequency) {
  const auto n = static_cast<double>(frequency.items);
  const double most = 1 + std::log(1 + n);
  std::vector<double> g;
  for (const std::size_t of : frequency.of)
    g.push_back((1 + std::log((1 + n) / (1 + static_cast<double>(of)))) / most);
  return g;
}

// What users took together, per feature, against what chance would have put together.
struct PairCounts {
  std::vector<double> together;
  std::vector<double> taken;  // takings of items with the feature
  double all = 0;             // takings

  double chance(std::size_t f) const { return all > 0 ? taken[f] * taken[f] / all : 0; }
};

PairCounts pairs_of(const ItemFeatures& facts, const UserItems& rows, const FitInput& input) {
  PairCounts pairs{.together = std::vector<double>(facts.features(), 0.0),
                   .taken = std::vector<double>(facts.features(), 0.0)};
  std::vector<std::uint32_t> count(facts.features(), 0);
  std::vector<std::uint32_t> touched;
  for (std::size_t u = 0; u < rows.users(); ++u) {
    const std::size_t n = rows.begin[u + 1] - rows.begin[u];
    if (n < 2) continue;
    touched.clear();
    for (std::size_t e = rows.begin[u]; e < rows.begin[u + 1]; ++e) {
      const std::uint32_t item = rows.item[e];
      for (std::size_t at = facts.begin[item]; at < facts.begin[item + 1]; ++at) {
        if (count[facts.feature[at]]++ == 0) touched.push_back(facts.feature[at]);
      }
    }
    const double weight = input.weight_of(u);
    pairs.all += weight * static_cast<double>(n);
    for (const std::uint32_t f : touched) {
      const double c = count[f];
      pairs.together[f] += weight * c * (c - 1) / static_cast<double>(n - 1);
      pairs.taken[f] += weight * c;
      count[f] = 0;
    }
  }
  return pairs;
}

// g_f by what is taken together.
std::vector<double> lifts(const ItemFeatures& facts, const PairCounts& pairs) {
  const std::size_t columns = facts.kind_of.size();
  std::vector<double> together(columns, 0.0);
  std::vector<double> chance(columns, 0.0);
  for (std::size_t f = 0; f < facts.features(); ++f) {
    together[facts.column_of[f]] += pairs.together[f];
    chance[facts.column_of[f]] += pairs.chance(f);
  }
  std::vector<double> g;
  for (std::size_t f = 0; f < facts.features(); ++f) {
    const std::size_t c = facts.column_of[f];
    const double of_column = (together[c] + kPriorPairs) / (chance[c] + kPriorPairs);
    const double lift =
        (pairs.together[f] + kPriorPairs * of_column) / (pairs.chance(f) + kPriorPairs);
    g.push_back(std::sqrt(std::max(0.0, std::log(lift))));
  }
  return g;
}

// Weighted and of length 1, without features that do not count, and these renumbered.
FactVectors weighted(const ItemFeatures& facts, std::span<const double> g) {
  constexpr std::uint32_t kDropped = 0xffffffff;
  std::vector<std::uint32_t> number(facts.features(), kDropped);
  std::uint32_t kept = 0;
  for (std::size_t f = 0; f < g.size(); ++f) {
    if (g[f] > 0) number[f] = kept++;
  }
  std::vector<std::uint64_t> begin{0};
  std::vector<std::uint32_t> feature;
  std::vector<float> value;
  for (std::size_t i = 0; i < facts.items(); ++i) {
    double squares = 0;
    for (std::size_t at = facts.begin[i]; at < facts.begin[i + 1]; ++at) {
      const double x = facts.value[at] * g[facts.feature[at]];
      if (number[facts.feature[at]] == kDropped || x == 0) continue;
      feature.push_back(number[facts.feature[at]]);
      value.push_back(static_cast<float>(x));
      squares += x * x;
    }
    const auto scale = static_cast<float>(squares > 0 ? 1 / std::sqrt(squares) : 0);
    for (std::size_t at = begin.back(); at < value.size(); ++at) value[at] *= scale;
    begin.push_back(feature.size());
  }
  return {.begin = std::move(begin), .feature = std::move(feature), .value = std::move(value)};
}

Status check_attributes(const FitInput& input) {
  const auto fail = [](const std::string& message) {
    return Error{ErrorCode::invalid_argument, "content: " + message};
  };
  if (input.item_attributes == nullptr || input.item_attributes->columns.empty())
    return fail("no facts of items: there is no [[items]] block with text, category or price");
  if (input.item_attributes->rows != input.history->items()) {
    return fail(fmt::format("facts of {} items where {} were expected", input.item_attributes->rows,
                            input.history->items()));
  }
  return {};
}

}  // namespace

Result<ModelPtr> fit_content(const FitInput& input, const ContentConfig& config,
                             const Resources& resources) {
  SARTOR_TRY(check_config(config));
  SARTOR_TRY(check_fit_input(input, ContentConfig::kFamily));
  SARTOR_TRY(check_attributes(input));
  const ItemFeatures facts = item_features(*input.item_attributes);
  const Frequencies frequency = frequencies(facts, *input.history);
  SARTOR_ASSIGN(const UserItems rows, user_items(*input.history, 0, resources));
  std::vector<double> g = inverse_frequencies(frequency);
  if (config.learned) {
    const PairCounts pairs = pairs_of(facts, rows, input);
    if (pairs.all > 0) g = lifts(facts, pairs);
  }
  const double of_kind[] = {config.text_weight, config.category_weight, config.price_weight,
                            config.number_weight};
  const double most = config.max_share * static_cast<double>(frequency.items);
  for (std::size_t f = 0; f < g.size(); ++f) {
    const bool common = static_cast<double>(frequency.of[f]) > most;
    g[f] *= common ? 0 : of_kind[static_cast<std::size_t>(facts.kind(f))];
  }
  FactVectors vectors = weighted(facts, g);
  if (vectors.feature.empty()) {
    return Error{ErrorCode::invalid_argument,
                 "content: the facts of items hold nothing that tells items apart"};
  }
  vectors.strangers = stranger_scores(item_totals(input));
  vectors.index();
  return ModelPtr(std::make_shared<Content>(std::move(vectors), config));
}

Result<ModelPtr> load_content(const TensorFile& file) {
  SARTOR_ASSIGN(const auto config, load_config<ContentConfig>(file));
  FactVectors vectors;
  SARTOR_ASSIGN(vectors.strangers, Array<float>::of(file, "strangers"));
  SARTOR_ASSIGN(vectors.begin, Array<std::uint64_t>::of(file, "begin", vectors.items() + 1));
  const std::size_t n = vectors.begin[vectors.items()];
  SARTOR_ASSIGN(vectors.feature, Array<std::uint32_t>::of(file, "features", n));
  SARTOR_ASSIGN(vectors.value, Array<float>::of(file, "values", n));
  vectors.index();
  return ModelPtr(std::make_shared<Content>(std::move(vectors), config));
}

}  // namespace sartor
