#include "sartor/tuning/journal.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sartor/base/json.h"
#include "sartor/base/time.h"

namespace sartor {
namespace {

// Optuna's numbers for what a line does, how a study is directed and how a trial ended.
constexpr int kCreateStudy = 0;
constexpr int kSetStudyAttribute = 2;
constexpr int kCreateTrial = 4;
constexpr int kMaximise = 2;
constexpr int kComplete = 1;
constexpr int kFail = 3;
constexpr const char* kWorker = "sartor";

void add_line(const Json& line, std::string& journal) { journal += json_text(line) + "\n"; }

Json study_line(const std::string& name) {
  return {{"op_code", kCreateStudy},
          {"worker_id", kWorker},
          {"study_name", name},
          {"directions", {kMaximise}}};
}

Json categorical(const VariantPlan& plan, const Slot& slot) {
  Json labels = Json::array();
  for (const std::size_t v : slot.variants) labels.push_back(plan.variants[v].label());
  return {{"name", "CategoricalDistribution"}, {"attributes", {{"choices", labels}}}};
}

Json share() {
  return {{"name", "FloatDistribution"},
          {"attributes", {{"step", nullptr}, {"low", 0.0}, {"high", 1.0}, {"log", false}}}};
}

// The family of the only component with weight, else "blend".
std::string family_of(const VariantPlan& plan, const BlendPoint& point) {
  std::string family;
  for (std::size_t s = 0; s < std::min(plan.slots.size(), point.weight.size()); ++s) {
    if (point.weight[s] == 0) continue;
    if (!family.empty()) return "blend";
    family = plan.variants[plan.slots[s].variants.front()].family;
  }
  return family;
}

Json segment_names(const TrialStudy& study) {
  if (study.segment.empty()) return Json::object();
  return {{"segmentation", study.segmentation}, {"segment", study.segment}};
}

Json trial_attributes(const TrialStudy& study, const TrialSeries& series, const BlendTrial& trial,
                      const VariantPlan& plan) {
  Json attributes = {{"adaptation", series.adaptation}, {"family", family_of(plan, trial.point)}};
  if (series.strength > 0) attributes["strength"] = series.strength;
  attributes.update(segment_names(study));
  return attributes;
}

std::string trial_time(std::size_t number) {
  std::string time = format_time(static_cast<Time>(number) * 1'000'000);
  return time.replace(time.size() - 1, 1, "+00:00");  // Python before 3.11 does not know "Z"
}

Json distribution(const ComponentRange& range) {
  return {{"name", range.whole ? "IntDistribution" : "FloatDistribution"},
          {"attributes",
           {{"step", range.whole ? Json(1) : Json(nullptr)},
            {"low", range.whole ? Json(static_cast<std::int64_t>(range.low)) : Json(range.low)},
            {"high", range.whole ? Json(static_cast<std::int64_t>(range.high)) : Json(range.high)},
            {"log", range.log}}}};
}

// The slots that are searched, in the order of the ranges.
Json component_names(const ComponentStudy& study) {
  Json names = Json::array();
  for (const ComponentRange& range : study.ranges) {
    if (names.empty() || names.back() != range.slot) names.push_back(range.slot);
  }
  return names;
}

Json component_line(std::size_t id, std::size_t number, const ComponentTrial& trial,
                    const ComponentStudy& study) {
  const Json names = component_names(study);
  const Json of_names = {{"name", "CategoricalDistribution"}, {"attributes", {{"choices", names}}}};
  Json distributions = {{"component", json_text(of_names)}};
  Json params = {
      {"component", std::find(names.begin(), names.end(), trial.variant.slot) - names.begin()}};
  for (const ComponentRange& range : study.ranges) {
    const auto value = trial.variant.parameters.find(range.key);
    if (range.slot != trial.variant.slot || value == trial.variant.parameters.end()) continue;
    const std::string name = range.slot + "." + range.key;
    distributions[name] = json_text(distribution(range));
    params[name] = value->second;
  }
  const std::string time = trial_time(number);
  return {{"op_code", kCreateTrial},
          {"worker_id", kWorker},
          {"study_id", id},
          {"datetime_start", time},
          {"datetime_complete", time},
          {"state", trial.failed ? kFail : kComplete},
          {"value", trial.failed ? Json(nullptr) : Json(trial.value)},
          {"values", nullptr},
          {"distributions", distributions},
          {"params", params},
          {"user_attrs",
           {{"adaptation", "components"}, {"family", trial.variant.family}, {"rung", trial.rung}}},
          {"system_attrs", Json::object()},
          {"intermediate_values", Json::object()}};
}

Json trial_line(std::size_t study, std::size_t number, const TrialSeries& series,
                const BlendTrial& trial, const VariantPlan& plan) {
  Json distributions = Json::object();
  Json params = Json::object();
  const bool choice = series.adaptation != "fine_tuned";  // its slots hold one variant each
  // The general search is over before there is a re-ranker, the plan's last slot.
  const std::size_t slots = std::min(plan.slots.size(), trial.point.weight.size());
  for (std::size_t s = 0; s < slots; ++s) {
    const Slot& slot = plan.slots[s];
    if (choice && slot.variants.size() > 1) {
      distributions[slot.name] = json_text(categorical(plan, slot));
      params[slot.name] = trial.point.choice[s];
    }
    distributions[slot.name + ".weight"] = json_text(share());
    params[slot.name + ".weight"] = trial.point.weight[s];
  }
  const std::string time = trial_time(number);
  return {{"op_code", kCreateTrial}, {"worker_id", kWorker},      {"study_id", study},
          {"datetime_start", time},  {"datetime_complete", time}, {"state", kComplete},
          {"value", trial.value},    {"values", nullptr},         {"distributions", distributions},
          {"params", params}};
}

}  // namespace

std::string optuna_journal(const std::vector<TrialStudy>& studies, const VariantPlan& plan,
                           const ComponentStudy& components) {
  std::string journal;
  for (std::size_t id = 0; id < studies.size(); ++id) {
    const TrialStudy& study = studies[id];
    add_line(study_line(study.name), journal);
    const Json names = segment_names(study);
    for (const auto& [key, value] : names.items()) {  // one a line
      add_line({{"op_code", kSetStudyAttribute},
                {"worker_id", kWorker},
                {"study_id", id},
                {"user_attr", {{key, value}}}},
               journal);
    }
    std::size_t number = 0;
    for (const TrialSeries& series : study.series) {
      for (const BlendTrial& trial : series.trials) {
        Json line = trial_line(id, number++, series, trial, plan);
        line["user_attrs"] = trial_attributes(study, series, trial, plan);
        line["system_attrs"] = Json::object();
        line["intermediate_values"] = Json::object();
        add_line(line, journal);
      }
    }
  }
  if (components.trials.empty()) return journal;
  add_line(study_line(components.name), journal);
  for (std::size_t t = 0; t < components.trials.size(); ++t)
    add_line(component_line(studies.size(), t, components.trials[t], components), journal);
  return journal;
}

}  // namespace sartor
