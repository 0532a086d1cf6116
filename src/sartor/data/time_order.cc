#include "sartor/data/time_order.h"

#include <array>
#include <bit>
#include <limits>
#include <numeric>

namespace sartor {
namespace {

constexpr unsigned kDigitBits = 11;
constexpr std::size_t kDigits = std::size_t{1} << kDigitBits;

struct Keyed {
  std::uint64_t key;
  std::uint32_t place;
};

// Stable by the digit at `shift`.
void sort_by_digit(const std::vector<Keyed>& from, unsigned shift, std::vector<Keyed>& to) {
  const auto digit = [shift](const Keyed& entry) { return entry.key >> shift & (kDigits - 1); };
  std::array<std::size_t, kDigits> begin{};
  for (const Keyed& entry : from) ++begin[digit(entry)];
  std::exclusive_scan(begin.begin(), begin.end(), begin.begin(), std::size_t{0});
  for (const Keyed& entry : from) to[begin[digit(entry)]++] = entry;
}

}  // namespace

std::vector<std::uint32_t> time_order(std::span<const Time> times,
                                      const std::vector<bool>& left_out) {
  std::vector<std::uint32_t> order;
  std::vector<Keyed> timed;
  Time first = std::numeric_limits<Time>::max();
  Time last = std::numeric_limits<Time>::min();
  std::size_t sorted = 0;  // of the timed so far, if all are
  for (std::uint32_t e = 0; e < times.size(); ++e) {
    if (left_out[e]) continue;
    if (times[e] == kUntimed) {
      order.push_back(e);
      continue;
    }
    sorted += times[e] >= last ? 1 : 0;
    first = std::min(first, times[e]);
    last = std::max(last, times[e]);
    timed.push_back({static_cast<std::uint64_t>(times[e]), e});
  }
  if (sorted < timed.size()) {
    // The span of all 64-bit times has 64 bits: differences are right without a sign.
    for (Keyed& entry : timed) entry.key -= static_cast<std::uint64_t>(first);
    const auto span = static_cast<std::uint64_t>(last) - static_cast<std::uint64_t>(first);
    std::vector<Keyed> other(timed.size());
    for (unsigned shift = 0; shift < static_cast<unsigned>(std::bit_width(span));
         shift += kDigitBits) {
      sort_by_digit(timed, shift, other);
      timed.swap(other);
    }
  }
  order.reserve(order.size() + timed.size());
  for (const Keyed& entry : timed) order.push_back(entry.place);
  return order;
}

}  // namespace sartor
