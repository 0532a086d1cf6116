// What the run found, in one or two sentences that are honest either way; the figures beside it,
// the negative control and the warnings.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "sartor/pipeline/report_parts.h"

namespace sartor::report {
namespace {

// "a, b and c", of long lists the first five and how many more.
Markup named(const std::vector<const Segment*>& segments) {
  std::vector<Markup> names;
  for (const Segment* segment : segments) {
    names.push_back(html("<strong>{}</strong>", shorten(segment->name, 40)));
  }
  if (names.size() > 6) {
    const std::size_t more = names.size() - 5;
    names.resize(5);
    names.push_back(html("{} more", more));
  }
  Markup out;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) out += text(i + 1 == names.size() ? " and " : ", ");
    out += names[i];
  }
  return out;
}

std::string headline(const Report& report) {
  const std::size_t all = report.segments.size();
  const std::size_t adapted = report.adapted().size();
  if (all == 0) return "One general model for everybody";
  if (adapted == 0) return "Kept general: no segment proved that it needs a recommender of its own";
  if (adapted == all && all > 1) {
    return fmt::format("All {} segments are better off with a recommender of their own", all);
  }
  return fmt::format("{} of {} segments {} better off with a recommender of {} own", adapted, all,
                     adapted == 1 ? "is" : "are", adapted == 1 ? "its" : "their");
}

Markup with_interval(const Comparison& c) {
  Markup out = html("<strong>{}</strong>", gain(c.gain));
  if (c.low && c.high) out += html(" (95% interval {})", interval(c.low, c.high));
  return out;
}

Markup adapted_lead(const Report& report) {
  const auto adapted = report.adapted();
  Markup out = html("Proved on held-out users: {}. ", named(adapted));
  const Comparison& confirm = report.overall_confirm;
  if (confirm.gain) {
    out += html("Over all {}, whatever their segment, {} rose from {} to {}: {}. ",
                counted(confirm.users, "user"), report.metric, significant(confirm.general),
                significant(confirm.chosen), with_interval(confirm));
  }
  const Comparison& test = report.overall_test;
  if (test.gain) {
    out +=
        html("In the later test window, which decided nothing, it was {}. ", with_interval(test));
    if (confirm.gain && *test.gain * *confirm.gain < 0) {
      out += html(
          "<strong>That contradicts the confirm window</strong>: look at the segments below "
          "before trusting the gain. ");
    }
  }
  return out;
}

// Whether its users and their lists were enough to say something.
bool could_be_tested(const Segment& segment) {
  constexpr const char* kTooThin[] = {"too_few_users", "too_few_differences", "identical",
                                      "no_variation"};
  return std::find(std::begin(kTooThin), std::end(kTooThin), segment.reason) == std::end(kTooThin);
}

// Of the segments that could be tested the one for which the least could have been proved, nullptr
// if none says.
const Segment* sharpest(const Report& report) {
  const Segment* best = nullptr;
  for (const Segment& segment : report.segments) {
    if (segment.smallest && could_be_tested(segment) &&
        (!best || *segment.smallest < *best->smallest))
      best = &segment;
  }
  return best;
}

Markup data_needed(const Report& report, const Segment& segment) {
  for (const double target : {0.02, 0.05}) {
    const auto needed = users_needed(report, segment, target);
    if (!needed || *needed <= segment.confirm.users.value_or(0)) continue;
    return html("To prove a gain of {} it would need about {} instead of {}. ", gain(target),
                counted(needed, "held-out user"), count(segment.confirm.users));
  }
  return {};
}

Markup general_lead(const Report& report) {
  if (report.segments.empty()) {
    return html("No segmentation was judged in this run, so there was nothing to prove.");
  }
  Markup out;
  if (report.min_gain) {
    out += html(
        "No segment’s own recommender was shown to be more than {} better than the general "
        "one on held-out users, so every user is served by the general model. ",
        percent(report.min_gain));
  } else {
    out += html(
        "No segment’s own recommender was shown to be better than the general one on "
        "held-out users, so every user is served by the general model. ");
  }
  if (const Segment* best = sharpest(report)) {
    out += html(
        "The smallest gain that could have been seen is <strong>{}</strong>, in the segment "
        "<strong>{}</strong> ({}); smaller ones may exist. ",
        gain(best->smallest), shorten(best->name, 40),
        counted(best->confirm.users, "held-out user"));
    out += data_needed(report, *best);
  }
  return out;
}

Markup figure(std::string_view name, std::string_view value, const Markup& note) {
  return html("<div><dt>{}</dt><dd><b>{}</b><span>{}</span></dd></div>\n", name, value, note);
}

Markup users_note(const Comparison& c) {
  Markup out;
  if (c.low && c.high) out += html("{}<br>", interval(c.low, c.high));
  if (c.users) out += html("{}", counted(c.users, "user"));
  return out;
}

// How many random segments there were; 0 or nothing means too few users for a control.
std::optional<double> control_segments_of(const Json& control) {
  const auto segments = number(control, "segments");
  return segments ? segments : number(control, "tested");
}

Markup control_figure(const Report& report) {
  const Json& control = at(report.summary, "negative_control");
  if (!control.is_object()) return {};
  const auto segments = control_segments_of(control);
  if (segments.value_or(0) < 1) {
    return figure("Negative control", "–", text("too few users for one"));
  }
  Markup note =
      html("random segments promoted<br>pooled gain {}", gain(number(control, "pooled_gain")));
  return figure("Negative control",
                fmt::format("{} of {}", count(number(control, "promoted")), count(segments)), note);
}

Markup figures(const Report& report) {
  Markup out;
  const bool adapted = !report.adapted().empty();
  const Json& test = at(report.summary, "general", "metrics", "test");
  if (const auto value = number(test, report.metric)) {
    const auto users = number(report.details, "split", "test", "users");
    Markup note = html("{} on test", report.metric);
    if (users) note += html("<br>{}", counted(users, "user"));
    out += figure("General model", significant(value), note);
  }
  if (adapted && report.overall_confirm.gain) {
    out += figure("Gain on confirm", gain(report.overall_confirm.gain),
                  users_note(report.overall_confirm));
  }
  if (adapted && report.overall_test.gain) {
    out += figure("Gain on test", gain(report.overall_test.gain), users_note(report.overall_test));
  }
  if (const auto expected = expected_gain(report)) {
    out += figure("Expected live gain", gain(expected), text("over all users, after shrinkage"));
  }
  if (!adapted && !report.segments.empty()) {
    out += figure("Segments tested",
                  fmt::format("{} of {}", report.tested().size(), report.segments.size()),
                  text("none proved"));
    if (const Segment* best = sharpest(report)) {
      out += figure("Smallest provable gain", gain(best->smallest),
                    text("in " + shorten(best->name, 30)));
    }
  }
  out += control_figure(report);
  return out.empty() ? out : html("<dl class=\"figures\">\n{}</dl>\n", out);
}

Markup control_words(const Report& report) {
  const Json& control = at(report.summary, "negative_control");
  const auto segments = control_segments_of(control);
  if (segments.value_or(0) < 1) {
    return control.is_object() ? html(
                                     "<p><strong>Negative control:</strong> too few users for "
                                     "random segments of the "
                                     "size that the gate asks for. What the segmentation itself "
                                     "adds is unknown.</p>\n")
                               : Markup();
  }
  const auto pooled = number(control, "pooled_gain");
  const auto real = pooled_gain(report);
  const auto promoted = number(control, "promoted");
  const auto tested = number(control, "tested");
  Markup out = html("<p><strong>Negative control:</strong> of {}, {} {} tested and {} promoted",
                    counted(segments, "random segment"), count(tested),
                    tested.value_or(0) == 1 ? "was" : "were", count(promoted));
  if (pooled) {
    out += html("; the pooled gain of the tested is {} ({})", gain(pooled),
                interval(number(control, "low"), number(control, "high")));
  }
  out += html(".");
  if (pooled && real) {
    out +=
        html(" The real segments’ pooled gain is {}, which leaves {} to the segmentation itself.",
             gain(real), points(*real - *pooled));
  }
  return out + html("</p>\n");
}

Markup notice(const char* kind, const char* label, const Markup& body) {
  return html("<li class=\"{}\"><strong>{}</strong> {}</li>\n", kind, label, body);
}

bool is_note(const std::string& code) {
  return code == "control_promoted" || code == "looks" || code == "segmentation" ||
         code == "model_note" || code == "guard_hopeless";
}

// One warning of each code, with all the segments that it names.
Markup given_warnings(const Json& given) {
  std::vector<std::pair<std::string, Markup>> by_code;
  std::size_t shown = 0;
  for (const Json& warning : given) {
    if (++shown > 30) break;
    const std::string code = words(warning, "code");
    const std::string segment = words(warning, "segment");
    const std::string detail = words(warning, "detail");
    Markup one;
    if (!segment.empty()) one += html("<strong>{}</strong>", segment);
    if (!detail.empty()) one += html("{}{}", segment.empty() ? "" : ": ", prose(detail));
    auto same = std::find_if(by_code.begin(), by_code.end(),
                             [&](const auto& entry) { return entry.first == code; });
    if (same == by_code.end()) {
      by_code.emplace_back(code, one);
    } else {
      same->second += html("; {}", one);
    }
  }
  Markup out;
  for (const auto& [code, where] : by_code) {
    Markup body = prose(warning_words(code));
    if (body.empty()) {
      body = where;
    } else if (!where.empty()) {
      body += html(" <span class=\"soft\">({})</span>", where);
    }
    const bool mild = is_note(code);
    out += notice(mild ? "note" : "warning", mild ? "Note." : "Warning.", body);
  }
  return out;
}

Markup warnings(const Report& report) {
  Markup out;
  const Json& given = at(report.summary, "warnings");
  if (given.is_array()) out += given_warnings(given);
  for (const Segment* segment : report.adapted()) {
    const Agreement verdict = agreement(*segment);
    if (verdict != Agreement::opposite && verdict != Agreement::contradicts) continue;
    out += notice("warning", "Contradiction.",
                  html("<strong>{}</strong>: {} on confirm, {} on test ({}).", segment->name,
                       gain(segment->confirm.gain), gain(segment->test.gain),
                       interval(segment->test.low, segment->test.high)));
  }
  std::vector<const Segment*> promising;
  for (const Segment& segment : report.segments) {
    if (segment.promising) promising.push_back(&segment);
  }
  if (!promising.empty()) {
    out += notice("note", "Note.",
                  html("Not proved, but worth a live experiment: {}.", named(promising)));
  }
  return out.empty() ? out : html("<ul class=\"notices\">\n{}</ul>\n", out);
}

}  // namespace

Markup verdict_section(const Report& report) {
  const Markup lead = report.adapted().empty() ? general_lead(report) : adapted_lead(report);
  return html(
      "<section id=\"verdict\" aria-labelledby=\"verdict-h\">\n<h1 id=\"verdict-h\">{}</h1>\n"
      "<p class=\"lead\">{}</p>\n{}{}{}</section>\n\n",
      headline(report), lead, figures(report), warnings(report), control_words(report));
}

}  // namespace sartor::report
