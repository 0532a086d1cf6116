// A durable log of records in files of a folder (log_file.h): appended by many threads, synced for
// all of them at once.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sartor/base/result.h"
#include "sartor/live/log_file.h"

namespace sartor {

struct DurableLogOptions {
  std::uint64_t file_bytes = 64 << 20;  // a new file is begun after as many
  std::size_t commit_bytes = 8 << 20;   // records waiting for one sync, about
  std::size_t keys = 2'000'000;         // how many of the latest keys are told again, at least
  bool check_keys = true;               // else somebody told repetitions apart before
  std::uint64_t first = 1;              // records before it are kept elsewhere; files of these go
  std::uint64_t read_from = 1;          // files that end before it stay, but are not read
};

struct NewRecord {
  std::string_view key;  // a record whose key was there before is not stored again; "": no key
  std::string_view value;
};

inline constexpr std::uint64_t kDuplicate = 0;

// Safe to use from several threads. One process at a time: the folder is locked.
class DurableLog {
 public:
  // Makes the folder if it is missing, and reads it: `visit` sees every record from options.first
  // on (but not those of files that are not read), `known` adds keys of earlier ones (it is handed
  // a function that takes them, oldest first). A torn tail of the last file is cut off, kept beside
  // as `<file>.torn`, and told in notes(). Fails with `bad_data`, naming file and offset, if
  // anything else is not whole; with `config` if another process has the log open; with `io`.
  using KeySource = std::function<Status(const std::function<void(std::string_view)>&)>;
  static Result<std::unique_ptr<DurableLog>> open(const std::string& folder,
                                                  const DurableLogOptions& options,
                                                  const LogVisitor& visit = {},
                                                  const KeySource& known = {});
  ~DurableLog();  // marks the end, so that damage to the last commit is not taken for a torn tail

  // Returns when all of `records` are on disk (fdatasync), or were there already: their numbers,
  // kDuplicate for the latter. All or none: fails with `io` if the disk said no, and then as long
  // as it says no. What was not acknowledged is cut off again before anything else is written; if
  // not even that works, the log refuses until it does. A record of a failed call may still be
  // found after a crash, so the caller repeats it with the same key.
  Result<std::vector<std::uint64_t>> append(std::span<const NewRecord> records);

  // Begins a new file, unless the present one is empty.
  Status roll();

  // The number of the next record, and the first one of the file that is being written.
  std::uint64_t next() const;
  std::uint64_t open_file() const;
  const std::vector<std::string>& notes() const;

 private:
  class Impl;
  explicit DurableLog(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sartor
