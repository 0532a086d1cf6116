// Which worlds are tried. People are the segments of confirm that have a candidate; where a run has
// none, those of its control. "As found" keeps the segments and their sizes; "nine" draws nine
// segments of log-uniform sizes from them in turn, as the simulations did that set the defaults.
#include "sartor/pipeline/bench_proof.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "sartor/base/fields_json.h"
#include "sartor/base/files.h"
#include "sartor/base/usage.h"
#include "sartor/evaluation/window_drift.h"
#include "sartor/pipeline/verdict.h"
#include "sartor/store/folder.h"

namespace sartor {
namespace {

constexpr std::size_t kNine = 9;
constexpr double kLift = 0.05;                     // where a gain has to be beyond doubt
constexpr double kAbove[] = {.01, .02, .03, .05};  // min_gain
constexpr double kDriftGain = 0.03;                // of a third of the segments
constexpr double kDrifts[] = {0, .0025, .005, .0075, .01, .015, .02, .03};
constexpr std::size_t kQuarter = 4;  // of the replicates where no bar depends on them
constexpr std::size_t kTestSizes[] = {50, 100, 300, 1000};
constexpr std::size_t kTestsPerReplicate = 10;  // a test is cheap, and .001 is rare

using People = std::vector<const GateSegment*>;

// All promotions of a world are wrong, or all are right.
std::vector<WorldSegment> as_found(const People& people, double gain, bool wrong) {
  std::vector<WorldSegment> segments;
  for (const GateSegment* one : people)
    segments.push_back({.people = one, .gain = gain, .users = one->users.size(), .wrong = wrong});
  return segments;
}

std::vector<WorldSegment> nine_of(const People& people, double gain, bool wrong) {
  std::vector<WorldSegment> segments;
  for (std::size_t s = 0; s < kNine; ++s)
    segments.push_back({.people = people[s % people.size()], .gain = gain, .wrong = wrong});
  return segments;
}

// One data set's proof.
class Proof {
 public:
  Proof(const ProofEvidence& evidence, const ProofBench& bench, const GateFunction& gate,
        const Resources& resources)
      : evidence_(evidence),
        bench_(bench),
        gate_(gate),
        resources_(resources),
        config_(evidence.config),
        unguarded_(evidence.config) {
    unguarded_.guards.clear();
  }

  Result<Json> make() {
    SARTOR_TRY(choose_people());
    report_["data"] = evidence_.name;
    report_["metric"] = config_.metric;
    report_["q"] = config_.q;
    report_["min_gain"] = config_.min_gain;
    report_["min_users"] = config_.min_users;
    report_["guards"] = config_.guards;
    report_["replicates"] = bench_.replicates;
    SARTOR_TRY(type_one());
    SARTOR_TRY(wrong_worlds());
    SARTOR_TRY(right_worlds());
    SARTOR_TRY(drift_worlds());
    measured_drift();
    return std::move(report_);
  }

 private:
  std::size_t replicates() const { return static_cast<std::size_t>(bench_.replicates); }

  Result<WorldRates> rates(GateWorld world, std::size_t part = 1) const {
    world.most_users = static_cast<std::size_t>(bench_.most_users);
    return try_world(world, replicates() / part, bench_.seed, gate_, resources_);
  }

  // Segments with a candidate, whose users can be brought to all the gains that are asked for.
  People usable(const std::vector<GateSegment>& segments) const {
    People people;
    for (const GateSegment& one : segments) {
      if (can_be_tilted(one, config_, config_.min_gain) &&
          can_be_tilted(one, config_, config_.min_gain + kLift) &&
          can_be_tilted(one, config_, -kLift))
        people.push_back(&one);
    }
    return people;
  }

  Status choose_people() {
    people_ = usable(evidence_.confirm);
    control_ = usable(evidence_.control);
    Json& list = report_["people"] = Json::array();
    const auto tell = [&](const std::vector<GateSegment>& segments, const People& used,
                          const char* window) {
      for (const GateSegment& one : segments) {
        const GateArms& arms = one.metrics.at(config_.metric);
        if (arms.chosen.size() != arms.general.size()) continue;
        const ArmComparison all = compare_arms(arms.general, arms.chosen);
        list.push_back({{"window", window},
                        {"segment", one.name},
                        {"users", all.users},
                        {"informative", all.informative},
                        {"effective_users", all.effective},
                        {"gain", all.gain},
                        {"spread", all.spread()},
                        {"used", std::find(used.begin(), used.end(), &one) != used.end()}});
      }
    };
    tell(evidence_.confirm, people_, "confirm");
    tell(evidence_.control, control_, "control");
    report_["from_control"] = people_.empty();
    if (people_.empty()) people_ = control_;
    if (!people_.empty()) return {};
    return Error{ErrorCode::bad_data,
                 fmt::format("bench proof: {}: no segment has a candidate that is better than "
                             "general for some users and worse for others; nothing to draw from",
                             evidence_.name)};
  }

  Status type_one() {
    SARTOR_ASSIGN(const auto table,
                  type_one_rates(people_, config_, kTestSizes, kTestsPerReplicate * replicates(),
                                 bench_.seed, resources_));
    Json& rows = report_["type_one"] = Json::array();
    for (const TypeOneRates& row : table) {
      rows.push_back({{"n", row.n},
                      {"replicates", row.replicates},
                      {"t", row.t},
                      {"hall", row.hall},
                      {"worse_of_both", row.worse}});
    }
    return {};
  }

  // A world in which every promotion is wrong, and whether there are too many.
  Status wrong_world(const GateWorld& world) {
    SARTOR_ASSIGN(const WorldRates found, rates(world));
    const auto n = static_cast<double>(found.replicates);
    const double bar = config_.q + 2 * std::sqrt(config_.q * (1 - config_.q) / n);
    const Bounds interval = rate_interval(found.any_wrong, found.replicates);
    const bool passed = found.rate() <= bar;
    passed_ = passed_ && passed;
    worlds_.push_back({{"world", world.name},
                       {"segments", world.segments.size()},
                       {"tested", found.tested},
                       {"any_wrong", found.any_wrong},
                       {"rate", found.rate()},
                       {"low", interval.low},
                       {"high", interval.high},
                       {"two_wrong", static_cast<double>(found.two_wrong) / n},
                       {"effective", found.effective},
                       {"bar", bar},
                       {"passed", passed}});
    return {};
  }

  // Every guard at exactly its margin, and the gain beyond doubt: promotion is wrong for the guard.
  Status guard_world() {
    std::map<std::string, double> at_margin;
    for (const auto& [metric, margin] : config_.guards) at_margin[metric] = -margin;
    if (at_margin.empty()) return {};
    People able;
    for (const GateSegment* one : people_) {
      if (can_be_tilted(*one, config_, config_.min_gain + kLift, at_margin)) able.push_back(one);
    }
    if (able.empty()) return {};
    GateWorld world{.name = "nine, gaining, every guard at its margin", .config = config_};
    world.segments = nine_of(able, config_.min_gain + kLift, true);
    for (WorldSegment& segment : world.segments) segment.guards = at_margin;
    return wrong_world(world);
  }

  // The winner of several, chosen on validate by the same users who judge it on confirm.
  Status choice_world() {
    GateWorld world{
        .name = fmt::format("as found, best of {} on validate, same users", bench_.candidates),
        .config = unguarded_,
        .candidates = bench_.candidates};
    for (WorldSegment& segment : as_found(people_, config_.min_gain, true)) {
      const auto earlier =
          std::find_if(evidence_.validate.begin(), evidence_.validate.end(),
                       [&](const GateSegment& one) { return one.name == segment.people->name; });
      if (earlier == evidence_.validate.end()) return {};
      const GateArms& arms = earlier->metrics.at(config_.metric);
      std::unordered_map<std::string_view, EarlierUser> known;
      for (std::size_t i = 0; i < earlier->users.size(); ++i)
        known[earlier->users[i]] = {arms.general[i], arms.chosen[i]};
      for (const std::string& user : segment.people->users) {
        const auto found = known.find(user);
        segment.before.push_back(found == known.end() ? EarlierUser{} : found->second);
      }
      world.segments.push_back(std::move(segment));
    }
    return wrong_world(world);
  }

  Status wrong_worlds() {
    const double gain = config_.min_gain;
    const auto found = as_found(people_, gain, true), nine = nine_of(people_, gain, true);
    SARTOR_TRY(wrong_world({.name = "as found", .config = config_, .segments = found}));
    SARTOR_TRY(
        wrong_world({.name = "as found, no guards", .config = unguarded_, .segments = found}));
    SARTOR_TRY(wrong_world({.name = "as found, no guards, scaled",
                            .config = unguarded_,
                            .recentre = Recentre::scale,
                            .segments = found}));
    SARTOR_TRY(wrong_world({.name = "nine", .config = config_, .segments = nine}));
    SARTOR_TRY(wrong_world({.name = "nine, no guards", .config = unguarded_, .segments = nine}));
    SARTOR_TRY(wrong_world({.name = "nine, no guards, scaled",
                            .config = unguarded_,
                            .recentre = Recentre::scale,
                            .segments = nine}));
    SARTOR_TRY(guard_world());
    SARTOR_TRY(choice_world());
    if (!control_.empty()) {
      SARTOR_TRY(wrong_world({.name = "control, gain 0",
                              .config = config_,
                              .control = true,
                              .segments = as_found(control_, 0, true)}));
    }
    report_["worlds"] = std::move(worlds_);
    report_["passed"] = passed_;
    return {};
  }

  Status right_world(const GateWorld& world, double above, Json& rows) {
    SARTOR_ASSIGN(const WorldRates found, rates(world, kQuarter));
    rows.push_back({{"world", world.name},
                    {"replicates", found.replicates},
                    {"above_min_gain", above},
                    {"tested", found.tested},
                    {"promoted", found.promoted},
                    {"power", found.power},
                    {"fdr", found.fdr},
                    {"fdr_error", found.fdr_error},
                    {"effective", found.effective}});
    return {};
  }

  Status right_worlds() {
    Json power = Json::array(), mixed = Json::array();
    for (const double above : kAbove) {
      const double gain = config_.min_gain + above;
      const std::string much = fmt::format(" +{} %", 100 * above);
      SARTOR_TRY(right_world({.name = "as found" + much,
                              .config = config_,
                              .segments = as_found(people_, gain, false)},
                             above, power));
      SARTOR_TRY(right_world(
          {.name = "nine" + much, .config = config_, .segments = nine_of(people_, gain, false)},
          above, power));
      GateWorld half{.name = "nine, half of them" + much,
                     .config = config_,
                     .segments = nine_of(people_, config_.min_gain, true)};
      for (std::size_t s = 1; s < kNine; s += 2) {
        half.segments[s].gain = gain;
        half.segments[s].wrong = false;
      }
      SARTOR_TRY(right_world(half, above, mixed));
    }
    report_["power"] = std::move(power);
    report_["mixed"] = std::move(mixed);
    return {};
  }

  // A third of the segments gain for good; confirm sees every gain a little displaced. Wrong is
  // what does not gain when confirm is over.
  Status drift_worlds() {
    Json rows = Json::array();
    double passed_to = kUnknown, before_tau = 0, before_fdr = 0;
    bool passing = true;
    for (const double tau : kDrifts) {
      GateWorld world{
          .name = fmt::format("nine, a third +{} %, drift {} %", 100 * kDriftGain, 100 * tau),
          .config = config_,
          .segments = nine_of(people_, 0, true)};
      for (std::size_t s = 0; s < kNine; ++s) {
        WorldSegment& segment = world.segments[s];
        segment.drift = tau;
        if (s % 3 != 0) continue;
        segment.gain = kDriftGain;
        segment.wrong = false;
      }
      SARTOR_ASSIGN(const WorldRates found, rates(world, kQuarter));
      rows.push_back({{"tau", tau},
                      {"replicates", found.replicates},
                      {"fdr", found.fdr},
                      {"fdr_error", found.fdr_error},
                      {"any_wrong", found.rate()},
                      {"power", found.power}});
      if (passing && found.fdr > config_.q) {
        passing = false;
        passed_to =
            before_tau + (tau - before_tau) * (config_.q - before_fdr) / (found.fdr - before_fdr);
      }
      before_tau = tau;
      before_fdr = found.fdr;
    }
    report_["drift_worlds"] = std::move(rows);
    report_["drift_passed_to"] = passed_to;  // null: q holds over the whole grid
    return {};
  }

  void tell_drift(const char* from, const char* to, const std::vector<GateSegment>& before,
                  const std::vector<GateSegment>& after) {
    const WindowDrift drift = measure_drift(before, after, config_.metric,
                                            static_cast<std::size_t>(config_.min_informative));
    Json segments = Json::array();
    for (const MovedGain& one : drift.segments) {
      segments.push_back({{"segment", one.segment},
                          {"users_before", one.users_before},
                          {"users_after", one.users_after},
                          {"before", one.before},
                          {"after", one.after},
                          {"moved", one.moved},
                          {"error", one.error},
                          {"shared", one.shared},
                          {"correlation", one.correlation}});
    }
    report_["drift"].push_back({{"from", from},
                                {"to", to},
                                {"segments", std::move(segments)},
                                {"tau", drift.segments.empty() ? kUnknown : drift.tau.tau},
                                {"tau_low", drift.tau.low},
                                {"tau_high", drift.tau.high},
                                {"q", drift.tau.q},
                                {"common", drift.common},
                                {"tau_around_common", drift.tau_around_common},
                                {"shared", drift.shared},
                                {"correlation", drift.correlation},
                                {"correlation_low", drift.correlation_interval.low},
                                {"correlation_high", drift.correlation_interval.high}});
  }

  void measured_drift() {
    report_["drift"] = Json::array();
    const auto first = half_of_window(evidence_.confirm, 0);
    const auto second = half_of_window(evidence_.confirm, 1);
    tell_drift("confirm, first half", "confirm, second half", first, second);
    tell_drift("confirm", "test", evidence_.confirm, evidence_.test);
    tell_drift("validate", "confirm", evidence_.validate, evidence_.confirm);
  }

  const ProofEvidence& evidence_;
  const ProofBench& bench_;
  const GateFunction& gate_;
  const Resources& resources_;
  const GateConfig& config_;
  GateConfig unguarded_;
  People people_, control_;
  Json report_ = Json::object();
  Json worlds_ = Json::array();
  bool passed_ = true;
};

std::string percent_of(const Json& value) {
  return value.is_number() ? fmt::format("{:.2f} %", 100 * value.get<double>()) : "-";
}

std::string number_of(const Json& value) {
  return value.is_number() ? fmt::format("{:.4f}", value.get<double>()) : "-";
}

std::string text_of_data(const Json& data) {
  std::string out =
      fmt::format("\n{}: {}, q {}, min_gain {}, {} replicates\n", data["data"].get<std::string>(),
                  data["metric"].get<std::string>(), number_of(data["q"]),
                  percent_of(data["min_gain"]), data["replicates"].get<int>());
  out += fmt::format("{:<52} {:>8} {:>18} {:>8}\n", "every promotion is wrong", "P(any)",
                     "95 % interval", "bar");
  for (const Json& row : data["worlds"]) {
    out +=
        fmt::format("{:<52} {:>8} {:>18} {:>8} {}\n", row["world"].get<std::string>(),
                    number_of(row["rate"]), number_of(row["low"]) + " - " + number_of(row["high"]),
                    number_of(row["bar"]), row["passed"].get<bool>() ? "" : "FAILED");
  }
  out += fmt::format("{:<52} {:>8} {:>18}\n", "power", "power", "false discoveries");
  for (const char* part : {"power", "mixed"}) {
    for (const Json& row : data[part]) {
      out += fmt::format("{:<52} {:>8} {:>18}\n", row["world"].get<std::string>(),
                         number_of(row["power"]), number_of(row["fdr"]));
    }
  }
  out += fmt::format("{:<52} {:>8} {:>18}\n", "drift between confirm and later", "power",
                     "false discoveries");
  for (const Json& row : data["drift_worlds"]) {
    out += fmt::format("{:<52} {:>8} {:>18}\n", percent_of(row["tau"]), number_of(row["power"]),
                       number_of(row["fdr"]));
  }
  out += fmt::format("q is passed at a drift of {}\n", percent_of(data["drift_passed_to"]));
  for (const Json& row : data["drift"]) {
    out += fmt::format(
        "{} to {}: {} segments, drift {} [{}, {}]; {} of users in both, correlation {}\n",
        row["from"].get<std::string>(), row["to"].get<std::string>(), row["segments"].size(),
        percent_of(row["tau"]), percent_of(row["tau_low"]), percent_of(row["tau_high"]),
        percent_of(row["shared"]), number_of(row["correlation"]));
  }
  return out;
}

}  // namespace

Result<ProofEvidence> read_proof_evidence(const std::string& path, const Resources& resources) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  const bool is_bundle = fs::exists(path + "/" + kManifest, ignored);
  const std::string bundle = is_bundle ? path : path + "/bundles/current";
  if (!fs::exists(bundle + "/" + kManifest, ignored)) {
    return Error{ErrorCode::not_found,
                 path + ": no bundle here; expected a workspace after `sartor run`, or a bundle"};
  }
  SARTOR_TRY(verify_folder(bundle));
  const std::string per_user = bundle + "/evidence/per_user.parquet";
  ProofEvidence evidence;
  evidence.name = fs::path(fs::weakly_canonical(path, ignored)).filename().string();
  SARTOR_ASSIGN(auto confirm, read_per_user(per_user, "confirm", resources));
  SARTOR_ASSIGN(const std::string log, read_file(bundle + "/evidence/decisions.jsonl"));
  SARTOR_ASSIGN(GateInput decided, recorded_gate_input(log, std::move(confirm)));
  evidence.config = decided.config;
  evidence.confirm = std::move(decided.segments);
  SARTOR_ASSIGN(evidence.test, read_per_user(per_user, "test", resources));
  SARTOR_ASSIGN(evidence.validate, read_per_user(per_user, "validate", resources));
  SARTOR_ASSIGN(evidence.control, read_per_user(per_user, "control", resources));
  return evidence;
}

Result<Json> prove(const ProofEvidence& evidence, const ProofBench& bench, const GateFunction& gate,
                   const Resources& resources) {
  return Proof(evidence, bench, gate, resources).make();
}

Result<Json> bench_proof(const std::vector<std::string>& inputs, const Json& settings,
                         const Resources& resources) {
  ProofBench bench;
  SARTOR_TRY(read_config(node_from_json(settings), bench, ""));
  const double cpu = cpu_seconds();
  const auto start = std::chrono::steady_clock::now();
  Json out = {{"name", "proof"}, {"data", Json::array()}, {"passed", true}};
  for (const std::string& input : inputs) {
    SARTOR_ASSIGN(const ProofEvidence evidence, read_proof_evidence(input, resources));
    SARTOR_ASSIGN(Json one, prove(evidence, bench, run_gate, resources));
    out["passed"] = out["passed"].get<bool>() && one["passed"].get<bool>();
    out["data"].push_back(std::move(one));
  }
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  out["seconds"] = wall.count();
  out["cpu_seconds"] = cpu_seconds() - cpu;
  out["peak_rss_mb"] = peak_rss_mb();
  out["threads"] = resources.threads;
  return out;
}

std::string proof_text(const Json& report) {
  std::string out;
  for (const Json& data : report["data"]) out += text_of_data(data);
  return out + (report["passed"].get<bool>() ? "\npassed\n" : "\nFAILED\n");
}

}  // namespace sartor
