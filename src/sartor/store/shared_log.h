// A log in PostgreSQL that several servers append to. Its records are numbered without gaps, in the
// order in which they were committed; a record whose key was there before is not stored again.
// Records are kept for StateConfig::event_days, keys for the latest kSharedKeys records.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sartor/base/result.h"
#include "sartor/store/state_config.h"

namespace sartor {

class Database;

struct SharedRecord {
  std::string key;  // 32 hexadecimal digits; "": it is like no other
  std::string bytes;
};
struct NumberedBytes {
  std::uint64_t sequence = 0;
  std::string bytes;
};
// Where a shared log comes from: no two have the same id. Who has what stood before `began`, told
// by a hash of the last of it ("" if there was nothing), may go on with it.
struct SharedLogOrigin {
  std::string id;
  std::uint64_t began = 1;
  std::string before;
};
struct SharedLogEnds {
  std::uint64_t oldest = 1;  // of the records that are kept; `next`, if there is none
  std::uint64_t next = 1;
  SharedLogOrigin origin;
};

inline constexpr std::int64_t kSharedKeys = 4'000'000;

// Safe to use from several threads. Everything fails as Database says.
class SharedLog {
 public:
  // Fails as open_postgres does.
  static Result<std::unique_ptr<SharedLog>> open(const StateConfig& config);
  ~SharedLog();

  // None before begin().
  Result<std::optional<SharedLogEnds>> ends();
  // The next record gets the number origin.began, if nobody began before.
  Status begin(const SharedLogOrigin& origin);
  // Keys of records that are kept elsewhere.
  Status add_keys(std::span<const std::string> keys, std::uint64_t sequence);

  // The records' numbers, 0 where a key was there before (also earlier in `records`). All or none;
  // after a failure they may be there all the same, so the caller repeats them. Fails with
  // `bad_data` if the next number is below `at_least`: then the database has lost records.
  Result<std::vector<std::uint64_t>> append(std::span<const SharedRecord> records,
                                            std::uint64_t at_least);

  // Up to `most` records from number `from` on, ascending, without a gap. Fails with `not_found` if
  // the first of them is not kept any more, with `bad_data` if `from` is beyond the next number.
  Result<std::vector<NumberedBytes>> read(std::uint64_t from, std::size_t most);

  // Removes what is older, or some of it where that is much.
  Status prune();

 private:
  SharedLog(std::unique_ptr<Database> database, int days);
  Result<std::uint64_t> next_in_transaction(std::uint64_t at_least);

  const std::unique_ptr<Database> database_;
  const int days_;
};

}  // namespace sartor
