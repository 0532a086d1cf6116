// Segment by segment: what was found, what was decided and why, and what could have been proved.
#include <nlohmann/json.hpp>

#include "sartor/base/text.h"
#include "sartor/pipeline/report_parts.h"

namespace sartor::report {
namespace {

Markup gain_cell(const Comparison& c) {
  if (!c.gain) return text("–");
  Markup out = html("<b>{}</b>", gain(c.gain));
  if (c.low && c.high) out += html("<br><span class=\"soft\">{}</span>", interval(c.low, c.high));
  return out;
}

std::string threshold_words(std::optional<double> threshold) {
  return threshold && *threshold == 0 ? "none passed" : probability(threshold);
}

// The guards' own numbers, else what the reason gives away.
Markup guard_cell(const Segment& segment) {
  if (segment.p && !segment.guards.empty()) {
    Markup out;
    for (const Segment::Guard& guard : segment.guards) {
      if (!out.empty()) out += html("<br>");
      out += html("{} {}<br><span class=\"soft\">{} {}<br>p {}</span>", guard.passed ? "✓" : "✗",
                  guard.passed ? "held" : "not shown", guard.metric, gain(guard.gain),
                  probability(guard.p));
    }
    return out;
  }
  if (segment.reason == "proved") return text("✓ held");
  if (segment.reason == "guard_failed") return text("✗ not shown");
  return text("–");
}

Markup decisions_table(const Report& report) {
  Table table("Decisions on confirm, and what the test window says");
  table.column("Segment", Table::Kind::text).column("Decision", Table::Kind::text);
  table.column("Users").column("Gain on confirm").column("Gain on test").column("Shrunk gain");
  table.column("p").column("Threshold").column("Guards", Table::Kind::text);
  for (const Segment& s : report.segments) {
    Markup test = gain_cell(s.test);
    const Agreement verdict = agreement(s);
    if (*agreement_words(verdict) != '\0') {
      test += html("<br><span class=\"flag\">⚑ {}</span>", agreement_words(verdict));
    }
    table.row({text(s.name), badge(s), text(count(s.confirm.users)), gain_cell(s.confirm), test,
               text(gain(s.shrunk)), text(s.p ? probability(s.p) : "not tested"),
               text(threshold_words(s.threshold)), guard_cell(s)});
  }
  return table.done();
}

Markup reasons(const Report& report) {
  Table table("Why each segment got its decision");
  table.column("Segment", Table::Kind::text).column("What serves it", Table::Kind::text);
  table.column("Why", Table::Kind::text);
  for (const Segment& s : report.segments) {
    Markup what = text(s.adapted ? adaptation_words(s.adaptation) : "general model");
    const std::string& label = s.candidate.empty() ? s.family : s.candidate;
    if (s.adapted && !label.empty()) what += html("<br><span class=\"soft\">{}</span>", label);
    table.row({text(s.name), what, prose(reason_words(s.reason))});
  }
  return table.done();
}

Markup power(const Report& report) {
  Table table("What each segment could have proved (four times in five)");
  table.column("Segment", Table::Kind::text).column("Users on confirm");
  table.column("Smallest provable gain");
  if (report.min_gain) table.column("Users to prove +2%").column("Users to prove +5%");
  for (const Segment& s : report.segments) {
    if (!s.smallest && !s.confirm.users) continue;
    std::vector<Markup> cells = {text(s.name), text(count(s.confirm.users)),
                                 text(gain(s.smallest))};
    if (report.min_gain) {
      cells.push_back(text(count(users_needed(report, s, 0.02))));
      cells.push_back(text(count(users_needed(report, s, 0.05))));
    }
    table.row(std::move(cells));
  }
  return table.done();
}

Markup relative(const Json& comparison) {
  if (!number(comparison, "gain")) return text("–");
  return html("<b>{}</b><br><span class=\"soft\">{}</span>", gain(number(comparison, "gain")),
              interval(number(comparison, "gain_low"), number(comparison, "gain_high")));
}

// What tailoring adds to the linear blend, and to the best general model.
Markup tailoring_table(const Report& report) {
  const Json& given = at(report.summary, "tailoring");
  if (!given.is_array() || given.empty()) return {};
  Table table("What tailoring is worth over one model for everybody, all users together");
  table.column("Over", Table::Kind::text).column("Served", Table::Kind::text);
  table.column("Confirm").column("Test").column("Random segments, confirm");
  for (const Json& one : given) {
    const std::string over =
        words(one, "over") == "linear_blend" ? "the linear blend" : "the best general model";
    const Json& control = at(one, "negative_control");
    const Markup random =
        number(control, "pooled_gain")
            ? html("{}<br><span class=\"soft\">{}</span>", gain(number(control, "pooled_gain")),
                   interval(number(control, "low"), number(control, "high")))
            : text("–");
    table.row({text(over), text("every segment’s best on validate, proved or not"),
               relative(at(one, "confirm", "ungated")), relative(at(one, "test", "ungated")),
               random});
    table.row({text(over), text("what the gate lets pass"), relative(at(one, "confirm", "gated")),
               relative(at(one, "test", "gated")), text("")});
  }
  return table.done();
}

Markup introduction(const Report& report) {
  const std::string name = words(report.summary, "segmentation", "name");
  if (name.empty()) return {};
  const std::string kind = words(report.summary, "segmentation", "kind");
  const std::string version = words(report.summary, "segmentation", "version");
  Markup out = html("<p>The segmentation is <strong>{}</strong>", name);
  if (!kind.empty()) out += html(" ({})", kind);
  if (!version.empty()) out += html(", version {}", version);
  out += html(
      ", with {}. A segment leaves the general model only if its users on confirm prove a "
      "gain",
      counted(static_cast<double>(report.segments.size()), "segment"));
  if (report.min_gain) out += html(" of more than {}", percent(report.min_gain));
  return out + html(". Confirm decides; the later test window only tells whether it lasted.</p>\n");
}

}  // namespace

Markup badge(const Segment& segment) {
  return segment.adapted ? html("<span class=\"badge yes\">✓ adapted</span>")
                         : html("<span class=\"badge no\">○ general</span>");
}

Markup segments_section(const Report& report) {
  if (report.segments.empty()) return {};
  return section("segments", "Segment by segment",
                 introduction(report) + forest_plot(report) + decisions_table(report) +
                     reasons(report) + power(report) + tailoring_table(report));
}

}  // namespace sartor::report
