// Tries every adaptation for one segment on validate and names the best, by values of users that a
// fit never saw.
//
//   blended(share)                 the segment's own weights and half-lives, pulled to general's
//   fine_tuned(strength[, share])  models pulled to the segment, with general's weights or its own
//   separate[(share)]              models fitted to the segment's users alone, likewise
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sartor/tuning/config.h"
#include "sartor/tuning/cross_fit.h"
#include "sartor/tuning/variants.h"

namespace sartor {

struct Candidate {
  std::string adaptation = "general";  // "general", "blended", "fine_tuned", "separate"
  double share = 0;                    // of the way from general's weights to the segment's own
  double strength = 0;  // fine_tuned: how much more the segment's users count; else 0
  BlendPoint own;       // before it is pulled to general; choices are of the slots given

  std::string label() const;  // "blended, share 0.5"
};

struct TriedCandidate {
  Candidate candidate;
  std::vector<double> values;  // per case of the segment, held out
  double gain = 0;             // mean difference to general, absolute
  double low = 0;              // its 95% interval
  double high = 0;
};

// The trials of one search, in order.
struct TrialSeries {
  std::string adaptation;  // "general", "refined", "blended", "fine_tuned", "separate"
  double strength = 0;     // of fine-tuning
  std::vector<BlendTrial> trials;

  static constexpr auto fields() {
    return std::make_tuple(Field{"adaptation", &TrialSeries::adaptation, "that was searched for"},
                           Field{"strength", &TrialSeries::strength, "of fine-tuning"},
                           Field{"trials", &TrialSeries::trials, "in order"});
  }
};

// Of a segment; the defaults where nothing is said of it.
SegmentLimits limits_of(const TuningConfig& config, const std::string& segment);

// Which of the slots, given the family of each, a segment with these limits may not use; empty if
// it may use all.
std::vector<std::uint8_t> closed_slots(std::span<const std::string> families,
                                       const SegmentLimits& limits);

struct SegmentTuning {
  std::size_t cases = 0;
  std::vector<TrialSeries> searches;  // the one for own weights first
  std::vector<double> general;        // general's values per case, held out
  std::vector<TriedCandidate> tried;
  std::vector<std::uint8_t> closed;  // slots that its limits forbid; empty: none
  std::vector<LeftOut> left_out;     // candidates that could not be fitted, or may not be
  int chosen = -1;  // position in `tried` of the largest gain if that is > 0, else -1
};

// An adaptation that has models of its own.
struct OwnModels {
  std::string adaptation;
  double strength = 0;
  std::vector<double> shares;  // of the way to its own weights; beside general's weights
  // Its models on the segment's cases, in the order of `cases`: one variant per slot, the one that
  // general chose. Fails with `invalid_argument` where they cannot be fitted.
  std::function<Result<ScorePool>()> pool;
};

struct TailorInput {
  const ScorePool* pool = nullptr;  // validate, all variants
  std::span<const Slot> slots;
  std::vector<std::size_t> cases;       // of the segment, positions in the pool
  std::vector<std::uint8_t> fold;       // of each
  const FoldPoints* general = nullptr;  // general's points
  std::span<const FoldPoints> first;  // what else was good for everybody: a sampler tries it first
  BlendSearchOptions search;          // `closed` are the segment's limits
  bool blended = true;                // whether that may be tried
  double seconds = 0;                 // for all searches together, where the clock says how long
  // From general to the segment: the way is gone as far as it pays. What comes behind models that,
  // with general's weights, are proved worse than general is not fitted; `separate` only where
  // those before it are no worse at all.
  std::vector<OwnModels> own;
};

Result<SegmentTuning> tailor(const TailorInput& input, const TuningConfig& config,
                             const Resources& resources);

// A budget, in trials or seconds, shared over segments by size x importance, one after the other:
// what one does not spend is shared by those behind it.
class BudgetShares {
 public:
  // Each gets at least `least`, but nothing where importance or size is 0.
  BudgetShares(double budget, std::span<const std::size_t> sizes,
               std::span<const double> importance, double least);

  // Of the next segment.
  double next();
  // By that segment.
  void spent(double amount) { left_ -= amount; }

 private:
  double left_;
  double least_;
  std::vector<double> parts_;
  std::size_t at_ = 0;
};

}  // namespace sartor
