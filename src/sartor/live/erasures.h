// Users who were erased, in a workspace's erased.json: what tells everything that still has
// something of them (bundles, logs, files of a run) that it may not be seen. Kept is a salted hash
// of the id, not the id.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "sartor/base/json.h"
#include "sartor/base/result.h"
#include "sartor/base/time.h"
#include "sartor/live/key_set.h"

namespace sartor {

inline constexpr const char* kErasedFile = "erased.json";  // of a workspace

struct Erasure {
  std::size_t number = 0;           // in the list, from 0: a bundle says how many its run knew
  Time time = 0;                    // when
  std::uint64_t events_before = 1;  // of the event log, what has a smaller number is erased
};

// How one stands in a list: [hash, microseconds, events before]. Reading gives false if that is
// none.
Json row_json(KeyHash user, const Erasure& erasure);
bool read_erasure(const Json& row, KeyHash& user, Erasure& erasure);
// 32 hexadecimal digits of the system's random numbers.
std::string random_digits();

// Immutable; safe to use from several threads. An id that comes back is a new user: only what was
// before its last erasure is erased.
class Erasures {
 public:
  // None if there is no file. Fails with `bad_data` if it is not one of ours: nobody may go on as
  // if nobody had been erased.
  static Result<Erasures> read(const std::string& workspace);
  // Of the workspace that `folder` (its events, its exposures) stands in.
  static Result<Erasures> beside(const std::string& folder);

  // The last erasure of this user, null if there was none.
  const Erasure* of(std::string_view user) const;
  bool covers_event(std::string_view user, std::uint64_t sequence) const {
    const Erasure* erasure = of(user);
    return erasure != nullptr && sequence < erasure->events_before;
  }
  // What was known of the user at `time`, which may be kUntimed.
  bool covers_time(std::string_view user, Time time) const {
    const Erasure* erasure = of(user);
    return erasure != nullptr && time <= erasure->time;
  }
  std::size_t size() const { return count_; }        // erasures so far
  const std::string& salt() const { return salt_; }  // "" before the first
  KeyHash hash_of(std::string_view user) const;
  // What the list says of each who was erased, by number; of one who was erased twice the last.
  std::map<std::size_t, std::pair<KeyHash, Erasure>> rows() const;
  bool empty() const { return count_ == 0; }

 private:
  friend class ErasureList;
  struct HashOfUser {
    std::size_t operator()(KeyHash user) const { return user.low; }
  };
  std::string to_text() const;

  std::string salt_;
  std::size_t count_ = 0;
  std::unordered_map<KeyHash, Erasure, HashOfUser> last_;
};

// The one that writes. Safe to use from several threads; one process at a time.
class ErasureList {
 public:
  // Fails as Erasures::read.
  static Result<std::unique_ptr<ErasureList>> open(const std::string& workspace);

  // Erases the user's events before number `events_before`, and everything else until `now`.
  // Durable when this returns. Fails with `io`; then nothing has changed.
  Status add(const std::string& user, std::uint64_t events_before, Time now);

  // Of a list that several servers share: its salt, and what another one added. Fails with `config`
  // if the list has a salt of its own by now. A number that is there already is nothing new.
  Status share(const std::string& salt);
  Status add(KeyHash user, const Erasure& erasure);

  std::shared_ptr<const Erasures> current() const;

 private:
  Status keep(Erasures next);

  ErasureList(std::string workspace, Erasures erasures)
      : workspace_(std::move(workspace)),
        current_(std::make_shared<const Erasures>(std::move(erasures))) {}

  const std::string workspace_;
  std::mutex writing_;
  mutable std::mutex mutex_;  // of the pointer
  std::shared_ptr<const Erasures> current_;
};

}  // namespace sartor
