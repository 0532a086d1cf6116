// Events in the order of their times.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "sartor/base/time.h"

namespace sartor {

// The places of `times`, ascending by time and equal times by place; `left_out` says of each place
// whether it is left out. A radix sort: a few passes over the events, however they lie.
std::vector<std::uint32_t> time_order(std::span<const Time> times,
                                      const std::vector<bool>& left_out);

// The same, equal times ascending by `less`, which must be total; but untimed ones by place.
template <class Less>
std::vector<std::uint32_t> time_order(std::span<const Time> times,
                                      const std::vector<bool>& left_out, const Less& less) {
  std::vector<std::uint32_t> order = time_order(times, left_out);
  for (auto begin = order.begin(); begin != order.end();) {
    const Time time = times[*begin];
    const auto end =
        std::find_if(begin, order.end(), [&](std::uint32_t e) { return times[e] != time; });
    if (time != kUntimed && end - begin > 1) std::sort(begin, end, less);
    begin = end;
  }
  return order;
}

}  // namespace sartor
