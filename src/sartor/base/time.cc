#include "sartor/base/time.h"

#include <fmt/core.h>

#include <chrono>
#include <cstdio>

namespace sartor {
namespace {

Time floor_div(Time a, Time b) { return a / b - (a % b < 0 ? 1 : 0); }

// Reads exactly `digits` digits at the front of `text` and takes them off.
bool take_number(std::string_view& text, std::size_t digits, int& out) {
  if (text.size() < digits) return false;
  out = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    out = out * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return true;
}

bool take_char(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

// Microseconds of ".5" and the like; more than six digits are cut.
Time take_fraction(std::string_view& text) {
  Time micros = 0;
  Time unit = 100'000;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    micros += unit * (text.front() - '0');
    unit /= 10;
    text.remove_prefix(1);
  }
  return micros;
}

}  // namespace

std::string format_time(Time time) {
  if (time == kUntimed) return "untimed";
  const CalendarTime c = calendar_time(time);
  const Time in_day = time - floor_div(time, kDay) * kDay;
  const auto seconds = in_day / kSecond;
  std::string text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", c.year, c.month, c.day,
                                 seconds / 3600, seconds / 60 % 60, seconds % 60);
  if (in_day % kSecond != 0) text += fmt::format(".{:06}", in_day % kSecond);
  return text + "Z";
}

Result<Time> parse_time(std::string_view text) {
  const Error error{ErrorCode::invalid_argument,
                    fmt::format("'{}' is not a time; expected 2011-09-05, 2011-09-05 08:48 or "
                                "2011-09-05T08:48:00Z",
                                text)};
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  Time fraction = 0;
  Time offset = 0;
  std::string_view rest = text;
  if (!take_number(rest, 4, year) || !take_char(rest, "-") || !take_number(rest, 2, month) ||
      !take_char(rest, "-") || !take_number(rest, 2, day)) {
    return error;
  }
  if (take_char(rest, "T ")) {
    if (!take_number(rest, 2, hour) || !take_char(rest, ":") || !take_number(rest, 2, minute)) {
      return error;
    }
    if (take_char(rest, ":")) {
      if (!take_number(rest, 2, second)) return error;
      if (take_char(rest, ".")) fraction = take_fraction(rest);
    }
    if (!rest.empty() && (rest.front() == '+' || rest.front() == '-')) {
      const Time sign = rest.front() == '+' ? 1 : -1;
      rest.remove_prefix(1);
      int zone_hour = 0, zone_minute = 0;
      if (!take_number(rest, 2, zone_hour)) return error;
      take_char(rest, ":");
      if (!rest.empty() && !take_number(rest, 2, zone_minute)) return error;
      offset = sign * (zone_hour * kHour + zone_minute * 60 * kSecond);
    } else {
      take_char(rest, "Z");
    }
  }
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!rest.empty() || !date.ok() || hour > 23 || minute > 59 || second > 59) return error;
  const Time days = std::chrono::sys_days{date}.time_since_epoch().count();
  return days * kDay + hour * kHour + (minute * 60 + second) * kSecond + fraction - offset;
}

CalendarTime calendar_time(Time time) {
  const Time days = floor_div(time, kDay);
  const std::chrono::sys_days day{std::chrono::days{days}};
  const std::chrono::year_month_day date{day};
  const unsigned weekday = std::chrono::weekday{day}.iso_encoding() - 1;
  return {.year = static_cast<int>(date.year()),
          .month = static_cast<int>(static_cast<unsigned>(date.month())),
          .day = static_cast<int>(static_cast<unsigned>(date.day())),
          .hour = static_cast<int>((time - days * kDay) / kHour),
          .weekday = static_cast<int>(weekday)};
}

}  // namespace sartor
