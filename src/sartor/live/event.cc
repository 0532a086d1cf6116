// Byte 0 is the version.
#include "sartor/live/event.h"

#include "sartor/live/record_bytes.h"

namespace sartor {
namespace {

constexpr char kEventVersion = 1;

}  // namespace

std::string encode_event(const LiveEvent& event) {
  std::string out(1, kEventVersion);
  for (const std::string* text :
       {&event.event_id, &event.user, &event.item, &event.type, &event.group, &event.exposure}) {
    put_record(out, *text);
  }
  put_record(out, event.time);
  put_record(out, event.value);
  put_record(out, event.dwell_seconds);
  put_record(out, event.received);
  put_record(out, static_cast<std::uint32_t>(event.context.size()));
  for (const auto& [key, value] : event.context) {
    put_record(out, key);
    put_record(out, value);
  }
  return out;
}

Result<LiveEvent> decode_event(std::string_view bytes) {
  const Error bad{ErrorCode::bad_data, "is not an event of this version"};
  char version = 0;
  if (!take_record(bytes, version) || version != kEventVersion) return bad;
  LiveEvent event;
  for (std::string* text :
       {&event.event_id, &event.user, &event.item, &event.type, &event.group, &event.exposure}) {
    if (!take_record(bytes, *text)) return bad;
  }
  std::uint32_t pairs = 0;
  if (!take_record(bytes, event.time) || !take_record(bytes, event.value) ||
      !take_record(bytes, event.dwell_seconds) || !take_record(bytes, event.received) ||
      !take_record(bytes, pairs)) {
    return bad;
  }
  for (std::uint32_t p = 0; p < pairs; ++p) {
    std::pair<std::string, std::string> pair;
    if (!take_record(bytes, pair.first) || !take_record(bytes, pair.second)) return bad;
    event.context.push_back(std::move(pair));
  }
  return bytes.empty() ? Result<LiveEvent>(std::move(event)) : Result<LiveEvent>(bad);
}

}  // namespace sartor
