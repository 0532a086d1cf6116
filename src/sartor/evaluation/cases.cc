#include "sartor/evaluation/cases.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

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
  std::vector<std::size_t> taken_by(repeat ? 0 : log.items);  // the last user who took it, from 1
  for (std::size_t user = 0; user < log.users; ++user) {
    const auto rows = rows_in(log, user, window.from, window.until);
    if (rows.empty()) continue;
    targets.clear();
    for (const Interaction& row : rows) targets.push_back(row.item);
    std::sort(targets.begin(), targets.end());
    targets.erase(std::unique(targets.begin(), targets.end()), targets.end());
    if (!repeat) {
      for (const Interaction& row : rows_in(log, user, kUntimed, window.from)) {
        taken_by[row.item.index()] = user + 1;
      }
      std::erase_if(targets, [&](ItemId item) { return taken_by[item.index()] == user + 1; });
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

Cases next_cases(const InteractionLog& log, const Window& window, bool repeat,
                 bool count_new_items) {
  Cases cases{.as_of = window.from, .target_begin = {0}};
  std::vector<ItemId> at_once;
  for (std::size_t user = 0; user < log.users; ++user) {
    const auto rows = rows_in(log, user, window.from, window.until);
    const Interaction* first = log.rows.data() + log.begin[user];
    const std::size_t before = cases.size();
    std::size_t left_out = 0;
    for (auto at = rows.begin(); at != rows.end();) {
      const std::span<const Interaction> history{first, static_cast<std::size_t>(&*at - first)};
      const Time now = at->time;
      at_once.clear();
      for (; at != rows.end() && at->time == now; ++at) at_once.push_back(at->item);
      std::sort(at_once.begin(), at_once.end());
      at_once.erase(std::unique(at_once.begin(), at_once.end()), at_once.end());
      for (const ItemId item : at_once) {
        if (!repeat && std::any_of(history.begin(), history.end(),
                                   [&](const Interaction& row) { return row.item == item; })) {
          continue;
        }
        const bool is_new = log.item_first_seen[item.index()] >= now;
        left_out += is_new ? 1 : 0;
        if (is_new && !count_new_items) continue;
        cases.users.push_back(UserId{static_cast<std::uint32_t>(user)});
        cases.moments.push_back({now, history});
        cases.targets.push_back(item);
        cases.target_begin.push_back(cases.targets.size());
      }
    }
    cases.left_out_targets += left_out;
    if (cases.size() == before && left_out > 0) ++cases.left_out_users;
  }
  return cases;
}

std::vector<std::size_t> user_begins(const Cases& cases) {
  std::vector<std::size_t> begins;
  for (std::size_t c = 0; c < cases.size(); ++c) {
    if (c == 0 || cases.users[c] != cases.users[c - 1]) begins.push_back(c);
  }
  begins.push_back(cases.size());
  return begins;
}

std::vector<UserId> distinct_users(const Cases& cases) {
  std::vector<UserId> users = cases.users;
  users.erase(std::unique(users.begin(), users.end()), users.end());
  return users;
}

std::vector<double> per_user(const Cases& cases, std::span<const double> values) {
  const auto begins = user_begins(cases);
  std::vector<double> out;
  for (std::size_t u = 0; u + 1 < begins.size(); ++u) {
    double sum = 0;
    for (std::size_t c = begins[u]; c < begins[u + 1]; ++c) sum += values[c];
    out.push_back(sum / static_cast<double>(begins[u + 1] - begins[u]));
  }
  return out;
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
    if (!cases.moments.empty()) kept.moments.push_back(cases.moments[c]);
    kept.targets.insert(kept.targets.end(), targets.begin(), targets.end());
    kept.target_begin.push_back(kept.targets.size());
  }
  return kept;
}

Cases cases_of_users(const Cases& cases, std::span<const std::size_t> users) {
  const auto begins = user_begins(cases);
  std::vector<std::size_t> positions;
  for (const std::size_t u : users) {
    for (std::size_t c = begins[u]; c < begins[u + 1]; ++c) positions.push_back(c);
  }
  return subset(cases, positions);
}

std::vector<CasesInTime> in_time(const Cases& cases) {
  std::vector<std::size_t> order(cases.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (cases.moments.empty()) return {{cases.as_of, std::move(order)}};
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return cases.moments[a].as_of < cases.moments[b].as_of;
  });
  const std::size_t n = std::min(kRefreshes, order.size());
  std::vector<CasesInTime> parts;
  for (std::size_t p = 0; p < n; ++p) {
    const std::size_t begin = p * order.size() / n;
    const std::size_t end = (p + 1) * order.size() / n;
    CasesInTime part{.as_of = cases.moments[order[begin]].as_of};
    for (std::size_t i = begin; i < end; ++i) part.cases.push_back(order[i]);
    parts.push_back(std::move(part));
  }
  return parts;
}

History history_at(const CasesInTime& part, const Cases& cases, const History& history) {
  return cases.moments.empty() ? history : history.moved_to(part.as_of);
}

}  // namespace sartor
