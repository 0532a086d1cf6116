// The CLI's verbs. No logic: each reads its flags, calls the library and prints.
#pragma once

#include <string>
#include <vector>

#include "sartor/base/parallel.h"
#include "sartor/base/result.h"
#include "sartor/pipeline/config.h"
#include "sartor/pipeline/run.h"

namespace sartor {

// The folder of the source, which `sartor demo` copies its example from.
extern const char* const kSourceDir;

// Exit codes, as `sartor --help` says them.
enum ExitCode { kDone = 0, kFailed = 1, kUsage = 2, kBadData = 3, kNothingToDo = 99 };

// Flags that every verb takes.
struct CommonFlags {
  std::string workspace;         // positional or --workspace
  std::string config;            // -c
  int threads = 0;               // 0: all cores
  long long seed = -1;           // -1: as configured
  std::vector<std::string> set;  // section.key=value
  bool json = false;
  bool quiet = false;
  std::string command;  // as typed
};

Resources resources_of(const CommonFlags& flags, Progress* progress);
// From here on the first Ctrl-C (or SIGTERM) sets resources_of()'s flag, the second ends the
// program.
void stop_on_interrupt();
// The workspace folder and the config file that the flags name.
std::string workspace_of(const CommonFlags& flags);
Result<RunRequest> request_of(const CommonFlags& flags);
// The file's settings; the defaults where there is no file.
Result<Config> settings_of(const CommonFlags& flags);
// Prints the message to stderr; the exit code of its kind.
int fail(const Error& error);

int verb_demo(CommonFlags flags);
int verb_init(const CommonFlags& flags, const std::vector<std::string>& events,
              const std::vector<std::string>& users, const std::vector<std::string>& items,
              bool force);
int verb_check(const CommonFlags& flags);
int verb_run(const CommonFlags& flags, const std::string& last_step, const std::string& rankings);
int verb_report(const CommonFlags& flags, const std::string& output);
int verb_replay(const CommonFlags& flags, const std::string& bundle);

struct RecommendFlags {
  std::vector<std::string> users;
  std::string users_file;
  std::vector<std::string> history;
  std::vector<std::string> exclude;
  std::vector<std::string> context;  // key=value
  std::string request;               // JSON, or @file
  int k = 10;
};
int verb_recommend(const CommonFlags& flags, const RecommendFlags& recommend);
struct BenchFlags {
  std::string workload;
  std::vector<std::string> inputs;  // folders of arrays: one, but for proof
  std::string output;
  std::string train, test;  // files of a ranking
};
std::vector<std::string> workloads();
int verb_bench(const CommonFlags& flags, const BenchFlags& bench);
struct KeyFlags {
  std::string what;  // create, list, rotate, revoke
  std::vector<std::string> scopes;
  std::string name;
  std::string id;
  double grace_hours = 0;
};
int verb_keys(const CommonFlags& flags, const KeyFlags& wanted);
int verb_serve(const CommonFlags& flags, int port, const std::string& host);

// Shell completions for bash, zsh or fish; empty for another shell.
std::string completions(const std::string& shell);

}  // namespace sartor
