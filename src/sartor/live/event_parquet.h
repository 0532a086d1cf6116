// Stretches of the event log as Parquet files, "<first>-<last>.<XXH3 of the file>.parquet": what a
// finished log file is compressed to.
// Columns: sequence UBIGINT, event_id, user, item VARCHAR, time TIMESTAMP (UTC), type VARCHAR,
// value, dwell_seconds DOUBLE, "group", exposure VARCHAR, context VARCHAR (a JSON object of texts),
// received TIMESTAMP. What an event has not is NULL.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "sartor/base/parallel.h"
#include "sartor/base/result.h"
#include "sartor/data/duckdb.h"
#include "sartor/live/event.h"

namespace sartor {

struct EventPiece {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::string hash;
  std::string path;
};
using EventVisitor = std::function<Status(std::span<const StoredEvent>)>;

// The number with which the log in `folder` begins: 1, but where a copy of a shared log was begun
// with another (shared_events.h).
std::uint64_t first_event(const std::string& folder);
Status begin_events_with(const std::string& folder, std::uint64_t first);

// Those in `folder`, ascending; none if there is no folder. Of two of the same stretch, one of
// which is about to go, the later one. Fails with `bad_data` if they leave a gap or overlap
// otherwise.
Result<std::vector<EventPiece>> event_pieces(const std::string& folder);

// Writes beside, syncs and renames. `events` are those of the numbers `first` to `last` that are
// left, ascending: erased ones leave gaps.
Result<EventPiece> write_event_piece(const std::string& folder, std::uint64_t first,
                                     std::uint64_t last, std::span<const StoredEvent> events);

// Removes files that event_pieces() passes over for a later one.
Status remove_stale_pieces(const std::string& folder);

// Fails with `bad_data` unless the file has the bytes that its name says.
Status verify_event_piece(const EventPiece& piece);

// Events from number `from` on, in order, some at a time; verifies the piece first.
Status read_event_piece(const EventPiece& piece, std::uint64_t from, const EventVisitor& visit);

// `name` becomes a table of `events` in `db`, with the columns above.
Status create_event_table(DuckDb& db, const std::string& name, std::span<const StoredEvent> events);

}  // namespace sartor
