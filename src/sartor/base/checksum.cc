#include "sartor/base/checksum.h"

#include <fmt/core.h>
#include <openssl/evp.h>
#include <xxhash.h>

#include <array>
#include <cstring>
#include <fstream>
#include <memory>
#include <vector>

namespace sartor {
namespace {

struct FreeDigest {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new()) {
    EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
  }
  void add(std::string_view bytes) { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }
  std::string text() {
    std::array<unsigned char, 32> digest{};
    EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr);
    std::string out;
    for (const unsigned char byte : digest) out += fmt::format("{:02x}", byte);
    return out;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, FreeDigest> context_;
};

}  // namespace

std::string sha256(std::string_view bytes) {
  Sha256 hash;
  hash.add(bytes);
  return hash.text();
}

namespace {

// Hands the file to `add` in pieces.
template <class Add>
Status read_pieces(const std::string& path, Add&& add) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error{ErrorCode::io, path + ": cannot open"};
  std::vector<char> buffer(std::size_t{1} << 20);
  while (file) {
    file.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    add(std::string_view(buffer.data(), static_cast<std::size_t>(file.gcount())));
  }
  if (file.bad()) return Error{ErrorCode::io, path + ": cannot read"};
  return {};
}

}  // namespace

Result<std::string> sha256_of_file(const std::string& path) {
  Sha256 hash;
  SARTOR_TRY(read_pieces(path, [&](std::string_view piece) { hash.add(piece); }));
  return hash.text();
}

Result<std::string> hash_of_file(const std::string& path) {
  const std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state(XXH3_createState(),
                                                                              XXH3_freeState);
  XXH3_128bits_reset(state.get());
  SARTOR_TRY(read_pieces(path, [&](std::string_view piece) {
    XXH3_128bits_update(state.get(), piece.data(), piece.size());
  }));
  const XXH128_hash_t hash = XXH3_128bits_digest(state.get());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

Fingerprint& Fingerprint::add(std::string_view part) {
  // The state so far seeds the next part; the length is part of the seed.
  const XXH128_hash_t hash = XXH3_128bits_withSeed(part.data(), part.size(), low_ ^ part.size());
  const std::array<std::uint64_t, 4> chain{low_, high_, hash.low64, hash.high64};
  const XXH128_hash_t next = XXH3_128bits(chain.data(), sizeof chain);
  low_ = next.low64;
  high_ = next.high64;
  return *this;
}

Fingerprint& Fingerprint::add(std::int64_t part) {
  return add(std::string_view(reinterpret_cast<const char*>(&part), sizeof part));
}

Fingerprint& Fingerprint::add(double part) {
  return add(std::string_view(reinterpret_cast<const char*>(&part), sizeof part));
}

std::string Fingerprint::text() const { return fmt::format("{:016x}{:016x}", high_, low_); }

std::uint64_t hash64(std::string_view bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace sartor
