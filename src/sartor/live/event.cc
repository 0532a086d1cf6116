// Byte 0 is the version; numbers are little-endian; a text is its length (u32) and its bytes.
#include "sartor/live/event.h"

#include <cstring>

namespace sartor {
namespace {

constexpr char kVersion = 1;

template <class T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void put(std::string& out, const std::string& text) {
  put(out, static_cast<std::uint32_t>(text.size()));
  out += text;
}

template <class T>
bool take(std::string_view& bytes, T& value) {
  if (bytes.size() < sizeof value) return false;
  std::memcpy(&value, bytes.data(), sizeof value);
  bytes.remove_prefix(sizeof value);
  return true;
}

bool take(std::string_view& bytes, std::string& text) {
  std::uint32_t size = 0;
  if (!take(bytes, size) || bytes.size() < size) return false;
  text = bytes.substr(0, size);
  bytes.remove_prefix(size);
  return true;
}

}  // namespace

std::string encode_event(const LiveEvent& event) {
  std::string out(1, kVersion);
  for (const std::string* text :
       {&event.event_id, &event.user, &event.item, &event.type, &event.group, &event.exposure}) {
    put(out, *text);
  }
  put(out, event.time);
  put(out, event.value);
  put(out, event.dwell_seconds);
  put(out, event.received);
  put(out, static_cast<std::uint32_t>(event.context.size()));
  for (const auto& [key, value] : event.context) {
    put(out, key);
    put(out, value);
  }
  return out;
}

Result<LiveEvent> decode_event(std::string_view bytes) {
  const Error bad{ErrorCode::bad_data, "is not an event of this version"};
  char version = 0;
  if (!take(bytes, version) || version != kVersion) return bad;
  LiveEvent event;
  for (std::string* text :
       {&event.event_id, &event.user, &event.item, &event.type, &event.group, &event.exposure}) {
    if (!take(bytes, *text)) return bad;
  }
  std::uint32_t pairs = 0;
  if (!take(bytes, event.time) || !take(bytes, event.value) || !take(bytes, event.dwell_seconds) ||
      !take(bytes, event.received) || !take(bytes, pairs)) {
    return bad;
  }
  for (std::uint32_t p = 0; p < pairs; ++p) {
    std::pair<std::string, std::string> pair;
    if (!take(bytes, pair.first) || !take(bytes, pair.second)) return bad;
    event.context.push_back(std::move(pair));
  }
  return bytes.empty() ? Result<LiveEvent>(std::move(event)) : Result<LiveEvent>(bad);
}

}  // namespace sartor
