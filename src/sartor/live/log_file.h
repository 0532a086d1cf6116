// One file of the event log. All numbers are little-endian.
//   header  "SARTLOG1", number of the first record (u64), salt (u64), checksum of these (u64)
//   commit  mark (u32), bytes of the records (u32), number of the first record (u64), the records,
//           checksum of all of it (XXH3 seeded with the salt, u64)
//   record  bytes of the key (u32), bytes of the value (u32), key, value
// A commit is what was made durable in one go: it is there as a whole or not at all. The salt is
// random, so that nothing a client sends, and nothing an older file left on the disk, can pass for
// a commit.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "sartor/base/result.h"

namespace sartor {

struct LogRecord {
  std::uint64_t sequence = 0;  // its number, from 1
  std::string_view key;
  std::string_view value;
};
using LogVisitor = std::function<Status(const LogRecord&)>;

inline constexpr std::size_t kLogHeader = 32;

std::string log_header(std::uint64_t first, std::uint64_t salt);

// Appends a commit's bytes to `out`. Without records it is a mark that says: closed in peace.
void append_commit(std::string& out, std::uint64_t first, std::uint64_t salt,
                   std::string_view records);
void append_record(std::string& out, std::string_view key, std::string_view value);

struct LogFileFacts {
  std::uint64_t first = 0;  // number of the first record the file has or would have
  std::uint64_t next = 0;   // one more than that of the last
  std::uint64_t salt = 0;
  std::uint64_t whole = 0;  // bytes up to the end of the last whole commit; 0: not even the header
  std::uint64_t bytes = 0;  // of the file
};

// Shows the records of all whole commits to `visit`, in order. Bytes that are no whole commit are a
// torn tail (whole < bytes) if no whole commit follows them: every commit was durable before the
// next one was begun, so what stands before one cannot be torn. Otherwise fails with `bad_data`,
// naming file and offset.
Result<LogFileFacts> scan_log_file(const std::string& path, const LogVisitor& visit);

// Writes the finished file anew with what `edit` makes of each record's value; keys, numbers and
// the time of its last change stay. A reader sees the old file or the new one.
Status rewrite_log_file(const std::string& path,
                        const std::function<Result<std::string>(const LogRecord&)>& edit);

// "<folder>/00000000000000000001.log", and back: 0 if the name is no such name.
std::string log_file_name(const std::string& folder, std::uint64_t first);
std::uint64_t log_file_first(const std::string& name);

// The first numbers of the log files in `folder`, ascending; none if there is no folder.
Result<std::vector<std::uint64_t>> log_files(const std::string& folder);

// fsync of a file or a folder.
Status sync_to_disk(const std::string& path);

}  // namespace sartor
