// Popularity within a context: what is taken at this hour, in this country, on this page, in this
// category.
#pragma once

#include <string>

#include "sartor/base/fields.h"
#include "sartor/models/decay.h"
#include "sartor/models/model.h"

namespace sartor {

struct ContextPopularityConfig {
  static constexpr std::string_view kFamily = "context_popularity";

  std::string by = "hour";
  double half_life_days = 30;
  double prior = 300;

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"by", &ContextPopularityConfig::by,
              "a context key of the events, or hour, weekday, category"},
        Field{"half_life_days", &ContextPopularityConfig::half_life_days, kShortestHalfLife,
              kNoDecayDays, Scale::log,
              "days until an interaction counts half; 3650: it always counts"},
        Field{"prior", &ContextPopularityConfig::prior, 0.1, 1e7, Scale::log,
              "interactions that a context needs before its own count as much as everybody's"});
  }
};

// With r_ic the decayed interactions of item i in context c, N_c their sum over the items, and p_i
// the item's share of all decayed interactions,
//     p(i | c) = (r_ic + prior p_i) / (N_c + prior)      (a Dirichlet prior around p: Zhai and
//     Lafferty, score_i  = sum over c of q_c p(i | c)               SIGIR 2001)
// where q says which context the query is in: the moment's, if it is known; else how often each was
// the context of the query's history, with one interaction of everybody's distribution as a prior.
// `hour` and `weekday` are those of an interaction's time, UTC; `category` that of its item, so
// that q is the user's taste. Without any, the score is p. Ages are as of the history's end;
// untimed interactions count only where nothing has a time. Fails with `invalid_argument` if there
// is no such context.
Result<ModelPtr> fit_context_popularity(const FitInput& input,
                                        const ContextPopularityConfig& config,
                                        const Resources& resources);
Result<ModelPtr> load_context_popularity(const TensorFile& file);

}  // namespace sartor
