#include "sartor/evaluation/evaluate.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace sartor {
namespace {

constexpr std::size_t kCasesPerBlock = 16;
constexpr float kLowest = std::numeric_limits<float>::lowest();

struct Candidate {
  float score;
  ItemId item;
  // Better first; equal scores by ascending item.
  bool operator<(const Candidate& other) const {
    return score > other.score || (score == other.score && item < other.item);
  }
};

constexpr std::size_t kScanned = 64;  // scores that are looked at together

// Items in ascending order that are asked for in ascending order.
class Ascending {
 public:
  explicit Ascending(std::span<const ItemId> items) : items_(items) {}

  bool has(ItemId item) {
    if (items_.empty() || item < items_.front()) return false;
    // Without gaps it is as far on as its id says; with gaps it is nearer, with repeats farther.
    const std::size_t on = item.index() - items_.front().index();
    const auto at = items_.begin() + static_cast<std::ptrdiff_t>(std::min(on, items_.size() - 1));
    const auto found = *at == item  ? at
                       : *at < item ? std::lower_bound(at, items_.end(), item)
                                    : std::lower_bound(items_.begin(), at, item);
    items_ = {found, items_.end()};
    return !items_.empty() && items_.front() == item;
  }

 private:
  std::span<const ItemId> items_;
};

// The best k of what is taken in ascending order of items. What is above the k-th of those that
// were sorted out last is kept until there are too many.
class BestOf {
 public:
  explicit BestOf(std::size_t k) : k_(k) { kept_.reserve(room()); }

  // Positions of those that might be among the best: one that only equals the k-th has the larger
  // id. Whatever a user has taken scores high and is excepted, so that most stretches hold one:
  // there is no branch to be mispredicted.
  std::span<const std::uint32_t> wanted(std::span<const float> scores) {
    const auto size = static_cast<std::uint32_t>(scores.size());
    std::uint32_t n = 0;
    if (!full_) {
      for (; n < size; ++n) wanted_[n] = n;
    } else if (size < kScanned || above_worst(scores.data()) > 0) {
      const float worst = worst_;
      for (std::uint32_t j = 0; j < size; ++j) {
        wanted_[n] = j;
        n += scores[j] > worst ? 1 : 0;
      }
    }
    return {wanted_.data(), n};
  }

  void take(float raw, ItemId item) {
    kept_.push_back({std::isnan(raw) ? kLowest : raw, item});
    if (kept_.size() == room()) sort_out();
  }

  void finish(std::vector<ItemId>& out) {
    const auto end = kept_.begin() + static_cast<std::ptrdiff_t>(std::min(k_, kept_.size()));
    std::partial_sort(kept_.begin(), end, kept_.end());
    for (auto it = kept_.begin(); it != end; ++it) out.push_back(it->item);
  }

 private:
  std::size_t room() const { return k_ + 128; }

  int above_worst(const float* scores) const {
    int above = 0;
    for (std::size_t j = 0; j < kScanned; ++j) above += scores[j] > worst_ ? 1 : 0;
    return above;
  }

  void sort_out() {
    const auto last = kept_.begin() + static_cast<std::ptrdiff_t>(k_ - 1);
    std::nth_element(kept_.begin(), last, kept_.end());
    worst_ = last->score;
    full_ = true;
    kept_.resize(k_);
  }

  std::size_t k_;
  std::vector<Candidate> kept_;
  std::array<std::uint32_t, kScanned> wanted_;
  bool full_ = false;  // k items at least are known
  float worst_ = 0;    // the k-th of them
};

std::string trec_name(const std::string& name) {
  std::string out;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= ' ' || byte == 0x7f || c == '%' || c == '#') {
      fmt::format_to(std::back_inserter(out), "%{:02X}", byte);
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

void top_k(std::span<const float> scores, std::span<const ItemId> eligible, std::size_t k,
           std::vector<ItemId>& out, std::span<const ItemId> except) {
  out.clear();
  if (k == 0 || eligible.empty()) return;
  BestOf best(k);
  Ascending may_be_listed(eligible);
  Ascending excepted(except);
  const std::size_t end = eligible.back().index() + 1;
  // Scores are read side by side, whether they are of eligible items or not: few are good enough
  // to be asked.
  for (std::size_t first = eligible.front().index(); first < end; first += kScanned) {
    const std::size_t n = std::min(kScanned, end - first);
    for (const std::uint32_t j : best.wanted(scores.subspan(first, n))) {
      const ItemId item{static_cast<std::uint32_t>(first) + j};
      if (may_be_listed.has(item) && !excepted.has(item)) best.take(scores[item.index()], item);
    }
  }
  best.finish(out);
}

std::vector<ItemId> eligible_items(const History& history) {
  std::vector<ItemId> items;
  for (std::uint32_t i = 0; i < history.items(); ++i) {
    if (history.seen(ItemId{i})) items.push_back(ItemId{i});
  }
  return items;
}

Query query_of(const Cases& cases, std::size_t c, const History& history) {
  const UserId user = cases.users[c];
  if (!cases.moments.empty()) {
    const Moment& moment = cases.moments[c];
    return {.user = user,
            .as_of = moment.as_of,
            .history = moment.history,
            .context = history.context_of(moment.history)};
  }
  return {.user = user,
          .as_of = cases.as_of,
          .history = history.of(user),
          .context = history.context_of(user)};
}

std::span<const double> Evaluation::of(const Metric& metric) const {
  const auto found = std::find(metrics.begin(), metrics.end(), metric);
  assert(found != metrics.end());
  return values[static_cast<std::size_t>(found - metrics.begin())];
}

double Evaluation::mean(const Metric& metric) const {
  const auto all = of(metric);
  double sum = 0;
  for (const double value : all) sum += value;
  return all.empty() ? 0 : sum / static_cast<double>(all.size());
}

Result<Evaluation> evaluate(const Cases& cases, const History& history, const Scorer& scorer,
                            const EvaluateOptions& options, const Resources& resources) {
  return evaluate_in_time(
      cases, history, [&](const History&) { return scorer; }, options, resources);
}

Result<Evaluation> evaluate_in_time(const Cases& cases, const History& history,
                                    const ScorerAt& scorer_at, const EvaluateOptions& options,
                                    const Resources& resources) {
  Evaluation result{.metrics = options.metrics, .depth = options.depth};
  for (const Metric& metric : options.metrics) result.depth = std::max(result.depth, metric.k);
  result.values.assign(options.metrics.size(), std::vector<double>(cases.size()));
  result.lists.assign(cases.size() * result.depth, kNoItem);
  for (const CasesInTime& part : in_time(cases)) {
    const History now = history_at(part, cases, history);
    const Scorer scorer = scorer_at(now);
    const std::vector<ItemId> eligible = eligible_items(now);
    SARTOR_TRY(parallel_for(
        resources, part.cases.size(), kCasesPerBlock,
        [&](std::size_t begin, std::size_t end) -> Status {
          std::vector<float> scores(history.items());
          std::vector<ItemId> taken;
          std::vector<ItemId> list;
          for (std::size_t i = begin; i < end; ++i) {
            const std::size_t c = part.cases[i];
            const Query query = query_of(cases, c, history);
            scorer(c, query, scores);
            taken.clear();
            if (!options.repeat) {
              for (const Interaction& row : query.history) taken.push_back(row.item);
              std::sort(taken.begin(), taken.end());
            }
            top_k(scores, eligible, result.depth, list, taken);
            std::copy(list.begin(), list.end(),
                      result.lists.begin() + static_cast<std::ptrdiff_t>(c * result.depth));
            for (std::size_t m = 0; m < options.metrics.size(); ++m) {
              result.values[m][c] = metric_value(options.metrics[m], list, cases.targets_of(c));
            }
          }
          resources.advance(end - begin);
          return {};
        }));
  }
  return result;
}

double coverage(const Evaluation& evaluation, std::size_t k, std::size_t eligible) {
  if (eligible == 0) return 0;
  std::vector<ItemId> listed;
  for (std::size_t at = 0; at < evaluation.lists.size(); ++at) {
    if (at % evaluation.depth < k && evaluation.lists[at] != kNoItem)
      listed.push_back(evaluation.lists[at]);
  }
  std::sort(listed.begin(), listed.end());
  const auto distinct = std::unique(listed.begin(), listed.end()) - listed.begin();
  return static_cast<double>(distinct) / static_cast<double>(eligible);
}

std::string case_name(const Cases& cases, std::size_t c, const Dataset& data) {
  std::string name = trec_name(data.users.name(cases.users[c].index()));
  if (cases.moments.empty()) return name;
  std::size_t first = c;
  while (first > 0 && cases.users[first - 1] == cases.users[c]) --first;
  return fmt::format("{}#{}", name, c - first + 1);
}

std::string trec_run(const Evaluation& evaluation, const Cases& cases, const Dataset& data,
                     const std::string& tag) {
  std::string out;
  for (std::size_t c = 0; c < cases.size(); ++c) {
    const std::string name = case_name(cases, c, data);
    for (std::size_t r = 0; r < evaluation.depth; ++r) {
      const ItemId item = evaluation.lists[c * evaluation.depth + r];
      if (item == kNoItem) break;
      fmt::format_to(std::back_inserter(out), "{} Q0 {} {} {} {}\n", name,
                     trec_name(data.items.name(item.index())), r + 1, evaluation.depth - (r + 1),
                     tag);
    }
  }
  return out;
}

std::string trec_qrels(const Cases& cases, const Dataset& data) {
  std::string out;
  for (std::size_t c = 0; c < cases.size(); ++c) {
    const std::string name = case_name(cases, c, data);
    for (const ItemId item : cases.targets_of(c)) {
      fmt::format_to(std::back_inserter(out), "{} 0 {} 1\n", name,
                     trec_name(data.items.name(item.index())));
    }
  }
  return out;
}

}  // namespace sartor
