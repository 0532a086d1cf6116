// One block of files, opened: loaded, fenced off, typed, ready to be streamed; and the ledger that
// says of each of its rows what became of it.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "sartor/data/duckdb.h"
#include "sartor/data/ingest_report.h"
#include "sartor/data/source_table.h"
#include "sartor/data/typed_source.h"

namespace sartor {

struct SourceSetup {
  std::string block;  // "events[0]"
  std::vector<std::string> patterns;
  std::string format;
  std::vector<std::string> header;
  TextLayout layout;
  std::map<std::string, std::string> types;
  std::string time_zone = "UTC";
  double max_bad_share = 0.01;
};

// Of a block's own keys.
template <class Source>
TextLayout layout_of(const Source& source) {
  return {source.delimiter, source.columns, source.encoding == "latin-1"};
}

// What all blocks share.
struct IngestPlace {
  std::string folder;   // where relative patterns start
  std::string scratch;  // an existing folder for copies and spills
  const Resources& resources;
};

struct OpenSource {
  DuckDb db;
  SourceTable table;
  TypedSource typed;
  std::vector<RoleSql> expressions;
};

struct KeyedSql {
  std::string key;  // "user": under the block's name
  std::string text;
  SqlRole role;
};

// Opens a database of its own for the block. `wanted` holds no empty texts; with `other_columns`
// every column that no expression names becomes a fact at the end of `expressions`. No expression
// runs before files and settings are out of its reach.
Result<OpenSource> open_source(const SourceSetup& setup, const std::vector<KeyedSql>& wanted,
                               bool other_columns, const IngestPlace& place, IngestReport& report);

// Counts rows per file: bad, not kept, kept.
class RowLedger {
 public:
  RowLedger(const OpenSource& source, IngestReport& report);

  // Whether `row` may be used. Rows come in ascending order; one row may come several times
  // (unnest).
  bool admit(std::int64_t row);
  // The admitted row is bad after all. Several columns of it may be.
  void reject(std::int64_t row, std::string column, std::string value, std::string reason);
  // Closes the books: fails with `bad_data` where a file has more bad rows than `max_bad_share`.
  Status finish(OpenSource& source, double max_bad_share);

 private:
  std::size_t file_index(std::int64_t row);
  void enter(const BadCell& cell);

  const SourceTable& table_;
  const std::vector<BadCell>& cells_;
  IngestReport& report_;
  std::vector<std::int64_t> known_;  // rows found bad before the first was admitted, ascending
  std::vector<std::uint64_t> bad_;   // per file
  std::vector<std::uint64_t> bad_admitted_;
  std::vector<std::uint64_t> kept_;
  std::size_t file_ = 0;
  std::size_t next_cell_ = 0;
  std::size_t next_known_ = 0;
  std::int64_t row_ = -1;
  bool usable_ = false;
  bool rejected_ = false;
};

// Fails with `bad_data`, naming the first bad rows, if their share is above `most`.
Status check_bad_share(const std::string& file, std::uint64_t bad, std::uint64_t rows, double most,
                       const IngestReport& report);

// "time (InvoiceDate)": the key and the columns behind it.
std::string column_label(const UserSql& sql);

}  // namespace sartor
