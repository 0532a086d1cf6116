// bench.
#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sartor/models/bench_kernels.h"
#include "sartor/pipeline/bench_clicks.h"
#include "sartor/pipeline/bench_proof.h"
#include "sartor/segments/bench_segments.h"
#include "sartor/tuning/bench_bbob.h"
#include "sartor/tuning/bench_ranking.h"
#include "terminal.h"
#include "verbs.h"

namespace sartor {
namespace {

// `--set key=value` as JSON: a number, true or false where it reads as one, else a text.
Result<Json> settings_of(const std::vector<std::string>& assignments) {
  Json settings = Json::object();
  for (const std::string& assignment : assignments) {
    const std::size_t equals = assignment.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Error{ErrorCode::config, "--set " + assignment + ": expected key=value"};
    }
    const std::string text = assignment.substr(equals + 1);
    const Json value = parse_json(text);
    settings[assignment.substr(0, equals)] =
        value.is_number() || value.is_boolean() ? value : Json(text);
  }
  return settings;
}

// Exit code 1 where the gate does not pass.
int prove_gate(const CommonFlags& flags, const BenchFlags& bench, const Json& settings) {
  stop_on_interrupt();
  TerminalProgress progress(flags.quiet);
  const auto report = bench_proof(bench.inputs, settings, resources_of(flags, &progress));
  if (!report) return fail(report.error());
  fmt::print("{}", flags.json ? json_text(*report) + "\n" : proof_text(*report));
  return (*report)["passed"].get<bool>() ? kDone : kFailed;
}

}  // namespace

std::vector<std::string> workloads() {
  std::vector<std::string> names = model_benchmarks();
  for (std::string& name : segment_benchmarks()) names.push_back(std::move(name));
  names.insert(names.end(), {"bbob", "clicks", "proof", "ranking"});
  return names;
}

int verb_bench(const CommonFlags& flags, const BenchFlags& bench) {
  const auto settings = settings_of(flags.set);
  if (!settings) return fail(settings.error());
  const Resources resources = resources_of(flags, nullptr);
  const std::string input = bench.inputs.empty() ? "" : bench.inputs.front();
  const bool ranking = bench.workload == "ranking", bbob = bench.workload == "bbob";
  if (ranking ? bench.train.empty() || bench.test.empty() : input.empty() && !bbob) {
    return fail({ErrorCode::config, ranking ? "bench ranking: expected --train and --test"
                                            : "bench " + bench.workload + ": expected --input"});
  }
  if (bench.workload == "proof") return prove_gate(flags, bench, *settings);
  if (bench.inputs.size() > 1)
    return fail({ErrorCode::config, "bench " + bench.workload + ": expected one --input"});
  const auto of_segments = segment_benchmarks();
  const bool segments =
      std::find(of_segments.begin(), of_segments.end(), bench.workload) != of_segments.end();
  const auto run = segments ? run_segment_benchmark : run_model_benchmark;
  const auto report = ranking ? bench_ranking({bench.train, bench.test}, *settings, resources)
                      : bbob  ? bench_bbob(*settings, resources)
                      : bench.workload == "clicks"
                          ? bench_clicks(input, flags.set, resources)
                          : run(bench.workload, {input, bench.output}, *settings, resources);
  if (!report) return fail(report.error());
  if (flags.json) {
    fmt::print("{}\n", json_text(*report));
    return kDone;
  }
  for (const auto& [name, value] : report->items()) {
    fmt::print("{:<16} {}\n", name,
               value.is_number_float() ? fmt::format("{:.6g}", value.get<double>())
               : value.is_string()     ? value.get<std::string>()
                                       : json_text(value));
  }
  return kDone;
}

}  // namespace sartor
