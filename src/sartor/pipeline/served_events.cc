#include "sartor/pipeline/served_events.h"

#include <fmt/core.h>

#include <filesystem>

#include "sartor/data/duckdb.h"
#include "sartor/live/event_store.h"

namespace sartor {
namespace {

constexpr const char* kPlace = "cache/served-events.parquet";

EventSource block_of(const EventExport& made) {
  EventSource source{.files = {kPlace},
                     .user = "\"user\"",
                     .item = "item",
                     .time = "\"time\"",
                     .type = "\"type\"",
                     .value = "value",
                     .dwell_seconds = "dwell_seconds",
                     .group = "\"group\""};
  for (const std::string& key : made.context_keys) {
    source.context[key] = sql_name("context." + key);
  }
  return source;
}

}  // namespace

Result<std::uint64_t> add_served_events(const std::string& workspace, Config& config,
                                        const Resources& resources) {
  const std::string folder = workspace + "/" + kEventFolder;
  std::error_code error;
  if (!config.data.served_events || !std::filesystem::exists(folder, error)) return 1;
  std::filesystem::create_directories(workspace + "/cache", error);
  if (error) {
    return Error{ErrorCode::io,
                 fmt::format("{}/cache: cannot make the folder: {}", workspace, error.message())};
  }
  SARTOR_ASSIGN(const EventExport made,
                export_events(folder, workspace + "/" + kPlace, workspace + "/cache", resources));
  if (made.next > first_event(folder)) config.events.push_back(block_of(made));
  return made.next;
}

}  // namespace sartor
