// What features need to know beside a user's events.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "sartor/base/fields_json.h"
#include "sartor/base/text.h"
#include "sartor/features/feature_row.h"
#include "sartor/features/sql_features.h"

namespace sartor {

namespace {

constexpr std::size_t kMostShares = 64;  // of a group's words, and those that are named

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
    columns.push_back({.name = shape.at("name").get<std::string>(),
                       .is_text = shape.at("text").get<bool>(),
                       .words = shape.at("words").get<std::vector<std::string>>()});
  }
  return columns;
}

// The shape of a column: no rows.
Column shape_of(const Column& column) {
  return {.name = column.name, .is_text = column.is_text, .words = column.words};
}

// "", "user", or "item" and context keys between commas.
Result<Baseline> baseline_of(const std::string& key, const std::string& text,
                             const std::vector<Column>& context) {
  Baseline baseline{.by_user = text == "user"};
  if (text.empty() || baseline.by_user) return baseline;
  std::vector<std::string> known = {"user", features::kItemKey};
  for (const Column& one : context) known.push_back(one.name);
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    std::string word = text.substr(begin, end - begin);
    word.erase(0, word.find_first_not_of(' '));
    word.erase(word.find_last_not_of(' ') + 1);
    if (std::find(known.begin() + 1, known.end(), word) == known.end()) {
      return Error{ErrorCode::config,
                   fmt::format("{}: there is no context key '{}'{}; known are {}", key,
                               printable(word), did_you_mean(word, known), join(known, ", "))};
    }
    baseline.keys.push_back(std::move(word));
    begin = end + 1;
  }
  return baseline;
}

// The words of a group, or none.
std::vector<std::string> words_of_group(const std::string& group, const FeatureSpace& space) {
  if (group == "daypart") return {"morning", "afternoon", "evening", "night"};
  if (group == "weekday") return features::weekday_words();
  if (group == "interest") return space.categories;
  const std::string& key = group == "os" ? space.config.os : space.config.device;
  for (const Column& column : space.context) {
    if (column.name == key && column.is_text) return column.words;
  }
  return {};
}

std::vector<ShareColumn> wanted_shares(const std::vector<std::string>& names,
                                       const FeatureSpace& space) {
  std::vector<ShareColumn> shares;
  for (const FeatureInfo& group : share_groups()) {
    const std::string prefix = std::string(group.name) + ".";
    const auto of_group = [&](const std::string& name) {
      return name == group.name || lower_case(name).starts_with(prefix);
    };
    if (std::none_of(names.begin(), names.end(), of_group)) continue;
    const auto words = words_of_group(group.name, space);
    for (std::size_t w = 0; w < words.size(); ++w) {
      const bool named = std::find(names.begin(), names.end(), prefix + words[w]) != names.end();
      if (w < kMostShares || named) shares.push_back({group.name, words[w]});
    }
  }
  return shares;
}

Json baseline_json(const Baseline& baseline) {
  return {{"keys", baseline.keys},
          {"by_user", baseline.by_user},
          {"all", baseline.all},
          {"of", baseline.of}};
}

// Bundles of older programs have one key, and its rates.
Baseline baseline_from(const Json& json) {
  Baseline baseline{.by_user = json.at("by_user").get<bool>(), .all = json.at("all").get<double>()};
  if (json.contains("keys")) {
    baseline.keys = json.at("keys").get<std::vector<std::string>>();
    baseline.of = json.at("of").get<std::map<std::string, std::map<std::string, double>>>();
  } else if (const std::string key = json.at("key").get<std::string>();
             !key.empty() && !baseline.by_user) {
    baseline.keys = {key};
    baseline.of[key] = json.at("of").get<std::map<std::string, double>>();
  }
  return baseline;
}

Json shares_json(const std::vector<ShareColumn>& shares) {
  Json list = Json::array();
  for (const ShareColumn& share : shares) list.push_back({share.group, share.word});
  return list;
}

template <class T>
Status read_optional(const TensorFile& in, const std::string& name, std::vector<T>& out) {
  if (!in.has(name)) return {};  // bundles of older programs have none
  SARTOR_ASSIGN(const auto values, in.get<T>(name));
  out.assign(values.begin(), values.end());
  return {};
}

Status check_codes(const std::vector<std::uint32_t>& codes, std::size_t words, const char* what) {
  for (const std::uint32_t code : codes) {
    if (code != Column::kMissing && code >= words)
      return Error{ErrorCode::bad_data,
                   fmt::format("feature space: {} {} of {}", what, code, words)};
  }
  return {};
}

// Sessions, with their first events, as chances of a success.
std::vector<features::Observation> sessions_seen(const Dataset& data, const EventsByUser& by_user,
                                                 const FeatureConfig& config, Time as_of) {
  std::vector<features::Observation> seen;
  std::vector<std::uint32_t> order;
  std::vector<features::Session> sessions;
  for (std::uint32_t u = 0; u < data.users.size(); ++u) {
    const auto past = features::past_of(data.events, by_user.of(UserId{u}), as_of);
    features::find_sessions(data.events, config, past.timed, order, sessions);
    for (const features::Session& session : sessions)
      seen.push_back({session.first, session.positive ? 1.0 : 0.0, 1});
  }
  return seen;
}

}  // namespace

namespace features {

void move_to(Time as_of, const Dataset& data, const EventsByUser& by_user, FeatureSpace& space) {
  if (space.as_of == as_of) return;
  space.as_of = as_of;
  const Events& events = data.events;
  const std::size_t items = data.items.size();
  space.item_season = fit_item_seasons(events, items, space.config.utc_offset_hours, as_of);
  space.item_information = fit_item_information(events, items, as_of);
  std::vector<Observation> seen;
  const Clicks clicks(space);
  for (std::uint32_t e = 0; space.ctr.is_used() && e < events.size(); ++e) {
    const bool click = clicks.is_click(events, e), shown = clicks.is_impression(events, e);
    if (events.time[e] < as_of && (click || shown))
      seen.push_back({e, click ? 1.0 : 0.0, shown ? 1.0 : 0.0});
  }
  fit_baseline(events, items, seen, space.ctr);
  seen.clear();
  for (std::uint32_t e = 0; space.dwell.is_used() && e < events.size(); ++e) {
    if (events.time[e] < as_of && !std::isnan(events.dwell_seconds[e]))
      seen.push_back({e, events.dwell_seconds[e], 1});
  }
  fit_baseline(events, items, seen, space.dwell);
  seen.clear();
  if (space.conversion.is_used()) seen = sessions_seen(data, by_user, space.config, as_of);
  fit_baseline(events, items, seen, space.conversion);
}

}  // namespace features

Result<FeatureSpace> feature_space(const Dataset& data, const FeatureConfig& config,
                                   const FeatureRequest& request, Time as_of) {
  SARTOR_TRY(check_config(config));
  FeatureSpace space{.config = config, .types = data.types, .left_out = request.left_out};
  read_categories(data.item_attributes, space);
  const Column* price = data.item_attributes.find("price");
  if (price != nullptr && !price->is_text)
    space.item_price_level = features::price_levels(price->numbers, space.item_category);
  for (const Column& key : data.events.context) space.context.push_back(shape_of(key));
  for (const Column& column : data.user_attributes.columns)
    space.attributes.push_back(shape_of(column));
  space.shares = wanted_shares(request.names, space);
  SARTOR_ASSIGN(space.sql, features::parse_sql_features(space));
  if (features::wants_item_names(space.sql)) space.item_names = data.items.names();
  SARTOR_ASSIGN(space.ctr,
                baseline_of("clean.normalise_ctr", request.normalise_ctr, space.context));
  SARTOR_ASSIGN(space.dwell,
                baseline_of("features.normalise_dwell", config.normalise_dwell, space.context));
  SARTOR_ASSIGN(space.conversion, baseline_of("features.normalise_conversion",
                                              config.normalise_conversion, space.context));
  const EventsByUser by_user = space.conversion.is_used() ? events_by_user(data) : EventsByUser{};
  features::move_to(as_of, data, by_user, space);
  return space;
}

Status save_feature_space(const FeatureSpace& space, TensorFile& out) {
  const Json json = {{"config", config_json(space.config)},
                     {"as_of", space.as_of},
                     {"context", shapes_json(space.context)},
                     {"attributes", shapes_json(space.attributes)},
                     {"shares", shares_json(space.shares)},
                     {"left_out", space.left_out},
                     {"ctr", baseline_json(space.ctr)},
                     {"dwell", baseline_json(space.dwell)},
                     {"conversion", baseline_json(space.conversion)}};
  out.set_meta("feature_space", json_text(json));
  out.add_texts("types", space.types);
  out.add_texts("categories", space.categories);
  out.add<std::uint32_t>("item_category", space.item_category);
  out.add<std::uint32_t>("item_season", space.item_season);
  out.add<double>("item_price_level", space.item_price_level);
  out.add<double>("item_information", space.item_information);
  out.add<double>("item_ctr", space.ctr.of_item);
  out.add<double>("item_dwell", space.dwell.of_item);
  out.add<double>("item_conversion", space.conversion.of_item);
  if (!space.item_names.empty()) out.add_texts("item_names", space.item_names);
  return {};
}

Result<FeatureSpace> load_feature_space(const TensorFile& in) {
  FeatureSpace space;
  SARTOR_ASSIGN(const std::string text, in.meta("feature_space"));
  SARTOR_ASSIGN(space.types, in.get_texts("types"));
  SARTOR_ASSIGN(space.categories, in.get_texts("categories"));
  SARTOR_ASSIGN(const auto item_category, in.get<std::uint32_t>("item_category"));
  space.item_category.assign(item_category.begin(), item_category.end());
  SARTOR_TRY(read_optional(in, "item_season", space.item_season));
  SARTOR_TRY(read_optional(in, "item_price_level", space.item_price_level));
  SARTOR_TRY(read_optional(in, "item_information", space.item_information));
  if (in.has("item_names.ends")) {
    SARTOR_ASSIGN(space.item_names, in.get_texts("item_names"));
  }
  SARTOR_TRY(check_codes(space.item_category, space.categories.size(), "category"));
  SARTOR_TRY(check_codes(space.item_season, features::season_words().size(), "season"));
  try {
    const Json json = parse_json(text);
    SARTOR_TRY(read_config(node_from_json(json.at("config")), space.config, "features"));
    space.context = shapes_from(json.at("context"));
    space.attributes = shapes_from(json.at("attributes"));
    space.ctr = baseline_from(json.at("ctr"));
    if (json.contains("as_of")) {
      space.as_of = json.at("as_of").get<Time>();
      for (const Json& share : json.at("shares"))
        space.shares.push_back({share.at(0).get<std::string>(), share.at(1).get<std::string>()});
      space.left_out = json.at("left_out").get<std::vector<std::string>>();
      space.dwell = baseline_from(json.at("dwell"));
      space.conversion = baseline_from(json.at("conversion"));
    }
  } catch (const Json::exception& problem) {
    return Error{ErrorCode::bad_data, fmt::format("feature space: {}", problem.what())};
  }
  SARTOR_TRY(read_optional(in, "item_ctr", space.ctr.of_item));
  SARTOR_TRY(read_optional(in, "item_dwell", space.dwell.of_item));
  SARTOR_TRY(read_optional(in, "item_conversion", space.conversion.of_item));
  SARTOR_ASSIGN(space.sql, features::parse_sql_features(space));
  return space;
}

}  // namespace sartor
