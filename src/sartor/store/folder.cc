#include "sartor/store/folder.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "sartor/base/checksum.h"
#include "sartor/base/files.h"
#include "sartor/base/text.h"

namespace sartor {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPart = ".part-";

fs::path folder_above(const std::string& path) {
  const fs::path above = fs::path(path).parent_path();
  return above.empty() ? fs::path(".") : above;
}

// "bundles/x/" and "bundles/x" are the same target.
std::string without_last_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

Status sync(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return io_error(path, "open");
  const bool synced = ::fsync(fd) == 0;
  const int reason = errno;
  ::close(fd);
  return synced ? Status() : io_error(path, "sync", std::strerror(reason));
}

void remove_tree(const std::string& path) {
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

// Locks the folder at `path`, or returns -1 if somebody else holds it or it is gone.
int lock_folder(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return -1;
  struct stat held {};
  struct stat named {};
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0 && ::fstat(fd, &held) == 0 &&
      ::stat(path.c_str(), &named) == 0 && held.st_ino == named.st_ino) {
    return fd;
  }
  ::close(fd);
  return -1;
}

// Removes what processes that died while they made something left in `folder`.
void remove_leftovers(const fs::path& folder) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(".") || name.find(kPart) == std::string::npos) continue;
    const int lock = lock_folder(entry.path().string());
    if (lock < 0) continue;
    remove_tree(entry.path().string());
    ::close(lock);
  }
}

struct Found {
  std::vector<std::string> files;    // relative names, sorted by bytes
  std::vector<std::string> folders;  // full paths, deepest first, the root last
};

Result<Found> walk(const std::string& root) {
  Found found;
  std::error_code error;
  for (fs::recursive_directory_iterator it(root, error), end; !error && it != end;
       it.increment(error)) {
    const fs::path path = it->path();
    const fs::file_type type = it->symlink_status(error).type();
    if (error) break;
    if (type == fs::file_type::directory) {
      found.folders.push_back(path.string());
    } else if (type == fs::file_type::regular) {
      found.files.push_back(path.lexically_relative(root).string());
    } else {
      return Error{ErrorCode::bad_data, path.string() + ": is neither a file nor a folder"};
    }
  }
  if (error) return io_error(root, "list", error.message());
  std::sort(found.files.begin(), found.files.end());
  std::sort(found.folders.rbegin(), found.folders.rend());
  found.folders.push_back(root);
  return found;
}

// A relative name that stays inside its folder.
bool is_inside(const std::string& name) {
  const fs::path path(name);
  return !name.empty() && path.is_relative() && path.lexically_normal().string() == name &&
         *path.begin() != ".." && name != ".";
}

Result<Json> describe_file(const std::string& path) {
  SARTOR_ASSIGN(std::string sum, sha256_of_file(path));
  std::error_code error;
  const auto bytes = fs::file_size(path, error);
  if (error) return io_error(path, "look at", error.message());
  return Json{{"sha256", std::move(sum)}, {"bytes", bytes}};
}

bool describes_file(const Json& json) {
  return json.is_object() && json.contains("sha256") && json["sha256"].is_string() &&
         json.contains("bytes") && json["bytes"].is_number_unsigned();
}

}  // namespace

Result<StagedFolder> StagedFolder::make(const std::string& target) {
  const std::string place = without_last_slash(target);
  const fs::path above = folder_above(place);
  std::error_code error;
  fs::create_directories(above, error);
  if (error) return io_error(above.string(), "make the folder", error.message());
  remove_leftovers(above);
  if (fs::exists(fs::symlink_status(place, error))) {
    return Error{ErrorCode::io, place + ": exists already"};
  }
  const std::string name = fs::path(place).filename().string();
  const std::string path = (above / fmt::format(".{}{}{}", name, kPart, ::getpid())).string();
  for (int attempt = 0; attempt < 1000; ++attempt) {
    const std::string staged = attempt == 0 ? path : fmt::format("{}.{}", path, attempt);
    if (::mkdir(staged.c_str(), 0755) != 0) {
      if (errno == EEXIST) continue;
      return io_error(staged, "make the folder");
    }
    const int lock = lock_folder(staged);
    if (lock >= 0) return StagedFolder(place, staged, lock);
  }
  return Error{ErrorCode::io, path + ": cannot make the folder: too many others do"};
}

StagedFolder::StagedFolder(StagedFolder&& other) noexcept
    : target_(std::move(other.target_)),
      path_(std::move(other.path_)),
      lock_(std::exchange(other.lock_, -1)) {}

StagedFolder& StagedFolder::operator=(StagedFolder&& other) noexcept {
  if (this != &other) {
    abandon();
    target_ = std::move(other.target_);
    path_ = std::move(other.path_);
    lock_ = std::exchange(other.lock_, -1);
  }
  return *this;
}

StagedFolder::~StagedFolder() { abandon(); }

void StagedFolder::abandon() {
  if (lock_ < 0) return;
  remove_tree(path_);
  ::close(std::exchange(lock_, -1));
}

Result<std::string> StagedFolder::place(const std::string& name) const {
  assert(lock_ >= 0);
  if (!is_inside(name) || name == kManifest) {
    return Error{ErrorCode::invalid_argument,
                 fmt::format("'{}' is no name for a file in {}", printable(name), target_)};
  }
  const fs::path path = fs::path(path_) / name;
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) return io_error(path.parent_path().string(), "make the folder", error.message());
  return path.string();
}

Status StagedFolder::add(const std::string& name, std::string_view contents) const {
  SARTOR_ASSIGN(const std::string path, place(name));
  return write_file(path, contents);
}

namespace {

Status publish_folder(const std::string& path, const std::string& target, const Json& fields) {
  SARTOR_ASSIGN(Found found, walk(path));
  Json manifest = fields;
  Json& files = manifest["files"] = Json::object();
  for (const std::string& name : found.files) {
    const std::string file = (fs::path(path) / name).string();
    SARTOR_TRY(sync(file));
    SARTOR_ASSIGN(files[name], describe_file(file));
  }
  const std::string text = json_text(manifest, 2) + "\n";
  SARTOR_TRY(write_file((fs::path(path) / kManifest).string(), text));
  for (const std::string& folder : found.folders) SARTOR_TRY(sync(folder));
  std::error_code error;
  // rename() would replace an empty folder; between this check and it nobody but us writes there.
  if (fs::exists(fs::symlink_status(target, error))) {
    return Error{ErrorCode::io, target + ": exists already"};
  }
  if (::rename(path.c_str(), target.c_str()) != 0) return io_error(target, "rename into place");
  return sync(folder_above(target).string());
}

}  // namespace

Status StagedFolder::publish(const Json& fields) {
  assert(lock_ >= 0 && fields.is_object());
  const Status published = publish_folder(path_, target_, fields);
  if (!published) {
    abandon();
    return published;
  }
  ::close(std::exchange(lock_, -1));
  return {};
}

Result<Json> read_manifest(const std::string& path) {
  const std::string file = (fs::path(path) / kManifest).string();
  SARTOR_ASSIGN(const std::string text, read_file(file));
  Json manifest = parse_json(text);
  if (!manifest.is_object()) return Error{ErrorCode::bad_data, file + ": is not a JSON object"};
  const auto files = manifest.find("files");
  if (files == manifest.end() || !files->is_object()) {
    return Error{ErrorCode::bad_data, file + ": has no object \"files\""};
  }
  for (const auto& [name, facts] : files->items()) {
    if (!is_inside(name) || !describes_file(facts)) {
      return Error{ErrorCode::bad_data,
                   fmt::format("{}: files: bad entry '{}'", file, printable(name))};
    }
  }
  return manifest;
}

Result<FolderCheck> check_folder(const std::string& path) {
  SARTOR_ASSIGN(const Json manifest, read_manifest(path));
  SARTOR_ASSIGN(const Found found, walk(path));
  const Json& files = manifest["files"];
  FolderCheck check;
  for (const std::string& name : found.files) {
    if (name == kManifest) continue;
    const auto expected = files.find(name);
    if (expected == files.end()) {
      check.extra.push_back(name);
      continue;
    }
    SARTOR_ASSIGN(const Json actual, describe_file((fs::path(path) / name).string()));
    if (actual["sha256"] != (*expected)["sha256"] || actual["bytes"] != (*expected)["bytes"]) {
      check.changed.push_back(name);
    }
  }
  for (const auto& [name, facts] : files.items()) {
    if (!std::binary_search(found.files.begin(), found.files.end(), name)) {
      check.missing.push_back(name);
    }
  }
  std::sort(check.missing.begin(), check.missing.end());
  return check;
}

Status verify_folder(const std::string& path) {
  SARTOR_ASSIGN(const FolderCheck check, check_folder(path));
  if (check.whole()) return {};
  std::vector<std::string> parts;
  const auto tell = [&](const char* what, const std::vector<std::string>& names) {
    if (!names.empty()) parts.push_back(fmt::format("{}: {}", what, join(names, ", ")));
  };
  tell("missing", check.missing);
  tell("changed", check.changed);
  tell("extra", check.extra);
  return Error{ErrorCode::bad_data,
               fmt::format("{}: is not what its manifest says; {}", path, join(parts, "; "))};
}

Status switch_link(const std::string& link, const std::string& target) {
  const std::string place = without_last_slash(link);
  const std::string beside = fmt::format("{}/.{}.link-{}", folder_above(place).string(),
                                         fs::path(place).filename().string(), ::getpid());
  ::unlink(beside.c_str());
  if (::symlink(target.c_str(), beside.c_str()) != 0) return io_error(beside, "make the link");
  if (::rename(beside.c_str(), place.c_str()) != 0) {
    const Error error = io_error(place, "switch the link");
    ::unlink(beside.c_str());
    return error;
  }
  return sync(folder_above(place).string());
}

Result<std::string> read_link(const std::string& link) {
  std::error_code error;
  const fs::path target = fs::read_symlink(without_last_slash(link), error);
  if (error) {
    const bool absent = error == std::errc::no_such_file_or_directory;
    return Error{absent ? ErrorCode::not_found : ErrorCode::io,
                 fmt::format("{}: cannot read the link: {}", link, error.message())};
  }
  return target.string();
}

// `previous` first: whoever is killed in between has a `current` that was there before.
Status switch_current(const std::string& folder, const std::string& target) {
  const std::string current = folder + "/current";
  const auto before = read_link(current);
  if (!before && before.error().code != ErrorCode::not_found) return before.error();
  if (before && *before != target) SARTOR_TRY(switch_link(folder + "/previous", *before));
  return switch_link(current, target);
}

Result<std::vector<std::string>> remove_old_folders(const std::string& folder, int days,
                                                    const std::string& but) {
  std::vector<std::string> gone;
  if (days <= 0) return gone;
  std::set<std::string> kept{but};
  for (const char* link : {"/current", "/previous"}) {
    if (const auto target = read_link(folder + link)) {
      kept.insert(fs::path(*target).filename().string());
    }
  }
  const auto oldest = fs::file_time_type::clock::now() - std::chrono::hours(24) * days;
  std::error_code error;
  std::vector<fs::path> old;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_symlink(error) || name.starts_with('.') || kept.contains(name)) continue;
    const auto written = fs::last_write_time(entry.path() / kManifest, error);
    if (!error && written < oldest) old.push_back(entry.path());
  }
  for (const fs::path& path : old) {
    // A half removed folder must not pass for one: make() beside it knows what to do with it.
    const fs::path going = path.parent_path() / ("." + path.filename().string() + ".part-0");
    fs::rename(path, going, error);
    if (!error) fs::remove_all(going, error);
    if (error) return Error{ErrorCode::io, path.string() + ": cannot remove: " + error.message()};
    gone.push_back(path.filename().string());
  }
  std::sort(gone.begin(), gone.end());
  return gone;
}

}  // namespace sartor
