// Counting for click_features.h. Rates are shrunk to a rate that is known better (a user's in a
// scenario to the scenario's plus the user's lift, …), with the weights below in impressions.
#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>

#include "sartor/base/random.h"
#include "sartor/models/click_features.h"

namespace sartor {
namespace {

constexpr double kUserHalfLife = 1;  // days
constexpr double kItemHalfLife = 2;
constexpr double kAllHalfLife = 0.5;
constexpr double kFast = 0.5;  // weight of the newest impression
constexpr double kSlow = 0.2;
constexpr double kNever = 1000;  // days since what never happened

constexpr double kNeutral = 0.5;  // the rate of nothing at all
constexpr double kAllWeight = 50, kScenarioWeight = 20, kUserWeight = 8, kItemWeight = 20;
constexpr double kUserLiftWeight = 6, kItemLiftWeight = 20, kUserFacetWeight = 3;
constexpr double kUserScenarioWeight = 6, kItemScenarioWeight = 15;
constexpr double kFacetWeight = 50, kFacetScenarioWeight = 20;
constexpr double kUserEarlyWeight = 5, kItemEarlyWeight = 10;

// Kinds of rates; a facet or scenario is added above the low byte.
enum Kind : std::uint32_t {
  kScenario,
  kUserScenario,
  kItemScenario,
  kFacet,
  kUserFacet,
  kFacetScenario,
  kUserItem
};

std::uint32_t kind_of(Kind kind, std::size_t facet, std::size_t scenario) {
  return static_cast<std::uint32_t>(kind | facet << 8 | scenario << 20);
}

std::uint32_t bits(float value) { return std::bit_cast<std::uint32_t>(value); }

double probable(double rate) { return std::clamp(rate, 0.01, 0.97); }

double days_since(Time then, Time now) {
  return then == kUntimed ? kNever : std::min(kNever, days_between(then, now));
}

double log_count(double n) { return std::log1p(n); }

void remember(double& clicks_of, double& shown_of, double newest, double shown, double clicks) {
  if (shown > 0) {
    clicks_of *= 1 - newest;
    shown_of = (1 - newest) * shown_of + newest;
  }
  clicks_of += newest * clicks;
}

}  // namespace

std::size_t ClickState::HashKey::operator()(const Key& key) const {
  const std::uint64_t pair = std::uint64_t{key.a} << 32 | key.b;
  return static_cast<std::size_t>(Random::mix(pair + Random::mix(key.kind + 1)));
}

ClickState::Decayed ClickState::Decayed::as_of(Time time, double half_life_days) const {
  const double kept = shown > 0 ? std::exp2(-days_between(at, time) / half_life_days) : 0;
  return {clicks * kept, shown * kept, time};
}

double ClickState::Dwell::shrunk(const Dwell& all, double weight) const {
  const double mean = all.n > 0 ? all.sum / all.n : 0;
  return (sum + weight * mean) / (n + weight);
}

const ClickState::Party& ClickState::user(UserId id) const {
  static const Party stranger;
  return id.index() < users_.size() ? users_[id.index()] : stranger;
}

const ClickState::Party& ClickState::item(ItemId id) const {
  static const Party stranger;
  return id.index() < items_.size() ? items_[id.index()] : stranger;
}

ClickState::Rate ClickState::find(std::uint32_t kind, std::uint32_t a, std::uint32_t b) const {
  const auto found = rates_.find({kind, a, b});
  return found == rates_.end() ? Rate{} : found->second;
}

std::uint32_t ClickState::facet_code(std::size_t facet, ItemId item) const {
  const auto& code = facets_[facet].code;
  return item.index() < code.size() ? code[item.index()] : Column::kMissing;
}

bool ClickState::is_shown(std::size_t event) const {
  const Events& events = data_->events;
  if (events.time[event] == kUntimed || !shown_type_[events.type[event]]) return false;
  return config_.click_hours == 0 || events.weight[event] <= 0;
}

Impression ClickState::impression_of(std::size_t event) const {
  const Events& events = data_->events;
  return {events.user[event], events.item[event], events.time[event],
          std::span(context_).subspan(event * columns_, columns_)};
}

void ClickState::read_untimed() {
  const Events& events = data_->events;
  std::vector<double> counts(data_->types.size());
  double all = 0;
  for (std::size_t e = 0; e < events.size() && events.time[e] == kUntimed; ++e, ++all)
    ++counts[events.type[e]];
  std::vector<std::size_t> place(counts.size());
  for (std::uint16_t t = 0; t < counts.size(); ++t) {
    place[t] = early_types_.size();
    if (counts[t] == 0) continue;
    early_types_.push_back(t);
    early_share_.push_back(counts[t] / all);
  }
  for (std::size_t e = 0; e < events.size() && events.time[e] == kUntimed; ++e) {
    const std::uint32_t u = events.user[e].value, i = events.item[e].value;
    for (Party* party : {&users_[u], &items_[i]}) {
      party->early.resize(early_types_.size());
      ++party->early[place[events.type[e]]];
      ++party->early_all;
    }
    ++early_[{kUserItem, u, i}];
    for (std::size_t f = 0; f < facets_.size(); ++f)
      ++early_[{kind_of(kUserFacet, f, 0), u, facet_code(f, events.item[e])}];
  }
}

ClickState::Outlook ClickState::outlook(const Impression& at) const {
  Outlook out;
  out.all = all_.shrunk(kNeutral, kAllWeight);
  out.user_lift = user(at.user).rate.lift(kUserLiftWeight);
  const double by_item = item(at.item).rate.shrunk(out.all, kItemWeight);
  if (scenario_.empty()) {
    out.scenario = out.all;
    out.by_item = probable(by_item);
  } else {
    const std::uint32_t value = bits(at.context[scenario_[0]]);
    out.scenario = find(kind_of(kScenario, 0, 0), value, 0).shrunk(out.all, kScenarioWeight);
    const double prior = out.scenario + (by_item - out.all) / 2;
    out.by_item = probable(find(kind_of(kItemScenario, 0, 0), at.item.value, value)
                               .shrunk(prior, kItemScenarioWeight));
  }
  out.by_user = probable(out.scenario + out.user_lift);
  return out;
}

void ClickState::write(const Impression& at, std::vector<float>& out) const {
  const std::size_t before = out.size();
  const Outlook expected = outlook(at);
  write_parties(at, expected, out);
  write_crosses(at, expected, out);
  write_early(at, out);
  for (const auto& [facts, row] :
       {std::pair{&user_facts_, at.user.index()}, std::pair{&item_facts_, at.item.index()}}) {
    for (const Direct& one : *facts)
      out.push_back(row < one.value.size() ? one.value[row] : kMissingFact);
  }
  assert(out.size() == before + names_.size());
  (void)before;
}

void ClickState::write_parties(const Impression& at, const Outlook& expected,
                               std::vector<float>& out) const {
  const Party& u = user(at.user);
  const Party& i = item(at.item);
  const double all = expected.all;
  const double user_rate = u.rate.shrunk(all, kUserWeight);
  const double item_rate = i.rate.shrunk(all, kItemWeight);
  const auto rate = [](const auto& count, double prior, double weight) {
    return (count.clicks + weight * prior) / (count.shown + weight);
  };
  const Decayed all_lately = all_lately_.as_of(at.time, kAllHalfLife);
  const Decayed user_lately = u.lately.as_of(at.time, kUserHalfLife);
  const Decayed item_lately = i.lately.as_of(at.time, kItemHalfLife);
  const Rate pair = find(kUserItem, at.user.value, at.item.value);
  const auto gap = static_cast<Time>(config_.session_minutes * 60 * static_cast<double>(kSecond));
  const bool in_session = u.last != kUntimed && at.time - u.last <= gap;
  const Time of_day = (at.time % kDay + kDay) % kDay;
  for (const double value : {rate(all_lately, all, kScenarioWeight),
                             log_count(u.rate.shown),
                             user_rate,
                             expected.user_lift,
                             rate(user_lately, user_rate, 4),
                             user_lately.shown,
                             rate(u.fast, user_rate, kFast),
                             rate(u.slow, user_rate, kSlow),
                             u.dwell.shrunk(all_dwell_, 5),
                             u.dwell.last,
                             days_since(u.last, at.time),
                             days_since(u.first, at.time),
                             in_session ? u.session_shown : 0,
                             in_session ? u.session_clicks : 0,
                             log_count(i.rate.shown),
                             item_rate,
                             i.rate.lift(kItemLiftWeight),
                             rate(item_lately, item_rate, 10),
                             item_lately.shown,
                             i.dwell.shrunk(all_dwell_, 10),
                             days_since(i.last, at.time),
                             days_since(i.first, at.time),
                             pair.shown,
                             pair.clicks,
                             static_cast<double>(of_day) / static_cast<double>(kHour),
                             static_cast<double>(calendar_time(at.time).weekday)}) {
    out.push_back(static_cast<float>(value));
  }
}

void ClickState::write_crosses(const Impression& at, const Outlook& expected,
                               std::vector<float>& out) const {
  const auto put = [&](double value) { out.push_back(static_cast<float>(value)); };
  out.insert(out.end(), at.context.begin(), at.context.end());
  std::vector<double> scenario_rate;
  const double by_item = item(at.item).rate.shrunk(expected.all, kItemWeight);
  for (std::size_t s = 0; s < scenario_.size(); ++s) {
    const std::uint32_t value = bits(at.context[scenario_[s]]);
    const double rate =
        find(kind_of(kScenario, 0, s), value, 0).shrunk(expected.all, kScenarioWeight);
    const Rate mine = find(kind_of(kUserScenario, 0, s), at.user.value, value);
    const Rate its = find(kind_of(kItemScenario, 0, s), at.item.value, value);
    put(rate);
    put(log_count(mine.shown));
    put(mine.shrunk(probable(rate + expected.user_lift), kUserScenarioWeight));
    put(log_count(its.shown));
    put(its.shrunk(rate + (by_item - expected.all) / 2, kItemScenarioWeight));
    scenario_rate.push_back(rate);
  }
  for (std::size_t f = 0; f < facets_.size(); ++f) {
    const std::uint32_t code = facet_code(f, at.item);
    const Rate mine = find(kind_of(kUserFacet, f, 0), at.user.value, code);
    put(find(kind_of(kFacet, f, 0), code, 0).shrunk(expected.all, kFacetWeight));
    put(log_count(mine.shown));
    put(mine.lift(kUserFacetWeight));
    for (std::size_t s = 0; s < scenario_.size(); ++s) {
      const std::uint32_t value = bits(at.context[scenario_[s]]);
      put(find(kind_of(kFacetScenario, f, s), code, value)
              .shrunk(scenario_rate[s], kFacetScenarioWeight));
    }
  }
}

void ClickState::write_early(const Impression& at, std::vector<float>& out) const {
  const auto put = [&](double value) { out.push_back(static_cast<float>(value)); };
  const Party& u = user(at.user);
  const Party& i = item(at.item);
  for (const auto& [party, weight] :
       {std::pair{&u, kUserEarlyWeight}, std::pair{&i, kItemEarlyWeight}}) {
    for (std::size_t t = 0; t < early_types_.size(); ++t) {
      const double n = party->early.empty() ? 0 : party->early[t];
      put(log_count(n));
      if (early_types_.size() > 1)
        put((n + weight * early_share_[t]) / (party->early_all + weight));
    }
  }
  if (early_types_.empty()) return;
  const auto early = [&](std::uint32_t kind, std::uint32_t b) {
    const auto found = early_.find({kind, at.user.value, b});
    return found == early_.end() ? 0.0 : static_cast<double>(found->second);
  };
  put(early(kUserItem, at.item.value));
  for (std::size_t f = 0; f < facets_.size(); ++f)
    put(early(kind_of(kUserFacet, f, 0), facet_code(f, at.item)) / (u.early_all + 1));
}

void ClickState::advance(Time moment) {
  while (!dwells_.empty() && dwells_.top().at < moment) {
    const std::uint32_t event = dwells_.top().event;
    dwells_.pop();
    const double dwell = std::log1p(data_->events.dwell_seconds[event]);
    for (Dwell* of : {&all_dwell_, &users_[data_->events.user[event].index()].dwell,
                      &items_[data_->events.item[event].index()].dwell}) {
      of->sum += dwell;
      of->n += 1;
      of->last = dwell;
    }
  }
}

void ClickState::see(Party& party, Time time, double half_life, double shown, double clicks) const {
  party.rate.clicks += clicks;
  party.rate.shown += shown;
  party.lately = party.lately.as_of(time, half_life);
  party.lately.clicks += clicks;
  party.lately.shown += shown;
  remember(party.fast.clicks, party.fast.shown, kFast, shown, clicks);
  remember(party.slow.clicks, party.slow.shown, kSlow, shown, clicks);
  if (shown > 0) {
    const auto gap = static_cast<Time>(config_.session_minutes * 60 * static_cast<double>(kSecond));
    if (party.last == kUntimed || time - party.last > gap)
      party.session_shown = party.session_clicks = 0;
    if (party.first == kUntimed) party.first = time;
    party.last = time;
  }
  party.session_shown += shown;
  party.session_clicks += clicks;
}

void ClickState::count(const Impression& at, const Outlook& expected, double shown, double clicks) {
  const std::uint32_t u = at.user.value, i = at.item.value;
  const auto add = [&](Rate& rate, double expectation) {
    rate.clicks += clicks;
    rate.shown += shown;
    rate.excess += clicks - shown * expectation;
  };
  add(all_, expected.all);
  all_lately_ = all_lately_.as_of(at.time, kAllHalfLife);
  all_lately_.clicks += clicks;
  all_lately_.shown += shown;
  see(users_[u], at.time, kUserHalfLife, shown, clicks);
  see(items_[i], at.time, kItemHalfLife, shown, clicks);
  users_[u].rate.excess += clicks - shown * expected.by_item;
  items_[i].rate.excess += clicks - shown * expected.by_user;
  add(rates_[{kUserItem, u, i}], expected.by_user);
  for (std::size_t s = 0; s < scenario_.size(); ++s) {
    const std::uint32_t value = bits(at.context[scenario_[s]]);
    add(rates_[{kind_of(kScenario, 0, s), value, 0}], expected.all);
    add(rates_[{kind_of(kUserScenario, 0, s), u, value}], expected.by_item);
    add(rates_[{kind_of(kItemScenario, 0, s), i, value}], expected.by_user);
  }
  for (std::size_t f = 0; f < facets_.size(); ++f) {
    const std::uint32_t code = facet_code(f, at.item);
    add(rates_[{kind_of(kFacet, f, 0), code, 0}], expected.by_user);
    add(rates_[{kind_of(kUserFacet, f, 0), u, code}], expected.by_user);
    for (std::size_t s = 0; s < scenario_.size(); ++s)
      add(rates_[{kind_of(kFacetScenario, f, s), code, bits(at.context[scenario_[s]])}],
          expected.by_user);
  }
}

// A click that is an event of its own: it belongs to the last impression, and to one only.
void ClickState::count_click(std::size_t event) {
  const Events& events = data_->events;
  const auto found = at_.find({kUserItem, events.user[event].value, events.item[event].value});
  if (found == at_.end()) return;
  const std::uint32_t shown = found->second;
  at_.erase(found);
  const double hours = days_between(events.time[shown], events.time[event]) * 24;
  if (hours > config_.click_hours) return;
  Impression at = impression_of(shown);
  at.time = events.time[event];
  count(at, {}, 0, 1);
  clicked_.push_back(shown);
}

void ClickState::add_moment(std::size_t begin, std::size_t end) {
  const Events& events = data_->events;
  clicked_.clear();
  std::vector<Outlook> expected(end - begin);  // of all, before any is counted
  for (std::size_t e = begin; e < end; ++e) {
    if (is_shown(e)) expected[e - begin] = outlook(impression_of(e));
  }
  for (std::size_t e = begin; e < end; ++e) {
    const auto event = static_cast<std::uint32_t>(e);
    const float dwell = events.dwell_seconds[e];
    if (dwell >= 0) {
      const auto length = static_cast<Time>(double{dwell} * static_cast<double>(kSecond));
      dwells_.push({events.time[e] + length, event});
    }
    if (!is_shown(e)) continue;
    const bool clicked = config_.click_hours == 0 && events.weight[e] > 0;
    count(impression_of(e), expected[e - begin], 1, clicked ? 1 : 0);
    if (clicked) clicked_.push_back(event);
    if (config_.click_hours > 0)
      at_[{kUserItem, events.user[e].value, events.item[e].value}] = event;
  }
  if (config_.click_hours == 0) return;
  for (std::size_t e = begin; e < end; ++e) {
    if (events.weight[e] > 0) count_click(e);
  }
}

}  // namespace sartor
