#include "sartor/data/text_scan.h"

#include <fmt/core.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>

#include "sartor/base/text.h"

namespace sartor {
namespace {

constexpr std::size_t kReadBlock = 1 << 20;
constexpr std::size_t kLongestRecord = std::size_t{256} << 20;

Error bad_file(const std::string& path, const std::string& reason) {
  return {ErrorCode::bad_data, path + ": " + reason};
}

// Plain bytes of a file, whatever its compression.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // 0 bytes at the end.
  virtual Result<std::size_t> read(char* out, std::size_t most) = 0;
};

class GzipSource : public ByteSource {  // zlib hands plain files through
 public:
  GzipSource(const std::string& path, gzFile file) : path_(path), file_(file) {
    gzbuffer(file_, 1 << 18);
  }
  ~GzipSource() override { gzclose_r(file_); }
  Result<std::size_t> read(char* out, std::size_t most) override {
    const int n = gzread(file_, out, static_cast<unsigned>(most));
    int code = Z_OK;
    const char* message = gzerror(file_, &code);
    if (code == Z_BUF_ERROR) return bad_file(path_, "the .gz file is truncated");
    if (n < 0) return bad_file(path_, fmt::format("the .gz file is damaged ({})", message));
    return static_cast<std::size_t>(n);
  }

 private:
  std::string path_;
  gzFile file_;
};

class ZstdSource : public ByteSource {
 public:
  ZstdSource(const std::string& path, std::FILE* file)
      : path_(path), file_(file), stream_(ZSTD_createDStream()), buffer_(ZSTD_DStreamInSize()) {}
  ~ZstdSource() override {
    ZSTD_freeDStream(stream_);
    std::fclose(file_);
  }
  Result<std::size_t> read(char* out, std::size_t most) override {
    ZSTD_outBuffer output{out, most, 0};
    while (output.pos == 0) {
      if (input_.pos == input_.size) {
        input_ = {buffer_.data(), std::fread(buffer_.data(), 1, buffer_.size(), file_), 0};
        if (input_.size == 0) {
          if (pending_ != 0) return bad_file(path_, "the .zst file is truncated");
          return std::size_t{0};
        }
      }
      pending_ = ZSTD_decompressStream(stream_, &output, &input_);
      if (ZSTD_isError(pending_) != 0) {
        return bad_file(path_,
                        fmt::format("the .zst file is damaged ({})", ZSTD_getErrorName(pending_)));
      }
    }
    return output.pos;
  }

 private:
  std::string path_;
  std::FILE* file_;
  ZSTD_DStream* stream_;
  std::vector<char> buffer_;
  ZSTD_inBuffer input_{};
  std::size_t pending_ = 0;  // not 0: inside a frame
};

// What stands between the columns of a file that has one column.
constexpr const char* kNeverInText = "\x1f";

struct Opened {
  std::unique_ptr<ByteSource> source;
  bool compressed = false;
};

Result<Opened> open_bytes(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) {
    return Error{errno == ENOENT ? ErrorCode::not_found : ErrorCode::io,
                 fmt::format("{}: cannot open: {}", path, std::strerror(errno))};
  }
  std::array<unsigned char, 4> magic{};
  const std::size_t n = std::fread(magic.data(), 1, magic.size(), file);
  const auto begins = [&](std::initializer_list<int> bytes) {
    return n >= bytes.size() && std::equal(bytes.begin(), bytes.end(), magic.begin());
  };
  if (begins({0x28, 0xb5, 0x2f, 0xfd})) {
    std::rewind(file);
    return Opened{std::make_unique<ZstdSource>(path, file), true};
  }
  std::fclose(file);
  if (n == 0) return bad_file(path, "the file is empty");
  if (begins({0xff, 0xfe}) || begins({0xfe, 0xff})) {
    return bad_file(path, "the file is UTF-16; expected UTF-8");
  }
  if (begins({'P', 'K', 3, 4})) return bad_file(path, "the file is a .zip; expected .gz or .zst");
  if (begins({'P', 'A', 'R', '1'})) return bad_file(path, "the file is Parquet, not text");
  const gzFile gz = gzopen(path.c_str(), "rb");
  if (gz == nullptr) return Error{ErrorCode::io, path + ": cannot open"};
  return Opened{std::make_unique<GzipSource>(path, gz), begins({0x1f, 0x8b})};
}

std::vector<std::string> split_header(std::string_view line, std::string_view delimiter) {
  std::vector<std::string> names(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '"' && quoted && i + 1 < line.size() && line[i + 1] == '"') {
      names.back() += '"';
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && line.substr(i).starts_with(delimiter)) {
      names.emplace_back();
      i += delimiter.size() - 1;
    } else {
      names.back() += c;
    }
  }
  return names;
}

// SQL names ignore case: "a", "A" become "a", "A_1"; a nameless column is "column0".
void make_distinct(std::vector<std::string>& names) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty()) names[i] = fmt::format("column{}", i);
    const std::string wanted = names[i];
    const auto taken = [&] {
      return std::any_of(
          names.begin(), names.begin() + static_cast<std::ptrdiff_t>(i),
          [&](const auto& name) { return lower_case(name) == lower_case(names[i]); });
    };
    for (int n = 1; taken(); ++n) names[i] = fmt::format("{}_{}", wanted, n);
  }
}

std::string find_delimiter(std::string_view line) {
  std::string best = ",";
  std::size_t most = 0;
  for (const char* candidate : {",", ";", "\t", "|"}) {
    const std::size_t n = split_header(line, candidate).size() - 1;
    if (n > most) {
      most = n;
      best = candidate;
    }
  }
  return best;
}

std::string from_latin1(std::string_view line) {
  std::string out;
  for (const char c : line) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      out += c;
    } else {
      out += static_cast<char>(0xc0 | byte >> 6);
      out += static_cast<char>(0x80 | (byte & 0x3f));
    }
  }
  return out;
}

// Cuts bytes into lines and lines into records.
class Scanner {
 public:
  Scanner(const std::string& path, TextFormat format, const TextLayout& layout, std::FILE* out,
          TextScan& scan)
      : path_(path), format_(format), layout_(layout), out_(out), scan_(scan) {
    if (layout_.delimiter == "none") {
      scan_.delimiter = kNeverInText;
    } else if (!layout_.delimiter.empty()) {
      scan_.delimiter = layout_.delimiter;
    }
    if (layout_.columns.empty()) return;
    scan_.header = layout_.columns;
    scan_.has_header = false;
    has_header_ = true;
    make_distinct(scan_.header);
  }

  Status feed(std::string_view block) {
    if (newline_ == 0) {  // a file of a Mac of old has CR alone
      newline_ = '\n';
      if (block.find('\n') == std::string_view::npos &&
          block.find('\r') != std::string_view::npos) {
        newline_ = '\r';
        needs_copy_ = true;
      }
      if (block.substr(0, 3) == "\xef\xbb\xbf") block.remove_prefix(3);  // byte order mark
    }
    while (!block.empty()) {
      const std::size_t end = block.find(newline_);
      if (end == std::string_view::npos) {
        if (carry_.size() + block.size() > kLongestRecord) {
          return bad_file(path_, fmt::format("line {} is longer than 256 MB", line_ + 1));
        }
        carry_.append(block);
        return {};
      }
      if (carry_.empty()) {
        SARTOR_TRY(on_line(block.substr(0, end)));
      } else {
        carry_.append(block.substr(0, end));
        SARTOR_TRY(on_line(carry_));
        carry_.clear();
      }
      block.remove_prefix(end + 1);
    }
    return {};
  }

  Status finish() {
    if (!carry_.empty()) SARTOR_TRY(on_line(carry_));
    if (quoted_) return unclosed();
    const bool csv = format_ == TextFormat::csv;
    if (csv && !has_header_) return bad_file(path_, "the file is empty");
    if (scan_.records == 0) {
      return bad_file(path_, csv ? "there is a header line and not one row" : "there is no row");
    }
    needs_copy_ = needs_copy_ || (crlf_ && lf_) || layout_.latin1;
    return {};
  }

  bool needs_copy() const { return needs_copy_; }

 private:
  Status on_line(std::string_view line) {
    ++line_;
    if (!line.empty() && line.back() == '\r') {
      line.remove_suffix(1);
      crlf_ = true;
    } else {
      lf_ = true;
    }
    if (line.empty() && !quoted_) {
      needs_copy_ = true;
      return {};
    }
    if (!quoted_) {
      record_line_ = line_;
      record_size_ = 0;
    }
    if (layout_.latin1) {
      utf8_ = from_latin1(line);
      line = utf8_;
    }
    record_size_ += line.size() + 2;
    if (out_ != nullptr) {
      std::fwrite(line.data(), 1, line.size(), out_);
      std::fputc('\n', out_);
    }
    return format_ == TextFormat::csv ? on_csv_line(line) : on_json_line(line);
  }

  Status on_csv_line(std::string_view line) {
    if (!has_header_ && !quoted_ && layout_.delimiter.empty()) {
      scan_.delimiter = find_delimiter(line);
    } else if (layout_.delimiter.empty() && !layout_.columns.empty() && scan_.records == 0) {
      scan_.delimiter = find_delimiter(line);
    }
    if (!has_header_) header_.append(header_.empty() ? "" : "\n").append(line);
    if (layout_.may_quote() && (quoted_ || std::memchr(line.data(), '"', line.size()) != nullptr)) {
      SARTOR_TRY(follow_quotes(line));
      if (quoted_) return {};
    }
    if (has_header_) return end_record();
    has_header_ = true;
    scan_.header = split_header(header_, scan_.delimiter);
    make_distinct(scan_.header);
    return {};
  }

  // A quote opens at the start of a field only; "" inside is a quote.
  Status follow_quotes(std::string_view line) {
    std::size_t i = 0;
    while (true) {
      if (!quoted_) {
        if (i < line.size() && line[i] == '"') {
          quoted_ = true;
          ++i;
        } else {
          i = line.find(scan_.delimiter.front(), i);
          if (i == std::string_view::npos) return {};
          ++i;
          continue;
        }
      }
      i = line.find('"', i);
      if (i == std::string_view::npos) return {};  // goes on in the next line
      if (i + 1 < line.size() && line[i + 1] == '"') {
        i += 2;
        continue;
      }
      quoted_ = false;
      if (i + 1 == line.size()) return {};
      if (line[i + 1] != scan_.delimiter.front()) {
        // Text after a closing quote. On one line it is that row's fault, and DuckDB rejects it; if
        // the quote was opened lines before, it was never meant to last until here.
        return record_line_ == line_ ? Status{} : unclosed();
      }
      i += 2;
    }
  }

  Status on_json_line(std::string_view line) {
    if (!has_header_ && line.front() == '[') {
      return bad_file(path_, "line 1: expected one JSON object a line, found a list");
    }
    has_header_ = true;
    if (std::memchr(line.data(), 0, line.size()) != nullptr ||
        line.find("\\u0000") != std::string_view::npos) {
      scan_.bad.push_back({scan_.records, "holds a NUL byte"});
    } else if (!is_utf8(line)) {
      scan_.bad.push_back({scan_.records, "is not UTF-8"});
    }
    return end_record();
  }

  Status end_record() {
    if (record_line_ != next_line_) scan_.jumps.push_back({scan_.records, record_line_});
    next_line_ = record_line_ + 1;
    scan_.longest = std::max(scan_.longest, record_size_);
    ++scan_.records;
    return {};
  }

  Error unclosed() const {
    return bad_file(path_, fmt::format("line {}: a quote is opened and never closed, so that the "
                                       "lines after it are lost",
                                       record_line_));
  }

  const std::string path_;
  const TextFormat format_;
  const TextLayout& layout_;
  std::string utf8_;  // the line at hand, where the file is not UTF-8
  std::FILE* out_;
  TextScan& scan_;
  std::string carry_;  // the beginning of a line that the last block cut
  std::string header_;
  char newline_ = 0;
  std::uint64_t line_ = 0;         // of the line at hand, from 1
  std::uint64_t record_line_ = 0;  // where the record at hand began
  std::uint64_t record_size_ = 0;
  std::uint64_t next_line_ = 0;  // where the next record is expected
  bool quoted_ = false;
  bool has_header_ = false;
  bool crlf_ = false;
  bool lf_ = false;
  bool needs_copy_ = false;
};

struct Closer {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

// Whether a copy is still needed.
Result<bool> scan_once(const std::string& path, TextFormat format, const TextLayout& layout,
                       const std::string& copy, bool always_copy, const Resources& resources,
                       TextScan& scan) {
  SARTOR_ASSIGN(Opened bytes, open_bytes(path));
  const bool copying = bytes.compressed || always_copy;
  std::unique_ptr<std::FILE, Closer> out;
  if (copying) {
    out.reset(std::fopen(copy.c_str(), "wb"));
    if (!out) return Error{ErrorCode::io, copy + ": cannot create: " + std::strerror(errno)};
  }
  Scanner scanner(path, format, layout, out.get(), scan);
  std::vector<char> block(kReadBlock);
  while (true) {
    if (resources.is_cancelled()) return Error{ErrorCode::cancelled, "cancelled"};
    SARTOR_ASSIGN(const std::size_t n, bytes.source->read(block.data(), block.size()));
    if (n == 0) break;
    SARTOR_TRY(scanner.feed({block.data(), n}));
  }
  SARTOR_TRY(scanner.finish());
  if (out && (std::fflush(out.get()) != 0 || std::ferror(out.get()) != 0)) {
    return Error{ErrorCode::io, copy + ": cannot write: " + std::strerror(errno)};
  }
  scan.copied = copying;
  scan.path = copying ? copy : path;
  return !copying && scanner.needs_copy();
}

}  // namespace

std::uint64_t TextScan::line_of(std::uint64_t record) const {
  const auto after =
      std::upper_bound(jumps.begin(), jumps.end(), record,
                       [](std::uint64_t wanted, const Jump& jump) { return wanted < jump.record; });
  const Jump& jump = *(after - 1);  // the first jump is record 0's
  return jump.line + (record - jump.record);
}

Result<TextScan> scan_text(const std::string& path, TextFormat format, const std::string& copy,
                           const Resources& resources, const TextLayout& layout) {
  TextScan scan;
  SARTOR_ASSIGN(const bool again,
                scan_once(path, format, layout, copy, layout.latin1, resources, scan));
  if (!again) return scan;
  scan = {};
  SARTOR_TRY(scan_once(path, format, layout, copy, true, resources, scan));
  return scan;
}

}  // namespace sartor
