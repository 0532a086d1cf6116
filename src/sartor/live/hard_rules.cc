#include "sartor/live/hard_rules.h"

#include <algorithm>

namespace sartor {

void HardRules::count(Tally& tally, std::int64_t when, bool bad) {
  if (tally.when != when) tally = {.when = when};
  ++tally.requests;
  tally.bad += bad ? 1 : 0;
}

bool HardRules::too_many_failures(std::int64_t second) {
  HardCounts counts;
  for (const Tally& tally : seconds_) {
    if (tally.when <= second - 60 || tally.when < 0) continue;
    counts.requests += tally.requests;
    counts.bad += tally.bad;
  }
  if (counts.requests < kFewestRequests || 2 * counts.bad <= counts.requests) return false;
  counts_ = counts;
  return true;
}

bool HardRules::too_slow(std::int64_t minute) {
  HardCounts counts;
  std::size_t slow_minutes = 0;
  for (const Tally& tally : minutes_) {
    const bool whole = tally.when < minute && tally.when >= minute - std::int64_t{kMinutes};
    if (!whole || tally.when < 0) continue;
    counts.requests += tally.requests;
    counts.bad += tally.bad;
    slow_minutes += 20 * tally.bad > tally.requests ? 1 : 0;
  }
  if (slow_minutes < kMinutes || counts.requests < kFewestRequests) return false;
  counts_ = counts;
  return true;
}

HardRule HardRules::add(Time now, const ModelOutcome& outcome) {
  latest_ = std::max(latest_, now);
  const std::int64_t second = latest_ / kSecond;
  const std::int64_t minute = latest_ / (60 * kSecond);
  count(seconds_[static_cast<std::size_t>(second) % seconds_.size()], second, outcome.failed);
  count(minutes_[static_cast<std::size_t>(minute) % minutes_.size()], minute, outcome.slow);
  if (too_many_failures(second)) return HardRule::failures;
  return too_slow(minute) ? HardRule::latency : HardRule::none;
}

}  // namespace sartor
