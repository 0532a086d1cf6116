#include "sartor/pipeline/run_files.h"

#include <chrono>
#include <filesystem>

#include "sartor/base/files.h"

namespace sartor {
namespace {

namespace fs = std::filesystem;

Status add_files(const std::string& key, const std::vector<std::string>& patterns,
                 const std::string& workspace, Fingerprint& fingerprint) {
  for (const std::string& pattern : patterns) {
    auto files = expand_glob(pattern, workspace);
    if (!files) {
      return Error{ErrorCode::bad_data, fmt::format("{}: {}", key, files.error().message)};
    }
    for (const std::string& file : *files) {
      SARTOR_ASSIGN(const std::string hash, hash_of_file(file));
      fingerprint.add(fs::path(file).filename().string()).add(hash);
    }
  }
  return {};
}

// The lists of a window: those of segments that were promoted are the winner's.
Evaluation lists_of(const RunFacts& facts, const JudgedWindow& window, const Cases& cases,
                    bool served) {
  Evaluation lists{.depth = window.depth, .lists = window.general_lists};
  if (!served) return lists;
  const auto begins = user_begins(cases);
  for (std::size_t u = 0; u < window.users.size(); ++u) {
    if (!facts.verdict->result.segments[window.segment[u]].adapted) continue;
    const auto from = static_cast<std::ptrdiff_t>(begins[u] * window.depth);
    const auto n = static_cast<std::ptrdiff_t>((begins[u + 1] - begins[u]) * window.depth);
    std::copy_n(window.chosen_lists.begin() + from, n, lists.lists.begin() + from);
  }
  return lists;
}

}  // namespace

Status add_input_files(const Config& config, const std::string& workspace,
                       Fingerprint& fingerprint) {
  for (std::size_t i = 0; i < config.events.size(); ++i) {
    SARTOR_TRY(add_files(fmt::format("events[{}].files", i), config.events[i].files, workspace,
                         fingerprint));
  }
  for (std::size_t i = 0; i < config.users.size(); ++i) {
    SARTOR_TRY(add_files(fmt::format("users[{}].files", i), config.users[i].files, workspace,
                         fingerprint));
  }
  for (std::size_t i = 0; i < config.items.size(); ++i) {
    SARTOR_TRY(add_files(fmt::format("items[{}].files", i), config.items[i].files, workspace,
                         fingerprint));
  }
  return {};
}

Result<std::string> new_run_folder(const std::string& workspace) {
  const auto now = std::chrono::duration_cast<std::chrono::microseconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
  std::string id = format_time(now).substr(0, 19);
  for (char& c : id) {
    if (c == ':') c = '-';
  }
  for (int number = 1; number < 10000; ++number) {
    const std::string name = number == 1 ? id : fmt::format("{}-{}", id, number);
    std::error_code error;
    if (fs::create_directory(workspace + "/runs/" + name, error)) return name;
    if (error)
      return Error{ErrorCode::io, workspace + "/runs: cannot write here: " + error.message()};
  }
  return Error{ErrorCode::io, workspace + "/runs: too many runs in this second"};
}

PartitionInTime make_control(const Project& project, const Config& config) {
  PartitionInTime control{.name = "control"};
  const int segments = control_segments(distinct_users(project.at(Origin::confirm).cases).size(),
                                        config.gate.min_users);
  for (int s = 0; s < segments; ++s) control.segments.push_back(fmt::format("random {}", s + 1));
  if (segments == 0) return control;
  std::vector<std::uint32_t> of_user;
  for (const std::string& user : project.data().users.names()) {
    of_user.push_back(
        static_cast<std::uint32_t>(control_segment_of(user, config.tuning.seed + 1, segments)));
  }
  control.of_user.fill(of_user);
  return control;
}

std::vector<bool> hopeless_segments(const Project& project, const Config& config,
                                    const PartitionInTime& partition) {
  const Cases& cases = project.at(Origin::confirm).cases;
  std::vector<bool> hopeless;
  if (partition.segments.empty()) return hopeless;  // a control of too few users
  for (const auto& users : partition.at(Origin::confirm).cases_by_segment(cases)) {
    hopeless.push_back(users.empty() || plan_segment(config.gate, 1, users.size(),
                                                     partition.segments.size(), kUnknown, {})
                                            .hopeless);
  }
  return hopeless;
}

std::string step_word(const std::string& name) {
  std::string word = name;
  for (char& c : word) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
    if (!plain) c = '_';
  }
  return word;
}

Status write_rankings(const RunFacts& facts, const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return Error{ErrorCode::io, folder + ": cannot make this folder: " + error.message()};
  const auto write = [&](const char* name, Origin origin, const JudgedWindow& window) -> Status {
    const Cases& cases = facts.project->at(origin).cases;
    const Dataset& data = facts.project->data();
    const std::string stem = folder + "/" + name;
    SARTOR_TRY(write_file(stem + ".general.run",
                          trec_run(lists_of(facts, window, cases, false), cases, data, "general")));
    SARTOR_TRY(write_file(stem + ".served.run",
                          trec_run(lists_of(facts, window, cases, true), cases, data, "served")));
    return write_file(stem + ".qrels", trec_qrels(cases, data));
  };
  SARTOR_TRY(write("validate", Origin::validate, facts.backtest->validate));
  SARTOR_TRY(write("confirm", Origin::confirm, facts.backtest->confirm));
  return write("test", Origin::test, facts.backtest->test);
}

}  // namespace sartor
