// For tests: a folder that goes away, files of any kind in it, and a small shop.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include <filesystem>
#include <string>

#include "sartor/base/files.h"
#include "sartor/data/ingest.h"

namespace sartor {

class TestFolder {
 public:
  TestFolder() {
    std::string name = "/tmp/sartor-test-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~TestFolder() { std::filesystem::remove_all(path_); }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  void write(const std::string& name, std::string_view contents) const {
    ASSERT_TRUE(write_file(*this / name, contents));
  }

 private:
  std::string path_;
};

inline std::string gzipped(const std::string& text) {
  std::string out(text.size() + 1000, '\0');
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

inline std::string zstd_compressed(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

// Reads `log.csv` with columns who, what, seen, paid.
inline DataSettings shop(const std::string& file = "log.csv") {
  DataSettings settings;
  EventSource source;
  source.files = {file};
  source.user = "who";
  source.item = "what";
  source.time = "seen";
  source.value = "paid";
  settings.events = {source};
  settings.data.now = "2022-01-01";
  return settings;
}

struct Ingested {
  Result<Dataset> data;
  IngestReport report;
};

inline Ingested run_ingest(const TestFolder& folder, const DataSettings& settings,
                           int threads = 2) {
  IngestReport report;
  auto data = ingest(settings, folder.path(), {.threads = threads}, report);
  return {std::move(data), std::move(report)};
}

// `rows` good lines "u1,i1,2021-01-01 00:00:00,1.5" with distinct moments, after a header.
inline std::string good_log(int rows) {
  std::string text = "who,what,seen,paid\n";
  for (int r = 0; r < rows; ++r) {
    const auto two = [](int n) { return (n < 10 ? "0" : "") + std::to_string(n); };
    text += "u" + std::to_string(r % 7) + ",i" + std::to_string(r % 5) + ",2021-01-" +
            two(1 + r / 1440 % 28) + " " + two(r / 60 % 24) + ":" + two(r % 60) + ":00," +
            std::to_string(r % 9) + ".5\n";
  }
  return text;
}

}  // namespace sartor
