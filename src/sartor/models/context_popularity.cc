#include "sartor/models/context_popularity.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "sartor/models/array.h"
#include "sartor/models/saved_config.h"

namespace sartor {
namespace {

constexpr std::uint32_t kHours = 24;
constexpr std::uint32_t kWeekdays = 7;
constexpr std::uint32_t kMissing = Column::kMissing;

enum class ContextKind : std::uint32_t { key, hour, weekday, category };

// Where the context of an interaction is read.
struct Source {
  ContextKind kind = ContextKind::hour;
  std::uint32_t values = 0;       // codes below this
  std::uint32_t key = 0;          // position among the log's context keys
  std::uint32_t keys = 0;         // how many it has
  Array<std::uint32_t> category;  // per item

  std::uint32_t of_time(Time time) const {
    if (time == kUntimed) return kMissing;
    const CalendarTime calendar = calendar_time(time);
    return static_cast<std::uint32_t>(kind == ContextKind::hour ? calendar.hour : calendar.weekday);
  }
  // Of interaction `r` of a history; `context` as in Query.
  std::uint32_t of(const Interaction& row, std::size_t r,
                   std::span<const std::uint32_t> context) const {
    if (kind == ContextKind::category) {
      return row.item.index() < category.size() ? category[row.item.index()] : kMissing;
    }
    if (kind != ContextKind::key) return of_time(row.time);
    const std::size_t at = r * keys + key;
    return at < context.size() && context[at] < values ? context[at] : kMissing;
  }
};

// Interactions by (context, item), contexts and items ascending; those of one hour share their mean
// age. What has no context stands last, under the code `values`.
struct Takings {
  Array<std::uint32_t> context;
  Array<std::uint32_t> item;
  Array<float> age_days;
  Array<float> weight;
};

// One item in one context: what it adds to the score of who is there.
struct Share {
  std::uint32_t item;
  float value;
};

class ContextPopularity final : public Model {
 public:
  ContextPopularity(Takings takings, Source source, std::size_t items,
                    ContextPopularityConfig config)
      : takings_(std::move(takings)), source_(std::move(source)), config_(std::move(config)) {
    config_.half_life_days = normal_half_life(config_.half_life_days);
    tally(items);
  }

  std::string_view family() const override { return ContextPopularityConfig::kFamily; }

  void score(const Query& query, std::span<float> out) const override {
    const std::vector<double> mix = mix_of(query);
    double everywhere = mix.empty() ? 1 : 0;
    for (std::size_t c = 0; c < mix.size(); ++c) everywhere += mix[c] * everybody_[c];
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = static_cast<float>(everywhere * popular_[i]);
    }
    for (std::size_t c = 0; c < mix.size(); ++c) {
      if (mix[c] == 0) continue;
      for (std::size_t at = begin_[c]; at < begin_[c + 1]; ++at) {
        out[shares_[at].item] += static_cast<float>(mix[c] * shares_[at].value);
      }
    }
  }

  bool knows(const Query& query) const override { return !mix_of(query).empty(); }

  ModelPtr with_half_life(double days) const override {
    ContextPopularityConfig config = config_;
    config.half_life_days = days;
    return std::make_shared<ContextPopularity>(takings_, source_, popular_.size(), config);
  }

  Status save(TensorFile& out) const override {
    save_config(out, config_);
    const std::uint32_t source[] = {static_cast<std::uint32_t>(source_.kind), source_.values,
                                    source_.key, source_.keys,
                                    static_cast<std::uint32_t>(popular_.size())};
    out.add<std::uint32_t>("source", source);
    out.add("category", source_.category.span());
    out.add("context", takings_.context.span());
    out.add("item", takings_.item.span());
    out.add("age_days", takings_.age_days.span());
    out.add("weight", takings_.weight.span());
    return {};
  }

 private:
  void tally(std::size_t items) {
    const bool decay = decays(config_.half_life_days);
    const std::size_t contexts = source_.values;
    std::vector<double> popular(items);
    std::vector<double> sums(contexts + 1);
    double all = 0;
    begin_.assign(contexts + 1, 0);
    for (std::size_t r = 0; r < takings_.item.size();) {
      const std::uint32_t context = takings_.context[r];
      const std::uint32_t item = takings_.item[r];
      double sum = 0;
      for (; r < takings_.item.size() && takings_.context[r] == context && takings_.item[r] == item;
           ++r) {
        sum += takings_.weight[r] *
               (decay ? decayed(takings_.age_days[r], config_.half_life_days) : 1.0);
      }
      popular[item] += sum;
      sums[context] += sum;
      all += sum;
      if (context == contexts) continue;
      shares_.push_back({item, static_cast<float>(sum)});
      begin_[context + 1] = shares_.size();
    }
    for (std::size_t c = 0; c < contexts; ++c) begin_[c + 1] = std::max(begin_[c + 1], begin_[c]);
    for (double& value : popular) value = all > 0 ? value / all : 0;
    popular_.assign(popular.begin(), popular.end());
    for (std::size_t c = 0; c < contexts; ++c) {
      const double mass = sums[c] + config_.prior;
      everybody_.push_back(config_.prior / mass);
      common_.push_back(all > 0 ? sums[c] / all : 0);
      for (std::size_t at = begin_[c]; at < begin_[c + 1]; ++at) {
        shares_[at].value = static_cast<float>(shares_[at].value / mass);
      }
    }
  }

  // q: one share per context, or empty.
  std::vector<double> mix_of(const Query& query) const {
    std::vector<double> mix(source_.values);
    double sum = 0;
    const auto add = [&](std::uint32_t code) {
      if (code >= source_.values) return;
      mix[code] += 1;
      sum += 1;
    };
    const bool moment = source_.kind == ContextKind::key && query.context.size() == source_.keys;
    if (moment) {
      add(query.context[source_.key]);
    } else {
      for (std::size_t r = 0; r < query.history.size(); ++r) {
        if (query.history[r].item.index() >= popular_.size()) continue;
        add(source_.of(query.history[r], r, query.context));
      }
    }
    if (sum == 0) return {};
    if (moment) return mix;
    for (std::size_t c = 0; c < mix.size(); ++c) mix[c] = (mix[c] + common_[c]) / (sum + 1);
    return mix;
  }

  Takings takings_;
  Source source_;
  ContextPopularityConfig config_;
  std::vector<float> popular_;      // p
  std::vector<double> everybody_;   // per context: prior / (N_c + prior)
  std::vector<double> common_;      // per context: its share of all interactions
  std::vector<std::size_t> begin_;  // contexts + 1, into shares_
  std::vector<Share> shares_;       // r_ic / (N_c + prior)
};

Result<Source> source_of(const FitInput& input, const std::string& by) {
  const auto keys = input.history->context_keys();
  for (std::uint32_t k = 0; k < keys.size(); ++k) {
    if (keys[k].name != by) continue;
    return Source{.kind = ContextKind::key,
                  .values = static_cast<std::uint32_t>(keys[k].words.size()),
                  .key = k,
                  .keys = static_cast<std::uint32_t>(keys.size())};
  }
  if (by == "hour") return Source{.kind = ContextKind::hour, .values = kHours};
  if (by == "weekday") return Source{.kind = ContextKind::weekday, .values = kWeekdays};
  const Column* category =
      input.item_attributes == nullptr ? nullptr : input.item_attributes->find("category");
  if (by == "category" && category != nullptr && category->is_text) {
    return Source{.kind = ContextKind::category,
                  .values = static_cast<std::uint32_t>(category->words.size()),
                  .category = category->codes};
  }
  std::string known = "hour, weekday";
  if (category != nullptr) known += ", category";
  for (const ContextKey& key : keys) known += ", " + key.name;
  return Error{ErrorCode::invalid_argument,
               fmt::format("{}: there is no context '{}'; known are {}",
                           ContextPopularityConfig::kFamily, by, known)};
}

struct Row {
  std::uint32_t context;
  std::uint32_t item;
  double age_days;
  double weight;

  auto place() const { return std::tuple(context, item, std::floor(age_days * 24)); }
};

std::vector<Row> rows_of(const FitInput& input, const Source& source) {
  const History& history = *input.history;
  std::vector<Row> timed;
  std::vector<Row> untimed;
  for (std::uint32_t u = 0; u < history.users(); ++u) {
    const auto rows = history.of(UserId{u});
    const auto context = history.context_of(UserId{u});
    for (std::size_t r = 0; r < rows.size(); ++r) {
      const bool has_time = rows[r].time != kUntimed;
      const double age = has_time ? days_between(rows[r].time, history.as_of()) : 0;
      (has_time ? timed : untimed)
          .push_back({std::min(source.of(rows[r], r, context), source.values), rows[r].item.value,
                      age, double{rows[r].weight} * input.weight_of(u)});
    }
  }
  return timed.empty() ? untimed : timed;
}

Takings takings_of(std::vector<Row> rows) {
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Row& a, const Row& b) { return a.place() < b.place(); });
  std::vector<std::uint32_t> context;
  std::vector<std::uint32_t> item;
  std::vector<float> age;
  std::vector<float> weight;
  for (std::size_t r = 0; r < rows.size();) {
    double sum = 0;
    double ages = 0;
    const Row first = rows[r];
    for (; r < rows.size() && rows[r].place() == first.place(); ++r) {
      sum += rows[r].weight;
      ages += rows[r].weight * rows[r].age_days;
    }
    if (sum == 0) continue;
    context.push_back(first.context);
    item.push_back(first.item);
    age.push_back(static_cast<float>(ages / sum));
    weight.push_back(static_cast<float>(sum));
  }
  return {std::move(context), std::move(item), std::move(age), std::move(weight)};
}

}  // namespace

Result<ModelPtr> fit_context_popularity(const FitInput& input,
                                        const ContextPopularityConfig& config, const Resources&) {
  SARTOR_TRY(check_fit_input(input, ContextPopularityConfig::kFamily));
  SARTOR_TRY(check_config(config));
  SARTOR_ASSIGN(Source source, source_of(input, config.by));
  Takings takings = takings_of(rows_of(input, source));
  return ModelPtr(std::make_shared<ContextPopularity>(std::move(takings), std::move(source),
                                                      input.history->items(), config));
}

Result<ModelPtr> load_context_popularity(const TensorFile& file) {
  SARTOR_ASSIGN(const auto config, load_config<ContextPopularityConfig>(file));
  SARTOR_ASSIGN(const auto source, Array<std::uint32_t>::of(file, "source", 5));
  Source from{.kind = static_cast<ContextKind>(source[0]),
              .values = source[1],
              .key = source[2],
              .keys = source[3]};
  SARTOR_ASSIGN(from.category, Array<std::uint32_t>::of(file, "category"));
  const std::size_t items = source[4];
  Takings takings;
  SARTOR_ASSIGN(takings.context, Array<std::uint32_t>::of(file, "context"));
  const std::size_t rows = takings.context.size();
  SARTOR_ASSIGN(takings.item, Array<std::uint32_t>::of(file, "item", rows));
  SARTOR_ASSIGN(takings.age_days, Array<float>::of(file, "age_days", rows));
  SARTOR_ASSIGN(takings.weight, Array<float>::of(file, "weight", rows));
  for (std::size_t r = 0; r < rows; ++r) {
    if (takings.context[r] > from.values || takings.item[r] >= items) {
      return Error{ErrorCode::bad_data,
                   fmt::format("{}: row {} names an item or context that is not there",
                               ContextPopularityConfig::kFamily, r)};
    }
  }
  return ModelPtr(
      std::make_shared<ContextPopularity>(std::move(takings), std::move(from), items, config));
}

}  // namespace sartor
