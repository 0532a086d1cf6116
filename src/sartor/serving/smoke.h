// A few questions that a new bundle has to answer before it serves.
#pragma once

#include <cstddef>

#include "sartor/base/result.h"
#include "sartor/serving/service.h"

namespace sartor {

struct SmokeReport {
  std::size_t questions = 0;
  // Of the items in the new lists for users, the mean share that the old lists had, too: what
  // changes for people. 1 where there was nothing to compare.
  double overlap = 1;
};

// Asks both for lists of ten: users evenly spread over those of either bundle, a stranger, and what
// is similar to items of the new one; always the same questions of the same two bundles. Fails with
// `bad_data`, naming question and fault, if the new one fails, gives a score that is no number (in
// the list or in a segment's model), gives a user nothing where the old one had a list, gives
// nothing similar to any item where the old one had lists, or has lost a segment's model that the
// old one could use.
Result<SmokeReport> smoke_test(const Recommender& before, const Recommender& next);

}  // namespace sartor
