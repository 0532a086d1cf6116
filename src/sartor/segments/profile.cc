#include "sartor/segments/profile.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "sartor/base/random.h"
#include "sartor/base/text.h"

namespace sartor {
namespace {

constexpr std::size_t kContrasts = 6;
constexpr std::size_t kInSentence = 3;
constexpr double kWorthSaying = 0.25;  // standard deviations

bool is_vector(const Column& column) { return column.name.starts_with("embedding."); }

// Sums of one segment.
struct Sums {
  std::size_t n = 0;
  double sum = 0;
  double squares = 0;
  void add(double x) {
    ++n;
    sum += x;
    squares += x * x;
  }
  double mean() const { return n > 0 ? sum / static_cast<double>(n) : 0; }
  double sd() const {
    return n > 0 ? std::sqrt(std::max(0.0, squares / static_cast<double>(n) - mean() * mean())) : 0;
  }
};

// One contrast per segment, of a value per row (NaN: none).
template <class Value>
void contrast_all(const Column& column, const std::string& word,
                  std::span<const std::uint32_t> assigned, std::size_t segments, Value&& value,
                  std::vector<std::vector<Contrast>>& out) {
  Sums all;
  std::vector<Sums> by_segment(segments);
  for (std::size_t row = 0; row < assigned.size(); ++row) {
    const double x = value(row);
    if (std::isnan(x)) continue;
    all.add(x);
    by_segment[assigned[row]].add(x);
  }
  if (all.sd() <= 0) return;
  for (std::size_t s = 0; s < segments; ++s) {
    if (by_segment[s].n == 0) continue;
    const double mean = by_segment[s].mean();
    out[s].push_back({column.name, word, mean, all.mean(), (mean - all.mean()) / all.sd()});
  }
}

std::string number_text(double x) {
  if (std::abs(x) >= 1000) return with_thousands(std::llround(x));
  return fmt::format("{:.3g}", x);
}

std::string contrast_text(const Contrast& c) {
  if (!c.word.empty()) {
    return fmt::format("{} is {} for {:.0f} % against {:.0f} % of all", c.feature, c.word,
                       100 * c.segment, 100 * c.all);
  }
  return fmt::format("{} {} against {} on average", c.feature, number_text(c.segment),
                     number_text(c.all));
}

void finish(SegmentProfile& profile) {
  std::stable_sort(
      profile.contrasts.begin(), profile.contrasts.end(),
      [](const Contrast& a, const Contrast& b) { return std::abs(a.z) > std::abs(b.z); });
  if (profile.contrasts.size() > kContrasts) profile.contrasts.resize(kContrasts);
  std::vector<std::string> parts;
  for (const Contrast& contrast : profile.contrasts) {
    if (parts.size() < kInSentence && std::abs(contrast.z) >= kWorthSaying)
      parts.push_back(contrast_text(contrast));
  }
  profile.sentence =
      fmt::format("{}: {} users ({:.1f} %)", profile.segment,
                  with_thousands(static_cast<long long>(profile.users)), 100 * profile.share);
  profile.sentence += profile.users == 0 ? "."
                      : parts.empty()    ? "; much like everybody."
                                         : "; " + join(parts, "; ") + ".";
}

// Power iteration for the first eigenvector of X'X.
std::vector<double> first_component(const std::vector<std::vector<double>>& points,
                                    std::size_t columns, double& eigenvalue) {
  Random random(7);
  std::vector<double> v(columns);
  for (double& x : v) x = random.normal();
  for (int i = 0; i < 60; ++i) {
    std::vector<double> next(columns);
    for (const auto& point : points) {
      double dot = 0;
      for (std::size_t d = 0; d < columns; ++d) dot += point[d] * v[d];
      for (std::size_t d = 0; d < columns; ++d) next[d] += dot * point[d];
    }
    double norm = 0;
    for (const double x : next) norm += x * x;
    norm = std::sqrt(norm);
    if (norm <= 0) break;
    for (std::size_t d = 0; d < columns; ++d) v[d] = next[d] / norm;
    eigenvalue = norm;
  }
  const auto largest = std::max_element(
      v.begin(), v.end(), [](double a, double b) { return std::abs(a) < std::abs(b); });
  if (largest != v.end() && *largest < 0) {
    for (double& x : v) x = -x;
  }
  return v;
}

// Standardised number columns of some rows; missing values at the mean.
std::vector<std::vector<double>> standardised(const Table& features,
                                              const std::vector<std::uint32_t>& rows,
                                              std::size_t& columns) {
  std::vector<std::vector<double>> points(rows.size());
  columns = 0;
  for (const Column& column : features.columns) {
    if (column.is_text) continue;
    Sums sums;
    for (const std::uint32_t row : rows) {
      if (!std::isnan(column.numbers[row])) sums.add(column.numbers[row]);
    }
    if (sums.sd() <= 0) continue;
    for (std::size_t r = 0; r < rows.size(); ++r) {
      const double x = column.numbers[rows[r]];
      points[r].push_back(std::isnan(x) ? 0 : std::clamp((x - sums.mean()) / sums.sd(), -4.0, 4.0));
    }
    ++columns;
  }
  return points;
}

}  // namespace

std::vector<SegmentProfile> segment_profiles(const Table& features,
                                             std::span<const std::uint32_t> assigned,
                                             const std::vector<std::string>& names) {
  std::vector<std::vector<Contrast>> contrasts(names.size());
  for (const Column& column : features.columns) {
    if (is_vector(column)) continue;
    if (!column.is_text) {
      contrast_all(
          column, "", assigned, names.size(), [&](std::size_t row) { return column.numbers[row]; },
          contrasts);
      continue;
    }
    if (column.words.size() > 200) continue;  // ids, not categories
    for (std::uint32_t w = 0; w < column.words.size(); ++w) {
      contrast_all(
          column, column.words[w], assigned, names.size(),
          [&](std::size_t row) {
            return column.codes[row] == Column::kMissing ? std::nan("")
                   : column.codes[row] == w              ? 1.0
                                                         : 0.0;
          },
          contrasts);
    }
  }
  std::vector<SegmentProfile> profiles;
  for (std::size_t s = 0; s < names.size(); ++s) {
    SegmentProfile profile{.segment = names[s], .contrasts = std::move(contrasts[s])};
    profile.users = static_cast<std::size_t>(
        std::count(assigned.begin(), assigned.end(), static_cast<std::uint32_t>(s)));
    profile.share = assigned.empty()
                        ? 0
                        : static_cast<double>(profile.users) / static_cast<double>(assigned.size());
    finish(profile);
    profiles.push_back(std::move(profile));
  }
  return profiles;
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
    json.push_back({{"segment", profile.segment},
                    {"users", profile.users},
                    {"share", profile.share},
                    {"sentence", profile.sentence},
                    {"contrasts", contrasts}});
  }
  return json;
}

UserMap map_users(const Table& features, std::span<const std::uint32_t> rows, std::size_t most) {
  UserMap map;
  const std::size_t n = std::min(most, rows.size());
  for (std::size_t i = 0; i < n; ++i) map.row.push_back(rows[i * rows.size() / n]);
  std::size_t columns = 0;
  auto points = standardised(features, map.row, columns);
  map.x.assign(n, 0);
  map.y.assign(n, 0);
  if (columns == 0 || n == 0) return map;
  const double total = static_cast<double>(n * columns);
  for (int axis = 0; axis < 2; ++axis) {
    double eigenvalue = 0;
    const auto v = first_component(points, columns, eigenvalue);
    map.explained[axis] = eigenvalue / total;
    for (std::size_t r = 0; r < n; ++r) {
      double dot = 0;
      for (std::size_t d = 0; d < columns; ++d) dot += points[r][d] * v[d];
      (axis == 0 ? map.x : map.y)[r] = dot;
      for (std::size_t d = 0; d < columns; ++d) points[r][d] -= dot * v[d];
    }
  }
  return map;
}

}  // namespace sartor
