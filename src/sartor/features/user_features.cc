#include "sartor/features/user_features.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <cmath>
#include <limits>
#include <optional>

#include "sartor/features/feature_row.h"
#include "sartor/features/sql_features.h"

namespace sartor {

namespace features {

namespace {

constexpr std::string_view kContextPrefix = "context.";

}  // namespace

std::string context_name(const Column& column) {
  return column.name.starts_with(kContextPrefix) ? column.name
                                                 : std::string(kContextPrefix) + column.name;
}

bool is_built_in(const std::string& name) {
  const auto infos = user_feature_infos();
  return std::any_of(infos.begin(), infos.end(),
                     [&](const FeatureInfo& info) { return name == info.name; });
}

}  // namespace features

// An attribute keeps its name unless a built-in feature has it.
std::string attribute_feature(const std::string& attribute) {
  return features::is_built_in(attribute) ? "user." + attribute : attribute;
}

namespace {

using features::context_name;
using features::kFeatures;

constexpr double kMissingNumber = std::numeric_limits<double>::quiet_NaN();

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

std::vector<std::string> words_of(std::size_t feature, const FeatureSpace& space,
                                  const Events& events) {
  const auto of_context = [&](const std::string& key) {
    const Column* column = features::find_context(events, key);
    return column == nullptr ? std::vector<std::string>() : column->words;
  };
  switch (feature) {
    case features::kFavouriteCategory:
      return space.categories;
    case features::kSeason:
    case features::kSeasonTaste:
      return features::season_words();
    case features::kFavouriteWeekday:
      return features::weekday_words();
    case features::kFavouriteDevice:
      return of_context(space.config.device);
    case features::kFavouriteOs:
      return of_context(space.config.os);
    default:
      return {};
  }
}

// A table of features on its way: the columns in order, but for the attributes. Rows may be filled
// in by several threads.
class Filling {
 public:
  Filling(const FeatureSpace& space, const Events& events, Time as_of, std::size_t rows)
      : space_(space),
        events_(events),
        as_of_(as_of),
        sql_(space, events, as_of),
        texts_(space.sql.size()) {
    table_.rows = rows;
    const auto infos = user_feature_infos();
    for (std::size_t f = 0; f < kFeatures; ++f)
      add(infos[f].name, infos[f].is_text, words_of(f, space, events));
    for (const ShareColumn& share : space.shares) add(share.name(), false, {});
    for (const Column& key : space.context) {
      const Column* source = source_of(key);
      add(context_name(key), key.is_text,
          source != nullptr ? source->words : std::vector<std::string>());
    }
    first_sql_ = table_.columns.size();
    for (std::size_t f = 0; f < space.sql.size(); ++f) {
      add(space.sql[f].name, space.sql[f].is_text, {});
      if (space.sql[f].is_text) texts_[f].resize(rows);
    }
  }

  // Writes row `at`: what is known of the user whose events are `rows`.
  void fill(std::span<const std::uint32_t> rows, features::RowMaker& maker, std::size_t at) {
    const features::Row row = maker.make(rows);
    for (std::size_t f = 0; f < kFeatures; ++f) {
      Column& column = table_.columns[f];
      if (column.is_text) {
        column.codes[at] = row.code[f];
      } else {
        column.numbers[at] = row.number[f];
      }
    }
    std::size_t next = kFeatures;
    for (const double share : row.shares) table_.columns[next++].numbers[at] = share;
    const auto past = features::past_of(events_, rows, as_of_).all;
    for (const Column& key : space_.context) last_known(key, past, at, table_.columns[next++]);
    for (std::size_t f = 0; f < sql_.size(); ++f) {
      SqlValue value = sql_.evaluate(f, past);
      if (value.type == SqlType::null) continue;
      if (space_.sql[f].is_text) {
        texts_[f][at] = std::move(value.text);
      } else {
        table_.columns[next + f].numbers[at] = value.number;
      }
    }
  }

  // The table, with the attributes.
  Table finish(std::vector<Column> attributes) {
    for (std::size_t f = 0; f < texts_.size(); ++f)
      encode(texts_[f], table_.columns[first_sql_ + f]);
    for (Column& attribute : attributes) {
      attribute.name = attribute_feature(attribute.name);
      table_.columns.push_back(std::move(attribute));
    }
    blank_columns(space_.left_out, table_);
    return std::move(table_);
  }

 private:
  void add(const std::string& name, bool is_text, std::vector<std::string> words) {
    table_.columns.push_back(blank(name, is_text, std::move(words), table_.rows));
  }

  // The events' column of a key, if it is of the kind that the space knows.
  const Column* source_of(const Column& key) const {
    const Column* source = features::find_context(events_, key.name);
    return source != nullptr && source->is_text == key.is_text ? source : nullptr;
  }

  void last_known(const Column& key, std::span<const std::uint32_t> past, std::size_t at,
                  Column& column) const {
    const Column* source = source_of(key);
    if (source == nullptr) return;
    for (std::size_t i = past.size(); i-- > 0;) {
      if (source->is_text) {
        column.codes[at] = source->codes[past[i]];
        if (column.codes[at] != Column::kMissing) return;
      } else {
        column.numbers[at] = source->numbers[past[i]];
        if (!std::isnan(column.numbers[at])) return;
      }
    }
  }

  static void encode(const std::vector<std::optional<std::string>>& texts, Column& column) {
    for (const auto& text : texts) {
      if (text) column.words.push_back(*text);
    }
    std::sort(column.words.begin(), column.words.end());
    column.words.erase(std::unique(column.words.begin(), column.words.end()), column.words.end());
    for (std::size_t r = 0; r < texts.size(); ++r) {
      if (!texts[r]) continue;
      const auto word = std::lower_bound(column.words.begin(), column.words.end(), *texts[r]);
      column.codes[r] = static_cast<std::uint32_t>(word - column.words.begin());
    }
  }

  const FeatureSpace& space_;
  const Events& events_;
  Time as_of_;
  features::SqlFeatures sql_;
  Table table_;
  std::size_t first_sql_ = 0;
  std::vector<std::vector<std::optional<std::string>>> texts_;  // of SQL features that are texts
};

// Stops SQL features that run for too long.
class Patience {
 public:
  explicit Patience(double seconds) : seconds_(seconds), start_(std::chrono::steady_clock::now()) {}

  Status check() const {
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start_;
    if (passed.count() <= seconds_) return {};
    return Error{ErrorCode::config,
                 fmt::format("features.sql: not done after {} s (features.sql_seconds)", seconds_)};
  }

 private:
  double seconds_;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace

void blank_columns(const std::vector<std::string>& names, Table& table) {
  for (Column& column : table.columns) {
    if (std::find(names.begin(), names.end(), column.name) != names.end())
      column = blank(column.name, column.is_text, {}, table.rows);
  }
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

Result<Table> user_features(const Dataset& data, const EventsByUser& by_user,
                            const FeatureSpace& space, Time as_of, const Resources& resources) {
  constexpr std::size_t kUsersPerBlock = 512;
  constexpr std::size_t kUsersPerCheck = 16;
  FeatureSpace now = space;
  features::move_to(as_of, data, by_user, now);
  const std::size_t users = data.users.size();
  Filling filling(now, data.events, as_of, users);
  const Patience patience(now.config.sql_seconds);
  const auto fill_block = [&](std::size_t begin, std::size_t end) -> Status {
    features::RowMaker maker(now, data.events, as_of);
    for (std::size_t u = begin; u < end; ++u) {
      if (!now.sql.empty() && u % kUsersPerCheck == 0) SARTOR_TRY(patience.check());
      filling.fill(by_user.of(UserId{static_cast<std::uint32_t>(u)}), maker, u);
    }
    return {};
  };
  // Too short to cancel without SQL.
  const Resources used =
      now.sql.empty() ? Resources{.threads = resources.threads} : resources.quietly();
  SARTOR_TRY(parallel_for(used, users, kUsersPerBlock, fill_block));
  return filling.finish(data.user_attributes.columns);
}

Result<Table> user_features(const Dataset& data, Time as_of, const FeatureConfig& config,
                            const Resources& resources) {
  SARTOR_ASSIGN(const FeatureSpace space, feature_space(data, config, {}, as_of));
  return user_features(data, events_by_user(data), space, as_of, resources);
}

Table user_features_of(const UserEvents& user, const Table& attributes, const FeatureSpace& space,
                       Time as_of) {
  static const Events kNone;
  const Events& events = user.events == nullptr ? kNone : *user.events;
  Filling filling(space, events, as_of, 1);
  features::RowMaker maker(space, events, as_of);
  filling.fill(user.rows, maker, 0);
  std::vector<Column> columns;
  for (const Column& shape : space.attributes) {
    const Column* known = attributes.find(shape.name);
    const bool usable = known != nullptr && known->is_text == shape.is_text && known->rows() == 1;
    columns.push_back(usable ? *known : blank("", shape.is_text, {}, 1));
    columns.back().name = shape.name;
  }
  return filling.finish(std::move(columns));
}

}  // namespace sartor
