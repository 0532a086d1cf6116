// The forest plot: per segment, its gain on confirm and on test with intervals, against nothing,
// against the smallest gain that counts and against the smallest that it could have proved.
#include <algorithm>
#include <cmath>

#include "sartor/pipeline/report_parts.h"

namespace sartor::report {
namespace {

constexpr std::size_t kMostSegments = 40;

// Two drawings of the same: beside each other where there is room, else below each other. CSS shows
// one of them. Lengths are CSS pixels.
struct Layout {
  const char* id;
  bool narrow;
  double width;
  double left;  // of the plot
  double right;
  double top;
  double row;
};
constexpr Layout kWide{"forest-wide", false, 936, 210, 640, 44, 58};
constexpr Layout kNarrow{"forest-narrow", true, 328, 20, 308, 112, 116};

struct Axis {
  double low;
  double high;
  double step;
};

double nice_step(double span) {
  const double rough = span / 5;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough) return factor * power;
  }
  return 10 * power;
}

// Wide enough for all intervals, except that a few very wide ones are cut (and drawn with arrows).
Axis axis_of(const Report& report) {
  std::vector<double> ends;
  double needed = 0.02;
  for (const Segment& s : report.segments) {
    for (const auto& end : {s.confirm.low, s.confirm.high, s.test.low, s.test.high, s.smallest}) {
      if (end) ends.push_back(*end);
    }
    if (s.adapted) {
      needed = std::max({needed, std::abs(s.confirm.low.value_or(0)), s.confirm.high.value_or(0)});
    }
  }
  std::vector<double> sizes;
  for (const double end : ends) sizes.push_back(std::abs(end));
  std::sort(sizes.begin(), sizes.end());
  const double typical = sizes.empty() ? 0 : sizes[sizes.size() * 3 / 4];
  const double most = std::max(needed, 1.6 * typical);
  double low = -0.01;
  double high = std::max(0.02, 2 * report.min_gain.value_or(0));
  for (const double end : ends) {
    low = std::min(low, std::max(end, -most));
    high = std::max(high, std::min(end, most));
  }
  const double step = nice_step(high - low);
  return {std::floor(low / step) * step, std::ceil(high / step) * step, step};
}

class Forest {
 public:
  Forest(const Report& report, const Layout& layout)
      : report_(report), layout_(layout), axis_(axis_of(report)) {
    n_rows_ = std::min(report.segments.size(), kMostSegments);
    bottom_ = layout.top + layout.row * static_cast<double>(n_rows_);
  }

  Markup draw() {
    legend();
    grid();
    for (std::size_t i = 0; i < n_rows_; ++i) {
      row(report_.segments[i], layout_.top + layout_.row * static_cast<double>(i));
    }
    const double height = bottom_ + 46;
    return html(
        "<svg class=\"{}\" role=\"img\" aria-labelledby=\"{}-t {}-d\" viewBox=\"0 0 {} {}\" "
        "width=\"{}\" height=\"{}\"><title id=\"{}-t\">Gain of each segment over the general model"
        "</title><desc id=\"{}-d\">For each segment the relative gain in {} on confirm and on "
        "test, "
        "with 95% intervals. The same numbers are in the table of decisions "
        "below.</desc>\n{}</svg>\n",
        layout_.narrow ? "narrow-only" : "wide-only", layout_.id, layout_.id, layout_.width, height,
        layout_.width, height, layout_.id, layout_.id, report_.metric, body_);
  }

 private:
  double x(double gain) const {
    const double share = (gain - axis_.low) / (axis_.high - axis_.low);
    return layout_.left + std::clamp(share, 0.0, 1.0) * (layout_.right - layout_.left);
  }

  void line(double x1, double y1, double x2, double y2, const char* css) {
    body_ += html("<path class=\"{}\" d=\"M{:.1f} {:.1f}L{:.1f} {:.1f}\"/>", css, x1, y1, x2, y2);
  }
  void label(double at, double y, const char* css, const Markup& what) {
    body_ += html("<text x=\"{:.1f}\" y=\"{:.1f}\" class=\"{}\">{}</text>\n", at, y, css, what);
  }
  void mark(const char* css, double at, double y) {
    const std::string_view kind = css;
    if (kind == "confirm") {
      body_ += html("<path class=\"mark-confirm\" d=\"{}\"/>", mark_path(1, at, y, 5));
    } else if (kind == "test") {
      body_ += html("<circle class=\"mark-test\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\"/>", at, y);
    } else {
      body_ += html("<path class=\"mark-smallest\" d=\"{}\"/>", mark_path(2, at, y, 4.5));
    }
  }

  void key(const char* kind, const char* words, double at, double y) {
    if (std::string_view(kind) != "smallest") line(at, y, at + 26, y, kind);
    mark(kind, at + 13, y);
    label(at + 34, y + 4, "tick start", text(words));
  }

  void legend() {
    const bool narrow = layout_.narrow;
    key("confirm", "confirm, which decides", narrow ? 4 : 0, narrow ? 12 : 14);
    key("test", "test, only reported", narrow ? 4 : 200, narrow ? 34 : 14);
    key("smallest", "smallest gain it could have proved", narrow ? 4 : 370, narrow ? 56 : 14);
    if (!report_.min_gain) return;
    const double at = narrow ? 4 : 640;
    const double y = narrow ? 78 : 14;
    line(at + 13, y - 8, at + 13, y + 8, "counts");
    label(at + 34, y + 4, "tick start",
          text("smallest gain that counts, " + percent(report_.min_gain)));
  }

  void grid() {
    const int n_steps = static_cast<int>(std::lround((axis_.high - axis_.low) / axis_.step));
    for (int i = 0; i <= n_steps; ++i) {
      const double value = axis_.low + i * axis_.step;
      const bool zero = std::abs(value) < axis_.step / 100;
      upright(x(value), zero ? "zero" : "hair");
      label(x(value), bottom_ + 17, "tick middle", text(tick(zero ? 0.0 : value)));
    }
    if (report_.min_gain) upright(x(*report_.min_gain), "counts");
    label((layout_.left + layout_.right) / 2, bottom_ + 38, "tick middle",
          html("gain in {} over general", shorten(report_.metric, 20)));
  }

  // As many decimals as the step asks for.
  std::string tick(double value) const {
    if (value == 0) return "0";
    std::string out = gain(value);
    const std::size_t decimals = out.find(".0%");
    const bool whole = std::abs(axis_.step * 100 - std::round(axis_.step * 100)) < 1e-9;
    return whole && decimals != std::string::npos ? out.erase(decimals, 2) : out;
  }

  // Through all rows; where text stands below the drawing, only beside the drawing.
  void upright(double at, const char* css) {
    if (!layout_.narrow) return line(at, layout_.top - 8, at, bottom_, css);
    for (std::size_t i = 0; i < n_rows_; ++i) {
      const double y = layout_.top + layout_.row * static_cast<double>(i);
      line(at, y + 36, at, y + 74, css);
    }
  }

  // An interval with its estimate; an end outside the axis becomes an arrow.
  void comparison(const Comparison& c, double y, const char* css) {
    if (!c.gain) return;
    if (c.low && c.high) {
      line(x(*c.low), y, x(*c.high), y, css);
      if (*c.low < axis_.low) arrow(layout_.left, y, -1, css);
      if (*c.high > axis_.high) arrow(layout_.right, y, 1, css);
    }
    if (*c.gain >= axis_.low && *c.gain <= axis_.high) mark(css, x(*c.gain), y);
  }
  void arrow(double at, double y, int way, const char* css) {
    body_ += html("<path class=\"{}\" d=\"M{:.1f} {:.1f}l{} 4m{} -4l{} -4\"/>", css, at, y,
                  -5 * way, 5 * way, -5 * way);
  }

  void numbers(const char* window, const Comparison& c, double at, double y) {
    label(at, y, "number start", text(window));
    label(at + 104, y, "strong end", text(gain(c.gain)));
    if (c.low && c.high) label(at + 113, y, "number start", text(interval(c.low, c.high)));
  }

  void row(const Segment& s, double y) {
    const bool narrow = layout_.narrow;
    line(0, y - 8, layout_.width, y - 8, "hair");
    const double left = narrow ? 4 : 0;
    label(left, y + 12, "name start", text(shorten(s.name, narrow ? 26 : 25)));
    const std::string users = counted(s.confirm.users ? s.confirm.users : s.users, "user");
    const std::string decision = s.adapted ? "✓ adapted" : "○ general";
    if (narrow) {
      label(324, y + 12, s.adapted ? "yes end" : "no end", text(decision));
      label(left, y + 29, "number start", text(users));
    } else {
      label(left, y + 30, s.adapted ? "yes start" : "no start", text(decision + " · " + users));
    }
    const double plot = narrow ? y + 46 : y + 10;
    comparison(s.confirm, plot, "confirm");
    comparison(s.test, plot + 18, "test");
    if (s.smallest && *s.smallest <= axis_.high) mark("smallest", x(*s.smallest), plot + 9);
    const double at = narrow ? 4 : 664;
    numbers("confirm", s.confirm, at, narrow ? y + 86 : y + 14);
    numbers("test", s.test, at, narrow ? y + 102 : y + 31);
    const std::string flag = agreement_words(agreement(s));
    if (flag.empty()) return;
    if (narrow) {
      label(324, y + 29, "flag end", text("⚑ " + flag));
    } else {
      label(at, y + 46, "flag start", text("⚑ " + flag));
    }
  }

  const Report& report_;
  const Layout& layout_;
  Axis axis_;
  std::size_t n_rows_ = 0;
  double bottom_ = 0;
  Markup body_;
};

}  // namespace

Markup forest_plot(const Report& report) {
  const bool any = std::any_of(report.segments.begin(), report.segments.end(),
                               [](const Segment& s) { return s.confirm.gain || s.test.gain; });
  if (!any) return {};
  Markup more;
  if (report.segments.size() > kMostSegments) {
    more = html(" The largest {} segments are drawn; the table has more.", kMostSegments);
  }
  return html(
      "<figure class=\"forest\">\n{}{}<figcaption>Gain of each segment’s chosen recommender over "
      "the "
      "general model, per held-out user. An arrow means that an interval goes on.{}</figcaption>\n"
      "</figure>\n",
      Forest(report, kWide).draw(), Forest(report, kNarrow).draw(), more);
}

}  // namespace sartor::report
