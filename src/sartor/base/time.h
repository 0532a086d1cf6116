// Moments in time: microseconds since 1970-01-01 00:00 UTC. Days are 86,400 seconds long.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "sartor/base/result.h"

namespace sartor {

using Time = std::int64_t;

inline constexpr Time kSecond = 1'000'000;
inline constexpr Time kHour = 3600 * kSecond;
inline constexpr Time kDay = 24 * kHour;

// The time of an event that has none (`untimed = true`): before every moment, and skipped by models
// that need a time.
inline constexpr Time kUntimed = std::numeric_limits<Time>::min();

inline double days_between(Time from, Time to) {
  return static_cast<double>(to - from) / static_cast<double>(kDay);
}

// "2011-09-05T00:00:00Z", with microseconds only where they are not zero; kUntimed is "untimed".
std::string format_time(Time time);

// Reads "2011-09-05", "2011-09-05 08:48", "2011-09-05T08:48:00.5Z"; without a zone it is UTC.
Result<Time> parse_time(std::string_view text);

struct CalendarTime {
  int year;
  int month;    // 1 to 12
  int day;      // 1 to 31
  int hour;     // 0 to 23
  int weekday;  // 0 is Monday
};

// The calendar fields of `time` in UTC (callers shift by a zone's offset first).
CalendarTime calendar_time(Time time);

}  // namespace sartor
