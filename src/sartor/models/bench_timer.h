// What every kernel of `sartor bench` reports about its time.
#pragma once

#include <algorithm>
#include <chrono>

#include "sartor/base/json.h"
#include "sartor/base/parallel.h"
#include "sartor/base/usage.h"

namespace sartor {

// Runs `kernel` on `rows` rows and puts "seconds", "cpu_seconds", "rows", "rows_per_second",
// "peak_rss_mb" and "threads" into `report`; returns what the kernel returns.
template <class Kernel>
auto timed_rows(Json& report, std::size_t rows, const Resources& resources, Kernel&& kernel) {
  using Clock = std::chrono::steady_clock;
  const double cpu = cpu_seconds();
  const auto begin = Clock::now();
  auto result = kernel();
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  report["seconds"] = seconds;
  report["cpu_seconds"] = cpu_seconds() - cpu;
  report["rows"] = rows;
  report["rows_per_second"] = static_cast<double>(rows) / std::max(seconds, 1e-9);
  report["peak_rss_mb"] = peak_rss_mb();
  report["threads"] = resources.threads;
  return result;
}

}  // namespace sartor
