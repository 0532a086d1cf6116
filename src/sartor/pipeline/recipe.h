// What is chosen on validate and then frozen. Weights are its starting values: they are refitted
// for every later window.
#pragma once

#include <string>
#include <tuple>
#include <vector>

#include "sartor/base/json.h"
#include "sartor/tuning/tailor.h"
#include "sartor/tuning/variants.h"

namespace sartor {

struct BlendRecipe {
  std::vector<Term> terms;
  double validate = 0;  // held-out mean of the gate's metric
  int trials = 0;

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"terms", &BlendRecipe::terms, "the components"},
        Field{"validate", &BlendRecipe::validate, "held-out mean of the metric on validate"},
        Field{"trials", &BlendRecipe::trials, "how many were tried"});
  }
};

// One line of "what was tried" for a segment.
struct TriedRecipe {
  std::string candidate;
  double gain = 0;  // held-out difference to general on validate, absolute, with its 95% interval
  double low = 0;
  double high = 0;

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"candidate", &TriedRecipe::candidate, "what"},
        Field{"gain", &TriedRecipe::gain, "held-out difference to general on validate"},
        Field{"low", &TriedRecipe::low, "of its 95% interval"},
        Field{"high", &TriedRecipe::high, "of its 95% interval"});
  }
};

struct SegmentRecipe {
  std::string segment;
  std::string adaptation = "general";  // of the winner; "general" if nothing was better on validate
  std::string candidate;               // the winner's label
  double share = 0;
  double strength = 0;
  std::vector<Term> own;            // the winner's own weights, before they are pulled to general's
  std::vector<std::string> closed;  // slots of `own` that its limits forbid
  double gain = 0;         // held-out difference of the winner (or the best loser) on validate
  double general = 0;      // held-out mean of general on the segment's validate cases
  double relative_sd = 0;  // sd of the winner's differences / general's mean: r of PROOF 7
  int users = 0;           // on validate
  int trials = 0;
  double importance = 1;
  bool hopeless = false;  // too few users in confirm to prove anything: nothing was tried
  std::vector<TriedRecipe> tried;
  std::vector<LeftOut> left_out;      // candidates that could not be fitted
  std::vector<TrialSeries> searches;  // every trial; the search for own weights first

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"segment", &SegmentRecipe::segment, "name"},
        Field{"adaptation", &SegmentRecipe::adaptation, "of the winner on validate"},
        Field{"candidate", &SegmentRecipe::candidate, "the winner"},
        Field{"share", &SegmentRecipe::share,
              "of the way from general's weights to the segment's own"},
        Field{"strength", &SegmentRecipe::strength, "of fine-tuning"},
        Field{"own", &SegmentRecipe::own, "the winner's own weights"},
        Field{"closed", &SegmentRecipe::closed, "slots that its limits forbid"},
        Field{"gain", &SegmentRecipe::gain, "held-out difference to general on validate"},
        Field{"general", &SegmentRecipe::general, "held-out mean of general on validate"},
        Field{"relative_sd", &SegmentRecipe::relative_sd, "sd of differences / mean of general"},
        Field{"users", &SegmentRecipe::users, "on validate"},
        Field{"trials", &SegmentRecipe::trials, "spent"},
        Field{"importance", &SegmentRecipe::importance, "factor of its share of the budget"},
        Field{"hopeless", &SegmentRecipe::hopeless, "too few users to prove anything"},
        Field{"tried", &SegmentRecipe::tried, "every candidate"},
        Field{"left_out", &SegmentRecipe::left_out, "candidates that could not be fitted"},
        Field{"searches", &SegmentRecipe::searches, "every trial"});
  }
  bool has_winner() const { return adaptation != "general"; }
};

struct PartitionRecipe {
  std::string name;  // of the segmentation; "control" for the random one
  std::vector<SegmentRecipe> segments;
  double usefulness =
      0;  // validate_gain of the segments that have enough users in confirm to prove anything

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"name", &PartitionRecipe::name, "of the segmentation"},
        Field{"segments", &PartitionRecipe::segments, "in the segmentation's order"},
        Field{"usefulness", &PartitionRecipe::usefulness,
              "relative gain on validate of what could be proved"});
  }
  // Relative gain over all validate users, held out, if the winners of the segments with `provable`
  // set were served.
  double validate_gain(const std::vector<bool>& provable) const;
};

}  // namespace sartor
