// What one user's events say about the user: user_features.h for the meaning of each number. For
// this module alone.
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
  kActivityLevel,
  kFrequency,
  kValueSum,
  kValueMean,
  kValue28d,
  kPriceLevel,
  kDaysSinceFirst,
  kDaysSinceLast,
  kMeanGapDays,
  kAvgSessionTime,
  kDwellMean,
  kCtr,
  kConversion,
  kEngagement,
  kPurchaseIntent,
  kFavouriteCategory,
  kCategoryShare,
  kCategoryEntropy,
  kNoveltyAppetite,
  kDiscoveryShare,
  kFavouriteHour,
  kFavouriteWeekday,
  kNightShare,
  kWeekendShare,
  kFavouriteDevice,
  kFavouriteOs,
  kSeason,
  kSeasonShare,
  kSeasonTaste,
  kSeasonalShare,
  kFeatures
};

// The words of `season` and of `favourite_weekday`, sorted by bytes as a column's are.
const std::vector<std::string>& season_words();
const std::vector<std::string>& weekday_words();
// A code of season_words(), of a month from 1.
std::uint32_t season_of(int month);

// Each item's season as a code of season_words(), Column::kMissing where it sells all the year: see
// item_seasons.cc. From positives before `as_of` alone.
std::vector<std::uint32_t> fit_item_seasons(const Events& events, std::size_t items,
                                            double utc_offset_hours, Time as_of);

// -log2 of each item's share of all positives before `as_of`, every item counted once more.
std::vector<double> fit_item_information(const Events& events, std::size_t items, Time as_of);

// Where each item's price stands among those of its category: the share that is cheaper, and half
// of those as dear. NaN without a price.
std::vector<double> price_levels(std::span<const double> price,
                                 std::span<const std::uint32_t> category);

// The features of one user; texts are codes.
struct Row {
  std::array<double, kFeatures> number;
  std::array<std::uint32_t, kFeatures> code;
  std::vector<double> shares;  // one per ShareColumn
};

// Counts by code, cleared in the time it took to fill.
class Tally {
 public:
  void add(std::uint32_t code);
  void clear();
  // The commonest code, the smallest of equals; Column::kMissing if there is none.
  std::uint32_t mode() const;
  double entropy_bits();                   // NaN of nothing
  double share(std::uint32_t code) const;  // of all; NaN of nothing, 0 of a code never added

 private:
  std::vector<std::size_t> counts_;
  std::vector<std::uint32_t> used_;
  std::size_t total_ = 0;
};

inline constexpr const char* kItemKey = "item";

// The events' column of a context key, or null.
const Column* find_context(const Events& events, const std::string& key);

// What was seen at an event's item and scenario: `n` chances and what came of them.
struct Observation {
  std::uint32_t event;
  double total;
  double n;
};

// Fills in the rates of the baseline's keys.
void fit_baseline(const Events& events, std::size_t items, std::span<const Observation> seen,
                  Baseline& baseline);

// What a baseline lets expect of each event, and how a user compares with that.
class Usual {
 public:
  Usual(const Events& events, const Baseline& baseline);

  double at(std::size_t event) const;  // 0 where nothing is normalised
  // `expected` is the sum of at() over the `n` chances. NaN without any.
  double compared(double total, double n, double expected) const;

 private:
  struct Key {
    bool is_item = false;
    const Column* column = nullptr;
    const std::map<std::string, double>* rates = nullptr;
    std::vector<double> by_word;  // of a text column
  };
  double rate_of(const Key& key, const std::string& value) const;
  double rate_at(const Key& key, std::size_t event) const;

  const Events& events_;
  const Baseline& baseline_;
  std::vector<Key> keys_;
};

// What clicks and impressions are.
class Clicks {
 public:
  explicit Clicks(const FeatureSpace& space);

  bool is_click(const Events& events, std::size_t event) const {
    return events.type[event] == click_;
  }
  bool is_impression(const Events& events, std::size_t event) const {
    return events.type[event] == impression_ || (both_ && events.type[event] == click_);
  }

 private:
  int impression_ = -1;  // event types; -1: the log has none such
  int click_ = -1;
  bool both_;
};

struct Session {
  Time start;
  Time end;
  std::uint32_t first;  // event
  bool positive;
};

// The sessions of one user's timed events; `order` is scratch.
void find_sessions(const Events& events, const FeatureConfig& config,
                   std::span<const std::uint32_t> timed, std::vector<std::uint32_t>& order,
                   std::vector<Session>& sessions);

// A user's events before the moment, and those of them that have a time.
struct Past {
  std::span<const std::uint32_t> all;
  std::span<const std::uint32_t> timed;
};
Past past_of(const Events& events, std::span<const std::uint32_t> rows, Time as_of);

// What the space knows of others, as of another moment.
void move_to(Time as_of, const Dataset& data, const EventsByUser& by_user, FeatureSpace& space);

// Computes rows one after the other; one per thread, for it keeps scratch space.
class RowMaker {
 public:
  RowMaker(const FeatureSpace& space, const Events& events, Time as_of);

  // `rows` of the events are one user's, oldest first; those at or after as_of are not looked at.
  Row make(std::span<const std::uint32_t> rows);

 private:
  using Rows = std::span<const std::uint32_t>;
  void count(Rows past, Row& row);
  void contexts(Rows past, Row& row);
  void categories(Rows past, Row& row);
  void items(Rows past, Row& row);
  void season_taste(Rows past, Row& row) const;
  void recency(Rows timed, Row& row) const;
  static double weight_of(const std::vector<double>& weights, std::uint16_t type);
  void engagement(Rows timed, Row& row) const;
  void intent(Rows timed, Row& row);
  void clock(Rows timed, Row& row) const;
  void sessions(Row& row) const;
  void put_shares(const std::string& group, const Column* words, Row& row);

  const FeatureSpace& space_;
  const Events& events_;
  Time as_of_;
  Time offset_;  // of the users' clocks
  Clicks clicks_;
  Usual usual_ctr_, usual_dwell_, usual_conversion_;
  std::vector<double> engagement_, intent_;  // weight of each event type
  bool has_intent_ = false;                  // whether the log has a type of it
  Column categories_;                        // its words are the categories
  const Column* device_;
  const Column* os_;
  Tally tally_;
  std::vector<std::uint32_t> order_;  // scratch
  std::vector<Session> sessions_;
};

}  // namespace sartor::features
