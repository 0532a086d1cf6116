// Folders that are whole or absent: made beside their place, checksummed, synced, renamed. What is
// in them is the caller's business.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sartor/base/json.h"
#include "sartor/base/result.h"

namespace sartor {

inline constexpr const char* kManifest = "manifest.json";

// A folder being made as `.<name>.part-<pid>` (a number more if that is taken) beside `target`. It
// is removed if it is abandoned: by the destructor, or by the next make() beside it where the
// process died.
class StagedFolder {
 public:
  // Makes the folders above `target` where they are missing. Fails with `io` if `target` exists.
  static Result<StagedFolder> make(const std::string& target);

  StagedFolder(StagedFolder&& other) noexcept;
  StagedFolder& operator=(StagedFolder&& other) noexcept;
  ~StagedFolder();

  const std::string& path() const { return path_; }

  // Where to write file `name` ("models/general/model.json"); makes the folders above it.
  Result<std::string> place(const std::string& name) const;
  // Writes file `name`.
  Status add(const std::string& name, std::string_view contents) const;

  // Writes manifest.json: the members of the object `fields`, and "files": {path: {"sha256",
  // "bytes"}} in order of path. Syncs everything and renames it into place; afterwards this object
  // owns nothing. Fails with `io` if the target exists by now; then, and on every other failure,
  // nothing is left behind.
  Status publish(const Json& fields);

 private:
  StagedFolder(std::string target, std::string path, int lock)
      : target_(std::move(target)), path_(std::move(path)), lock_(lock) {}
  void abandon();

  std::string target_;
  std::string path_;
  int lock_ = -1;  // the staged folder itself, locked: who can lock it knows that its maker is dead
};

// How a folder differs from its manifest. Names are relative, sorted by bytes.
struct FolderCheck {
  std::vector<std::string> missing;
  std::vector<std::string> changed;
  std::vector<std::string> extra;

  bool whole() const { return missing.empty() && changed.empty() && extra.empty(); }
};

// Reads every byte. Fails as read_manifest() does, or with `io`.
Result<FolderCheck> check_folder(const std::string& path);

// Fails with `bad_data`, naming every file that is missing, changed or extra.
Status verify_folder(const std::string& path);

// Fails with `not_found` if there is no manifest, and with `bad_data` if it is not one.
Result<Json> read_manifest(const std::string& path);

// Makes the symbolic link `link` lead to `target` (relative to the link's folder, or absolute) in
// one step: a reader finds the old target or the new one.
Status switch_link(const std::string& link, const std::string& target);

// Lets the link `current` of `folder` lead to `target` (a name in the folder), and `previous` to
// what `current` led to before; `previous` stays if that is the same.
Status switch_current(const std::string& folder, const std::string& target);

// Removes the folders with a manifest in `folder` whose manifest was written more than `days` ago
// (0: none), but for those that `current` and `previous` lead to, and `but` (a name). The names of
// those that went. Fails with `io`.
Result<std::vector<std::string>> remove_old_folders(const std::string& folder, int days,
                                                    const std::string& but = "");

// Where `link` leads to, as it was written; `not_found` if there is no such link.
Result<std::string> read_link(const std::string& link);

}  // namespace sartor
