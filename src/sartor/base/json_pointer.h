// JSON pointers (RFC 6901), which name a place within a document.
#pragma once

#include <string>
#include <string_view>

namespace sartor {

// `name` as one part of a pointer: ~ and / are escaped.
inline std::string pointer_part(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace sartor
