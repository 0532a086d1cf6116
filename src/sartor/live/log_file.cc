#include "sartor/live/log_file.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <optional>

#include "sartor/base/checksum.h"
#include "sartor/base/files.h"

namespace sartor {
namespace {

constexpr std::string_view kMagic = "SARTLOG1";
constexpr std::uint32_t kMark = 0xfe4c53ff;
constexpr std::size_t kCommitHead = 16;  // mark, bytes, first
constexpr std::size_t kCommitFrame = kCommitHead + 8;
constexpr std::size_t kNameDigits = 20;

template <class T>
void put_number(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <class T>
T number_at(std::string_view bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

struct Commit {
  std::uint64_t first = 0;
  std::string_view records;
  std::size_t end = 0;  // offset behind it
};

// The commit at `at`, if one stands there whole.
std::optional<Commit> commit_at(std::string_view file, std::size_t at, std::uint64_t salt) {
  if (file.size() - at < kCommitFrame || number_at<std::uint32_t>(file, at) != kMark) return {};
  const std::size_t size = number_at<std::uint32_t>(file, at + 4);
  if (file.size() - at - kCommitFrame < size) return {};
  const std::size_t sum = at + kCommitHead + size;
  if (hash64(file.substr(at, kCommitHead + size), salt) != number_at<std::uint64_t>(file, sum)) {
    return {};
  }
  return Commit{number_at<std::uint64_t>(file, at + 8), file.substr(at + kCommitHead, size),
                sum + 8};
}

// Where the next whole commit behind `at` stands, if there is one.
std::optional<std::size_t> commit_after(std::string_view file, std::size_t at, std::uint64_t salt) {
  const std::string_view mark(reinterpret_cast<const char*>(&kMark), sizeof kMark);
  while ((at = file.find(mark, at + 1)) != std::string_view::npos) {
    if (commit_at(file, at, salt)) return at;
  }
  return {};
}

Error damaged(const std::string& path, std::size_t at, const std::string& how) {
  return {ErrorCode::bad_data, fmt::format("{}: damaged at byte {}: {}", path, at, how)};
}

// Visits a commit's records; false if they are not what a writer would have written.
Result<bool> visit_records(const Commit& commit, std::uint64_t& next, const LogVisitor& visit) {
  std::string_view rest = commit.records;
  while (!rest.empty()) {
    if (rest.size() < 8) return false;
    const std::size_t key = number_at<std::uint32_t>(rest, 0);
    const std::size_t value = number_at<std::uint32_t>(rest, 4);
    if (rest.size() - 8 < key || rest.size() - 8 - key < value) return false;
    if (visit) {
      SARTOR_TRY(visit({next, rest.substr(8, key), rest.substr(8 + key, value)}));
    }
    ++next;
    rest.remove_prefix(8 + key + value);
  }
  return true;
}

}  // namespace

std::string log_header(std::uint64_t first, std::uint64_t salt) {
  std::string out(kMagic);
  put_number(out, first);
  put_number(out, salt);
  put_number(out, hash64(out, 0));
  return out;
}

void append_record(std::string& out, std::string_view key, std::string_view value) {
  put_number(out, static_cast<std::uint32_t>(key.size()));
  put_number(out, static_cast<std::uint32_t>(value.size()));
  out += key;
  out += value;
}

void append_commit(std::string& out, std::uint64_t first, std::uint64_t salt,
                   std::string_view records) {
  const std::size_t begin = out.size();
  put_number(out, kMark);
  put_number(out, static_cast<std::uint32_t>(records.size()));
  put_number(out, first);
  out += records;
  put_number(out, hash64(std::string_view(out).substr(begin), salt));
}

Result<LogFileFacts> scan_log_file(const std::string& path, const LogVisitor& visit) {
  SARTOR_ASSIGN(const std::string text, read_file(path));
  const std::string_view file(text);
  LogFileFacts facts{.first = log_file_first(path), .bytes = file.size()};
  facts.next = facts.first;
  const bool whole = file.size() >= kLogHeader && file.starts_with(kMagic) &&
                     number_at<std::uint64_t>(file, 24) == hash64(file.substr(0, 24), 0);
  if (!whole && file.size() <= kLogHeader) return facts;  // torn while it was made
  if (!whole) return damaged(path, 0, "its header is not one of ours");
  if (number_at<std::uint64_t>(file, 8) != facts.first) {
    return damaged(path, 8, "the header has another number than the name");
  }
  facts.salt = number_at<std::uint64_t>(file, 16);
  facts.whole = kLogHeader;
  while (facts.whole < file.size()) {
    const auto at = static_cast<std::size_t>(facts.whole);
    const auto commit = commit_at(file, at, facts.salt);
    if (!commit) {
      const auto after = commit_after(file, at, facts.salt);
      if (after) return damaged(path, at, fmt::format("a whole commit follows at {}", *after));
      break;
    }
    if (commit->first != facts.next) return damaged(path, at, "records are missing before it");
    SARTOR_ASSIGN(const bool good, visit_records(*commit, facts.next, visit));
    if (!good) return damaged(path, at, "its records do not fit");
    facts.whole = commit->end;
  }
  return facts;
}

Status rewrite_log_file(const std::string& path,
                        const std::function<Result<std::string>(const LogRecord&)>& edit) {
  constexpr std::size_t kCommitBytes = 1 << 20;
  std::string body, records;
  std::uint64_t begin = log_file_first(path);
  std::uint64_t next = begin;
  std::uint64_t salt = 0;
  SARTOR_ASSIGN(const LogFileFacts before, scan_log_file(path, {}));
  salt = before.salt;
  const auto commit = [&] {
    append_commit(body, begin, salt, records);
    records.clear();
    begin = next;
  };
  SARTOR_ASSIGN([[maybe_unused]] const LogFileFacts facts,
                scan_log_file(path, [&](const LogRecord& record) -> Status {
                  SARTOR_ASSIGN(const std::string value, edit(record));
                  append_record(records, record.key, value);
                  next = record.sequence + 1;
                  if (records.size() >= kCommitBytes) commit();
                  return {};
                }));
  commit();  // without records it is the mark of the end
  if (begin != next || next != before.next) return damaged(path, 0, "its records do not fit");
  std::error_code ignored;
  const auto written = std::filesystem::last_write_time(path, ignored);
  SARTOR_TRY(write_file(path, log_header(log_file_first(path), salt) + body));
  std::filesystem::last_write_time(path, written, ignored);
  return {};
}

std::string log_file_name(const std::string& folder, std::uint64_t first) {
  return fmt::format("{}/{:020}.log", folder, first);
}

std::uint64_t log_file_first(const std::string& name) {
  const std::string file = std::filesystem::path(name).filename().string();
  std::uint64_t first = 0;
  const char* digits_end = file.data() + std::min(kNameDigits, file.size());
  const auto [stop, error] = std::from_chars(file.data(), digits_end, first);
  const bool good = error == std::errc() && stop == file.data() + kNameDigits &&
                    file.substr(kNameDigits) == ".log";
  return good ? first : 0;
}

Result<std::vector<std::uint64_t>> log_files(const std::string& folder) {
  std::vector<std::uint64_t> firsts;
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    if (const std::uint64_t first = log_file_first(it->path().string())) firsts.push_back(first);
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return Error{ErrorCode::io, fmt::format("{}: cannot list: {}", folder, error.message())};
  }
  std::sort(firsts.begin(), firsts.end());
  return firsts;
}

Status sync_to_disk(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const int reason = fd >= 0 && ::fsync(fd) == 0 ? 0 : errno;
  if (fd >= 0) ::close(fd);
  if (reason == 0) return {};
  return Error{ErrorCode::io, fmt::format("{}: cannot sync: {}", path, std::strerror(reason))};
}

}  // namespace sartor
