// The JSON documents of a run: `summary` (DESIGN's `sartor run --json`) and `details` (what the
// report shows besides).
#pragma once

#include <string>
#include <vector>

#include "sartor/base/json.h"
#include "sartor/data/ingest_report.h"
#include "sartor/pipeline/backtest.h"
#include "sartor/pipeline/segment_step.h"
#include "sartor/pipeline/verdict.h"

namespace sartor {

struct StepTime {
  std::string step;
  double seconds = 0;
  bool cached = false;
};

// All that a finished run knows; everything is borrowed.
struct RunFacts {
  const Project* project = nullptr;
  const Config* config = nullptr;
  const IngestReport* ingest = nullptr;
  const GeneralTuning* general = nullptr;
  const SegmentStep* segments = nullptr;
  const std::vector<PartitionRecipe>* tried = nullptr;  // one per segmentation
  std::size_t chosen = 0;                               // of `tried`
  const PartitionRecipe* control = nullptr;
  std::vector<const PartitionRecipe*>
      over_blend;  // of the chosen and the control, if general is more
  const Backtest* backtest = nullptr;
  const Verdict* verdict = nullptr;
  std::uint64_t events_next = 1;  // the first event of the workspace's log that was not read
  std::size_t erased = 0;         // how many erasures of the workspace it knows
};

// Without "run", "bundle", "report", "seconds", "peak_rss_mb": those belong to one run, not to its
// result.
Json summary_json(const RunFacts& facts);
Json details_json(const RunFacts& facts);

}  // namespace sartor
