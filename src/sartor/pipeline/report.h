// The report of a run: one HTML page for people, from the run's own JSON.
#pragma once

#include <string>

#include "sartor/base/json.h"

namespace sartor {

// `summary` is the document of `sartor run --json`; `details` is what the page shows besides
// (docs/report.md lists its keys). Whatever is missing or null is left out of the page, with the
// sentences that need it; nothing is made up. The page is complete in itself: no script, no
// network, no fonts. Every text is escaped and cut to a length, long lists are cut with a note, so
// that the page stays under 1 MB whatever the data holds. The same input gives the same bytes.
std::string render_report(const Json& summary, const Json& details);

}  // namespace sartor
