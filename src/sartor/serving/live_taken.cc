#include "sartor/serving/live_taken.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <mutex>
#include <tuple>

#include "sartor/base/checksum.h"
#include "sartor/models/decay.h"
#include "sartor/serving/bundle.h"

namespace sartor {
namespace {

constexpr std::size_t kMostRecent = 20;  // successes of a user that are paired
constexpr double kMostDoublings =
    1000;  // 250 days at the shortest half-life; then all counts alike
constexpr std::uint64_t kSeedOfTakers = 7;

std::int64_t whole_hour(Time time) { return (time - (time < 0 ? kHour - 1 : 0)) / kHour; }

// Hears which half-life a popularity model has.
class HalfLifeOf final : public TakenSince {
 public:
  void bring_up_to_date(double half_life_days, std::span<float>) const override {
    heard = half_life_days;
  }
  mutable double heard = 0;
};

const Model* popularity_of(const Bundle& bundle) {
  for (const auto& [name, model] : bundle.models) {
    if (model->family() == "popularity") return model.get();
  }
  return nullptr;
}

}  // namespace

LiveTaken::LiveTaken(const Bundle& bundle) : bundle_(bundle), latest_(bundle.catalogue.as_of()) {
  popularity_ = popularity_of(bundle);
  if (popularity_ == nullptr) return;
  const HalfLifeOf ear;
  std::vector<float> scores(bundle.catalogue.items().size());
  popularity_->score({.as_of = latest_, .since = &ear}, scores);
  half_life_days_ = ear.heard;
}

std::vector<double> LiveTaken::popularity(std::span<const ItemId> items) const {
  std::vector<float> scores(bundle_.catalogue.items().size());
  if (popularity_ != nullptr)
    popularity_->score({.as_of = bundle_.catalogue.as_of(), .since = this}, scores);
  std::vector<double> sorted;
  sorted.reserve(items.size());
  for (const ItemId item : items) sorted.push_back(scores[item.index()]);
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  return sorted;
}

// In the order of the hours, so that it does not depend on how they came.
double LiveTaken::sum_of(const Hours& hours, double half_life_days) const {
  double sum = 0;
  for (const auto& [hour, weight] : hours) {
    const double days = days_between(bundle_.catalogue.as_of(), hour * kHour);
    sum += decays(half_life_days)
               ? weight * std::exp2(std::min(days / half_life_days, kMostDoublings))
               : weight;
  }
  return sum;
}

// What is left of 1 since the bundle was made.
double LiveTaken::since(double half_life_days) const {
  if (!decays(half_life_days)) return 1;
  const double days = days_between(bundle_.catalogue.as_of(), latest_);
  return std::exp2(-std::min(days / half_life_days, kMostDoublings));
}

const LiveTaken::Sums* LiveTaken::find(double half_life_days) const {
  const auto found = std::find_if(sums_.begin(), sums_.end(), [&](const Sums& sums) {
    return sums.half_life_days == half_life_days;
  });
  return found == sums_.end() ? nullptr : &*found;
}

void LiveTaken::forget(const std::string& user) {
  const std::unique_lock lock(mutex_);
  recent_.erase(user);
}

void LiveTaken::bring_up_to_date(double half_life_days, std::span<float> scores) const {
  std::shared_lock lock(mutex_);
  const Sums* sums = find(half_life_days);
  if (sums == nullptr) {
    lock.unlock();
    {
      const std::unique_lock writing(mutex_);
      if (find(half_life_days) == nullptr) {
        Sums made{.half_life_days = half_life_days, .of = {}};
        for (const auto& [item, taken] : known_)
          made.of[item] = sum_of(taken.hours, half_life_days);
        sums_.push_back(std::move(made));
      }
    }
    lock.lock();
    sums = find(half_life_days);
  }
  if (sums->of.empty()) return;
  const double left = since(half_life_days);
  if (left != 1) {
    for (float& score : scores) score = static_cast<float>(score * left);
  }
  for (const auto& [item, sum] : sums->of) {
    if (item < scores.size()) scores[item] = static_cast<float>(scores[item] + sum * left);
  }
}

void LiveTaken::take_new(const LiveEvent& event, float weight) {
  if (new_.size() >= kMostNewItems && !new_.contains(event.item)) return;
  Taken& taken = new_[event.item];
  taken.hours[whole_hour(event.time)] += weight;
  if (taken.takers.size() == kFewestTakers) return;
  taken.takers.insert(hash64(event.user, kSeedOfTakers));
  if (taken.takers.size() == kFewestTakers) risen_.push_back(event.item);
}

void LiveTaken::take(const StoredEvent& stored, float weight) {
  const LiveEvent& event = stored.event;
  latest_ = std::max(latest_, event.time);
  const std::uint32_t item = bundle_.catalogue.items().find(event.item);
  if (item == Vocabulary::kNone) return take_new(event, weight);
  Taken& taken = known_[item];
  taken.hours[whole_hour(event.time)] += weight;
  for (Sums& sums : sums_) sums.of[item] = sum_of(taken.hours, sums.half_life_days);
}

// With the user's other successes within kTogether, whichever came first.
void LiveTaken::pair(const StoredEvent& stored) {
  const LiveEvent& event = stored.event;
  const bool counts =
      new_.contains(event.item) || bundle_.catalogue.items().find(event.item) != Vocabulary::kNone;
  if (!counts) return;  // one of too many new ones
  auto& recent = recent_[event.user];
  std::set<std::string> partners;
  for (auto it = recent.lower_bound({event.time - kTogether, ""});
       it != recent.end() && it->first <= event.time + kTogether; ++it) {
    if (it->second != event.item) partners.insert(it->second);
  }
  for (const std::string& partner : partners) {
    ++together_[event.item][partner];
    ++together_[partner][event.item];
  }
  recent.emplace(event.time, event.item);
  if (recent.size() > kMostRecent) recent.erase(recent.begin());
}

void LiveTaken::learn(std::span<const StoredEvent> events, std::span<const float> weights) {
  const std::unique_lock lock(mutex_);
  for (std::size_t e = 0; e < events.size(); ++e) {
    if (!(weights[e] > 0)) continue;
    take(events[e], weights[e]);
    pair(events[e]);
  }
}

std::vector<LiveTaken::NewItem> LiveTaken::new_items() const {
  std::vector<NewItem> items;
  if (popularity_ == nullptr) return items;
  const std::shared_lock lock(mutex_);
  const double left = since(half_life_days_);
  for (const std::string& name : risen_) {
    items.push_back({name, sum_of(new_.at(name).hours, half_life_days_) * left});
  }
  std::sort(items.begin(), items.end(), [](const NewItem& a, const NewItem& b) {
    return std::tie(b.popularity, a.name) < std::tie(a.popularity, b.name);
  });
  return items;
}

std::map<std::string, std::uint32_t> LiveTaken::taken_with(const std::string& item) const {
  const std::shared_lock lock(mutex_);
  const auto found = together_.find(item);
  return found == together_.end() ? std::map<std::string, std::uint32_t>() : found->second;
}

}  // namespace sartor
