// bench.
#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "sartor/models/bench_kernels.h"
#include "sartor/pipeline/bench_clicks.h"
#include "sartor/tuning/bench_bbob.h"
#include "sartor/tuning/bench_ranking.h"
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
    const Json value = Json::parse(text, nullptr, false);
    settings[assignment.substr(0, equals)] =
        value.is_number() || value.is_boolean() ? value : Json(text);
  }
  return settings;
}

}  // namespace

std::vector<std::string> workloads() {
  std::vector<std::string> names = model_benchmarks();
  names.insert(names.end(), {"bbob", "clicks", "ranking"});
  return names;
}

int verb_bench(const CommonFlags& flags, const BenchFlags& bench) {
  const auto settings = settings_of(flags.set);
  if (!settings) return fail(settings.error());
  const Resources resources = resources_of(flags, nullptr);
  const bool ranking = bench.workload == "ranking", bbob = bench.workload == "bbob";
  if (ranking ? bench.train.empty() || bench.test.empty() : bench.input.empty() && !bbob) {
    return fail({ErrorCode::config, ranking ? "bench ranking: expected --train and --test"
                                            : "bench " + bench.workload + ": expected --input"});
  }
  const auto report =
      ranking ? bench_ranking({bench.train, bench.test}, *settings, resources)
      : bbob  ? bench_bbob(*settings, resources)
      : bench.workload == "clicks"
          ? bench_clicks(bench.input, flags.set, resources)
          : run_model_benchmark(bench.workload, {.input = bench.input, .output = bench.output},
                                *settings, resources);
  if (!report) return fail(report.error());
  if (flags.json) {
    fmt::print("{}\n", report->dump());
    return kDone;
  }
  for (const auto& [name, value] : report->items()) {
    fmt::print("{:<16} {}\n", name,
               value.is_number_float() ? fmt::format("{:.6g}", value.get<double>())
               : value.is_string()     ? value.get<std::string>()
                                       : value.dump());
  }
  return kDone;
}

}  // namespace sartor
