#include "sartor/models/gram.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "sartor/base/text.h"
#include "sartor/models/bit_gram.h"
#include "sartor/models/dense.h"

namespace sartor {
namespace {

constexpr std::size_t kCountedRowsPerBlock = 16;
constexpr std::uint32_t kDropped = 0xffffffff;
constexpr double kMegabyte = 1 << 20;

// The items with users, at most `most` of them, the most popular first to stay; ascending.
std::vector<ItemId> kept_items(const UserItems& rows, std::size_t most) {
  std::vector<std::uint32_t> users(rows.items, 0);
  for (const std::uint32_t item : rows.item) ++users[item];
  std::vector<ItemId> items;
  for (std::uint32_t i = 0; i < rows.items; ++i) {
    if (users[i] > 0) items.push_back(ItemId{i});
  }
  if (items.size() <= most) return items;
  std::nth_element(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(most), items.end(),
                   [&](ItemId a, ItemId b) {
                     const auto of_a = users[a.index()];
                     const auto of_b = users[b.index()];
                     return of_a > of_b || (of_a == of_b && a < b);
                   });
  items.resize(most);
  std::sort(items.begin(), items.end());
  return items;
}

// `rows` of the wanted users with the kept items alone, which get new numbers; other users' rows
// are empty.
UserItems restricted(const UserItems& rows, std::span<const ItemId> kept,
                     const std::vector<bool>& wanted) {
  std::vector<std::uint32_t> place(rows.items, kDropped);
  for (std::size_t k = 0; k < kept.size(); ++k) {
    place[kept[k].index()] = static_cast<std::uint32_t>(k);
  }
  UserItems out{.items = kept.size(), .begin = {0}};
  out.begin.reserve(rows.users() + 1);
  for (std::size_t u = 0; u < rows.users(); ++u) {
    for (std::size_t e = rows.begin[u]; wanted[u] && e < rows.begin[u + 1]; ++e) {
      if (place[rows.item[e]] == kDropped) continue;
      out.item.push_back(place[rows.item[e]]);
      out.value.push_back(rows.value[e]);
    }
    out.begin.push_back(out.item.size());
  }
  return out;
}

std::size_t affordable_items(const GramConfig& config) {
  if (config.max_bytes <= 0) return std::numeric_limits<std::size_t>::max();
  return head_that_fits(config.max_bytes, config.matrices, config.neighbours);
}

// The items of all users but those of `users` (ascending), whose rows are empty; without values.
UserItems without_users(const UserItems& rows, std::span<const std::uint32_t> users) {
  UserItems out{.items = rows.items, .begin = {0}};
  out.begin.reserve(rows.users() + 1);
  out.item.reserve(rows.item.size());
  auto next = users.begin();
  for (std::size_t u = 0; u < rows.users(); ++u) {
    const bool left_out = next != users.end() && *next == u;
    if (left_out) {
      ++next;
    } else {
      const auto item = rows.item.begin();
      out.item.insert(out.item.end(), item + static_cast<std::ptrdiff_t>(rows.begin[u]),
                      item + static_cast<std::ptrdiff_t>(rows.begin[u + 1]));
    }
    out.begin.push_back(out.item.size());
  }
  return out;
}

Status fill(const UserItems& rows, const FitInput& input, Gram& gram, const Resources& resources) {
  SARTOR_ASSIGN(gram.values,
                gram_of_rows(rows, input.user_weights, gram.weight_power == 0, resources));
  gram.users = 0;
  for (std::size_t u = 0; u < rows.users(); ++u) gram.users += rows.begin[u + 1] > rows.begin[u];
  return {};
}

}  // namespace

void GramRows::add_lower(std::size_t i, std::span<float> row) const {
  for (std::size_t at = columns_.begin[i]; at < columns_.begin[i + 1]; ++at) {
    const std::size_t u = columns_.user[at];
    const std::size_t entry = columns_.entry[at];
    const float weight = weight_of(u);
    if (binary_) {
      for (std::size_t e = rows_.begin[u]; e <= entry; ++e) row[rows_.item[e]] += weight;
    } else {
      const float x = rows_.value[entry];
      for (std::size_t e = rows_.begin[u]; e <= entry; ++e) {
        row[rows_.item[e]] += weight * (x * rows_.value[e]);
      }
    }
  }
}

Result<Matrix<float>> gram_of_rows(const UserItems& rows, std::span<const float> user_weights,
                                   bool binary, const Resources& resources) {
  std::vector<std::uint32_t> busy;
  if (binary && user_weights.empty()) busy = users_for_bits(rows);
  UserItems others;
  if (!busy.empty()) others = without_users(rows, busy);
  const UserItems& one_by_one = busy.empty() ? rows : others;
  const ItemUsers columns = item_users(one_by_one);
  const GramRows lower(one_by_one, columns, user_weights, binary);
  Matrix<float> gram(rows.items, rows.items);
  SARTOR_TRY(parallel_for(resources, rows.items, kCountedRowsPerBlock,
                          [&](std::size_t begin, std::size_t end) -> Status {
                            for (std::size_t i = begin; i < end; ++i) {
                              lower.add_lower(i, gram.row(i));
                            }
                            return {};
                          }));
  SARTOR_TRY(add_common_users(rows, busy, gram.view(), resources));
  SARTOR_TRY(mirror_lower(gram.view(), resources));
  return gram;
}

double head_bytes(double n, int matrices, int neighbours) {
  return sizeof(float) * n * n * matrices + 16.0 * n * neighbours;
}

std::size_t head_that_fits(double max_bytes, int matrices, int neighbours) {
  // The positive root of a n^2 + 2 h n = max_bytes.
  const double a = head_bytes(1, matrices, 0);
  const double h = head_bytes(1, 0, neighbours) / 2;
  const double n =
      a > 0 ? (std::sqrt(h * h + a * max_bytes) - h) / a : max_bytes / std::max(2 * h, 1.0);
  return static_cast<std::size_t>(std::max(n, 1.0));
}

Result<Gram> item_gram(const FitInput& input, const GramConfig& config, std::string_view name,
                       const Resources& resources) {
  SARTOR_TRY(check_fit_input(input, name));
  const History& history = *input.history;
  SARTOR_ASSIGN(const UserItems all, user_items(history, config.weight_power, resources));
  Gram gram{.catalogue = history.items(), .weight_power = config.weight_power};
  const auto wanted = static_cast<std::size_t>(std::max(config.max_items, 1));
  const std::size_t affordable = affordable_items(config);
  gram.items = kept_items(all, std::min(wanted, affordable));
  const auto taken = kept_items(all, history.items()).size();
  if (taken > gram.items.size()) {
    const auto number = [](double n) { return with_thousands(static_cast<long long>(n)); };
    const std::string why =
        affordable < wanted
            ? fmt::format(" so that {} matrices of that size fit {} MB (max_memory_mb)",
                          config.matrices, number(config.max_bytes / kMegabyte))
            : " (max_items)";
    const auto kept = static_cast<double>(gram.items.size());
    const auto all_taken = static_cast<double>(taken);
    gram.notes.lines.push_back(
        fmt::format("{}: keeps the {} most popular of {} items{}; the other {} score 0", name,
                    number(kept), number(all_taken), why, number(all_taken - kept)));
  }
  const std::vector<float> totals = item_totals(input);
  for (const ItemId item : gram.items) gram.strangers.push_back(totals[item.index()]);
  gram.strangers = stranger_scores(gram.strangers);
  const std::vector<bool> everybody(history.users(), true);
  SARTOR_TRY(fill(restricted(all, gram.items, everybody), input, gram, resources));
  return gram;
}

Result<Gram> item_gram_of(const FitInput& input, std::span<const UserId> users, const Gram& like,
                          const Resources& resources) {
  SARTOR_TRY(check_fit_input(input, "gram"));
  std::vector<bool> wanted(input.history->users(), false);
  for (const UserId user : users) {
    if (user.index() >= wanted.size()) {
      return Error{ErrorCode::invalid_argument,
                   fmt::format("gram: user {} of {}", user.value, wanted.size())};
    }
    wanted[user.index()] = true;
  }
  SARTOR_ASSIGN(const UserItems all, user_items(*input.history, like.weight_power, resources));
  Gram gram{.catalogue = like.catalogue,
            .items = like.items,
            .strangers = like.strangers,
            .weight_power = like.weight_power};
  SARTOR_TRY(fill(restricted(all, gram.items, wanted), input, gram, resources));
  return gram;
}

Gram pulled_gram(const Gram& general, const Gram& segment, double strength) {
  assert(general.items == segment.items);
  Gram gram = general;
  if (segment.users == 0) return gram;
  const auto factor = static_cast<float>(strength * general.users / segment.users);
  std::vector<float>& values = gram.values.values();
  const std::vector<float>& add = segment.values.values();
  for (std::size_t i = 0; i < values.size(); ++i) values[i] += factor * add[i];
  return gram;
}

}  // namespace sartor
