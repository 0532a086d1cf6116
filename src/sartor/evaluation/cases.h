// Cases: the moments at which a list would have been shown, and what the user took afterwards.
#pragma once

#include <span>
#include <vector>

#include "sartor/base/ids.h"
#include "sartor/data/dataset.h"
#include "sartor/data/split.h"

namespace sartor {

// What a model may know when it makes a list. A view.
struct Query {
  UserId user = kNoUser;  // kNoUser: somebody never seen
  Time as_of = 0;
  std::span<const Interaction> history;  // before as_of, oldest first; untimed ones first
  // The context of the moment, one code per key of InteractionLog::context_keys; where it is not
  // known, that of each interaction of the history, one after the other; or empty.
  std::span<const std::uint32_t> context;
};

// The cases of one window, sorted by user: one per user with at least one target.
struct Cases {
  Time as_of = 0;  // all cases of a window are as of its start
  std::vector<UserId> users;
  std::vector<std::size_t> target_begin;  // cases + 1
  std::vector<ItemId> targets;            // distinct, ascending within a case
  std::size_t left_out_targets = 0;       // distinct targets of new items, which are not eligible
  std::size_t left_out_users = 0;         // users with no target but such

  std::size_t size() const { return users.size(); }
  std::span<const ItemId> targets_of(std::size_t c) const {
    return {targets.data() + target_begin[c], targets.data() + target_begin[c + 1]};
  }
};

// One case per user with at least one positive in `window`, as of its start. Targets are the
// distinct items taken in the window that are eligible: seen before it and, unless `repeat`, not
// taken before. With `count_new_items` items never seen before are targets too (and so always
// missed); how many there are is told either way.
Cases window_cases(const InteractionLog& log, const Window& window, bool repeat,
                   bool count_new_items);

// The mean over users of the mean over each user's cases; NaN values are left out, and so are users
// who have no other. NaN if nothing is left.
double mean_over_users(const Cases& cases, std::span<const double> values);

// The cases at `positions`, in their order.
Cases subset(const Cases& cases, std::span<const std::size_t> positions);

}  // namespace sartor
