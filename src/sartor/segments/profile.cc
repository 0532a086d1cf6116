#include "sartor/segments/profile.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "sartor/base/text.h"
#include "sartor/segments/profile_words.h"

namespace sartor {
namespace {

constexpr std::size_t kContrasts = 6;
constexpr std::size_t kInSentence = 3;
constexpr double kWorthSaying = 0.25;   // standard deviations
constexpr double kFewest = 0.1;         // share of a segment that must have a value
constexpr std::size_t kMostWords = 50;  // of a text feature, the most frequent

bool is_vector(const Column& column) { return column.name.starts_with("embedding."); }

// Whom the profiles are about, and who is where.
struct Groups {
  std::span<const std::uint32_t> rows;
  std::span<const std::uint32_t> assigned;  // of every row of the table
  std::vector<std::size_t> sizes;           // of each segment
};

struct Mean {
  std::size_t n = 0;
  double sum = 0;
  void add(double x) {
    ++n;
    sum += x;
  }
  double value() const { return n > 0 ? sum / static_cast<double>(n) : 0; }
};

// One contrast per segment of `value(row)` (NaN: none). A segment in which few have a value has no
// contrast: their mean would not speak for it.
template <class Value>
void contrast_all(const Column& column, const std::string& word, const Groups& groups,
                  const Value& value, std::vector<std::vector<Contrast>>& out) {
  Mean all;
  std::vector<Mean> by_segment(out.size());
  for (const std::uint32_t row : groups.rows) {
    const double x = value(row);
    if (std::isnan(x)) continue;
    all.add(x);
    by_segment[groups.assigned[row]].add(x);
  }
  Mean squares;
  for (const std::uint32_t row : groups.rows) {
    const double d = value(row) - all.value();
    if (!std::isnan(d)) squares.add(d * d);
  }
  const double sd = std::sqrt(squares.value());
  if (!(sd > 0) || !std::isfinite(sd)) return;
  for (std::size_t s = 0; s < out.size(); ++s) {
    const double known = static_cast<double>(by_segment[s].n);
    if (known == 0 || known < kFewest * static_cast<double>(groups.sizes[s])) continue;
    const double mean = by_segment[s].value();
    out[s].push_back({column.name, word, mean, all.value(), (mean - all.value()) / sd});
  }
}

void contrast_words(const Column& column, const Groups& groups,
                    std::vector<std::vector<Contrast>>& out) {
  std::vector<std::size_t> counts(column.words.size());
  for (const std::uint32_t row : groups.rows) {
    if (column.codes[row] < counts.size()) ++counts[column.codes[row]];
  }
  std::vector<std::uint32_t> order(counts.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return counts[a] > counts[b]; });
  if (order.size() > kMostWords) order.resize(kMostWords);
  for (const std::uint32_t word : order) {
    contrast_all(
        column, column.words[word], groups,
        [&](std::uint32_t row) {
          if (column.codes[row] == Column::kMissing) return std::nan("");
          return column.codes[row] == word ? 1.0 : 0.0;
        },
        out);
  }
}

void add_numbers(const Column& column, const Groups& groups,
                 std::vector<SegmentProfile>& profiles) {
  std::vector<Mean> means(profiles.size());
  for (const std::uint32_t row : groups.rows) {
    if (!std::isnan(column.numbers[row])) means[groups.assigned[row]].add(column.numbers[row]);
  }
  for (std::size_t s = 0; s < profiles.size(); ++s) {
    if (means[s].n == 0) continue;
    profiles[s].features.push_back(
        {column.name, "", means[s].value(),
         static_cast<double>(means[s].n) / static_cast<double>(groups.sizes[s])});
  }
}

void add_words(const Column& column, const Groups& groups, std::vector<SegmentProfile>& profiles) {
  std::vector<std::vector<std::size_t>> counts(profiles.size());
  for (const std::uint32_t row : groups.rows) {
    auto& of_segment = counts[groups.assigned[row]];
    if (column.codes[row] >= column.words.size()) continue;
    of_segment.resize(column.words.size());
    ++of_segment[column.codes[row]];
  }
  for (std::size_t s = 0; s < profiles.size(); ++s) {
    if (counts[s].empty()) continue;
    const auto most = std::max_element(counts[s].begin(), counts[s].end());
    const auto known =
        static_cast<double>(std::accumulate(counts[s].begin(), counts[s].end(), std::size_t{0}));
    profiles[s].features.push_back(
        {column.name, column.words[static_cast<std::size_t>(most - counts[s].begin())],
         static_cast<double>(*most) / known, known / static_cast<double>(groups.sizes[s])});
  }
}

// "loyal: 412 users (9.6%); …": the strongest contrast of each of the three strongest topics.
std::string sentence_of(const SegmentProfile& profile) {
  const std::string head = fmt::format("{}: {} user{} ({:.1f}%)", profile.segment,
                                       with_thousands(static_cast<long long>(profile.users)),
                                       profile.users == 1 ? "" : "s", 100 * profile.share);
  if (profile.users == 0) return head;
  std::vector<std::string> parts;
  std::vector<std::string_view> topics;
  for (const Contrast& contrast : profile.contrasts) {
    const std::string_view topic = topic_of(contrast);
    const bool said = std::find(topics.begin(), topics.end(), topic) != topics.end();
    if (said || std::abs(contrast.z) < kWorthSaying) continue;
    if (parts.size() == kInSentence) break;
    topics.push_back(topic);
    parts.push_back(in_words(contrast));
  }
  if (parts.empty()) return head + std::string(kLikeEverybody);
  return head + "; " + join(parts, "; ");
}

void finish(SegmentProfile& profile) {
  std::stable_sort(
      profile.contrasts.begin(), profile.contrasts.end(),
      [](const Contrast& a, const Contrast& b) { return std::abs(a.z) > std::abs(b.z); });
  profile.sentence = sentence_of(profile);
  if (profile.contrasts.size() > kContrasts) profile.contrasts.resize(kContrasts);
}

}  // namespace

std::vector<SegmentProfile> segment_profiles(const Table& features,
                                             std::span<const std::uint32_t> rows,
                                             std::span<const std::uint32_t> assigned,
                                             const std::vector<std::string>& names) {
  Groups groups{rows, assigned, std::vector<std::size_t>(names.size())};
  for (const std::uint32_t row : rows) ++groups.sizes[assigned[row]];
  std::vector<std::vector<Contrast>> contrasts(names.size());
  for (const Column& column : features.columns) {
    if (is_vector(column)) continue;
    if (column.is_text) {
      contrast_words(column, groups, contrasts);
    } else {
      contrast_all(
          column, "", groups, [&](std::uint32_t row) { return column.numbers[row]; }, contrasts);
    }
  }
  std::vector<SegmentProfile> profiles;
  const auto n = static_cast<double>(std::max<std::size_t>(1, rows.size()));
  for (std::size_t s = 0; s < names.size(); ++s) {
    profiles.push_back({.segment = names[s],
                        .users = groups.sizes[s],
                        .share = static_cast<double>(groups.sizes[s]) / n,
                        .contrasts = std::move(contrasts[s])});
    finish(profiles.back());
  }
  for (const Column& column : features.columns) {
    if (is_vector(column)) continue;
    column.is_text ? add_words(column, groups, profiles) : add_numbers(column, groups, profiles);
  }
  return profiles;
}

std::vector<SegmentProfile> segment_profiles(const Table& features,
                                             std::span<const std::uint32_t> assigned,
                                             const std::vector<std::string>& names) {
  std::vector<std::uint32_t> rows(assigned.size());
  std::iota(rows.begin(), rows.end(), 0u);
  return segment_profiles(features, rows, assigned, names);
}

Json profiles_json(const std::vector<SegmentProfile>& profiles) {
  Json json = Json::array();
  for (const SegmentProfile& profile : profiles) {
    Json contrasts = Json::array();
    for (const Contrast& c : profile.contrasts) {
      contrasts.push_back({{"feature", c.word.empty() ? c.feature : c.feature + " = " + c.word},
                           {"segment", c.segment},
                           {"all", c.all},
                           {"z", c.z}});
    }
    Json features = Json::array();
    for (const SegmentFeature& one : profile.features) {
      features.push_back({{"feature", one.feature},
                          {"word", one.word.empty() ? Json() : Json(one.word)},
                          {"value", one.value},
                          {"known", one.known}});
    }
    json.push_back({{"segment", profile.segment},
                    {"users", profile.users},
                    {"share", profile.share},
                    {"sentence", profile.sentence},
                    {"features", features},
                    {"contrasts", contrasts}});
  }
  return json;
}

}  // namespace sartor
