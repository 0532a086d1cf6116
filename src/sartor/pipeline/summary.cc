#include "sartor/pipeline/summary.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "sartor/base/fields_json.h"
#include "sartor/pipeline/leads.h"
#include "sartor/stats/paired.h"

namespace sartor {
namespace {

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json means_json(const MetricValues& values) {
  Json json = Json::object();
  for (const auto& [metric, of_cases] : values) json[metric] = mean(of_cases);
  return json;
}

// {"general","chosen" or "served","difference","low","high","users"}
Json difference_json(const ArmComparison& c, const char* second) {
  return {{"general", number(c.general)},
          {second, number(c.chosen)},
          {"difference", number(c.difference)},
          {"low", number(c.low)},
          {"high", number(c.high)},
          {"users", c.users}};
}

Json window_json(const OriginView& view, const Window& window) {
  return {{"from", format_time(window.from)},
          {"until", format_time(window.until)},
          {"users", view.fold.size()},
          {"cases", view.cases.size()},
          {"left_out_targets", view.cases.left_out_targets},
          {"left_out_users", view.cases.left_out_users}};
}

Json split_json(const Project& project) {
  Json json = Json::object();
  for (const Origin origin : {Origin::validate, Origin::confirm, Origin::test}) {
    const OriginView& view = project.at(origin);
    json[kOriginNames[static_cast<std::size_t>(origin)]] = window_json(view, view.window);
  }
  return json;
}

// "rerank" where nothing is mixed into it.
std::string general_family(const std::vector<Term>& terms) {
  const auto counts = [](const Term& term) { return term.weight > 0; };
  const auto first = std::find_if(terms.begin(), terms.end(), counts);
  const bool alone = std::count_if(terms.begin(), terms.end(), counts) == 1;
  return alone && first->variant.family == "rerank" ? "rerank" : "blend";
}

// Every metric on lists of the usual lengths beside those that the gate looks at.
Json general_metrics(const RunFacts& facts, Origin origin, const JudgedWindow& judged) {
  Json json = means_json(judged.general);
  const Cases& cases = facts.project->at(origin).cases;
  for (const char* name : {"ndcg@10", "recall@10", "recall@20", "hit@10", "mrr@10", "map@10"}) {
    const Metric metric = parse_metric(name).value();
    if (judged.depth < metric.k || json.contains(name)) continue;
    std::vector<double> values(cases.size());
    for (std::size_t c = 0; c < cases.size(); ++c) {
      const auto list = std::span(judged.general_lists).subspan(c * judged.depth, metric.k);
      values[c] = metric_value(metric, list, cases.targets_of(c));
    }
    json[name] = mean_over_users(cases, values);
  }
  return json;
}

Json beyond_json(const RunFacts& facts) {
  Json json = {{"general", parse_json(facts.backtest->test.general_beyond)}};
  for (const ComponentScore& score : facts.backtest->components)
    json[score.variant.slot] = parse_json(score.beyond);
  return json;
}

Json lead_of(const RunFacts& facts, const ComponentScore& score) {
  return lead_json(facts.backtest->test.general.at(facts.config->gate.metric), score.of_user);
}

Json general_json(const RunFacts& facts) {
  Json parameters = Json::object();
  for (const Term& term : facts.backtest->general_on_test) {
    Json one = config_json(term.variant);
    one["weight"] = term.weight;
    parameters[term.variant.slot] = std::move(one);
  }
  Json components = Json::object();
  for (const ComponentScore& score : facts.backtest->components)
    components[score.variant.slot] = {{"test", score.test}, {"lead", lead_of(facts, score)}};
  return {{"family", general_family(facts.backtest->general_on_test)},
          {"parameters", parameters},
          {"metrics",
           {{"validate", facts.general->metrics},
            {"confirm", general_metrics(facts, Origin::confirm, facts.backtest->confirm)},
            {"test", general_metrics(facts, Origin::test, facts.backtest->test)}}},
          {"components", components},
          {"by_segment", leads_by_segment(facts)},
          {"beyond_accuracy", beyond_json(facts)}};
}

Json segment_json(const RunFacts& facts, std::size_t s) {
  const SegmentRecipe& tuned = (*facts.tried)[facts.chosen].segments[s];
  const SegmentVerdict& verdict = facts.verdict->result.segments[s];
  const GateArms& test = facts.verdict->test_segments[s].metrics.at(facts.config->gate.metric);
  Json guards = Json::array();
  for (const GuardVerdict& guard : verdict.guards) {
    guards.push_back({{"metric", guard.metric},
                      {"margin", guard.margin},
                      {"p", number(guard.p)},
                      {"passed", guard.passed},
                      {"confirm", difference_json(guard.comparison, "chosen")}});
  }
  return {{"name", tuned.segment},
          {"users", verdict.primary.users},
          {"share", verdict.share},
          {"adaptation", tuned.adaptation},
          {"candidate", tuned.candidate},
          {"family", "blend"},
          {"decision", verdict.adapted ? "adapted" : "general"},
          {"reason", verdict.reason},
          {"p", number(verdict.p)},
          {"threshold", number(verdict.threshold)},
          {"smallest_provable_effect", number(verdict.smallest_provable_effect)},
          {"confirm", difference_json(verdict.primary, "chosen")},
          {"test", difference_json(compare_arms(test.general, test.chosen), "chosen")},
          {"shrunk_gain", number(verdict.shrunk_gain)},
          {"validate",
           {{"gain", number(tuned.general > 0 ? tuned.gain / tuned.general : kUnknown)},
            {"users", tuned.users},
            {"trials", tuned.trials}}},
          {"guards", guards},
          {"guard_users_needed", number(verdict.guard_n_needed)},
          {"worth_an_experiment", verdict.passes_q20}};
}

// Attributes and SQL features are somebody's own: that they say nothing is worth a warning.
bool is_declared(const RunFacts& facts, const std::string& feature) {
  if (facts.config->features.sql.contains(feature)) return true;
  const auto& attributes = facts.project->data().user_attributes.columns;
  return std::any_of(attributes.begin(), attributes.end(), [&](const Column& column) {
    return attribute_feature(column.name) == feature;
  });
}

Json features_left_out(const RunFacts& facts) {
  Json list = Json::array();
  for (const LeftOutFeature& one : facts.segments->left_out)
    list.push_back({{"feature", one.feature}, {"reason", one.reason}, {"leak", one.leak}});
  return list;
}

Json warnings_json(const RunFacts& facts) {
  Json warnings = Json::array();
  const auto add = [&](const std::string& code, const std::string& segment,
                       const std::string& detail) {
    warnings.push_back({{"code", code},
                        {"segment", segment.empty() ? Json(nullptr) : Json(segment)},
                        {"detail", detail}});
  };
  for (const GateWarning& warning : facts.verdict->result.warnings)
    add(warning.code, warning.segment, warning.detail);
  for (const GateWarning& warning : facts.verdict->control.warnings)
    add(warning.code, warning.segment, warning.detail);
  for (const Origin origin : {Origin::validate, Origin::confirm, Origin::test}) {
    const Cases& cases = facts.project->at(origin).cases;
    if (cases.thinned_from == 0) continue;
    add("cases_thinned", "",
        fmt::format("{}: {} of {} cases are judged, evenly spread (evaluation.max_cases)",
                    kOriginNames[static_cast<std::size_t>(origin)], cases.size(),
                    cases.thinned_from));
  }
  const std::size_t cases = facts.project->at(Origin::validate).cases.size();
  const auto searched = static_cast<std::size_t>(facts.config->tuning.max_cases);
  if (cases > searched) {
    add("search_thinned", "",
        fmt::format("searches look at {} of {} cases of validate, evenly spread (tuning.max_cases)",
                    searched, cases));
  }
  for (const FittedSegmentation& fitted : facts.segments->segmentations) {
    for (const std::string& line : fitted.warnings)
      add("segmentation", fitted.partition.name, line);
  }
  for (const LeftOutFeature& one : facts.segments->left_out) {
    if (is_declared(facts, one.feature))
      add("feature_left_out", "", fmt::format("'{}': {}", one.feature, one.reason));
  }
  for (const LeftOut& one : facts.general->components_left_out)
    add("component_left_out", "", one.component + ": " + one.reason);
  for (const PartitionRecipe& recipe : *facts.tried) {
    for (const SegmentRecipe& segment : recipe.segments) {
      for (const LeftOut& one : segment.left_out)
        add("candidate_left_out", segment.segment, one.component + ": " + one.reason);
    }
  }
  for (const PartitionRecipe& recipe : *facts.tried) {
    for (const SegmentRecipe& segment : recipe.segments) {
      if (segment.hopeless)
        add("hopeless", segment.segment,
            recipe.name + ": no gain below 20 % could be proved, so nothing was tried");
    }
  }
  for (const std::string& line : facts.general->notes) add("model_note", "", line);
  return warnings;
}

Json control_figures(const ControlSummary& control) {
  return {{"segments", control.segments}, {"tested", control.tested},
          {"promoted", control.promoted}, {"pooled_gain", number(control.pooled_gain)},
          {"low", number(control.low)},   {"high", number(control.high)},
          {"p", number(control.p)}};
}

// With the relative gain and its interval.
Json gain_json(const ArmComparison& c) {
  Json json = difference_json(c, "served");
  json["gain"] = number(c.gain);
  json["gain_low"] = number(c.gain_low);
  json["gain_high"] = number(c.gain_high);
  return json;
}

Json tailoring_json(const RunFacts& facts) {
  Json list = Json::array();
  for (const Tailoring& one : facts.verdict->tailoring) {
    Json segments = Json::array();
    for (const SegmentVerdict& verdict : one.gate.segments) {
      segments.push_back({{"name", verdict.name},
                          {"decision", verdict.adapted ? "adapted" : "general"},
                          {"reason", verdict.reason},
                          {"confirm", difference_json(verdict.primary, "chosen")}});
    }
    const auto in = [](const Tailoring::InWindow& window) {
      return Json{{"ungated", gain_json(window.ungated)}, {"gated", gain_json(window.gated)}};
    };
    list.push_back({{"over", one.over},
                    {"confirm", in(one.confirm)},
                    {"test", in(one.test)},
                    {"segments", segments},
                    {"negative_control", control_figures(one.control)}});
  }
  return list;
}

Json tried_segmentations(const RunFacts& facts) {
  Json tried = Json::array();
  for (const PartitionRecipe& recipe : *facts.tried) {
    tried.push_back({{"name", recipe.name}, {"validate_gain", recipe.usefulness}});
  }
  return tried;
}

Json components_detail(const RunFacts& facts) {
  Json components = Json::array();
  for (const ComponentScore& score : facts.backtest->components) {
    components.push_back({{"name", score.variant.slot},
                          {"family", score.variant.family},
                          {"parameters", score.variant.label()},
                          {"weight", score.weight},
                          {"test", score.test},
                          {"lead", lead_of(facts, score)}});
  }
  return components;
}

// How the general model was chosen, and what its trees look at.
Json general_detail(const RunFacts& facts) {
  const GeneralTuning& general = *facts.general;
  Json importance = Json::array();
  if (general.has_rerank()) {
    std::vector<std::string> components;
    for (const Term& term : general.shortlist) {
      if (term.weight > 0) components.push_back(term.variant.slot);
    }
    const auto shares = general.trees.importance();
    const bool categories = shares.size() > rerank_feature_names(components, false).size();
    const auto names = rerank_feature_names(components, categories);
    for (std::size_t f = 0; f < names.size(); ++f)
      importance.push_back({{"feature", names[f]}, {"share", shares[f]}});
    std::stable_sort(importance.begin(), importance.end(),
                     [](const Json& a, const Json& b) { return a["share"] > b["share"]; });
  }
  return {{"tried", config_json(general.tried)},
          {"left_out", config_json(general.left_out)},
          {"without_rerank", general.without_rerank},
          {"importance", importance}};
}

// Without its folder: a bundle does not tell where its makers keep their files.
std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

Json sources_json(const IngestReport& ingest) {
  Json sources = Json::array();
  for (const FileReport& file : ingest.files) {
    sources.push_back({{"file", file_name(file.file)},
                       {"rows", file.rows},
                       {"kept", file.kept},
                       {"not_kept", file.not_kept},
                       {"bad", file.bad}});
  }
  return sources;
}

Json quarantine_json(const IngestReport& ingest) {
  constexpr std::size_t kShown = 20;
  Json entries = Json::array();
  for (std::size_t i = 0; i < std::min(kShown, ingest.quarantine.size()); ++i) {
    const QuarantineEntry& entry = ingest.quarantine[i];
    entries.push_back({{"source", file_name(entry.source)},
                       {"line", entry.line},
                       {"column", entry.column},
                       {"value", entry.value},
                       {"reason", entry.reason}});
  }
  return entries;
}

Json tuning_detail(const RunFacts& facts) {
  const PartitionRecipe& chosen = (*facts.tried)[facts.chosen];
  int trials = facts.general->recipe.trials;
  Json segments = Json::array();
  Json curve = Json::array();
  const auto add_curve = [&](const std::string& name, const std::vector<double>& best) {
    for (std::size_t t = 0; t < best.size(); t += std::max<std::size_t>(1, best.size() / 50)) {
      curve.push_back({{"segment", name}, {"trial", t + 1}, {"best", best[t]}});
    }
  };
  add_curve("general", curve_of(facts.general->searches.front().trials));
  for (const SegmentRecipe& segment : chosen.segments) trials += segment.trials;
  const auto share = [&](int part) {
    return trials > 0 ? static_cast<double>(part) / trials : 0.0;
  };
  const int general = facts.general->recipe.trials;
  segments.push_back(
      {{"segment", "general"}, {"trials", general}, {"importance", 1}, {"share", share(general)}});
  for (const SegmentRecipe& segment : chosen.segments) {
    segments.push_back({{"segment", segment.segment},
                        {"trials", segment.trials},
                        {"importance", segment.importance},
                        {"share", share(segment.trials)}});
    if (!segment.searches.empty())
      add_curve(segment.segment, curve_of(segment.searches.front().trials));
  }
  return {{"trials", trials}, {"segments", segments}, {"curve", curve}};
}

Json tried_detail(const RunFacts& facts) {
  Json tried = Json::array();
  for (const SegmentRecipe& segment : (*facts.tried)[facts.chosen].segments) {
    for (const TriedRecipe& one : segment.tried) {
      const double scale = segment.general > 0 ? 1 / segment.general : 0;
      tried.push_back({{"segment", segment.segment},
                       {"candidate", one.candidate},
                       {"validate_gain", one.gain * scale},
                       {"low", one.low * scale},
                       {"high", one.high * scale},
                       {"chosen", one.candidate == segment.candidate}});
    }
  }
  return tried;
}

}  // namespace

Json summary_json(const RunFacts& facts) {
  const IngestReport& ingest = *facts.ingest;
  const FittedSegmentation& chosen = facts.segments->segmentations[facts.chosen];
  Json segments = Json::array();
  for (std::size_t s = 0; s < chosen.partition.segments.size(); ++s) {
    segments.push_back(segment_json(facts, s));
  }
  const GateResult& gate = facts.verdict->result;
  const auto overall_test =
      compare_served(facts.verdict->test_segments, gate, facts.config->gate.metric);
  return {{"name", facts.config->name},
          {"data",
           {{"events", ingest.events},
            {"users", ingest.users},
            {"items", ingest.items},
            {"quarantined", ingest.quarantined},
            {"removed", ingest.removed}}},
          {"split", split_json(*facts.project)},
          {"metric", facts.config->gate.metric},
          {"general", general_json(facts)},
          {"segmentation",
           {{"name", chosen.partition.name},
            {"kind", chosen.kind},
            {"version", parse_json(chosen.segmentation).value("version", 1)},
            {"tried", tried_segmentations(facts)}}},
          {"segments", segments},
          {"features", {{"left_out", features_left_out(facts)}}},
          {"looks", gate.looks},
          {"negative_control", control_figures(facts.verdict->control)},
          {"overall",
           {{"confirm", difference_json(gate.overall, "served")},
            {"test", difference_json(overall_test, "served")}}},
          {"tailoring", tailoring_json(facts)},
          {"expected_live_gain", number(gate.expected_live_gain)},
          {"warnings", warnings_json(facts)}};
}

Json details_json(const RunFacts& facts) {
  const IngestReport& ingest = *facts.ingest;
  Json profiles = Json::array();
  Json stability = Json::array();
  for (const FittedSegmentation& fitted : facts.segments->segmentations) {
    for (const Json& profile : parse_json(fitted.profiles)) {
      Json named = {{"segmentation", fitted.partition.name}};
      named.update(profile);
      profiles.push_back(std::move(named));
    }
    const Json stable = parse_json(fitted.stability);
    if (!stable.is_null()) {
      stability.push_back({{"segmentation", fitted.partition.name},
                           {"ari", stable["ari"]},
                           {"jaccard", stable["jaccard"]}});
    }
  }
  const FittedSegmentation& chosen = facts.segments->segmentations[facts.chosen];
  const Json segmentation = parse_json(chosen.segmentation);
  return {{"name", facts.config->name},
          {"data",
           {{"span", {{"from", format_time(ingest.first)}, {"until", format_time(ingest.last)}}},
            {"events", ingest.events},
            {"positives", ingest.positives},
            {"users", ingest.users},
            {"items", ingest.items},
            {"sources", sources_json(ingest)},
            {"quarantine", quarantine_json(ingest)},
            {"quarantined", ingest.quarantined},
            {"removed", ingest.removed},
            {"changed", ingest.changed},
            {"missing", ingest.missing}}},
          {"split", split_json(*facts.project)},
          {"components", components_detail(facts)},
          {"general", general_detail(facts)},
          {"coverage",
           {{"confirm", facts.backtest->confirm.general_coverage},
            {"test", facts.backtest->test.general_coverage}}},
          {"profiles", profiles},
          {"stability", stability},
          {"map", parse_json(chosen.map)},
          {"dendrogram", segmentation.value("dendrogram", Json())},
          {"tuning", tuning_detail(facts)},
          {"tried", tried_detail(facts)},
          {"gate", config_json(facts.config->gate)},
          {"sartor_version", SARTOR_VERSION}};
}

}  // namespace sartor
