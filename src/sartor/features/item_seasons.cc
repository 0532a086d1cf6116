// Which items sell in one season. With n_is of the N_s positives of season s of item i, n_i and N
// over all seasons, the item's rate in a season is shrunk to its rate over the year as if it had
// sold as usual kUsualSales times more:
//     r_is = (n_is + kUsualSales N_s / N) / N_s
// so that a season of which the log has seen little says little. The item is one of season s if
// r_is is at least kLeastPart of the sum over the seasons, and it sold kFewest times there. Nothing
// is seasonal before the log has run for most of a year.
#include <array>
#include <cmath>

#include "sartor/features/feature_row.h"

namespace sartor::features {

namespace {

constexpr double kUsualSales = 5;
constexpr double kLeastPart = 0.45;  // even sales have a quarter in each
constexpr double kFewest = 5;
constexpr double kLeastSeason = 0.02;  // of all positives: what a season needs to be judged
constexpr double kLeastDays = 240;

using BySeason = std::array<double, 4>;

double sum_of(const BySeason& values) { return values[0] + values[1] + values[2] + values[3]; }

std::uint32_t season_of_item(const BySeason& item, const BySeason& all) {
  const double total = sum_of(all);
  BySeason rate{};
  for (std::size_t s = 0; s < rate.size(); ++s) {
    if (all[s] < kLeastSeason * total) continue;
    rate[s] = (item[s] + kUsualSales * all[s] / total) / all[s];
  }
  for (std::uint32_t s = 0; s < rate.size(); ++s) {
    if (item[s] >= kFewest && rate[s] >= kLeastPart * sum_of(rate)) return s;
  }
  return Column::kMissing;
}

}  // namespace

std::vector<std::uint32_t> fit_item_seasons(const Events& events, std::size_t items,
                                            double utc_offset_hours, Time as_of) {
  const auto offset = static_cast<Time>(std::llround(utc_offset_hours * 3600)) * kSecond;
  std::vector<BySeason> of_item(items, BySeason{});
  BySeason all{};
  Time first = kUntimed, last = kUntimed, known = kUntimed;
  std::size_t season = 0;
  for (std::size_t e = 0; e < events.size(); ++e) {
    const Time time = events.time[e];
    if (time == kUntimed || time >= as_of || events.weight[e] <= 0) continue;
    if (first == kUntimed || time < first) first = time;
    if (last == kUntimed || time > last) last = time;
    if (time != known) season = season_of(calendar_time((known = time) + offset).month);
    ++all[season];
    ++of_item[events.item[e].index()][season];
  }
  std::vector<std::uint32_t> seasons(items, Column::kMissing);
  if (first == kUntimed || days_between(first, last) < kLeastDays) return seasons;
  for (std::size_t i = 0; i < items; ++i) seasons[i] = season_of_item(of_item[i], all);
  return seasons;
}

}  // namespace sartor::features
