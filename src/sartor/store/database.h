// One SQL database behind the state: a SQLite file, or a schema of a PostgreSQL database. What is
// asked of it is written once, in SQL that both understand.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "sartor/base/result.h"

namespace sartor {

using DbValue = std::variant<std::monostate, std::int64_t, std::string>;
using DbRow = std::vector<DbValue>;
using DbRows = std::vector<DbRow>;

// "" and 0 for NULL, and for a value of the other kind.
std::string db_text(const DbValue& value);
std::int64_t db_number(const DbValue& value);

// Safe to use from several threads, beside other processes. Failures are `io` where the database
// cannot be reached or a lock says no, `bad_data` where it does not hold what it promises; the
// message names it, never a password.
class Database {
 public:
  virtual ~Database() = default;

  // `body` with no other writer of this database in between; all of it or nothing. Its statements
  // go through query().
  virtual Status transaction(const std::function<Status()>& body) = 0;
  // One statement of a transaction. $1, $2, …, in the order in which they first appear, stand for
  // `values`.
  virtual Result<DbRows> query(const char* sql, const std::vector<DbValue>& values) = 0;
  // One statement that only reads, outside any transaction.
  virtual Result<DbRows> read(const char* sql, const std::vector<DbValue>& values) = 0;

  // One statement that writes, as a transaction of its own.
  Status change(const char* sql, const std::vector<DbValue>& values);
};

// Makes the file or the schema where it is missing and brings an older one up to date. Fails with
// `bad_data` too if it is no such thing, or was made by a newer version.
//
// SQLite: WAL, synchronous = FULL; waits up to five seconds for other writers.
Result<std::unique_ptr<Database>> open_sqlite(const std::string& path);

// PostgreSQL: `url` is "postgresql://USER@HOST:PORT/DATABASE" or what else libpq takes (it also
// reads PGPASSWORD and ~/.pgpass). A statement takes five seconds at most, a connection two; one
// that was lost is made anew by the next statement, but not at once again after a failure: until
// then statements fail without a wait. A failed COMMIT may have come through.
Result<std::unique_ptr<Database>> open_postgres(const std::string& url, const std::string& schema);

}  // namespace sartor
