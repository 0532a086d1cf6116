// What a workspace remembers between runs: looks at `confirm`, runs, and small values. In a SQLite
// file, or in PostgreSQL, which several servers share; either is hidden in the .cc, and may be used
// by several threads and processes at the same time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sartor/base/result.h"
#include "sartor/base/time.h"
#include "sartor/store/state_config.h"

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

class Database;

// Entries that several servers share: which version of the bundle all of them serve.
inline constexpr const char* kCurrentBundle = "bundle/current";

// A small value, and its place in the order of all changes of such values.
struct StateEntry {
  std::string key;
  std::string value;
  std::int64_t number = 0;
  bool operator==(const StateEntry&) const = default;
};

// Every call commits before it returns and waits up to five seconds for other writers. All fail as
// Database says.
class State {
 public:
  // The SQLite file at `path`, as open_sqlite has it.
  static Result<State> open(const std::string& path);
  // <workspace>/state.sqlite, or the database that `config` names, as open_postgres has it; into
  // one without looks, runs and keys go those of the file, if there is one.
  static Result<State> open(const std::string& workspace, const StateConfig& config);

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
  // The same only if the key's number is still `number` (0: there is no such key): its new number,
  // or none.
  Result<std::optional<std::int64_t>> put_if(const std::string& key, std::int64_t number,
                                             const std::string& value) const;
  Result<std::optional<std::string>> get(const std::string& key) const;
  Status erase(const std::string& key) const;
  // What was put after the change of this number, in the order of the changes. Values that were put
  // again since stand where they were put last.
  Result<std::vector<StateEntry>> entries_after(std::int64_t number) const;

 private:
  explicit State(std::unique_ptr<Database> database);
  std::unique_ptr<Database> database_;
};

}  // namespace sartor
