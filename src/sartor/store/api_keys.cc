#include "sartor/store/api_keys.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <sstream>
#include <thread>

#include "sartor/base/files.h"
#include "sartor/base/text.h"
#include "sartor/store/state.h"

namespace sartor {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kKeyPrefix = "sartor_";
constexpr std::size_t kIdBytes = 6;
constexpr std::size_t kSecretBytes = 32;
constexpr std::chrono::seconds kFresh{1};
constexpr std::chrono::milliseconds kLookAgain{500};  // at a shared state
constexpr const char* kSecretEntry = "key.secret";    // of a shared state

std::string hex(const unsigned char* bytes, std::size_t n) {
  std::string out;
  for (std::size_t i = 0; i < n; ++i) out += fmt::format("{:02x}", bytes[i]);
  return out;
}

Result<std::string> random_hex(std::size_t bytes) {
  std::vector<unsigned char> raw(bytes);
  if (RAND_bytes(raw.data(), static_cast<int>(bytes)) != 1) {
    return Error{ErrorCode::internal, "the system has no random numbers"};
  }
  return hex(raw.data(), bytes);
}

std::string keyed_hash(const std::string& secret, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> sum{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), sum.data(), &size);
  return hex(sum.data(), size);
}

// The secret's text, "" if there is none yet.
Result<std::string> read_secret(const std::string& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) {
    if (errno == ENOENT) return std::string();
    return io_error(path, "look at");
  }
  if ((facts.st_mode & 077) != 0) {
    return Error{ErrorCode::config,
                 fmt::format("{}: others than its owner may read it (mode {:o}); expected 600",
                             path, facts.st_mode & 0777)};
  }
  SARTOR_ASSIGN(std::string secret, read_file(path));
  if (secret.size() == 2 * kSecretBytes) return secret;
  return Error{ErrorCode::bad_data, path + ": is not a secret of ours"};
}

Status make_secret(const std::string& path) {
  SARTOR_ASSIGN(const std::string secret, random_hex(kSecretBytes));
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0 && errno == EEXIST) return {};  // another process was faster
  if (fd < 0) return io_error(path, "create");
  const bool written =
      ::write(fd, secret.data(), secret.size()) == static_cast<ssize_t>(secret.size()) &&
      ::fsync(fd) == 0;
  const Error error = io_error(path, "write");
  ::close(fd);
  if (written) return {};
  ::unlink(path.c_str());
  return error;
}

ApiKey key_of(const KeyRecord& record) {
  ApiKey key{.id = record.id, .name = record.name, .created = record.created, .ends = record.ends};
  std::istringstream words(record.scopes);
  for (std::string word; words >> word;) key.scopes.push_back(word);
  return key;
}

Status check_scopes(const std::vector<std::string>& scopes) {
  const std::vector<std::string> known(std::begin(kScopes), std::end(kScopes));
  if (scopes.empty()) {
    return Error{ErrorCode::config, "scope: expected at least one of " + join(known, ", ")};
  }
  for (const std::string& scope : scopes) {
    if (std::find(known.begin(), known.end(), scope) != known.end()) continue;
    return Error{ErrorCode::config, fmt::format("scope: '{}' is none of {}{}", printable(scope),
                                                join(known, ", "), did_you_mean(scope, known))};
  }
  return {};
}

// "abc" of "sartor_abc_…"; "" if it is no such text.
std::string_view id_in(std::string_view text) {
  if (!text.starts_with(kKeyPrefix)) return {};
  text.remove_prefix(kKeyPrefix.size());
  const std::size_t end = text.find('_');
  return end == std::string_view::npos ? std::string_view() : text.substr(0, end);
}

}  // namespace

bool ApiKey::may(std::string_view scope) const {
  return std::any_of(scopes.begin(), scopes.end(),
                     [&](const std::string& own) { return own == scope || own == "admin"; });
}

class ApiKeys::Impl {
 public:
  Impl(State state, std::string secret_path, bool shared)
      : state_(std::move(state)), secret_path_(std::move(secret_path)), shared_(shared) {}
  ~Impl() {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
    }
    closing_changed_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  Status check() const {
    SARTOR_ASSIGN(const std::string own, read_secret(secret_path_));
    if (!shared_ || own.empty()) return {};
    SARTOR_TRY(state_.put_if(kSecretEntry, 0, own));
    SARTOR_ASSIGN(const auto theirs, state_.get(kSecretEntry));
    if (theirs == own) return {};
    return Error{ErrorCode::config,
                 secret_path_ +
                     ": is not the secret of the shared state; keys that were made with "
                     "it are none there, so remove it"};
  }

  // Makes the secret if `make` and there is none.
  Result<std::string> secret(bool make) const {
    if (shared_) return shared_secret(make);
    SARTOR_ASSIGN(std::string text, read_secret(secret_path_));
    if (!text.empty() || !make) return text;
    SARTOR_TRY(make_secret(secret_path_));
    return read_secret(secret_path_);
  }

  Result<std::string> create(const std::string& scopes, const std::string& name, Time now) const {
    SARTOR_ASSIGN(const std::string own, secret(true));
    SARTOR_ASSIGN(const std::string id, random_hex(kIdBytes));
    SARTOR_ASSIGN(const std::string rest, random_hex(kSecretBytes));
    std::string key = fmt::format("{}{}_{}", kKeyPrefix, id, rest);
    SARTOR_TRY(state_.put_key({id, name, scopes, keyed_hash(own, key), now, std::nullopt}));
    return key;
  }

  Result<KeyRecord> active(const std::string& id, Time now) const {
    SARTOR_ASSIGN(const auto keys, state_.keys());
    for (const KeyRecord& key : keys) {
      if (key.id == id && key_of(key).active(now)) return key;
    }
    return Error{ErrorCode::not_found, fmt::format("no key '{}' that is in use", printable(id))};
  }

  Result<std::optional<ApiKey>> find(std::string_view text, Time now) {
    const std::lock_guard lock(mutex_);
    if (!read_ || (!shared_ && Clock::now() - *read_ > kFresh)) {
      SARTOR_ASSIGN(known_, state_.keys());
      SARTOR_ASSIGN(known_secret_, secret(false));
      read_ = Clock::now();
      if (shared_) thread_ = std::thread([this] { look_again(); });
    }
    const std::string_view id = id_in(text);
    const std::string hash = keyed_hash(known_secret_, text);
    for (const KeyRecord& record : known_) {
      if (record.id != id || record.hash.size() != hash.size()) continue;
      const bool same = CRYPTO_memcmp(record.hash.data(), hash.data(), hash.size()) == 0;
      ApiKey key = key_of(record);
      if (same && !known_secret_.empty() && key.active(now)) return std::optional(std::move(key));
    }
    return std::optional<ApiKey>();
  }

  const State state_;

 private:
  // Whoever puts one first has made it for all.
  Result<std::string> shared_secret(bool make) const {
    SARTOR_ASSIGN(auto text, state_.get(kSecretEntry));
    if (text || !make) return text.value_or("");
    SARTOR_ASSIGN(const std::string own, random_hex(kSecretBytes));
    SARTOR_TRY(state_.put_if(kSecretEntry, 0, own));
    SARTOR_ASSIGN(text, state_.get(kSecretEntry));
    return text.value_or("");
  }

  void look_again() {
    std::unique_lock lock(mutex_);
    while (!closing_) {
      closing_changed_.wait_for(lock, kLookAgain, [this] { return closing_; });
      lock.unlock();
      auto keys = state_.keys();
      auto own = secret(false);
      lock.lock();
      if (!keys || !own) continue;
      known_ = std::move(*keys);
      known_secret_ = std::move(*own);
    }
  }

  const std::string secret_path_;
  const bool shared_;
  std::mutex mutex_;  // of what follows
  std::optional<Clock::time_point> read_;
  std::vector<KeyRecord> known_;
  std::string known_secret_;
  bool closing_ = false;
  std::condition_variable closing_changed_;
  std::thread thread_;  // reads a shared state, once somebody asked
};

ApiKeys::ApiKeys(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ApiKeys::ApiKeys(ApiKeys&&) noexcept = default;
ApiKeys::~ApiKeys() = default;

Result<ApiKeys> ApiKeys::open(const std::string& workspace, const StateConfig& config) {
  SARTOR_ASSIGN(State state, State::open(workspace, config));
  auto impl = std::make_unique<Impl>(std::move(state), workspace + "/key.secret", config.shared());
  SARTOR_TRY(impl->check());
  return ApiKeys(std::move(impl));
}

Result<std::string> ApiKeys::create(const std::vector<std::string>& scopes, const std::string& name,
                                    Time now) const {
  SARTOR_TRY(check_scopes(scopes));
  return impl_->create(join(scopes, " "), name, now);
}

Result<std::string> ApiKeys::rotate(const std::string& id, Time grace, Time now) const {
  SARTOR_ASSIGN(KeyRecord old, impl_->active(id, now));
  SARTOR_ASSIGN(std::string key, impl_->create(old.scopes, old.name, now));
  old.ends = old.ends ? std::min(*old.ends, now + grace) : now + grace;
  SARTOR_TRY(impl_->state_.put_key(old));
  return key;
}

Status ApiKeys::revoke(const std::string& id, Time now) const {
  SARTOR_ASSIGN(KeyRecord key, impl_->active(id, now));
  key.ends = now;
  return impl_->state_.put_key(key);
}

Result<std::vector<ApiKey>> ApiKeys::list() const {
  SARTOR_ASSIGN(const auto records, impl_->state_.keys());
  std::vector<ApiKey> keys;
  for (const KeyRecord& record : records) keys.push_back(key_of(record));
  return keys;
}

Result<std::optional<ApiKey>> ApiKeys::find(std::string_view text, Time now) const {
  return impl_->find(text, now);
}

}  // namespace sartor
