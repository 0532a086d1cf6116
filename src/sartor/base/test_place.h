// Where a test may read and write, and what it runs in.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

namespace sartor {

// The folder of the source.
extern const char* const kSourceDir;

// Whether a sanitizer watches, which takes about ten times as long: what repeats itself may do so
// less often.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

// A path of the test's own, for several runs of one test program (one per case, and the sanitized
// one) go side by side.
inline std::string test_place(const std::string& name) {
  return testing::TempDir() + "sartor." + std::to_string(::getpid()) + "." + name;
}

}  // namespace sartor
