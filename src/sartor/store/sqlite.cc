#include <fmt/core.h>
#include <sqlite3.h>

#include <array>
#include <chrono>
#include <mutex>
#include <thread>

#include "sartor/store/database.h"

namespace sartor {
namespace {

constexpr int kBusyMilliseconds = 5000;

// Each entry leads from its index to the next `user_version`; entries are never changed, only
// added.
constexpr std::array<const char*, 3> kSqliteMigrations = {
    "CREATE TABLE looks (confirm TEXT NOT NULL, inputs TEXT NOT NULL, k INTEGER NOT NULL,"
    "  PRIMARY KEY (confirm, inputs), UNIQUE (confirm, k)) STRICT;"
    "CREATE TABLE runs (id TEXT NOT NULL PRIMARY KEY, started INTEGER NOT NULL, finished INTEGER,"
    "  status TEXT NOT NULL, bundle TEXT NOT NULL, summary TEXT NOT NULL) STRICT;"
    "CREATE INDEX runs_started ON runs (started);"
    "CREATE TABLE entries (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT;",
    "CREATE TABLE keys (id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, scopes TEXT NOT NULL,"
    "  hash TEXT NOT NULL, created INTEGER NOT NULL, ends INTEGER) STRICT;",
    "ALTER TABLE entries ADD COLUMN number INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX entries_number ON entries (number);"
    "CREATE TABLE changes (last INTEGER NOT NULL) STRICT;"
    "INSERT INTO changes VALUES (0);",
};

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};

int bind(sqlite3_stmt* statement, int place, const DbValue& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    return sqlite3_bind_int64(statement, place, *number);
  }
  if (const auto* text = std::get_if<std::string>(&value)) {
    return sqlite3_bind_text64(statement, place, text->data(), text->size(), SQLITE_TRANSIENT,
                               SQLITE_UTF8);
  }
  return sqlite3_bind_null(statement, place);
}

DbRow row_of(sqlite3_stmt* statement) {
  DbRow row;
  for (int i = 0; i < sqlite3_column_count(statement); ++i) {
    switch (sqlite3_column_type(statement, i)) {
      case SQLITE_NULL:
        row.emplace_back();
        break;
      case SQLITE_INTEGER:
        row.emplace_back(std::int64_t{sqlite3_column_int64(statement, i)});
        break;
      default: {
        const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, i));
        const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, i));
        row.emplace_back(text == nullptr ? std::string() : std::string(text, size));
      }
    }
  }
  return row;
}

// One connection; its mutex makes transactions of several threads follow one another.
class SqliteFile : public Database {
 public:
  explicit SqliteFile(std::string path) : path_(std::move(path)) {}
  SqliteFile(const SqliteFile&) = delete;
  SqliteFile& operator=(const SqliteFile&) = delete;
  ~SqliteFile() override { sqlite3_close(database_); }

  Status open() {
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX;
    if (const int code = sqlite3_open_v2(path_.c_str(), &database_, flags, nullptr)) {
      return failure(code);
    }
    sqlite3_extended_result_codes(database_, 1);
    sqlite3_busy_timeout(database_, kBusyMilliseconds);
    SARTOR_TRY(enter_wal());
    SARTOR_TRY(query("PRAGMA synchronous = FULL", {}));
    return migrate();
  }

  Result<DbRows> query(const char* sql, const std::vector<DbValue>& values) override {
    sqlite3_stmt* raw = nullptr;
    if (const int code = sqlite3_prepare_v2(database_, sql, -1, &raw, nullptr))
      return failure(code);
    const std::unique_ptr<sqlite3_stmt, Finalize> statement(raw);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (const int code = bind(raw, static_cast<int>(i) + 1, values[i])) return failure(code);
    }
    DbRows rows;
    int code = SQLITE_OK;
    while ((code = sqlite3_step(raw)) == SQLITE_ROW) rows.push_back(row_of(raw));
    if (code != SQLITE_DONE) return failure(code);
    return rows;
  }

  // Between BEGIN IMMEDIATE and COMMIT.
  Status transaction(const std::function<Status()>& body) override {
    const std::lock_guard lock(mutex_);
    SARTOR_TRY(run("BEGIN IMMEDIATE"));
    Status status = body();
    if (status) status = run("COMMIT");
    if (!status) sqlite3_exec(database_, "ROLLBACK", nullptr, nullptr, nullptr);
    return status;
  }

  Result<DbRows> read(const char* sql, const std::vector<DbValue>& values) override {
    const std::lock_guard lock(mutex_);
    return query(sql, values);
  }

 private:
  Status run(const char* sql) {
    const int code = sqlite3_exec(database_, sql, nullptr, nullptr, nullptr);
    return code == SQLITE_OK ? Status() : Status(failure(code));
  }

  // Two connections that turn a fresh file to WAL at once can be told "busy" without the time-out.
  Status enter_wal() {
    const auto deadline =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(kBusyMilliseconds);
    while (true) {
      const int code =
          sqlite3_exec(database_, "PRAGMA journal_mode = WAL", nullptr, nullptr, nullptr);
      if (code == SQLITE_OK) return {};
      if ((code & 0xff) != SQLITE_BUSY || std::chrono::steady_clock::now() > deadline) {
        return failure(code);
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }

  Status migrate() {
    SARTOR_ASSIGN(const std::int64_t found, version());
    if (found == static_cast<std::int64_t>(kSqliteMigrations.size())) return {};
    return transaction([&]() -> Status {
      SARTOR_ASSIGN(const std::int64_t from, version());  // another process may have been faster
      if (from < 0 || from > static_cast<std::int64_t>(kSqliteMigrations.size())) {
        return Error{ErrorCode::bad_data,
                     fmt::format("{}: was made by a newer version (schema {}; this one knows {})",
                                 path_, from, kSqliteMigrations.size())};
      }
      for (auto step = static_cast<std::size_t>(from); step < kSqliteMigrations.size(); ++step) {
        SARTOR_TRY(run(kSqliteMigrations[step]));
      }
      return run(fmt::format("PRAGMA user_version = {}", kSqliteMigrations.size()).c_str());
    });
  }

  Result<std::int64_t> version() {
    SARTOR_ASSIGN(const auto rows, query("PRAGMA user_version", {}));
    return rows.empty() ? 0 : db_number(rows[0][0]);
  }

  Error failure(int code) const {
    const char* reason = database_ != nullptr ? sqlite3_errmsg(database_) : sqlite3_errstr(code);
    const int kind = code & 0xff;
    if (kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB) {
      return {ErrorCode::bad_data,
              fmt::format("{}: is damaged, or is no state file: {}", path_, reason)};
    }
    if (kind == SQLITE_ERROR || kind == SQLITE_MISMATCH) {
      return {ErrorCode::bad_data,
              fmt::format("{}: does not hold what its schema promises: {}", path_, reason)};
    }
    return {ErrorCode::io, fmt::format("{}: {}", path_, reason)};
  }

  std::string path_;
  sqlite3* database_ = nullptr;
  std::mutex mutex_;
};

}  // namespace

std::string db_text(const DbValue& value) {
  const auto* text = std::get_if<std::string>(&value);
  return text == nullptr ? "" : *text;
}

std::int64_t db_number(const DbValue& value) {
  const auto* number = std::get_if<std::int64_t>(&value);
  return number == nullptr ? 0 : *number;
}

Status Database::change(const char* sql, const std::vector<DbValue>& values) {
  return transaction([&]() -> Status {
    SARTOR_TRY(query(sql, values));
    return {};
  });
}

Result<std::unique_ptr<Database>> open_sqlite(const std::string& path) {
  auto file = std::make_unique<SqliteFile>(path);
  SARTOR_TRY(file->open());
  return std::unique_ptr<Database>(std::move(file));
}

}  // namespace sartor
