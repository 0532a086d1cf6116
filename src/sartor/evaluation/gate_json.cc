// The gate's result as JSON, its log, and the replay of the log.
#include <fmt/core.h>

#include "sartor/base/checksum.h"
#include "sartor/base/fields_json.h"
#include "sartor/evaluation/gate.h"

namespace sartor {
namespace {

constexpr int kFormat = 1;

Json guard_json(const GuardVerdict& guard) {
  Json json = comparison_json(guard.comparison);
  json["margin"] = guard.margin;
  json["p"] = guard.p;
  json["low_gate"] = guard.low;
  json["passed"] = guard.passed;
  return json;
}

Json segment_json(const SegmentVerdict& verdict) {
  Json json = {{"name", verdict.name},
               {"users", verdict.primary.users},
               {"share", verdict.share},
               {"decision", verdict.adapted ? "adapted" : "general"},
               {"reason", verdict.reason},
               {"tested", verdict.tested},
               {"p", verdict.p},
               {"p_primary", verdict.p_primary},
               {"p_guards", verdict.p_guards},
               {"threshold", verdict.threshold},
               {"low_gate", verdict.low_gate},
               {"n_informative", verdict.primary.informative},
               {"n_effective", verdict.primary.effective},
               {"smallest_provable_effect", verdict.smallest_provable_effect},
               {"smallest_provable_effect_best", verdict.smallest_provable_effect_best},
               {"guard_n_needed", verdict.guard_n_needed},
               {"guard_hopeless", verdict.guard_hopeless},
               {"shrunk_gain", verdict.shrunk_gain},
               {"shrunk", verdict.shrunk},
               {"passes_q20", verdict.passes_q20},
               {"unstable_z", verdict.unstable_z},
               {"unstable", verdict.unstable},
               {"confirm", comparison_json(verdict.primary)},
               {"guards", Json::object()}};
  for (const GuardVerdict& guard : verdict.guards) json["guards"][guard.metric] = guard_json(guard);
  return json;
}

// The same numbers under the name that fits them: what is served need not be the chosen.
Json served_json(const ArmComparison& comparison) {
  Json json = Json::object();
  const Json arms = comparison_json(comparison);
  for (const auto& [key, value] : arms.items()) json[key == "chosen" ? "served" : key] = value;
  return json;
}

Json warnings_json(const std::vector<GateWarning>& warnings) {
  Json json = Json::array();
  for (const GateWarning& warning : warnings) {
    json.push_back({{"code", warning.code},
                    {"segment", warning.segment.empty() ? Json(nullptr) : Json(warning.segment)},
                    {"detail", warning.detail}});
  }
  return json;
}

// Everything but the segments.
Json totals_json(const GateResult& result) {
  return {{"metric", result.metric},
          {"looks", result.looks},
          {"control", result.control},
          {"q", result.q},
          {"tested", result.tested},
          {"rejected", result.rejected},
          {"promoted", result.promoted},
          {"threshold", result.threshold},
          {"expected_live_gain", result.expected_live_gain},
          {"pooled", comparison_json(result.pooled)},
          {"pooled_p", result.pooled_p},
          {"overall", served_json(result.overall)},
          {"warnings", warnings_json(result.warnings)}};
}

std::string fingerprint_of(std::span<const double> values) {
  return Fingerprint().add_values(values).text();
}

std::string fingerprint_of(std::span<const std::string> users) {
  Fingerprint fingerprint;
  for (const std::string& user : users) fingerprint.add(std::string_view(user));
  return fingerprint.text();
}

Json inputs_json(const GateSegment& segment) {
  Json json = {{"candidate", segment.candidate},
               {"validate", segment.validate ? Json(*segment.validate) : Json(nullptr)},
               {"users", fingerprint_of(segment.users)},
               {"half", Json(nullptr)},
               {"metrics", Json::object()}};
  if (!segment.half.empty()) {
    json["half"] = Fingerprint().add_values(std::span<const std::uint8_t>(segment.half)).text();
  }
  for (const auto& [metric, arms] : segment.metrics) {
    json["metrics"][metric] = {{"general", fingerprint_of(arms.general)},
                               {"chosen", fingerprint_of(arms.chosen)}};
  }
  return json;
}

Json header_json(const GateInput& input, const GateResult& result) {
  Json metrics = Json::array({input.config.metric});
  for (const auto& [metric, margin] : input.config.guards) metrics.push_back(metric);
  Json json = {{"format", kFormat},
               {"config", config_json(input.config)},
               {"metrics", metrics},
               {"fingerprints", config_json(input.fingerprints)}};
  json.update(totals_json(result));
  return json;
}

Error broken(std::size_t line, const std::string& message) {
  return {ErrorCode::bad_data, fmt::format("decisions.jsonl:{}: {}", line, message)};
}

Result<std::vector<Json>> parse_lines(std::string_view log) {
  std::vector<Json> lines;
  while (!log.empty()) {
    const std::size_t end = log.find('\n');
    Json json = parse_json(log.substr(0, end));
    if (!json.is_object()) return broken(lines.size() + 1, "is not an object of JSON");
    lines.push_back(std::move(json));
    log.remove_prefix(end == std::string_view::npos ? log.size() : end + 1);
  }
  if (lines.empty()) return broken(1, "is empty");
  return lines;
}

// Reads json[key] into `out` if it is there and of a fitting kind.
template <class T>
Status read_key(const Json& json, const char* key, T& out, std::size_t line) {
  const auto found = json.find(key);
  if (found == json.end()) return broken(line, fmt::format("'{}' is missing", key));
  const Status status = read_config(node_from_json(*found), out, key);
  return status ? Status{} : Status{broken(line, status.error().message)};
}

Result<GateInput> recorded_input(const Json& header) {
  int format = 0;
  SARTOR_TRY(read_key(header, "format", format, 1));
  if (format != kFormat) {
    return broken(1, fmt::format("format is {}; expected {}", format, kFormat));
  }
  GateInput input;
  SARTOR_TRY(read_key(header, "config", input.config, 1));
  SARTOR_TRY(read_key(header, "looks", input.looks, 1));
  SARTOR_TRY(read_key(header, "control", input.control, 1));
  SARTOR_TRY(read_key(header, "fingerprints", input.fingerprints, 1));
  return input;
}

// What was known about the segment besides its users' values.
Status recall(const std::vector<Json>& lines, GateSegment& segment) {
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const auto name = lines[i].find("name");
    if (name == lines[i].end() || *name != segment.name) continue;
    const auto inputs = lines[i].find("inputs");
    if (inputs == lines[i].end() || !inputs->is_object()) {
      return broken(i + 1, "'inputs' is missing");
    }
    SARTOR_TRY(read_key(*inputs, "candidate", segment.candidate, i + 1));
    SARTOR_TRY(read_key(*inputs, "validate", segment.validate, i + 1));
  }
  return {};
}

// Segments that had no users, at their places: evidence that is kept user by user has none of them.
void add_empty_segments(const std::vector<Json>& lines, std::vector<GateSegment>& segments) {
  const std::string nobody = fingerprint_of(std::vector<std::string>{});
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const std::string name = lines[i].value("name", "");
    if (i - 1 < segments.size() && segments[i - 1].name == name) continue;
    const auto inputs = lines[i].find("inputs");
    if (inputs == lines[i].end() || !inputs->is_object() || !inputs->contains("metrics") ||
        inputs->value("users", Json()) != Json(nobody)) {
      continue;
    }
    GateSegment empty{.name = name};
    for (const auto& [metric, arms] : (*inputs)["metrics"].items()) empty.metrics[metric];
    const auto place = std::min(i - 1, segments.size());
    segments.insert(segments.begin() + static_cast<std::ptrdiff_t>(place), std::move(empty));
  }
}

void list_differences(const Json& recorded, const Json& again, const std::string& where,
                      std::vector<std::string>& out) {
  const Json before = recorded.flatten();
  const Json after = again.flatten();
  for (const auto& [path, value] : before.items()) {
    const auto found = after.find(path);
    const std::string now = found == after.end() ? "nothing" : json_text(*found);
    if (now != json_text(value)) {
      out.push_back(
          fmt::format("{}: {}: recorded {}, now {}", where, path.substr(1), json_text(value), now));
    }
  }
  for (const auto& [path, value] : after.items()) {
    if (before.contains(path)) continue;
    out.push_back(
        fmt::format("{}: {}: recorded nothing, now {}", where, path.substr(1), json_text(value)));
  }
}

// Names come from outside: what is not UTF-8 is replaced, not thrown.
std::string one_line(const Json& json) { return json_text(json) + "\n"; }

std::string line_name(const Json& line, std::size_t i) {
  const auto name = line.find("name");
  return i == 0 || name == line.end() ? "gate" : fmt::format("segment {}", json_text(*name));
}

}  // namespace

Json comparison_json(const ArmComparison& comparison) {
  return {{"general", comparison.general},
          {"chosen", comparison.chosen},
          {"difference", comparison.difference},
          {"low", comparison.low},
          {"high", comparison.high},
          {"users", comparison.users},
          {"gain", comparison.gain},
          {"gain_low", comparison.gain_low},
          {"gain_high", comparison.gain_high},
          {"n_informative", comparison.informative}};
}

Json gate_json(const GateResult& result) {
  Json json = totals_json(result);
  json["segments"] = Json::array();
  for (const SegmentVerdict& verdict : result.segments) {
    json["segments"].push_back(segment_json(verdict));
  }
  return json;
}

Json control_json(const ControlSummary& control) {
  return {{"segments", control.segments},
          {"tested", control.tested},
          {"promoted", control.segments == 0 ? Json(nullptr) : Json(control.promoted)},
          {"pooled_gain", control.pooled_gain},
          {"low", control.low},
          {"high", control.high},
          {"p", control.p},
          {"too_few_users", control.segments == 0}};
}

std::string decisions_jsonl(const GateInput& input, const GateResult& result) {
  std::string log = one_line(header_json(input, result));
  for (std::size_t i = 0; i < input.segments.size(); ++i) {
    Json line = segment_json(result.segments[i]);
    line["inputs"] = inputs_json(input.segments[i]);
    log += one_line(line);
  }
  return log;
}

Result<GateInput> recorded_gate_input(std::string_view log, std::vector<GateSegment> segments) {
  SARTOR_ASSIGN(const auto recorded, parse_lines(log));
  SARTOR_ASSIGN(GateInput input, recorded_input(recorded[0]));
  add_empty_segments(recorded, segments);
  for (GateSegment& segment : segments) SARTOR_TRY(recall(recorded, segment));
  input.segments = std::move(segments);
  return input;
}

Result<std::vector<std::string>> replay_decisions(std::string_view log,
                                                  std::vector<GateSegment> segments) {
  SARTOR_ASSIGN(const auto recorded, parse_lines(log));
  SARTOR_ASSIGN(const GateInput input, recorded_gate_input(log, std::move(segments)));
  SARTOR_ASSIGN(const GateResult result, run_gate(input));
  SARTOR_ASSIGN(const auto again, parse_lines(decisions_jsonl(input, result)));
  std::vector<std::string> differences;
  for (std::size_t i = 0; i < std::max(recorded.size(), again.size()); ++i) {
    if (i >= recorded.size()) {
      differences.push_back(line_name(again[i], i) + ": is not in the log");
    } else if (i >= again.size()) {
      differences.push_back(line_name(recorded[i], i) + ": is in the log only");
    } else {
      list_differences(recorded[i], again[i], line_name(recorded[i], i), differences);
    }
  }
  return differences;
}

}  // namespace sartor
