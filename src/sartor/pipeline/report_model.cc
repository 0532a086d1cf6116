// The run's JSON as the report sees it, and the few sums that the report does itself.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "sartor/pipeline/report_parts.h"

namespace sartor::report {
namespace {

Comparison read_comparison(const Json& json, const char* chosen) {
  Comparison out;
  out.general = number(json, "general");
  out.chosen = number(json, chosen);
  out.difference = number(json, "difference");
  out.users = number(json, "users");
  if (!out.general || *out.general <= 0) return out;
  const auto relative = [&](std::optional<double> value) {
    return value ? std::optional(*value / *out.general) : std::nullopt;
  };
  out.gain = relative(out.difference);
  out.low = relative(number(json, "low"));
  out.high = relative(number(json, "high"));
  return out;
}

std::vector<Segment::Guard> read_guards(const Json& json) {
  std::vector<Segment::Guard> out;
  if (!json.is_array()) return out;
  for (const Json& guard : json) {
    out.push_back({words(guard, "metric"), number(guard, "margin"),
                   read_comparison(at(guard, "confirm"), "chosen").gain, number(guard, "p"),
                   truth(guard, "passed")});
  }
  return out;
}

Segment read_segment(const Json& json) {
  Segment out;
  out.name = words(json, "name");
  out.users = number(json, "users");
  out.share = number(json, "share");
  out.adaptation = words(json, "adaptation");
  out.family = words(json, "family");
  out.candidate = words(json, "candidate");
  out.adapted = words(json, "decision") == "adapted";
  out.reason = words(json, "reason");
  out.p = number(json, "p");
  out.threshold = number(json, "threshold");
  out.smallest = number(json, "smallest_provable_effect");
  out.shrunk = number(json, "shrunk_gain");
  out.promising = !out.adapted && truth(json, "worth_an_experiment");
  out.guards = read_guards(at(json, "guards"));
  out.confirm = read_comparison(at(json, "confirm"), "chosen");
  out.test = read_comparison(at(json, "test"), "chosen");
  return out;
}

std::vector<const Segment*> those(const std::vector<Segment>& segments, auto&& wanted) {
  std::vector<const Segment*> out;
  for (const Segment& segment : segments) {
    if (wanted(segment)) out.push_back(&segment);
  }
  return out;
}

}  // namespace

std::vector<const Segment*> Report::adapted() const {
  return those(segments, [](const Segment& segment) { return segment.adapted; });
}

std::vector<const Segment*> Report::tested() const {
  return those(segments, [](const Segment& segment) { return segment.p.has_value(); });
}

Report read_report(const Json& summary, const Json& details) {
  Report out{.summary = summary, .details = details};
  out.name = words(details, "name");
  if (out.name.empty()) out.name = words(summary, "name");
  if (out.name.empty()) out.name = "Sartor run";
  out.metric = words(summary, "metric");
  if (out.metric.empty()) out.metric = "the metric";
  out.min_gain = number(details, "gate", "min_gain");
  out.overall_confirm = read_comparison(at(summary, "overall", "confirm"), "served");
  out.overall_test = read_comparison(at(summary, "overall", "test"), "served");
  const Json& segments = at(summary, "segments");
  if (segments.is_array()) {
    for (const Json& segment : segments) out.segments.push_back(read_segment(segment));
  }
  std::stable_sort(out.segments.begin(), out.segments.end(), [](const auto& a, const auto& b) {
    if (a.adapted != b.adapted) return a.adapted;
    return a.users.value_or(0) > b.users.value_or(0);
  });
  return out;
}

std::optional<double> pooled_gain(const Report& report) {
  double difference = 0;
  double general = 0;
  for (const Segment* segment : report.tested()) {
    const Comparison& c = segment->confirm;
    if (!c.users || !c.difference || !c.general) return std::nullopt;
    difference += *c.users * *c.difference;
    general += *c.users * *c.general;
  }
  return general > 0 ? std::optional(difference / general) : std::nullopt;
}

std::optional<double> expected_gain(const Report& report) {
  const auto adapted = report.adapted();
  if (adapted.empty()) return std::nullopt;
  double sum = 0;
  for (const Segment* segment : adapted) {
    if (!segment->share || !segment->shrunk) return std::nullopt;
    sum += *segment->share * *segment->shrunk;
  }
  return sum;
}

std::optional<double> users_needed(const Report& report, const Segment& segment, double target) {
  const auto n = segment.confirm.users;
  if (!n || !segment.smallest || !report.min_gain || target <= *report.min_gain) {
    return std::nullopt;
  }
  const double ratio = (*segment.smallest - *report.min_gain) / (target - *report.min_gain);
  return ratio > 0 ? std::optional(std::ceil(*n * ratio * ratio)) : std::nullopt;
}

Agreement agreement(const Segment& segment) {
  const Comparison& confirm = segment.confirm;
  const Comparison& test = segment.test;
  if (!confirm.difference || !test.gain || !confirm.gain) return Agreement::unknown;
  const double sign = *confirm.gain < 0 ? -1 : 1;
  if (sign * *test.gain < 0) {
    const auto bound = sign > 0 ? test.high : test.low;  // the bound that is nearest to confirm
    if (bound && sign * *bound < 0) return Agreement::contradicts;
    // Where neither window shows anything, a change of sign is noise.
    const auto proved = sign > 0 ? confirm.low : confirm.high;
    const bool noise = !segment.adapted && !(proved && sign * *proved > 0);
    return noise ? Agreement::unknown : Agreement::opposite;
  }
  if (confirm.low && test.high && *test.high < *confirm.low) return Agreement::weaker;
  return Agreement::agrees;
}

const char* agreement_words(Agreement agreement) {
  switch (agreement) {
    case Agreement::weaker:
      return "test is clearly lower";
    case Agreement::opposite:
      return "test points the other way";
    case Agreement::contradicts:
      return "test contradicts confirm";
    default:
      return "";
  }
}

}  // namespace sartor::report
