// What makes a server one of several on a shared state: it follows what the others did and tells
// them what was done here.
//
// Entries of the state:
//   bundle/current                    the version that all serve; whoever changes it last is right
//   breaker/<version>/<segment>       the last change of a breaker, as of that version
//   erased/…                          SharedErasures
// Events go by SharedEvents, keys by ApiKeys.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "sartor/http/intake.h"
#include "sartor/live/live_guard.h"
#include "sartor/live/shared_erasures.h"
#include "sartor/serving/bundle_shelf.h"
#include "sartor/serving/live_bundle.h"
#include "sartor/store/state.h"

namespace sartor {

struct ReplicaParts {
  std::shared_ptr<const State> state;  // its own connection
  std::shared_ptr<LiveBundle> live;
  std::shared_ptr<BundleShelf> shelf;
  std::shared_ptr<LiveGuard> guard;
  std::shared_ptr<Intake> intake;
  std::shared_ptr<SharedErasures> erasures;
  std::function<void(const std::string&)> tell;  // in lines: when the state is lost and back
};

// Looks at the state four times a second, on a thread of its own: nothing else of the server waits
// for a database that does not answer. Without it the server goes on as it last was.
class Replica {
 public:
  // Serves what the others serve, if it is there, before this returns. Fails with `io` if the state
  // cannot be reached.
  static Result<std::shared_ptr<Replica>> start(const ReplicaParts& parts);
  ~Replica();

  // In what this server falls short of the others, in words; empty while all is well.
  std::vector<std::string> troubles() const;

 private:
  explicit Replica(const ReplicaParts& parts) : parts_(parts) {}
  Status look();
  Status read_entries();
  void obey_bundle(const std::string& now);
  Status follow_bundle();
  Status share_breakers();
  void follow_breakers();
  Status prune();
  void report(const Status& looked);
  void run();
  std::string serving() const;

  const ReplicaParts parts_;

  // Of the thread alone.
  std::int64_t seen_ = 0;             // entries up to this number
  std::optional<StateEntry> wanted_;  // bundle/current
  std::int64_t followed_ = 0;         // its number when it was obeyed
  std::chrono::seconds pause_{0};     // before the next attempt to serve it, after a failure
  std::chrono::steady_clock::time_point next_try_;
  bool erased_ = false;                          // there are erasures to follow
  std::string served_;                           // when last looked at
  std::map<std::string, StateEntry> breakers_;   // by key
  std::map<std::string, std::int64_t> applied_;  // their numbers
  std::chrono::steady_clock::time_point pruned_;

  mutable std::mutex mutex_;  // of what follows
  std::string lost_;          // why the state cannot be reached, "" if it can
  std::string behind_;        // which bundle is not here, and why
  bool closing_ = false;
  std::condition_variable closing_changed_;
  std::thread thread_;
};

// In Prometheus' text format; null: there is nobody to fall short of.
std::string replica_metrics(const Replica* replica);

}  // namespace sartor
