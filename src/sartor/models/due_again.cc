#include "sartor/models/due_again.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "sartor/models/array.h"
#include "sartor/models/saved_config.h"
#include "sartor/models/user_items.h"

namespace sartor {
namespace {

constexpr double kOneTakingDays = 0.5;
// Bins of the hazard: [0, kFirstEdge), then a factor sqrt(2) each; the last has no end.
constexpr double kFirstEdge = 1;
constexpr std::size_t kBins = 24;
constexpr double kShapes[] = {0.25, 0.5, 1, 2, 4, 8, 16, 32, 64};

double edge(std::size_t bin) {  // where the bin begins
  return bin == 0 ? 0 : kFirstEdge * std::exp2(0.5 * static_cast<double>(bin - 1));
}

std::size_t bin_of(double days) {
  if (days < kFirstEdge) return 0;
  const auto bin = static_cast<std::size_t>(1 + std::floor(2 * std::log2(days / kFirstEdge)));
  return std::min(bin, kBins - 1);
}

// A piecewise constant hazard and its integral.
struct Hazard {
  std::array<double, kBins> rate;
  std::array<double, kBins> begin{};  // integral up to the bin

  explicit Hazard(const std::array<double, kBins>& rates) : rate(rates) {
    for (std::size_t b = 1; b < kBins; ++b) {
      begin[b] = begin[b - 1] + rate[b - 1] * (edge(b) - edge(b - 1));
    }
  }
  double up_to(double days) const {
    const std::size_t bin = bin_of(days);
    return begin[bin] + rate[bin] * (days - edge(bin));
  }
};

// Days between two takings of an item by a user, or since the last one.
struct Interval {
  float days;
  float age;  // of its end; the open one's is 0
  bool closed;
};

struct Pair {
  std::uint32_t item;
  std::size_t begin;  // of its intervals; the last is open
  std::size_t end;
};

struct Pairs {
  std::vector<Pair> pairs;
  std::vector<Interval> intervals;
};

// Appends the pairs of the query's history, by ascending item below `items`.
void add_pairs(const Query& query, std::size_t items, Pairs& out) {
  const Ages ages(query);
  std::vector<std::pair<std::uint32_t, double>> rows;  // item, age
  rows.reserve(query.history.size());
  for (const Interaction& row : query.history) {
    if (row.item.index() < items) {
      rows.emplace_back(row.item.value, std::max(0.0, ages.of(row)));
    }
  }
  // The oldest first within an item.
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
    return a.first < b.first || (a.first == b.first && a.second > b.second);
  });
  for (std::size_t r = 0; r < rows.size();) {
    const std::uint32_t item = rows[r].first;
    const std::size_t begin = out.intervals.size();
    double last = rows[r].second;
    for (++r; r < rows.size() && rows[r].first == item; ++r) {
      const double days = last - rows[r].second;
      if (days < kOneTakingDays) continue;
      last = rows[r].second;
      out.intervals.push_back({static_cast<float>(days), static_cast<float>(last), true});
    }
    out.intervals.push_back({static_cast<float>(last), 0, false});
    out.pairs.push_back({item, begin, out.intervals.size()});
  }
}

// Repeats observed and expected, of a user, an item or both.
struct Evidence {
  double repeats = 0;
  double expected = 0;

  // Of an interval in which `mean` repeats were expected; what lies `half_life` days back counts
  // half.
  void add(const Interval& interval, double mean, double half_life) {
    const bool decay = decays(half_life);
    const double middle = interval.age + 0.5 * interval.days;
    if (interval.closed) repeats += decay ? decayed(interval.age, half_life) : 1;
    expected += mean * (decay ? decayed(middle, half_life) : 1);
  }
  double posterior(double shape) const { return (repeats + shape) / (expected + shape); }
};

// The shape under which the repeats are likeliest, each ~ Poisson(m expected), m ~ Gamma(shape,
// shape).
double likeliest_shape(std::span<const Evidence> all) {
  double best = kShapes[0];
  double most = 0;
  for (const double shape : kShapes) {
    double sum = 0;
    for (const Evidence& one : all) {
      sum += shape * std::log(shape / (one.expected + shape));
      if (one.repeats == 0) continue;
      sum += std::lgamma(one.repeats + shape) - std::lgamma(shape) -
             one.repeats * std::log(one.expected + shape);
    }
    if (shape == kShapes[0] || sum > most) {
      most = sum;
      best = shape;
    }
  }
  return best;
}

// Makes as many repeats expected as there were, so that a frailty without evidence, 1, is the
// average. Returns the factor.
double level(std::vector<Evidence>& all) {
  double repeats = 0;
  double expected = 0;
  for (const Evidence& one : all) {
    repeats += one.repeats;
    expected += one.expected;
  }
  const double factor = repeats > 0 && expected > 0 ? repeats / expected : 1;
  for (Evidence& one : all) one.expected *= factor;
  return factor;
}

struct Shapes {
  double user = 1;
  double pair = 1;
};

// Fits hazard, item frailties and shapes; `users` are ranges of pairs, one per user.
class Fitter {
 public:
  Fitter(Pairs pairs, std::vector<std::size_t> user_begin, std::vector<double> user_weight,
         std::size_t items, double item_half_life)
      : data_(std::move(pairs)),
        user_begin_(std::move(user_begin)),
        weight_(std::move(user_weight)),
        frailty_(data_.pairs.size(), 1.0),
        item_(items, 1.0),
        item_half_life_(item_half_life) {}

  void run(int rounds) {
    maximise();
    for (int round = 0; round < rounds; ++round) {
      expect();
      maximise();
    }
    expect();
  }

  const std::array<double, kBins>& rates() const { return rates_; }
  const std::vector<double>& items() const { return item_; }
  const Shapes& shapes() const { return shapes_; }

 private:
  std::size_t users() const { return user_begin_.size() - 1; }

  // Hazard: repeats over days at risk in each bin, the days weighted by how prone to repeat they
  // are; with one repeat's worth of the mean hazard as a prior.
  void maximise() {
    std::array<double, kBins> repeats{};
    std::array<double, kBins> at_risk{};
    std::array<double, kBins> whole{};  // weight of intervals that last beyond the bin
    for (std::size_t u = 0; u < users(); ++u) {
      for (std::size_t p = user_begin_[u]; p < user_begin_[u + 1]; ++p) {
        const double risk = weight_[u] * frailty_[p];
        for (std::size_t r = data_.pairs[p].begin; r < data_.pairs[p].end; ++r) {
          const Interval& interval = data_.intervals[r];
          const std::size_t bin = bin_of(interval.days);
          at_risk[bin] += risk * (interval.days - edge(bin));
          if (bin > 0) whole[bin - 1] += risk;
          if (interval.closed) repeats[bin] += weight_[u];
        }
      }
    }
    double beyond = 0;
    double all_repeats = 0;
    double all_days = 0;
    for (std::size_t b = kBins; b-- > 0;) {
      beyond += whole[b];
      if (b + 1 < kBins) at_risk[b] += beyond * (edge(b + 1) - edge(b));
      all_repeats += repeats[b];
      all_days += at_risk[b];
    }
    const double mean = (all_repeats + 1) / (all_days + 365);
    for (std::size_t b = 0; b < kBins; ++b) {
      rates_[b] = (repeats[b] + 1) / (at_risk[b] + 1 / mean);
    }
  }

  // Frailties: items by what the hazard lets expect, users by that and the items, pairs by all.
  void expect() {
    std::vector<Evidence> pair(data_.pairs.size());
    expect_items(pair);
    expect_users(pair);
    shapes_.pair = likeliest_shape(pair);
    for (std::size_t p = 0; p < pair.size(); ++p) {
      frailty_[p] *= pair[p].posterior(shapes_.pair);
    }
  }

  // Sets item_, and what `pair` lets expect from the hazard alone.
  void expect_items(std::vector<Evidence>& pair) {
    const Hazard hazard(rates_);
    std::vector<Evidence> item(item_.size());
    for (std::size_t u = 0; u < users(); ++u) {
      for (std::size_t p = user_begin_[u]; p < user_begin_[u + 1]; ++p) {
        const Pair& one = data_.pairs[p];
        Evidence lately;  // of the item
        for (std::size_t r = one.begin; r < one.end; ++r) {
          const double mean = hazard.up_to(data_.intervals[r].days);
          pair[p].add(data_.intervals[r], mean, kNoDecayDays);
          lately.add(data_.intervals[r], mean, item_half_life_);
        }
        item[one.item].repeats += weight_[u] * lately.repeats;
        item[one.item].expected += weight_[u] * lately.expected;
      }
    }
    const double factor = level(item);
    const double shape = likeliest_shape(item);
    for (std::size_t i = 0; i < item_.size(); ++i) item_[i] = factor * item[i].posterior(shape);
  }

  // Sets the users' part of frailty_, and what `pair` lets expect from all but the pair itself.
  void expect_users(std::vector<Evidence>& pair) {
    std::vector<Evidence> user(users());
    for (std::size_t u = 0; u < users(); ++u) {
      for (std::size_t p = user_begin_[u]; p < user_begin_[u + 1]; ++p) {
        pair[p].expected *= item_[data_.pairs[p].item];
        user[u].repeats += pair[p].repeats;
        user[u].expected += pair[p].expected;
      }
    }
    const double factor = level(user);
    for (double& frailty : item_) frailty *= factor;
    shapes_.user = likeliest_shape(user);
    for (std::size_t u = 0; u < users(); ++u) {
      const double often = user[u].posterior(shapes_.user);
      for (std::size_t p = user_begin_[u]; p < user_begin_[u + 1]; ++p) {
        pair[p].expected *= factor * often;
        frailty_[p] = often * item_[data_.pairs[p].item];
      }
    }
  }

  Pairs data_;
  std::vector<std::size_t> user_begin_;  // users + 1
  std::vector<double> weight_;
  std::vector<double> frailty_;  // of each pair, m_u m_i m_ui
  std::vector<double> item_;
  double item_half_life_;
  std::array<double, kBins> rates_{};
  Shapes shapes_;
};

class DueAgain final : public Model {
 public:
  DueAgain(Array<double> rates, Array<double> shapes, Array<float> items, Array<float> strangers,
           DueAgainConfig config)
      : rates_(std::move(rates)),
        shapes_(std::move(shapes)),
        items_(std::move(items)),
        strangers_(std::move(strangers)),
        config_(config),
        hazard_(std::array<double, kBins>{}) {
    config_.half_life_days = normal_half_life(config.half_life_days);
    std::array<double, kBins> values;
    std::copy(rates_.begin(), rates_.end(), values.begin());
    hazard_ = Hazard(values);
  }

  std::string_view family() const override { return DueAgainConfig::kFamily; }

  void score(const Query& query, std::span<float> out) const override {
    Pairs pairs;
    add_pairs(query, items_.size(), pairs);
    if (pairs.pairs.empty()) {
      std::copy(strangers_.begin(), strangers_.end(), out.begin());
      return;
    }
    std::fill(out.begin(), out.end(), 0.0f);
    Evidence user;
    std::vector<Evidence> evidence;
    evidence.reserve(pairs.pairs.size());
    for (const Pair& pair : pairs.pairs) {
      evidence.push_back(evidence_of(pairs, pair));
      user.repeats += evidence.back().repeats;
      user.expected += evidence.back().expected;
    }
    const double often = user.posterior(shapes_[0]);
    for (std::size_t p = 0; p < pairs.pairs.size(); ++p) {
      const Pair& pair = pairs.pairs[p];
      evidence[p].expected *= often;
      const double since = pairs.intervals[pair.end - 1].days;
      const double ahead = hazard_.up_to(since + config_.horizon_days) - hazard_.up_to(since);
      const double mean = often * items_[pair.item] * evidence[p].posterior(shapes_[1]) * ahead;
      out[pair.item] = static_cast<float>(-std::expm1(-mean));
    }
  }

  bool knows(const Query& query) const override {
    return std::any_of(query.history.begin(), query.history.end(),
                       [&](const Interaction& row) { return row.item.index() < items_.size(); });
  }

  ModelPtr with_half_life(double days) const override {
    DueAgainConfig config = config_;
    config.half_life_days = days;
    return std::make_shared<DueAgain>(rates_, shapes_, items_, strangers_, config);
  }

  Status save(TensorFile& out) const override {
    save_config(out, config_);
    out.add("rates", rates_.span());
    out.add("shapes", shapes_.span());
    out.add("items", items_.span());
    out.add("strangers", strangers_.span());
    return {};
  }

 private:
  // What the history says of a pair, its older intervals counting less.
  Evidence evidence_of(const Pairs& pairs, const Pair& pair) const {
    Evidence sum;
    for (std::size_t r = pair.begin; r < pair.end; ++r) {
      const Interval& interval = pairs.intervals[r];
      sum.add(interval, items_[pair.item] * hazard_.up_to(interval.days), config_.half_life_days);
    }
    return sum;
  }

  Array<double> rates_;   // of the hazard, per day in each bin
  Array<double> shapes_;  // of the users' and the pairs' frailties
  Array<float> items_;    // frailties
  Array<float> strangers_;
  DueAgainConfig config_;
  Hazard hazard_;
};

}  // namespace

Result<ModelPtr> fit_due_again(const FitInput& input, const DueAgainConfig& config,
                               const Resources&) {
  SARTOR_TRY(check_fit_input(input, DueAgainConfig::kFamily));
  SARTOR_TRY(check_config(config));
  const History& history = *input.history;
  Pairs pairs;
  std::vector<std::size_t> user_begin{0};
  std::vector<double> weight(history.users());
  for (std::uint32_t u = 0; u < history.users(); ++u) {
    add_pairs({.user = UserId{u}, .as_of = history.as_of(), .history = history.of(UserId{u})},
              history.items(), pairs);
    user_begin.push_back(pairs.pairs.size());
    weight[u] = input.weight_of(u);
  }
  Fitter fitter(std::move(pairs), std::move(user_begin), std::move(weight), history.items(),
                config.item_half_life_days);
  fitter.run(config.rounds);
  return ModelPtr(
      std::make_shared<DueAgain>(std::vector<double>(fitter.rates().begin(), fitter.rates().end()),
                                 std::vector<double>{fitter.shapes().user, fitter.shapes().pair},
                                 std::vector<float>(fitter.items().begin(), fitter.items().end()),
                                 stranger_scores(item_totals(input)), config));
}

Result<ModelPtr> load_due_again(const TensorFile& file) {
  SARTOR_ASSIGN(const auto config, load_config<DueAgainConfig>(file));
  SARTOR_ASSIGN(auto rates, Array<double>::of(file, "rates", kBins));
  SARTOR_ASSIGN(auto shapes, Array<double>::of(file, "shapes", 2));
  SARTOR_ASSIGN(auto items, Array<float>::of(file, "items"));
  SARTOR_ASSIGN(auto strangers, Array<float>::of(file, "strangers", items.size()));
  return ModelPtr(std::make_shared<DueAgain>(std::move(rates), std::move(shapes), std::move(items),
                                             std::move(strangers), config));
}

}  // namespace sartor
