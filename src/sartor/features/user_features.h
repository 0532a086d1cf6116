// Facts about users as of a moment: what rules, clusters and profiles speak about. Each is computed
// from the user's own events before that moment, so the same code serves a log and one visitor.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "sartor/base/fields.h"
#include "sartor/base/parallel.h"
#include "sartor/base/result.h"
#include "sartor/base/time.h"
#include "sartor/data/dataset.h"
#include "sartor/store/tensors.h"

namespace sartor {

// [features]
struct FeatureConfig {
  std::string sessions = "gap";
  double session_gap_minutes = 30;
  double utc_offset_hours = 0;
  int night_from = 22;
  int night_until = 6;
  std::string device = "device";
  std::string impression = "impression";
  std::string click = "click";
  bool click_replaces_impression = false;

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"sessions", &FeatureConfig::sessions,
              "gap: a session ends after session_gap_minutes without an event; groups: a group is "
              "a session"},
        Field{"session_gap_minutes", &FeatureConfig::session_gap_minutes, 0.1, 1e5, Scale::fixed,
              "silence that ends a session"},
        Field{"utc_offset_hours", &FeatureConfig::utc_offset_hours, -14, 14, Scale::fixed,
              "of the users' clocks: hours, weekends and seasons are told by them"},
        Field{"night_from", &FeatureConfig::night_from, 0, 23, Scale::fixed,
              "first hour of the night"},
        Field{"night_until", &FeatureConfig::night_until, 0, 23, Scale::fixed,
              "first hour after the night"},
        Field{"device", &FeatureConfig::device, "the context key that names the device"},
        Field{"impression", &FeatureConfig::impression, "the event type that means: was shown"},
        Field{"click", &FeatureConfig::click, "the event type that means: was clicked"},
        Field{"click_replaces_impression", &FeatureConfig::click_replaces_impression,
              "a click stands in the log instead of its impression, not after it"});
  }
};

// One built-in feature.
struct FeatureInfo {
  const char* name;
  bool is_text;
  const char* unit;
  const char* without_history;
  const char* help;
};

// All built-in features, in the order of the table's columns.
std::span<const FeatureInfo> user_feature_infos();

// docs/features.md.
std::string features_markdown();

// Which rows of an event log are whose: user u's are rows[begin[u]] … rows[begin[u + 1]], in the
// log's order.
struct EventsByUser {
  std::vector<std::size_t> begin;
  std::vector<std::uint32_t> rows;

  std::span<const std::uint32_t> of(UserId user) const {
    return {rows.data() + begin[user.index()], rows.data() + begin[user.index() + 1]};
  }
};

EventsByUser events_by_user(const Dataset& data);

// The events of one user: rows of `events`, oldest first. A view. For a visitor without a name,
// `events` holds a few rows of the visitor's own.
struct UserEvents {
  const Events* events = nullptr;
  std::span<const std::uint32_t> rows;
};

// How often people click in each scenario (a value of a context key), or `by_user`, how often all
// people do: what `ctr` is measured against, where `clean.normalise_ctr` asks for it. Rates of
// scenarios are shrunk to that of all by 50 impressions.
struct CtrRates {
  std::string key;       // "": ctr is not normalised
  bool by_user = false;  // a user's own rate, shrunk, less that of all
  double all = 0;
  std::map<std::string, double> of;  // value of the key -> rate
};

// What features need to know beside a user's events: the meaning of codes, and which columns there
// are. Small; a server loads it from the bundle.
struct FeatureSpace {
  FeatureConfig config;
  std::vector<std::string> types;            // of Events::type
  std::vector<std::string> categories;       // words of `category`
  std::vector<std::uint32_t> item_category;  // per item; empty: items have no category
  std::vector<std::uint32_t> item_season;    // per item, a season; Column::kMissing: all the year
  std::vector<Column> context;               // name, kind and words; no rows
  std::vector<Column> attributes;            // of users: name, kind and words; no rows
  CtrRates ctr;
};

// `normalise_ctr` is that of [clean]: "", "user" or a context key; its rates, and the items'
// seasons, are those of the events before `as_of`. Fails with `config` if a setting is none of the
// known words.
Result<FeatureSpace> feature_space(const Dataset& data, const FeatureConfig& config,
                                   const std::string& normalise_ctr = "",
                                   Time as_of = std::numeric_limits<Time>::max());
Status save_feature_space(const FeatureSpace& space, TensorFile& out);
Result<FeatureSpace> load_feature_space(const TensorFile& in);

// One row per user of the vocabulary, from events before `as_of` alone. Columns: the built-in
// features; `context.<key>`, the last known value; the attributes of [[users]], under their own
// name, or as `user.<name>` where a built-in feature has it. The rates of `space.ctr` and the
// items' seasons are taken anew as of the moment. Linear in the events; the same bits at any thread
// count.
Table user_features(const Dataset& data, const EventsByUser& by_user, const FeatureSpace& space,
                    Time as_of, const Resources& resources);
// The same, making index and space by itself.
Result<Table> user_features(const Dataset& data, Time as_of, const FeatureConfig& config,
                            const Resources& resources);

// The row of one user, as a table of one row with the same columns. `attributes` is a table of one
// row, or empty; what it lacks is missing. Event columns are matched to the space's by name.
Table user_features_of(const UserEvents& user, const Table& attributes, const FeatureSpace& space,
                       Time as_of);

}  // namespace sartor
