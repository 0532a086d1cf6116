#include "sartor/http/runs_api.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sartor/http/problem.h"

namespace sartor {
namespace {

// The member at the end of `path`, null where a step of it is missing.
Json at_path(const Json& json, std::initializer_list<const char*> path) {
  const Json* here = &json;
  for (const char* name : path) {
    if (!here->is_object() || !here->contains(name)) return nullptr;
    here = &(*here)[name];
  }
  return *here;
}

Json last_part(const std::string& path) {
  return path.empty() ? Json() : Json(path.substr(path.rfind('/') + 1));
}

HttpResponse list_runs(const State& state, const Call& call) {
  const auto runs = state.runs(static_cast<std::size_t>(call.numbers.at("limit")));
  if (!runs) return problem_of(runs.error());
  Json list = Json::array();
  for (const RunRecord& run : *runs) list.push_back(run_json(run));
  return {200, "application/json", json_text({{"runs", list}}), {}};
}

}  // namespace

Json run_json(const RunRecord& run) {
  Json json{{"run", run.id},
            {"status", run.status},
            {"started", format_time(run.started)},
            {"finished", run.finished ? Json(format_time(*run.finished)) : Json()},
            {"version", last_part(run.bundle)}};
  const Json summary = run.summary.empty() ? Json() : parse_json(run.summary);
  json["seconds"] = at_path(summary, {"seconds"});
  json["metric"] = at_path(summary, {"metric"});
  for (const char* name : {"general", "served", "difference", "low", "high"}) {
    json[name] = at_path(summary, {"overall", "test", name});
  }
  const Json segments = at_path(summary, {"segments"});
  json["segments"] = segments.is_array() ? Json(segments.size()) : Json();
  json["adapted"] = nullptr;
  if (segments.is_array()) {
    json["adapted"] = std::count_if(segments.begin(), segments.end(), [](const Json& segment) {
      return at_path(segment, {"decision"}) == Json("adapted");
    });
  }
  return json;
}

void add_runs(std::vector<Route>& routes, std::shared_ptr<const State> state) {
  routes.push_back({.method = "GET",
                    .pattern = kRunsPath,
                    .summary = "The workspace's runs, the latest first, and what each found",
                    .parameters = {{.name = "limit",
                                    .help = "how many at most",
                                    .type = ParameterType::whole,
                                    .low = 1,
                                    .high = 1000,
                                    .otherwise = 20}},
                    .response = "Runs",
                    .scope = "recommend",
                    .handler = [state](const Call& call) {
                      if (state == nullptr) return problem("unavailable", "no workspace is served");
                      return list_runs(*state, call);
                    }});
}

}  // namespace sartor
