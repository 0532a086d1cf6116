// How much a segment is used: lists a day, and how its clicks cluster on users. Eight days are
// kept.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "sartor/base/json.h"
#include "sartor/base/result.h"
#include "sartor/base/time.h"

namespace sartor {

// Not safe to use from several threads. Costs about 40 bytes per user that clicked today.
class SegmentTraffic {
 public:
  void shown(Time now);
  // `user` is any hash of the user.
  void clicked(Time now, std::uint64_t user);

  // overdispersion() of the user-days of the last seven days, today included.
  double phi(Time now) const { return clusters(now).phi(); }
  // What it is made of, to be added up over segments.
  struct Clusters {
    double clicks = 0;
    double squares = 0;  // of the clicks of each user on each day
    double phi() const { return clicks > 0 && squares > clicks ? squares / clicks : 1.0; }
  };
  Clusters clusters(Time now) const;
  // Mean over the last seven whole days, as far as it has been used for so long; 0 on the first
  // day. The same all day.
  double impressions_per_day(Time now) const;

  Json to_json() const;
  // Fails with `bad_data`.
  static Result<SegmentTraffic> from_json(const Json& json);

 private:
  struct Day {
    std::int64_t day = 0;
    std::uint64_t impressions = 0;
    std::uint64_t clicks = 0;
    std::uint64_t squares = 0;  // of the clicks of each of its users
  };
  Day& today(Time now);

  std::int64_t first_ = -1;                                 // day of its first list
  std::vector<Day> days_;                                   // ascending
  std::unordered_map<std::uint64_t, std::uint32_t> users_;  // their clicks on the latest day
};

}  // namespace sartor
