// The events of several servers that share a PostgreSQL: one stream, in the order in which the
// database committed them, of which every server keeps a copy under the same numbers. So bundles,
// erasures and breakers mean the same events everywhere.
//
// An event is taken when the database has it; then it goes to the copy here, which is an EventStore
// like any other, and the other servers fetch it. Without the database nothing is taken.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sartor/base/result.h"
#include "sartor/live/event_store.h"
#include "sartor/store/state_config.h"

namespace sartor {

// Safe to use from several threads.
class SharedEvents {
 public:
  // Hears of all new events, those of other servers too, in order, each once, when they are in the
  // copy. One call at a time.
  using Listener = std::function<void(std::span<const StoredEvent>)>;

  // The copy in `folder`, brought up to date without a word to `listener`. The first server of all
  // makes the stream go on where its own log ends, and brings the event_ids that it knows; an empty
  // folder begins with the oldest event that the database keeps. Fails with `config` if the folder
  // has events that are not of this stream, and as EventStore::open and SharedLog::read do.
  static Result<std::unique_ptr<SharedEvents>> open(const std::string& folder,
                                                    const StateConfig& config, Listener listener);
  ~SharedEvents();

  // As EventStore::append, over all servers; when it returns, the listener has heard of the events.
  // Fails with `io` if the database or the disk says no: none is acknowledged, some may be there.
  // Events of several callers go together.
  Result<std::vector<std::uint64_t>> append(std::span<const LiveEvent> events);

  // Fetches what other servers took.
  Status pull();

  // Lets the database forget what is older than its time.
  Status prune();

  EventStore& copy();

 private:
  class Impl;
  explicit SharedEvents(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sartor
