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
  return {{"op_code", kCreateTrial},
          {"worker_id", kWorker},
          {"study_id", study},
          {"datetime_start", time},
          {"datetime_complete", time},
          {"state", kComplete},
          {"value", trial.value},
          {"values", nullptr},
          {"distributions", distributions},
          {"params", params},
          {"user_attrs", Json::object()},
          {"system_attrs", Json::object()},
          {"intermediate_values", Json::object()}};
}

}  // namespace

std::string optuna_journal(const std::vector<TrialStudy>& studies, const VariantPlan& plan) {
  std::string journal;
  for (std::size_t id = 0; id < studies.size(); ++id) {
    const TrialSeries& series = studies[id].series;
    add_line({{"op_code", kCreateStudy},
              {"worker_id", kWorker},
              {"study_name", studies[id].name},
              {"directions", {kMaximise}}},
             journal);
    const auto add_attribute = [&](const Json& attribute) {  // one a line
      add_line({{"op_code", kSetStudyAttribute},
                {"worker_id", kWorker},
                {"study_id", id},
                {"user_attr", attribute}},
               journal);
    };
    add_attribute({{"adaptation", series.adaptation}});
    if (series.strength > 0) add_attribute({{"strength", series.strength}});
    for (std::size_t t = 0; t < series.trials.size(); ++t) {
      add_line(trial_line(id, t, series, series.trials[t], plan), journal);
    }
  }
  return journal;
}

}  // namespace sartor
