#include "sartor/data/source_table.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "sartor/base/files.h"
#include "sartor/base/text.h"

namespace sartor {
namespace {

// "csv", "parquet" or "json" by the file's ending, compression left aside; "" if unknown.
std::string format_of(const std::string& path) {
  std::filesystem::path name(lower_case(std::filesystem::path(path).filename().string()));
  if (name.extension() == ".gz" || name.extension() == ".zst") name = name.stem();
  const std::string ending = name.extension().string();
  for (const char* known : {".csv", ".tsv", ".txt", ".dat", ".inter", ".user", ".item", ".data"}) {
    if (ending == known) return "csv";
  }
  if (ending == ".parquet" || ending == ".pq") return "parquet";
  if (ending == ".json" || ending == ".jsonl" || ending == ".ndjson") return "json";
  return "";
}

class Loader {
 public:
  Loader(DuckDb& db, const SourceRequest& request, const std::string& scratch,
         const Resources& resources, IngestReport& report, SourceTable& table)
      : db_(db),
        request_(request),
        scratch_(scratch),
        resources_(resources),
        report_(report),
        table_(table) {}

  Status load(const std::string& path) {
    const std::string format = request_.format.empty() ? format_of(path) : request_.format;
    SourceFile file{.path = path, .first_row = static_cast<std::uint64_t>(table_.rows())};
    Status status;
    if (format == "csv") {
      status = load_csv(file);
    } else if (format == "json") {
      status = load_json(file);
    } else if (format == "parquet") {
      status = load_parquet(file);
    } else {
      return Error{ErrorCode::config,
                   fmt::format("{}.files: {}: what is it? expected an ending .csv, .parquet or "
                               ".jsonl, or format = \"csv\", \"parquet\" or \"json\"",
                               request_.block, path)};
    }
    if (file.scan.copied) std::remove(file.scan.path.c_str());
    SARTOR_TRY(status);
    table_.files.push_back(std::move(file));
    return {};
  }

 private:
  // Fixes the table's columns at the first file; holds every later one to them.
  Status choose_columns(const std::string& path, std::vector<SourceColumn> found) {
    std::vector<std::string> names;
    for (const SourceColumn& column : found) names.push_back(column.name);
    const auto has = [](const std::vector<SourceColumn>& columns, const std::string& name) {
      return std::any_of(columns.begin(), columns.end(), [&](const auto& column) {
        return lower_case(column.name) == lower_case(name);
      });
    };
    if (!table_.files.empty()) {
      for (const SourceColumn& column : table_.columns) {
        if (has(found, column.name)) continue;
        return Error{
            ErrorCode::bad_data,
            fmt::format("{}: line 1: there is no column '{}'{}, as there is in {}", path,
                        column.name, did_you_mean(column.name, names), table_.files.front().path)};
      }
      return {};
    }
    for (const UserSql* sql : request_.expressions) {
      for (const std::string& name : sql->columns) {
        if (has(found, name)) continue;
        return user_sql_error(
            *sql, fmt::format("{} has no column '{}'{}", path, name, column_hint(name, names)));
      }
    }
    const auto wanted = [&](const SourceColumn& column) {
      if (request_.all_columns) return true;
      return std::any_of(
          request_.expressions.begin(), request_.expressions.end(), [&](const UserSql* sql) {
            return std::any_of(sql->columns.begin(), sql->columns.end(), [&](const auto& name) {
              return lower_case(name) == lower_case(column.name);
            });
          });
    };
    for (SourceColumn& column : found) {
      if (wanted(column)) table_.columns.push_back(std::move(column));
    }
    if (table_.columns.empty()) table_.columns.push_back(std::move(found.front()));
    return {};
  }

  static std::string column_hint(const std::string& name, const std::vector<std::string>& names) {
    const std::string nearest = did_you_mean(name, names);
    if (!nearest.empty()) return nearest;
    return fmt::format("; it has {}", printable(join(names, ", "), 300));
  }

  std::string insert_into_raw(const std::string& what) const {
    return (table_.files.empty() ? "CREATE TABLE raw AS SELECT " : "INSERT INTO raw SELECT ") +
           what;
  }

  std::string column_list() const {
    std::string list;
    for (const SourceColumn& column : table_.columns) {
      list += (list.empty() ? "" : ", ") + sql_name(column.name);
    }
    return list;
  }

  Status run(const std::string& path, const std::string& sql) {
    const Status status = db_.run(sql);
    return status ? status : Status(within(path, status.error()));
  }

  Result<std::uint64_t> count_new_rows(const SourceFile& file) {
    SARTOR_ASSIGN(const std::int64_t rows, db_.number("SELECT count(*) FROM raw"));
    return static_cast<std::uint64_t>(rows) - file.first_row;
  }

  std::string copy_path() const {
    return fmt::format("{}/{}.{}.txt", scratch_, request_.block, table_.files.size());
  }

  Status load_csv(SourceFile& file) {
    SARTOR_ASSIGN(file.scan,
                  scan_text(file.path, TextFormat::csv, copy_path(), resources_, request_.layout));
    file.is_text = true;
    file.read = file.scan.records;
    if (!request_.header.empty() && request_.header != file.scan.header) {
      return Error{ErrorCode::bad_data, fmt::format("{}: line 1: expected the columns {}, found {}",
                                                    file.path, join(request_.header, ", "),
                                                    printable(join(file.scan.header, ", "), 300))};
    }
    std::vector<SourceColumn> found;
    std::string names;
    for (const std::string& name : file.scan.header) {
      if (!is_utf8(name)) {
        return Error{ErrorCode::bad_data, file.path + ": line 1: the file is not UTF-8"};
      }
      found.push_back({name, "VARCHAR", true});
      names += fmt::format("{}{}: 'VARCHAR'", names.empty() ? "" : ", ", sql_text(name));
    }
    SARTOR_TRY(choose_columns(file.path, std::move(found)));
    const char* quote = request_.layout.may_quote() ? "'\"'" : "''";
    const std::string rejects = fmt::format("rejects_{}", table_.files.size());
    // The largest record decides the buffers: a long line is a row like any other.
    const std::uint64_t longest = std::max<std::uint64_t>(file.scan.longest + 16, 2'000'000);
    SARTOR_TRY(
        run(file.path,
            insert_into_raw(fmt::format(
                "{} FROM read_csv({}, auto_detect = false, header = {}, delim = {}, quote = {}, "
                "escape = {}, columns = {{{}}}, max_line_size = {}, buffer_size = {}, "
                "store_rejects = true, rejects_table = {}, rejects_scan = {}, rejects_limit = 0, "
                "compression = 'none')",
                column_list(), sql_text(file.scan.path), file.scan.has_header,
                sql_text(file.scan.delimiter), quote, quote, names, longest,
                std::max<std::uint64_t>(longest * 2, 32 << 20), sql_text(rejects),
                sql_text(rejects + "_scan")))));
    SARTOR_TRY(take_rejects(file, rejects));
    SARTOR_ASSIGN(file.rows, count_new_rows(file));
    if (file.rows + file.skipped.size() != file.read) {
      return Error{
          ErrorCode::bad_data,
          fmt::format("{}: {} rows were counted but {} were read and {} rejected: look for "
                      "a stray quote{}",
                      file.path, file.read, file.rows, file.skipped.size(),
                      file.skipped.empty()
                          ? std::string()
                          : fmt::format(" near line {}", file.scan.line_of(file.skipped.front())))};
    }
    return {};
  }

  // DuckDB counts records, a header as the first, and gives several errors for one of them.
  Status take_rejects(SourceFile& file, const std::string& rejects) {
    SARTOR_ASSIGN(auto rows,
                  db_.query("SELECT CAST(line AS BIGINT), column_name, left(csv_line, 200), "
                            "error_message FROM " +
                            rejects + " ORDER BY line, column_idx"));
    while (true) {
      SARTOR_ASSIGN(const bool more, rows.next());
      if (!more) return {};
      const auto lines = rows.values<std::int64_t>(0);
      for (std::size_t r = 0; r < rows.size(); ++r) {
        const auto record = static_cast<std::uint64_t>(lines[r] - (file.scan.has_header ? 2 : 1));
        if (!file.skipped.empty() && file.skipped.back() == record) continue;
        file.skipped.push_back(record);
        ++report_.quarantined;
        report_.add({file.path, file.scan.line_of(record),
                     rows.missing(1, r) ? "" : std::string(rows.text(1, r)),
                     rows.missing(2, r) ? "" : printable(rows.text(2, r), 200),
                     reject_reason(rows.missing(3, r) ? "unreadable" : rows.text(3, r))});
      }
    }
  }

  static std::string reject_reason(std::string_view message) {
    message = message.substr(0, message.find('\n'));
    if (message.starts_with("Invalid unicode")) return "is not UTF-8";
    if (message.starts_with("Value with unterminated quote")) return "text after a closing quote";
    int expected = 0;
    int found = 0;
    if (std::sscanf(std::string(message).c_str(), "Expected Number of Columns: %d Found: %d",
                    &expected, &found) == 2) {
      return fmt::format("expected {} columns, found {}", expected, found);
    }
    return std::string(message);
  }

  Status load_parquet(SourceFile& file) {
    const std::string from = " FROM read_parquet(" + sql_text(file.path) + ")";
    auto described = db_.describe("SELECT *" + from);
    if (!described) {
      Error error = within(file.path, described.error());
      error.code = ErrorCode::bad_data;
      return error;
    }
    std::vector<SourceColumn> found;
    for (DuckColumn& column : *described) found.push_back({column.name, column.type, false});
    SARTOR_TRY(choose_columns(file.path, std::move(found)));
    SARTOR_TRY(run(file.path, insert_into_raw(column_list() + from)));
    SARTOR_ASSIGN(file.rows, count_new_rows(file));
    file.read = file.rows;
    if (file.rows == 0) return Error{ErrorCode::bad_data, file.path + ": there is no row"};
    return {};
  }

  Status load_json(SourceFile& file) {
    SARTOR_ASSIGN(file.scan, scan_text(file.path, TextFormat::json, copy_path(), resources_));
    file.is_text = true;
    file.read = file.scan.records;
    // One object is read at a time, so the buffers follow the longest line.
    const std::string from = fmt::format(
        "(SELECT json, json_type(json) IS NOT DISTINCT FROM 'OBJECT' AS is_object FROM "
        "read_ndjson_objects({}, ignore_errors = true, maximum_object_size = {}, "
        "compression = 'uncompressed'))",
        sql_text(file.scan.path), std::max<std::uint64_t>(file.scan.longest + 16, 16 << 20));
    SARTOR_ASSIGN(auto found, json_columns(from));
    if (found.empty()) {
      return Error{ErrorCode::bad_data, file.path + ": line 1: expected one JSON object a line"};
    }
    SARTOR_TRY(choose_columns(file.path, std::move(found)));
    std::string list;
    for (const SourceColumn& column : table_.columns) {
      const std::string path = sql_text("$." + sql_name(column.name));
      list += column.is_text ? fmt::format("json->>{} AS {}, ", path, sql_name(column.name))
                             : fmt::format("TRY_CAST(json->{} AS {}) AS {}, ", path, column.type,
                                           sql_name(column.name));
    }
    SARTOR_TRY(run(file.path, insert_into_raw(list + "is_object AS \"sartor.ok\" FROM " + from)));
    SARTOR_ASSIGN(file.rows, count_new_rows(file));
    if (file.rows != file.read) {
      return Error{ErrorCode::bad_data, fmt::format("{}: {} lines were counted but {} were read",
                                                    file.path, file.read, file.rows)};
    }
    return take_bad_lines(file);
  }

  // The keys of the objects in the order they appear; lists and objects with a type of their own.
  Result<std::vector<SourceColumn>> json_columns(const std::string& from) {
    std::vector<SourceColumn> columns;
    SARTOR_ASSIGN(
        auto rows,
        db_.query(
            "SELECT key, bool_or(json_type(json->('$.\"' || key || '\"')) IN ('OBJECT', "
            "'ARRAY')), min(n * 1000 + k) AS place FROM (SELECT json, unnest(keys) AS key, "
            "generate_subscripts(keys, 1) AS k, n FROM (SELECT json, json_keys(json) AS keys, "
            "row_number() OVER () AS n FROM " +
            from + " WHERE is_object)) WHERE NOT contains(key, '\"') GROUP BY key ORDER BY place"));
    while (true) {
      SARTOR_ASSIGN(const bool more, rows.next());
      if (!more) break;
      for (std::size_t r = 0; r < rows.size(); ++r) {
        const bool nested = !rows.missing(1, r) && rows.values<bool>(1)[r];
        columns.push_back({std::string(rows.text(0, r)), "VARCHAR", !nested});
      }
    }
    for (SourceColumn& column : columns) {
      if (column.is_text) continue;
      SARTOR_ASSIGN(column.type, json_type(column.name, from));
    }
    return columns;
  }

  // The SQL type of a key that holds lists or objects, in which every scalar stays text.
  Result<std::string> json_type(const std::string& name, const std::string& from) {
    const std::string path = sql_text("$." + sql_name(name));
    SARTOR_ASSIGN(const std::string structure,
                  db_.text(fmt::format("SELECT json_group_structure(json->{}) FROM {} WHERE "
                                       "json_type(json->{}) IN ('OBJECT', 'ARRAY')",
                                       path, from, path)));
    SARTOR_ASSIGN(auto columns, db_.describe(fmt::format("SELECT from_json('null'::JSON, {})",
                                                         sql_text(structure))));
    return columns.front().type;
  }

  Status take_bad_lines(SourceFile& file) {
    SARTOR_ASSIGN(auto rows,
                  db_.query(fmt::format("SELECT rowid FROM raw WHERE NOT \"sartor.ok\" AND "
                                        "rowid >= {} ORDER BY rowid",
                                        file.first_row)));
    std::vector<TextScan::Bad> bad = file.scan.bad;
    while (true) {
      SARTOR_ASSIGN(const bool more, rows.next());
      if (!more) break;
      for (const std::int64_t row : rows.values<std::int64_t>(0)) {
        bad.push_back({static_cast<std::uint64_t>(row) - file.first_row, "is not a JSON object"});
      }
    }
    std::stable_sort(bad.begin(), bad.end(),
                     [](const auto& a, const auto& b) { return a.record < b.record; });
    for (const TextScan::Bad& line : bad) {
      const auto row = static_cast<std::int64_t>(file.first_row + line.record);
      if (!table_.bad_rows.empty() && table_.bad_rows.back() == row) continue;
      table_.bad_rows.push_back(row);
      ++report_.quarantined;
      report_.add({file.path, file.scan.line_of(line.record), "", "", line.reason});
    }
    return {};
  }

  DuckDb& db_;
  const SourceRequest& request_;
  const std::string& scratch_;
  const Resources& resources_;
  IngestReport& report_;
  SourceTable& table_;
};

}  // namespace

std::uint64_t SourceFile::line_of(std::uint64_t row) const {
  if (!is_text) return row + 1;
  // The record behind the row: each skipped record at or before it pushes it one further.
  std::uint64_t low = 0;
  std::uint64_t high = skipped.size();
  while (low < high) {
    const std::uint64_t middle = (low + high) / 2;
    if (skipped[middle] - middle <= row) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return scan.line_of(row + low);
}

std::int64_t SourceTable::rows() const {
  return files.empty() ? 0 : static_cast<std::int64_t>(files.back().first_row + files.back().rows);
}

const SourceFile& SourceTable::file_of(std::int64_t row) const {
  const auto after = std::upper_bound(
      files.begin(), files.end(), static_cast<std::uint64_t>(row),
      [](std::uint64_t wanted, const SourceFile& file) { return wanted < file.first_row; });
  return *(after - 1);
}

std::uint64_t SourceTable::line_of(std::int64_t row) const {
  const SourceFile& file = file_of(row);
  return file.line_of(static_cast<std::uint64_t>(row) - file.first_row);
}

const SourceColumn* SourceTable::find(const std::string& name) const {
  for (const SourceColumn& column : columns) {
    if (lower_case(column.name) == lower_case(name)) return &column;
  }
  return nullptr;
}

Result<SourceTable> load_source(DuckDb& db, const SourceRequest& request,
                                const std::string& scratch, const Resources& resources,
                                IngestReport& report) {
  SourceTable table{.block = request.block};
  if (request.patterns.empty()) {
    return Error{ErrorCode::config, request.block + ".files: name at least one file"};
  }
  Loader loader(db, request, scratch, resources, report, table);
  std::vector<std::string> paths;
  for (const std::string& pattern : request.patterns) {
    auto files = expand_glob(pattern, request.folder);
    if (!files) return within(request.block + ".files", files.error());
    paths.insert(paths.end(), files->begin(), files->end());
  }
  resources.begin_step("loading " + request.block, paths.size());
  for (const std::string& path : paths) {
    SARTOR_TRY(loader.load(path));
    resources.advance();
  }
  return table;
}

}  // namespace sartor
