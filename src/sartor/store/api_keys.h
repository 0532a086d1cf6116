// The API keys of a workspace. A key is shown once, when it is made; kept is a keyed hash of it
// (HMAC-SHA256 with the workspace's secret, a file only its owner may read), so that neither the
// state nor a copy of it gives a key away. Of a shared state the secret is a part, so that every
// server knows every key: a key has 256 random bits, which no hash of it gives away.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sartor/base/result.h"
#include "sartor/base/time.h"
#include "sartor/store/state_config.h"

namespace sartor {

inline constexpr const char* kScopes[] = {"recommend", "ingest", "admin"};

struct ApiKey {
  std::string id;    // the middle of the key; no secret
  std::string name;  // for people
  std::vector<std::string> scopes;
  Time created = 0;
  std::optional<Time> ends;  // from here on it is refused

  // `admin` holds every scope.
  bool may(std::string_view scope) const;
  bool active(Time now) const { return !ends || now < *ends; }
};

// Safe to use from several threads, and beside other processes.
class ApiKeys {
 public:
  // Uses the state of the workspace and <workspace>/key.secret, made with the first key; a shared
  // state takes over the file's secret, if there is one. Fails with `config` if others than the
  // owner may read the secret, or if it is not the shared state's.
  static Result<ApiKeys> open(const std::string& workspace, const StateConfig& config = {});
  ApiKeys(ApiKeys&&) noexcept;
  ~ApiKeys();

  // The new key: "sartor_<id>_<64 hexadecimal digits>". Fails with `config` on a scope that is none
  // of kScopes, or on no scope.
  Result<std::string> create(const std::vector<std::string>& scopes, const std::string& name,
                             Time now) const;
  // A new key with the scopes and the name of key `id`, which ends after `grace`. Fails with
  // `not_found` if there is no such key, or it has ended.
  Result<std::string> rotate(const std::string& id, Time grace, Time now) const;
  // Fails with `not_found` likewise.
  Status revoke(const std::string& id, Time now) const;

  // All there ever were, the oldest first.
  Result<std::vector<ApiKey>> list() const;

  // The key that `text` is, if it is one and has not ended. Compares in constant time; reads the
  // state at most once a second, so a revoked key is refused a second later at the latest. Fails
  // with `io` if the state cannot be read; a shared one is read by a thread of the keys' own, and
  // while it cannot be reached they are as they were last known.
  Result<std::optional<ApiKey>> find(std::string_view text, Time now) const;

 private:
  class Impl;
  explicit ApiKeys(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sartor
