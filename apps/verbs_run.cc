// demo, run, step, report, replay.
#include <fmt/core.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "sartor/base/checksum.h"
#include "sartor/base/files.h"
#include "sartor/base/text.h"
#include "sartor/pipeline/erased_users.h"
#include "sartor/pipeline/report.h"
#include "sartor/pipeline/verdict.h"
#include "sartor/store/folder.h"
#include "terminal.h"
#include "verbs.h"

namespace sartor {
namespace {

namespace fs = std::filesystem;

std::atomic<bool> interrupted{false};

// The first Ctrl-C asks to stop, the second ends the program.
void on_interrupt(int) {
  if (interrupted.exchange(true)) ::_exit(130);
}

std::string percent(double value) { return fmt::format("{:+.1f} %", 100 * value); }

std::string reason_in_words(const std::string& reason) {
  if (reason == "proved") return "proved";
  if (reason == "too_few_users") return "too few users to prove anything";
  if (reason == "too_few_differences") return "lists hardly differ";
  if (reason == "identical" || reason == "no_variation") return "lists do not differ";
  if (reason == "not_better_on_validate") return "nothing was better on validate";
  if (reason == "guard_failed") return "a guard metric could get worse";
  if (reason == "no_candidate") return "nothing was tried";
  return "not proved";
}

double number_or(const Json& json, double otherwise) {
  return json.is_number() ? json.get<double>() : otherwise;
}

void print_segments(const Json& summary) {
  fmt::print("\n{:<24} {:>6} {:>18} {:>9} {:>22}  {}\n", "segment", "users", "served", "gain",
             "95 % interval", "why");
  for (const Json& segment : summary["segments"]) {
    const Json& confirm = segment["confirm"];
    const double general = number_or(confirm["general"], 0);
    const auto gain = [&](const char* key) {
      return general > 0 ? number_or(confirm[key], 0) / general : 0.0;
    };
    const bool adapted = segment["decision"] == "adapted";
    fmt::print("{:<24} {:>6} {:>18} {:>9} {:>22}  {}\n", segment["name"].get<std::string>(),
               segment["users"].get<int>(),
               adapted ? segment["adaptation"].get<std::string>() : "general",
               percent(gain("difference")),
               fmt::format("[{}, {}]", percent(gain("low")), percent(gain("high"))),
               reason_in_words(segment["reason"]));
  }
}

void print_result(const RunOutcome& outcome) {
  const Json summary = parse_json(outcome.summary);
  const std::string metric = summary["metric"];
  fmt::print("general recommender, {} on test: {:.4f} ({} users)\n", metric,
             summary["general"]["metrics"]["test"][metric].get<double>(),
             summary["split"]["test"]["users"].get<int>());
  for (const auto& [name, component] : summary["general"]["components"].items()) {
    fmt::print("  {:<16} alone: {:.4f}\n", name, component["test"][metric].get<double>());
  }
  fmt::print("segments: {}, gains on confirm against general:",
             summary["segmentation"]["name"].get<std::string>());
  print_segments(summary);
  const Json& control = summary["negative_control"];
  if (control["segments"] == 0) {
    fmt::print("\ncontrol: too few users\n");
  } else {
    fmt::print("\ncontrol: {} of {} random segments promoted, pooled gain {}\n",
               control["promoted"].get<int>(), control["tested"].get<int>(),
               percent(number_or(control["pooled_gain"], 0)));
  }
  const Json& test = summary["overall"]["test"];
  fmt::print("overall on test: general {:.4f}, served {:.4f}\n", number_or(test["general"], 0),
             number_or(test["served"], 0));
  fmt::print("bundle: {}\nreport: {}\n", outcome.bundle, outcome.report);
}

int run_and_print(const CommonFlags& flags, const RunRequest& request, RunOutcome* kept = nullptr) {
  stop_on_interrupt();
  TerminalProgress progress(flags.quiet);
  const Resources resources = resources_of(flags, &progress);
  auto outcome = run_pipeline(request, resources);
  if (!outcome) return fail(outcome.error());
  if (outcome->nothing_changed)
    fmt::print(stderr, "nothing changed since the last run: nothing was done again\n");
  if (flags.json) {
    fmt::print("{}\n", outcome->summary.empty() ? "{}" : outcome->summary);
  } else if (!outcome->bundle.empty()) {
    print_result(*outcome);
  }
  if (kept != nullptr) *kept = *outcome;
  return !request.last_step.empty() && outcome->nothing_changed ? kNothingToDo : kDone;
}

}  // namespace

void stop_on_interrupt() {
  std::signal(SIGINT, on_interrupt);
  std::signal(SIGTERM, on_interrupt);
}

Resources resources_of(const CommonFlags& flags, Progress* progress) {
  const int cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  return {.threads = flags.threads > 0 ? flags.threads : cores,
          .cancelled = &interrupted,
          .progress = progress};
}

std::string workspace_of(const CommonFlags& flags) {
  if (!flags.workspace.empty()) return flags.workspace;
  if (!flags.config.empty()) {
    const auto folder = fs::path(flags.config).parent_path();
    return folder.empty() ? "." : folder.string();
  }
  return ".";
}

Result<RunRequest> request_of(const CommonFlags& flags) {
  RunRequest request{.workspace = workspace_of(flags), .command = flags.command};
  request.config_path = flags.config.empty() ? request.workspace + "/sartor.toml" : flags.config;
  std::vector<std::string> assignments = flags.set;
  if (flags.seed >= 0) assignments.push_back(fmt::format("tuning.seed={}", flags.seed));
  SARTOR_ASSIGN(request.config, read_config_file(request.config_path, assignments));
  SARTOR_ASSIGN(request.build, hash_of_file("/proc/self/exe"));
  return request;
}

Result<Config> settings_of(const CommonFlags& flags) {
  const std::string path =
      flags.config.empty() ? workspace_of(flags) + "/sartor.toml" : flags.config;
  if (fs::exists(path)) return read_config_file(path, flags.set);
  ConfigNode root{.value = ConfigNode::Table{}, .file = {}};
  for (const std::string& assignment : flags.set) SARTOR_TRY(set_path(root, assignment));
  Config config;
  SARTOR_TRY(read_config(root, config, ""));
  SARTOR_TRY(check_state(config.state));
  return config;
}

int fail(const Error& error) {
  const bool colour = wants_colour(2);
  fmt::print(stderr, "{}error:{} {}\n", colour ? "\033[31m" : "", colour ? "\033[0m" : "",
             error.message);
  switch (error.code) {
    case ErrorCode::config:
      return kUsage;
    case ErrorCode::bad_data:
      return kBadData;
    default:
      return kFailed;
  }
}

int verb_run(const CommonFlags& flags, const std::string& last_step, const std::string& rankings) {
  auto request = request_of(flags);
  if (!request) return fail(request.error());
  request->last_step = last_step;
  request->rankings = rankings;
  return run_and_print(flags, *request);
}

int verb_demo(CommonFlags flags) {
  if (flags.workspace.empty()) flags.workspace = "sartor-demo";
  std::error_code error;
  fs::create_directories(flags.workspace, error);
  if (error)
    return fail({ErrorCode::io, flags.workspace + ": cannot make this folder: " + error.message()});
  for (const char* name : {"sartor.toml", "invoices.parquet"}) {
    const fs::path target = fs::path(flags.workspace) / name;
    if (fs::exists(target)) continue;
    fs::copy_file(fs::path(kSourceDir) / "examples/online-retail" / name, target, error);
    if (error)
      return fail({ErrorCode::io, fmt::format("{}: cannot copy the demo's data here: {}",
                                              target.string(), error.message())});
  }
  auto request = request_of(flags);
  if (!request) return fail(request.error());
  RunOutcome outcome;
  const int code = run_and_print(flags, *request, &outcome);
  if (code != kDone || flags.json) return code;
  const std::string program = fs::read_symlink("/proc/self/exe", error).string();
  const std::string self = fs::relative(program, error).string();
  fmt::print(
      "\nThe report: file://{}\n\nTry next:\n  {} recommend {} --user 17850 -k 10\n  {} serve {} "
      "--port 8080\n  {} replay {}\n",
      fs::absolute(outcome.report).lexically_normal().string(), self, flags.workspace, self,
      flags.workspace, self, outcome.bundle);
  return kDone;
}

int verb_report(const CommonFlags& flags, const std::string& output) {
  const fs::path runs = fs::path(workspace_of(flags)) / "runs";
  std::error_code ignored;
  fs::path latest;
  for (const auto& entry : fs::directory_iterator(runs, ignored)) {
    if (fs::exists(entry.path() / "summary.json") && entry.path() > latest) latest = entry.path();
  }
  if (latest.empty())
    return fail(
        {ErrorCode::not_found, runs.string() + ": no finished run; `sartor run` makes one"});
  const auto summary = read_file((latest / "summary.json").string());
  const auto details = read_file((latest / "details.json").string());
  if (!summary) return fail(summary.error());
  if (!details) return fail(details.error());
  const Json summary_json = parse_json(*summary);
  const Json details_json = parse_json(*details);
  if (summary_json.is_discarded() || details_json.is_discarded()) {
    return fail({ErrorCode::bad_data,
                 latest.string() + ": summary.json or details.json is not JSON; run again"});
  }
  const std::string path = output.empty() ? (latest / "report.html").string() : output;
  if (const auto written = write_file(path, render_report(summary_json, details_json)); !written)
    return fail(written.error());
  if (flags.json) {
    fmt::print("{}\n", json_text(Json{{"report", path}}));
  } else {
    fmt::print("{}\n", path);
  }
  return kDone;
}

int verb_replay(const CommonFlags& flags, const std::string& bundle) {
  std::string folder = bundle;
  if (fs::exists(fs::path(bundle) / "bundles" / "current"))
    folder = (fs::path(bundle) / "bundles" / "current").string();
  if (!fs::exists(fs::path(folder) / kManifest)) {
    return fail({ErrorCode::not_found,
                 folder + ": is no bundle and no workspace with one; `sartor run` makes one"});
  }
  const auto differences =
      replay_bundle(fs::canonical(folder).string(), resources_of(flags, nullptr));
  if (!differences) return fail(differences.error());
  const auto erased = erased_users_of(fs::canonical(folder).string());
  if (!erased) return fail(erased.error());
  if (flags.json) {
    fmt::print("{}\n", json_text(Json{{"bundle", folder},
                                      {"differences", *differences},
                                      {"users", erased->users},
                                      {"erased_users", erased->erased}}));
  } else if (differences->empty()) {
    fmt::print("{}: every decision is the same\n", folder);
  } else {
    for (const std::string& line : *differences) fmt::print("{}\n", line);
  }
  if (!flags.json && erased->erased > 0) {
    fmt::print("{} of its {} users were erased since: they are not served any more\n",
               with_thousands(static_cast<long long>(erased->erased)),
               with_thousands(static_cast<long long>(erased->users)));
  }
  return differences->empty() ? kDone : kFailed;
}

}  // namespace sartor
