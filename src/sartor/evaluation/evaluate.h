// Full-catalogue ranking of a window's cases, and the metrics of every user.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "sartor/base/parallel.h"
#include "sartor/evaluation/cases.h"
#include "sartor/evaluation/metrics.h"

namespace sartor {

// Fills out[i] with the score of ItemId{i} for case `c`; called from several threads, one case at a
// time in each.
using Scorer = std::function<void(std::size_t c, const Query& query, std::span<float> out)>;

// The best `k` of `eligible` (ascending) but those of `except` (ascending), best first; equal
// scores in ascending order of ItemId. NaN counts as lowest.
void top_k(std::span<const float> scores, std::span<const ItemId> eligible, std::size_t k,
           std::vector<ItemId>& out, std::span<const ItemId> except = {});

// The items that may be listed as of `history`'s moment, ascending.
std::vector<ItemId> eligible_items(const History& history);

// What a case's model may know.
Query query_of(const Cases& cases, std::size_t c, const History& history);

inline constexpr ItemId kNoItem{};  // no place in a list that is shorter than its depth

// Makes the scorer for cases as of `now` or later; called one moment after the other, in time
// order.
using ScorerAt = std::function<Scorer(const History& now)>;

struct EvaluateOptions {
  std::vector<Metric> metrics;
  bool repeat = false;     // else items of the user's own history are not listed
  std::size_t depth = 20;  // length of the kept lists; at least the largest k
};

struct Evaluation {
  std::vector<Metric> metrics;
  std::vector<std::vector<double>> values;  // [metric][case]
  std::size_t depth = 0;
  std::vector<ItemId> lists;  // case c's list: lists[c * depth …], kNoItem where it is shorter

  std::span<const double> of(const Metric& metric) const;
  double mean(const Metric& metric) const;
};

// Scores every item for every case in blocks that fit memory; the same bits at any thread count.
Result<Evaluation> evaluate(const Cases& cases, const History& history, const Scorer& scorer,
                            const EvaluateOptions& options, const Resources& resources);

// The same where cases have moments of their own: what may be listed, and the scorer, are brought
// up to date at kRefreshes moments of the window (in_time), and are never ahead of a case.
Result<Evaluation> evaluate_in_time(const Cases& cases, const History& history,
                                    const ScorerAt& scorer_at, const EvaluateOptions& options,
                                    const Resources& resources);

// Share of `eligible` items that stand in at least one list, cut at `k`.
double coverage(const Evaluation& evaluation, std::size_t k, std::size_t eligible);

// A case's name in TREC files: its user's, and #1, #2, … where a user may have several. There, and
// for items, blanks, control characters, # and % are written like %20, for fields end at blanks.
std::string case_name(const Cases& cases, std::size_t c, const Dataset& data);

// TREC files: `run` lines "case Q0 item rank score tag" with score = depth - rank, and `qrels`
// lines "case 0 item 1".
std::string trec_run(const Evaluation& evaluation, const Cases& cases, const Dataset& data,
                     const std::string& tag);
std::string trec_qrels(const Cases& cases, const Dataset& data);

}  // namespace sartor
