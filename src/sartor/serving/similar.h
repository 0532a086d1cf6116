// What people take who take an item.
#pragma once

#include <string>

#include "sartor/base/result.h"
#include "sartor/serving/bundle.h"
#include "sartor/serving/live_taken.h"
#include "sartor/serving/service.h"

namespace sartor {

// How many pairs of the stream weigh as much as the bundle's model.
inline constexpr double kPairsLikeTheModel = 20;

// With s_j the model's similarity over the largest one, n_j how often item j was taken with the
// item since the bundle was made, and n their sum:
//     score_j = (1 - a) s_j + a n_j / max n,  a = n / (n + kPairsLikeTheModel)
// Without any n it is the model's own similarity. New items are listed with enough takers. Fails as
// Recommender::similar_items.
Result<SimilarAnswer> similar_to(const Bundle& bundle, const LiveTaken* taken,
                                 const std::string& name, std::size_t k);

}  // namespace sartor
