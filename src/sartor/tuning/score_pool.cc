#include "sartor/tuning/score_pool.h"

#include <algorithm>
#include <limits>

#include "sartor/base/matrix.h"
#include "sartor/evaluation/evaluate.h"
#include "sartor/models/blend.h"

namespace sartor {
namespace {

constexpr std::size_t kCasesPerBlock = 16;

// What one case contributes, before all cases are put together.
struct CasePool {
  std::vector<ItemId> items;  // ascending
  std::vector<float> z;       // variants x items
};

std::vector<ItemId> allowed_items(std::span<const ItemId> eligible, const Query& query,
                                  bool repeat) {
  if (repeat || query.history.empty()) return {eligible.begin(), eligible.end()};
  std::vector<ItemId> taken;
  for (const Interaction& row : query.history) taken.push_back(row.item);
  std::sort(taken.begin(), taken.end());
  std::vector<ItemId> allowed;
  std::set_difference(eligible.begin(), eligible.end(), taken.begin(), taken.end(),
                      std::back_inserter(allowed));
  return allowed;
}

CasePool pool_of_case(const Query& query, std::span<const ItemId> eligible,
                      std::span<const ItemId> allowed, std::span<const Model* const> variants,
                      std::size_t depth, Matrix<float>& scores) {
  CasePool pool;
  std::vector<ItemId> best;
  // Like a blend: what knows nothing of the query keeps quiet, unless nobody knows anything.
  const bool anybody_knows = std::any_of(variants.begin(), variants.end(),
                                         [&](const Model* model) { return model->knows(query); });
  for (std::size_t v = 0; v < variants.size(); ++v) {
    if (anybody_knows) {
      standardised_scores(*variants[v], query, eligible, scores.row(v));
      if (!variants[v]->knows(query)) continue;
    } else {
      variants[v]->score(query, scores.row(v));
      standardise(scores.row(v), eligible);
    }
    top_k(scores.row(v), allowed, depth, best);
    pool.items.insert(pool.items.end(), best.begin(), best.end());
  }
  std::sort(pool.items.begin(), pool.items.end());
  pool.items.erase(std::unique(pool.items.begin(), pool.items.end()), pool.items.end());
  pool.z.reserve(pool.items.size() * variants.size());
  for (std::size_t v = 0; v < variants.size(); ++v) {
    for (const ItemId item : pool.items) pool.z.push_back(scores(v, item.index()));
  }
  return pool;
}

}  // namespace

Result<ScorePool> ScorePool::make(const Cases& cases, const History& history,
                                  std::span<const Model* const> variants, std::size_t depth,
                                  bool repeat, const Resources& resources) {
  const std::vector<ItemId> eligible = eligible_items(history);
  std::vector<CasePool> parts(cases.size());
  SARTOR_TRY(parallel_for(
      resources, cases.size(), kCasesPerBlock, [&](std::size_t begin, std::size_t end) -> Status {
        Matrix<float> scores(variants.size(), history.items());
        for (std::size_t c = begin; c < end; ++c) {
          const Query query = query_of(cases, c, history);
          const auto allowed = allowed_items(eligible, query, repeat);
          parts[c] = pool_of_case(query, eligible, allowed, variants, depth, scores);
        }
        resources.advance(end - begin);
        return {};
      }));

  ScorePool pool;
  pool.variants_ = variants.size();
  std::size_t total = 0;
  for (const CasePool& part : parts) pool.begin_.push_back(total += part.items.size());
  pool.z_.reserve(total * variants.size());
  pool.is_target_.reserve(total);
  for (std::size_t c = 0; c < parts.size(); ++c) {
    const auto targets = cases.targets_of(c);
    pool.targets_.push_back(static_cast<std::uint32_t>(targets.size()));
    for (const ItemId item : parts[c].items) {
      pool.is_target_.push_back(std::binary_search(targets.begin(), targets.end(), item));
    }
    pool.z_.insert(pool.z_.end(), parts[c].z.begin(), parts[c].z.end());
    parts[c] = {};
  }
  return pool;
}

double ScorePool::value(std::size_t c, std::span<const Term> blend, const Metric& metric,
                        Scratch& scratch) const {
  const std::size_t begin = begin_[c];
  const std::size_t n = begin_[c + 1] - begin;
  const float* z = z_.data() + begin * variants_;
  std::vector<float>& score = scratch.score;
  score.assign(n, 0.0f);
  for (const Term& term : blend) {
    const float* row = z + term.variant * n;
    for (std::size_t i = 0; i < n; ++i) score[i] += term.weight * row[i];
  }

  // The best k by insertion; candidates are in ascending item order, so a later equal score never
  // overtakes.
  const std::size_t k = std::min(metric.k, n);
  std::vector<float>& best = scratch.best;
  std::vector<std::uint32_t>& at = scratch.at;
  best.resize(k);
  at.resize(k);
  std::size_t filled = 0;
  float worst = -std::numeric_limits<float>::infinity();
  for (std::size_t i = 0; i < n; ++i) {
    if (score[i] <= worst) continue;
    std::size_t place = filled < k ? filled++ : k - 1;
    for (; place > 0 && best[place - 1] < score[i]; --place) {
      best[place] = best[place - 1];
      at[place] = at[place - 1];
    }
    best[place] = score[i];
    at[place] = static_cast<std::uint32_t>(i);
    if (filled == k) worst = best[k - 1];
  }

  std::size_t hits = 0;  // their ranks take the front places of `at`, which are behind us by then
  for (std::size_t r = 0; r < filled; ++r) {
    if (is_target_[begin + at[r]] != 0) at[hits++] = static_cast<std::uint32_t>(r + 1);
  }
  return metric_from_ranks(metric, {at.data(), hits}, targets_[c]);
}

}  // namespace sartor
