// [features.sql]: a user's events as the table that SqlAggregate sees. For this module alone.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "sartor/features/user_features.h"

namespace sartor::features {

// The column of a context key in a table of features.
std::string context_name(const Column& column);
bool is_built_in(const std::string& name);

// Parses features.sql and finds the type of each; `space` has everything else. Fails with `config`,
// naming the feature, the place and the nearest column.
Result<std::vector<SqlFeature>> parse_sql_features(const FeatureSpace& space);

// Whether any feature looks at the items' names.
bool wants_item_names(const std::vector<SqlFeature>& features);

// The SQL features of one user after the other. Makes the columns they name for all of `events`;
// safe to use from several threads.
class SqlFeatures {
 public:
  SqlFeatures(const FeatureSpace& space, const Events& events, Time as_of);

  SqlFeatures(const SqlFeatures&) = delete;  // expressions point into the table

  std::size_t size() const { return bound_.size(); }
  // `rows` of the events are before the moment. A number, or a text; neither is missing.
  SqlValue evaluate(std::size_t feature, std::span<const std::uint32_t> rows) const {
    return bound_[feature].evaluate(rows);
  }

 private:
  Table table_;
  std::vector<BoundAggregate> bound_;
};

}  // namespace sartor::features
