// `sartor check`: what can be told without fitting a recommender.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "sartor/base/fields_json.h"
#include "sartor/data/ingest.h"
#include "sartor/pipeline/run.h"
#include "sartor/pipeline/segment_step.h"
#include "sartor/pipeline/served_events.h"
#include "sartor/pipeline/versions.h"

namespace sartor {
namespace {

std::string percent(double share) { return fmt::format("{:.1f} %", 100 * share); }

std::string data_text(const IngestReport& report) {
  std::string text;
  for (const FileReport& file : report.files) {
    text += fmt::format("{} {}: {} rows, {} kept, {} not kept, {} bad\n", file.block, file.file,
                        with_thousands(static_cast<long long>(file.rows)),
                        with_thousands(static_cast<long long>(file.kept)),
                        with_thousands(static_cast<long long>(file.not_kept)), file.bad);
  }
  for (const auto& [reason, n] : report.removed)
    text += fmt::format("cleaning would remove {} events: {}\n",
                        with_thousands(static_cast<long long>(n)), reason);
  for (const auto& [what, n] : report.changed)
    text += fmt::format("cleaning would change {} events: {}\n",
                        with_thousands(static_cast<long long>(n)), what);
  for (const auto& [column, n] : report.missing)
    text += fmt::format("missing values in {}: {}\n", column,
                        with_thousands(static_cast<long long>(n)));
  text += fmt::format("{} events ({} positives) of {} users and {} items, {} to {}\n",
                      with_thousands(static_cast<long long>(report.events)),
                      with_thousands(static_cast<long long>(report.positives)),
                      with_thousands(static_cast<long long>(report.users)),
                      with_thousands(static_cast<long long>(report.items)),
                      format_time(report.first), format_time(report.last));
  return text;
}

// What each segment of one segmentation could prove; spread unknown as nothing was fitted.
void plan_text(const FittedSegmentation& fitted, const Project& project, const Config& config,
               std::string& text, Json& json) {
  const OriginView& confirm = project.at(Origin::confirm);
  const auto by_segment = fitted.partition.at(Origin::confirm).cases_by_segment(confirm.cases);
  text += fmt::format(
      "\nsegmentation {}: users in confirm, and the smallest gain that could be proved\n",
      fitted.partition.name);
  std::size_t tested = 0;
  for (const auto& cases : by_segment)
    tested += cases.size() >= static_cast<std::size_t>(config.gate.min_users);
  for (std::size_t s = 0; s < by_segment.size(); ++s) {
    const std::size_t users = by_segment[s].size();
    const bool enough = users >= static_cast<std::size_t>(config.gate.min_users);
    const SegmentPlan plan =
        plan_segment(config.gate, 1, users, std::max<std::size_t>(1, tested), kUnknown, {});
    text +=
        fmt::format("  {:<24} {:>7}  {}\n", fitted.partition.segments[s], users,
                    enough ? fmt::format("{} (if others are promoted too: {})", percent(plan.worst),
                                         percent(plan.best))
                           : fmt::format("too few: gate.min_users is {}", config.gate.min_users));
    json.push_back({{"segmentation", fitted.partition.name},
                    {"segment", fitted.partition.segments[s]},
                    {"users", users},
                    {"smallest_provable_effect", enough ? Json(plan.worst) : Json(nullptr)}});
  }
  for (const std::string& warning : fitted.warnings) text += "  warning: " + warning + "\n";
}

}  // namespace

Result<CheckOutcome> check_pipeline(const RunRequest& request, const Resources& resources) {
  Config config = request.config;
  SARTOR_TRY(add_served_events(request.workspace, config, resources));
  IngestReport report;
  auto ingested =
      ingest({config.events, config.users, config.items, config.signal, config.data, config.clean},
             request.workspace, resources, report);
  if (!ingested) {
    Error failed = ingested.error();
    if (report.quarantined > 0) {
      const std::string path = request.workspace + "/quarantine.csv";
      SARTOR_TRY(write_quarantine(report, path));
      failed.message += "\nevery bad row is in " + path;
    }
    return failed;
  }
  CheckOutcome outcome{.text = data_text(report)};
  SARTOR_ASSIGN(const auto project, Project::make(std::move(*ingested), config));
  Json split = Json::object();
  for (const Origin origin : {Origin::validate, Origin::confirm, Origin::test}) {
    const OriginView& view = project->at(origin);
    const char* name = kOriginNames[static_cast<std::size_t>(origin)];
    outcome.text +=
        fmt::format("{:<8} {} to {}: {} users with targets, {} targets left out as new items\n",
                    name, format_time(view.window.from), format_time(view.window.until),
                    view.fold.size(), view.cases.left_out_targets);
    split[name] = {{"from", format_time(view.window.from)},
                   {"until", format_time(view.window.until)},
                   {"users", view.fold.size()}};
  }
  SARTOR_ASSIGN(SegmentStep step, segment_users(*project, config, resources));
  const auto old = read_old_version(request.workspace + "/bundles");
  for (FittedSegmentation& fitted : step.segmentations) {
    if (old && *old) SARTOR_TRY(continue_version(**old, project->data().users, fitted));
  }
  Json segments = Json::array();
  for (const FittedSegmentation& fitted : step.segmentations)
    plan_text(fitted, *project, config, outcome.text, segments);
  outcome.json =
      json_text(Json{{"data", to_json(report)}, {"split", split}, {"segments", segments}});
  return outcome;
}

}  // namespace sartor
