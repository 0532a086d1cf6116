#include "sartor/live/exposure_index.h"

#include <algorithm>

#include "sartor/base/checksum.h"

namespace sartor {
namespace {

constexpr std::uint64_t kSeedOfUsers = 0x757365;
constexpr std::uint64_t kSeedOfItems = 0x697465;

// 63 bits.
std::uint64_t hash_of_listed(const std::string& item) { return hash64(item, kSeedOfItems) >> 1; }

// Where `list` has the item.
std::optional<std::size_t> position_in(const ShownList& list, std::uint64_t item) {
  const auto found = std::find_if(list.items.begin(), list.items.end(),
                                  [&](const ListedItem& one) { return one.hash == item; });
  if (found == list.items.end()) return {};
  return static_cast<std::size_t>(found - list.items.begin());
}

}  // namespace

std::uint64_t hash_of_visitor(const std::string& user, const std::string& exposure_id) {
  return user.empty() ? hash64(exposure_id, kSeedOfUsers + 1) : hash64(user, kSeedOfUsers);
}

ShownList* ExposureIndex::find(std::uint64_t number) {
  const auto found =
      std::lower_bound(lists_.begin(), lists_.end(), number,
                       [](const ShownList& list, std::uint64_t n) { return list.number < n; });
  return found == lists_.end() || found->number != number ? nullptr : &*found;
}

void ExposureIndex::forget_first() {
  const ShownList& first = lists_.front();
  if (const auto id = by_id_.find(first.id); id != by_id_.end() && id->second == first.number) {
    by_id_.erase(id);
  }
  const auto user = by_user_.find(first.user);
  if (user != by_user_.end()) {
    user->second.pop_front();
    if (user->second.empty()) by_user_.erase(user);
  }
  items_ -= first.items.size();
  lists_.pop_front();
}

void ExposureIndex::add(const Exposure& exposure) {
  ShownList list{.number = exposure.number,
                 .time = exposure.time,
                 .id = hash_of_key(exposure.id),
                 .user = hash_of_visitor(exposure.user, exposure.id),
                 .segment = exposure.segment,
                 .arm = exposure.arm,
                 .on_general = is_on_general(exposure),
                 .items = {}};
  list.items.reserve(exposure.items.size());
  for (const ExposedItem& item : exposure.items) {
    ListedItem listed{};
    listed.hash = hash_of_listed(item.item);
    list.items.push_back(listed);
  }
  by_id_[list.id] = list.number;
  by_user_[list.user].push_back(list.number);
  items_ += list.items.size();
  const Time oldest = exposure.time - window_ - kClockSkew;
  lists_.push_back(std::move(list));
  while (lists_.size() > 1 && (lists_.front().time < oldest || items_ > most_items_)) {
    forget_first();
  }
}

void ExposureIndex::forget(const std::string& user) {
  const auto found = by_user_.find(hash_of_visitor(user, ""));
  if (user.empty() || found == by_user_.end()) return;
  for (const std::uint64_t number : found->second) {
    ShownList* list = find(number);
    if (list == nullptr) continue;
    by_id_.erase(list->id);
    items_ -= list->items.size();
    list->items.clear();
    list->id = {};
    list->user = 0;  // nobody's: no such hash is looked up
  }
  by_user_.erase(found);
}

std::optional<ExposureIndex::Tie> ExposureIndex::tie(const LiveEvent& event) {
  const std::uint64_t item = hash_of_listed(event.item);
  if (!event.exposure.empty()) {
    const auto id = by_id_.find(hash_of_key(event.exposure));
    ShownList* list = id == by_id_.end() ? nullptr : find(id->second);
    if (list == nullptr || event.received - list->time > window_) return {};
    const auto position = position_in(*list, item);
    return position ? std::optional<Tie>({list, *position}) : std::nullopt;
  }
  const auto user = by_user_.find(hash_of_visitor(event.user, ""));
  if (user == by_user_.end()) return {};
  const Time latest = std::min(event.time + kClockSkew, event.received);
  for (auto number = user->second.rbegin(); number != user->second.rend(); ++number) {
    ShownList* list = find(*number);
    if (list == nullptr || list->time > latest) continue;
    if (event.time - list->time > window_) return {};
    if (const auto position = position_in(*list, item)) return Tie{list, *position};
  }
  return {};
}

std::optional<ExposureIndex::Tie> ExposureIndex::at(std::uint64_t number, std::size_t position) {
  ShownList* list = find(number);
  if (list == nullptr || position >= list->items.size()) return {};
  return Tie{list, position};
}

}  // namespace sartor
