// recommend and serve.
#include <fmt/core.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "sartor/base/files.h"
#include "sartor/http/api.h"
#include "sartor/http/recommend_api.h"
#include "sartor/serving/service.h"
#include "verbs.h"

namespace sartor {
namespace {

// What a server would start with, and what happened since.
Result<std::shared_ptr<Recommender>> open_current(const CommonFlags& flags) {
  SARTOR_ASSIGN(const Config config, settings_of(flags));
  SARTOR_ASSIGN(FirstBundle first, open_first(workspace_of(flags) + "/bundles"));
  const std::string serving = std::filesystem::path(first.recommender->info().path).filename();
  for (const RefusedVersion& refused : first.refused) {
    fmt::print(stderr, "warning: bundle {} is refused, {} answers: {}\n", refused.version, serving,
               refused.reason);
  }
  first.recommender->follow_stream(config.serve.follow_stream);
  SARTOR_TRY(catch_up(workspace_of(flags) + "/" + kEventFolder, *first.recommender));
  return first.recommender;
}

void print_answer(const RecommendAnswer& answer) {
  fmt::print("user {}   segment {}   route {}   model {}{}\n",
             answer.user.empty() ? "(anonymous)" : answer.user, answer.segment, answer.route,
             answer.model_version, answer.fallback ? "   fallback: " + *answer.fallback : "");
  for (std::size_t i = 0; i < answer.items.size(); ++i) {
    const RecommendedItem& item = answer.items[i];
    fmt::print("{:>3}  {:<16} {:>8.3f}  {}\n", i + 1, item.item, item.score, item.reason);
  }
}

Result<std::map<std::string, std::string>> context_of(const std::vector<std::string>& pairs) {
  std::map<std::string, std::string> context;
  for (const std::string& pair : pairs) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos)
      return Error{ErrorCode::config, fmt::format("--context {}: expected key=value", pair)};
    context[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  return context;
}

Result<std::vector<std::optional<std::string>>> users_of(const RecommendFlags& flags) {
  std::vector<std::optional<std::string>> users(flags.users.begin(), flags.users.end());
  if (!flags.users_file.empty()) {
    std::ifstream file(flags.users_file);
    if (!file) return Error{ErrorCode::not_found, flags.users_file + ": cannot open"};
    for (std::string line; std::getline(file, line);) {
      if (!line.empty() && line.back() == '\r') line.pop_back();
      if (!line.empty()) users.emplace_back(line);
    }
  }
  if (users.empty()) users.emplace_back(std::nullopt);
  return users;
}

Result<RecommendRequest> request_of(const std::string& given) {
  std::string text = given;
  if (given.starts_with('@')) {
    SARTOR_ASSIGN(text, read_file(given.substr(1)));
  }
  auto request = parse_recommend_request(text);
  if (!request) return Error{ErrorCode::config, "--request: " + request.error().message};
  return request;
}

Result<std::vector<RecommendRequest>> requests_of(const RecommendFlags& flags) {
  if (!flags.request.empty()) {
    SARTOR_ASSIGN(RecommendRequest request, request_of(flags.request));
    return std::vector<RecommendRequest>{std::move(request)};
  }
  SARTOR_ASSIGN(const auto context, context_of(flags.context));
  SARTOR_ASSIGN(const auto users, users_of(flags));
  std::vector<RecommendRequest> requests;
  for (const std::optional<std::string>& user : users) {
    requests.push_back({.user = user,
                        .history = flags.history,
                        .k = flags.k,
                        .context = context,
                        .exclude = flags.exclude});
  }
  return requests;
}

GuardOptions guard_options(const ServeConfig& config) {
  return {.switchboard = {.holdback_least = config.holdback_least,
                          .holdback_most = config.holdback_most,
                          .latency_limit = config.latency_limit_ms * (kSecond / 1000),
                          .timeout = config.timeout_ms * (kSecond / 1000),
                          .attribution = static_cast<Time>(config.attribution_hours *
                                                           static_cast<double>(kHour)),
                          .watch_peers = config.watch_peers},
          .keep_exposures = config.exposure_days * kDay,
          .clock = {}};
}

}  // namespace

int verb_recommend(const CommonFlags& flags, const RecommendFlags& recommend) {
  const auto asked = requests_of(recommend);
  if (!asked) return fail(asked.error());
  const auto recommender = open_current(flags);
  if (!recommender) return fail(recommender.error());
  for (const RecommendRequest& request : *asked) {
    const auto answer = (*recommender)->recommend(request);
    if (!answer) return fail(answer.error());
    if (flags.json || !recommend.users_file.empty()) {
      fmt::print("{}\n", json_text(answer_json(*answer)));
    } else {
      print_answer(*answer);
    }
  }
  return kDone;
}

int verb_serve(const CommonFlags& flags, int port, const std::string& host) {
  const auto read = settings_of(flags);
  if (!read) return fail(read.error());
  const ServeConfig& config = read->serve;
  auto first = open_first(workspace_of(flags) + "/bundles");
  if (!first) return fail(first.error());
  const std::string bundle = first->recommender->info().path;
  const ServerOptions options{.host = host.empty() ? config.host : host,
                              .port = static_cast<std::uint16_t>(port >= 0 ? port : config.port),
                              .threads = flags.threads > 0 ? flags.threads : config.threads,
                              .stop_on_signals = true};
  const ServeSettings settings{
      .watch = config.watch,
      .retention_days = config.retention_days,
      .limits = {.requests_per_second = config.requests_per_second,
                 .request_burst = config.request_burst,
                 .events_per_second = config.events_per_second,
                 .event_burst = config.event_burst},
      .guard = guard_options(config),
      .tls = {.certificate = config.tls_certificate, .key = config.tls_key},
      .follow_stream = config.follow_stream,
      .state = read->state,
      .tell = [](const std::string& line) { fmt::print(stderr, "{}\n", line); }};
  auto server =
      serve_workspace(workspace_of(flags), std::move(*first), options, SARTOR_VERSION, settings);
  if (!server) return fail(server.error());
  fmt::print("serving {} at {}\n  {}/v1/recommendations?user=…&k=10\n  {}/docs\nCtrl-C stops\n",
             bundle, server->address(), server->address(), server->address());
  std::fflush(stdout);
  server->wait();
  return kDone;
}

}  // namespace sartor
