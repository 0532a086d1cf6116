// What one user's events say about the user: user_features.h for the meaning of each number. Nobody
// but user_features.cc includes this.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sartor/features/user_features.h"

namespace sartor::features {

// In the order of user_feature_infos().
enum FeatureIndex : std::size_t {
  kEvents,
  kPositives,
  kGroups,
  kSessions,
  kEvents7d,
  kEvents28d,
  kPositives28d,
  kValueSum,
  kValueMean,
  kDaysSinceFirst,
  kDaysSinceLast,
  kMeanGapDays,
  kAvgSessionTime,
  kDwellMean,
  kCtr,
  kConversion,
  kFavouriteCategory,
  kCategoryEntropy,
  kFavouriteHour,
  kNightShare,
  kWeekendShare,
  kFavouriteDevice,
  kSeason,
  kSeasonShare,
  kSeasonTaste,
  kSeasonalShare,
  kFeatures
};

// The words of `season`, sorted by bytes as a column's are.
const std::vector<std::string>& season_words();
// A code of season_words(), of a month from 1.
std::uint32_t season_of(int month);

// Each item's season as a code of season_words(), Column::kMissing where it sells all the year: see
// item_seasons.cc. From positives before `as_of` alone.
std::vector<std::uint32_t> fit_item_seasons(const Events& events, std::size_t items,
                                            double utc_offset_hours, Time as_of);

// The features of one user; texts are codes.
struct Row {
  std::array<double, kFeatures> number;
  std::array<std::uint32_t, kFeatures> code;
};

// Counts by code, cleared in the time it took to fill.
class Tally {
 public:
  void add(std::uint32_t code);
  void clear();
  // The commonest code, the smallest of equals; Column::kMissing if there is none.
  std::uint32_t mode() const;
  double entropy_bits();  // NaN of nothing

 private:
  std::vector<std::size_t> counts_;
  std::vector<std::uint32_t> used_;
  std::size_t total_ = 0;
};

// The click rates of the events before `as_of`, for the key and kind of `rates`.
void fit_ctr_rates(const Events& events, const FeatureSpace& space, Time as_of, CtrRates& rates);

// What clicks and impressions are, and what rate each event's scenario lets expect.
class Clicks {
 public:
  Clicks(const Events& events, const FeatureSpace& space, const CtrRates& rates);

  bool is_click(std::size_t event) const { return events_.type[event] == click_; }
  bool is_impression(std::size_t event) const {
    return events_.type[event] == impression_ || (both_ && is_click(event));
  }
  // Of an impression; 0 where nothing is normalised.
  double expected(std::size_t event) const;
  double ctr(double clicks, double impressions, double expected) const;

 private:
  const Events& events_;
  const CtrRates& rates_;
  const Column* key_ = nullptr;
  std::vector<double> by_word_;
  int impression_ = -1;  // event types; -1: the log has none such
  int click_ = -1;
  bool both_;
};

// Computes rows one after the other; one per thread, for it keeps scratch space.
class RowMaker {
 public:
  RowMaker(const FeatureSpace& space, const CtrRates& rates,
           const std::vector<std::uint32_t>& item_season, const Events& events, Time as_of);

  // `rows` of the events are one user's, oldest first; those at or after as_of are not looked at.
  Row make(std::span<const std::uint32_t> rows);

 private:
  using Rows = std::span<const std::uint32_t>;
  void count(Rows past, Row& row);
  void categories(Rows past, Row& row);
  void season_taste(Rows past, Row& row) const;
  void recency(Rows timed, Row& row) const;
  void clock(Rows timed, Row& row) const;
  void find_sessions(Rows timed);
  void sessions(Row& row) const;

  struct Session {
    Time start;
    Time end;
    bool positive;
  };

  const FeatureSpace& space_;
  const std::vector<std::uint32_t>& item_season_;
  const Events& events_;
  Time as_of_;
  Clicks clicks_;
  const Column* device_ = nullptr;
  Tally tally_;
  std::vector<std::uint32_t> groups_;
  std::vector<std::uint32_t> order_;
  std::vector<Session> sessions_;
};

}  // namespace sartor::features
