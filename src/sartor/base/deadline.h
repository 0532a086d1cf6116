// A moment by which somebody wants an answer, for work that looks at it now and then: what runs in
// our own process cannot be cut off, it can only give up by itself.
#pragma once

#include <chrono>

namespace sartor {

// Safe to use from several threads. Looking costs some 30 ns.
class Deadline {
 public:
  static Deadline after(std::chrono::microseconds time) {
    return Deadline(std::chrono::steady_clock::now() + time);
  }
  bool passed() const { return std::chrono::steady_clock::now() >= at_; }

 private:
  explicit Deadline(std::chrono::steady_clock::time_point at) : at_(at) {}
  std::chrono::steady_clock::time_point at_;
};

}  // namespace sartor
