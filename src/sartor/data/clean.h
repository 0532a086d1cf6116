// Cleaning: what no person did, and what was counted twice. Every removal is counted under its
// rule's name: "duplicate", "burst", "bot", "dwell_outside"; values that were changed are counted
// as "dwell_clipped".
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sartor/base/parallel.h"
#include "sartor/base/result.h"
#include "sartor/data/config.h"
#include "sartor/data/dataset.h"
#include "sartor/data/ingest_report.h"

namespace sartor {

// Works on `events` as a Dataset holds them (sorted; untimed ones first); removes and changes in
// place, in this order: bots, duplicates, bursts, dwell, normalised dwell. Untimed events are never
// duplicates, bursts or bots: their repetitions are all that is known.
// With clean.normalise_dwell, a dwell becomes its ratio to the mean dwell of the same user (or
// context value) in earlier events, shrunk with the weight of 20 events to the mean of all earlier
// ones, so that no event sees what came after it.
Status clean_events(Events& events, const CleanConfig& config, IngestReport& report);

// Keeps event e where keep[e] is not 0, in every column.
void compact_events(Events& events, std::span<const std::uint8_t> keep);

}  // namespace sartor
