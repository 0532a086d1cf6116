// The one way to use several cores. Blocks depend on the problem's size alone, never on the number
// of threads, so a result has the same bits with any number of them.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <string>

#include "sartor/base/result.h"

namespace sartor {

class Progress;

// What a computation may use; nothing here changes a result.
struct Resources {
  int threads = 1;
  const std::atomic<bool>* cancelled = nullptr;  // set by Ctrl-C; null: cannot be stopped
  Progress* progress = nullptr;                  // null: silent

  bool is_cancelled() const {
    return cancelled != nullptr && cancelled->load(std::memory_order_relaxed);
  }

  // To `progress`, if anybody listens: a step of `total` units begins (0: nobody knows how many),
  // and some of them are done.
  void begin_step(const std::string& what, std::size_t total = 0) const;
  void advance(std::size_t done = 1) const;
  // The same without a listener, for parts of a step that is counted in other units.
  Resources quietly() const { return {.threads = threads, .cancelled = cancelled}; }
};

// Calls block(begin, end) for [0, n) cut into pieces of `grain` (the last may be shorter), on up to
// resources.threads threads, the caller's among them. A block writes only what belongs to its
// range. Returns the failure of the first failing block in order, or `cancelled`. Nested calls run
// in the calling thread.
Status parallel_for(const Resources& resources, std::size_t n, std::size_t grain,
                    const std::function<Status(std::size_t begin, std::size_t end)>& block);

}  // namespace sartor
