#include "sartor/models/covisitation.h"

#include <algorithm>
#include <cmath>

#include "sartor/models/array.h"
#include "sartor/models/nearest.h"
#include "sartor/models/saved_config.h"
#include "sartor/models/user_items.h"

namespace sartor {
namespace {

constexpr std::size_t kFollowedPerBlock = 64;
// Counts grow by at most 2^64 before all are scaled back.
constexpr double kMostHalfLives = 64;

// What comes after each item, best first.
struct Followers {
  Array<std::uint64_t> begin;  // catalogue + 1
  Array<ItemId> item;
  Array<float> similarity;
  Array<float> strangers;  // per item of the catalogue
};

// The same moment: nothing to tell which came first.
bool at_once(Time a_time, std::uint32_t a_group, Time b_time, std::uint32_t b_group) {
  if (a_time != b_time || a_group != b_group) return false;
  return a_time != kUntimed || a_group != Column::kMissing;
}

class Covisitation final : public Model {
 public:
  Covisitation(Followers followers, CovisitationConfig config)
      : followers_(std::move(followers)), config_(config) {
    config_.half_life_days = normal_half_life(config.half_life_days);
  }

  std::string_view family() const override { return CovisitationConfig::kFamily; }

  void score(const Query& query, std::span<float> out) const override {
    if (!knows(query)) {
      std::copy(followers_.strangers.begin(), followers_.strangers.end(), out.begin());
      return;
    }
    std::fill(out.begin(), out.end(), 0.0f);
    for (const ProfileEntry& entry : recent(query)) {
      for (std::size_t at = followers_.begin[entry.item]; at < followers_.begin[entry.item + 1];
           ++at) {
        out[followers_.item[at].index()] += entry.value * followers_.similarity[at];
      }
    }
  }

  bool knows(const Query& query) const override {
    return std::any_of(query.history.begin(), query.history.end(), [&](const Interaction& row) {
      const std::size_t i = row.item.index();
      return i < catalogue() && followers_.begin[i + 1] > followers_.begin[i];
    });
  }

  ModelPtr with_half_life(double days) const override {
    CovisitationConfig config = config_;
    config.half_life_days = days;
    return std::make_shared<Covisitation>(followers_, config);
  }

  Status save(TensorFile& out) const override {
    save_config(out, config_);
    out.add("begin", followers_.begin.span());
    out.add("items", followers_.item.span());
    out.add("similarities", followers_.similarity.span());
    out.add("strangers", followers_.strangers.span());
    return {};
  }

 private:
  std::size_t catalogue() const { return followers_.strangers.size(); }

  // The history's distinct items, ascending, as of their latest moment.
  std::vector<ProfileEntry> recent(const Query& query) const {
    const Ages ages(query);
    const bool decay = decays(config_.half_life_days);
    std::vector<ProfileEntry> out;
    double steps = 1;
    const Interaction* later = nullptr;
    for (auto row = query.history.rbegin(); row != query.history.rend(); ++row) {
      if (row->item.index() >= catalogue()) continue;
      const bool same = later != nullptr && later->time == row->time && row->time != kUntimed;
      if (later != nullptr && !same) steps *= config_.recency_decay;
      later = &*row;
      if (steps < 1e-6) break;
      const double left = decay ? decayed(ages.of(*row), config_.half_life_days) : 1.0;
      out.push_back({row->item.value, static_cast<float>(steps * left)});
    }
    // The latest of each item stands first.
    std::stable_sort(out.begin(), out.end(),
                     [](const ProfileEntry& a, const ProfileEntry& b) { return a.item < b.item; });
    out.erase(std::unique(out.begin(), out.end(),
                          [](const auto& a, const auto& b) { return a.item == b.item; }),
              out.end());
    return out;
  }

  Followers followers_;
  CovisitationConfig config_;
};

}  // namespace

void CovisitationCounts::After::add(std::uint32_t item, float count) {
  if (2 * (taken + 1) > places.size()) rebuild(std::max<std::size_t>(4, 2 * places.size()));
  const std::size_t mask = places.size() - 1;
  std::size_t at = (item * 0x9e3779b1u >> 7) & mask;
  while (places[at].item != kEmpty && places[at].item != item) at = (at + 1) & mask;
  if (places[at].item == kEmpty) {
    places[at].item = item;
    ++taken;
  }
  places[at].count += count;
}

void CovisitationCounts::After::rebuild(std::size_t size) {
  const std::vector<Place> before = std::exchange(places, std::vector<Place>(size));
  taken = 0;
  for (const Place& place : before) {
    if (place.item != kEmpty) add(place.item, place.count);
  }
}

// The `n` largest counts; equal ones by ascending item.
void CovisitationCounts::After::keep_strongest(std::size_t n) {
  std::vector<Place> all;
  for (const Place& place : places) {
    if (place.item != kEmpty) all.push_back(place);
  }
  std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(n), all.end(),
                   [](const Place& a, const Place& b) {
                     return a.count > b.count || (a.count == b.count && a.item < b.item);
                   });
  places.assign(places.size(), {});
  taken = 0;
  for (std::size_t k = 0; k < n; ++k) add(all[k].item, all[k].count);
}

Status CovisitationCounts::check(const CovisitationConfig& config) { return check_config(config); }

// What an event counts, if one at the landmark counts 1. Untimed ones are as old as the landmark.
float CovisitationCounts::growth(Time time) {
  if (time == kUntimed || !decays(config_.age_half_life_days)) return 1;
  if (landmark_ == kUntimed) landmark_ = time;
  latest_ = std::max(latest_, time);
  double half_lives = days_between(landmark_, time) / config_.age_half_life_days;
  if (half_lives > kMostHalfLives) {
    const auto factor = static_cast<float>(std::exp2(-half_lives));
    for (After& after : items_) {
      after.total *= factor;
      for (After::Place& place : after.places) place.count *= factor;
    }
    landmark_ = time;
    half_lives = 0;
  }
  return static_cast<float>(std::exp2(half_lives));
}

void CovisitationCounts::count(ItemId from, ItemId to, float weight) {
  if (!(weight > 0)) return;
  After& after = items_[from.index()];
  after.add(to.value, weight);
  const auto most = static_cast<std::size_t>(config_.max_pairs);
  if (after.taken > 2 * most) after.keep_strongest(most);
}

void CovisitationCounts::pair(const Partner& earlier, const Partner& later, float weight) {
  if (at_once(earlier.time, earlier.group, later.time, later.group)) {
    const float counts = weight * static_cast<float>(config_.together);
    count(earlier.item, later.item, counts);
    count(later.item, earlier.item, counts);
    return;
  }
  if ((earlier.time == kUntimed) != (later.time == kUntimed)) return;
  const double gap = later.time == kUntimed ? 0 : days_between(earlier.time, later.time);
  const bool one_group = earlier.group == later.group && later.group != Column::kMissing;
  if (!one_group && (gap > config_.horizon_days || config_.horizon_days == 0)) return;
  double left = std::pow(config_.step_decay, later.moment - earlier.moment - 1.0);
  if (decays(config_.gap_half_life_days)) left *= decayed(gap, config_.gap_half_life_days);
  const float counts = weight * static_cast<float>(left);
  count(earlier.item, later.item, counts);
  count(later.item, earlier.item, counts * static_cast<float>(config_.backward));
}

void CovisitationCounts::add(UserId user, ItemId item, Time time, std::uint32_t group,
                             float user_weight) {
  if (user.index() >= users_.size()) users_.resize(user.index() + 1);
  if (item.index() >= items_.size()) items_.resize(item.index() + 1);
  const float weight = user_weight * growth(time);
  if (!(weight > 0)) return;
  items_[item.index()].total += weight;

  UserState& state = users_[user.index()];
  if (!state.recent.empty()) {
    const Partner& last = state.recent.back();
    time = std::max(time, last.time);
    if (!at_once(last.time, last.group, time, group)) ++state.moment;
  }
  const Partner now{item, group, time, state.moment};
  const auto same = std::find_if(state.recent.begin(), state.recent.end(),
                                 [&](const Partner& partner) { return partner.item == item; });
  if (same != state.recent.end()) state.recent.erase(same);
  for (const Partner& partner : state.recent) pair(partner, now, weight);
  state.recent.push_back(now);
  if (state.recent.size() > static_cast<std::size_t>(config_.partners)) {
    state.recent.erase(state.recent.begin());
  }
}

Result<ModelPtr> CovisitationCounts::model(std::size_t items, const Resources& resources) const {
  const std::size_t known = std::min(items, items_.size());
  // Counts are as of the landmark, the shrinkage is as of now.
  const bool decay = decays(config_.age_half_life_days) && landmark_ != kUntimed;
  const double scale =
      decay ? std::exp2(days_between(landmark_, latest_) / config_.age_half_life_days) : 1.0;
  std::vector<float> from(known);
  std::vector<float> to(known);
  std::vector<float> strangers(items, 0.0f);
  for (std::size_t i = 0; i < known; ++i) {
    const double own = items_[i].total + config_.shrinkage * scale;
    from[i] = static_cast<float>(std::pow(own, 1 - config_.popularity_power));
    to[i] = static_cast<float>(std::pow(own, config_.popularity_power));
    strangers[i] = items_[i].total;
  }
  std::vector<std::vector<Similar>> best(known);
  SARTOR_TRY(parallel_for(
      resources, known, kFollowedPerBlock, [&](std::size_t begin, std::size_t end) -> Status {
        for (std::size_t i = begin; i < end; ++i) {
          Nearest nearest(static_cast<std::size_t>(config_.neighbours));
          for (const After::Place& place : items_[i].places) {
            if (place.item >= known || !(place.count > 0)) continue;
            nearest.offer({place.count / (from[i] * to[place.item]), place.item});
          }
          best[i] = nearest.take();
        }
        return {};
      }));
  std::vector<std::uint64_t> begin(items + 1, 0);
  std::vector<ItemId> item;
  std::vector<float> similarity;
  for (std::size_t i = 0; i < items; ++i) {
    for (std::size_t k = 0; i < known && k < best[i].size(); ++k) {
      item.push_back(ItemId{best[i][k].item});
      similarity.push_back(best[i][k].similarity);
    }
    begin[i + 1] = item.size();
  }
  return ModelPtr(
      std::make_shared<Covisitation>(Followers{std::move(begin), std::move(item),
                                               std::move(similarity), stranger_scores(strangers)},
                                     config_));
}

Result<ModelPtr> fit_covisitation(const FitInput& input, const CovisitationConfig& config,
                                  const Resources& resources) {
  SARTOR_TRY(CovisitationCounts::check(config));
  SARTOR_TRY(check_fit_input(input, CovisitationConfig::kFamily));
  const History& history = *input.history;
  struct Event {
    Time time;
    std::uint32_t user;
    std::uint32_t row;
  };
  std::vector<Event> events;
  events.reserve(history.size());
  for (std::uint32_t u = 0; u < history.users(); ++u) {
    const auto rows = history.of(UserId{u});
    for (std::uint32_t r = 0; r < rows.size(); ++r) events.push_back({rows[r].time, u, r});
  }
  // As they came: the order of one user's rows stays.
  std::stable_sort(events.begin(), events.end(),
                   [](const Event& a, const Event& b) { return a.time < b.time; });
  CovisitationCounts counts(config);
  for (std::size_t e = 0; e < events.size(); ++e) {
    if (e % 65536 == 0 && resources.is_cancelled()) {
      return Error{ErrorCode::cancelled, "stopped on request"};
    }
    const UserId user{events[e].user};
    const auto groups = history.groups_of(user);
    counts.add(user, history.of(user)[events[e].row].item, events[e].time,
               groups.empty() ? Column::kMissing : groups[events[e].row],
               input.weight_of(user.index()));
  }
  return counts.model(history.items(), resources);
}

Result<ModelPtr> load_covisitation(const TensorFile& file) {
  SARTOR_ASSIGN(const auto config, load_config<CovisitationConfig>(file));
  Followers out;
  SARTOR_ASSIGN(out.strangers, Array<float>::of(file, "strangers"));
  SARTOR_ASSIGN(out.begin, Array<std::uint64_t>::of(file, "begin", out.strangers.size() + 1));
  const std::size_t n = out.begin[out.strangers.size()];
  SARTOR_ASSIGN(out.item, Array<ItemId>::of(file, "items", n));
  SARTOR_ASSIGN(out.similarity, Array<float>::of(file, "similarities", n));
  return ModelPtr(std::make_shared<Covisitation>(std::move(out), config));
}

}  // namespace sartor
