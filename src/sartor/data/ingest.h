// Files -> Dataset: read, check, clean, mark the positives.
#pragma once

#include <string>

#include "sartor/base/parallel.h"
#include "sartor/base/result.h"
#include "sartor/data/config.h"
#include "sartor/data/dataset.h"
#include "sartor/data/ingest_report.h"

namespace sartor {

// Events and facts of erased users (settings.is_erased) are left out before anything else, and
// counted as removed: "erased_user". Relative file names start at `folder`. The same files and
// settings give the same bits at any thread count. `report` says what was read and removed, also
// where this fails, so that its quarantine can be written in any case. `scratch` is an existing
// folder for temporary files. Fails with `config` (a wrong expression: key, text, reason, nearest
// column), `bad_data` (a file that is broken or has too many bad rows: file and line), `not_found`,
// `io` or `cancelled`.
Result<Dataset> ingest(const DataSettings& settings, const std::string& folder,
                       const Resources& resources, IngestReport& report,
                       const std::string& scratch = "/tmp");

}  // namespace sartor
