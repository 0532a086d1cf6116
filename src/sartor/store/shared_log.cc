#include "sartor/store/shared_log.h"

#include <fmt/core.h>

#include <unordered_map>

#include "sartor/store/database.h"

namespace sartor {
namespace {

constexpr std::int64_t kPrunedAtOnce = 50'000;

// A batch goes as one array of keys, one of lengths, and all bytes behind one another.
// PostgreSQL numbers rows and bytes from 1.
constexpr const char* kAppend =
    "WITH given AS ("
    "  SELECT key, substring($3::bytea FROM start FOR size) AS bytes, at"
    "  FROM unnest($1::text::uuid[], $2::text::int[], $4::text::int[])"
    "  WITH ORDINALITY AS g (key, start, size, at)),"
    " fresh AS ("
    "  SELECT key, bytes, at, row_number() OVER (ORDER BY at) - 1 + (SELECT next FROM log_end)"
    "    AS sequence"
    "  FROM given WHERE key IS NULL"
    "    OR NOT EXISTS (SELECT 1 FROM log_keys WHERE log_keys.key = given.key)),"
    " stored AS (INSERT INTO log_records (sequence, bytes) SELECT sequence, bytes FROM fresh),"
    " told AS (INSERT INTO log_keys (key, sequence)"
    "  SELECT key, sequence FROM fresh WHERE key IS NOT NULL),"
    " moved AS (UPDATE log_end SET next = next + (SELECT count(*) FROM fresh))"
    " SELECT at, sequence FROM fresh";

struct Arrays {
  std::string keys = "{";
  std::string starts = "{";
  std::string sizes = "{";
  std::string bytes;

  void add(const SharedRecord& record) {
    const char* comma = keys.size() == 1 ? "" : ",";
    keys += comma + (record.key.empty() ? std::string("NULL") : record.key);
    starts += fmt::format("{}{}", comma, bytes.size() + 1);
    sizes += fmt::format("{}{}", comma, record.bytes.size());
    bytes += record.bytes;
  }
};

std::int64_t as_signed(std::uint64_t number) { return static_cast<std::int64_t>(number); }
std::uint64_t as_unsigned(const DbValue& value) {
  return static_cast<std::uint64_t>(db_number(value));
}

}  // namespace

SharedLog::SharedLog(std::unique_ptr<Database> database, int days)
    : database_(std::move(database)), days_(days) {}
SharedLog::~SharedLog() = default;

Result<std::unique_ptr<SharedLog>> SharedLog::open(const StateConfig& config) {
  SARTOR_ASSIGN(auto database, open_postgres(config.url, config.schema));
  return std::unique_ptr<SharedLog>(new SharedLog(std::move(database), config.event_days));
}

Result<std::optional<SharedLogEnds>> SharedLog::ends() {
  SARTOR_ASSIGN(const auto rows,
                database_->read("SELECT next, coalesce((SELECT min(sequence) FROM log_records),"
                                " next), id, began, before FROM log_end",
                                {}));
  if (rows.empty()) return std::optional<SharedLogEnds>();
  const DbRow& row = rows[0];
  return std::optional(SharedLogEnds{
      .oldest = as_unsigned(row[1]),
      .next = as_unsigned(row[0]),
      .origin = {.id = db_text(row[2]), .began = as_unsigned(row[3]), .before = db_text(row[4])}});
}

Status SharedLog::begin(const SharedLogOrigin& origin) {
  return database_->change(
      "INSERT INTO log_end (next, id, began, before) SELECT $1::bigint, $2::text, $1::bigint,"
      " $3::text WHERE NOT EXISTS (SELECT 1 FROM log_end)",
      {as_signed(origin.began), origin.id, origin.before});
}

Status SharedLog::add_keys(std::span<const std::string> keys, std::uint64_t sequence) {
  std::string array = "{";
  for (const std::string& key : keys) array += (array.size() == 1 ? "" : ",") + key;
  return database_->change(
      "INSERT INTO log_keys (key, sequence) SELECT key, $2::bigint FROM"
      " unnest($1::text::uuid[]) AS g (key) ON CONFLICT DO NOTHING",
      {array + "}", as_signed(sequence)});
}

Result<std::uint64_t> SharedLog::next_in_transaction(std::uint64_t at_least) {
  SARTOR_ASSIGN(const auto rows, database_->query("SELECT next FROM log_end", {}));
  const std::uint64_t next = rows.empty() ? 0 : as_unsigned(rows[0][0]);
  if (next >= at_least) return next;
  return Error{ErrorCode::bad_data,
               fmt::format("the shared log goes on with event {}, the copy of it here with {}: the "
                           "database has lost events",
                           next, at_least)};
}

Result<std::vector<std::uint64_t>> SharedLog::append(std::span<const SharedRecord> records,
                                                     std::uint64_t at_least) {
  Arrays arrays;
  std::vector<std::size_t> sent;  // places in `records`
  std::unordered_map<std::string_view, std::size_t> seen;
  for (std::size_t r = 0; r < records.size(); ++r) {
    if (!records[r].key.empty() && !seen.emplace(records[r].key, r).second) continue;
    arrays.add(records[r]);
    sent.push_back(r);
  }
  std::vector<std::uint64_t> numbers(records.size(), 0);
  const auto body = [&]() -> Status {
    SARTOR_TRY(next_in_transaction(at_least));
    SARTOR_ASSIGN(const auto rows,
                  database_->query(kAppend, {arrays.keys + "}", arrays.starts + "}", arrays.bytes,
                                             arrays.sizes + "}"}));
    for (const DbRow& row : rows) {
      numbers[sent[static_cast<std::size_t>(db_number(row[0])) - 1]] = as_unsigned(row[1]);
    }
    return {};
  };
  SARTOR_TRY(database_->transaction(body));
  return numbers;
}

Result<std::vector<NumberedBytes>> SharedLog::read(std::uint64_t from, std::size_t most) {
  SARTOR_ASSIGN(const auto rows,
                database_->read("SELECT next, sequence, bytes FROM log_end LEFT JOIN (SELECT"
                                " sequence, bytes FROM log_records WHERE sequence >= $1 ORDER BY"
                                " sequence LIMIT $2) AS kept ON true ORDER BY sequence",
                                {as_signed(from), as_signed(most)}));
  const std::uint64_t next = rows.empty() ? 0 : as_unsigned(rows[0][0]);
  if (next < from) {
    return Error{ErrorCode::bad_data,
                 fmt::format("the shared log goes on with event {}, the copy of it here with {}: "
                             "the database has lost events",
                             next, from)};
  }
  std::vector<NumberedBytes> records;
  if (next == from) return records;
  for (const DbRow& row : rows) {
    const std::uint64_t expected = from + records.size();
    if (as_unsigned(row[1]) != expected) {
      return Error{ErrorCode::not_found,
                   fmt::format("event {} is not in the database any more (state.event_days); copy "
                               "the folder `events` of another server",
                               expected)};
    }
    records.push_back({expected, db_text(row[2])});
  }
  return records;
}

Status SharedLog::prune() {
  return database_->transaction([&]() -> Status {
    SARTOR_TRY(
        database_->query("DELETE FROM log_records WHERE taken < now() - $1::bigint *"
                         " interval '1 day' AND sequence < (SELECT min(sequence) FROM"
                         " log_records) + $2::bigint",
                         {std::int64_t{days_}, kPrunedAtOnce}));
    SARTOR_TRY(
        database_->query("DELETE FROM log_keys WHERE sequence < (SELECT next FROM log_end)"
                         " - $1::bigint",
                         {kSharedKeys}));
    return {};
  });
}

}  // namespace sartor
