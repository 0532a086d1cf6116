// The bundles of a workspace, and which of them serves: what the link `current` leads to.
//   bundles/<version>/   one bundle each
//   bundles/current      a link to the one that is to be served: a run switches it, or promote()
//   bundles/previous     a link to the one before
#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "sartor/base/result.h"
#include "sartor/base/time.h"
#include "sartor/serving/live_bundle.h"

namespace sartor {

struct ShelfVersion {
  std::string version;  // the folder's name
  std::string state;    // "serving", "previous" (what a rollback leads to), "refused", "available"
  std::string reason;   // of a refusal
  std::string metric;
  std::optional<Time> published;  // here
};

// Told of every swap and every refusal of a bundle, from whatever thread did it.
using SwapObserver =
    std::function<void(const std::string& version, const Result<SwapReport>& outcome)>;

inline constexpr std::size_t kMostVersions = 100;

struct RefusedVersion {
  std::string version;
  std::string reason;
};

// What a server starts with.
struct FirstBundle {
  std::shared_ptr<Recommender> recommender;
  std::vector<RefusedVersion> refused;  // what had to be passed over, in the order of the attempts
};

// Opens what `current` of the folder `bundles` leads to; if that cannot be served, what `previous`
// leads to; if that cannot either, the latest version that can. Fails with `not_found` if nothing
// is published, and as Recommender::open does for `current` if nothing can be served.
Result<FirstBundle> open_first(const std::string& bundles);

// Safe to use from several threads, and beside runs that publish.
class BundleShelf {
 public:
  // `bundles` is the folder; `live` serves one of it.
  // `refused` are not tried again before their manifests change.
  BundleShelf(std::string bundles, std::shared_ptr<LiveBundle> live, SwapObserver observer = {},
              const std::vector<RefusedVersion>& refused = {});
  ~BundleShelf();  // ends watching

  // From here on a thread looks at `current` every `interval` (never, if it is 0) and at each
  // nudge(), and serves what it leads to.
  // Bundles that are older than `retention_days` and not in use go, now, after each swap, and every
  // hour (0: never).
  void watch(std::chrono::milliseconds interval, int retention_days = 0);
  // Makes the thread look at once, and try again what was refused. Does not wait.
  void nudge();

  // Serves what `current` leads to; nothing to do is fine. What was refused is not tried again
  // before its manifest changes, unless `again`. Fails with `bad_data` if the bundle is refused:
  // the old one serves on, and the link stays as it is.
  Status follow(bool again = false);

  // Lets this version serve, and `current` lead to it. Fails with `not_found` if there is no such
  // version, with `invalid_argument` if it serves already, with `bad_data` if it is refused, and
  // with `io` if the link cannot be switched; then all is as before.
  Result<SwapReport> promote(const std::string& version);

  // The same for the version that served before; doing it again undoes it. Where `current` leads to
  // a bundle that was refused, it is led back to the one that serves. Fails with `invalid_argument`
  // if there is nothing to go back to.
  Result<SwapReport> roll_back();

  // What `current` leads to, where another bundle serves because that one was refused.
  std::optional<RefusedVersion> passed_over() const;

  // The latest kMostVersions, the latest first.
  std::vector<ShelfVersion> versions() const;

 private:
  struct Refusal {
    std::string reason;
    std::filesystem::file_time_type stamp;  // of the manifest
  };
  void run(std::chrono::milliseconds interval, int retention_days);
  std::string serving() const;
  std::string linked(const char* name) const;
  std::string folder(const std::string& version) const { return bundles_ + "/" + version; }
  Result<SwapReport> swap(const std::string& version, const std::function<Status()>& settle);
  Result<SwapReport> lead_back(const std::string& version);
  Result<SwapReport> serve(const std::string& version);
  ShelfVersion describe(const std::string& version, const std::string& serving,
                        const std::string& previous) const;

  const std::string bundles_;
  const std::shared_ptr<LiveBundle> live_;
  const SwapObserver observer_;

  std::mutex acting_;         // one change at a time
  mutable std::mutex mutex_;  // of what follows
  std::map<std::string, Refusal> refused_;
  std::condition_variable changed_;
  bool nudged_ = false;
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace sartor
