// Checksums: SHA-256 where others check us, XXH3 where we only compare with ourselves.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "sartor/base/result.h"

namespace sartor {

// 64 hexadecimal digits.
std::string sha256(std::string_view bytes);
Result<std::string> sha256_of_file(const std::string& path);

// XXH3 of a file's contents, 32 hexadecimal digits: fast, and only for comparing with ourselves.
Result<std::string> hash_of_file(const std::string& path);

// Gathers what a result depends on; equal inputs in equal order give equal text. Each part is
// framed by its length, so ("ab", "c") and ("a", "bc") differ.
class Fingerprint {
 public:
  Fingerprint& add(std::string_view part);
  Fingerprint& add(std::int64_t part);
  Fingerprint& add(double part);
  template <class T>
  Fingerprint& add_values(std::span<const T> values) {
    return add(std::string_view(reinterpret_cast<const char*>(values.data()), values.size_bytes()));
  }
  // 32 hexadecimal digits (XXH3, 128 bits).
  std::string text() const;

 private:
  std::uint64_t low_ = 0;
  std::uint64_t high_ = 0;
};

// A 64-bit hash with a seed: assignment of users to folds, arms and control segments.
std::uint64_t hash64(std::string_view bytes, std::uint64_t seed);

}  // namespace sartor
