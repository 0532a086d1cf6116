#include "sartor/live/event_store.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

#include "sartor/base/files.h"
#include "sartor/live/erasures.h"
#include "sartor/live/log_file.h"

namespace sartor {
namespace {

namespace fs = std::filesystem;

// The events of one log file from number `from` on.
Result<LogFileFacts> read_log_file(const std::string& path, std::uint64_t from,
                                   std::vector<StoredEvent>& events) {
  return scan_log_file(path, [&](const LogRecord& record) -> Status {
    if (record.sequence < from) return {};
    auto event = decode_event(record.value);
    if (!event) return within(fmt::format("{}: event {}", path, record.sequence), event.error());
    events.push_back({record.sequence, std::move(*event)});
    return {};
  });
}

// How many erasures the files of the folder are rid of.
constexpr const char* kScrubbed = "/scrubbed";

std::size_t scrubbed_in(const std::string& folder) {
  const auto text = read_file(folder + kScrubbed);
  return text ? static_cast<std::size_t>(std::strtoull(text->c_str(), nullptr, 10)) : 0;
}

void drop_erased(const Erasures& erasures, std::vector<StoredEvent>& events) {
  if (erasures.empty()) return;
  std::erase_if(events, [&](const StoredEvent& stored) {
    return erasures.covers_event(stored.event.user, stored.sequence);
  });
}

// The piece without them; unchanged if it has nothing of them.
Status scrub_piece(const std::string& folder, const EventPiece& piece, const Erasures& erasures) {
  std::vector<StoredEvent> events;
  std::size_t before = 0;
  SARTOR_TRY(read_event_piece(piece, piece.first, [&](std::span<const StoredEvent> some) -> Status {
    before += some.size();
    std::copy_if(some.begin(), some.end(), std::back_inserter(events),
                 [&](const StoredEvent& stored) {
                   return !erasures.covers_event(stored.event.user, stored.sequence);
                 });
    return {};
  }));
  if (events.size() == before) return {};
  SARTOR_ASSIGN([[maybe_unused]] const EventPiece clean,
                write_event_piece(folder, piece.first, piece.last, events));
  if (::unlink(piece.path.c_str()) == 0) return {};
  return Error{ErrorCode::io, piece.path + ": cannot remove"};
}

std::uint64_t end_of(const std::string& folder, const std::vector<EventPiece>& pieces) {
  return pieces.empty() ? first_event(folder) : pieces.back().last + 1;
}

}  // namespace

class EventStore::Impl {
 public:
  Impl(std::string folder, const DurableLogOptions& options)
      : folder_(std::move(folder)), options_(options) {}

  ~Impl() {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  Status open() {
    SARTOR_ASSIGN(const auto pieces, event_pieces(folder_));
    SARTOR_ASSIGN(const auto files, log_files(folder_));
    if (pieces.empty() && files.empty() && options_.first > 1) {
      SARTOR_TRY(begin_events_with(folder_, options_.first));
    }
    options_.first = end_of(folder_, pieces);
    const auto keys = [&](const std::function<void(std::string_view)>& take) -> Status {
      if (!options_.check_keys) return {};
      for (const EventPiece& piece : latest(pieces)) {
        SARTOR_TRY(read_event_piece(piece, 1, [&](std::span<const StoredEvent> events) -> Status {
          for (const StoredEvent& stored : events) take(stored.event.event_id);
          return {};
        }));
      }
      return {};
    };
    SARTOR_ASSIGN(log_, DurableLog::open(folder_, options_, {}, keys));
    remove_leftovers();
    thread_ = std::thread([this] { work(); });
    return {};
  }

  Result<std::vector<std::uint64_t>> append(std::span<const LiveEvent> events) {
    std::vector<std::string> bytes;
    std::vector<NewRecord> records;
    bytes.reserve(events.size());
    for (const LiveEvent& event : events) {
      bytes.push_back(encode_event(event));
      records.push_back({event.event_id, bytes.back()});
    }
    const std::uint64_t before = log_->open_file();
    auto sequences = log_->append(records);
    if (log_->open_file() != before) changed_.notify_all();
    return sequences;
  }

  Status seal() {
    SARTOR_TRY(log_->roll());
    return compress();
  }

  void scrub() {
    {
      const std::lock_guard lock(mutex_);
      to_scrub_ = true;
    }
    changed_.notify_all();
  }

  Status scrub_now() {
    SARTOR_ASSIGN(const Erasures erasures, Erasures::beside(folder_));
    if (erasures.size() <= scrubbed_in(folder_)) return {};
    SARTOR_TRY(seal());
    const std::lock_guard lock(compressing_);
    SARTOR_ASSIGN(const auto pieces, event_pieces(folder_));
    for (const EventPiece& piece : pieces) SARTOR_TRY(scrub_piece(folder_, piece, erasures));
    SARTOR_TRY(remove_stale_pieces(folder_));
    return write_file(folder_ + kScrubbed, std::to_string(erasures.size()));
  }

  std::unique_ptr<DurableLog> log_;

 private:
  // Enough of the last pieces to hold all keys that are told again.
  std::vector<EventPiece> latest(const std::vector<EventPiece>& pieces) const {
    std::size_t from = pieces.size();
    for (std::uint64_t events = 0; from > 0 && events < 2 * options_.keys; --from) {
      events += pieces[from - 1].last - pieces[from - 1].first + 1;
    }
    return {pieces.begin() + static_cast<std::ptrdiff_t>(from), pieces.end()};
  }

  // Parquet files that another process began and did not end; the log is locked by now.
  void remove_leftovers() const {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(folder_, ignored)) {
      if (entry.path().string().ends_with(".part")) fs::remove(entry.path(), ignored);
    }
  }

  void work() {
    std::unique_lock lock(mutex_);
    std::uint64_t done = 0;
    while (!closing_) {
      const std::uint64_t open = log_->open_file();
      if (open != done || to_scrub_) {
        const bool scrubs = std::exchange(to_scrub_, false);
        done = open;
        lock.unlock();
        (void)compress();
        if (scrubs) (void)scrub_now();  // a disk that says no is asked at the next erasure or start
        lock.lock();
        continue;
      }
      changed_.wait_for(lock, std::chrono::seconds(1));
    }
  }

  // Every finished log file becomes a Parquet file and goes.
  Status compress() {
    const std::lock_guard lock(compressing_);
    SARTOR_ASSIGN(const auto files, log_files(folder_));
    SARTOR_ASSIGN(const auto pieces, event_pieces(folder_));
    std::uint64_t next = end_of(folder_, pieces);
    for (const std::uint64_t first : files) {
      if (first >= log_->open_file()) break;
      const std::string path = log_file_name(folder_, first);
      std::vector<StoredEvent> events;
      SARTOR_TRY(read_log_file(path, next, events));
      if (!events.empty()) {
        const std::uint64_t begin = events.front().sequence;
        const std::uint64_t last = events.back().sequence;
        SARTOR_ASSIGN(const Erasures erasures, Erasures::beside(folder_));
        drop_erased(erasures, events);
        SARTOR_TRY(write_event_piece(folder_, begin, last, events));
        next = last + 1;
      }
      if (::unlink(path.c_str()) != 0) return Error{ErrorCode::io, path + ": cannot remove"};
    }
    return {};
  }

  const std::string folder_;
  DurableLogOptions options_;
  std::mutex compressing_;
  std::mutex mutex_;  // of closing_
  std::condition_variable changed_;
  bool closing_ = false;
  bool to_scrub_ = true;  // what the process before did not end
  std::thread thread_;
};

EventStore::EventStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
EventStore::~EventStore() = default;

Result<std::unique_ptr<EventStore>> EventStore::open(const std::string& folder,
                                                     const DurableLogOptions& options) {
  auto impl = std::make_unique<Impl>(folder, options);
  SARTOR_TRY(impl->open());
  return std::unique_ptr<EventStore>(new EventStore(std::move(impl)));
}

Result<std::vector<std::uint64_t>> EventStore::append(std::span<const LiveEvent> events) {
  return impl_->append(events);
}

Status EventStore::seal() { return impl_->seal(); }
void EventStore::scrub() { impl_->scrub(); }
Status EventStore::scrub_now() { return impl_->scrub_now(); }
const std::vector<std::string>& EventStore::notes() const { return impl_->log_->notes(); }
std::uint64_t EventStore::next() const { return impl_->log_->next(); }

namespace {

// Shows to `visit` what is left of the events without those of erased users.
EventVisitor without_erased(const Erasures& erasures, const EventVisitor& visit) {
  if (erasures.empty()) return visit;
  return [&erasures, visit](std::span<const StoredEvent> events) -> Status {
    std::vector<StoredEvent> left(events.begin(), events.end());
    drop_erased(erasures, left);
    return left.empty() ? Status() : visit(left);
  };
}

// Whether the piece is gone because an erasure wrote it anew.
bool was_rewritten(const EventPiece& piece) {
  std::error_code ignored;
  return !fs::exists(piece.path, ignored);
}

}  // namespace

// A log file may become Parquet and go between two looks at the folder: then it is looked at again.
// Log files are listed before Parquet files, so that what is in neither list was in none.
Result<std::uint64_t> for_each_event(const std::string& folder, std::uint64_t from,
                                     const EventVisitor& visit_all) {
  constexpr int kMostRaces = 100;
  SARTOR_ASSIGN(const Erasures erasures, Erasures::beside(folder));
  bool visited = false;
  const EventVisitor visit = without_erased(erasures, [&](std::span<const StoredEvent> events) {
    visited = true;
    return visit_all(events);
  });
  for (int races = 0; races < kMostRaces;) {
    SARTOR_ASSIGN(const auto files, log_files(folder));
    SARTOR_ASSIGN(const auto pieces, event_pieces(folder));
    const auto piece = std::find_if(pieces.begin(), pieces.end(), [&](const EventPiece& one) {
      return one.first <= from && from <= one.last;
    });
    if (piece != pieces.end()) {
      visited = false;
      const Status read = read_event_piece(*piece, from, visit);
      if (!read && !visited && was_rewritten(*piece)) {
        ++races;
        continue;
      }
      SARTOR_TRY(read);
      from = piece->last + 1;
      continue;
    }
    const auto after = std::upper_bound(files.begin(), files.end(), from);
    if (after == files.begin()) {
      if (files.empty()) return std::max(from, end_of(folder, pieces));
      return Error{ErrorCode::bad_data,
                   fmt::format("{}: events {} to {} are missing", folder, from, files.front() - 1)};
    }
    const std::string path = log_file_name(folder, *std::prev(after));
    std::vector<StoredEvent> events;
    const auto facts = read_log_file(path, from, events);
    if (!facts && facts.error().code == ErrorCode::not_found) {
      ++races;
      continue;
    }
    if (!facts) return facts.error();
    if (!events.empty()) SARTOR_TRY(visit(events));
    from = std::max(from, facts->next);
    if (after == files.end()) return from;
    if (from < *after) {
      return Error{ErrorCode::bad_data,
                   fmt::format("{}: damaged at byte {}: events {} to {} are missing", path,
                               facts->whole, from, *after - 1)};
    }
  }
  return Error{ErrorCode::io, folder + ": changes too fast to be read"};
}

namespace {

// The view "events" of the log's pieces and of the table "fresh", without those of erased users.
Status create_event_view(DuckDb& db, const std::vector<EventPiece>& pieces,
                         const Erasures& erasures) {
  std::string all = "SELECT * FROM fresh";
  for (const EventPiece& piece : pieces) {
    SARTOR_TRY(verify_event_piece(piece));
    all += " UNION ALL SELECT * FROM read_parquet(" + sql_text(piece.path) + ")";
  }
  if (erasures.empty()) return db.run("CREATE VIEW events AS " + all);
  SARTOR_TRY(db.run("CREATE VIEW all_events AS " + all));
  std::vector<std::uint32_t> codes;
  std::vector<std::string> users;
  std::vector<double> before;  // exact up to 2^53
  {
    SARTOR_ASSIGN(DuckRows rows, db.query("SELECT DISTINCT \"user\" FROM all_events"));
    while (true) {
      SARTOR_ASSIGN(const bool more, rows.next());
      if (!more) break;
      for (std::size_t r = 0; r < rows.size(); ++r) {
        const Erasure* erasure = erasures.of(rows.text(0, r));
        if (erasure == nullptr) continue;
        codes.push_back(static_cast<std::uint32_t>(users.size()));
        users.emplace_back(rows.text(0, r));
        before.push_back(static_cast<double>(erasure->events_before));
      }
    }
  }
  const std::vector<DuckInput> inputs{
      {.name = "erased_user", .codes = codes, .words = users, .kind = DuckInput::Kind::text},
      {.name = "events_before", .numbers = before}};
  SARTOR_TRY(db.create_table("erased", codes.size(), inputs));
  return db.run(
      "CREATE VIEW events AS SELECT all_events.* FROM all_events LEFT JOIN erased ON \"user\" = "
      "erased_user WHERE events_before IS NULL OR sequence >= events_before");
}

// `pieces` are those that it reads.
Result<EventExport> export_once(const std::string& folder, const std::string& path,
                                const std::string& scratch, const Resources& resources,
                                std::vector<EventPiece>& pieces) {
  SARTOR_ASSIGN(pieces, event_pieces(folder));
  std::vector<StoredEvent> fresh;
  EventExport out;
  SARTOR_ASSIGN(out.next, for_each_event(folder, end_of(folder, pieces),
                                         [&](std::span<const StoredEvent> events) -> Status {
                                           fresh.insert(fresh.end(), events.begin(), events.end());
                                           return {};
                                         }));
  SARTOR_ASSIGN(DuckDb db, DuckDb::open(resources, scratch));
  SARTOR_TRY(create_event_table(db, "fresh", fresh));
  SARTOR_ASSIGN(const Erasures erasures, Erasures::beside(folder));
  SARTOR_TRY(create_event_view(db, pieces, erasures));
  SARTOR_ASSIGN(DuckRows keys,
                db.query(fmt::format("SELECT DISTINCT unnest(json_keys(context)) AS k FROM events "
                                     "WHERE context IS NOT NULL ORDER BY k LIMIT {}",
                                     kMostExportedKeys)));
  while (true) {
    SARTOR_ASSIGN(const bool more, keys.next());
    if (!more) break;
    for (std::size_t r = 0; r < keys.size(); ++r) out.context_keys.emplace_back(keys.text(0, r));
  }
  std::string columns = "\"user\", item, \"time\", \"type\", value, dwell_seconds, \"group\"";
  for (const std::string& key : out.context_keys) {
    columns += fmt::format(", json_extract_string(context, {}) AS {}",
                           sql_text("$.\"" + key + "\""), sql_name("context." + key));
  }
  SARTOR_TRY(db.run(fmt::format(
      "COPY (SELECT {} FROM (SELECT * FROM events QUALIFY event_id IS NULL OR row_number() OVER "
      "(PARTITION BY event_id ORDER BY sequence) = 1) ORDER BY sequence) TO {} "
      "(FORMAT parquet, COMPRESSION zstd)",
      columns, sql_text(path))));
  return out;
}

}  // namespace

Result<EventExport> export_events(const std::string& folder, const std::string& path,
                                  const std::string& scratch, const Resources& resources) {
  constexpr int kMostTries = 3;
  for (int tries = 1;; ++tries) {
    std::vector<EventPiece> pieces;
    auto made = export_once(folder, path, scratch, resources, pieces);
    const bool raced = std::any_of(pieces.begin(), pieces.end(), was_rewritten);
    if (made || !raced || tries == kMostTries) return made;
  }
}

}  // namespace sartor
