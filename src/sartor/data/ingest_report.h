// What ingest found: rows, bad rows, removals, missing values. Nothing goes missing that is not
// counted here.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sartor/base/json.h"
#include "sartor/base/result.h"
#include "sartor/base/time.h"

namespace sartor {

// A row, or a value in it, that could not be used.
struct QuarantineEntry {
  std::string source;      // the file
  std::uint64_t line = 0;  // of the file, from 1; of Parquet the row, from 1
  std::string column;      // "time (InvoiceDate)": the config key and the file's column; or either
  std::string value;       // as read, cut to 200 bytes
  std::string reason;
};

struct FileReport {
  std::string block;  // "events[0]", "users[0]", "items[0]"
  std::string file;
  std::uint64_t rows = 0;  // = bad + not_kept + kept
  std::uint64_t bad = 0;
  std::uint64_t not_kept = 0;  // `keep` was false
  std::uint64_t kept = 0;
};

struct IngestReport {
  static constexpr std::size_t kMostEntries = 100'000;

  std::vector<FileReport> files;
  std::uint64_t quarantined = 0;                 // bad rows in all; `quarantine` holds the first
  std::vector<QuarantineEntry> quarantine;       // kMostEntries; at most one per row and column
  std::map<std::string, std::uint64_t> removed;  // events, by reason: "duplicate", "burst", …
  std::map<std::string, std::uint64_t> changed;  // events kept with another value: "dwell_clipped"
  std::map<std::string, std::uint64_t> missing;  // missing values by column: "events.value", …
  std::uint64_t users = 0;
  std::uint64_t items = 0;
  std::uint64_t events = 0;
  std::uint64_t positives = 0;
  std::uint64_t untimed = 0;         // events without a time
  std::uint64_t bot_users = 0;       // users removed as faster than a person
  std::uint64_t items_left_out = 0;  // below data.min_item_events or data.min_item_users
  Time first = kUntimed;             // of the timed events
  Time last = kUntimed;

  void add(QuarantineEntry entry);
};

Json to_json(const IngestReport& report);
Result<IngestReport> ingest_report_from_json(const Json& json);

// source,line,column,value,reason: RFC 4180, with a line at the end if entries were left out.
Status write_quarantine(const IngestReport& report, const std::string& path);

}  // namespace sartor
