// What everybody took since the bundle was made: popularity and what is taken together, as the
// stream of events has them, with items that the bundle does not know.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <shared_mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "sartor/base/ids.h"
#include "sartor/base/time.h"
#include "sartor/evaluation/cases.h"
#include "sartor/live/event.h"

namespace sartor {

struct Bundle;
class Model;

// An item that the bundle does not know is listed once so many users have taken it: one client that
// sends nonsense lists nothing.
inline constexpr std::size_t kFewestTakers = 3;
inline constexpr std::size_t kMostNewItems = 100'000;  // that are counted; later ones are not

// Safe to use from several threads. What it says depends on the events, and not on their order but
// for the last bits of sums of weights, and for pairs of users who took more than 20 items. Costs
// about 100 bytes per item and hour with a success, and 50 per pair of items that somebody took
// after one another.
class LiveTaken final : public TakenSince {
 public:
  explicit LiveTaken(const Bundle& bundle);  // which must outlive it

  // Events with their weights; 0 is no success.
  void learn(std::span<const StoredEvent> events, std::span<const float> weights);

  // No item that the user takes from now on was taken together with one from before. Sums over all
  // users, which have no ids, stay.
  void forget(const std::string& user);

  // Events count as of their hour.
  void bring_up_to_date(double half_life_days, std::span<float> scores) const override;

  // Items that the bundle does not know, with enough takers, and their popularity as of now on the
  // scale of the bundle's popularity model; the best first, equal ones by name. Empty if the bundle
  // has no such model.
  struct NewItem {
    std::string name;
    double popularity = 0;
  };
  std::vector<NewItem> new_items() const;

  // Of these items as of now by the bundle's popularity model, the largest first.
  std::vector<double> popularity(std::span<const ItemId> items) const;

  // Who takes `item` takes these, too: how often one user took both, one within kTogether of the
  // other; by name, ascending. Items need not be known.
  std::map<std::string, std::uint32_t> taken_with(const std::string& item) const;

  static constexpr Time kTogether = kDay;

 private:
  using Hours = std::map<std::int64_t, double>;  // sums of weights
  struct Taken {
    Hours hours;
    std::set<std::uint64_t> takers;  // hashes, of a new item, at most kFewestTakers
  };
  struct Sums {  // of one half-life, as of the bundle
    double half_life_days = 0;
    std::unordered_map<std::uint32_t, double> of;  // by item
  };
  double sum_of(const Hours& hours, double half_life_days) const;
  double since(double half_life_days) const;
  const Sums* find(double half_life_days) const;
  void take(const StoredEvent& stored, float weight);
  void take_new(const LiveEvent& event, float weight);
  void pair(const StoredEvent& stored);

  const Bundle& bundle_;
  const Model* popularity_ = nullptr;  // of the bundle; null: there is none
  double half_life_days_ = 0;          // its
  mutable std::shared_mutex mutex_;
  Time latest_ = 0;  // success, not before the bundle
  std::unordered_map<std::uint32_t, Taken> known_;
  std::unordered_map<std::string, Taken> new_;
  std::vector<std::string> risen_;  // of these, those with enough takers
  mutable std::vector<Sums> sums_;  // of the half-lives that were asked for
  // Successes of each user, as (time, item), the latest kMostRecent of them.
  std::unordered_map<std::string, std::set<std::pair<Time, std::string>>> recent_;
  std::unordered_map<std::string, std::map<std::string, std::uint32_t>> together_;
};

}  // namespace sartor
