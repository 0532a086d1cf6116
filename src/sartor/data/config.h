// What sartor.toml says about the data: [[events]], [[users]], [[items]], [signal], [data],
// [clean], [split].
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "sartor/base/fields.h"
#include "sartor/base/time.h"

namespace sartor {

// One [[events]] block. Every right-hand side but `files` is a SQL expression over the file's own
// columns.
struct EventSource {
  std::vector<std::string> files;
  std::string user;
  std::string item;
  std::string time;
  std::string type = "'event'";
  std::string value;
  std::string dwell_seconds;
  std::string group;
  std::string keep;
  std::map<std::string, std::string> context;
  std::string time_zone = "UTC";
  bool untimed = false;
  std::string delimiter;
  std::vector<std::string> columns;
  std::string encoding = "utf-8";
  std::string format;               // "csv", "parquet", "json"; "" = by the file's ending
  std::vector<std::string> header;  // expected column names of a CSV; [] = whatever line 1 says
  std::map<std::string, std::string>
      types;  // column -> SQL type, where a guess from the data is not wanted

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"files", &EventSource::files, "CSV (also .gz, .zst), Parquet or JSON lines; globs"},
        Field{"user", &EventSource::user, "SQL: who"},
        Field{"item", &EventSource::item,
              "SQL: what; may be unnest(...): one row, several events, in order"},
        Field{"time", &EventSource::time, "SQL: when"},
        Field{"type", &EventSource::type, "SQL: impression, click, purchase, …"},
        Field{"value", &EventSource::value, "SQL: money, or whatever is counted"},
        Field{"dwell_seconds", &EventSource::dwell_seconds, "SQL: how long it was looked at"},
        Field{"group", &EventSource::group, "SQL: basket or session"},
        Field{"keep", &EventSource::keep,
              "SQL: what is an event at all; runs first, NULL is false; counted, not an error"},
        Field{"context", &EventSource::context, "name = SQL: device, country, page, …"},
        Field{"time_zone", &EventSource::time_zone, "of times without a zone"},
        Field{"untimed", &EventSource::untimed,
              "the source has no times: trains only models that need none"},
        Field{"delimiter", &EventSource::delimiter,
              "between the columns of a CSV, one to four bytes; found in line 1 if empty; none: a "
              "line is one column"},
        Field{"columns", &EventSource::columns,
              "names of the columns of a CSV whose line 1 is a row; [] = line 1 says them"},
        Field{"encoding", &EventSource::encoding, "of a CSV: utf-8 or latin-1"},
        Field{"format", &EventSource::format,
              "csv, parquet or json; by the file's ending if empty"},
        Field{"header", &EventSource::header,
              "expected column names of a CSV; not checked if empty"},
        Field{"types", &EventSource::types,
              "column = SQL type, where the guess from the data is not wanted"});
  }
};

// One [[users]] block.
struct UserSource {
  std::vector<std::string> files;
  std::string user;
  std::map<std::string, std::string>
      attributes;  // name -> SQL; {} = every other column of the file
  std::string delimiter;
  std::vector<std::string> columns;
  std::string encoding = "utf-8";
  std::string format;
  std::map<std::string, std::string> types;

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"files", &UserSource::files, "CSV (also .gz, .zst), Parquet or JSON lines; globs"},
        Field{"user", &UserSource::user, "SQL: whose"},
        Field{"attributes", &UserSource::attributes,
              "name = SQL; every other column of the file if empty"},
        Field{"delimiter", &UserSource::delimiter,
              "between the columns of a CSV, one to four bytes; found in line 1 if empty; none: a "
              "line is one column"},
        Field{"columns", &UserSource::columns,
              "names of the columns of a CSV whose line 1 is a row; [] = line 1 says them"},
        Field{"encoding", &UserSource::encoding, "of a CSV: utf-8 or latin-1"},
        Field{"format", &UserSource::format, "csv, parquet or json; by the file's ending if empty"},
        Field{"types", &UserSource::types,
              "column = SQL type, where the guess from the data is not wanted"});
  }
};

// One [[items]] block.
struct ItemSource {
  std::vector<std::string> files;
  std::string item;
  std::string text;
  std::string category;
  std::string price;
  std::map<std::string, std::string> attributes;  // name -> SQL; {} = none
  std::string delimiter;
  std::vector<std::string> columns;
  std::string encoding = "utf-8";
  std::string format;
  std::map<std::string, std::string> types;

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"files", &ItemSource::files, "CSV (also .gz, .zst), Parquet or JSON lines; globs"},
        Field{"item", &ItemSource::item, "SQL: which"},
        Field{"text", &ItemSource::text, "SQL: what people read about it"},
        Field{"category", &ItemSource::category, "SQL: its place in the catalogue"},
        Field{"price", &ItemSource::price, "SQL: what it costs"},
        Field{"attributes", &ItemSource::attributes, "name = SQL; none if empty"},
        Field{"delimiter", &ItemSource::delimiter,
              "between the columns of a CSV, one to four bytes; found in line 1 if empty; none: a "
              "line is one column"},
        Field{"columns", &ItemSource::columns,
              "names of the columns of a CSV whose line 1 is a row; [] = line 1 says them"},
        Field{"encoding", &ItemSource::encoding, "of a CSV: utf-8 or latin-1"},
        Field{"format", &ItemSource::format, "csv, parquet or json; by the file's ending if empty"},
        Field{"types", &ItemSource::types,
              "column = SQL type, where the guess from the data is not wanted"});
  }
};

// [signal]: what counts as success and how much. SQL over user, item, time, type, value,
// dwell_seconds, group, context.*.
struct SignalConfig {
  std::string positive = "true";
  std::string weight = "1";
  bool repeat = false;

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"positive", &SignalConfig::positive, "SQL over an event: whether it is a success"},
        Field{"weight", &SignalConfig::weight, "SQL over an event: how much a success counts; > 0"},
        Field{"repeat", &SignalConfig::repeat, "what was taken may be recommended again"});
  }
};

// [data]
struct DataConfig {
  double max_bad_share = 0.01;
  int min_item_events = 1;
  int min_item_users = 1;
  double future_hours = 0;
  std::string now;
  bool served_events = true;

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"max_bad_share", &DataConfig::max_bad_share, 0, 1, Scale::fixed,
              "share of unreadable rows above which the run stops"},
        Field{"min_item_events", &DataConfig::min_item_events, 1, 1e9, Scale::fixed,
              "items with fewer positives are left out, and counted"},
        Field{"min_item_users", &DataConfig::min_item_users, 1, 1e9, Scale::fixed,
              "items with fewer users among their positives are left out, and counted"},
        Field{"future_hours", &DataConfig::future_hours, 0, 1e6, Scale::fixed,
              "how far after `now` a time may lie before its row is bad"},
        Field{"now", &DataConfig::now, "the moment that is called now; the clock's if empty"},
        Field{"served_events", &DataConfig::served_events,
              "the events that the workspace's server took are read besides [[events]]"});
  }
};

// [clean]
struct CleanConfig {
  bool duplicates = true;
  double burst_seconds = 0;
  double max_events_per_minute = 0;
  double min_dwell_seconds = 0;
  double max_dwell_seconds = 86400;
  std::string dwell_outside = "clip";
  std::string normalise_dwell;
  std::string normalise_ctr;

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"duplicates", &CleanConfig::duplicates,
              "remove events that are equal in every column, but the first"},
        Field{"burst_seconds", &CleanConfig::burst_seconds, 0, 1e6, Scale::fixed,
              "remove repeats of user, item and type within so many seconds; 0 removes none"},
        Field{"max_events_per_minute", &CleanConfig::max_events_per_minute, 0, 1e6, Scale::fixed,
              "remove users with more distinct moments in some minute than a person has (bots); 0 "
              "removes none"},
        Field{"min_dwell_seconds", &CleanConfig::min_dwell_seconds, 0, 1e9, Scale::fixed,
              "shortest possible dwell"},
        Field{"max_dwell_seconds", &CleanConfig::max_dwell_seconds, 0, 1e9, Scale::fixed,
              "longest possible dwell"},
        Field{"dwell_outside", &CleanConfig::dwell_outside, "clip, or remove the event"},
        Field{"normalise_dwell", &CleanConfig::normalise_dwell,
              "'' or 'user' or a context key: dwell divided by that group's mean, shrunk to the "
              "mean of all"},
        Field{"normalise_ctr", &CleanConfig::normalise_ctr,
              "'', 'user', or 'item' and context keys between commas: ctr as a difference from the "
              "rates there, shrunk to the rate of all"});
  }
};

// [split]: dates, or shares of the positives, latest last.
struct SplitConfig {
  std::string validate_from;
  std::string confirm_from;
  std::string test_from;
  std::string until;      // end of test; after the last event if empty
  double validate = 0.1;  // shares, used where no date is given
  double confirm = 0.2;
  double test = 0.1;
  int earlier = 4;
  std::string cases = "window";

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"validate_from", &SplitConfig::validate_from, "first moment of validate"},
        Field{"confirm_from", &SplitConfig::confirm_from, "first moment of confirm"},
        Field{"test_from", &SplitConfig::test_from, "first moment of test"},
        Field{"until", &SplitConfig::until,
              "first moment after test; after the last event if empty"},
        Field{"validate", &SplitConfig::validate, 0, 0.9, Scale::fixed,
              "share of the positives in validate"},
        Field{"confirm", &SplitConfig::confirm, 0, 0.9, Scale::fixed,
              "share of the positives in confirm"},
        Field{"test", &SplitConfig::test, 0, 0.9, Scale::fixed, "share of the positives in test"},
        Field{"earlier", &SplitConfig::earlier, 0, 100, Scale::fixed,
              "windows as long as validate and before it, whose cases weights and trees are fitted "
              "on, as far as the log reaches"},
        Field{"cases", &SplitConfig::cases,
              "window: one case per user with a positive in the window, as of its start; next: one "
              "per positive event, as of that event"});
  }
};

// Whether what block `block` of [[events]] says of `user` at `time` may not be used, for the user
// was erased. What [[users]] says counts as said at kUntimed, by block kNoBlock.
using IsErased = std::function<bool(std::size_t block, std::string_view user, Time time)>;
inline constexpr std::size_t kNoBlock = static_cast<std::size_t>(-1);

// Everything that decides what is in a Dataset.
struct DataSettings {
  std::vector<EventSource> events;
  std::vector<UserSource> users;
  std::vector<ItemSource> items;
  SignalConfig signal;
  DataConfig data;
  CleanConfig clean;
  IsErased is_erased = {};  // empty: nobody was
};

}  // namespace sartor
