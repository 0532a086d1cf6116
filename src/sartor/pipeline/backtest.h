// Takes a frozen recipe through time: refits it for confirm and for test on all that was known
// before each, judges it there on the whole catalogue, and fits it once more on everything for the
// bundle.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "sartor/evaluation/evaluate.h"
#include "sartor/models/blend.h"
#include "sartor/pipeline/project.h"
#include "sartor/pipeline/recipe.h"
#include "sartor/pipeline/tune.h"

namespace sartor {

// A partition as of each origin: who is in which segment.
struct PartitionInTime {
  std::string name;
  std::vector<std::string> segments;
  std::array<std::vector<std::uint32_t>, 4> of_user;  // by origin

  Partition at(Origin origin) const {
    return {name, segments, of_user[static_cast<std::size_t>(origin)]};
  }
};

// Metric -> value of each user.
using MetricValues = std::map<std::string, std::vector<double>>;

// One window judged: general, and for each case the winner of its segment (general's values where
// there is none).
struct JudgedWindow {
  std::vector<UserId> users;           // each user of the cases once
  std::vector<std::uint32_t> segment;  // of each user
  MetricValues general;                // means over a user's cases
  MetricValues chosen;
  std::vector<ItemId> general_lists;  // cases x depth
  std::vector<ItemId> chosen_lists;
  std::size_t depth = 0;
  double general_coverage = 0;  // share of the eligible items in at least one top-10 list
  std::string general_beyond;   // beyond_accuracy_json of general; on test only
};

struct ComponentScore {
  VariantSpec variant;
  double weight = 0;                   // in the general blend that served test
  std::map<std::string, double> test;  // metric -> mean, of the component alone
  std::vector<double> of_user;         // the gate's metric on test, of each user of that window
  std::string beyond;                  // beyond_accuracy_json, likewise
};

// A blend fitted on everything, as the bundle keeps it: components by name, so that blends share
// them.
struct FittedBlend {
  std::string name;         // of its folder: "general", "segment-2-loyal"
  std::string segment;      // "" for general
  std::vector<Term> terms;  // with the refitted weights
  BlendConfig config;
  ModelMap components;              // empty once it was loaded
  std::vector<std::string> models;  // names of all components, those of a re-ranker among them
};

struct BacktestInput {
  const Project* project = nullptr;
  const Config* config = nullptr;
  const GeneralTuning* general = nullptr;
  const PartitionInTime* partition = nullptr;
  const PartitionRecipe* recipe = nullptr;
  const PartitionInTime* control = nullptr;  // null: no control
  const PartitionRecipe* control_recipe = nullptr;
  // Tailoring over the linear blend, of the same segments; null where general is the blend.
  const PartitionRecipe* over_blend = nullptr;
  const PartitionRecipe* control_over_blend = nullptr;
};

struct Backtest {
  JudgedWindow validate;  // with weights fitted on it: lists to look at, no evidence
  JudgedWindow confirm;
  JudgedWindow test;
  JudgedWindow control;  // on confirm, by the random segments
  // The linear blend and what is tailored from it, where general is more; no lists.
  JudgedWindow blend_confirm;
  JudgedWindow blend_test;
  JudgedWindow blend_control;  // on confirm
  std::vector<ComponentScore> components;
  std::vector<Term> general_on_test;  // the refitted blend
  std::vector<FittedBlend> fitted;    // on everything: general first, then every winner
};

// Deterministic at any thread count.
Result<Backtest> backtest(const BacktestInput& input, const Resources& resources);

}  // namespace sartor
