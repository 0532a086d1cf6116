// Where a test may read and write.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

namespace sartor {

// The folder of the source.
extern const char* const kSourceDir;

// A path of the test's own, for several runs of one test program (one per case, and the sanitized
// one) go side by side.
inline std::string test_place(const std::string& name) {
  return testing::TempDir() + "sartor." + std::to_string(::getpid()) + "." + name;
}

}  // namespace sartor
