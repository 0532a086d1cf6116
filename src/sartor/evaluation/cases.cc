#include "sartor/evaluation/cases.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sartor {
namespace {

std::span<const Interaction> rows_in(const InteractionLog& log, std::size_t user, Time from,
                                     Time until) {
  const auto first = log.rows.begin() + static_cast<std::ptrdiff_t>(log.begin[user]);
  const auto last = log.rows.begin() + static_cast<std::ptrdiff_t>(log.begin[user + 1]);
  const auto before = [](const Interaction& row, Time time) { return row.time < time; };
  const auto begin = std::lower_bound(first, last, from, before);
  return {begin, std::lower_bound(begin, last, until, before)};
}

}  // namespace

Cases window_cases(const InteractionLog& log, const Window& window, bool repeat,
                   bool count_new_items) {
  Cases cases{.as_of = window.from, .target_begin = {0}};
  std::vector<ItemId> targets;
  std::vector<ItemId> taken;
  for (std::size_t user = 0; user < log.users; ++user) {
    const auto rows = rows_in(log, user, window.from, window.until);
    if (rows.empty()) continue;
    targets.clear();
    for (const Interaction& row : rows) targets.push_back(row.item);
    std::sort(targets.begin(), targets.end());
    targets.erase(std::unique(targets.begin(), targets.end()), targets.end());
    if (!repeat) {
      taken.clear();
      for (const Interaction& row : rows_in(log, user, kUntimed, window.from)) {
        taken.push_back(row.item);
      }
      std::sort(taken.begin(), taken.end());
      std::erase_if(targets, [&](ItemId item) {
        return std::binary_search(taken.begin(), taken.end(), item);
      });
      if (targets.empty()) continue;
    }
    const auto is_new = [&](ItemId item) {
      return log.item_first_seen[item.index()] >= window.from;
    };
    const auto new_items =
        static_cast<std::size_t>(std::count_if(targets.begin(), targets.end(), is_new));
    cases.left_out_targets += new_items;
    if (!count_new_items) std::erase_if(targets, is_new);
    if (targets.empty()) {
      ++cases.left_out_users;
      continue;
    }
    cases.users.push_back(UserId{static_cast<std::uint32_t>(user)});
    cases.targets.insert(cases.targets.end(), targets.begin(), targets.end());
    cases.target_begin.push_back(cases.targets.size());
  }
  return cases;
}

double mean_over_users(const Cases& cases, std::span<const double> values) {
  double sum = 0;
  double users = 0;
  for (std::size_t c = 0; c < cases.size();) {
    const UserId user = cases.users[c];
    double of_user = 0;
    double known = 0;
    for (; c < cases.size() && cases.users[c] == user; ++c) {
      if (std::isnan(values[c])) continue;
      of_user += values[c];
      ++known;
    }
    if (known == 0) continue;
    sum += of_user / known;
    ++users;
  }
  return users == 0 ? std::numeric_limits<double>::quiet_NaN() : sum / users;
}

Cases subset(const Cases& cases, std::span<const std::size_t> positions) {
  Cases kept{.as_of = cases.as_of, .target_begin = {0}};
  for (const std::size_t c : positions) {
    const auto targets = cases.targets_of(c);
    kept.users.push_back(cases.users[c]);
    kept.targets.insert(kept.targets.end(), targets.begin(), targets.end());
    kept.target_begin.push_back(kept.targets.size());
  }
  return kept;
}

}  // namespace sartor
