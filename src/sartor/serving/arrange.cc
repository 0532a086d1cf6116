#include "sartor/serving/arrange.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "sartor/base/text.h"
#include "sartor/evaluation/evaluate.h"
#include "sartor/models/blend.h"
#include "sartor/serving/item_filter.h"

namespace sartor {
namespace {

Error unwanted(const std::string& place, const std::string& detail) {
  return {ErrorCode::invalid_argument, place + ": " + detail};
}

// The pinned item itself: it must be known, wanted, and pinned once.
Result<ItemId> pinned_item(const Bundle& bundle, const RecommendRequest& request,
                           const Arrangement& so_far, std::size_t index) {
  const Pin& pin = request.wishes.pins[index];
  const std::string place = fmt::format("/pins/{}/item", index);
  const std::uint32_t found = bundle.catalogue.items().find(pin.item);
  if (found == Vocabulary::kNone) {
    return unwanted(place, fmt::format("the bundle has no item '{}'", printable(pin.item)));
  }
  const ItemId item{found};
  if (so_far.is_pinned(item)) {
    return unwanted(place, fmt::format("'{}' is pinned twice", printable(pin.item)));
  }
  if (std::find(request.exclude.begin(), request.exclude.end(), pin.item) !=
      request.exclude.end()) {
    return unwanted(place, fmt::format("'{}' is excluded, too", printable(pin.item)));
  }
  return item;
}

// First those that say where, then the others in the places that are left.
Status place_pins(const Bundle& bundle, const RecommendRequest& request, Arrangement& out) {
  const auto& pins = request.wishes.pins;
  if (pins.size() > out.k) {
    return unwanted("/pins", fmt::format("{} items for a list of k = {}", pins.size(), out.k));
  }
  if (!pins.empty()) out.pins.assign(out.k, ItemId{});
  for (const bool placed : {true, false}) {
    for (std::size_t p = 0; p < pins.size(); ++p) {
      if ((pins[p].position != 0) != placed) continue;
      SARTOR_ASSIGN(const ItemId item, pinned_item(bundle, request, out, p));
      auto at = std::find(out.pins.begin(), out.pins.end(), ItemId{});
      if (placed) {
        const int position = pins[p].position;
        const std::string place = fmt::format("/pins/{}/position", p);
        if (position < 1 || static_cast<std::size_t>(position) > out.k) {
          return unwanted(place,
                          fmt::format("{} is out of range; expected 1 to k = {}", position, out.k));
        }
        at = out.pins.begin() + (position - 1);
        if (*at != ItemId{}) return unwanted(place, fmt::format("{} is given twice", position));
      }
      *at = item;
    }
  }
  return {};
}

Status check_boost(const Boost& boost, const std::string& place) {
  if (boost.where.empty()) return unwanted(place + "/where", "says nothing of an item");
  if (std::isfinite(boost.add) && std::abs(boost.add) <= kMostBoost) return {};
  return unwanted(place + "/add", fmt::format("{} is out of range; expected {} to {}",
                                              shortest(boost.add), -kMostBoost, kMostBoost));
}

// The standard deviation of what may be listed, 1 where all scores are equal.
double deviation_of(std::span<const ItemId> allowed, std::span<const float> scores) {
  double n = 0, sum = 0, squares = 0;
  const auto each = [&](auto&& take) {
    for (const ItemId item : allowed) {
      if (scores[item.index()] > kNotEligible) take(double{scores[item.index()]});
    }
  };
  each([&](double score) { n += 1, sum += score; });
  each([&](double score) { squares += (score - sum / n) * (score - sum / n); });
  const double deviation = n > 0 ? std::sqrt(squares / n) : 0;
  return deviation > 1e-12 * std::abs(n > 0 ? sum / n : 0) ? deviation : 1;
}

void boost(const Arrangement& wanted, std::span<const ItemId> allowed, std::vector<float>& scores) {
  if (wanted.add.empty()) return;
  const double unit = deviation_of(allowed, scores);
  for (const auto& [fits, deviations] : wanted.add) {
    const auto more = static_cast<float>(deviations * unit);
    for (std::size_t i = 0; i < scores.size(); ++i) {
      if (fits[i] && scores[i] > kNotEligible) scores[i] += more;
    }
  }
}

// How many items of each value are listed.
class Mixture {
 public:
  explicit Mixture(const Arrangement& wanted) : wanted_(wanted) {
    for (const ItemId item : wanted.pins) {
      if (item != ItemId{}) (void)take(item);
    }
  }
  // Whether there is room for one more like it; then it is counted.
  bool take(ItemId item) {
    if (wanted_.diverse == nullptr) return true;
    const Column& column = *wanted_.diverse;
    if (column.is_text ? column.codes[item.index()] == Column::kMissing
                       : std::isnan(column.numbers[item.index()])) {
      return true;
    }
    const double value = column.is_text ? column.codes[item.index()] : column.numbers[item.index()];
    return ++listed_[value] <= wanted_.most;
  }

 private:
  const Arrangement& wanted_;
  std::map<double, std::size_t> listed_;  // by code, or by number
};

// The best of `items` that diversity lets through, at most `most`. Looks at ever more of them.
std::vector<ItemId> best_of(const Arrangement& wanted, std::span<const ItemId> items,
                            std::size_t most, std::span<const float> scores) {
  std::vector<ItemId> out, ranked;
  for (std::size_t depth = wanted.diverse == nullptr ? most : 4 * most;; depth *= 4) {
    top_k(scores, items, std::min(depth, items.size()), ranked);
    Mixture mixture(wanted);
    out.clear();
    for (const ItemId item : ranked) {
      if (out.size() < most && mixture.take(item)) out.push_back(item);
    }
    if (out.size() == most || depth >= items.size()) return out;
  }
}

}  // namespace

bool Arrangement::is_pinned(ItemId item) const {
  return std::find(pins.begin(), pins.end(), item) != pins.end();
}

Result<Arrangement> arrangement_of(const Bundle& bundle, const RecommendRequest& request) {
  const Wishes& wishes = request.wishes;
  Arrangement out{.k = static_cast<std::size_t>(request.k), .fits = {}, .add = {}, .pins = {}};
  if (!wishes.filter.empty()) {
    SARTOR_ASSIGN(out.fits, items_that_fit(bundle, wishes.filter, "/filter"));
  }
  for (std::size_t b = 0; b < wishes.boosts.size(); ++b) {
    const std::string place = fmt::format("/boosts/{}", b);
    SARTOR_TRY(check_boost(wishes.boosts[b], place));
    SARTOR_ASSIGN(auto fits, items_that_fit(bundle, wishes.boosts[b].where, place + "/where"));
    out.add.emplace_back(std::move(fits), wishes.boosts[b].add);
  }
  SARTOR_TRY(place_pins(bundle, request, out));
  if (!wishes.diversity) return out;
  SARTOR_ASSIGN(out.diverse, item_column(bundle, wishes.diversity->by, "/diversity/by"));
  if (wishes.diversity->most < 1) {
    return unwanted("/diversity/most",
                    fmt::format("{} where at least 1 was expected", wishes.diversity->most));
  }
  out.most = static_cast<std::size_t>(wishes.diversity->most);
  return out;
}

std::vector<ItemId> arrange(const Arrangement& wanted, std::span<const ItemId> allowed,
                            std::vector<float>& scores) {
  boost(wanted, allowed, scores);
  std::vector<bool> out(wanted.fits);
  out.flip();
  std::size_t pinned = 0;
  for (const ItemId item : wanted.pins) {
    if (item == ItemId{}) continue;
    ++pinned;
    out.resize(scores.size());
    out[item.index()] = true;
  }
  std::vector<ItemId> items;
  for (const ItemId item : allowed) {
    if (!out.empty() && out[item.index()]) continue;
    if (scores[item.index()] > kNotEligible) items.push_back(item);
  }
  const std::vector<ItemId> best = best_of(wanted, items, wanted.k - pinned, scores);
  std::vector<ItemId> list;
  auto next = best.begin();
  for (std::size_t place = 0; place < wanted.k; ++place) {
    if (place < wanted.pins.size() && wanted.pins[place] != ItemId{}) {
      list.push_back(wanted.pins[place]);
    } else if (next != best.end()) {
      list.push_back(*next++);
    }
  }
  return list;
}

}  // namespace sartor
