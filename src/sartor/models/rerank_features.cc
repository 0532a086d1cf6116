#include "sartor/models/rerank_features.h"

#include <algorithm>
#include <cmath>

#include "sartor/models/user_items.h"

namespace sartor {
namespace {

constexpr float kLongAgo = 1000;  // units: what never happened
constexpr std::uint32_t kNoCategory = Column::kMissing;

constexpr const char* kFactNames[] = {
    "own_count",   "own_last",   "own_first",    "own_gap",      "own_due",      "own_share",
    "item_recent", "item_unit",  "item_long",    "item_ever",    "item_trend",   "item_rise",
    "item_age",    "item_last",  "item_users",   "item_repeats", "user_baskets", "user_taken",
    "user_last",   "user_first", "user_distinct"};
constexpr const char* kCategoryName = "category_share";

std::vector<float> log_counts(std::span<const double> counts) {
  std::vector<float> out;
  for (const double count : counts) out.push_back(static_cast<float>(std::log1p(count)));
  return out;
}

}  // namespace

ItemFacts ItemFacts::make(const History& history, double unit_days,
                          std::span<const std::uint32_t> category) {
  const std::size_t items = history.items();
  std::vector<double> recent(items), unit(items), longer(items), ever(items), users(items),
      repeats(items);
  std::vector<float> last(items, kLongAgo);
  std::vector<std::uint32_t> seen;  // of one user
  for (std::uint32_t u = 0; u < history.users(); ++u) {
    const auto rows = history.of(UserId{u});
    const Ages ages({.user = UserId{u}, .as_of = history.as_of(), .history = rows});
    seen.clear();
    for (const Interaction& row : rows) {
      const std::size_t i = row.item.index();
      const double age = ages.of(row) / unit_days;
      if (age < 0.25) ++recent[i];
      if (age < 1) ++unit[i];
      if (age < 3) ++longer[i];
      ++ever[i];
      last[i] = std::min(last[i], static_cast<float>(age));
      seen.push_back(row.item.value);
    }
    std::sort(seen.begin(), seen.end());
    for (std::size_t r = 0; r < seen.size();) {
      std::size_t end = r;
      while (end < seen.size() && seen[end] == seen[r]) ++end;
      ++users[seen[r]];
      if (end - r > 1) ++repeats[seen[r]];
      r = end;
    }
  }
  ItemFacts facts;
  facts.unit_days_ = unit_days;
  facts.recent_ = log_counts(recent);
  facts.unit_ = log_counts(unit);
  facts.long_ = log_counts(longer);
  facts.ever_ = log_counts(ever);
  std::vector<float> age(items, kLongAgo), user_count(items), repeat_share(items);
  for (std::uint32_t i = 0; i < items; ++i) {
    if (history.seen(ItemId{i})) {
      const double days = history.first_seen(ItemId{i}) == kUntimed
                              ? kLongAgo
                              : days_between(history.first_seen(ItemId{i}), history.as_of());
      age[i] = std::min(kLongAgo, static_cast<float>(days / unit_days));
    }
    user_count[i] = static_cast<float>(users[i]);
    repeat_share[i] = users[i] > 0 ? static_cast<float>(repeats[i] / users[i]) : 0.0f;
  }
  facts.age_ = std::move(age);
  facts.last_ = std::move(last);
  facts.users_ = std::move(user_count);
  facts.repeat_share_ = std::move(repeat_share);
  facts.category_ = std::vector<std::uint32_t>(category.begin(), category.end());
  return facts;
}

Status ItemFacts::save(TensorFile& out) const {
  const double unit[] = {unit_days_};
  out.add<double>("facts.unit_days", unit);
  out.add("facts.recent", recent_.span());
  out.add("facts.unit", unit_.span());
  out.add("facts.long", long_.span());
  out.add("facts.ever", ever_.span());
  out.add("facts.age", age_.span());
  out.add("facts.last", last_.span());
  out.add("facts.users", users_.span());
  out.add("facts.repeat_share", repeat_share_.span());
  out.add("facts.category", category_.span());
  return {};
}

Result<ItemFacts> ItemFacts::load(const TensorFile& file) {
  ItemFacts facts;
  SARTOR_ASSIGN(const auto unit, Array<double>::of(file, "facts.unit_days", 1));
  facts.unit_days_ = unit[0];
  SARTOR_ASSIGN(facts.users_, Array<float>::of(file, "facts.users"));
  const std::size_t n = facts.users_.size();
  SARTOR_ASSIGN(facts.recent_, Array<float>::of(file, "facts.recent", n));
  SARTOR_ASSIGN(facts.unit_, Array<float>::of(file, "facts.unit", n));
  SARTOR_ASSIGN(facts.long_, Array<float>::of(file, "facts.long", n));
  SARTOR_ASSIGN(facts.ever_, Array<float>::of(file, "facts.ever", n));
  SARTOR_ASSIGN(facts.age_, Array<float>::of(file, "facts.age", n));
  SARTOR_ASSIGN(facts.last_, Array<float>::of(file, "facts.last", n));
  SARTOR_ASSIGN(facts.repeat_share_, Array<float>::of(file, "facts.repeat_share", n));
  SARTOR_ASSIGN(facts.category_, Array<std::uint32_t>::of(file, "facts.category"));
  if (!facts.category_.empty() && facts.category_.size() != n)
    return Error{ErrorCode::bad_data, "facts.category: expected one code per item"};
  return facts;
}

std::vector<std::string> rerank_feature_names(std::span<const std::string> components,
                                              bool has_categories) {
  std::vector<std::string> names(components.begin(), components.end());
  names.insert(names.end(), {"blend", "blend_rank"});
  names.insert(names.end(), std::begin(kFactNames), std::end(kFactNames));
  if (has_categories) names.emplace_back(kCategoryName);
  return names;
}

void FeatureWriter::begin(const Query& query) {
  own_.clear();
  categories_.clear();
  baskets_ = 0;
  interactions_ = 0;
  user_first_ = user_last_ = kLongAgo;
  const Ages ages(query);
  Time moment = kUntimed;
  for (const Interaction& row : query.history) {
    if (row.item.index() >= facts_.items()) continue;
    const double age = ages.of(row) / facts_.unit_days_;
    if (interactions_ == 0) user_first_ = age;
    user_last_ = age;
    if (interactions_ == 0 || row.time != moment) ++baskets_;
    moment = row.time;
    ++interactions_;
    own_.push_back({row.item.value, 1, age, age});
    if (facts_.has_categories() && facts_.category_[row.item.index()] != kNoCategory)
      categories_.emplace_back(facts_.category_[row.item.index()], 1.0f);
  }
  const auto by_item = [](const Own& a, const Own& b) { return a.item < b.item; };
  std::stable_sort(own_.begin(), own_.end(), by_item);
  std::size_t n = 0;
  for (std::size_t r = 0; r < own_.size(); ++r) {
    if (n > 0 && own_[n - 1].item == own_[r].item) {
      own_[n - 1].count += 1;
      own_[n - 1].last = own_[r].last;
    } else {
      own_[n++] = own_[r];
    }
  }
  own_.resize(n);
  std::sort(categories_.begin(), categories_.end());
  n = 0;
  for (std::size_t r = 0; r < categories_.size(); ++r) {
    if (n > 0 && categories_[n - 1].first == categories_[r].first) {
      categories_[n - 1].second += 1;
    } else {
      categories_[n++] = categories_[r];
    }
  }
  categories_.resize(n);
  for (auto& [code, share] : categories_) share /= interactions_;
}

void FeatureWriter::add(ItemId item, std::vector<float>& out) const {
  const std::size_t i = item.index();
  const auto found =
      std::lower_bound(own_.begin(), own_.end(), item.value,
                       [](const Own& row, std::uint32_t wanted) { return row.item < wanted; });
  Own own{item.value, 0, kLongAgo, kLongAgo};
  if (found != own_.end() && found->item == item.value) own = *found;
  // -1: taken less than twice, so that there is no gap.
  const double gap = own.count > 1 ? (own.first - own.last) / (own.count - 1.0) : -1;
  const double due = gap > 0 ? std::min<double>(kLongAgo, own.last / gap) : -1;
  const float recent = facts_.recent_[i];
  const float unit = facts_.unit_[i];
  const float longer = facts_.long_[i];
  for (const double value : {double{own.count},
                             own.last,
                             own.first,
                             gap,
                             due,
                             baskets_ > 0 ? double{own.count / baskets_} : 0.0,
                             double{recent},
                             double{unit},
                             double{longer},
                             double{facts_.ever_[i]},
                             double{recent - unit},
                             double{unit - longer},
                             double{facts_.age_[i]},
                             double{facts_.last_[i]},
                             double{facts_.users_[i]},
                             double{facts_.repeat_share_[i]},
                             double{baskets_},
                             double{interactions_},
                             user_last_,
                             user_first_,
                             static_cast<double>(own_.size())}) {
    out.push_back(static_cast<float>(value));
  }
  if (!facts_.has_categories()) return;
  const auto category =
      std::lower_bound(categories_.begin(), categories_.end(), facts_.category_[i],
                       [](const auto& row, std::uint32_t wanted) { return row.first < wanted; });
  const bool known = category != categories_.end() && category->first == facts_.category_[i];
  out.push_back(known ? category->second : 0.0f);
}

}  // namespace sartor
