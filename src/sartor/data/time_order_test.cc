#include "sartor/data/time_order.h"

#include <gmock/gmock.h>

#include <numeric>

#include "sartor/base/random.h"

namespace sartor {
namespace {

using testing::ElementsAre;

constexpr Time kFirst = std::numeric_limits<Time>::min() + 1;  // kUntimed is the smallest
constexpr Time kLast = std::numeric_limits<Time>::max();

TEST(TimeOrder, UntimedComeFirstAndEqualTimesStayAsTheyAre) {
  const std::vector<Time> times = {5, kUntimed, -3, 5, kLast, kUntimed, kFirst, 4};
  EXPECT_THAT(time_order(times, std::vector<bool>(8)), ElementsAre(1, 5, 6, 2, 7, 0, 3, 4));
  EXPECT_THAT(time_order(times, {true, true, false, false, false, false, true, false}),
              ElementsAre(5, 2, 7, 3, 4));
}

TEST(TimeOrder, EqualTimesGoByTheOtherOrderUntimedOnesDoNot) {
  const std::vector<Time> times = {2, kUntimed, 1, 2, kUntimed, 2};
  const std::vector<int> rank = {3, 1, 0, 1, 0, 2};
  const auto less = [&](std::uint32_t a, std::uint32_t b) { return rank[a] < rank[b]; };
  EXPECT_THAT(time_order(times, std::vector<bool>(6), less), ElementsAre(1, 4, 2, 3, 5, 0));
}

TEST(TimeOrder, IsAStableSort) {
  Random random(7);
  for (const std::uint64_t span : {3UL, 1UL << 12, 1UL << 40, 1UL << 63}) {
    std::vector<Time> times(5000);
    for (Time& time : times) time = static_cast<Time>(random.below(span)) - 1000;
    std::vector<std::uint32_t> expected(times.size());
    std::iota(expected.begin(), expected.end(), 0U);
    std::stable_sort(expected.begin(), expected.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return times[a] < times[b]; });
    EXPECT_EQ(time_order(times, std::vector<bool>(times.size())), expected) << span;
  }
}

}  // namespace
}  // namespace sartor
