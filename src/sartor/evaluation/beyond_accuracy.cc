// Diversity of a list (Ziegler et al., WWW 2005) by the cosine of the sets of users who took two
// items: no facts about items are needed. With v_i the 0/1 vector of item i's takers over its
// length and n items on the list, of which m have takers,
//     |sum over i of v_i|^2  =  m + 2 sum over pairs of cos(i, j)
// so that a list costs the takers of its items once, not once per pair.
#include "sartor/evaluation/beyond_accuracy.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

namespace sartor {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kListsPerBlock = 64;

double ratio(double part, double whole) { return whole > 0 ? part / whole : kNaN; }

// Case c's list, cut at k.
std::span<const ItemId> list_of(const Evaluation& evaluation, std::size_t c, std::size_t k) {
  const auto all = std::span(evaluation.lists).subspan(c * evaluation.depth, evaluation.depth);
  const auto end = std::find(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(k), kNoItem);
  return all.first(static_cast<std::size_t>(end - all.begin()));
}

double novelty_of(std::span<const ItemId> list, const CatalogueFacts& facts) {
  double sum = 0;
  for (const ItemId item : list) sum += facts.novelty(item);
  return ratio(sum, static_cast<double>(list.size()));
}

// `load` has a zero per user and gets it back.
double diversity_of(std::span<const ItemId> list, const CatalogueFacts& facts,
                    std::vector<double>& load, std::vector<std::uint32_t>& touched) {
  if (list.size() < 2) return kNaN;
  touched.clear();
  double with_takers = 0;
  for (const ItemId item : list) {
    const auto takers = facts.takers(item);
    if (takers.empty()) continue;
    ++with_takers;
    const double part = 1 / std::sqrt(static_cast<double>(takers.size()));
    for (const std::uint32_t user : takers) {
      if (load[user] == 0) touched.push_back(user);
      load[user] += part;
    }
  }
  double length = 0;
  for (const std::uint32_t user : touched) {
    length += load[user] * load[user];
    load[user] = 0;
  }
  const auto n = static_cast<double>(list.size());
  return 1 - (length - with_takers) / (n * (n - 1));
}

double category_diversity_of(std::span<const ItemId> list, const CatalogueFacts& facts) {
  std::vector<std::uint32_t> known;
  for (const ItemId item : list) {
    if (facts.category(item) != Column::kMissing) known.push_back(facts.category(item));
  }
  double pairs = 0;
  double different = 0;
  for (std::size_t i = 0; i < known.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      ++pairs;
      different += known[i] != known[j] ? 1 : 0;
    }
  }
  return ratio(different, pairs);
}

double gini_of(std::vector<std::uint32_t> counts) {
  std::sort(counts.begin(), counts.end());
  const auto n = static_cast<double>(counts.size());
  double sum = 0;
  double weighted = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    sum += counts[i];
    weighted += (2 * static_cast<double>(i + 1) - n - 1) * counts[i];
  }
  return ratio(weighted, n * sum);
}

// Counts by bucket: of the eligible items, places, targets and hits.
struct Tally {
  std::array<double, 3> items{}, listed{}, targets{}, hits{};

  std::array<BucketShares, 3> shares() const {
    const auto sum = [](const std::array<double, 3>& of) { return of[0] + of[1] + of[2]; };
    std::array<BucketShares, 3> out;
    for (std::size_t b = 0; b < 3; ++b) {
      out[b] = {ratio(items[b], sum(items)), ratio(listed[b], sum(listed)),
                ratio(targets[b], sum(targets)), ratio(hits[b], sum(hits)),
                ratio(hits[b], targets[b])};
    }
    return out;
  }
};

// Everything that is counted over all lists together.
void pooled(const Evaluation& evaluation, const Cases& cases, const CatalogueFacts& facts,
            BeyondAccuracy& out) {
  std::vector<std::uint32_t> shown(facts.items(), 0);
  Tally popularity;
  Tally age;
  const auto count = [&](std::array<double, 3> Tally::*what, ItemId item) {
    ++(popularity.*what)[facts.popularity_bucket(item)];
    ++(age.*what)[facts.age_bucket(item)];
  };
  for (std::size_t c = 0; c < cases.size(); ++c) {
    const auto targets = cases.targets_of(c);
    for (const ItemId target : targets) count(&Tally::targets, target);
    for (const ItemId item : list_of(evaluation, c, out.k)) {
      ++shown[item.index()];
      count(&Tally::listed, item);
      if (std::binary_search(targets.begin(), targets.end(), item)) count(&Tally::hits, item);
    }
  }
  std::vector<std::uint32_t> exposures;
  for (const ItemId item : facts.eligible()) {
    count(&Tally::items, item);
    exposures.push_back(shown[item.index()]);
  }
  const auto listed = std::count_if(exposures.begin(), exposures.end(),
                                    [](std::uint32_t times) { return times > 0; });
  out.coverage = ratio(static_cast<double>(listed), static_cast<double>(exposures.size()));
  out.gini = gini_of(std::move(exposures));
  out.popularity = popularity.shares();
  out.age = age.shares();
}

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json buckets_json(const std::array<const char*, 3>& names,
                  const std::array<BucketShares, 3>& buckets) {
  Json json = Json::object();
  for (std::size_t b = 0; b < names.size(); ++b) {
    json[names[b]] = {{"items", number(buckets[b].items)},
                      {"listed", number(buckets[b].listed)},
                      {"targets", number(buckets[b].targets)},
                      {"hits", number(buckets[b].hits)},
                      {"recall", number(buckets[b].recall)}};
  }
  return json;
}

}  // namespace

CatalogueFacts::CatalogueFacts(const History& history, std::span<const std::uint32_t> category)
    : users_(history.users()),
      eligible_(eligible_items(history)),
      category_(category.begin(), category.end()) {
  find_takers(history);
  find_buckets(history);
}

void CatalogueFacts::find_takers(const History& history) {
  std::vector<std::vector<std::uint32_t>> by_item(history.items());
  double active = 0;
  for (std::uint32_t u = 0; u < history.users(); ++u) {
    const auto rows = history.of(UserId{u});
    active += rows.empty() ? 0 : 1;
    for (const Interaction& row : rows) {
      auto& takers = by_item[row.item.index()];
      if (takers.empty() || takers.back() != u) takers.push_back(u);
    }
  }
  begin_ = {0};
  for (const auto& takers : by_item) {
    takers_.insert(takers_.end(), takers.begin(), takers.end());
    begin_.push_back(takers_.size());
    const double known = std::max<double>(1, static_cast<double>(takers.size()));
    novelty_.push_back(std::log2(std::max(active, 1.0) / known));
  }
}

void CatalogueFacts::find_buckets(const History& history) {
  std::vector<double> interactions(history.items(), 0);
  for (std::uint32_t u = 0; u < history.users(); ++u) {
    for (const Interaction& row : history.of(UserId{u})) ++interactions[row.item.index()];
  }
  std::vector<std::uint32_t> order(history.items());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return interactions[a] > interactions[b];
  });
  popularity_.assign(history.items(), 2);
  age_.assign(history.items(), 2);
  const double total = static_cast<double>(history.size());
  double before = 0;
  for (const std::uint32_t i : order) {
    if (before < kMiddleShare * total) popularity_[i] = before < kHeadShare * total ? 0 : 1;
    before += interactions[i];
    const Time seen = history.first_seen(ItemId{i});
    if (seen >= history.as_of() - kYoungDays * kDay)
      age_[i] = seen >= history.as_of() - kNewDays * kDay ? 0 : 1;
  }
}

Result<BeyondAccuracy> beyond_accuracy(const Evaluation& evaluation, const Cases& cases,
                                       const CatalogueFacts& facts, std::size_t k,
                                       const Resources& resources) {
  assert(k <= evaluation.depth && evaluation.lists.size() == cases.size() * evaluation.depth);
  BeyondAccuracy out{.k = k};
  pooled(evaluation, cases, facts, out);
  std::vector<double> novelty(cases.size(), kNaN);
  std::vector<double> diversity(cases.size(), kNaN);
  std::vector<double> categories(cases.size(), kNaN);
  const std::size_t every =
      std::max<std::size_t>(1, (cases.size() + kDiversityCases - 1) / kDiversityCases);
  SARTOR_TRY(parallel_for(resources, cases.size(), kListsPerBlock,
                          [&](std::size_t begin, std::size_t end) -> Status {
                            std::vector<double> load(facts.users(), 0);
                            std::vector<std::uint32_t> touched;
                            for (std::size_t c = begin; c < end; ++c) {
                              const auto list = list_of(evaluation, c, k);
                              novelty[c] = novelty_of(list, facts);
                              if (facts.has_categories())
                                categories[c] = category_diversity_of(list, facts);
                              if (c % every == 0)
                                diversity[c] = diversity_of(list, facts, load, touched);
                            }
                            return {};
                          }));
  out.novelty = mean_over_users(cases, novelty);
  out.diversity = mean_over_users(cases, diversity);
  out.category_diversity = mean_over_users(cases, categories);
  return out;
}

Json beyond_accuracy_json(const BeyondAccuracy& values) {
  return {{"k", values.k},
          {"coverage", number(values.coverage)},
          {"gini", number(values.gini)},
          {"novelty", number(values.novelty)},
          {"diversity", number(values.diversity)},
          {"category_diversity", number(values.category_diversity)},
          {"popularity", buckets_json(kPopularityBuckets, values.popularity)},
          {"age", buckets_json(kAgeBuckets, values.age)}};
}

}  // namespace sartor
