// By how much general leads each of its components on test, by the gate's metric.
#pragma once

#include <span>

#include "sartor/base/json.h"
#include "sartor/pipeline/summary.h"

namespace sartor {

// {"difference", "low", "high"}: general's mean less `alone`'s, user by user, with its 95 %
// interval (PROOF.md section 1); low and high are the difference where no two users differ.
Json lead_json(std::span<const double> general, std::span<const double> alone);

// For every segmentation that was tried and every segment with users on test:
// [{"segmentation", "name", "users", "test", "components": {NAME: {"test", "lead"}}}], where "test"
// is a mean over the segment's users.
Json leads_by_segment(const RunFacts& facts);

}  // namespace sartor
