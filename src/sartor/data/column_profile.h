// What the columns of a table of files look like: for guesses about their meaning.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "sartor/base/result.h"
#include "sartor/data/known_formats.h"
#include "sartor/data/source_reader.h"

namespace sartor {

struct ColumnProfile {
  std::string name;
  std::string sql;   // the name as SQL, quoted where it must be
  std::string type;  // of all its values: "VARCHAR", "BIGINT", "DOUBLE", "TIMESTAMP", …
  std::int64_t rows = 0;
  std::int64_t values = 0;  // not NULL
  std::int64_t distinct = 0;
  double low = std::numeric_limits<double>::quiet_NaN();  // of numbers
  double high = std::numeric_limits<double>::quiet_NaN();
  std::string moment;      // an expression that makes it a moment, "" if it is none
  std::string moment_why;  // "milliseconds since 1970"

  bool is_number() const;
  bool is_whole() const;
  bool is_flag() const { return is_whole() && low >= 0 && high <= 1 && distinct == 2; }
  double missing_share() const;
};

struct TableProfile {
  std::vector<std::string> files;
  std::optional<KnownFormat> known;
  OpenSource source;  // its view `typed` can be asked further questions
  std::vector<ColumnProfile> columns;

  const ColumnProfile* find(const std::string& name) const;
};

// Profiles the first kProfiledRows rows.
inline constexpr int kProfiledRows = 200'000;
Result<TableProfile> profile_files(const std::string& block, const std::vector<std::string>& files,
                                   const IngestPlace& place);

// The place of the column's name in a list of known names: lower is better, none is kUnknown.
// "CustomerID", "customer_id" and "customer-id" are one; a name that only contains a known word is
// worse than any that equals one.
inline constexpr int kUnknown = 1'000'000;
int name_rank(const std::string& name, const std::vector<std::string>& known);

}  // namespace sartor
