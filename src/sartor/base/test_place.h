// Where a test may write: a path of its own, for several runs of one test program (one per case,
// and the sanitized one) go side by side.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

namespace sartor {

inline std::string test_place(const std::string& name) {
  return testing::TempDir() + "sartor." + std::to_string(::getpid()) + "." + name;
}

}  // namespace sartor
