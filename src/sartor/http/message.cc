#include "sartor/http/message.h"

#include <arpa/inet.h>
#include <fmt/core.h>

#include <algorithm>
#include <ctime>
#include <random>

#include "sartor/base/text.h"

namespace sartor {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Error bad_target(const std::string& message) { return {ErrorCode::invalid_argument, message}; }

// Calls visit(piece) for the pieces of `text` between the separators.
template <class Visit>
Status for_each_piece(std::string_view text, char separator, Visit&& visit) {
  while (true) {
    const std::size_t end = std::min(text.find(separator), text.size());
    SARTOR_TRY(visit(text.substr(0, end)));
    if (end == text.size()) return {};
    text.remove_prefix(end + 1);
  }
}

}  // namespace

std::string_view HttpRequest::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

Result<std::string> percent_decode(std::string_view text, bool plus) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '+' && plus) c = ' ';
    if (c == '%') {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return bad_target(fmt::format("bad percent-encoding in '{}'", printable(text)));
      }
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (c == '\0') return bad_target(fmt::format("a NUL in '{}'", printable(text)));
    out += c;
  }
  if (!is_utf8(out)) return bad_target(fmt::format("'{}' is not UTF-8", printable(text)));
  return out;
}

bool is_loopback_name(std::string_view host) {
  if (host.starts_with('[')) {
    host = host.substr(1, std::min(host.find(']'), host.size()) - 1);
  } else {
    host = host.substr(0, host.rfind(':'));
  }
  const std::string name = lower_case(std::string(host));
  if (name == "localhost") return true;
  in_addr four{};
  if (inet_pton(AF_INET, name.c_str(), &four) == 1) return (ntohl(four.s_addr) >> 24) == 127;
  in6_addr six{};
  return inet_pton(AF_INET6, name.c_str(), &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm fields{};
  gmtime_r(&now, &fields);
  char text[40];
  std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &fields);
  return text;
}

Status parse_target(std::string_view target, HttpRequest& request) {
  if (const auto scheme = target.find("://"); scheme != target.npos && target[0] != '/') {
    const std::size_t path = target.find('/', scheme + 3);
    target = path == target.npos ? std::string_view("/") : target.substr(path);
  }
  if (!target.starts_with('/')) return bad_target("the request's target is not a path");
  target = target.substr(0, target.find('#'));
  const std::size_t end = std::min(target.find('?'), target.size());
  request.path = target.substr(0, end);
  request.segments.clear();
  request.query.clear();
  SARTOR_TRY(for_each_piece(target.substr(1, end - 1), '/', [&](std::string_view piece) -> Status {
    auto segment = percent_decode(piece, false);
    if (!segment) return segment.error();
    request.segments.push_back(std::move(*segment));
    return {};
  }));
  if (end == target.size()) return {};
  return for_each_piece(target.substr(end + 1), '&', [&](std::string_view piece) -> Status {
    if (piece.empty()) return {};
    const std::size_t equals = std::min(piece.find('='), piece.size());
    auto name = percent_decode(piece.substr(0, equals), true);
    auto value = percent_decode(piece.substr(std::min(equals + 1, piece.size())), true);
    if (!name) return name.error();
    if (!value) return value.error();
    request.query.emplace_back(std::move(*name), std::move(*value));
    return {};
  });
}

std::string random_id() {
  // The device is opened once per thread; it is the kernel's generator.
  thread_local std::random_device device;
  return fmt::format("{:08x}{:08x}{:08x}{:08x}", device(), device(), device(), device());
}

std::string request_id_or_new(std::string_view id) {
  const bool fits =
      !id.empty() && id.size() <= 128 && std::all_of(id.begin(), id.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               c == '.' || c == '_' || c == '-';
      });
  return fits ? std::string(id) : random_id();
}

}  // namespace sartor
