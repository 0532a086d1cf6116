#include "sartor/tuning/score_pool.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "sartor/base/matrix.h"
#include "sartor/evaluation/evaluate.h"
#include "sartor/models/blend.h"

namespace sartor {
namespace {

constexpr std::size_t kCasesPerBlock = 16;

// What one case contributes, before all cases are put together.
struct CasePool {
  std::vector<ItemId> items;          // ascending
  std::vector<float> z;               // variants x items
  std::optional<std::size_t> broken;  // the first variant with a score that is not finite
};

// Models at a moment, and those among them that were made for it.
struct MovedModels {
  std::vector<const Model*> models;
  std::vector<ModelPtr> made;

  MovedModels(std::span<const Model* const> fitted, const History& before, const History& now)
      : models(fitted.begin(), fitted.end()) {
    if (now.as_of() == before.as_of()) return;
    for (const Model*& model : models) {
      made.push_back(model->advanced(before, now));
      if (made.back() != nullptr) model = made.back().get();
    }
  }
};

// What may not be listed, ascending.
std::vector<ItemId> taken_items(const Query& query, bool repeat) {
  std::vector<ItemId> taken;
  if (repeat) return taken;
  for (const Interaction& row : query.history) taken.push_back(row.item);
  std::sort(taken.begin(), taken.end());
  return taken;
}

CasePool pool_of_case(const Query& query, std::span<const ItemId> eligible,
                      std::span<const ItemId> taken, std::span<const Model* const> variants,
                      std::size_t depth, Matrix<float>& scores) {
  CasePool pool;
  std::vector<ItemId> best;
  // Like a blend: what knows nothing of the query keeps quiet, unless nobody knows anything.
  const bool anybody_knows = std::any_of(variants.begin(), variants.end(),
                                         [&](const Model* model) { return model->knows(query); });
  for (std::size_t v = 0; v < variants.size(); ++v) {
    if (anybody_knows && !variants[v]->knows(query)) {
      std::fill(scores.row(v).begin(), scores.row(v).end(), 0.0f);
      continue;
    }
    variants[v]->score(query, scores.row(v));
    if (!standardise(scores.row(v), eligible)) return {.broken = v};
    top_k(scores.row(v), eligible, depth, best, taken);
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
                                  bool repeat, const Resources& resources, std::size_t* broken) {
  std::vector<CasePool> parts(cases.size());
  for (const CasesInTime& part : in_time(cases)) {
    const History now = history_at(part, cases, history);
    const std::vector<ItemId> eligible = eligible_items(now);
    const MovedModels moved(variants, history, now);
    SARTOR_TRY(parallel_for(resources, part.cases.size(), kCasesPerBlock,
                            [&](std::size_t begin, std::size_t end) -> Status {
                              Matrix<float> scores(variants.size(), history.items());
                              for (std::size_t i = begin; i < end; ++i) {
                                const std::size_t c = part.cases[i];
                                const Query query = query_of(cases, c, history);
                                parts[c] = pool_of_case(query, eligible, taken_items(query, repeat),
                                                        moved.models, depth, scores);
                              }
                              resources.advance(end - begin);
                              return {};
                            }));
  }

  for (const CasePool& part : parts) {
    if (!part.broken) continue;
    if (broken != nullptr) *broken = *part.broken;
    return Error{ErrorCode::invalid_argument,
                 fmt::format("{}: a score that is not finite", variants[*part.broken]->family())};
  }
  ScorePool pool;
  pool.variants_ = variants.size();
  pool.user_begin_ = user_begins(cases);
  std::size_t total = 0;
  for (const CasePool& part : parts) pool.begin_.push_back(total += part.items.size());
  pool.z_.reserve(total * variants.size());
  for (std::size_t c = 0; c < parts.size(); ++c) {
    const auto targets = cases.targets_of(c);
    pool.targets_.push_back(static_cast<std::uint32_t>(targets.size()));
    for (std::uint32_t i = 0; i < parts[c].items.size(); ++i) {
      if (std::binary_search(targets.begin(), targets.end(), parts[c].items[i]))
        pool.hits_.push_back(i);
    }
    pool.hit_begin_.push_back(pool.hits_.size());
    pool.z_.insert(pool.z_.end(), parts[c].z.begin(), parts[c].z.end());
    parts[c] = {};
  }
  return pool;
}

ScorePool ScorePool::only(std::span<const std::size_t> variants) const {
  ScorePool pool = *this;
  pool.variants_ = variants.size();
  pool.z_.clear();
  for (std::size_t c = 0; c + 1 < begin_.size(); ++c) {
    for (const std::size_t variant : variants) {
      const auto z = row(c, variant);
      pool.z_.insert(pool.z_.end(), z.begin(), z.end());
    }
  }
  return pool;
}

void ScorePool::sum_up(std::size_t c, std::span<const Term> blend,
                       std::vector<float>& score) const {
  score.assign(candidates(c), 0.0f);
  for (const Term& term : blend) {
    const auto z = row(c, term.variant);
    for (std::size_t i = 0; i < z.size(); ++i) score[i] += term.weight * z[i];
  }
}

// Only the targets' ranks matter, so they are counted: nothing is sorted. Candidates are in
// ascending item order, which breaks ties.
double ScorePool::value_of(std::size_t c, std::span<const float> score, const Metric& metric,
                           std::vector<std::uint32_t>& ranks) const {
  ranks.clear();
  for (std::size_t h = hit_begin_[c]; h < hit_begin_[c + 1]; ++h) {
    const std::size_t at = hits_[h];
    const float own = score[at];
    std::uint32_t above = 0;
    for (std::size_t i = 0; i < at; ++i) above += score[i] >= own ? 1u : 0u;
    for (std::size_t i = at + 1; i < score.size(); ++i) above += score[i] > own ? 1u : 0u;
    if (above < metric.k) ranks.push_back(above + 1);
  }
  std::sort(ranks.begin(), ranks.end());
  return metric_from_ranks(metric, ranks, targets_[c]);
}

double ScorePool::value(std::size_t u, std::span<const Term> blend, const Metric& metric,
                        Scratch& scratch) const {
  double sum = 0;
  for (std::size_t c = user_begin_[u]; c < user_begin_[u + 1]; ++c) {
    if (hit_begin_[c] == hit_begin_[c + 1]) continue;
    sum_up(c, blend, scratch.score);
    sum += value_of(c, scratch.score, metric, scratch.ranks);
  }
  return sum / static_cast<double>(user_begin_[u + 1] - user_begin_[u]);
}

void ScorePool::add_along(std::size_t u, std::span<const Term> base,
                          std::span<const std::size_t> variants, std::span<const float> weights,
                          const Metric& metric, Scratch& scratch, std::span<double> out) const {
  const auto cases = static_cast<double>(user_begin_[u + 1] - user_begin_[u]);
  for (std::size_t c = user_begin_[u]; c < user_begin_[u + 1]; ++c) {
    if (hit_begin_[c] == hit_begin_[c + 1]) continue;
    sum_up(c, base, scratch.base);
    scratch.score.resize(scratch.base.size());
    for (std::size_t v = 0; v < variants.size(); ++v) {
      const auto z = row(c, variants[v]);
      for (std::size_t w = 0; w < weights.size(); ++w) {
        for (std::size_t i = 0; i < z.size(); ++i)
          scratch.score[i] = scratch.base[i] + weights[w] * z[i];
        out[v * weights.size() + w] += value_of(c, scratch.score, metric, scratch.ranks) / cases;
      }
    }
  }
}

}  // namespace sartor
