#include "sartor/features/user_features.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "sartor/base/fields_json.h"
#include "sartor/base/text.h"
#include "sartor/features/feature_row.h"

namespace sartor {

namespace {

using features::kFeatures;

constexpr double kMissingNumber = std::numeric_limits<double>::quiet_NaN();

constexpr std::array<FeatureInfo, kFeatures> kInfos = {{
    {"events", false, "events", "0", "events of any type"},
    {"positives", false, "events", "0", "events that `signal.positive` calls a success"},
    {"groups", false, "groups", "0", "distinct groups (baskets, sessions as given)"},
    {"sessions", false, "sessions", "0",
     "sessions of events that have a time, as `features.sessions` tells them apart"},
    {"events_7d", false, "events", "0", "events in the last 7 days"},
    {"events_28d", false, "events", "0", "events in the last 28 days"},
    {"positives_28d", false, "events", "0", "positives in the last 28 days"},
    {"value_sum", false, "value", "0", "sum of `value` over positives"},
    {"value_mean", false, "value", "missing", "mean `value` of the positives that have one"},
    {"days_since_first", false, "days", "missing", "since the first event that has a time"},
    {"days_since_last", false, "days", "missing", "since the last event that has a time"},
    {"mean_gap_days", false, "days", "missing",
     "mean time from the start of a session to the start of the next; missing with one session"},
    {"avg_session_time", false, "minutes", "missing",
     "mean time from a session's first event to "
     "its last"},
    {"dwell_mean", false, "seconds", "missing", "mean `dwell_seconds` of the events that have it"},
    {"ctr", false, "share", "missing",
     "clicks per impression, by `features.click` and `features.impression`; with "
     "`clean.normalise_ctr`, the difference from what is usual"},
    {"conversion", false, "share", "missing", "share of the sessions with a positive"},
    {"favourite_category", true, "word", "missing",
     "the commonest item `category` among positives; the first by bytes of equals"},
    {"category_entropy", false, "bits", "missing",
     "entropy of the categories among positives: 0 is one category, 1 is two equal ones"},
    {"favourite_hour", false, "hour, 0 to 23", "missing",
     "the hour with most events; the earliest of equals"},
    {"night_share", false, "share", "missing",
     "events from `features.night_from` to `features.night_until`"},
    {"weekend_share", false, "share", "missing", "events on Saturday and Sunday"},
    {"favourite_device", true, "word", "missing",
     "the commonest value of the context key `features.device`"},
    {"season", true, "word", "missing",
     "the season with most events: winter is December to February; the first by bytes of equals"},
    {"season_share", false, "share", "missing", "events in the season of the moment itself"},
    {"season_taste", true, "word", "missing",
     "the season whose items make up most of the positives, if two of them and 15 % are such; an "
     "item is a season's if its rate of sale then is 45 % of the seasons' sum, once the log has "
     "run "
     "for 240 days"},
    {"seasonal_share", false, "share", "missing", "positives of items that sell in one season"},
}};

constexpr std::string_view kContextPrefix = "context.";

std::string context_name(const Column& column) {
  return column.name.starts_with(kContextPrefix) ? column.name
                                                 : std::string(kContextPrefix) + column.name;
}

// An attribute keeps its name unless a built-in feature has it.
std::string attribute_name(const std::string& name) {
  const bool taken = std::any_of(kInfos.begin(), kInfos.end(),
                                 [&](const FeatureInfo& info) { return name == info.name; });
  return taken ? "user." + name : name;
}

const Column* find_column(const std::vector<Column>& columns, const std::string& name) {
  const auto found = std::find_if(columns.begin(), columns.end(),
                                  [&](const Column& column) { return column.name == name; });
  return found == columns.end() ? nullptr : &*found;
}

// A column of `rows` missing values.
Column blank(const std::string& name, bool is_text, std::vector<std::string> words,
             std::size_t rows) {
  Column column{.name = name, .is_text = is_text};
  if (is_text) {
    column.words = std::move(words);
    column.codes.assign(rows, Column::kMissing);
  } else {
    column.numbers.assign(rows, kMissingNumber);
  }
  return column;
}

// The shape of a column: no rows.
Column shape_of(const Column& column) {
  return blank(column.name, column.is_text, column.words, 0);
}

// The table's columns but the attributes, all missing.
Table blank_table(const FeatureSpace& space, const Events& events, std::size_t rows) {
  Table table{.rows = rows};
  for (std::size_t f = 0; f < kFeatures; ++f) {
    std::vector<std::string> words;
    if (f == features::kFavouriteCategory) words = space.categories;
    if (f == features::kSeason || f == features::kSeasonTaste) words = features::season_words();
    if (f == features::kFavouriteDevice) {
      const Column* device = find_column(events.context, space.config.device);
      if (device != nullptr) words = device->words;
    }
    table.columns.push_back(blank(kInfos[f].name, kInfos[f].is_text, std::move(words), rows));
  }
  for (const Column& key : space.context) {
    const Column* source = find_column(events.context, key.name);
    const bool usable = source != nullptr && source->is_text == key.is_text;
    table.columns.push_back(blank(context_name(key), key.is_text,
                                  usable ? source->words : std::vector<std::string>{}, rows));
  }
  return table;
}

// Writes row `at`: the features and the last known context of the user whose events are `rows`.
void fill_row(const FeatureSpace& space, const Events& events, Time as_of,
              std::span<const std::uint32_t> rows, features::RowMaker& maker, std::size_t at,
              Table& table) {
  const features::Row row = maker.make(rows);
  for (std::size_t f = 0; f < kFeatures; ++f) {
    Column& column = table.columns[f];
    if (column.is_text) {
      column.codes[at] = row.code[f];
    } else {
      column.numbers[at] = row.number[f];
    }
  }
  for (std::size_t k = 0; k < space.context.size(); ++k) {
    const Column* source = find_column(events.context, space.context[k].name);
    if (source == nullptr || source->is_text != space.context[k].is_text) continue;
    Column& column = table.columns[kFeatures + k];
    for (std::size_t i = rows.size(); i-- > 0;) {
      if (events.time[rows[i]] >= as_of) continue;
      if (source->is_text) {
        column.codes[at] = source->codes[rows[i]];
        if (column.codes[at] != Column::kMissing) break;
      } else {
        column.numbers[at] = source->numbers[rows[i]];
        if (!std::isnan(column.numbers[at])) break;
      }
    }
  }
}

// The category of each item as a code; numbers become words.
void read_categories(const Table& items, FeatureSpace& space) {
  const Column* category = items.find("category");
  if (category == nullptr) return;
  if (category->is_text) {
    space.categories = category->words;
    space.item_category = category->codes;
    return;
  }
  for (const double number : category->numbers) {
    if (!std::isnan(number)) space.categories.push_back(shortest(number));
  }
  std::sort(space.categories.begin(), space.categories.end());
  space.categories.erase(std::unique(space.categories.begin(), space.categories.end()),
                         space.categories.end());
  for (const double number : category->numbers) {
    const auto word =
        std::lower_bound(space.categories.begin(), space.categories.end(), shortest(number));
    space.item_category.push_back(
        std::isnan(number) ? Column::kMissing
                           : static_cast<std::uint32_t>(word - space.categories.begin()));
  }
}

Status check_config(const FeatureConfig& config) {
  if (config.sessions == "gap" || config.sessions == "groups") return {};
  return Error{ErrorCode::config, fmt::format("features.sessions: '{}' is unknown; expected 'gap' "
                                              "or 'groups'",
                                              printable(config.sessions))};
}

Json shapes_json(const std::vector<Column>& columns) {
  Json list = Json::array();
  for (const Column& column : columns) {
    list.push_back({{"name", column.name}, {"text", column.is_text}, {"words", column.words}});
  }
  return list;
}

std::vector<Column> shapes_from(const Json& list) {
  std::vector<Column> columns;
  for (const Json& shape : list) {
    columns.push_back(blank(shape.at("name").get<std::string>(), shape.at("text").get<bool>(),
                            shape.at("words").get<std::vector<std::string>>(), 0));
  }
  return columns;
}

}  // namespace

std::span<const FeatureInfo> user_feature_infos() { return kInfos; }

std::string features_markdown() {
  std::string text =
      "# User features\n\n"
      "What rules, clusters and profiles can name. Every feature is told as of a moment, from the "
      "user's own events before it.\nThis file is generated; the settings are those of "
      "`[features]`.\n\n"
      "| feature | unit | without history | what it is |\n|---|---|---|---|\n";
  for (const FeatureInfo& info : kInfos) {
    text += fmt::format("| `{}` | {} | {} | {} |\n", info.name, info.unit, info.without_history,
                        info.help);
  }
  text +=
      "| `context.<key>` | as given | missing | the last known value of the context key |\n"
      "| `<attribute>` | as given | as given | every attribute of `[[users]]`; `user.<attribute>` "
      "where a feature above has the name |\n"
      "| `embedding` | coordinates | missing | in `features` of a cluster only: all coordinates of "
      "the user's vector |\n\n"
      "A missing value is SQL's `NULL`: a rule such as `days_since_last > 60` is not true of a "
      "user "
      "without history.\n";
  return text;
}

EventsByUser events_by_user(const Dataset& data) {
  EventsByUser by_user;
  const std::vector<UserId>& user = data.events.user;
  by_user.begin.assign(data.users.size() + 1, 0);
  for (const UserId u : user) ++by_user.begin[u.index() + 1];
  for (std::size_t u = 0; u < data.users.size(); ++u) by_user.begin[u + 1] += by_user.begin[u];
  by_user.rows.resize(user.size());
  std::vector<std::size_t> next(by_user.begin.begin(), by_user.begin.end() - 1);
  for (std::size_t e = 0; e < user.size(); ++e) {
    by_user.rows[next[user[e].index()]++] = static_cast<std::uint32_t>(e);
  }
  return by_user;
}

Result<FeatureSpace> feature_space(const Dataset& data, const FeatureConfig& config,
                                   const std::string& normalise_ctr, Time as_of) {
  SARTOR_TRY(check_config(config));
  FeatureSpace space{.config = config, .types = data.types};
  read_categories(data.item_attributes, space);
  for (const Column& key : data.events.context) space.context.push_back(shape_of(key));
  for (const Column& column : data.user_attributes.columns) {
    space.attributes.push_back(shape_of(column));
  }
  space.ctr = {.key = normalise_ctr, .by_user = normalise_ctr == "user"};
  if (!normalise_ctr.empty() && !space.ctr.by_user &&
      find_column(data.events.context, normalise_ctr) == nullptr) {
    std::vector<std::string> keys = {"user"};
    for (const Column& key : space.context) keys.push_back(key.name);
    return Error{
        ErrorCode::config,
        fmt::format("clean.normalise_ctr: there is no context key '{}'{}; known are {}",
                    printable(normalise_ctr), did_you_mean(normalise_ctr, keys), join(keys, ", "))};
  }
  features::fit_ctr_rates(data.events, space, as_of, space.ctr);
  space.item_season =
      features::fit_item_seasons(data.events, data.items.size(), config.utc_offset_hours, as_of);
  return space;
}

Status save_feature_space(const FeatureSpace& space, TensorFile& out) {
  const Json json = {{"config", config_json(space.config)},
                     {"context", shapes_json(space.context)},
                     {"attributes", shapes_json(space.attributes)},
                     {"ctr",
                      {{"key", space.ctr.key},
                       {"by_user", space.ctr.by_user},
                       {"all", space.ctr.all},
                       {"of", space.ctr.of}}}};
  out.set_meta("feature_space", json_text(json));
  out.add_texts("types", space.types);
  out.add_texts("categories", space.categories);
  out.add<std::uint32_t>("item_category", space.item_category);
  out.add<std::uint32_t>("item_season", space.item_season);
  return {};
}

Result<FeatureSpace> load_feature_space(const TensorFile& in) {
  FeatureSpace space;
  SARTOR_ASSIGN(const std::string text, in.meta("feature_space"));
  SARTOR_ASSIGN(space.types, in.get_texts("types"));
  SARTOR_ASSIGN(space.categories, in.get_texts("categories"));
  SARTOR_ASSIGN(const auto item_category, in.get<std::uint32_t>("item_category"));
  space.item_category.assign(item_category.begin(), item_category.end());
  for (const std::uint32_t code : space.item_category) {
    if (code != Column::kMissing && code >= space.categories.size()) {
      return Error{ErrorCode::bad_data,
                   fmt::format("feature space: category {} of {}", code, space.categories.size())};
    }
  }
  if (in.has("item_season")) {  // bundles of older programs have none
    SARTOR_ASSIGN(const auto item_season, in.get<std::uint32_t>("item_season"));
    space.item_season.assign(item_season.begin(), item_season.end());
  }
  for (const std::uint32_t code : space.item_season) {
    if (code != Column::kMissing && code >= features::season_words().size())
      return Error{ErrorCode::bad_data, fmt::format("feature space: season {}", code)};
  }
  try {
    const Json json = parse_json(text);
    SARTOR_TRY(read_config(node_from_json(json.at("config")), space.config, "features"));
    space.context = shapes_from(json.at("context"));
    space.attributes = shapes_from(json.at("attributes"));
    const Json& ctr = json.at("ctr");
    space.ctr = {.key = ctr.at("key").get<std::string>(),
                 .by_user = ctr.at("by_user").get<bool>(),
                 .all = ctr.at("all").get<double>(),
                 .of = ctr.at("of").get<std::map<std::string, double>>()};
  } catch (const Json::exception& problem) {
    return Error{ErrorCode::bad_data, fmt::format("feature space: {}", problem.what())};
  }
  return space;
}

Table user_features(const Dataset& data, const EventsByUser& by_user, const FeatureSpace& space,
                    Time as_of, const Resources& resources) {
  constexpr std::size_t kUsersPerBlock = 512;
  const std::size_t users = data.users.size();
  Table table = blank_table(space, data.events, users);
  CtrRates rates = space.ctr;
  features::fit_ctr_rates(data.events, space, as_of, rates);
  const auto seasons = features::fit_item_seasons(data.events, data.items.size(),
                                                  space.config.utc_offset_hours, as_of);
  const auto fill_block = [&](std::size_t begin, std::size_t end) -> Status {
    features::RowMaker maker(space, rates, seasons, data.events, as_of);
    for (std::size_t u = begin; u < end; ++u) {
      const UserId user{static_cast<std::uint32_t>(u)};
      fill_row(space, data.events, as_of, by_user.of(user), maker, u, table);
    }
    return {};
  };
  const Status filled =
      parallel_for({.threads = resources.threads}, users, kUsersPerBlock, fill_block);
  assert(filled.has_value());  // blocks do not fail, and this is too short to cancel
  for (const Column& attribute : data.user_attributes.columns) {
    table.columns.push_back(attribute);
    table.columns.back().name = attribute_name(attribute.name);
  }
  return table;
}

Result<Table> user_features(const Dataset& data, Time as_of, const FeatureConfig& config,
                            const Resources& resources) {
  SARTOR_ASSIGN(const FeatureSpace space, feature_space(data, config));
  return user_features(data, events_by_user(data), space, as_of, resources);
}

Table user_features_of(const UserEvents& user, const Table& attributes, const FeatureSpace& space,
                       Time as_of) {
  static const Events kNone;
  const Events& events = user.events == nullptr ? kNone : *user.events;
  Table table = blank_table(space, events, 1);
  features::RowMaker maker(space, space.ctr, space.item_season, events, as_of);
  fill_row(space, events, as_of, user.rows, maker, 0, table);
  for (const Column& shape : space.attributes) {
    const Column* known = attributes.find(shape.name);
    const bool usable = known != nullptr && known->is_text == shape.is_text && known->rows() == 1;
    table.columns.push_back(usable ? *known : blank("", shape.is_text, {}, 1));
    table.columns.back().name = attribute_name(shape.name);
  }
  return table;
}

}  // namespace sartor
