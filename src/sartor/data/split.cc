#include "sartor/data/split.h"

#include <fmt/core.h>

#include <algorithm>
#include <vector>

namespace sartor {
namespace {

// The moments of the timed positives, in no order.
std::vector<Time> positive_times(const InteractionLog& log) {
  std::vector<Time> times;
  times.reserve(log.rows.size());
  for (const Interaction& row : log.rows) {
    if (row.time != kUntimed) times.push_back(row.time);
  }
  return times;
}

// The date, or the moment from which on `share` of the positives lie.
Result<Time> boundary(const std::string& key, const std::string& date, double share,
                      std::vector<Time>& times) {
  if (!date.empty()) {
    auto time = parse_time(date);
    if (!time)
      return Error{ErrorCode::config, fmt::format("split.{}: {}", key, time.error().message)};
    return time;
  }
  const double place = static_cast<double>(times.size()) * (1 - std::clamp(share, 0.0, 1.0));
  const auto index = std::min(static_cast<std::size_t>(place + 0.5), times.size() - 1);
  const auto place_of = times.begin() + static_cast<std::ptrdiff_t>(index);
  std::nth_element(times.begin(), place_of, times.end());
  return *place_of;
}

struct NamedWindow {
  const char* name;
  Window window;
};

Status check(const std::vector<NamedWindow>& windows, const std::vector<Time>& times, Time first,
             Time last, bool has_untimed) {
  const std::string span =
      fmt::format("the positives run from {} to {}", format_time(first), format_time(last));
  for (const auto& [name, window] : windows) {
    const std::string bounds = fmt::format("split: {} from {} until {}", name,
                                           format_time(window.from), format_time(window.until));
    if (window.from >= window.until) {
      return Error{ErrorCode::config, fmt::format("{}: the windows validate, confirm, test must "
                                                  "follow each other; {}",
                                                  bounds, span)};
    }
    const auto holds = [&window = window](Time time) {
      return time >= window.from && time < window.until;
    };
    if (std::none_of(times.begin(), times.end(), holds)) {
      return Error{ErrorCode::config, fmt::format("{} holds no positive; {}", bounds, span)};
    }
  }
  if (first >= windows.front().window.from && !has_untimed) {
    return Error{
        ErrorCode::config,
        fmt::format("split: no positive lies before validate ({}), so that there is nothing "
                    "to train on; {}",
                    format_time(windows.front().window.from), span)};
  }
  return {};
}

}  // namespace

Result<Split> make_split(const InteractionLog& log, const SplitConfig& config) {
  if (config.cases != "window" && config.cases != "next") {
    return Error{ErrorCode::config,
                 fmt::format("split.cases: expected 'window' or 'next', found '{}'", config.cases)};
  }
  std::vector<Time> times = positive_times(log);
  if (times.empty()) {
    return Error{ErrorCode::config,
                 "split: there is no positive event with a time; see signal.positive"};
  }
  if (config.validate + config.confirm + config.test >= 1) {
    return Error{ErrorCode::config, "split: validate + confirm + test must be below 1"};
  }
  const auto [least, most] = std::minmax_element(times.begin(), times.end());
  const Time first = *least;
  const Time last = *most;
  Split split;
  SARTOR_ASSIGN(split.validate.from,
                boundary("validate_from", config.validate_from,
                         config.validate + config.confirm + config.test, times));
  SARTOR_ASSIGN(split.confirm.from,
                boundary("confirm_from", config.confirm_from, config.confirm + config.test, times));
  SARTOR_ASSIGN(split.test.from, boundary("test_from", config.test_from, config.test, times));
  split.test.until = last + 1;
  if (!config.until.empty()) {
    SARTOR_ASSIGN(split.test.until, boundary("until", config.until, 0, times));
  }
  split.validate.until = split.confirm.from;
  split.confirm.until = split.test.from;
  SARTOR_TRY(check({{"validate", split.validate}, {"confirm", split.confirm}, {"test", split.test}},
                   times, first, last, times.size() < log.rows.size()));
  // An earlier window needs at least its own length of log before it, to learn from.
  const Time length = split.validate.until - split.validate.from;
  for (Time until = split.validate.from;
       split.earlier.size() < static_cast<std::size_t>(config.earlier) &&
       until - 2 * length >= first;
       until -= length) {
    split.earlier.push_back({until - length, until});
  }
  std::reverse(split.earlier.begin(), split.earlier.end());
  return split;
}

}  // namespace sartor
