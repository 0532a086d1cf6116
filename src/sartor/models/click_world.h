// Logs of impressions for tests.
#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "sartor/base/random.h"
#include "sartor/data/dataset.h"

namespace sartor {

struct Shown {
  std::uint32_t user;
  std::uint32_t item;
  Time time;  // seconds; -1: untimed
  bool clicked = false;
  double dwell = std::numeric_limits<double>::quiet_NaN();
  double tab = 0;
  std::string type = {};  // "": click or impression
};

inline Vocabulary numbered(const char* prefix, std::uint32_t n) {
  std::vector<std::string> names;
  for (std::uint32_t i = 0; i < n; ++i) names.push_back(fmt::format("{}{:05}", prefix, i));
  return Vocabulary(names);
}

// Rows in time order, untimed ones first.
inline Dataset click_data(std::uint32_t users, std::uint32_t items,
                          const std::vector<Shown>& rows) {
  Dataset data{.users = numbered("u", users),
               .items = numbered("i", items),
               .types = {"click", "impression", "like", "watch"}};
  Events& events = data.events;
  Column tab{.name = "tab"};
  for (const Shown& row : rows) {
    const std::string type = !row.type.empty() ? row.type : row.clicked ? "click" : "impression";
    const auto place = std::find(data.types.begin(), data.types.end(), type) - data.types.begin();
    events.user.push_back(UserId{row.user});
    events.item.push_back(ItemId{row.item});
    events.time.push_back(row.time < 0 ? kUntimed : row.time * kSecond);
    events.type.push_back(static_cast<std::uint16_t>(place));
    events.value.push_back(std::numeric_limits<double>::quiet_NaN());
    events.dwell_seconds.push_back(static_cast<float>(row.dwell));
    events.group.push_back(Column::kMissing);
    events.weight.push_back(row.clicked ? 1.0f : 0.0f);
    tab.numbers.push_back(row.tab);
  }
  events.context.push_back(std::move(tab));
  data.user_attributes.rows = users;
  data.item_attributes.rows = items;
  return data;
}

// Clicks by coins of known chance: log-odds add up from user, item and tab.
struct ClickWorld {
  std::vector<Shown> rows;
  std::vector<double> chance;
  Dataset data;
};

inline ClickWorld click_world(std::size_t n, double spread, std::uint64_t seed) {
  constexpr std::uint32_t kUsers = 80, kItems = 40, kTabs = 3;
  Random random(seed);
  std::vector<double> user(kUsers), item(kItems), tab(kTabs);
  for (auto* effects : {&user, &item, &tab}) {
    for (double& effect : *effects) effect = spread * random.normal();
  }
  ClickWorld world;
  for (std::size_t r = 0; r < n; ++r) {
    Shown row{.user = static_cast<std::uint32_t>(random.below(kUsers)),
              .item = static_cast<std::uint32_t>(random.below(kItems)),
              .time = static_cast<Time>(60 * r + 1)};
    const std::size_t place = random.below(kTabs);
    row.tab = static_cast<double>(place);
    const double chance = 1 / (1 + std::exp(-user[row.user] - item[row.item] - tab[place]));
    row.clicked = random.uniform() < chance;
    row.dwell = row.clicked ? 20 + 40 * random.uniform() : 2 * random.uniform();
    world.chance.push_back(chance);
    world.rows.push_back(row);
  }
  world.data = click_data(kUsers, kItems, world.rows);
  return world;
}

}  // namespace sartor
