#include "sartor/evaluation/evaluate.h"

#include <fmt/format.h>

#include <algorithm>
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
  if (k == 0) return;
  // A heap of the best k so far, the worst of them on top. Most items fail the first comparison:
  // one that only equals the worst has the larger id. What is excepted is looked up for the few
  // others.
  std::vector<Candidate> heap;
  heap.reserve(k + 1);
  for (const ItemId item : eligible) {
    const float raw = scores[item.index()];
    const bool full = heap.size() == k;
    if (full && !(raw > heap.front().score)) continue;
    if (std::binary_search(except.begin(), except.end(), item)) continue;
    if (full) {
      std::pop_heap(heap.begin(), heap.end());
      heap.pop_back();
    }
    heap.push_back({std::isnan(raw) ? kLowest : raw, item});
    std::push_heap(heap.begin(), heap.end());
  }
  std::sort_heap(heap.begin(), heap.end());
  for (const Candidate& candidate : heap) out.push_back(candidate.item);
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
