// sartor: a recommendation engine that tailors itself to user segments and proves that the
// tailoring pays.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>

#include "sartor/base/text.h"
#include "sartor/pipeline/config.h"
#include "verbs.h"

namespace sartor {
namespace {

void add_common(CLI::App& verb, CommonFlags& flags, bool positional = true) {
  if (positional)
    verb.add_option("workspace", flags.workspace,
                    "folder of the project; the current one if not given");
  verb.add_option("--workspace", flags.workspace, "the same as a flag");
  verb.add_option("-c,--config", flags.config, "config file; WORKSPACE/sartor.toml if not given");
  verb.add_option("--threads", flags.threads, "cores to use; all if not given")
      ->check(CLI::Range(1, 1024));
  verb.add_option("--seed", flags.seed, "of every random choice (tuning.seed)")
      ->check(CLI::NonNegativeNumber);
  verb.add_option("--set", flags.set, "section.key=value: any setting")->allow_extra_args(false);
  verb.add_flag("--json", flags.json, "the last line of stdout is one JSON document");
  verb.add_flag("-q,--quiet", flags.quiet, "only warnings and errors on stderr");
}

std::string typed_command(int argc, char** argv) {
  std::string command = "sartor";
  for (int i = 1; i < argc; ++i) command += std::string(" ") + argv[i];
  return without_passwords(std::move(command));
}

// keys create | list | rotate | revoke
void add_keys(CLI::App& app, CommonFlags& flags, KeyFlags& wanted, int& exit_code) {
  auto* keys = app.add_subcommand("keys", "make, list, rotate and revoke API keys");
  keys->require_subcommand(1);
  keys->footer("Example: sartor keys create shop --scope ingest --name checkout");
  const auto add = [&](const char* what, const char* help) {
    auto* verb = keys->add_subcommand(what, help);
    verb->callback([&, what] {
      wanted.what = what;
      exit_code = verb_keys(flags, wanted);
    });
    return verb;
  };
  auto* create = add("create", "print a new key, once");
  create->add_option("--scope", wanted.scopes, "recommend, ingest or admin (all); may be repeated")
      ->delimiter(',')
      ->required();
  create->add_option("--name", wanted.name, "for people: who uses it");
  add_common(*create, flags);
  add_common(*add("list", "what keys there are; never the keys themselves"), flags);
  auto* rotate = add("rotate", "print a new key with the scopes of another, which ends");
  rotate->add_option("id", wanted.id, "of the old key: the middle of it")->required();
  rotate->add_option("--grace-hours", wanted.grace_hours, "how long the old key still works")
      ->check(CLI::NonNegativeNumber);
  add_common(*rotate, flags);
  auto* revoke = add("revoke", "refuse a key from now on");
  revoke->add_option("id", wanted.id, "of the key: the middle of it")->required();
  add_common(*revoke, flags);
}

int run_main(int argc, char** argv) {
  CLI::App app{
      "Sartor tailors recommenders to user segments and proves, segment by segment, that the fit "
      "pays.",
      "sartor"};
  app.set_version_flag("--version", std::string("sartor ") + SARTOR_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Exit codes: 0 done, 1 failed, 2 bad usage or config, 3 bad data, 99 nothing to do.\n"
      "First steps: sartor demo, or sartor init --events FILES && sartor run");
  CommonFlags flags;
  flags.command = typed_command(argc, argv);
  int exit_code = kDone;

  auto* demo = app.add_subcommand(
      "demo", "run the whole way on the bundled shop data and say what to try next");
  add_common(*demo, flags);
  demo->callback([&] { exit_code = verb_demo(flags); });

  std::vector<std::string> events, users, items;
  bool force = false;
  auto* init = app.add_subcommand("init", "look at data files and write a commented sartor.toml");
  add_common(*init, flags);
  init->add_option("--events", events, "files of events")->required();
  init->add_option("--users", users, "files of user attributes");
  init->add_option("--items", items, "files of item attributes");
  init->add_flag("--force", force, "overwrite an existing sartor.toml");
  init->footer("Example: sartor init shop --events 'logs/*.csv.gz' --items products.csv");
  init->callback([&] { exit_code = verb_init(flags, events, users, items, force); });

  auto* check = app.add_subcommand(
      "check",
      "run every check without fitting: rows, removals, time span, smallest provable effects");
  add_common(*check, flags);
  check->footer("Example: sartor check shop");
  check->callback([&] { exit_code = verb_check(flags); });

  std::string rankings;
  auto* run = app.add_subcommand(
      "run", "data in, proved recommenders out: ingest, segment, tune, backtest, gate, publish");
  add_common(*run, flags);
  run->add_option("--rankings", rankings, "folder for TREC run and qrels files");
  run->footer(
      "Examples: sartor run shop --json\n          sartor run shop --set gate.min_users=500 "
      "--rankings trec");
  run->callback([&] { exit_code = verb_run(flags, "", rankings); });

  std::string step_name;
  auto* step = app.add_subcommand(
      "step", "run the steps up to one: ingest, segment, tune, backtest, gate, publish");
  step->add_option("name", step_name, "the last step")
      ->required()
      ->check(CLI::IsMember(std::vector<std::string>(std::begin(kSteps), std::end(kSteps))));
  add_common(*step, flags);
  step->footer("Example: sartor step ingest shop      (exit code 99 if nothing had to be done)");
  step->callback([&] { exit_code = verb_run(flags, step_name, ""); });

  std::string output;
  auto* report = app.add_subcommand(
      "report", "write the report of the last run as one HTML page and say where it is");
  add_common(*report, flags);
  report->add_option("-o,--output", output, "file; the run's own folder if not given");
  report->callback([&] { exit_code = verb_report(flags, output); });

  RecommendFlags recommend_flags;
  auto* recommend = app.add_subcommand(
      "recommend", "lists for a user, for many, or for a stranger with a history");
  add_common(*recommend, flags);
  recommend->add_option("--user", recommend_flags.users, "user id; may be repeated")
      ->allow_extra_args(false);
  recommend->add_option("--users-file", recommend_flags.users_file,
                        "file with one user id per line; one JSON line per answer");
  recommend
      ->add_option("--history", recommend_flags.history,
                   "item ids, oldest first: instead of what is known of the user")
      ->delimiter(',');
  recommend->add_option("--exclude", recommend_flags.exclude, "item ids not to list")
      ->delimiter(',');
  recommend->add_option("--context", recommend_flags.context, "key=value; may be repeated")
      ->allow_extra_args(false);
  auto* k = recommend->add_option("-k", recommend_flags.k, "length of the list");
  k->check(CLI::Range(1, 1000));
  auto* request = recommend->add_option(
      "--request", recommend_flags.request,
      "the body of POST /v1/recommendations as JSON, or @file: filters, pins, boosts, …");
  for (CLI::Option* option : recommend->get_options()) {
    const std::string name = option->get_name();
    for (const char* of_list :
         {"--user", "--users-file", "--history", "--exclude", "--context", "-k"})
      if (name == of_list) request->excludes(option);
  }
  recommend->footer(
      "Examples: sartor recommend shop --user 17850 -k 10 --json\n          sartor recommend shop "
      "--history 85123A,22423");
  recommend->callback([&] { exit_code = verb_recommend(flags, recommend_flags); });

  int port = -1;
  std::string host;
  auto* serve = app.add_subcommand("serve", "serve the published bundle over HTTP");
  add_common(*serve, flags);
  serve->add_option("--port", port, "0 takes a free one and says which")
      ->check(CLI::Range(0, 65535));
  serve->add_option("--host", host, "address; any but loopback needs a key");
  serve->footer("Example: sartor serve shop --port 8080");
  serve->callback([&] { exit_code = verb_serve(flags, port, host); });

  KeyFlags key_flags;
  add_keys(app, flags, key_flags, exit_code);

  std::string bundle;
  auto* replay = app.add_subcommand("replay", "decide again from a bundle's evidence and compare");
  replay->add_option("bundle", bundle, "folder of a bundle, or a workspace")->required();
  add_common(*replay, flags, false);
  replay->callback([&] { exit_code = verb_replay(flags, bundle); });

  BenchFlags bench_flags;
  auto* bench = app.add_subcommand(
      "bench",
      "time one kernel on arrays in NumPy's format, rank a published split, try a sampler, or the "
      "gate");
  bench->add_option("workload", bench_flags.workload, "one of " + join(workloads(), ", "))
      ->required()
      ->check(CLI::IsMember(workloads()));
  bench->add_option(
      "--input", bench_flags.inputs,
      "folder with indptr.npy, indices.npy, values.npy, shape.npy; clicks: a workspace, "
      "or a TOML file; proof: workspaces after `sartor run`, or bundles");
  bench->add_option("--output", bench_flags.output, "folder for what the kernel made, as .npy");
  bench->add_option("--train", bench_flags.train,
                    "ranking: lines of a user and the user's items, or of user,item");
  bench->add_option("--test", bench_flags.test, "ranking: likewise");
  add_common(*bench, flags, false);
  bench->footer(
      "Examples: sartor bench ease --input csr --set regularization=300 --json\n          sartor "
      "bench ranking --train train.txt --test test.txt --set model=ease --json\n          sartor "
      "bench clicks --input examples/kuairand --set from=2022-05-06T00:00:00Z\n          sartor "
      "bench bbob --set sampler=tpe --json\n          sartor bench proof --input shop --set "
      "replicates=2000");
  bench->callback([&] { exit_code = verb_bench(flags, bench_flags); });

  std::string what;
  auto* config =
      app.add_subcommand("config", "print every setting: as markdown, or as a JSON schema");
  config->add_option("form", what, "markdown or schema")
      ->required()
      ->check(CLI::IsMember({"markdown", "schema"}));
  config->callback([&] {
    std::fputs(what == "schema" ? config_schema().c_str() : config_markdown().c_str(), stdout);
  });

  std::string shell;
  auto* complete = app.add_subcommand("completions", "print shell completions");
  complete->add_option("shell", shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  complete->footer("Example: source <(sartor completions bash)");
  complete->callback([&] { std::fputs(completions(shell).c_str(), stdout); });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? kDone : kUsage;
  }
  return exit_code;
}

}  // namespace
}  // namespace sartor

int main(int argc, char** argv) {
  // Waiting threads of OpenMP spin for a millisecond by default, which costs a factor of four where
  // other programs want the cores. The runtime reads this before main, hence the second start.
  if (std::getenv("GOMP_SPINCOUNT") == nullptr && std::getenv("OMP_WAIT_POLICY") == nullptr) {
    ::setenv("GOMP_SPINCOUNT", "10000", 1);
    ::execv("/proc/self/exe", argv);  // returns only if it cannot: then as things are
  }
  return sartor::run_main(argc, argv);
}
