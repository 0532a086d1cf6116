#include "sartor/http/compress.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <map>
#include <string>

namespace sartor {
namespace {

std::string unzipped(const std::string& bytes) {
  std::string out(1 << 20, '\0');
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

std::map<std::string, std::string> headers(const HttpResponse& response) {
  return {response.headers.begin(), response.headers.end()};
}

HttpResponse answer(const std::string& accept, const std::string& body,
                    const std::string& type = "application/json") {
  HttpRequest request;
  if (!accept.empty()) request.headers["accept-encoding"] = accept;
  HttpResponse response{200, type, body, {}};
  compress(request, response);
  return response;
}

TEST(Compress, KnowsWhoTakesGzip) {
  for (const char* yes : {"gzip", "GZIP", "deflate, gzip;q=1.0, *;q=0.5", "*", "br,gzip", "x-gzip",
                          "gzip ; q=0.001", "identity;q=0, *"}) {
    EXPECT_TRUE(takes_gzip(yes)) << yes;
  }
  for (const char* no : {"", "br", "identity", "gzip;q=0", "gzip;q=0.000", "*;q=0", "gzip;q=0, *",
                         "gzipped", ",,;", "gzip;q=", "gzip;level=9"}) {
    EXPECT_FALSE(takes_gzip(no)) << no;
  }
}

TEST(Compress, AGzipClientGetsTheSameBytesInFewer) {
  std::string body;
  for (int i = 0; i < 200; ++i) body += "{\"item\":\"" + std::to_string(i * 7919) + "\"},";
  for (int i = 0; i < 3; ++i) {  // the thread's state is used again
    const auto zipped = answer("gzip", body);
    EXPECT_LT(zipped.body.size(), body.size() / 2);
    EXPECT_EQ(unzipped(zipped.body), body);
    EXPECT_EQ(headers(zipped)["Content-Encoding"], "gzip");
    EXPECT_EQ(headers(zipped)["Vary"], "Accept-Encoding");
  }
  const auto plain = answer("", body);
  EXPECT_EQ(plain.body, body);
  EXPECT_EQ(headers(plain)["Vary"], "Accept-Encoding") << "a cache must know";
  EXPECT_EQ(headers(plain).count("Content-Encoding"), 0u);
}

TEST(Compress, LeavesAloneWhatDoesNotGain) {
  const std::string small(kLeastToCompress - 1, 'x');
  EXPECT_EQ(answer("gzip", small).body, small);
  EXPECT_TRUE(answer("gzip", small).headers.empty());
  EXPECT_NE(answer("gzip", small + "x").body, small + "x");
  const std::string image(2000, 'x');
  EXPECT_EQ(answer("gzip", image, "image/png").body, image);
  std::string noise;
  for (std::uint32_t i = 0, x = 1; i < 2000; ++i) {
    x = x * 1664525u + 1013904223u;
    noise += static_cast<char>(x >> 24);
  }
  EXPECT_EQ(answer("gzip", noise).body, noise);
  EXPECT_EQ(headers(answer("gzip", noise)).count("Content-Encoding"), 0u);
}

}  // namespace
}  // namespace sartor
