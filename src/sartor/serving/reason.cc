#include "sartor/serving/reason.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <map>
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

namespace {

// What a component's part in a score means to people. A component that does not know the visitor
// gives its guess for a stranger, which is popularity.
struct FamilyKind {
  std::string_view family;
  const char* kind;
};
constexpr FamilyKind kFamilyKinds[] = {
    {"own_history", "taken_again"}, {"due_again", "taken_again"},
    {"item_knn", "follows"},        {"ease", "follows"},
    {"covisitation", "follows"},    {"als", "similar_taste"},
    {"item2vec", "similar_taste"},  {"content", "content"},
    {"popularity", "popular"},      {"context_popularity", "popular"},
    {"trend", "trending"},          {"new_items", "new"}};

const char* kind_of(const Model& component, const Query& query) {
  if (!component.knows(query)) return "popular";
  for (const FamilyKind& known : kFamilyKinds) {
    if (component.family() == known.family) return known.kind;
  }
  return "other";
}

// The items of the history that a "follows" may name: the latest distinct ones, each with all that
// the history says of it.
constexpr std::size_t kMostFollowed = 20;
std::vector<std::vector<Interaction>> latest_items(const Visitor& visitor) {
  std::vector<std::vector<Interaction>> out;
  for (auto it = visitor.history.rbegin(); it != visitor.history.rend(); ++it) {
    const auto same = std::find_if(out.begin(), out.end(),
                                   [&](const auto& rows) { return rows[0].item == it->item; });
    if (same != out.end()) {
      same->insert(same->begin(), *it);
    } else if (out.size() < kMostFollowed) {
      out.push_back({*it});
    }
  }
  return out;
}

// Which item of the history adds most to each of `items`, by what `component` makes of each alone;
// ItemId{} where none adds anything. Components of this kind are sums over the history.
std::vector<ItemId> followed(const Model& component, const Visitor& visitor, const ListFacts& list,
                             std::span<float> scratch) {
  const std::span<const ItemId> items = list.items;
  std::vector<ItemId> best(items.size());
  std::vector<float> most(items.size(), 0);
  for (const auto& rows : latest_items(visitor)) {
    const Query query{kNoUser, visitor.as_of, rows, {}, list.deadline};
    if (!component.knows(query)) continue;
    component.score(query, scratch);
    if (query.is_late()) break;  // the scores may be of half of the way
    for (std::size_t i = 0; i < items.size(); ++i) {
      const float score = scratch[items[i].index()];
      if (items[i] == rows[0].item || score <= most[i]) continue;
      most[i] = score;
      best[i] = rows[0].item;
    }
  }
  return best;
}

// Adds to `all` what `part` is made of, down to models of one piece. A model that orders by other
// means than a sum (trees) hands what it adds to its own parts, in proportion to what they add to
// the blend behind it. One family is one reason, however many variants of it there are.
void split(const Contribution& part, const Query& query, std::span<const ItemId> items,
           std::span<float> scratch, std::vector<Contribution>& all) {
  auto inner = part.component->contributions(query, items, scratch);
  if (inner.empty()) {
    const auto known = std::find_if(all.begin(), all.end(), [&](const Contribution& one) {
      return one.component->family() == part.component->family();
    });
    if (known == all.end()) return all.push_back(part);
    for (std::size_t i = 0; i < items.size(); ++i) known->amounts[i] += part.amounts[i];
    return;
  }
  for (std::size_t i = 0; i < items.size(); ++i) {
    float sum = 0;
    for (const Contribution& one : inner) sum += std::max(0.0f, one.amounts[i]);
    for (Contribution& one : inner) {
      const float share = sum > 0 ? std::max(0.0f, one.amounts[i]) / sum : 0;
      one.amounts[i] = share * std::max(0.0f, part.amounts[i]);
    }
  }
  for (const Contribution& one : inner) split(one, query, items, scratch, all);
}

// The largest of one item's contributions.
struct Largest {
  const Model* component = nullptr;
  double amount = 0;
  double all = 0;  // sum of what is above 0
};

Largest largest_of(const std::vector<Contribution>& parts, std::size_t i) {
  Largest largest;
  for (const Contribution& part : parts) {
    const double amount = part.amounts[i];
    if (amount > 0) largest.all += amount;
    if (amount > largest.amount) {
      largest.amount = amount;
      largest.component = part.component;
    }
  }
  return largest;
}

std::string words_for(const std::string& kind) {
  if (kind == "popular") return "popular now";
  if (kind == "trending") return "taken more and more";
  if (kind == "new") return "new";
  if (kind == "content") return "like what was taken, by its description";
  if (kind == "similar_taste") return "taken by people of similar taste";
  if (kind == "follows") return "goes with what was taken";
  if (kind == "boosted") return "boosted";
  return "no single reason";
}

}  // namespace

std::vector<ItemReason> reasons_of(const Bundle& bundle, const Visitor& visitor,
                                   const ListFacts& list) {
  if (list.model == nullptr) {
    return std::vector<ItemReason>(list.items.size(),
                                   {.kind = "popular", .text = words_for("popular"), .share = 1});
  }
  Query query = query_of(visitor);
  query.deadline = list.deadline;
  query.since = list.since;
  const Reasons history(bundle, visitor, {}, list.deadline);
  std::vector<float> scratch(bundle.catalogue.items().size());
  std::vector<Contribution> parts;
  for (const Contribution& part : list.model->contributions(query, list.items, scratch)) {
    split(part, query, list.items, scratch, parts);
  }
  if (query.is_late()) parts.clear();
  if (parts.empty()) parts = {{list.model, std::vector<float>(list.items.size(), 1)}};
  std::map<const Model*, std::vector<ItemId>> follows;
  std::vector<ItemReason> out;
  for (std::size_t i = 0; i < list.items.size(); ++i) {
    const Largest largest = largest_of(parts, i);
    const double boost = list.boosts.empty() ? 0 : std::max(0.0f, list.boosts[i]);
    ItemReason reason{.kind = "other"};
    if (boost > largest.amount) {
      reason = {.kind = "boosted", .share = boost / (boost + largest.all)};
    } else if (largest.component != nullptr) {
      reason = {.kind = kind_of(*largest.component, query),
                .component = std::string(largest.component->family()),
                .share = largest.amount / (boost + largest.all)};
    }
    reason.text = words_for(reason.kind);
    if (reason.kind == "taken_again") reason.text = history.of(list.items[i]);
    if (reason.kind == "follows") {
      auto& known = follows[largest.component];
      if (known.empty()) known = followed(*largest.component, visitor, list, scratch);
      if (known[i] != ItemId{}) {
        reason.item = bundle.catalogue.items().name(known[i].index());
        reason.text = "goes with " + item_in_words(bundle, known[i]);
      }
    }
    out.push_back(std::move(reason));
  }
  return out;
}

}  // namespace sartor
