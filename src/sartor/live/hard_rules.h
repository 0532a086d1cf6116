// The rules that need no statistics: a model that fails, or is too slow, whatever it recommends.
#pragma once

#include <array>
#include <cstdint>

#include "sartor/base/time.h"

namespace sartor {

// What became of one request to a segment's model.
struct ModelOutcome {
  bool failed = false;  // an error, a time-out, or an empty list where items could be listed
  bool slow = false;    // it took longer than the limit
};

// What the rules looked at when they said yes.
struct HardCounts {
  std::uint64_t requests = 0;
  std::uint64_t bad = 0;  // failed ones, or slow ones
};

enum class HardRule : std::uint8_t { none, failures, latency };

// failures: more than half of at least kFewestRequests requests of the last 60 seconds failed.
// latency: in each of the last five whole minutes the 95th percentile was over the limit (more than
// a twentieth of its requests were slow), and they had kFewestRequests together.
// Moments that run backwards count as the latest one seen.
class HardRules {
 public:
  static constexpr std::uint64_t kFewestRequests = 20;

  HardRule add(Time now, const ModelOutcome& outcome);
  const HardCounts& counts() const { return counts_; }  // of the last add() that was not none
  void clear() { *this = {}; }

 private:
  static constexpr std::size_t kMinutes = 5;
  struct Tally {
    std::int64_t when = -1;  // which second or minute this is
    std::uint64_t requests = 0;
    std::uint64_t bad = 0;
  };
  static void count(Tally& tally, std::int64_t when, bool bad);
  bool too_many_failures(std::int64_t second);
  bool too_slow(std::int64_t minute);

  std::array<Tally, 60> seconds_;
  std::array<Tally, kMinutes + 1> minutes_;  // and the one that runs
  Time latest_ = 0;
  HardCounts counts_;
};

}  // namespace sartor
