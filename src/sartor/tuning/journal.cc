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
constexpr const char* kWorker = "sartor";

void add_line(const Json& line, std::string& journal) { journal += json_text(line) + "\n"; }

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
  std::string time = format_time(static_cast<Time>(number) * 1'000'000);
  time.replace(time.size() - 1, 1, "+00:00");  // Python before 3.11 does not know "Z"
  return {{"op_code", kCreateTrial}, {"worker_id", kWorker},      {"study_id", study},
          {"datetime_start", time},  {"datetime_complete", time}, {"state", kComplete},
          {"value", trial.value},    {"values", nullptr},         {"distributions", distributions},
          {"params", params}};
}

}  // namespace

std::string optuna_journal(const std::vector<TrialStudy>& studies, const VariantPlan& plan) {
  std::string journal;
  for (std::size_t id = 0; id < studies.size(); ++id) {
    const TrialStudy& study = studies[id];
    add_line({{"op_code", kCreateStudy},
              {"worker_id", kWorker},
              {"study_name", study.name},
              {"directions", {kMaximise}}},
             journal);
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
  return journal;
}

}  // namespace sartor
