#include "sartor/data/ingest_report.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sartor/base/files.h"
#include "sartor/base/text.h"

namespace sartor {
namespace {

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted.append(c == '"' ? 2 : 1, c);
  return quoted + "\"";
}

// One list of the plain members, for both directions.
template <class Report, class Visit>
void visit_counts(Report& report, Visit&& visit) {
  visit("quarantined", report.quarantined);
  visit("removed", report.removed);
  visit("changed", report.changed);
  visit("missing", report.missing);
  visit("users", report.users);
  visit("items", report.items);
  visit("events", report.events);
  visit("positives", report.positives);
  visit("untimed", report.untimed);
  visit("bot_users", report.bot_users);
  visit("items_left_out", report.items_left_out);
  visit("first", report.first);
  visit("last", report.last);
}

}  // namespace

void IngestReport::add(QuarantineEntry entry) {
  if (quarantine.size() < kMostEntries) quarantine.push_back(std::move(entry));
}

Json to_json(const IngestReport& report) {
  Json json;
  for (const FileReport& file : report.files) {
    json["files"].push_back({{"block", file.block},
                             {"file", file.file},
                             {"rows", file.rows},
                             {"bad", file.bad},
                             {"not_kept", file.not_kept},
                             {"kept", file.kept}});
  }
  visit_counts(report, [&](const char* key, const auto& value) { json[key] = value; });
  json["quarantine"] = Json::array();
  for (const QuarantineEntry& entry : report.quarantine) {
    json["quarantine"].push_back(
        {entry.source, entry.line, entry.column, entry.value, entry.reason});
  }
  return json;
}

Result<IngestReport> ingest_report_from_json(const Json& json) {
  IngestReport report;
  try {
    for (const Json& file : json.at("files")) {
      report.files.push_back({file.at("block"), file.at("file"), file.at("rows"), file.at("bad"),
                              file.at("not_kept"), file.at("kept")});
    }
    visit_counts(report, [&](const char* key, auto& value) { json.at(key).get_to(value); });
    for (const Json& entry : json.at("quarantine")) {
      report.quarantine.push_back(
          {entry.at(0), entry.at(1), entry.at(2), entry.at(3), entry.at(4)});
    }
  } catch (const Json::exception& error) {
    return Error{ErrorCode::bad_data, fmt::format("ingest report: {}", error.what())};
  }
  return report;
}

Status write_quarantine(const IngestReport& report, const std::string& path) {
  std::string text = "source,line,column,value,reason\n";
  for (const QuarantineEntry& entry : report.quarantine) {
    text += fmt::format("{},{},{},{},{}\n", csv_field(entry.source), entry.line,
                        csv_field(entry.column), csv_field(entry.value), csv_field(entry.reason));
  }
  if (report.quarantine.size() == IngestReport::kMostEntries) {
    text += fmt::format(",,,,only the first {} entries of {} bad rows are listed\n",
                        with_thousands(IngestReport::kMostEntries),
                        with_thousands(static_cast<long long>(report.quarantined)));
  }
  return write_file(path, text);
}

}  // namespace sartor
