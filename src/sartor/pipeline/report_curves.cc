// How the search went: per segment, the best value so far against the trial.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "sartor/pipeline/report_parts.h"

namespace sartor::report {
namespace {

constexpr std::size_t kMostCurves = 24;
constexpr std::size_t kMostTrials = 2000;
constexpr double kCurveWidth = 300;
constexpr double kCurveHeight = 96;
constexpr double kTop = 14;
constexpr double kBottom = 74;

struct Curve {
  std::string segment;
  std::vector<std::pair<double, double>> points;  // trial, best so far
};

std::vector<Curve> read_curves(const Json& points) {
  std::vector<Curve> curves;
  for (const Json& point : points) {
    const auto trial = number(point, "trial");
    const auto best = number(point, "best");
    if (!trial || !best) continue;
    const std::string segment = words(point, "segment");
    auto curve = std::find_if(curves.begin(), curves.end(),
                              [&](const Curve& c) { return c.segment == segment; });
    if (curve == curves.end()) {
      if (curves.size() == kMostCurves) continue;
      curve = curves.insert(curve, Curve{segment, {}});
    }
    if (curve->points.size() < kMostTrials) curve->points.emplace_back(*trial, *best);
  }
  for (Curve& curve : curves) std::sort(curve.points.begin(), curve.points.end());
  return curves;
}

Markup draw(const Curve& curve, std::size_t id) {
  const auto& points = curve.points;
  const double first = points.front().first;
  const double last = std::max(points.back().first, first + 1);
  double low = points.front().second;
  double high = low;
  for (const auto& [trial, best] : points) {
    low = std::min(low, best);
    high = std::max(high, best);
  }
  const double span = std::max(high - low, 1e-12);
  const auto x = [&](double trial) {
    return 4 + (trial - first) / (last - first) * (kCurveWidth - 8);
  };
  const auto y = [&](double best) { return kBottom - (best - low) / span * (kBottom - kTop); };
  std::string path = fmt::format("M{:.1f} {:.1f}", x(first), y(points.front().second));
  double level = points.front().second;
  for (const auto& [trial, best] : points) {
    if (best == level) continue;
    path += fmt::format("H{:.1f}V{:.1f}", x(trial), y(best));
    level = best;
  }
  path += fmt::format("H{:.1f}", x(last));
  return html(
      "<svg class=\"curve\" role=\"img\" aria-labelledby=\"curve-{}-t curve-{}-d\" viewBox=\"0 0 "
      "{} {}\" "
      "width=\"{}\" height=\"{}\"><title id=\"curve-{}-t\">Best value so far, {}</title><desc "
      "id=\"curve-{}-d\">From {} at trial {} to {} at trial {}; the table of trials has the "
      "steps.</desc>"
      "<path class=\"hair\" d=\"M0 {}H{}\"/><path class=\"curve-line\" d=\"{}\"/>"
      "<text class=\"tick start\" x=\"4\" y=\"92\">trial {}</text><text class=\"tick end\" "
      "x=\"{}\" "
      "y=\"92\">{}</text></svg>",
      id, id, kCurveWidth, kCurveHeight, kCurveWidth, kCurveHeight, id, shorten(curve.segment, 60),
      id, significant(points.front().second), count(first), significant(points.back().second),
      count(points.back().first), kBottom + 4, kCurveWidth, Markup::trusted(path), count(first),
      kCurveWidth - 4, count(last));
}

Markup steps(const std::vector<Curve>& curves) {
  Table table("Trials that found something better");
  table.column("Segment", Table::Kind::text).column("Trial").column("Best so far");
  for (const Curve& curve : curves) {
    std::optional<double> level;
    for (const auto& [trial, best] : curve.points) {
      if (level && *level == best) continue;
      level = best;
      table.row({text(curve.segment), text(count(trial)), text(significant(best))});
    }
  }
  return table.done();
}

}  // namespace

Markup tuning_curves(const Report& report) {
  const Json& points = at(report.details, "tuning", "curve");
  if (!points.is_array()) return {};
  const auto curves = read_curves(points);
  if (curves.empty()) return {};
  Markup out;
  for (std::size_t i = 0; i < curves.size(); ++i) {
    out +=
        html("<figure><figcaption>{} <span class=\"soft\">{} → {}</span></figcaption>{}</figure>\n",
             shorten(curves[i].segment, 40), significant(curves[i].points.front().second),
             significant(curves[i].points.back().second), draw(curves[i], i));
  }
  return html("<h3>How the search went</h3>\n<div class=\"panels\">\n{}</div>\n{}", out,
              folded("The search in numbers", steps(curves)));
}

}  // namespace sartor::report
