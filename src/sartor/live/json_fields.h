// Reads the members of a JSON object that we wrote ourselves, and remembers the first that is not
// as expected: the state of breakers comes back through it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sartor/base/json.h"
#include "sartor/base/result.h"
#include "sartor/base/time.h"

namespace sartor {

// `json` must outlive it. Each call leaves `out` as it is if the member is not right.
class JsonFields {
 public:
  // `where` stands in messages.
  JsonFields(const Json& json, std::string where);

  JsonFields& text(const char* name, std::string& out);
  JsonFields& whole(const char* name, int& out);
  JsonFields& whole(const char* name, std::int64_t& out);
  JsonFields& whole(const char* name, std::uint64_t& out);
  JsonFields& whole(const char* name, std::optional<std::int64_t>& out);  // null is nothing
  JsonFields& wholes(const char* name, std::vector<std::int64_t>& out);
  JsonFields& real(const char* name, double& out);
  JsonFields& reals(const char* name, std::span<double> out);  // exactly as many
  JsonFields& time(const char* name, Time& out);               // as format_time() writes it
  JsonFields& time(const char* name, std::optional<Time>& out);
  // One of `names`, whose place is the value.
  template <class Enum, std::size_t N>
  JsonFields& word(const char* name, const char* const (&names)[N], Enum& out) {
    std::string found;
    text(name, found);
    const auto* at = std::find(names, names + N, found);
    if (at == names + N) {
      fail(name, "a known word");
    } else {
      out = static_cast<Enum>(at - names);
    }
    return *this;
  }

  // The member as an object of its own; its failures are this one's after take_failure().
  JsonFields object(const char* name);
  // An array's elements; none, and a failure, if it is not one.
  std::vector<const Json*> list(const char* name);
  void take_failure(const JsonFields& part);

  // The first failure: `bad_data`.
  const Status& status() const { return status_; }

 private:
  const Json* find(const char* name);
  void fail(const char* name, const char* expected);

  const Json* json_;
  std::string where_;
  Status status_;
};

}  // namespace sartor
