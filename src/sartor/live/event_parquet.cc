#include "sartor/live/event_parquet.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "sartor/base/checksum.h"
#include "sartor/base/json.h"
#include "sartor/live/log_file.h"

namespace sartor {
namespace {

constexpr const char* kBegins = "/begins";

namespace fs = std::filesystem;

constexpr std::size_t kDigits = 20;
constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

std::string context_text(const LiveEvent& event) {
  if (event.context.empty()) return "";
  Json json = Json::object();
  for (const auto& [key, value] : event.context) json[key] = value;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Status read_context(std::string_view text, LiveEvent& event) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return Error{ErrorCode::bad_data, "a context is not a JSON object"};
  for (const auto& [key, value] : json.items()) {
    if (value.is_string()) event.context.emplace_back(key, value.get<std::string>());
  }
  return {};
}

// A column of texts as codes and words; "" is missing.
struct TextColumn {
  std::string name;
  std::vector<std::uint32_t> codes;
  std::vector<std::string> words;
  std::unordered_map<std::string, std::uint32_t> known;

  void add(const std::string& text) {
    if (text.empty()) return codes.push_back(0xffffffff);
    const auto [at, fresh] = known.emplace(text, static_cast<std::uint32_t>(words.size()));
    if (fresh) words.push_back(text);
    codes.push_back(at->second);
  }
};

constexpr const char* kTexts[] = {"event_id", "user",     "item",   "type",
                                  "group",    "exposure", "context"};

std::array<std::string, 7> texts_of(const LiveEvent& event) {
  return {event.event_id, event.user,     event.item,         event.type,
          event.group,    event.exposure, context_text(event)};
}

constexpr const char* kColumns =
    "event_id, \"user\", item, \"time\", \"type\", value, dwell_seconds, \"group\", exposure, "
    "context, received";

bool parse_digits(std::string_view text, std::uint64_t& number) {
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && stop == text.data() + text.size();
}

// "<first>-<last>.<hash>.parquet"
bool parse_name(const fs::path& path, EventPiece& piece) {
  const std::string name = path.filename().string();
  if (name.size() != 2 * kDigits + 1 + 1 + 32 + 8 || name[kDigits] != '-' ||
      name[2 * kDigits + 1] != '.' || !name.ends_with(".parquet")) {
    return false;
  }
  const std::string_view view(name);
  piece.hash = name.substr(2 * kDigits + 2, 32);
  piece.path = path.string();
  return parse_digits(view.substr(0, kDigits), piece.first) &&
         parse_digits(view.substr(kDigits + 1, kDigits), piece.last);
}

LiveEvent event_in(const DuckRows& rows, std::size_t r) {
  const auto text = [&](std::size_t column) {
    return rows.missing(column, r) ? std::string() : std::string(rows.text(column, r));
  };
  const auto number = [&](std::size_t column) {
    return rows.missing(column, r) ? kMissing : rows.values<double>(column)[r];
  };
  return {.event_id = text(1),
          .user = text(2),
          .item = text(3),
          .time = rows.values<std::int64_t>(4)[r],
          .type = text(5),
          .value = number(6),
          .dwell_seconds = number(7),
          .group = text(8),
          .exposure = text(9),
          .context = {},
          .received = rows.values<std::int64_t>(11)[r]};
}

// Where an erasure wrote a stretch anew, the old file may still be there.
void keep_the_later(std::vector<EventPiece>& pieces) {
  const auto written = [](const EventPiece& piece) {
    std::error_code ignored;
    return fs::last_write_time(piece.path, ignored);
  };
  for (std::size_t i = 1; i < pieces.size();) {
    EventPiece& before = pieces[i - 1];
    if (pieces[i].first != before.first || pieces[i].last != before.last) {
      ++i;
      continue;
    }
    if (written(pieces[i]) > written(before)) std::swap(before, pieces[i]);
    pieces.erase(pieces.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

Status copy_to(const std::string& path, const std::string& folder,
               std::span<const StoredEvent> events) {
  SARTOR_ASSIGN(DuckDb db, DuckDb::open({.threads = 1}, folder));
  SARTOR_TRY(create_event_table(db, "events", events));
  SARTOR_TRY(db.run(fmt::format(
      "COPY (SELECT * FROM events ORDER BY sequence) TO {} (FORMAT parquet, COMPRESSION zstd)",
      sql_text(path))));
  return sync_to_disk(path);
}

}  // namespace

std::uint64_t first_event(const std::string& folder) {
  const auto text = read_file(folder + kBegins);
  const std::uint64_t number = text ? std::strtoull(text->c_str(), nullptr, 10) : 1;
  return std::max<std::uint64_t>(number, 1);
}

Status begin_events_with(const std::string& folder, std::uint64_t first) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return io_error(folder, "make the folder", error.message());
  return write_file(folder + kBegins, std::to_string(first));
}

Result<std::vector<EventPiece>> event_pieces(const std::string& folder) {
  std::vector<EventPiece> pieces;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    EventPiece piece;
    if (parse_name(it->path(), piece)) pieces.push_back(std::move(piece));
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return Error{ErrorCode::io, fmt::format("{}: cannot list: {}", folder, error.message())};
  }
  std::sort(pieces.begin(), pieces.end(),
            [](const EventPiece& a, const EventPiece& b) { return a.first < b.first; });
  keep_the_later(pieces);
  std::uint64_t next = first_event(folder);
  for (const EventPiece& piece : pieces) {
    if (piece.first != next || piece.last < piece.first) {
      return Error{ErrorCode::bad_data,
                   fmt::format("{}: expected a file that begins with event {}", piece.path, next)};
    }
    next = piece.last + 1;
  }
  return pieces;
}

Status remove_stale_pieces(const std::string& folder) {
  SARTOR_ASSIGN(const auto pieces, event_pieces(folder));
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    EventPiece found;
    const auto same = [&](const EventPiece& piece) { return piece.path == found.path; };
    if (!parse_name(it->path(), found) || std::any_of(pieces.begin(), pieces.end(), same)) continue;
    if (::unlink(found.path.c_str()) != 0) {
      return Error{ErrorCode::io, found.path + ": cannot remove"};
    }
  }
  return {};
}

Result<EventPiece> write_event_piece(const std::string& folder, std::uint64_t first,
                                     std::uint64_t last, std::span<const StoredEvent> events) {
  EventPiece piece{.first = first, .last = last};
  const std::string part =
      fmt::format("{}/{:020}.parquet.{}.part", folder, piece.first, ::getpid());
  Status written = copy_to(part, folder, events);
  if (written) {
    auto hash = hash_of_file(part);
    written = hash ? Status() : Status(hash.error());
    if (hash) piece.hash = std::move(*hash);
  }
  piece.path =
      fmt::format("{}/{:020}-{:020}.{}.parquet", folder, piece.first, piece.last, piece.hash);
  if (written && ::rename(part.c_str(), piece.path.c_str()) != 0) {
    written = Error{ErrorCode::io, piece.path + ": cannot rename into place"};
  }
  if (written) written = sync_to_disk(folder);
  if (written) return piece;
  ::unlink(part.c_str());
  return written.error();
}

Status verify_event_piece(const EventPiece& piece) {
  SARTOR_ASSIGN(const std::string hash, hash_of_file(piece.path));
  if (hash == piece.hash) return {};
  return Error{ErrorCode::bad_data, piece.path + ": damaged: its bytes are not what its name says"};
}

Status read_event_piece(const EventPiece& piece, std::uint64_t from, const EventVisitor& visit) {
  SARTOR_TRY(verify_event_piece(piece));
  const std::string folder = fs::path(piece.path).parent_path().string();
  SARTOR_ASSIGN(DuckDb db, DuckDb::open({.threads = 1}, folder.empty() ? "." : folder));
  SARTOR_ASSIGN(DuckRows rows,
                db.query(fmt::format("SELECT CAST(sequence AS BIGINT), {} FROM read_parquet({}) "
                                     "WHERE sequence >= {} ORDER BY sequence",
                                     kColumns, sql_text(piece.path), from)));
  std::vector<StoredEvent> events;
  while (true) {
    SARTOR_ASSIGN(const bool more, rows.next());
    if (!more) return {};
    events.clear();
    for (std::size_t r = 0; r < rows.size(); ++r) {
      const auto sequence = static_cast<std::uint64_t>(rows.values<std::int64_t>(0)[r]);
      events.push_back({sequence, event_in(rows, r)});
      if (!rows.missing(10, r)) {
        if (Status read = read_context(rows.text(10, r), events.back().event); !read) {
          return within(piece.path, read.error());
        }
      }
    }
    SARTOR_TRY(visit(events));
  }
}

Status create_event_table(DuckDb& db, const std::string& name,
                          std::span<const StoredEvent> events) {
  std::vector<TextColumn> texts;
  for (const char* column : kTexts) texts.push_back({.name = column});
  std::vector<double> sequence, value, dwell;
  std::vector<std::int64_t> time, received;
  for (const StoredEvent& stored : events) {
    const auto words = texts_of(stored.event);
    for (std::size_t t = 0; t < words.size(); ++t) texts[t].add(words[t]);
    sequence.push_back(static_cast<double>(stored.sequence));  // exact up to 2^53
    value.push_back(stored.event.value);
    dwell.push_back(stored.event.dwell_seconds);
    time.push_back(stored.event.time);
    received.push_back(stored.event.received);
  }
  std::vector<DuckInput> inputs{
      {.name = "sequence", .numbers = sequence},
      {.name = "time", .times = time, .kind = DuckInput::Kind::time},
      {.name = "received", .times = received, .kind = DuckInput::Kind::time},
      {.name = "value", .numbers = value},
      {.name = "dwell_seconds", .numbers = dwell}};
  for (const TextColumn& text : texts) {
    inputs.push_back({.name = text.name,
                      .codes = text.codes,
                      .words = text.words,
                      .kind = DuckInput::Kind::text});
  }
  SARTOR_TRY(db.create_table(name + ".raw", events.size(), inputs));
  return db.run(
      fmt::format("CREATE VIEW {} AS SELECT CAST(sequence AS UBIGINT) AS sequence, {} "
                  "FROM {}",
                  sql_name(name), kColumns, sql_name(name + ".raw")));
}

}  // namespace sartor
