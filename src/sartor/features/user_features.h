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
#include "sartor/data/sql_aggregate.h"
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
  std::string os = "os";
  std::string impression = "impression";
  std::string click = "click";
  bool click_replaces_impression = false;
  std::string normalise_dwell;
  std::string normalise_conversion;
  std::map<std::string, double> engagement = {
      {"impression", 0}, {"click", 1}, {"view", 1}, {"cart", 3}, {"purchase", 5}};
  double engagement_half_life_days = 30;
  std::map<std::string, double> intent = {{"click", 1}, {"view", 1}, {"cart", 3}};
  double intent_days = 14;
  std::map<std::string, std::string> sql;
  double sql_seconds = 60;

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
        Field{"os", &FeatureConfig::os, "the context key that names the operating system"},
        Field{"impression", &FeatureConfig::impression, "the event type that means: was shown"},
        Field{"click", &FeatureConfig::click, "the event type that means: was clicked"},
        Field{"click_replaces_impression", &FeatureConfig::click_replaces_impression,
              "a click stands in the log instead of its impression, not after it"},
        Field{"normalise_dwell", &FeatureConfig::normalise_dwell,
              "'', 'user', or 'item' and context keys between commas: dwell_mean as a difference "
              "from what is usual there"},
        Field{"normalise_conversion", &FeatureConfig::normalise_conversion,
              "likewise: conversion; item and context of a session are those of its first event"},
        Field{"engagement", &FeatureConfig::engagement,
              "event type = weight in `engagement`; other types weigh 1"},
        Field{"engagement_half_life_days", &FeatureConfig::engagement_half_life_days, 0.01, 1e5,
              Scale::fixed, "after which an event counts half in `engagement`"},
        Field{
            "intent", &FeatureConfig::intent,
            "event type = weight in `purchase_intent`: what people do before they take something"},
        Field{"intent_days", &FeatureConfig::intent_days, 0.01, 1e5, Scale::fixed,
              "how far back `purchase_intent` looks"},
        Field{"sql", &FeatureConfig::sql,
              "name = SQL: features of your own, over the user's events before the moment "
              "(docs/features.md)"},
        Field{"sql_seconds", &FeatureConfig::sql_seconds, 0.001, 1e6, Scale::fixed,
              "of all users' SQL features as of one moment; a run that needs longer stops"});
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

// The column of an attribute of [[users]] in a table of features.
std::string attribute_feature(const std::string& attribute);

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

// What a share or a mean is measured against, where it is normalised: how it is for everybody at
// the same item and in the same scenario (a value of a context key), or `by_user`, how it is for
// all. Every rate is shrunk to that of all by 50 observations. With several keys what is expected
// is
//     all * product over the keys of (rate of the key's value / all)
struct Baseline {
  std::vector<std::string> keys;  // "item" and context keys; empty: not normalised, or by_user
  bool by_user = false;           // a user's own rate, shrunk, less that of all
  double all = 0;
  std::map<std::string, std::map<std::string, double>> of;  // context key -> its value -> rate
  std::vector<double> of_item;                              // where "item" is a key

  bool is_used() const { return by_user || !keys.empty(); }
};

// A column that is made because a rule or a cluster names it: the share of one word among the
// user's events ("device.tablet") or positives ("interest.toys").
struct ShareColumn {
  std::string group;  // of share_groups()
  std::string word;

  std::string name() const { return group + "." + word; }
};

// "interest", "device", "os", "daypart", "weekday".
std::span<const FeatureInfo> share_groups();

struct SqlFeature {
  std::string name;
  bool is_text = false;
  SqlAggregate expression;
};

// What features need to know beside a user's events: the meaning of codes, and which columns there
// are. Small; a server loads it from the bundle.
struct FeatureSpace {
  FeatureConfig config;
  Time as_of = std::numeric_limits<Time>::min();  // of everything that is told from others' events
  std::vector<std::string> types;                 // of Events::type
  std::vector<std::string> categories;            // words of `category`
  std::vector<std::uint32_t> item_category;       // per item; empty: items have no category
  std::vector<double> item_price_level;           // per item, 0 to 1; empty: items have no price
  std::vector<std::uint32_t> item_season;  // per item, a season; Column::kMissing: all the year
  std::vector<double> item_information;    // per item, bits: -log2 of its share of all positives
  std::vector<std::string> item_names;     // only where an SQL feature looks at them
  std::vector<Column> context;             // name, kind and words; no rows
  std::vector<Column> attributes;          // of users: name, kind and words; no rows
  std::vector<ShareColumn> shares;
  std::vector<SqlFeature> sql;
  std::vector<std::string> left_out;  // features that are missing for everybody: they know too much
  Baseline ctr, dwell, conversion;
};

struct FeatureRequest {
  std::string normalise_ctr;          // of [clean]
  std::vector<std::string> names;     // what rules and clusters name: which shares are made
  std::vector<std::string> left_out;  // as FeatureSpace::left_out
};

// What is told from others' events is so from those before `as_of`. Fails with `config`, naming the
// key: a setting that is none of the known words, an SQL feature that does not parse, names an
// unknown column, or has a name that is taken.
Result<FeatureSpace> feature_space(const Dataset& data, const FeatureConfig& config,
                                   const FeatureRequest& request = {},
                                   Time as_of = std::numeric_limits<Time>::max());
Status save_feature_space(const FeatureSpace& space, TensorFile& out);
Result<FeatureSpace> load_feature_space(const TensorFile& in);

// One row per user of the vocabulary, from events before `as_of` alone. Columns: the built-in
// features; the space's shares; `context.<key>`, the last known value; SQL features; the attributes
// of [[users]], under their own name, or as `user.<name>` where a built-in feature has it. What is
// told from others' events is taken anew where the space's is of another moment. Linear in the
// events; the same bits at any thread count. Fails with `config` if SQL features run longer than
// features.sql_seconds, and if cancelled while they do.
Result<Table> user_features(const Dataset& data, const EventsByUser& by_user,
                            const FeatureSpace& space, Time as_of, const Resources& resources);
// The same, making index and space by itself.
Result<Table> user_features(const Dataset& data, Time as_of, const FeatureConfig& config,
                            const Resources& resources);

// Makes every value of the columns of these names missing.
void blank_columns(const std::vector<std::string>& names, Table& table);

// The row of one user, as a table of one row with the same columns. `attributes` is a table of one
// row, or empty; what it lacks is missing. Event columns are matched to the space's by name.
Table user_features_of(const UserEvents& user, const Table& attributes, const FeatureSpace& space,
                       Time as_of);

}  // namespace sartor
