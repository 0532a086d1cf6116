// DuckDB, hidden: a database in memory, queries that stream, and a fence for SQL that others wrote.
// All failures carry DuckDB's own first line; a statement that was cancelled or ran past the
// deadline says so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sartor/base/parallel.h"
#include "sartor/base/result.h"

namespace sartor {

// 'text' and "name" as SQL literals.
std::string sql_text(std::string_view text);
std::string sql_name(std::string_view name);

struct DuckColumn {
  std::string name;
  std::string type;  // "VARCHAR", "BIGINT", "TIMESTAMP WITH TIME ZONE", "VARCHAR[]", …
};

// The rows of a query, a chunk at a time and in order. Must not outlive its DuckDb.
class DuckRows {
 public:
  DuckRows(DuckRows&&) noexcept;
  DuckRows& operator=(DuckRows&&) noexcept;
  ~DuckRows();

  // Goes to the next chunk; false after the last.
  Result<bool> next();
  std::size_t size() const { return size_; }  // rows of this chunk
  bool missing(std::size_t column, std::size_t row) const;
  // Of a VARCHAR column; valid until next().
  std::string_view text(std::size_t column, std::size_t row) const;
  // The chunk's values as they lie in memory; T must be the column's type (BIGINT and TIMESTAMP:
  // std::int64_t, DOUBLE: double, BOOLEAN: bool). Missing entries hold anything.
  template <class T>
  std::span<const T> values(std::size_t column) const {
    return {static_cast<const T*>(data(column)), size_};
  }

 private:
  friend class DuckDb;
  struct State;
  explicit DuckRows(std::unique_ptr<State> state);
  const void* data(std::size_t column) const;
  std::unique_ptr<State> state_;
  std::size_t size_ = 0;
};

// One column of a table to be made from our own arrays: numbers, or times, or codes into words.
struct DuckInput {
  std::string name;
  std::span<const double> numbers;      // NaN is NULL
  std::span<const std::int64_t> times;  // microseconds; the smallest number is NULL
  std::span<const std::uint32_t> codes;
  std::span<const std::string> words;  // a code beyond them is NULL
  enum class Kind { number, time, text } kind = Kind::number;
};

class DuckDb {
 public:
  // An empty database in memory that spills into `scratch` (an existing folder). `seconds` is the
  // longest a statement may take; `resources.cancelled` stops it at any time.
  static Result<DuckDb> open(const Resources& resources, const std::string& scratch,
                             double seconds = 3600);
  DuckDb(DuckDb&&) noexcept;
  DuckDb& operator=(DuckDb&&) noexcept;
  ~DuckDb();

  Status run(const std::string& sql);
  Result<DuckRows> query(const std::string& sql);
  // Names and types of a query's columns; binds it, runs nothing.
  Result<std::vector<DuckColumn>> describe(const std::string& sql);
  // The one value of a query of one row and one column.
  Result<std::int64_t> number(const std::string& sql);
  Result<std::string> text(const std::string& sql);
  Status create_table(const std::string& name, std::size_t rows,
                      std::span<const DuckInput> columns);

  // From here on: no files, no network, no extensions, no settings. There is no way back.
  Status lock();

 private:
  friend class DuckRows;
  struct State;
  explicit DuckDb(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sartor
