#include "sartor/serving/reason.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "sartor/base/text.h"

namespace sartor {
namespace {

constexpr std::size_t kTextBytes = 40;

std::string days(double n) {
  const auto whole = static_cast<long long>(std::llround(n));
  return whole <= 1 ? "1 day" : fmt::format("{} days", whole);
}

}  // namespace

std::string item_in_words(const Bundle& bundle, ItemId item) {
  const std::string& name = bundle.catalogue.items().name(item.index());
  const Column* text = bundle.catalogue.item_attributes().find("text");
  if (text == nullptr || !text->is_text || text->codes[item.index()] == Column::kMissing) {
    return name;
  }
  return fmt::format("{} ({})", name,
                     printable(text->words[text->codes[item.index()]], kTextBytes));
}

Reasons::Reasons(const Bundle& bundle, const Visitor& visitor, std::span<const ItemId> listed,
                 const Deadline* deadline)
    : bundle_(bundle), visitor_(visitor) {
  if (bundle.similar == nullptr) return;
  std::set<ItemId> seen;
  std::vector<Interaction> latest;
  for (auto it = visitor.history.rbegin(); it != visitor.history.rend(); ++it) {
    if (latest.size() < kLatest && seen.insert(it->item).second) latest.push_back(*it);
  }
  for (const ItemId item : listed) ties_.push_back({item, {}});
  std::sort(ties_.begin(), ties_.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<float> scores(bundle.catalogue.items().size());
  for (const Interaction& interaction : latest) {
    const Query query{kNoUser, visitor.as_of, {&interaction, 1}, {}, deadline};
    if (!bundle.similar->knows(query)) continue;  // else it would guess by popularity
    bundle.similar->score(query, scores);
    if (query.is_late()) break;
    for (auto& [item, tie] : ties_) {
      if (item == interaction.item || scores[item.index()] <= tie.similarity) continue;
      tie = {scores[item.index()], interaction.item};
    }
  }
}

std::string Reasons::taken(ItemId item) const {
  std::size_t times = 0;
  std::set<Time> moments;
  for (const Interaction& interaction : visitor_.history) {
    if (interaction.item != item) continue;
    ++times;
    if (interaction.time != kUntimed) moments.insert(interaction.time);
  }
  if (times == 0) return "";
  const double ago = moments.empty() ? 0 : days_between(*moments.rbegin(), visitor_.as_of);
  const std::string last = ago >= 1 ? fmt::format(", {} ago", days(ago)) : "";
  if (times == 1) return "taken before" + last;
  if (moments.size() < 2) return fmt::format("taken {} times{}", times, last);
  const double gap =
      days_between(*moments.begin(), *moments.rbegin()) / static_cast<double>(moments.size() - 1);
  if (gap >= 1) return fmt::format("taken {} times, every {}", times, days(gap));
  return fmt::format("taken {} times{}", times, last.empty() ? "" : ", last" + last.substr(1));
}

std::string Reasons::of(ItemId item) const {
  if (std::string before = taken(item); !before.empty()) return before;
  const auto tie = std::lower_bound(ties_.begin(), ties_.end(), item,
                                    [](const auto& a, ItemId b) { return a.first < b; });
  if (tie != ties_.end() && tie->first == item && tie->second.similarity > 0) {
    return "goes with " + item_in_words(bundle_, tie->second.item);
  }
  return "popular now";
}

}  // namespace sartor
