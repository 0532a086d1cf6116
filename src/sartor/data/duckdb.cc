#include "sartor/data/duckdb.h"

#include <duckdb.h>
#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstring>
#include <limits>
#include <mutex>
#include <thread>

namespace sartor {
namespace {

using Clock = std::chrono::steady_clock;

// DuckDB's message without the candidate lists and the picture of the statement.
std::string first_line(const char* message) {
  if (message == nullptr) return "unknown error";
  std::string_view text(message);
  text = text.substr(0, text.find('\n'));
  for (const std::string_view tail : {" You might need to add explicit type casts."}) {
    if (text.ends_with(tail)) text.remove_suffix(tail.size());
  }
  return std::string(text);
}

}  // namespace

std::string sql_text(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted.append(c == '\'' ? 2 : 1, c);
  return quoted + "'";
}

std::string sql_name(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) quoted.append(c == '"' ? 2 : 1, c);
  return quoted + "\"";
}

// A thread looks at the clock and at `cancelled` while a statement runs, and interrupts it.
struct DuckDb::State {
  duckdb_database database = nullptr;
  duckdb_connection connection = nullptr;
  const std::atomic<bool>* cancelled = nullptr;
  double seconds = 0;

  std::mutex mutex;
  std::condition_variable changed;
  std::thread watcher;
  int running = 0;  // statements that have begun and not ended
  Clock::time_point deadline;
  bool late = false;
  bool closing = false;

  void begin() {
    const std::lock_guard lock(mutex);
    deadline = Clock::now() +
               std::chrono::milliseconds(static_cast<std::int64_t>(std::min(seconds, 1e9) * 1000));
    late = false;
    ++running;
    changed.notify_all();
  }
  void end() {
    const std::lock_guard lock(mutex);
    --running;
  }
  void watch() {
    std::unique_lock lock(mutex);
    while (!closing) {
      if (running == 0) {
        changed.wait(lock, [this] { return closing || running > 0; });
        continue;
      }
      late = late || Clock::now() > deadline;
      if (late || is_cancelled()) duckdb_interrupt(connection);
      changed.wait_for(lock, std::chrono::milliseconds(20), [this] { return closing; });
    }
  }
  bool is_cancelled() const {
    return cancelled != nullptr && cancelled->load(std::memory_order_relaxed);
  }
  Error failure(const char* message) {
    if (is_cancelled()) return {ErrorCode::cancelled, "cancelled"};
    const std::lock_guard lock(mutex);
    if (late) {
      return {ErrorCode::config, fmt::format("the statement took longer than {} s", seconds)};
    }
    return {ErrorCode::bad_data, first_line(message)};
  }
  ~State() {
    if (watcher.joinable()) {
      {
        const std::lock_guard lock(mutex);
        closing = true;
      }
      changed.notify_all();
      watcher.join();
    }
    if (connection != nullptr) duckdb_disconnect(&connection);
    if (database != nullptr) duckdb_close(&database);
  }
};

struct DuckRows::State {
  DuckDb::State* db = nullptr;
  duckdb_prepared_statement statement = nullptr;
  duckdb_result result{};
  bool has_result = false;
  duckdb_data_chunk chunk = nullptr;
  std::vector<const void*> data;
  std::vector<const std::uint64_t*> validity;  // null: nothing is missing

  ~State() {
    if (chunk != nullptr) duckdb_destroy_data_chunk(&chunk);
    if (has_result) duckdb_destroy_result(&result);
    if (statement != nullptr) duckdb_destroy_prepare(&statement);
    if (db != nullptr) db->end();
  }
};

DuckRows::DuckRows(std::unique_ptr<State> state) : state_(std::move(state)) {}
DuckRows::DuckRows(DuckRows&&) noexcept = default;
DuckRows& DuckRows::operator=(DuckRows&&) noexcept = default;
DuckRows::~DuckRows() = default;

Result<bool> DuckRows::next() {
  State& state = *state_;
  if (state.chunk != nullptr) duckdb_destroy_data_chunk(&state.chunk);
  size_ = 0;
  state.chunk = duckdb_fetch_chunk(state.result);
  if (state.chunk == nullptr) {  // the end, or a failure midway
    const char* message = duckdb_result_error(&state.result);
    if (message != nullptr && *message != '\0') return state.db->failure(message);
    return false;
  }
  size_ = duckdb_data_chunk_get_size(state.chunk);
  if (size_ == 0) return false;
  const idx_t columns = duckdb_data_chunk_get_column_count(state.chunk);
  state.data.resize(columns);
  state.validity.resize(columns);
  for (idx_t c = 0; c < columns; ++c) {
    const duckdb_vector vector = duckdb_data_chunk_get_vector(state.chunk, c);
    state.data[c] = duckdb_vector_get_data(vector);
    state.validity[c] = duckdb_vector_get_validity(vector);
  }
  return true;
}

bool DuckRows::missing(std::size_t column, std::size_t row) const {
  const std::uint64_t* validity = state_->validity[column];
  return validity != nullptr && (validity[row / 64] >> (row % 64) & 1) == 0;
}

std::string_view DuckRows::text(std::size_t column, std::size_t row) const {
  const auto* strings = static_cast<const duckdb_string_t*>(state_->data[column]);
  const duckdb_string_t& text = strings[row];
  const std::uint32_t length = text.value.inlined.length;
  return {length <= 12 ? text.value.inlined.inlined : text.value.pointer.ptr, length};
}

const void* DuckRows::data(std::size_t column) const { return state_->data[column]; }

DuckDb::DuckDb(std::unique_ptr<State> state) : state_(std::move(state)) {}
DuckDb::DuckDb(DuckDb&&) noexcept = default;
DuckDb& DuckDb::operator=(DuckDb&&) noexcept = default;
DuckDb::~DuckDb() = default;

Result<DuckDb> DuckDb::open(const Resources& resources, const std::string& scratch,
                            double seconds) {
  auto state = std::make_unique<State>();
  state->cancelled = resources.cancelled;
  state->seconds = seconds;
  duckdb_config config = nullptr;
  duckdb_create_config(&config);
  duckdb_set_config(config, "threads", std::to_string(std::max(1, resources.threads)).c_str());
  duckdb_set_config(config, "temp_directory", scratch.c_str());
  duckdb_set_config(config, "autoinstall_known_extensions", "false");
  duckdb_set_config(config, "autoload_known_extensions", "false");
  char* message = nullptr;
  const auto opened = duckdb_open_ext(nullptr, &state->database, config, &message);
  duckdb_destroy_config(&config);
  if (opened == DuckDBError) {
    Error error{ErrorCode::internal, "DuckDB: " + first_line(message)};
    duckdb_free(message);
    return error;
  }
  if (duckdb_connect(state->database, &state->connection) == DuckDBError) {
    return Error{ErrorCode::internal, "DuckDB: cannot connect"};
  }
  state->watcher = std::thread([raw = state.get()] { raw->watch(); });
  return DuckDb(std::move(state));
}

Status DuckDb::run(const std::string& sql) {
  state_->begin();
  duckdb_result result{};
  Status status;
  if (duckdb_query(state_->connection, sql.c_str(), &result) == DuckDBError) {
    status = state_->failure(duckdb_result_error(&result));
  }
  duckdb_destroy_result(&result);
  state_->end();
  return status;
}

Result<DuckRows> DuckDb::query(const std::string& sql) {
  state_->begin();
  auto rows = std::make_unique<DuckRows::State>();
  rows->db = state_.get();
  if (duckdb_prepare(state_->connection, sql.c_str(), &rows->statement) == DuckDBError) {
    return state_->failure(duckdb_prepare_error(rows->statement));
  }
  rows->has_result = true;
  if (duckdb_execute_prepared_streaming(rows->statement, &rows->result) == DuckDBError) {
    return state_->failure(duckdb_result_error(&rows->result));
  }
  return DuckRows(std::move(rows));
}

Result<std::vector<DuckColumn>> DuckDb::describe(const std::string& sql) {
  SARTOR_ASSIGN(auto rows, query("DESCRIBE " + sql));
  std::vector<DuckColumn> columns;
  while (true) {
    SARTOR_ASSIGN(const bool more, rows.next());
    if (!more) return columns;
    for (std::size_t r = 0; r < rows.size(); ++r) {
      columns.push_back({std::string(rows.text(0, r)), std::string(rows.text(1, r))});
    }
  }
}

Result<std::int64_t> DuckDb::number(const std::string& sql) {
  SARTOR_ASSIGN(auto rows, query("SELECT CAST((" + sql + ") AS BIGINT)"));
  SARTOR_ASSIGN(const bool more, rows.next());
  if (!more || rows.missing(0, 0)) return Error{ErrorCode::internal, sql + ": no value"};
  return rows.values<std::int64_t>(0)[0];
}

Result<std::string> DuckDb::text(const std::string& sql) {
  SARTOR_ASSIGN(auto rows, query("SELECT CAST((" + sql + ") AS VARCHAR)"));
  SARTOR_ASSIGN(const bool more, rows.next());
  if (!more || rows.missing(0, 0)) return Error{ErrorCode::internal, sql + ": no value"};
  return std::string(rows.text(0, 0));
}

namespace {

duckdb_type type_of(const DuckInput& input) {
  if (input.kind == DuckInput::Kind::number) return DUCKDB_TYPE_DOUBLE;
  return input.kind == DuckInput::Kind::time ? DUCKDB_TYPE_TIMESTAMP : DUCKDB_TYPE_VARCHAR;
}

void fill(duckdb_vector vector, const DuckInput& input, std::size_t begin, std::size_t n) {
  duckdb_vector_ensure_validity_writable(vector);
  std::uint64_t* validity = duckdb_vector_get_validity(vector);
  void* data = duckdb_vector_get_data(vector);
  for (std::size_t i = 0; i < n; ++i) {
    bool valid = true;
    if (input.kind == DuckInput::Kind::number) {
      const double value = input.numbers[begin + i];
      valid = !std::isnan(value);
      static_cast<double*>(data)[i] = value;
    } else if (input.kind == DuckInput::Kind::time) {
      const std::int64_t value = input.times[begin + i];
      valid = value != std::numeric_limits<std::int64_t>::min();
      static_cast<std::int64_t*>(data)[i] = valid ? value : 0;
    } else {
      const std::uint32_t code = input.codes[begin + i];
      valid = code < input.words.size();
      if (valid) {
        duckdb_vector_assign_string_element_len(vector, i, input.words[code].data(),
                                                input.words[code].size());
      }
    }
    duckdb_validity_set_row_validity(validity, i, valid);
  }
}

}  // namespace

Status DuckDb::create_table(const std::string& name, std::size_t rows,
                            std::span<const DuckInput> columns) {
  constexpr const char* kTypes[] = {"DOUBLE", "TIMESTAMP", "VARCHAR"};
  std::string sql = "CREATE TABLE " + sql_name(name) + "(";
  std::vector<duckdb_logical_type> types;
  for (const DuckInput& column : columns) {
    sql += fmt::format("{}{} {}", types.empty() ? "" : ", ", sql_name(column.name),
                       kTypes[static_cast<int>(column.kind)]);
    types.push_back(duckdb_create_logical_type(type_of(column)));
  }
  Status status = run(sql + ")");
  duckdb_appender appender = nullptr;
  if (status &&
      duckdb_appender_create(state_->connection, nullptr, name.c_str(), &appender) == DuckDBError) {
    status = state_->failure(duckdb_appender_error(appender));
  }
  const std::size_t step = duckdb_vector_size();
  for (std::size_t begin = 0; status && begin < rows; begin += step) {
    const std::size_t n = std::min(step, rows - begin);
    duckdb_data_chunk chunk = duckdb_create_data_chunk(types.data(), types.size());
    for (std::size_t c = 0; c < columns.size(); ++c) {
      fill(duckdb_data_chunk_get_vector(chunk, c), columns[c], begin, n);
    }
    duckdb_data_chunk_set_size(chunk, n);
    if (duckdb_append_data_chunk(appender, chunk) == DuckDBError) {
      status = state_->failure(duckdb_appender_error(appender));
    }
    duckdb_destroy_data_chunk(&chunk);
  }
  if (status && appender != nullptr && duckdb_appender_close(appender) == DuckDBError) {
    status = state_->failure(duckdb_appender_error(appender));
  }
  if (appender != nullptr) duckdb_appender_destroy(&appender);
  for (duckdb_logical_type& type : types) duckdb_destroy_logical_type(&type);
  return status;
}

Status DuckDb::lock() {
  SARTOR_TRY(run("SET enable_external_access = false"));
  return run("SET lock_configuration = true");
}

}  // namespace sartor
