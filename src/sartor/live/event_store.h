// The events of a workspace, as its server took them: a durable log whose finished files become
// Parquet. One process writes, any may read.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sartor/base/parallel.h"
#include "sartor/base/result.h"
#include "sartor/live/event.h"
#include "sartor/live/event_log.h"
#include "sartor/live/event_parquet.h"

namespace sartor {

inline constexpr const char* kEventFolder = "events";  // of a workspace

// Safe to use from several threads.
class EventStore {
 public:
  // Fails as DurableLog::open does. A log that has no event yet begins with number options.first.
  // Finished files that are not Parquet yet become it on a thread
  // of the store's own, as do later ones; a failure of that is tried again with the next file, and
  // what the log holds is read from the log.
  static Result<std::unique_ptr<EventStore>> open(const std::string& folder,
                                                  const DurableLogOptions& options = {});
  ~EventStore();

  // As DurableLog::append: the numbers of the events, kDuplicate where the event_id was there
  // before. An event_id is known again if it was among the latest DurableLogOptions::keys.
  Result<std::vector<std::uint64_t>> append(std::span<const LiveEvent> events);

  // Ends the present file and turns all finished ones into Parquet now.
  Status seal();

  // Removes what erased users (erased.json, beside the folder) still have in the files, on the
  // store's own thread: the present file is sealed, and every file that has anything of them is
  // written anew. What a crash interrupts is done at the next open().
  void scrub();
  // The same now; nothing to do is fine.
  Status scrub_now();

  // What open() had to mend, in words.
  const std::vector<std::string>& notes() const;
  std::uint64_t next() const;

 private:
  class Impl;
  explicit EventStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Shows the events from number `from` on to `visit`, in order, but for those of users who were
// erased since (erased.json, beside the folder); the number of the next one. Reads whatever is
// whole, also while a store writes. Fails with `bad_data` if something is damaged.
Result<std::uint64_t> for_each_event(const std::string& folder, std::uint64_t from,
                                     const EventVisitor& visit);

// All events in one Parquet file at `path`, for `sartor run`: columns user, item, time, type,
// value, dwell_seconds, "group" and "context.<key>" for every key there is; of events with the same
// event_id the first one; without those of erased users. Equal logs give equal rows.
struct EventExport {
  std::uint64_t next = 1;                 // number of the first event that is not in it
  std::vector<std::string> context_keys;  // sorted by bytes, at most kMostExportedKeys
};
inline constexpr std::size_t kMostExportedKeys = 64;
Result<EventExport> export_events(const std::string& folder, const std::string& path,
                                  const std::string& scratch, const Resources& resources);

}  // namespace sartor
