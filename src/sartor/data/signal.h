// [signal]: which events are successes, and how much each counts.
#pragma once

#include <string>
#include <vector>

#include "sartor/base/parallel.h"
#include "sartor/base/result.h"
#include "sartor/data/config.h"
#include "sartor/data/dataset.h"
#include "sartor/data/ingest_report.h"

namespace sartor {

// The words behind the codes of an Events.
struct EventWords {
  const std::vector<std::string>& users;
  const std::vector<std::string>& items;
  const std::vector<std::string>& types;
  const std::vector<std::string>& groups;
};

// Fills events.weight: the weight of a positive event, 0 elsewhere. The expressions see the columns
// user, item, time (UTC), type, value, dwell_seconds, "group" and context.<key>. A positive whose
// weight is missing or not above 0 is no positive, and counted as "weight_not_positive".
Status mark_positives(Events& events, const EventWords& words, const SignalConfig& config,
                      const Resources& resources, const std::string& scratch, IngestReport& report);

}  // namespace sartor
