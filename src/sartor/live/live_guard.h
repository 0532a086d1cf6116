// What stands between the models of a workspace and its users: exposures in their log, the
// switchboard of the breakers, its state on disk.
//
// Files of the workspace:
//   exposures/       ExposureLog
//   breakers.json    Switchboard::to_json, written whole at every change and every hour's end
//   alerts.jsonl     each change of a breaker with its evidence, one JSON object a line; appended
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "sartor/base/result.h"
#include "sartor/live/event.h"
#include "sartor/live/exposure_log.h"
#include "sartor/live/switchboard.h"

namespace sartor {

struct GuardOptions {
  SwitchboardOptions switchboard;
  Time keep_exposures = 90 * kDay;
  std::function<Time()> clock;  // of the system, if empty
};

// Safe to use from several threads. One process at a time.
class LiveGuard {
 public:
  // How much each of some events counts as a success; 0: it is none.
  using Weigh = std::function<Result<std::vector<float>>(std::span<const StoredEvent>)>;

  // Reads the state and the lists that events may still come to. A state that cannot be read is
  // told in notes(), set aside as breakers.json.bad, and everything begins anew: lists are shown
  // all the same. So is a disk that takes no exposures. Fails as ExposureLog::open does, but for
  // `io`.
  static Result<std::unique_ptr<LiveGuard>> open(const std::string& workspace,
                                                 const GuardOptions& options);
  ~LiveGuard();  // saves

  // Once, before all that follows: brings the state up to date with the event log in `folder`.
  Status catch_up(const std::string& folder, const Weigh& weigh);

  Time timeout() const { return options_.switchboard.timeout; }

  // As Switchboard has them.
  ArmChoice choose(const std::string& version, const std::string& segment,
                   const std::string& visitor);
  void answered(const std::string& segment, const ModelAnswer& answer);
  Status close(const std::string& segment);
  Status latch(const std::string& segment);
  std::vector<Switchboard::Shared> untold() const;
  void told(const std::string& segment);
  void follow(const std::string& version, const Switchboard::Shared& shared);
  LaneView view(const std::string& segment) const;
  std::vector<BreakerChange> changes() const;  // the latest, the latest first

  // Logs and counts a list; its number and time are set here. Does not wait for the disk.
  void show(Exposure exposure);
  // Counts events that are on disk, in any order, each once. When it returns, the lists that they
  // are tied to are on disk, too.
  void take(std::span<const StoredEvent> events, const Weigh& weigh);

  // The user was erased (erased.json has it): lists of theirs are not remembered any more, and a
  // moment later not in the log, either.
  void forget(const std::string& user);
  // Returns when lists that were shown before are on disk, or lost.
  void flush();

  // Writes the state now, if there is anything new.
  Status save();

  std::uint64_t lost_exposures() const;
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  LiveGuard(std::string workspace, const GuardOptions& options);
  Status read_state();
  Status open_log();
  void replay_exposures(Time until);
  void work();
  Status append_alerts(const std::vector<BreakerChange>& changes);
  Time now() const { return options_.clock(); }

  const std::string workspace_;
  GuardOptions options_;
  std::vector<std::string> notes_;
  std::vector<Exposure> to_replay_;  // read from the log, not yet remembered; the latest first
  bool is_new_ = true;               // there was no state

  mutable std::mutex mutex_;  // of board_
  Switchboard board_;
  std::unique_ptr<ExposureLog> log_;  // null: exposures are lost
  std::uint64_t lost_ = 0;            // those

  std::mutex saving_;
  std::uint64_t saved_ = 0;   // milestones in breakers.json
  std::uint64_t logged_ = 0;  // last change in alerts.jsonl

  std::condition_variable closing_changed_;
  bool closing_ = false;
  bool to_scrub_ = true;  // what the process before did not end
  std::thread thread_;    // ends hours, saves, scrubs the log
};

}  // namespace sartor
