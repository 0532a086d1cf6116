// The events that the workspace's server took, as one more source of a run.
#pragma once

#include <cstdint>
#include <string>

#include "sartor/base/parallel.h"
#include "sartor/base/result.h"
#include "sartor/pipeline/config.h"

namespace sartor {

// Writes the log in `workspace`/events to `workspace`/cache/served-events.parquet and adds an
// [[events]] block that reads it, with every context key that any event has, unless there is no
// event or data.served_events is false. Events with the same event_id are one. The number of the
// first event that is not among them. Fails as export_events().
Result<std::uint64_t> add_served_events(const std::string& workspace, Config& config,
                                        const Resources& resources);

}  // namespace sartor
