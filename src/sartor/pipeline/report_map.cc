// The map of the users: one drawing of all, one small drawing per segment, and a table of where
// each segment lies. Segments differ in shape and in colour.
#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "sartor/pipeline/report_parts.h"

namespace sartor::report {
namespace {

constexpr std::size_t kMostPoints = 2000;
constexpr std::size_t kMostPanels = 24;
constexpr double kMapWidth = 640;
constexpr double kMapHeight = 440;
constexpr double kMapMargin = 14;
constexpr int kShapes = 7;
constexpr int kColours = 8;

struct Group {
  std::string name;
  std::vector<std::array<double, 2>> points;
};

struct Map {
  std::vector<Group> groups;
  std::size_t n_points = 0;
  double low[2] = {1e300, 1e300};
  double high[2] = {-1e300, -1e300};

  double x(double value) const {
    return kMapMargin +
           (value - low[0]) / std::max(high[0] - low[0], 1e-12) * (kMapWidth - 2 * kMapMargin);
  }
  double y(double value) const {
    return kMapHeight - kMapMargin -
           (value - low[1]) / std::max(high[1] - low[1], 1e-12) * (kMapHeight - 2 * kMapMargin);
  }
};

Map read_map(const Json& points) {
  Map map;
  for (const Json& point : points) {
    const auto x = number(point, "x");
    const auto y = number(point, "y");
    if (!x || !y || std::abs(*x) > 1e150 || std::abs(*y) > 1e150) continue;
    if (map.n_points++ == kMostPoints) break;
    const std::string segment = words(point, "segment");
    auto group = std::find_if(map.groups.begin(), map.groups.end(),
                              [&](const Group& g) { return g.name == segment; });
    if (group == map.groups.end()) group = map.groups.insert(group, Group{segment, {}});
    group->points.push_back({*x, *y});
    const double values[2] = {*x, *y};
    for (int axis = 0; axis < 2; ++axis) {
      map.low[axis] = std::min(map.low[axis], values[axis]);
      map.high[axis] = std::max(map.high[axis], values[axis]);
    }
  }
  std::stable_sort(map.groups.begin(), map.groups.end(), [](const Group& a, const Group& b) {
    return a.points.size() > b.points.size();
  });
  return map;
}

Markup drawing(const char* css, const std::string& id, std::string_view title,
               std::string_view description, const Markup& body) {
  return html(
      "<svg class=\"{}\" role=\"img\" aria-labelledby=\"{}-t {}-d\" viewBox=\"0 0 {} {}\">"
      "<title id=\"{}-t\">{}</title><desc id=\"{}-d\">{}</desc>{}</svg>\n",
      css, id, id, kMapWidth, kMapHeight, id, title, id, description, body);
}

Markup all_users(const Report& report, const Map& map) {
  Markup body;
  for (const Group& group : map.groups) {
    const Look look = look_of(report, group.name);
    std::string path;
    for (const auto& [x, y] : group.points) {
      path += mark_path(look.shape, map.x(x), map.y(y), 3.4);
    }
    body += html("<path class=\"point c{}\" d=\"{}\"/>\n", look.colour, Markup::trusted(path));
  }
  body = html("<g id=\"map-all\">\n{}</g>", body);
  return drawing("map", "map", "Map of the users",
                 "Each mark is a user; users with similar behaviour lie close together. The table "
                 "below says where each segment lies.",
                 body);
}

Markup legend(const Report& report, const Map& map) {
  Markup out;
  for (std::size_t i = 0; i < std::min(map.groups.size(), kMostPanels); ++i) {
    const std::string& name = map.groups[i].name;
    out += html("<li>{}{}</li>", swatch(look_of(report, name)), shorten(name, 40));
  }
  if (map.groups.size() > kMostPanels) {
    out += html("<li>… and {} more</li>", map.groups.size() - kMostPanels);
  }
  return html("<ul class=\"legend\">{}</ul>\n", out);
}

// Each segment in colour over all the others in grey; the marks are those of the large map.
Markup panels(const Report& report, const Map& map) {
  const std::size_t n_groups = std::min(map.groups.size(), kMostPanels);
  if (n_groups < 2) return {};
  Markup out;
  for (std::size_t g = 0; g < n_groups; ++g) {
    const Group& group = map.groups[g];
    const Look look = look_of(report, group.name);
    std::string path;
    for (const auto& [x, y] : group.points) path += mark_path(look.shape, map.x(x), map.y(y), 5.5);
    const Markup drawn =
        html("<g class=\"others\"><use href=\"#map-all\"/></g><path class=\"point c{}\" d=\"{}\"/>",
             look.colour, Markup::trusted(path));
    const std::string title = "Where " + shorten(group.name, 60) + " lies on the map";
    out += html("<figure><figcaption>{}{} <span class=\"soft\">{}</span></figcaption>{}</figure>\n",
                swatch(look), shorten(group.name, 40),
                counted(static_cast<double>(group.points.size()), "point"),
                drawing("map", fmt::format("map-panel-{}", g), title,
                        "Its users over all the others; the table below has its centre and spread.",
                        drawn));
  }
  return html("<div class=\"panels\">\n{}</div>\n", out);
}

Markup places(const Map& map) {
  Table table("Where each segment lies on the map: mean and standard deviation of its points");
  table.column("Segment", Table::Kind::text).column("Points");
  table.column("Across").column("Spread").column("Up").column("Spread");
  for (const Group& group : map.groups) {
    const double n = static_cast<double>(group.points.size());
    std::vector<Markup> cells = {text(group.name), text(count(n))};
    for (std::size_t axis = 0; axis < 2; ++axis) {
      double sum = 0;
      for (const auto& point : group.points) sum += point[axis];
      double squares = 0;
      for (const auto& point : group.points)
        squares += (point[axis] - sum / n) * (point[axis] - sum / n);
      cells.push_back(text(significant(sum / n)));
      cells.push_back(text(significant(std::sqrt(squares / n))));
    }
    table.row(std::move(cells));
  }
  return table.done();
}

Markup explained(const Report& report) {
  const Json& shares = at(report.details, "map", "explained");
  if (!shares.is_array() || shares.size() < 2 || !number(shares[0]) || !number(shares[1]))
    return {};
  return html(" Across and up keep {} and {} of the variation between users.",
              percent(number(shares[0])), percent(number(shares[1])));
}

}  // namespace

Look look_of(const Report& report, std::string_view segment) {
  const auto found = std::find_if(report.segments.begin(), report.segments.end(),
                                  [&](const Segment& s) { return s.name == segment; });
  const int place = static_cast<int>(found - report.segments.begin());
  return {place % kColours, place % kShapes};
}

std::string mark_path(int shape, double x, double y, double r) {
  switch (shape) {
    case 0:
      return fmt::format("M{:.1f} {:.1f}a{:.1f} {:.1f} 0 1 0 {:.1f} 0a{:.1f} {:.1f} 0 1 0 {:.1f} 0",
                         x - r, y, r, r, 2 * r, r, r, -2 * r);
    case 1:
      return fmt::format("M{:.1f} {:.1f}h{:.1f}v{:.1f}h{:.1f}z", x - 0.9 * r, y - 0.9 * r, 1.8 * r,
                         1.8 * r, -1.8 * r);
    case 2:
      return fmt::format("M{:.1f} {:.1f}l{:.1f} {:.1f}h{:.1f}z", x, y - 1.2 * r, 1.2 * r, 2.1 * r,
                         -2.4 * r);
    case 3:
      return fmt::format("M{:.1f} {:.1f}l{:.1f} {:.1f} {:.1f} {:.1f} {:.1f} {:.1f}z", x,
                         y - 1.3 * r, 1.3 * r, 1.3 * r, -1.3 * r, 1.3 * r, -1.3 * r, -1.3 * r);
    case 4:
      return fmt::format("M{:.1f} {:.1f}l{:.1f} {:.1f}h{:.1f}z", x, y + 1.2 * r, 1.2 * r, -2.1 * r,
                         -2.4 * r);
    case 5: {  // an upright cross
      const double a = 0.4 * r;
      const double b = r;
      return fmt::format(
          "M{:.1f} {:.1f}h{:.1f}v{:.1f}h{:.1f}v{:.1f}h{:.1f}v{:.1f}h{:.1f}v{:.1f}h{:.1f}"
          "v{:.1f}h{:.1f}z",
          x - a, y - a - b, 2 * a, b, b, 2 * a, -b, b, -2 * a, -b, -b, -2 * a, b);
    }
    default: {  // a slanted cross, of two thin diamonds
      const double b = 1.1 * r;
      const double a = 0.4 * r;
      return fmt::format(
          "M{:.1f} {:.1f}l{:.1f} {:.1f} {:.1f} {:.1f} {:.1f} {:.1f}zm{:.1f} 0l{:.1f} "
          "{:.1f} {:.1f} {:.1f} {:.1f} {:.1f}z",
          x - b, y - b, b + a, b - a, b - a, b + a, -(b + a), -(b - a), 2 * b, -(b - a), b + a,
          -(b + a), b - a, b - a, -(b + a));
    }
  }
}

Markup swatch(Look look) {
  return html(
      "<svg class=\"swatch\" aria-hidden=\"true\" width=\"14\" height=\"14\" viewBox=\"0 0 14 14\">"
      "<path class=\"c{}\" d=\"{}\"/></svg>",
      look.colour, Markup::trusted(mark_path(look.shape, 7, 7, 4.6)));
}

Markup user_map(const Report& report) {
  const Json& points = at(report.details, "map", "points");
  if (!points.is_array() || points.empty()) return {};
  const Map map = read_map(points);
  if (map.groups.empty()) return {};
  return html(
      "<h3>A map of the users</h3>\n<figure class=\"users\">\n{}{}<figcaption>Each mark is one "
      "user of "
      "a sample. Close together means alike in behaviour.{} The axes have no unit.</figcaption>\n"
      "</figure>\n{}{}",
      legend(report, map), all_users(report, map), explained(report), panels(report, map),
      folded("The map in numbers", places(map)));
}

}  // namespace sartor::report
