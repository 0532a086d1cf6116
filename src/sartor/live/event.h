// One event as a client sent it, and its bytes in the log.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sartor/base/result.h"
#include "sartor/base/time.h"

namespace sartor {

struct LiveEvent {
  std::string event_id;  // "" where the client gave none: then nobody can tell it from another
  std::string user;
  std::string item;
  Time time = 0;
  std::string type;
  double value = std::numeric_limits<double>::quiet_NaN();          // NaN is missing
  double dwell_seconds = std::numeric_limits<double>::quiet_NaN();  // likewise
  std::string group;                                                // "" is missing
  std::string exposure;                                             // likewise
  std::vector<std::pair<std::string, std::string>> context;         // by key, ascending
  Time received = 0;
};

// An event and its number in the log, from 1.
struct StoredEvent {
  std::uint64_t sequence = 0;
  LiveEvent event;
};

std::string encode_event(const LiveEvent& event);
// Fails with `bad_data`. The bits of numbers are kept.
Result<LiveEvent> decode_event(std::string_view bytes);

}  // namespace sartor
