// One request and one answer, as plain values: what stands between the server and the routes.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sartor/base/result.h"

namespace sartor {

struct HttpRequest {
  std::string method;                                      // "GET"
  std::string path;                                        // as it was sent, without the query
  std::vector<std::string> segments;                       // of the path, percent-decoded
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in the order sent
  std::map<std::string, std::string> headers;              // names in lower case
  std::string body;
  std::string peer;        // the client's address
  std::string request_id;  // the client's X-Request-ID, or one made here

  // The header's value, or "".
  std::string_view header(const std::string& name) const;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

// Undoes percent-encoding (and `+` for a space, if `plus`). Fails with `invalid_argument` on a bad
// escape, a NUL and what is not UTF-8.
Result<std::string> percent_decode(std::string_view text, bool plus);

// Whether `host` ("localhost:8080", "[::1]") names this machine itself.
bool is_loopback_name(std::string_view host);

// Now, as the field Date has it.
std::string http_date();

// Fills path, segments and query from a request line's target: "/a/b?x=1" or
// "http://host/a/b?x=1".
Status parse_target(std::string_view target, HttpRequest& request);

// `id` if it may be echoed (1 to 128 of letters, digits and "._-"), else a new random one.
std::string request_id_or_new(std::string_view id);

// 32 random hexadecimal digits.
std::string random_id();

}  // namespace sartor
