#include "sartor/base/parallel.h"

#include <algorithm>
#include <exception>
#include <limits>
#include <mutex>
#include <thread>
#include <vector>

#include "sartor/base/progress.h"

namespace sartor {
namespace {

thread_local bool in_parallel_for = false;

// The failure of the earliest block that failed; later blocks may have been skipped.
struct FirstFailure {
  std::mutex mutex;
  std::atomic<std::size_t> block{std::numeric_limits<std::size_t>::max()};
  std::optional<Error> error;

  void record(std::size_t index, Error failed) {
    const std::lock_guard lock(mutex);
    if (index < block.load()) {
      block = index;
      error = std::move(failed);
    }
  }
};

Status run_block(const std::function<Status(std::size_t, std::size_t)>& block, std::size_t begin,
                 std::size_t end) {
  try {
    return block(begin, end);
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::internal, "out of memory"};
  } catch (const std::exception& e) {
    return Error{ErrorCode::internal, e.what()};
  }
}

}  // namespace

void Resources::begin_step(const std::string& what, std::size_t total) const {
  if (progress != nullptr) progress->begin(what, total);
}

void Resources::advance(std::size_t done) const {
  if (progress != nullptr) progress->advance(done);
}

Status parallel_for(const Resources& resources, std::size_t n, std::size_t grain,
                    const std::function<Status(std::size_t, std::size_t)>& block) {
  if (n == 0) return {};
  grain = std::max<std::size_t>(grain, 1);
  const std::size_t blocks = (n + grain - 1) / grain;
  const auto wanted = static_cast<std::size_t>(std::max(resources.threads, 1));
  const std::size_t threads = in_parallel_for ? 1 : std::min(wanted, blocks);

  std::atomic<std::size_t> next{0};
  FirstFailure failure;
  auto work = [&] {
    const bool outer = in_parallel_for;
    in_parallel_for = outer || threads > 1;
    for (std::size_t b = next++; b < blocks && b < failure.block.load(); b = next++) {
      if (resources.is_cancelled()) {
        failure.record(b, Error{ErrorCode::cancelled, "stopped on request"});
        break;
      }
      const std::size_t begin = b * grain;
      if (auto status = run_block(block, begin, std::min(n, begin + grain)); !status) {
        failure.record(b, status.error());
      }
    }
    in_parallel_for = outer;
  };

  std::vector<std::thread> helpers;
  for (std::size_t i = 1; i < threads; ++i) helpers.emplace_back(work);
  work();
  for (std::thread& helper : helpers) helper.join();
  if (failure.error) return *failure.error;
  return {};
}

}  // namespace sartor
