// Small logs for this module's tests.
#pragma once

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "sartor/base/random.h"
#include "sartor/data/dataset.h"
#include "sartor/models/model.h"

namespace sartor {

struct Taken {
  std::uint32_t user;
  std::uint32_t item;
  Time time = 0;
  float weight = 1;
};

// Rows in any order. Items nobody took are first seen at time 0.
inline InteractionLog make_log(std::size_t users, std::size_t items, std::vector<Taken> rows) {
  std::stable_sort(rows.begin(), rows.end(), [](const Taken& a, const Taken& b) {
    return std::tie(a.user, a.time) < std::tie(b.user, b.time);
  });
  InteractionLog log{.users = users, .items = items};
  log.begin.assign(users + 1, 0);
  log.item_first_seen.assign(items, 0);
  for (const Taken& row : rows) {
    ++log.begin[row.user + 1];
    log.rows.push_back({ItemId{row.item}, row.weight, row.time});
    log.item_first_seen[row.item] = std::min(log.item_first_seen[row.item], row.time);
  }
  for (std::size_t u = 0; u < users; ++u) log.begin[u + 1] += log.begin[u];
  return log;
}

// Even users took all even items, odd users all odd ones; nobody took the item of their own number.
inline InteractionLog checkerboard(std::uint32_t n) {
  std::vector<Taken> rows;
  for (std::uint32_t u = 0; u < n; ++u) {
    for (std::uint32_t i = u % 2; i < n; i += 2) {
      if (i != u) rows.push_back({u, i, kDay});
    }
  }
  return make_log(n, n, rows);
}

// Users of four tastes over 100 days, with repetitions, weights, some untimed rows; the last item
// has no users and the last user no items.
inline InteractionLog tastes(std::uint32_t users, std::uint32_t items, std::uint64_t seed) {
  Random random(seed);
  std::vector<Taken> rows;
  for (std::uint32_t u = 0; u + 1 < users; ++u) {
    const std::size_t n = 3 + random.below(20);
    for (std::size_t k = 0; k < n; ++k) {
      auto item = static_cast<std::uint32_t>(random.below(items - 1));
      if (random.uniform() < 0.7) item = item / 4 * 4 + u % 4;
      const Time time = random.uniform() < 0.1
                            ? kUntimed
                            : static_cast<Time>(random.uniform(0, 100) * static_cast<double>(kDay));
      rows.push_back({u, std::min(item, items - 2), time, 1.0f + static_cast<float>(k % 3)});
    }
  }
  return make_log(users, items, rows);
}

// A column of words; "" is missing.
inline Column text_column(const std::string& name, const std::vector<std::string>& values) {
  Column column{.name = name, .is_text = true, .words = values};
  std::sort(column.words.begin(), column.words.end());
  column.words.erase(std::unique(column.words.begin(), column.words.end()), column.words.end());
  if (!column.words.empty() && column.words.front().empty())
    column.words.erase(column.words.begin());
  for (const std::string& value : values) {
    const auto at = std::lower_bound(column.words.begin(), column.words.end(), value);
    column.codes.push_back(value.empty() ? Column::kMissing
                                         : static_cast<std::uint32_t>(at - column.words.begin()));
  }
  return column;
}

inline Column number_column(const std::string& name, std::vector<double> values) {
  return {.name = name, .numbers = std::move(values)};
}

// Facts of the items of `tastes`: a text that names the taste, a kind, a price; the last item has
// none.
inline Table facts_of_tastes(std::uint32_t items) {
  std::vector<std::string> text;
  std::vector<std::string> kind;
  std::vector<double> price;
  for (std::uint32_t i = 0; i < items; ++i) {
    const bool last = i + 1 == items;
    text.push_back(last ? "" : "taste" + std::to_string(i % 4) + " thing" + std::to_string(i % 7));
    kind.push_back(last ? "" : "kind" + std::to_string(i % 5));
    price.push_back(last ? std::numeric_limits<double>::quiet_NaN() : 1.0 + i % 11);
  }
  return {items,
          {text_column("text", text), text_column("category", kind),
           number_column("price", std::move(price))}};
}

// The log of tests/reference/popularity_family.py: five users, six items, 60 rows in 97 days.
inline InteractionLog reference_log() {
  std::vector<Taken> rows;
  for (std::uint32_t k = 0; k < 60; ++k) {
    rows.push_back({k * 7 % 5, k * k / 7 % 6, (k * 37 % 97) * kDay + kDay / 4});
  }
  return make_log(5, 6, rows);
}

inline std::vector<float> scores_of(const Model& model, const Query& query, std::size_t items) {
  std::vector<float> out(items, std::numeric_limits<float>::quiet_NaN());
  model.score(query, out);
  return out;
}

inline std::uint32_t best_unseen(const Model& model, const History& history, UserId user) {
  const auto rows = history.of(user);
  auto scores =
      scores_of(model, {.user = user, .as_of = history.as_of(), .history = rows}, history.items());
  for (const Interaction& row : rows) {
    scores[row.item.index()] = std::numeric_limits<float>::lowest();
  }
  return static_cast<std::uint32_t>(std::max_element(scores.begin(), scores.end()) -
                                    scores.begin());
}

}  // namespace sartor
