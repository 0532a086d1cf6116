// Trials of searches that are under way, in a file that grows by a line per trial: a run that is
// stopped in the middle of a search goes on behind its last trial.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "sartor/base/fields.h"
#include "sartor/base/result.h"

namespace sartor {

// One blend: for each slot which of its variants, and its weight (>= 0, sum 1).
struct BlendPoint {
  std::vector<std::size_t> choice;  // position in Slot::variants
  std::vector<float> weight;

  bool operator==(const BlendPoint&) const = default;

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"choice", &BlendPoint::choice, "position of the variant within each slot"},
        Field{"weight", &BlendPoint::weight, "of each slot"});
  }
};

// What one trial found: the best of a component's line, or a sampler's blend. The first trial of a
// search is its start.
struct BlendTrial {
  BlendPoint point;
  double value = 0;  // mean metric over the cases searched on

  bool operator==(const BlendTrial&) const = default;

  static constexpr auto fields() {
    return std::make_tuple(Field{"point", &BlendTrial::point, "the blend"},
                           Field{"value", &BlendTrial::value, "mean of the metric"});
  }
};

// Which search a trial belongs to.
struct StudyKey {
  std::string segmentation;  // "" of general
  std::string segment;       // likewise
  std::string adaptation;    // "general", "refined", "blended", "fine_tuned", …
  double strength = 0;       // of fine-tuning
  int fold = -1;             // left out; -1: none is
  std::string plan;  // names what is chosen from, where one search may be tried with several

  bool operator==(const StudyKey&) const = default;

  static constexpr auto fields() {
    return std::make_tuple(Field{"segmentation", &StudyKey::segmentation, "empty of general"},
                           Field{"segment", &StudyKey::segment, "empty of general"},
                           Field{"adaptation", &StudyKey::adaptation, "that is searched for"},
                           Field{"strength", &StudyKey::strength, "of fine-tuning"},
                           Field{"fold", &StudyKey::fold, "left out; -1: none"},
                           Field{"plan", &StudyKey::plan, "what is chosen from"});
  }
};

// The trials known of one search, in order.
struct Study {
  StudyKey key;
  std::vector<BlendTrial> trials;
};

// Threads may share it; a search has one writer.
class TrialLog {
 public:
  // Reads `path` if it is there. A torn last line, and all behind a line that is none of ours, is
  // cut off. Fails with `io`.
  static Result<std::unique_ptr<TrialLog>> open(const std::string& path);
  ~TrialLog();
  TrialLog(const TrialLog&) = delete;
  TrialLog& operator=(const TrialLog&) = delete;

  std::vector<BlendTrial> of(const StudyKey& key) const;
  // Appends in one write; not synced: what a lost machine forgets is searched again.
  Status add(const StudyKey& key, const BlendTrial& trial);
  std::vector<Study> studies() const;  // by their first trials
  // Since the searches began, without the time in which nobody searched: as of the last trial of
  // before, and since open().
  double seconds() const;

 private:
  TrialLog() = default;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sartor
