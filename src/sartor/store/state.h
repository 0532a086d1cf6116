// What a workspace remembers between runs: looks at `confirm`, runs, and small values. SQLite,
// hidden in the .cc; several threads and processes may use one file at the same time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sartor/base/result.h"
#include "sartor/base/time.h"

namespace sartor {

// The k-th gate run on the same confirm data tests at q / k^2 (PROOF section 2).
struct Look {
  int k = 1;           // from 1
  bool is_new = true;  // false: the same inputs were seen before, as look k
};

struct RunRecord {
  std::string id;
  Time started = 0;
  std::optional<Time> finished;
  std::string status;   // "running", "done", "failed", "cancelled"
  std::string bundle;   // its folder, "" while there is none
  std::string summary;  // JSON, "" while there is none
};

// An API key, without the key itself.
struct KeyRecord {
  std::string id;      // stands in the key
  std::string name;    // for people
  std::string scopes;  // words with a blank between them
  std::string hash;    // keyed, of the whole key
  Time created = 0;
  std::optional<Time> ends;  // from here on it is refused
};

// Every call commits before it returns (WAL, synchronous = FULL) and waits up to five seconds for
// other writers. All fail with `io` if the disk or a lock says no, and with `bad_data` if the file
// is damaged, naming it.
class State {
 public:
  // Makes the file where it is missing and brings an older one up to date. Fails with `bad_data` if
  // it is not such a file, or was made by a newer version.
  static Result<State> open(const std::string& path);

  State(State&&) noexcept;
  State& operator=(State&&) noexcept;
  ~State();

  // Records that the gate looks at the confirm data with fingerprint `confirm`, its inputs having
  // fingerprint `inputs`. The same pair again gives the same k and is not a new look.
  Result<Look> look(const std::string& confirm, const std::string& inputs) const;
  // How many looks there were.
  Result<int> looks(const std::string& confirm) const;

  // Inserts the run, or replaces the one with its id.
  Status put_run(const RunRecord& run) const;
  Result<std::optional<RunRecord>> run(const std::string& id) const;
  // The latest `limit` runs, the latest first; equal times by descending id.
  Result<std::vector<RunRecord>> runs(std::size_t limit) const;

  // Inserts the key, or replaces the one with its id.
  Status put_key(const KeyRecord& key) const;
  // All, ended ones too, the oldest first.
  Result<std::vector<KeyRecord>> keys() const;

  Status put(const std::string& key, const std::string& value) const;
  Result<std::optional<std::string>> get(const std::string& key) const;
  Status erase(const std::string& key) const;

 private:
  class Connection;
  explicit State(std::unique_ptr<Connection> connection);
  std::unique_ptr<Connection> connection_;
};

}  // namespace sartor
