// Cases: the moments at which a list would have been shown, and what the user took afterwards.
#pragma once

#include <span>
#include <vector>

#include "sartor/base/deadline.h"
#include "sartor/base/ids.h"
#include "sartor/data/dataset.h"
#include "sartor/data/split.h"

namespace sartor {

// What everybody took since the models were fitted.
class TakenSince {
 public:
  virtual ~TakenSince() = default;
  // `scores`: sums of 2^(-age / half-life) per item as of the fit. Makes them as of now, with what
  // was taken since. 0 and 3650 days or more: no decay.
  virtual void bring_up_to_date(double half_life_days, std::span<float> scores) const = 0;
};

// What a model may know when it makes a list. A view.
struct Query {
  UserId user = kNoUser;  // kNoUser: somebody never seen
  Time as_of = 0;
  std::span<const Interaction> history;  // before as_of, oldest first; untimed ones first
  // The context of the moment, one code per key of InteractionLog::context_keys; where it is not
  // known, that of each interaction of the history, one after the other; or empty.
  std::span<const std::uint32_t> context;
  // Where somebody waits; null: there is time. No answer depends on it that was given in time.
  const Deadline* deadline = nullptr;

  const TakenSince* since = nullptr;  // in a server; null: nothing

  bool is_late() const { return deadline != nullptr && deadline->passed(); }
};

// What is known at a case of its own moment.
struct Moment {
  Time as_of = 0;
  std::span<const Interaction> history;  // into the log that the cases were made from
};

// The cases of one window, sorted by user and, within a user, by time.
struct Cases {
  Time as_of = 0;                         // the window's start
  std::vector<UserId> users;              // of each case
  std::vector<Moment> moments;            // of each case; empty: all are as of the window's start
  std::vector<std::size_t> target_begin;  // cases + 1
  std::vector<ItemId> targets;            // distinct, ascending within a case
  std::size_t left_out_targets = 0;       // distinct targets of new items, which are not eligible
  std::size_t left_out_users = 0;         // users with no target but such
  std::size_t thinned_from = 0;           // how many there were before they were thinned; 0: all

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

// One case per positive event in `window`, as of that event: its item is the target, and whatever
// the user did at an earlier moment is the history, the window's own earlier events included. Takes
// of one item at one moment are one case. An item seen before the event by nobody is a new item, as
// above; without `repeat` what the user took before is no target. `log` must outlive the cases.
Cases next_cases(const InteractionLog& log, const Window& window, bool repeat,
                 bool count_new_items);

// Where each user's cases begin, and at the end their number. "User u of the cases" is the one
// whose cases begin at [u].
std::vector<std::size_t> user_begins(const Cases& cases);
// Each user once, ascending.
std::vector<UserId> distinct_users(const Cases& cases);
// One value per user: the mean over the user's cases.
std::vector<double> per_user(const Cases& cases, std::span<const double> values);

// The mean over users of the mean over each user's cases; NaN values are left out, and so are users
// who have no other. NaN if nothing is left.
double mean_over_users(const Cases& cases, std::span<const double> values);

// The cases at `positions`, in their order.
Cases subset(const Cases& cases, std::span<const std::size_t> positions);
// All cases of some users of the cases, in their order.
Cases cases_of_users(const Cases& cases, std::span<const std::size_t> users);

// Cases between two moments at which models are brought up to date. All are as of `as_of` or later.
struct CasesInTime {
  Time as_of = 0;
  std::vector<std::size_t> cases;  // positions
};

// In time order: one part with all cases where they share a moment, else kRefreshes of about the
// same size.
inline constexpr std::size_t kRefreshes = 24;
std::vector<CasesInTime> in_time(const Cases& cases);
// What is known at a part, where `history` is as of the window's start.
History history_at(const CasesInTime& part, const Cases& cases, const History& history);

}  // namespace sartor
