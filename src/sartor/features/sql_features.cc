#include "sartor/features/sql_features.h"

#include <fmt/core.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <functional>
#include <limits>

#include "sartor/base/text.h"
#include "sartor/features/feature_row.h"

namespace sartor::features {

namespace {

constexpr const char* kWeekdays[] = {"monday", "tuesday",  "wednesday", "thursday",
                                     "friday", "saturday", "sunday"};
constexpr const char* kGroup = "group";

// The columns that expressions may name, and how each is made.
class EventColumns {
 public:
  EventColumns(const FeatureSpace& space, const Events& events, Time as_of)
      : space_(space),
        events_(events),
        as_of_(as_of),
        offset_(static_cast<Time>(std::llround(space.config.utc_offset_hours * 3600)) * kSecond) {}

  Column make(const std::string& name) const {
    if (name == "value") return numbers(name, [&](std::size_t e) { return events_.value[e]; });
    if (name == "dwell_seconds")
      return numbers(name, [&](std::size_t e) { return double{events_.dwell_seconds[e]}; });
    if (name == "weight")
      return numbers(name, [&](std::size_t e) { return double{events_.weight[e]}; });
    if (name == kGroup)
      return numbers(name, [&](std::size_t e) {
        return events_.group[e] == Column::kMissing ? kUnknownNumber
                                                    : static_cast<double>(events_.group[e]);
      });
    if (name == "price_level") return numbers(name, [&](std::size_t e) { return price(e); });
    if (name == "days_ago")
      return timed(name, [&](Time time) { return days_between(time, as_of_); });
    if (name == "hour")
      return timed(name, [&](Time time) { return calendar_time(time + offset_).hour; });
    if (name == "month")
      return timed(name, [&](Time time) { return calendar_time(time + offset_).month; });
    if (name == "type")
      return words(name, space_.types, [&](std::size_t e) { return events_.type[e]; });
    if (name == "item") return items();
    if (name == "category")
      return words(name, space_.categories, [&](std::size_t e) {
        const std::size_t item = events_.item[e].index();
        return item < space_.item_category.size() ? space_.item_category[item] : Column::kMissing;
      });
    if (name == "weekday") return weekday();
    if (name == "time") return times();
    return context(name);
  }

  std::vector<std::string> names() const {
    std::vector<std::string> names = {
        "type", "value", "dwell_seconds", "weight", "item",     "category", "price_level",
        "time", "hour",  "weekday",       "month",  "days_ago", kGroup};
    for (const Column& key : space_.context) names.push_back(context_name(key));
    return names;
  }

 private:
  static constexpr double kUnknownNumber = std::numeric_limits<double>::quiet_NaN();

  Column numbers(const std::string& name, const std::function<double(std::size_t)>& of) const {
    Column column{.name = name};
    for (std::size_t e = 0; e < events_.size(); ++e) column.numbers.push_back(of(e));
    return column;
  }

  Column timed(const std::string& name, const std::function<double(Time)>& of) const {
    return numbers(name, [&](std::size_t e) {
      return events_.time[e] == kUntimed ? kUnknownNumber : of(events_.time[e]);
    });
  }

  Column words(const std::string& name, const std::vector<std::string>& all,
               const std::function<std::uint32_t(std::size_t)>& of) const {
    Column column{.name = name, .is_text = true, .words = all};
    for (std::size_t e = 0; e < events_.size(); ++e) {
      const std::uint32_t code = of(e);
      column.codes.push_back(code < all.size() ? code : Column::kMissing);
    }
    return column;
  }

  double price(std::size_t e) const {
    const std::size_t item = events_.item[e].index();
    return item < space_.item_price_level.size() ? space_.item_price_level[item] : kUnknownNumber;
  }

  // Numbers will do where items are only counted.
  Column items() const {
    const auto code = [&](std::size_t e) { return events_.item[e].value; };
    if (!space_.item_names.empty() || events_.size() == 0)
      return words("item", space_.item_names, code);
    return numbers("item", [&](std::size_t e) {
      return events_.item[e] == ItemId{} ? kUnknownNumber
                                         : static_cast<double>(events_.item[e].value);
    });
  }

  Column weekday() const {
    return words("weekday", weekday_words(), [&](std::size_t e) {
      if (events_.time[e] == kUntimed) return Column::kMissing;
      const int day = calendar_time(events_.time[e] + offset_).weekday;
      const auto& known = weekday_words();
      return static_cast<std::uint32_t>(std::find(known.begin(), known.end(), kWeekdays[day]) -
                                        known.begin());
    });
  }

  Column times() const {
    std::vector<Time> known;
    for (const Time time : events_.time) {
      if (time != kUntimed) known.push_back(time);
    }
    std::sort(known.begin(), known.end());
    known.erase(std::unique(known.begin(), known.end()), known.end());
    std::vector<std::string> texts;  // of whole seconds, so that they compare as times do
    for (const Time time : known)
      texts.push_back(format_time(time - (time % kSecond + kSecond) % kSecond));
    return words("time", texts, [&](std::size_t e) {
      if (events_.time[e] == kUntimed) return Column::kMissing;
      return static_cast<std::uint32_t>(
          std::lower_bound(known.begin(), known.end(), events_.time[e]) - known.begin());
    });
  }

  // As the space knows the key: a visitor's events may not have it.
  Column context(const std::string& name) const {
    for (const Column& key : space_.context) {
      if (context_name(key) != name) continue;
      const Column* source = find_context(events_, key.name);
      if (source != nullptr && source->is_text == key.is_text) {
        Column column = *source;
        column.name = name;
        return column;
      }
      Column blank{.name = name, .is_text = key.is_text};
      key.is_text ? blank.codes.assign(events_.size(), Column::kMissing)
                  : blank.numbers.assign(events_.size(), kUnknownNumber);
      return blank;
    }
    return {.name = name};  // nobody asks: names() are all
  }

  const FeatureSpace& space_;
  const Events& events_;
  Time as_of_;
  Time offset_;
};

Error sql_error(const std::string& name, const std::string& what) {
  return {ErrorCode::config, fmt::format("features.sql.{}: {}", printable(name), what)};
}

bool is_share_name(const std::string& name) {
  const auto groups = share_groups();
  return std::any_of(groups.begin(), groups.end(), [&](const FeatureInfo& group) {
    return name == group.name || name.starts_with(std::string(group.name) + ".");
  });
}

Status check_name(const FeatureSpace& space, const std::string& name) {
  const bool plain = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  });
  if (!plain) return sql_error(name, "a name is made of letters, digits and _");
  const bool attribute =
      std::any_of(space.attributes.begin(), space.attributes.end(),
                  [&](const Column& column) { return attribute_feature(column.name) == name; });
  if (is_built_in(name) || is_share_name(name) || name == "embedding")
    return sql_error(name, "the name is that of a built-in feature");
  if (attribute) return sql_error(name, "the name is that of an attribute of [[users]]");
  return {};
}

// Types are told from a table without rows.
Result<bool> is_text(const SqlAggregate& expression, const std::string& name, const Table& shapes) {
  const auto bound = expression.bind(shapes);
  if (!bound) return sql_error(name, bound.error().message);
  const auto looked_at = expression.columns_looked_at();
  const auto group =
      std::find_if(looked_at.begin(), looked_at.end(),
                   [](const std::string& column) { return lower_case(column) == kGroup; });
  if (group != looked_at.end()) {
    return sql_error(name, fmt::format("a group can only be counted: count(DISTINCT \"group\"); "
                                       "found \"{}\"",
                                       printable(expression.text(), 120)));
  }
  return bound->type() == SqlType::text;
}

}  // namespace

Result<std::vector<SqlFeature>> parse_sql_features(const FeatureSpace& space) {
  std::vector<SqlFeature> features;
  static const Events kNoEvents;
  const EventColumns columns(space, kNoEvents, 0);
  Table shapes;
  for (const std::string& name : columns.names()) shapes.columns.push_back(columns.make(name));
  for (const auto& [name, text] : space.config.sql) {
    SARTOR_TRY(check_name(space, name));
    auto parsed = SqlAggregate::parse(text);
    if (!parsed) return sql_error(name, parsed.error().message);
    SARTOR_ASSIGN(const bool text_valued, is_text(*parsed, name, shapes));
    features.push_back({name, text_valued, std::move(*parsed)});
  }
  return features;
}

bool wants_item_names(const std::vector<SqlFeature>& features) {
  return std::any_of(features.begin(), features.end(), [](const SqlFeature& feature) {
    const auto names = feature.expression.columns_looked_at();
    return std::any_of(names.begin(), names.end(),
                       [](const std::string& name) { return lower_case(name) == "item"; });
  });
}

SqlFeatures::SqlFeatures(const FeatureSpace& space, const Events& events, Time as_of) {
  if (space.sql.empty()) return;
  const EventColumns columns(space, events, as_of);
  table_.rows = events.size();
  for (const std::string& name : columns.names()) {
    const bool named =
        std::any_of(space.sql.begin(), space.sql.end(), [&](const SqlFeature& feature) {
          const auto used = feature.expression.columns();
          return std::any_of(used.begin(), used.end(), [&](const std::string& column) {
            return lower_case(column) == lower_case(name);
          });
        });
    if (named) table_.columns.push_back(columns.make(name));
  }
  for (const SqlFeature& feature : space.sql) {
    auto bound = feature.expression.bind(table_);
    assert(bound.has_value());  // parse_sql_features() did so over the same columns
    bound_.push_back(std::move(*bound));
  }
}

}  // namespace sartor::features
