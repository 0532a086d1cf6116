#include "sartor/http/compress.h"

#include <zlib.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

#include "sartor/base/text.h"

namespace sartor {
namespace {

// The fastest: an answer waits for it, and lists repeat themselves enough for any level.
constexpr int kLevel = 1;
constexpr int kGzipWindow = 15 + 16;  // the largest window, with gzip's header and checksum

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

// The quality behind "gzip;q=0.5": 1 if there is none, 0 if it is no number.
double quality_of(std::string_view parameters) {
  const std::string text = lower_case(std::string(trimmed(parameters)));
  if (text.empty()) return 1;
  if (!text.starts_with("q=")) return 0;
  double quality = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + 2, end, quality);
  return error == std::errc() && stop == end ? quality : 0;
}

bool is_text(const std::string& content_type) {
  return content_type.starts_with("text/") || content_type.starts_with("application/");
}

// zlib's state is a quarter of a megabyte: each thread keeps its own.
class Deflater {
 public:
  Deflater() {
    ready_ =
        ::deflateInit2(&stream_, kLevel, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) == Z_OK;
  }
  ~Deflater() {
    if (ready_) ::deflateEnd(&stream_);
  }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  // Nothing if there is no memory.
  std::optional<std::string> gzip(std::string_view text) {
    if (!ready_ || ::deflateReset(&stream_) != Z_OK) return {};
    std::string out(::deflateBound(&stream_, text.size()), '\0');
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream_.avail_in = static_cast<uInt>(text.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(out.size());
    if (::deflate(&stream_, Z_FINISH) != Z_STREAM_END) return {};
    out.resize(stream_.total_out);
    return out;
  }

 private:
  z_stream stream_{};
  bool ready_ = false;
};

}  // namespace

bool takes_gzip(std::string_view accept_encoding) {
  std::optional<double> gzip, any;
  while (!accept_encoding.empty()) {
    const std::size_t end = std::min(accept_encoding.find(','), accept_encoding.size());
    const std::string_view part = accept_encoding.substr(0, end);
    const std::size_t semicolon = std::min(part.find(';'), part.size());
    const std::string coding = lower_case(std::string(trimmed(part.substr(0, semicolon))));
    const double quality = quality_of(part.substr(std::min(semicolon + 1, part.size())));
    if (coding == "gzip" || coding == "x-gzip") gzip = quality;
    if (coding == "*") any = quality;
    accept_encoding.remove_prefix(std::min(end + 1, accept_encoding.size()));
  }
  return gzip.value_or(any.value_or(0)) > 0;
}

void compress(const HttpRequest& request, HttpResponse& response) {
  constexpr std::size_t kMost = 1 << 30;  // zlib counts in 32 bits
  if (response.body.size() < kLeastToCompress || response.body.size() > kMost ||
      !is_text(response.content_type)) {
    return;
  }
  response.headers.emplace_back("Vary", "Accept-Encoding");
  if (!takes_gzip(request.header("accept-encoding"))) return;
  thread_local Deflater deflater;
  auto smaller = deflater.gzip(response.body);
  if (!smaller || smaller->size() >= response.body.size()) return;
  response.body = std::move(*smaller);
  response.headers.emplace_back("Content-Encoding", "gzip");
}

}  // namespace sartor
