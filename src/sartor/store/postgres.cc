#include <fmt/core.h>
#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <mutex>
#include <optional>
#include <string_view>

#include "sartor/base/text.h"
#include "sartor/store/database.h"
#include "sartor/store/state_config.h"

namespace sartor {
namespace {

using PgClock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kConnectPatience{2000};
constexpr std::chrono::milliseconds kStatementPatience{5000};
// After a failure nobody tries to connect for as long; it doubles up to the second.
constexpr std::chrono::milliseconds kFirstPause{100};
constexpr std::chrono::milliseconds kLongestPause{2000};

// As in SQLite: entries are never changed, only added. Names that are sorted are sorted by bytes.
constexpr std::array<const char*, 1> kPostgresMigrations = {
    "CREATE TABLE looks (confirm text NOT NULL, inputs text NOT NULL, k bigint NOT NULL,"
    "  PRIMARY KEY (confirm, inputs), UNIQUE (confirm, k));"
    "CREATE TABLE runs (id text COLLATE \"C\" NOT NULL PRIMARY KEY, started bigint NOT NULL,"
    "  finished bigint, status text NOT NULL, bundle text NOT NULL, summary text NOT NULL);"
    "CREATE INDEX runs_started ON runs (started);"
    "CREATE TABLE keys (id text COLLATE \"C\" NOT NULL PRIMARY KEY, name text NOT NULL,"
    "  scopes text NOT NULL, hash text NOT NULL, created bigint NOT NULL, ends bigint);"
    "CREATE TABLE entries (key text NOT NULL PRIMARY KEY, value bytea NOT NULL,"
    "  number bigint NOT NULL);"
    "CREATE INDEX entries_number ON entries (number);"
    "CREATE TABLE changes (last bigint NOT NULL);"
    "INSERT INTO changes VALUES (0);"
    // SharedLog: the numbers of its records have no gaps.
    "CREATE TABLE log_end (next bigint NOT NULL, id text NOT NULL, began bigint NOT NULL,"
    "  before text NOT NULL);"
    "CREATE TABLE log_records (sequence bigint NOT NULL PRIMARY KEY, bytes bytea NOT NULL,"
    "  taken timestamptz NOT NULL DEFAULT now());"
    "CREATE TABLE log_keys (key uuid NOT NULL PRIMARY KEY, sequence bigint NOT NULL);"
    "CREATE INDEX log_keys_sequence ON log_keys USING brin (sequence);",
};

struct FinishConnection {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
struct ClearResult {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Connection = std::unique_ptr<PGconn, FinishConnection>;
using PgResult = std::unique_ptr<PGresult, ClearResult>;

// The first line of what libpq says.
std::string first_line(const char* message) {
  std::string_view text = message == nullptr ? "" : message;
  text = text.substr(0, text.find('\n'));
  return text.empty() ? "the connection was lost" : printable(text, 300);
}

// Waits until the socket may be read (or written), false at the deadline.
bool wait_for(int socket, bool to_read, PgClock::time_point deadline) {
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - PgClock::now()).count();
    if (left <= 0) return false;
    pollfd one{
        .fd = socket, .events = static_cast<short>(to_read ? POLLIN : POLLOUT), .revents = 0};
    const int ready = ::poll(&one, 1, static_cast<int>(left));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

DbValue value_of(const PGresult* result, int row, int column) {
  constexpr Oid kBool = 16, kBytes = 17, kInt8 = 20, kInt2 = 21, kInt4 = 23;
  if (PQgetisnull(result, row, column) != 0) return {};
  const char* text = PQgetvalue(result, row, column);
  switch (PQftype(result, column)) {
    case kBool:
      return std::int64_t{*text == 't'};
    case kInt2:
    case kInt4:
    case kInt8:
      return std::int64_t{std::strtoll(text, nullptr, 10)};
    case kBytes: {
      std::size_t size = 0;
      unsigned char* bytes = PQunescapeBytea(reinterpret_cast<const unsigned char*>(text), &size);
      std::string out(reinterpret_cast<const char*>(bytes), bytes == nullptr ? 0 : size);
      PQfreemem(bytes);
      return out;
    }
    default:
      return std::string(text, static_cast<std::size_t>(PQgetlength(result, row, column)));
  }
}

// One connection at a time, made when it is needed. A statement that gets no answer in time is
// given up with its connection: a server that hangs costs a thread kStatementPatience, and those
// that wait behind it no more.
class PostgresSchema : public Database {
 public:
  PostgresSchema(std::string url, std::string schema)
      : url_(std::move(url)), schema_(std::move(schema)) {}

  Status open() {
    SARTOR_TRY(name_place());
    return migrate();
  }

  Result<DbRows> query(const char* sql, const std::vector<DbValue>& values) override {
    if (connection_ == nullptr) return lost_;
    std::vector<std::string> numbers(values.size());
    std::vector<const char*> texts(values.size(), nullptr);
    std::vector<int> sizes(values.size(), 0);
    std::vector<int> binary(values.size(), 0);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (const auto* number = std::get_if<std::int64_t>(&values[i])) {
        numbers[i] = std::to_string(*number);
        texts[i] = numbers[i].c_str();
      } else if (const auto* text = std::get_if<std::string>(&values[i])) {
        texts[i] = text->data();
        sizes[i] = static_cast<int>(text->size());
        binary[i] = 1;  // the same bytes for text, and the only way for others
      }
    }
    const int sent = PQsendQueryParams(connection_.get(), sql, static_cast<int>(values.size()),
                                       nullptr, texts.data(), sizes.data(), binary.data(), 0);
    if (sent != 1) return lose(first_line(PQerrorMessage(connection_.get())));
    return answer();
  }

  // The advisory lock stands for SQLite's one writer.
  Status transaction(const std::function<Status()>& body) override {
    const std::lock_guard lock(mutex_);
    SARTOR_TRY(begin());
    Status status = body();
    if (status) status = run("COMMIT");
    if (!status && connection_ != nullptr) (void)run("ROLLBACK");
    return status;
  }

  Result<DbRows> read(const char* sql, const std::vector<DbValue>& values) override {
    const std::lock_guard lock(mutex_);
    const bool is_old = connection_ != nullptr;
    SARTOR_TRY(connect());
    auto rows = query(sql, values);
    if (rows || connection_ != nullptr || !is_old) return rows;
    pause_ = {};  // the server may have been started anew since: that is no failure yet
    SARTOR_TRY(connect());
    return query(sql, values);
  }

 private:
  // Where the URL leads, without its password.
  Status name_place() {
    char* complaint = nullptr;
    PQconninfoOption* options = PQconninfoParse(url_.c_str(), &complaint);
    PQfreemem(complaint);  // it may quote the URL
    if (options == nullptr) {
      return Error{ErrorCode::config,
                   "state.url: expected postgresql://USER@HOST:PORT/DATABASE, and cannot read it"};
    }
    std::string host = "localhost", port, name;
    for (const PQconninfoOption* one = options; one->keyword != nullptr; ++one) {
      if (one->val == nullptr || *one->val == '\0') continue;
      if (std::strcmp(one->keyword, "host") == 0) host = one->val;
      if (std::strcmp(one->keyword, "port") == 0) port = std::string(":") + one->val;
      if (std::strcmp(one->keyword, "dbname") == 0) name = one->val;
    }
    PQconninfoFree(options);
    place_ = fmt::format("PostgreSQL at {}{}/{} ({})", host, port, name, schema_);
    lost_ = {ErrorCode::io, place_ + ": no connection"};
    return {};
  }

  // BEGIN is repeated once over a fresh connection: nothing was done yet.
  Status begin() {
    const bool is_old = connection_ != nullptr;
    SARTOR_TRY(connect());
    const auto enter = [this]() -> Status {
      SARTOR_TRY(run("BEGIN"));
      SARTOR_TRY(query("SELECT pg_advisory_xact_lock(hashtext($1))", {"sartor " + schema_}));
      return {};
    };
    const Status begun = enter();
    if (begun) return begun;
    if (connection_ != nullptr) {
      (void)run("ROLLBACK");
      return begun;
    }
    if (!is_old) return begun;
    pause_ = {};
    SARTOR_TRY(connect());
    return enter();
  }

  Status run(const char* sql) {
    if (connection_ == nullptr) return lost_;
    if (PQsendQuery(connection_.get(), sql) != 1)
      return lose(first_line(PQerrorMessage(connection_.get())));
    const auto rows = answer();
    return rows ? Status() : Status(rows.error());
  }

  // All results of what was sent; rows of the last.
  Result<DbRows> answer() {
    PGconn* const connection = connection_.get();
    const auto deadline = PgClock::now() + kStatementPatience;
    std::optional<Error> wrong;
    DbRows rows;
    while (true) {
      int left = 0;
      while ((left = PQflush(connection)) == 1) {
        if (!wait_for(PQsocket(connection), false, deadline)) return lose(kNoAnswer);
      }
      while (left == 0 && PQisBusy(connection) == 1) {
        if (!wait_for(PQsocket(connection), true, deadline)) return lose(kNoAnswer);
        if (PQconsumeInput(connection) != 1) left = -1;
      }
      if (left < 0) return lose(first_line(PQerrorMessage(connection)));
      const PgResult result(PQgetResult(connection));
      if (result == nullptr) break;
      const auto status = PQresultStatus(result.get());
      if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) wrong = failure(result.get());
      rows.clear();
      for (int r = 0; r < PQntuples(result.get()); ++r) {
        DbRow row;
        for (int c = 0; c < PQnfields(result.get()); ++c)
          row.push_back(value_of(result.get(), r, c));
        rows.push_back(std::move(row));
      }
    }
    if (PQstatus(connection) != CONNECTION_OK) {
      return lose(wrong ? wrong->message : first_line(PQerrorMessage(connection)));
    }
    if (wrong) return *wrong;
    return rows;
  }

  // Class 57 (the server stops, a time-out), 53 (it is full), 55 (a lock) and 40 (try again) pass.
  Error failure(const PGresult* result) const {
    const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const std::string_view kind = state == nullptr ? "" : std::string_view(state).substr(0, 2);
    const bool passes = kind.empty() || kind == "57" || kind == "53" || kind == "55" ||
                        kind == "40" || kind == "08" || kind == "25";
    const char* message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    return {passes ? ErrorCode::io : ErrorCode::bad_data,
            fmt::format("{}: {}", place_, first_line(message))};
  }

  Error lose(const std::string& reason) {
    connection_.reset();
    const std::string text = reason.starts_with(place_) ? reason : place_ + ": " + reason;
    lost_ = {ErrorCode::io, text};
    pause_ = std::clamp(2 * pause_, kFirstPause, kLongestPause);
    next_try_ = PgClock::now() + pause_;
    return lost_;
  }

  Status connect() {
    if (connection_ != nullptr) return {};
    if (pause_.count() > 0 && PgClock::now() < next_try_) return lost_;
    const char* const keywords[] = {"client_encoding", "application_name", "dbname", nullptr};
    const char* const values[] = {"UTF8", "sartor", url_.c_str(), nullptr};
    connection_.reset(PQconnectStartParams(keywords, values, 1));
    const auto deadline = PgClock::now() + kConnectPatience;
    for (auto step = PGRES_POLLING_WRITING; step != PGRES_POLLING_OK;
         step = PQconnectPoll(connection_.get())) {
      if (PQstatus(connection_.get()) == CONNECTION_BAD || step == PGRES_POLLING_FAILED) {
        return lose(first_line(PQerrorMessage(connection_.get())));
      }
      if (!wait_for(PQsocket(connection_.get()), step == PGRES_POLLING_READING, deadline)) {
        return lose(kNoAnswer);
      }
    }
    PQsetnonblocking(connection_.get(), 1);
    PQsetNoticeProcessor(
        connection_.get(), [](void*, const char*) {}, nullptr);
    // A server of ours that vanishes amid a transaction does not keep the others waiting for long.
    const Status ready =
        run(fmt::format("SET search_path = \"{}\"; SET statement_timeout = {}; SET lock_timeout = "
                        "{}; SET idle_in_transaction_session_timeout = {}",
                        schema_, kStatementPatience.count(), kStatementPatience.count(),
                        kStatementPatience.count())
                .c_str());
    if (!ready) return lose(ready.error().message);
    pause_ = {};
    return {};
  }

  Result<std::int64_t> version() {
    SARTOR_ASSIGN(const auto tables,
                  query("SELECT count(*) FROM pg_tables WHERE schemaname = $1 AND tablename = "
                        "'schema_version'",
                        {schema_}));
    if (db_number(tables[0][0]) == 0) return 0;
    SARTOR_ASSIGN(const auto rows, query("SELECT version FROM schema_version", {}));
    return rows.empty() ? 0 : db_number(rows[0][0]);
  }

  Status migrate() {
    constexpr auto kNewest = static_cast<std::int64_t>(kPostgresMigrations.size());
    return transaction([&]() -> Status {
      SARTOR_ASSIGN(const std::int64_t from, version());
      if (from == kNewest) return {};
      if (from > kNewest) {
        return Error{ErrorCode::bad_data,
                     fmt::format("{}: was made by a newer version (schema {}; this one knows {})",
                                 place_, from, kNewest)};
      }
      if (from == 0) {
        // Who may not make schemas may be given an empty one.
        SARTOR_ASSIGN(const auto there,
                      query("SELECT count(*) FROM pg_namespace WHERE nspname = $1", {schema_}));
        if (db_number(there[0][0]) == 0)
          SARTOR_TRY(run(fmt::format("CREATE SCHEMA \"{}\"", schema_).c_str()));
        SARTOR_TRY(
            run("CREATE TABLE schema_version (version bigint NOT NULL);"
                "INSERT INTO schema_version VALUES (0)"));
      }
      for (auto step = static_cast<std::size_t>(from); step < kPostgresMigrations.size(); ++step) {
        SARTOR_TRY(run(kPostgresMigrations[step]));
      }
      SARTOR_TRY(query("UPDATE schema_version SET version = $1::bigint", {kNewest}));
      return {};
    });
  }

  static constexpr const char* kNoAnswer = "no answer in time";

  const std::string url_;
  const std::string schema_;
  std::string place_;  // for messages
  std::mutex mutex_;   // of what follows
  Connection connection_;
  Error lost_{ErrorCode::io, "no connection"};  // why there is none
  std::chrono::milliseconds pause_{0};          // 0: the last attempt was good
  PgClock::time_point next_try_;
};

bool is_schema_name(const std::string& name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !name.empty() && name.size() <= 63 && !name.starts_with("pg_") &&
         std::isdigit(static_cast<unsigned char>(name[0])) == 0 &&
         std::all_of(name.begin(), name.end(), fits);
}

}  // namespace

Result<std::unique_ptr<Database>> open_postgres(const std::string& url, const std::string& schema) {
  auto database = std::make_unique<PostgresSchema>(url, schema);
  SARTOR_TRY(database->open());
  return std::unique_ptr<Database>(std::move(database));
}

Status check_state(const StateConfig& config) {
  if (!config.url.empty() && !config.url.starts_with("postgresql://") &&
      !config.url.starts_with("postgres://")) {
    return Error{ErrorCode::config,
                 "state.url: expected postgresql://USER@HOST:PORT/DATABASE, or nothing for SQLite"};
  }
  if (is_schema_name(config.schema)) return {};
  return Error{ErrorCode::config,
               fmt::format("state.schema: '{}'; expected small letters, digits and '_', no digit "
                           "first",
                           printable(config.schema))};
}

std::string without_passwords(std::string text) {
  const auto hide = [&](std::size_t begin, std::size_t end) {
    text.replace(begin, end - begin, "***");
    return begin + 3;
  };
  for (std::size_t at = text.find("://"); at != std::string::npos; at = text.find("://", at)) {
    at += 3;
    const std::size_t end = std::min(text.find_first_of(" \t\n", at), text.size());
    const std::size_t host = text.substr(0, end).rfind('@');
    const std::size_t colon = text.find(':', at);
    if (host != std::string::npos && host > colon) at = hide(colon + 1, host);
  }
  constexpr std::string_view kParameter = "password=";
  for (std::size_t at = text.find(kParameter); at != std::string::npos;
       at = text.find(kParameter, at)) {
    at += kParameter.size();
    at = hide(at, std::min(text.find_first_of("& \t\n", at), text.size()));
  }
  return text;
}

}  // namespace sartor
