#include "sartor/base/files.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace sartor {
namespace {

Error system_error(const std::string& path, const char* doing) {
  const bool missing = errno == ENOENT;
  Error error = io_error(path, doing);
  if (missing) error.code = ErrorCode::not_found;
  return error;
}

// Closes on every way out.
struct Descriptor {
  int fd = -1;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

}  // namespace

Error io_error(const std::string& path, std::string_view doing, const std::string& reason) {
  return {ErrorCode::io, fmt::format("{}: cannot {}: {}", path, doing, reason)};
}

Error io_error(const std::string& path, std::string_view doing) {
  return io_error(path, doing, std::strerror(errno));
}

Status write_all(int fd, std::string_view contents, const std::string& path) {
  while (!contents.empty()) {
    const ssize_t n = ::write(fd, contents.data(), contents.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_error(path, "write");
    contents.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Result<std::string> read_file(const std::string& path) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) return system_error(path, "open");
  struct stat info {};
  if (::fstat(file.fd, &info) != 0) return system_error(path, "look at");
  if (S_ISDIR(info.st_mode)) return Error{ErrorCode::io, path + ": is a folder, not a file"};
  std::string contents;
  contents.reserve(static_cast<std::size_t>(info.st_size));
  char buffer[1 << 16];
  while (true) {
    const ssize_t n = ::read(file.fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error(path, "read");
    if (n == 0) return contents;
    contents.append(buffer, static_cast<std::size_t>(n));
  }
}

Status write_file(const std::string& path, std::string_view contents) {
  return write_file(path, std::span<const std::string_view>(&contents, 1));
}

Status write_file(const std::string& path, std::span<const std::string_view> pieces) {
  const std::string beside = fmt::format("{}.{}.part", path, ::getpid());
  {
    const Descriptor file{::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
    if (file.fd < 0) return system_error(beside, "create");
    Status written;
    for (const std::string_view piece : pieces) {
      if (written) written = write_all(file.fd, piece, beside);
    }
    if (written && ::fsync(file.fd) != 0) written = system_error(beside, "sync");
    if (!written) {
      ::unlink(beside.c_str());
      return written;
    }
  }
  if (::rename(beside.c_str(), path.c_str()) != 0) {
    const Error error = system_error(path, "rename into place");
    ::unlink(beside.c_str());
    return error;
  }
  return {};
}

Result<std::vector<std::string>> expand_glob(const std::string& pattern,
                                             const std::string& folder) {
  const std::filesystem::path path(pattern);
  const std::string full = path.is_absolute() || pattern.starts_with("~") || folder.empty()
                               ? pattern
                               : (std::filesystem::path(folder) / path).string();
  std::error_code ignored;
  if (std::filesystem::is_regular_file(full, ignored)) return std::vector<std::string>{full};
  glob_t found{};
  const int code = ::glob(full.c_str(), GLOB_TILDE, nullptr, &found);
  std::vector<std::string> files;
  if (code == 0) files.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  if (files.empty()) return Error{ErrorCode::not_found, fmt::format("{}: no such file", full)};
  return files;
}

}  // namespace sartor
