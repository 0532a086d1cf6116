#include "sartor/store/state.h"

#include <fmt/core.h>
#include <sqlite3.h>

#include <array>
#include <chrono>
#include <functional>
#include <mutex>
#include <thread>
#include <variant>

namespace sartor {
namespace {

constexpr int kBusyMilliseconds = 5000;

// Each entry leads from its index to the next `user_version`; entries are never changed, only
// added.
constexpr std::array<const char*, 2> kMigrations = {
    "CREATE TABLE looks (confirm TEXT NOT NULL, inputs TEXT NOT NULL, k INTEGER NOT NULL,"
    "  PRIMARY KEY (confirm, inputs), UNIQUE (confirm, k)) STRICT;"
    "CREATE TABLE runs (id TEXT NOT NULL PRIMARY KEY, started INTEGER NOT NULL, finished INTEGER,"
    "  status TEXT NOT NULL, bundle TEXT NOT NULL, summary TEXT NOT NULL) STRICT;"
    "CREATE INDEX runs_started ON runs (started);"
    "CREATE TABLE entries (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT;",
    "CREATE TABLE keys (id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, scopes TEXT NOT NULL,"
    "  hash TEXT NOT NULL, created INTEGER NOT NULL, ends INTEGER) STRICT;",
};

using Value = std::variant<std::monostate, std::int64_t, std::string>;
using Row = std::vector<Value>;

std::string text_of(const Value& value) {
  const auto* text = std::get_if<std::string>(&value);
  return text == nullptr ? "" : *text;
}

std::int64_t number_of(const Value& value) {
  const auto* number = std::get_if<std::int64_t>(&value);
  return number == nullptr ? 0 : *number;
}

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};

int bind(sqlite3_stmt* statement, int place, const Value& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    return sqlite3_bind_int64(statement, place, *number);
  }
  if (const auto* text = std::get_if<std::string>(&value)) {
    return sqlite3_bind_text64(statement, place, text->data(), text->size(), SQLITE_TRANSIENT,
                               SQLITE_UTF8);
  }
  return sqlite3_bind_null(statement, place);
}

Row row_of(sqlite3_stmt* statement) {
  Row row;
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

}  // namespace

// One SQLite connection; its mutex makes transactions of several threads follow one another.
class State::Connection {
 public:
  explicit Connection(std::string path) : path_(std::move(path)) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { sqlite3_close(database_); }

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

  Result<std::vector<Row>> query(const char* sql, const std::vector<Value>& values) {
    sqlite3_stmt* raw = nullptr;
    if (const int code = sqlite3_prepare_v2(database_, sql, -1, &raw, nullptr))
      return failure(code);
    const std::unique_ptr<sqlite3_stmt, Finalize> statement(raw);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (const int code = bind(raw, static_cast<int>(i) + 1, values[i])) return failure(code);
    }
    std::vector<Row> rows;
    int code = SQLITE_OK;
    while ((code = sqlite3_step(raw)) == SQLITE_ROW) rows.push_back(row_of(raw));
    if (code != SQLITE_DONE) return failure(code);
    return rows;
  }

  // `body` between BEGIN IMMEDIATE and COMMIT: no other writer in between; undone if it fails.
  Status transaction(const std::function<Status()>& body) {
    const std::lock_guard lock(mutex_);
    SARTOR_TRY(run("BEGIN IMMEDIATE"));
    Status status = body();
    if (status) status = run("COMMIT");
    if (!status) sqlite3_exec(database_, "ROLLBACK", nullptr, nullptr, nullptr);
    return status;
  }

  Result<std::vector<Row>> read(const char* sql, const std::vector<Value>& values) {
    const std::lock_guard lock(mutex_);
    return query(sql, values);
  }

  Status change(const char* sql, const std::vector<Value>& values) {
    return transaction([&]() -> Status {
      SARTOR_TRY(query(sql, values));
      return {};
    });
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
    if (found == static_cast<std::int64_t>(kMigrations.size())) return {};
    return transaction([&]() -> Status {
      SARTOR_ASSIGN(const std::int64_t from, version());  // another process may have been faster
      if (from < 0 || from > static_cast<std::int64_t>(kMigrations.size())) {
        return Error{ErrorCode::bad_data,
                     fmt::format("{}: was made by a newer version (schema {}; this one knows {})",
                                 path_, from, kMigrations.size())};
      }
      for (auto step = static_cast<std::size_t>(from); step < kMigrations.size(); ++step) {
        SARTOR_TRY(run(kMigrations[step]));
      }
      return run(fmt::format("PRAGMA user_version = {}", kMigrations.size()).c_str());
    });
  }

  Result<std::int64_t> version() {
    SARTOR_ASSIGN(const auto rows, query("PRAGMA user_version", {}));
    return rows.empty() ? 0 : number_of(rows[0][0]);
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

State::State(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
State::State(State&&) noexcept = default;
State& State::operator=(State&&) noexcept = default;
State::~State() = default;

Result<State> State::open(const std::string& path) {
  auto connection = std::make_unique<Connection>(path);
  SARTOR_TRY(connection->open());
  return State(std::move(connection));
}

Result<Look> State::look(const std::string& confirm, const std::string& inputs) const {
  Look look;
  const auto body = [&]() -> Status {
    SARTOR_ASSIGN(const auto known,
                  connection_->query("SELECT k FROM looks WHERE confirm = ? AND inputs = ?",
                                     {confirm, inputs}));
    if (!known.empty()) {
      look = {static_cast<int>(number_of(known[0][0])), false};
      return {};
    }
    SARTOR_ASSIGN(
        const auto last,
        connection_->query("SELECT coalesce(max(k), 0) FROM looks WHERE confirm = ?", {confirm}));
    look.k = static_cast<int>(number_of(last[0][0])) + 1;
    SARTOR_TRY(connection_->query("INSERT INTO looks (confirm, inputs, k) VALUES (?, ?, ?)",
                                  {confirm, inputs, std::int64_t{look.k}}));
    return {};
  };
  SARTOR_TRY(connection_->transaction(body));
  return look;
}

Result<int> State::looks(const std::string& confirm) const {
  SARTOR_ASSIGN(const auto rows,
                connection_->read("SELECT count(*) FROM looks WHERE confirm = ?", {confirm}));
  return static_cast<int>(number_of(rows[0][0]));
}

namespace {

RunRecord run_of(const Row& row) {
  RunRecord run{.id = text_of(row[0]),
                .started = number_of(row[1]),
                .status = text_of(row[3]),
                .bundle = text_of(row[4]),
                .summary = text_of(row[5])};
  if (const auto* finished = std::get_if<std::int64_t>(&row[2])) run.finished = *finished;
  return run;
}

}  // namespace

Status State::put_run(const RunRecord& run) const {
  return connection_->change(
      "INSERT OR REPLACE INTO runs (id, started, finished, status, bundle, summary)"
      " VALUES (?, ?, ?, ?, ?, ?)",
      {run.id, run.started, run.finished ? Value(*run.finished) : Value(), run.status, run.bundle,
       run.summary});
}

Result<std::optional<RunRecord>> State::run(const std::string& id) const {
  SARTOR_ASSIGN(const auto rows,
                connection_->read("SELECT id, started, finished, status, bundle, summary FROM runs"
                                  " WHERE id = ?",
                                  {id}));
  if (rows.empty()) return std::optional<RunRecord>();
  return std::optional<RunRecord>(run_of(rows[0]));
}

Result<std::vector<RunRecord>> State::runs(std::size_t limit) const {
  SARTOR_ASSIGN(const auto rows,
                connection_->read("SELECT id, started, finished, status, bundle, summary FROM runs"
                                  " ORDER BY started DESC, id DESC LIMIT ?",
                                  {static_cast<std::int64_t>(limit)}));
  std::vector<RunRecord> runs;
  for (const Row& row : rows) runs.push_back(run_of(row));
  return runs;
}

Status State::put_key(const KeyRecord& key) const {
  return connection_->change(
      "INSERT OR REPLACE INTO keys (id, name, scopes, hash, created, ends)"
      " VALUES (?, ?, ?, ?, ?, ?)",
      {key.id, key.name, key.scopes, key.hash, key.created, key.ends ? Value(*key.ends) : Value()});
}

Result<std::vector<KeyRecord>> State::keys() const {
  SARTOR_ASSIGN(const auto rows,
                connection_->read("SELECT id, name, scopes, hash, created, ends FROM keys"
                                  " ORDER BY created, id",
                                  {}));
  std::vector<KeyRecord> keys;
  for (const Row& row : rows) {
    keys.push_back({.id = text_of(row[0]),
                    .name = text_of(row[1]),
                    .scopes = text_of(row[2]),
                    .hash = text_of(row[3]),
                    .created = number_of(row[4])});
    if (const auto* ends = std::get_if<std::int64_t>(&row[5])) keys.back().ends = *ends;
  }
  return keys;
}

Status State::put(const std::string& key, const std::string& value) const {
  return connection_->change("INSERT OR REPLACE INTO entries (key, value) VALUES (?, ?)",
                             {key, value});
}

Result<std::optional<std::string>> State::get(const std::string& key) const {
  SARTOR_ASSIGN(const auto rows,
                connection_->read("SELECT value FROM entries WHERE key = ?", {key}));
  if (rows.empty()) return std::optional<std::string>();
  return std::optional<std::string>(text_of(rows[0][0]));
}

Status State::erase(const std::string& key) const {
  return connection_->change("DELETE FROM entries WHERE key = ?", {key});
}

}  // namespace sartor
