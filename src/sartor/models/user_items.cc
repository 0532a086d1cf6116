#include "sartor/models/user_items.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

namespace sartor {
namespace {

constexpr std::size_t kUsersPerBlock = 256;

float powered(double sum, double power) {
  if (power == 0) return 1.0f;
  return static_cast<float>(power == 1 ? sum : std::pow(sum, power));
}

struct ByItem {
  bool operator()(const Interaction& a, const Interaction& b) const { return a.item < b.item; }
};

// Writes the distinct items of `rows` and their values from `item` and `value` on; returns how
// many.
std::size_t write_row(std::span<const Interaction> rows, double power, const Ages& ages,
                      double half_life_days, std::vector<Interaction>& scratch, std::uint32_t* item,
                      float* value) {
  const bool decay = decays(half_life_days);
  scratch.assign(rows.begin(), rows.end());
  std::stable_sort(scratch.begin(), scratch.end(), ByItem{});
  std::size_t n = 0;
  for (std::size_t i = 0; i < scratch.size();) {
    const ItemId id = scratch[i].item;
    double sum = 0;
    for (; i < scratch.size() && scratch[i].item == id; ++i) sum += scratch[i].weight;
    item[n] = id.value;
    value[n] = powered(sum, power);
    if (decay) {
      value[n] *= static_cast<float>(decayed(ages.of(scratch[i - 1]), 2 * half_life_days));
    }
    ++n;
  }
  return n;
}

}  // namespace

Status check_fit_input(const FitInput& input, std::string_view family) {
  const auto fail = [&](const std::string& message) {
    return Error{ErrorCode::invalid_argument, fmt::format("{}: {}", family, message)};
  };
  if (input.history == nullptr || input.history->size() == 0) {
    return fail("no interactions to learn from");
  }
  if (input.user_weights.empty()) return {};
  if (input.user_weights.size() != input.history->users()) {
    return fail(fmt::format("{} user weights for {} users", input.user_weights.size(),
                            input.history->users()));
  }
  for (std::size_t u = 0; u < input.user_weights.size(); ++u) {
    const float weight = input.user_weights[u];
    if (!(weight >= 0) || !std::isfinite(weight)) {
      return fail(fmt::format("weight {} of user {} is not finite and at least 0", weight, u));
    }
  }
  return {};
}

Result<UserItems> user_items(const History& history, double weight_power,
                             const Resources& resources, double half_life_days) {
  const std::size_t users = history.users();
  // Rows are written with room for repetitions, then moved together.
  std::vector<std::size_t> room(users + 1, 0);
  for (std::uint32_t u = 0; u < users; ++u) room[u + 1] = room[u] + history.of(UserId{u}).size();
  UserItems out{.items = history.items()};
  out.item.resize(room.back());
  out.value.resize(room.back());
  std::vector<std::size_t> count(users);
  SARTOR_TRY(parallel_for(
      resources, users, kUsersPerBlock, [&](std::size_t begin, std::size_t end) -> Status {
        std::vector<Interaction> scratch;
        for (std::size_t u = begin; u < end; ++u) {
          const auto taken = history.of(UserId{static_cast<std::uint32_t>(u)});
          const Ages ages({.as_of = history.as_of(), .history = taken});
          count[u] = write_row(taken, weight_power, ages, half_life_days, scratch,
                               &out.item[room[u]], &out.value[room[u]]);
        }
        return {};
      }));
  out.begin.assign(users + 1, 0);
  for (std::size_t u = 0; u < users; ++u) {
    out.begin[u + 1] = out.begin[u] + count[u];
    const auto from = static_cast<std::ptrdiff_t>(room[u]);
    const auto to = static_cast<std::ptrdiff_t>(out.begin[u]);
    std::copy_n(out.item.begin() + from, count[u], out.item.begin() + to);
    std::copy_n(out.value.begin() + from, count[u], out.value.begin() + to);
  }
  out.item.resize(out.begin.back());
  out.value.resize(out.begin.back());
  return out;
}

ItemUsers item_users(const UserItems& rows) {
  ItemUsers out;
  out.begin.assign(rows.items + 1, 0);
  for (const std::uint32_t item : rows.item) ++out.begin[item + 1];
  for (std::size_t i = 0; i < rows.items; ++i) out.begin[i + 1] += out.begin[i];
  out.user.resize(rows.item.size());
  out.entry.resize(rows.item.size());
  std::vector<std::size_t> next(out.begin.begin(), out.begin.end() - 1);
  for (std::size_t u = 0; u < rows.users(); ++u) {
    for (std::size_t e = rows.begin[u]; e < rows.begin[u + 1]; ++e) {
      const std::size_t at = next[rows.item[e]]++;
      out.user[at] = static_cast<std::uint32_t>(u);
      out.entry[at] = e;
    }
  }
  return out;
}

Ages::Ages(const Query& query) : as_of_(query.as_of) {
  for (const Interaction& row : query.history) {
    if (row.time != kUntimed) {  // histories are in time order, untimed ones first
      oldest_ = days_between(row.time, as_of_);
      break;
    }
  }
}

std::vector<ProfileEntry> profile(const Query& query, std::size_t items, double weight_power,
                                  double half_life_days) {
  std::vector<Interaction> rows;
  rows.reserve(query.history.size());
  for (const Interaction& row : query.history) {
    if (row.item.index() < items) rows.push_back(row);
  }
  std::stable_sort(rows.begin(), rows.end(), ByItem{});
  const Ages ages(query);
  const bool decay = decays(half_life_days);
  std::vector<ProfileEntry> out;
  out.reserve(rows.size());
  for (std::size_t i = 0; i < rows.size();) {
    const ItemId id = rows[i].item;
    double sum = 0;
    for (; i < rows.size() && rows[i].item == id; ++i) sum += rows[i].weight;
    float value = powered(sum, weight_power);
    if (decay) value *= static_cast<float>(decayed(ages.of(rows[i - 1]), half_life_days));
    out.push_back({id.value, value});
  }
  return out;
}

std::vector<float> item_totals(const FitInput& input) {
  const History& history = *input.history;
  std::vector<double> sums(history.items(), 0.0);
  for (std::uint32_t u = 0; u < history.users(); ++u) {
    const double weight = input.weight_of(u);
    for (const Interaction& row : history.of(UserId{u})) {
      sums[row.item.index()] += weight * row.weight;
    }
  }
  return {sums.begin(), sums.end()};
}

std::vector<float> stranger_scores(std::span<const float> totals) {
  std::vector<float> out(totals.begin(), totals.end());
  const float most = out.empty() ? 0.0f : *std::max_element(out.begin(), out.end());
  for (float& value : out) value = most > 0 ? value / most : 0.0f;
  return out;
}

}  // namespace sartor
