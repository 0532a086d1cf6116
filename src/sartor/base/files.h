// Whole files in and out. Folders that must be whole or absent are `store`'s.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sartor/base/result.h"

namespace sartor {

// "PATH: cannot DOING: REASON", of code `io`; without a reason, that of errno.
Error io_error(const std::string& path, std::string_view doing, const std::string& reason);
Error io_error(const std::string& path, std::string_view doing);

// All of `contents`, through interrupted and short writes. Fails with `io`, naming `path`.
Status write_all(int fd, std::string_view contents, const std::string& path);

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
