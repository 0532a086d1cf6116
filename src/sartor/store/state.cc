#include "sartor/store/state.h"

#include <filesystem>

#include "sartor/store/database.h"

namespace sartor {

State::State(std::unique_ptr<Database> database) : database_(std::move(database)) {}
State::State(State&&) noexcept = default;
State& State::operator=(State&&) noexcept = default;
State::~State() = default;

Result<State> State::open(const std::string& path) {
  SARTOR_ASSIGN(auto database, open_sqlite(path));
  return State(std::move(database));
}

namespace {

constexpr const char* kCopied[] = {
    "SELECT confirm, inputs, k FROM looks",
    "INSERT INTO looks (confirm, inputs, k) VALUES ($1, $2, $3)",
    "SELECT id, started, finished, status, bundle, summary FROM runs",
    "INSERT INTO runs (id, started, finished, status, bundle, summary)"
    " VALUES ($1, $2, $3, $4, $5, $6)",
    "SELECT id, name, scopes, hash, created, ends FROM keys",
    "INSERT INTO keys (id, name, scopes, hash, created, ends) VALUES ($1, $2, $3, $4, $5, $6)"};

// What a workspace remembered by itself goes into a shared state that has nothing yet: looks are
// never forgotten.
Status bring(Database& own, Database& shared) {
  return shared.transaction([&]() -> Status {
    SARTOR_ASSIGN(const auto there,
                  shared.query("SELECT (SELECT count(*) FROM looks) + (SELECT count(*) FROM runs) +"
                               " (SELECT count(*) FROM keys)",
                               {}));
    if (db_number(there[0][0]) > 0) return {};
    for (std::size_t i = 0; i < std::size(kCopied); i += 2) {
      SARTOR_ASSIGN(const auto rows, own.read(kCopied[i], {}));
      for (const DbRow& row : rows) SARTOR_TRY(shared.query(kCopied[i + 1], row));
    }
    return {};
  });
}

}  // namespace

Result<State> State::open(const std::string& workspace, const StateConfig& config) {
  const std::string file = workspace + "/state.sqlite";
  if (!config.shared()) return open(file);
  SARTOR_ASSIGN(auto database, open_postgres(config.url, config.schema));
  std::error_code ignored;
  if (std::filesystem::exists(file, ignored)) {
    SARTOR_ASSIGN(const auto own, open_sqlite(file));
    SARTOR_TRY(bring(*own, *database));
  }
  return State(std::move(database));
}

Result<Look> State::look(const std::string& confirm, const std::string& inputs) const {
  Look look;
  const auto body = [&]() -> Status {
    SARTOR_ASSIGN(const auto known,
                  database_->query("SELECT k FROM looks WHERE confirm = $1 AND inputs = $2",
                                   {confirm, inputs}));
    if (!known.empty()) {
      look = {static_cast<int>(db_number(known[0][0])), false};
      return {};
    }
    SARTOR_ASSIGN(
        const auto last,
        database_->query("SELECT coalesce(max(k), 0) FROM looks WHERE confirm = $1", {confirm}));
    look.k = static_cast<int>(db_number(last[0][0])) + 1;
    SARTOR_TRY(database_->query("INSERT INTO looks (confirm, inputs, k) VALUES ($1, $2, $3)",
                                {confirm, inputs, std::int64_t{look.k}}));
    return {};
  };
  SARTOR_TRY(database_->transaction(body));
  return look;
}

Result<int> State::looks(const std::string& confirm) const {
  SARTOR_ASSIGN(const auto rows,
                database_->read("SELECT count(*) FROM looks WHERE confirm = $1", {confirm}));
  return static_cast<int>(db_number(rows[0][0]));
}

namespace {

RunRecord run_of(const DbRow& row) {
  RunRecord run{.id = db_text(row[0]),
                .started = db_number(row[1]),
                .status = db_text(row[3]),
                .bundle = db_text(row[4]),
                .summary = db_text(row[5])};
  if (const auto* finished = std::get_if<std::int64_t>(&row[2])) run.finished = *finished;
  return run;
}

}  // namespace

Status State::put_run(const RunRecord& run) const {
  return database_->change(
      "INSERT INTO runs (id, started, finished, status, bundle, summary)"
      " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO UPDATE SET started = excluded.started,"
      " finished = excluded.finished, status = excluded.status, bundle = excluded.bundle,"
      " summary = excluded.summary",
      {run.id, run.started, run.finished ? DbValue(*run.finished) : DbValue(), run.status,
       run.bundle, run.summary});
}

Result<std::optional<RunRecord>> State::run(const std::string& id) const {
  SARTOR_ASSIGN(const auto rows,
                database_->read("SELECT id, started, finished, status, bundle, summary FROM runs"
                                " WHERE id = $1",
                                {id}));
  if (rows.empty()) return std::optional<RunRecord>();
  return std::optional<RunRecord>(run_of(rows[0]));
}

Result<std::vector<RunRecord>> State::runs(std::size_t limit) const {
  SARTOR_ASSIGN(const auto rows,
                database_->read("SELECT id, started, finished, status, bundle, summary FROM runs"
                                " ORDER BY started DESC, id DESC LIMIT $1",
                                {static_cast<std::int64_t>(limit)}));
  std::vector<RunRecord> runs;
  for (const DbRow& row : rows) runs.push_back(run_of(row));
  return runs;
}

Status State::put_key(const KeyRecord& key) const {
  return database_->change(
      "INSERT INTO keys (id, name, scopes, hash, created, ends) VALUES ($1, $2, $3, $4, $5, $6)"
      " ON CONFLICT (id) DO UPDATE SET name = excluded.name, scopes = excluded.scopes,"
      " hash = excluded.hash, created = excluded.created, ends = excluded.ends",
      {key.id, key.name, key.scopes, key.hash, key.created,
       key.ends ? DbValue(*key.ends) : DbValue()});
}

Result<std::vector<KeyRecord>> State::keys() const {
  SARTOR_ASSIGN(const auto rows,
                database_->read("SELECT id, name, scopes, hash, created, ends FROM keys"
                                " ORDER BY created, id",
                                {}));
  std::vector<KeyRecord> keys;
  for (const DbRow& row : rows) {
    keys.push_back({.id = db_text(row[0]),
                    .name = db_text(row[1]),
                    .scopes = db_text(row[2]),
                    .hash = db_text(row[3]),
                    .created = db_number(row[4])});
    if (const auto* ends = std::get_if<std::int64_t>(&row[5])) keys.back().ends = *ends;
  }
  return keys;
}

namespace {

// Inside a transaction.
Result<std::int64_t> put_entry(Database& database, const std::string& key,
                               const std::string& value) {
  SARTOR_ASSIGN(const auto next,
                database.query("UPDATE changes SET last = last + 1 RETURNING last", {}));
  const std::int64_t number = db_number(next[0][0]);
  SARTOR_TRY(
      database.query("INSERT INTO entries (key, value, number) VALUES ($1, $2, $3)"
                     " ON CONFLICT (key) DO UPDATE SET value = excluded.value,"
                     " number = excluded.number",
                     {key, value, number}));
  return number;
}

}  // namespace

Status State::put(const std::string& key, const std::string& value) const {
  return database_->transaction([&]() -> Status {
    SARTOR_TRY(put_entry(*database_, key, value));
    return {};
  });
}

Result<std::optional<std::int64_t>> State::put_if(const std::string& key, std::int64_t number,
                                                  const std::string& value) const {
  std::optional<std::int64_t> made;
  const auto body = [&]() -> Status {
    SARTOR_ASSIGN(const auto rows,
                  database_->query("SELECT number FROM entries WHERE key = $1", {key}));
    if ((rows.empty() ? 0 : db_number(rows[0][0])) != number) return {};
    SARTOR_ASSIGN(made, put_entry(*database_, key, value));
    return {};
  };
  SARTOR_TRY(database_->transaction(body));
  return made;
}

Result<std::optional<std::string>> State::get(const std::string& key) const {
  SARTOR_ASSIGN(const auto rows,
                database_->read("SELECT value FROM entries WHERE key = $1", {key}));
  if (rows.empty()) return std::optional<std::string>();
  return std::optional<std::string>(db_text(rows[0][0]));
}

Status State::erase(const std::string& key) const {
  return database_->change("DELETE FROM entries WHERE key = $1", {key});
}

Result<std::vector<StateEntry>> State::entries_after(std::int64_t number) const {
  SARTOR_ASSIGN(const auto rows,
                database_->read("SELECT key, value, number FROM entries WHERE number > $1"
                                " ORDER BY number",
                                {number}));
  std::vector<StateEntry> entries;
  for (const DbRow& row : rows) {
    entries.push_back({db_text(row[0]), db_text(row[1]), db_number(row[2])});
  }
  return entries;
}

}  // namespace sartor
