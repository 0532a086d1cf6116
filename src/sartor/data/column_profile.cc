#include "sartor/data/column_profile.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <set>

#include "sartor/base/files.h"
#include "sartor/base/text.h"

namespace sartor {
namespace {

std::string letters(const std::string& name) {
  std::string out;
  for (const char c : name) {
    if (c >= 'A' && c <= 'Z') out += static_cast<char>(c + 32);
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) out += c;
  }
  return out;
}

Result<std::set<std::string>> reserved_words(DuckDb& db) {
  std::set<std::string> words;
  SARTOR_ASSIGN(auto rows, db.query("SELECT keyword_name FROM duckdb_keywords() WHERE "
                                    "keyword_category <> 'unreserved'"));
  while (true) {
    SARTOR_ASSIGN(const bool more, rows.next());
    if (!more) return words;
    for (std::size_t r = 0; r < rows.size(); ++r) words.emplace(rows.text(0, r));
  }
}

std::string plain_or_quoted(const std::string& name, const std::set<std::string>& reserved) {
  const std::string lower = lower_case(name);
  const bool word = !lower.empty() && (lower[0] < '0' || lower[0] > '9') &&
                    std::all_of(lower.begin(), lower.end(), [](char c) {
                      return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
                    });
  return word && reserved.count(lower) == 0 ? name : sql_name(name);
}

// Whether the column holds a moment, and how to read it. Numbers are moments only if their name
// says so too: an id may be of any size.
Status find_moment(DuckDb& db, ColumnProfile& column) {
  if (column.type == "DATE" || column.type.starts_with("TIMESTAMP")) {
    column.moment = column.sql;
    column.moment_why = "its values are times";
    return {};
  }
  static const std::vector<std::string> kNames = {"time", "date", "stamp", "unix", "epoch", "ts"};
  if (column.values == 0 || name_rank(column.name, kNames) == kUnknown) return {};
  struct Epoch {
    double unit;
    const char* sql;
    const char* why;
  };
  static constexpr Epoch kEpochs[] = {{1, "to_timestamp({})", "seconds since 1970"},
                                      {1e3, "epoch_ms({})", "milliseconds since 1970"},
                                      {1e6, "make_timestamp({})", "microseconds since 1970"}};
  for (const Epoch& epoch : kEpochs) {  // 1990 to 2100
    if (!column.is_whole() || column.low < 6.3e8 * epoch.unit || column.high > 4.1e9 * epoch.unit) {
      continue;
    }
    column.moment = fmt::format(fmt::runtime(epoch.sql), column.sql);
    column.moment_why = epoch.why;
    return {};
  }
  static constexpr const char* kFormats[] = {"%Y%m%d",   "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M",
                                             "%d.%m.%Y", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M",
                                             "%m/%d/%Y", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M",
                                             "%d/%m/%Y", "%d-%m-%Y %H:%M",    "%d-%m-%Y",
                                             "%d-%b-%Y", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M",
                                             "%Y/%m/%d"};
  const bool text = column.type == "VARCHAR";
  const bool days = column.is_whole() && column.low >= 19000101 && column.high <= 21001231;
  if (!text && !days) return {};
  const std::string as_text = text ? column.sql : fmt::format("CAST({} AS VARCHAR)", column.sql);
  for (const char* format : kFormats) {
    const std::string tried = fmt::format("try_strptime({}, '{}')", as_text, format);
    bool good = true;
    for (const char* rows : {"LIMIT 1000", "LIMIT 200000"}) {  // most formats fail at once
      if (!good) break;
      SARTOR_ASSIGN(const auto read, db.number(fmt::format(
                                         "SELECT count({0}) * 100 - count({1}) * 99 FROM (SELECT * "
                                         "FROM typed {2})",
                                         tried, column.sql, rows)));
      good = read >= 0;
    }
    if (!good) continue;
    column.moment = fmt::format("strptime({}, '{}')", as_text, format);
    column.moment_why = fmt::format("the values read as {}", format);
    return {};
  }
  return {};
}

Status profile_column(DuckDb& db, const std::string& from, ColumnProfile& column) {
  const std::string number =
      column.is_number() ? fmt::format("CAST({} AS DOUBLE)", column.sql) : "NULL::DOUBLE";
  SARTOR_ASSIGN(auto rows, db.query(fmt::format("SELECT count(*), count({0}), count(DISTINCT {0}), "
                                                "min({1}), max({1}) {2}",
                                                column.sql, number, from)));
  SARTOR_ASSIGN(const bool more, rows.next());
  if (!more) return Error{ErrorCode::internal, "no counts"};
  column.rows = rows.values<std::int64_t>(0)[0];
  column.values = rows.values<std::int64_t>(1)[0];
  column.distinct = rows.values<std::int64_t>(2)[0];
  if (!rows.missing(3, 0)) column.low = rows.values<double>(3)[0];
  if (!rows.missing(4, 0)) column.high = rows.values<double>(4)[0];
  return {};
}

}  // namespace

bool ColumnProfile::is_whole() const {
  return type == "BIGINT" || type == "INTEGER" || type == "SMALLINT" || type == "TINYINT" ||
         type == "HUGEINT" || type.starts_with("U");
}

bool ColumnProfile::is_number() const {
  return is_whole() || type == "DOUBLE" || type == "FLOAT" || type.starts_with("DECIMAL");
}

double ColumnProfile::missing_share() const {
  return rows == 0 ? 0 : 1 - static_cast<double>(values) / static_cast<double>(rows);
}

const ColumnProfile* TableProfile::find(const std::string& name) const {
  for (const ColumnProfile& column : columns) {
    if (letters(column.name) == letters(name)) return &column;
  }
  return nullptr;
}

int name_rank(const std::string& name, const std::vector<std::string>& known) {
  const std::string plain = letters(without_type(name));
  for (std::size_t i = 0; i < known.size(); ++i) {
    if (plain == known[i]) return static_cast<int>(i);
  }
  for (std::size_t i = 0; i < known.size(); ++i) {
    // Two letters say something at the end of a name only: "event_ts", not "tests".
    const bool part = known[i].size() > 2 ? plain.find(known[i]) != std::string::npos
                                          : name.ends_with("_" + known[i]);
    if (part) return static_cast<int>(1000 + i);
  }
  return kUnknown;
}

Result<TableProfile> profile_files(const std::string& block, const std::vector<std::string>& files,
                                   const IngestPlace& place) {
  IngestReport ignored;
  // Bad rows are no reason not to look: `sartor check` will speak about them.
  SourceSetup setup{.block = block, .patterns = files, .max_bad_share = 0.5};
  SARTOR_ASSIGN(const auto paths, expand_glob(files.front(), place.folder));
  const auto known = known_format(paths.front());
  if (known) setup.layout = known->layout;
  SARTOR_ASSIGN(OpenSource source, open_source(setup, {}, true, place, ignored));
  TableProfile profile{files, known, std::move(source), {}};
  DuckDb& db = profile.source.db;
  SARTOR_ASSIGN(const auto reserved, reserved_words(db));
  SARTOR_ASSIGN(const auto described, db.describe("SELECT * FROM typed"));
  const std::string from = fmt::format("FROM (SELECT * FROM typed LIMIT {})", kProfiledRows);
  for (const DuckColumn& found : described) {
    if (found.name.starts_with("sartor.")) continue;
    ColumnProfile column{
        .name = found.name, .sql = plain_or_quoted(found.name, reserved), .type = found.type};
    SARTOR_TRY(profile_column(db, from, column));
    SARTOR_TRY(find_moment(db, column));
    profile.columns.push_back(std::move(column));
  }
  return profile;
}

}  // namespace sartor
