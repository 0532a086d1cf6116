// [tuning] and [models]: what may be tried, and how much of it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "sartor/base/fields.h"
#include "sartor/models/trees.h"

namespace sartor {

// What a segment may become; `general` always may.
struct SegmentLimits {
  std::vector<std::string> families;
  std::vector<std::string> adaptations = {"blended", "fine_tuned", "separate"};
  std::int64_t rows = 0;
  double milliseconds = 0;
  double megabytes = 0;

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"families", &SegmentLimits::families, "of its components; all if empty"},
        Field{"adaptations", &SegmentLimits::adaptations, "of blended, fine_tuned and separate"},
        Field{"rows", &SegmentLimits::rows, 0, 1e12, Scale::fixed,
              "interactions that models of its own are fitted on at most; 0: all"},
        Field{"milliseconds", &SegmentLimits::milliseconds, 0, 1e6, Scale::fixed,
              "that its list may cost, as counted (docs/tuning.md); 0: any"},
        Field{"megabytes", &SegmentLimits::megabytes, 0, 1e6, Scale::fixed,
              "that models of its own may add to the bundle; 0: any"});
  }
};

struct TuningConfig {
  int trials = 200;
  double minutes = 0;
  std::string sampler = "coordinate";
  std::map<std::string, double> importance;
  std::map<std::string, SegmentLimits> limits;
  std::vector<double> shrink = {0.5, 1.0};
  std::vector<double> strengths = {1.0, 4.0};
  int candidates = 100;
  int keep_variants = 2;
  int component_trials = 0;
  int max_cases = 20000;
  bool seasons = true;
  std::uint64_t seed = 1;

  static constexpr auto fields() {
    return std::make_tuple(
        Field{
            "trials", &TuningConfig::trials, 1, 1e6, Scale::fixed,
            "per run: half to general, half shared over the segments by size x importance; a trial "
            "of coordinate is all variants and weights of one component, of a sampler one blend"},
        Field{
            "minutes", &TuningConfig::minutes, 0, 1e5, Scale::fixed,
            "of the clock instead of trials, shared likewise; 0: by trials. What is found depends "
            "on the machine"},
        Field{"sampler", &TuningConfig::sampler,
              "coordinate: one component after the other, on the metric itself; auto, gp, tpe, "
              "quasi_random, random, grid: whole blends (docs/tuning.md)"},
        Field{"importance", &TuningConfig::importance,
              "segment = factor of its share of the trials; 1 if not named"},
        Field{"limits", &TuningConfig::limits,
              "segment = { families = [\"popularity\", …], adaptations = [\"blended\", "
              "\"fine_tuned\", \"separate\"], rows = …, milliseconds = …, megabytes = … } that it "
              "may "
              "have; [tuning.limits.SEGMENT]"},
        Field{"shrink", &TuningConfig::shrink,
              "`blended`: how far a segment's weights may leave general's, 0 to 1; each is tried"},
        Field{"strengths", &TuningConfig::strengths,
              "`fine_tuned`: how much a segment's users count more than everybody does; each is "
              "tried"},
        Field{"candidates", &TuningConfig::candidates, 20, 10000, Scale::fixed,
              "items of each component that a search looks at"},
        Field{"keep_variants", &TuningConfig::keep_variants, 1, 1000, Scale::fixed,
              "of each component, after the last window before validate was looked at with all"},
        Field{"component_trials", &TuningConfig::component_trials, 0, 1e5, Scale::fixed,
              "of the hyper-parameters of general's components, on the last window before "
              "validate; 0: "
              "those of [models] alone"},
        Field{"max_cases", &TuningConfig::max_cases, 100, 1e9, Scale::fixed,
              "cases of a window that a search looks at, evenly spread where there are more; of a "
              "small segment up to 2000. Verdicts are over all cases"},
        Field{"seasons", &TuningConfig::seasons,
              "where the log spans 330 days, a segmentation by season_taste competes with those of "
              "[[segments]]"},
        Field{"seed", &TuningConfig::seed, 0, 9e15, Scale::fixed, "of every random choice"});
  }
};

// What the general blend is made of. Lists are variants of which the search takes one per slot.
struct ModelsConfig {
  std::vector<std::string> families = {"popularity", "own_history", "item_knn", "ease",
                                       "als",        "due_again",   "rerank"};
  std::vector<double> popularity_half_lives = {0.5, 1, 3.5, 7, 14};
  std::vector<double> popularity_long_half_lives = {30, 90, 0};
  std::vector<double> own_history_half_lives = {7, 14, 30, 60, 120, 0};
  std::vector<double> item_knn_shrinkage = {10};
  std::vector<double> ease_regularization = {100, 300, 1000};
  std::vector<double> history_half_lives = {60, 0};
  int neighbours = 100;
  int max_items = 12000;
  int max_memory_mb = 5120;
  int rerank_candidates = 150;
  int rerank_depth = 80;
  int rerank_cases = 4000;
  TreesConfig trees;

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"families", &ModelsConfig::families,
              "of the general blend; trend, new_items, context_popularity, covisitation, item2vec "
              "and content may be added"},
        Field{"popularity_half_lives", &ModelsConfig::popularity_half_lives,
              "days; what is wanted now"},
        Field{"popularity_long_half_lives", &ModelsConfig::popularity_long_half_lives,
              "days, 0 never fades; what is always wanted"},
        Field{"own_history_half_lives", &ModelsConfig::own_history_half_lives,
              "days, 0 never fades"},
        Field{"item_knn_shrinkage", &ModelsConfig::item_knn_shrinkage,
              "added to the norms' product in the cosine"},
        Field{"ease_regularization", &ModelsConfig::ease_regularization,
              "added to the Gram matrix's diagonal"},
        Field{"history_half_lives", &ModelsConfig::history_half_lives,
              "days after which an item of the user's history counts half, for item_knn and ease; "
              "0 never fades"},
        Field{"neighbours", &ModelsConfig::neighbours, 1, 10000, Scale::fixed,
              "of an item in item_knn"},
        Field{"max_items", &ModelsConfig::max_items, 10, 1e6, Scale::fixed,
              "items that ease learns, the most frequent first"},
        Field{
            "max_memory_mb", &ModelsConfig::max_memory_mb, 16, 1e7, Scale::fixed,
            "for the item by item matrices of ease and item_knn; where they would need more, fewer "
            "items are learned, and a note says so"},
        Field{"rerank_candidates", &ModelsConfig::rerank_candidates, 10, 10000, Scale::fixed,
              "items of a blend's list that trees put in order"},
        Field{"rerank_depth", &ModelsConfig::rerank_depth, 10, 10000, Scale::fixed,
              "items of a list that trees are fitted on"},
        Field{"rerank_cases", &ModelsConfig::rerank_cases, 100, 1e9, Scale::fixed,
              "cases of a window that weights and trees are fitted on, where there are more"},
        Field{"trees", &ModelsConfig::trees, "of the re-ranker"});
  }
};

}  // namespace sartor
