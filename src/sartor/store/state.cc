#include "sartor/store/state.h"

namespace sartor {

Result<State> State::open(const std::string& path) {
  SARTOR_ASSIGN(auto database, open_sqlite(path));
  return State(std::move(database));
}

Result<State> State::open(const std::string& workspace, const StateConfig& config) {
  if (!config.shared()) return open(workspace + "/state.sqlite");
  SARTOR_ASSIGN(auto database, open_postgres(config.url, config.schema));
  return State(std::move(database));
}

Result<Look> State::look(const std::string& confirm, const std::string& inputs) const {
  Look look;
  const auto body = [&]() -> Status {
    SARTOR_ASSIGN(const auto known,
                  database_->query("SELECT k FROM looks WHERE confirm = $1 AND inputs = $2",
                                   {confirm, inputs}));
    if (!known.empty()) {
      look = {static_cast<int>(number_of(known[0][0])), false};
      return {};
    }
    SARTOR_ASSIGN(
        const auto last,
        database_->query("SELECT coalesce(max(k), 0) FROM looks WHERE confirm = $1", {confirm}));
    look.k = static_cast<int>(number_of(last[0][0])) + 1;
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
  return static_cast<int>(number_of(rows[0][0]));
}

namespace {

RunRecord run_of(const SqlRow& row) {
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
  return database_->change(
      "INSERT INTO runs (id, started, finished, status, bundle, summary)"
      " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO UPDATE SET started = excluded.started,"
      " finished = excluded.finished, status = excluded.status, bundle = excluded.bundle,"
      " summary = excluded.summary",
      {run.id, run.started, run.finished ? SqlValue(*run.finished) : SqlValue(), run.status,
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
  for (const SqlRow& row : rows) runs.push_back(run_of(row));
  return runs;
}

Status State::put_key(const KeyRecord& key) const {
  return database_->change(
      "INSERT INTO keys (id, name, scopes, hash, created, ends) VALUES ($1, $2, $3, $4, $5, $6)"
      " ON CONFLICT (id) DO UPDATE SET name = excluded.name, scopes = excluded.scopes,"
      " hash = excluded.hash, created = excluded.created, ends = excluded.ends",
      {key.id, key.name, key.scopes, key.hash, key.created,
       key.ends ? SqlValue(*key.ends) : SqlValue()});
}

Result<std::vector<KeyRecord>> State::keys() const {
  SARTOR_ASSIGN(const auto rows,
                database_->read("SELECT id, name, scopes, hash, created, ends FROM keys"
                                " ORDER BY created, id",
                                {}));
  std::vector<KeyRecord> keys;
  for (const SqlRow& row : rows) {
    keys.push_back({.id = text_of(row[0]),
                    .name = text_of(row[1]),
                    .scopes = text_of(row[2]),
                    .hash = text_of(row[3]),
                    .created = number_of(row[4])});
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
  const std::int64_t number = number_of(next[0][0]);
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
    if ((rows.empty() ? 0 : number_of(rows[0][0])) != number) return {};
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
  return std::optional<std::string>(text_of(rows[0][0]));
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
  for (const SqlRow& row : rows) {
    entries.push_back({text_of(row[0]), text_of(row[1]), number_of(row[2])});
  }
  return entries;
}

}  // namespace sartor
