// One [[events]] block, read into arrays: every event that `keep` lets through and that is whole.
#pragma once

#include <cstdint>
#include <vector>

#include "sartor/data/config.h"
#include "sartor/data/fact_column.h"
#include "sartor/data/source_reader.h"
#include "sartor/data/text_encoder.h"

namespace sartor {

// Events of all blocks so far, in the order of the files. One entry per event in every vector; but
// group, value and dwell_seconds end after the last event of the last block that tells them.
struct EventLog {
  TextEncoder users;
  TextEncoder items;
  TextEncoder types;
  TextEncoder groups;  // one name is one group, whatever block it comes from
  std::vector<std::uint32_t> user;
  std::vector<std::uint32_t> item;
  std::vector<std::uint32_t> type;
  std::vector<std::uint32_t> group;  // Column::kMissing is missing
  std::vector<Time> time;
  std::vector<double> value;
  std::vector<float> dwell_seconds;
  std::vector<FactColumn> context;

  std::size_t size() const { return user.size(); }
};

// Appends. A time after `latest` is bad.
Status read_events(const EventSource& source, std::size_t index, double max_bad_share, Time latest,
                   const IngestPlace& place, EventLog& log, IngestReport& report);

}  // namespace sartor
