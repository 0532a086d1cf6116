// Whole files in and out. Folders that must be whole or absent are `store`'s.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sartor/base/result.h"

namespace sartor {

// Fails with `not_found` or `io`, naming the path and the system's reason.
Result<std::string> read_file(const std::string& path);

// Writes beside, fsyncs and renames: a reader sees the old contents or the new, never half of one.
Status write_file(const std::string& path, std::string_view contents);
// The same from pieces that follow one another, so that nobody has to join large ones first.
Status write_file(const std::string& path, std::span<const std::string_view> pieces);

// The files that match `pattern` (`*`, `?`, `[…]`, `~`), sorted by bytes; a pattern that names one
// existing file gives that file. Relative patterns are taken from `folder`. Fails with `not_found`
// if nothing matches.
Result<std::vector<std::string>> expand_glob(const std::string& pattern, const std::string& folder);

}  // namespace sartor
