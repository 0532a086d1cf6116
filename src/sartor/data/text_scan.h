// The first look at a text file, before DuckDB sees it: DuckDB does not notice a damaged .gz, an
// empty file or a quote that swallows lines, and cannot say on which line of the file a row stood.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sartor/base/parallel.h"
#include "sartor/base/result.h"

namespace sartor {

// How the lines of a CSV are cut, where that is not to be found out.
struct TextLayout {
  std::string delimiter;             // "" finds it in line 1; "none": a line is one column
  std::vector<std::string> columns;  // of a file whose line 1 is a row; [] = line 1 says them
  bool latin1 = false;               // else UTF-8

  // A single byte between fields that may be quoted.
  bool may_quote() const { return delimiter.size() < 2; }
};

struct TextScan {
  std::string path;     // what to read: the file, or a plain copy of it with LF line ends
  bool copied = false;  // `path` is a copy, to be removed by the caller
  std::string delimiter = ",";
  std::vector<std::string> header;  // of a CSV: names as written, made distinct
  bool has_header = true;           // line 1 is no record
  std::uint64_t records = 0;        // without the header and without blank lines
  std::uint64_t longest = 0;        // bytes of the longest record

  // From record `record` on, records stand on lines `line`, `line` + 1, …
  struct Jump {
    std::uint64_t record;
    std::uint64_t line;
  };
  std::vector<Jump> jumps;
  struct Bad {
    std::uint64_t record;
    const char* reason;
  };
  std::vector<Bad> bad;  // JSON lines that hold what DuckDB would pass over in silence

  // Records count from 0, lines from 1.
  std::uint64_t line_of(std::uint64_t record) const;
};

enum class TextFormat { csv, json };

// Reads `path` (plain, .gz or .zst, known by its first bytes) to its end, checks the compression's
// own checksums, and finds records and their lines. What is compressed, has blank lines or mixed
// line ends, or is not UTF-8 by `layout`, is written into `copy` as plain UTF-8 with LF. Fails with
// `bad_data`, naming the file and the line: truncated or damaged, empty, no rows, UTF-16, a quote
// that is opened and never closed, a line over 256 MB.
Result<TextScan> scan_text(const std::string& path, TextFormat format, const std::string& copy,
                           const Resources& resources, const TextLayout& layout = {});

}  // namespace sartor
