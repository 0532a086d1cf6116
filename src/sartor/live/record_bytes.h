// Numbers and texts as bytes of a record of the log: numbers are little-endian; a text is its
// length (u32) and its bytes.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace sartor {

template <class T>
void put_record(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

inline void put_record(std::string& out, const std::string& text) {
  put_record(out, static_cast<std::uint32_t>(text.size()));
  out += text;
}

// Takes a value off the front of `bytes`; false if there is not enough.
template <class T>
bool take_record(std::string_view& bytes, T& value) {
  if (bytes.size() < sizeof value) return false;
  std::memcpy(&value, bytes.data(), sizeof value);
  bytes.remove_prefix(sizeof value);
  return true;
}

inline bool take_record(std::string_view& bytes, std::string& text) {
  std::uint32_t size = 0;
  if (!take_record(bytes, size) || bytes.size() < size) return false;
  text = bytes.substr(0, size);
  bytes.remove_prefix(size);
  return true;
}

}  // namespace sartor
