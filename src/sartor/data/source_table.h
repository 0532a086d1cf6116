// The files of one [[events]], [[users]] or [[items]] block as a table `raw` inside DuckDB, and the
// way back from its rows to the lines of the files.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sartor/base/parallel.h"
#include "sartor/base/result.h"
#include "sartor/data/duckdb.h"
#include "sartor/data/ingest_report.h"
#include "sartor/data/text_scan.h"
#include "sartor/data/user_sql.h"

namespace sartor {

struct SourceFile {
  std::string path;
  std::uint64_t first_row = 0;  // of `raw`
  std::uint64_t rows = 0;       // in `raw`
  std::uint64_t read = 0;       // in the file
  bool is_text = false;         // has lines
  TextScan scan;
  std::vector<std::uint64_t> skipped;  // records that are not in `raw`, ascending

  // `row` counts within the file's rows of `raw`.
  std::uint64_t line_of(std::uint64_t row) const;
};

struct SourceColumn {
  std::string name;  // as the file spells it
  std::string type;  // of the column in `raw`
  bool is_text =
      false;  // its values are the text of a CSV or of JSON: the type is still to be found
};

struct SourceTable {
  std::string block;  // "events[0]"
  std::vector<SourceColumn> columns;
  std::vector<SourceFile> files;
  std::vector<std::int64_t> bad_rows;  // rows of `raw` to be passed over, ascending

  std::int64_t rows() const;
  const SourceFile& file_of(std::int64_t row) const;
  std::uint64_t line_of(std::int64_t row) const;
  // SQL ignores case; null if there is no such column.
  const SourceColumn* find(const std::string& name) const;
};

struct SourceRequest {
  std::string block;
  std::vector<std::string> patterns;  // of files
  std::string folder;                 // where relative patterns start
  std::string format;                 // "csv", "parquet", "json", "" = by the ending
  std::vector<std::string> header;    // what line 1 must say, if not empty
  TextLayout layout;                  // of CSV files
  std::vector<const UserSql*> expressions;
  bool all_columns = false;  // not only those that the expressions name
};

// Checks the files, loads the columns, and puts rows that are no rows (wrong number of columns, bad
// UTF-8, not JSON) into `report`. Fails with `config` if an expression names a column that the
// first file has not, with `bad_data` if a file is broken as a whole or differs from the first,
// with `not_found`.
Result<SourceTable> load_source(DuckDb& db, const SourceRequest& request,
                                const std::string& scratch, const Resources& resources,
                                IngestReport& report);

}  // namespace sartor
