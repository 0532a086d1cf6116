// The `segment` step: every configured segmentation and the one by seasons, fitted on train,
// assigned as of each origin, and judged.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sartor/base/json.h"
#include "sartor/features/feature_screen.h"
#include "sartor/models/embedding.h"
#include "sartor/pipeline/backtest.h"
#include "sartor/pipeline/project.h"
#include "sartor/segments/segmentation.h"

namespace sartor {

struct FittedSegmentation {
  std::string kind;           // "rules", "kmeans", …
  std::string segmentation;   // JSON, as the bundle keeps it
  PartitionInTime partition;  // as of each origin
  std::string profiles;       // JSON: [{"segment","users","share","sentence","contrasts"}]
  std::string stability;      // JSON: {"ari","jaccard"}; "null" for rules
  std::string map;            // JSON: {"points","explained"}
  bool unasked = false;       // seasons, which nobody configured: only shoppers of a season count
  double moved_share = 0;     // of confirm's cases that are in another segment at the window's end
  std::vector<std::string> warnings;
};

struct SegmentStep {
  std::vector<FittedSegmentation> segmentations;
  std::optional<Embedding> embedding;    // if any segmentation asks for it
  std::vector<LeftOutFeature> left_out;  // features that nobody uses, as of validate

  // Those of them that know the future: missing for everybody, wherever features are made.
  std::vector<std::string> leaks() const;
};

// By the season whose items users take: "winter shoppers", …
SegmentationConfig season_segmentation();

Result<SegmentStep> segment_users(const Project& project, const Config& config,
                                  const Resources& resources);

// For the cache: JSON, and tensors at `path`.
Result<Json> save_segment_step(const SegmentStep& step, const std::string& path);
Result<SegmentStep> load_segment_step(const Json& json, const std::string& path);

}  // namespace sartor
