#include "sartor/serving/bundle_shelf.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "sartor/base/text.h"
#include "sartor/store/folder.h"

namespace sartor {
namespace {

namespace fs = std::filesystem;

// The name of a folder of bundles, and not one of the links or of what is being made.
bool is_version(const std::string& name) {
  return !name.empty() && !name.starts_with('.') && name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos && name != "current" && name != "previous";
}

// When the manifest was last written; the earliest time there is if it cannot be told.
fs::file_time_type stamp_of(const std::string& folder) {
  std::error_code error;
  const auto time = fs::last_write_time(folder + "/" + kManifest, error);
  return error ? fs::file_time_type::min() : time;
}

Time time_of(fs::file_time_type stamp) {
  const auto system = std::chrono::file_clock::to_sys(stamp);
  return std::chrono::duration_cast<std::chrono::microseconds>(system.time_since_epoch()).count();
}

// Folders of bundles with the times of their manifests, the latest first.
std::vector<std::pair<fs::file_time_type, std::string>> versions_in(const std::string& bundles) {
  std::vector<std::pair<fs::file_time_type, std::string>> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(bundles, error)) {
    const std::string name = entry.path().filename().string();
    if (!is_version(name) || !entry.is_directory(error)) continue;
    found.emplace_back(stamp_of(bundles + "/" + name), name);
  }
  std::sort(found.rbegin(), found.rend());
  if (found.size() > kMostVersions) found.resize(kMostVersions);
  return found;
}

Error nothing_to_do(const std::string& message) { return {ErrorCode::invalid_argument, message}; }

}  // namespace

Result<FirstBundle> open_first(const std::string& bundles) {
  std::vector<std::string> versions;
  for (const char* link : {"current", "previous"}) {
    const auto target = read_link(bundles + "/" + link);
    if (target) versions.push_back(fs::path(*target).filename().string());
  }
  for (const auto& [stamp, version] : versions_in(bundles)) versions.push_back(version);
  FirstBundle first;
  std::optional<Error> why;
  std::set<std::string> tried;
  for (const std::string& version : versions) {
    if (!is_version(version) || !tried.insert(version).second) continue;
    auto opened = Recommender::open(bundles + "/" + version);
    if (opened) {
      first.recommender = std::move(*opened);
      return first;
    }
    if (!why) why = opened.error();
    first.refused.push_back({version, opened.error().message});
  }
  if (why) return *why;
  return Error{ErrorCode::not_found,
               bundles + ": nothing is published here; `sartor run` does that"};
}

BundleShelf::BundleShelf(std::string bundles, std::shared_ptr<LiveBundle> live,
                         SwapObserver observer, const std::vector<RefusedVersion>& refused)
    : bundles_(std::move(bundles)), live_(std::move(live)), observer_(std::move(observer)) {
  for (const RefusedVersion& one : refused) {
    refused_[one.version] = {one.reason, stamp_of(folder(one.version))};
  }
}

BundleShelf::~BundleShelf() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void BundleShelf::watch(std::chrono::milliseconds interval, int retention_days) {
  thread_ = std::thread([this, interval, retention_days] { run(interval, retention_days); });
}

void BundleShelf::nudge() {
  {
    const std::lock_guard lock(mutex_);
    nudged_ = true;
  }
  changed_.notify_all();
}

void BundleShelf::run(std::chrono::milliseconds interval, int retention_days) {
  using Clock = std::chrono::steady_clock;
  std::string served;
  Clock::time_point looked;
  std::unique_lock lock(mutex_);
  const auto woken = [this] { return nudged_ || closing_; };
  while (!closing_) {
    lock.unlock();
    if (const std::string now = serving();
        now != served || Clock::now() - looked > std::chrono::hours(1)) {
      served = now;
      looked = Clock::now();
      const std::lock_guard one(acting_);
      (void)remove_old_folders(bundles_, retention_days, now);  // what is left is tried again
    }
    lock.lock();
    changed_.wait_for(lock, interval.count() > 0 ? interval : std::chrono::hours(1), woken);
    if (closing_) break;
    const bool again = std::exchange(nudged_, false);
    if (interval.count() == 0 && !again) continue;
    lock.unlock();
    (void)follow(again);  // the observer hears of it
    lock.lock();
  }
}

std::string BundleShelf::serving() const {
  return fs::path(live_->current()->info().path).filename().string();
}

// The version that a link leads to, "" if there is none.
std::string BundleShelf::linked(const char* name) const {
  const auto target = read_link(bundles_ + "/" + name);
  return target ? fs::path(*target).filename().string() : "";
}

Result<SwapReport> BundleShelf::swap(const std::string& version,
                                     const std::function<Status()>& settle) {
  Status settled;
  const fs::file_time_type stamp = stamp_of(folder(version));
  auto swapped = live_->swap_to(folder(version), [&] { return settled = settle(); });
  if (!settled) return settled.error();
  {
    const std::lock_guard lock(mutex_);
    if (swapped) {
      refused_.erase(version);
    } else {
      swapped = Error{ErrorCode::bad_data, swapped.error().message};
      refused_[version] = {swapped.error().message, stamp};
    }
  }
  if (observer_) observer_(version, swapped);
  return swapped;
}

Status BundleShelf::follow(bool again) {
  const std::lock_guard one(acting_);
  const std::string version = linked("current");
  const std::string before = serving();
  if (!is_version(version) || version == before) return {};
  if (!again) {
    const std::lock_guard lock(mutex_);
    const auto refusal = refused_.find(version);
    if (refusal != refused_.end() && refusal->second.stamp == stamp_of(folder(version))) return {};
  }
  // Where the link cannot be written, as in a folder of somebody else's, `previous` is as the run
  // left it.
  const auto swapped = swap(version, [&] {
    (void)switch_link(bundles_ + "/previous", before);
    return Status();
  });
  return swapped ? Status() : swapped.error();
}

Result<SwapReport> BundleShelf::lead_back(const std::string& version) {
  SARTOR_TRY(switch_link(bundles_ + "/current", version));
  return SwapReport{.version = version, .before = version, .smoke = {}};
}

Result<SwapReport> BundleShelf::serve(const std::string& version) {
  const std::string before = serving();
  return swap(version, [&]() -> Status {
    SARTOR_TRY(switch_link(bundles_ + "/previous", before));
    return switch_link(bundles_ + "/current", version);
  });
}

Result<SwapReport> BundleShelf::promote(const std::string& version) {
  const std::lock_guard one(acting_);
  std::error_code ignored;
  if (!is_version(version) || !fs::is_directory(folder(version), ignored)) {
    return Error{ErrorCode::not_found, fmt::format("no version '{}'", printable(version))};
  }
  if (version != serving()) return serve(version);
  if (linked("current") == version) return nothing_to_do(version + " serves already");
  return lead_back(version);
}

Result<SwapReport> BundleShelf::roll_back() {
  const std::lock_guard one(acting_);
  const std::string now = serving();
  if (linked("current") != now) return lead_back(now);
  const std::string version = linked("previous");
  std::error_code ignored;
  if (!is_version(version) || version == now) {
    return nothing_to_do("no version served before " + now);
  }
  if (!fs::is_directory(folder(version), ignored)) {
    return nothing_to_do(
        fmt::format("version {} served before, and is not there any more", version));
  }
  return serve(version);
}

ShelfVersion BundleShelf::describe(const std::string& version, const std::string& serving,
                                   const std::string& previous) const {
  ShelfVersion row{.version = version, .state = "available"};
  if (const auto stamp = stamp_of(folder(version)); stamp != fs::file_time_type::min()) {
    row.published = time_of(stamp);
  }
  const auto manifest = read_manifest(folder(version));
  if (manifest)
    row.metric = manifest->value("metric", Json()).is_string() ? (*manifest)["metric"] : "";
  const std::lock_guard lock(mutex_);
  if (version == serving) {
    row.state = "serving";
  } else if (const auto refusal = refused_.find(version); refusal != refused_.end()) {
    row.state = "refused";
    row.reason = refusal->second.reason;
  } else if (!manifest) {
    row.state = "refused";
    row.reason = manifest.error().message;
  } else if (version == previous) {
    row.state = "previous";
  }
  return row;
}

std::optional<RefusedVersion> BundleShelf::passed_over() const {
  const std::string wanted = linked("current");
  if (wanted == serving()) return {};
  const std::lock_guard lock(mutex_);
  const auto refusal = refused_.find(wanted);
  if (refusal == refused_.end()) return {};
  return RefusedVersion{wanted, refusal->second.reason};
}

std::vector<ShelfVersion> BundleShelf::versions() const {
  const std::string now = serving();
  const std::string previous = linked("previous");
  std::vector<ShelfVersion> rows;
  for (const auto& [stamp, name] : versions_in(bundles_))
    rows.push_back(describe(name, now, previous));
  return rows;
}

}  // namespace sartor
