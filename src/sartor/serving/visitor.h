// Who asks: the history that counts, and the segment it makes them part of.
#pragma once

#include <string>
#include <vector>

#include "sartor/base/result.h"
#include "sartor/data/dataset.h"
#include "sartor/serving/bundle.h"
#include "sartor/serving/live_users.h"

namespace sartor {

struct Visitor {
  UserId user;                       // kNoUser for a stranger, and where a history was given
  std::vector<Interaction> history;  // oldest first
  // As Query::context: the request's, if it names one of the catalogue's keys; else the history's.
  std::vector<std::uint32_t> context;
  std::uint32_t segment = 0;
  // The moment asked about: the bundle's, or just after the latest event since.
  Time as_of = 0;
  Table features;  // one row; no columns where they are the bundle's own, as they stand there
};

// A known user has the bundle's own features; a given history makes features of its own, as if it
// had been taken in the seconds before the bundle's moment; so do the events of `live` for a user
// the bundle has no events of, with their own times. For others these lengthen the history and
// bring the context up to date: other features, and what rules say of these, stay as of the bundle.
// Context of the request overrides what is known. Fails only if the segmentation does.
Result<Visitor> visitor_of(const Bundle& bundle, const RecommendRequest& request,
                           const LiveHistory* live = nullptr);

// What a model is asked for this visitor; a view.
inline Query query_of(const Visitor& visitor) {
  return {visitor.user, visitor.as_of, visitor.history, visitor.context};
}

// Row `row` of `table`, as a table of one row.
Table one_row(const Table& table, std::size_t row);

}  // namespace sartor
