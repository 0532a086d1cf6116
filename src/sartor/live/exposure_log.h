// The durable log of exposures: answers do not wait for it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sartor/base/result.h"
#include "sartor/base/time.h"
#include "sartor/live/event_log.h"
#include "sartor/live/exposure.h"

namespace sartor {

inline constexpr const char* kExposureFolder = "exposures";  // of a workspace

struct ExposureLogOptions {
  Time read_age = kDay;       // files that were last written longer ago are not read
  Time keep_age = 90 * kDay;  // and these are removed, when a file is begun
  std::uint64_t file_bytes = 64 << 20;
  std::size_t most_waiting = 100'000;  // lists that wait for the disk; more are lost, and counted
};

// Safe to use from several threads. One process at a time.
class ExposureLog {
 public:
  using Visitor = std::function<void(Exposure)>;
  // Shows what it reads to `visit`, oldest first. Fails as DurableLog::open does, and with
  // `bad_data` if a record is no exposure.
  static Result<std::unique_ptr<ExposureLog>> open(const std::string& folder,
                                                   const ExposureLogOptions& options,
                                                   const Visitor& visit);
  ~ExposureLog();  // writes what waits

  // Comes to the disk within about a tenth of a second, in the order of calls.
  void push(const Exposure& exposure);
  // Returns when all that was pushed before is on disk, or lost; then it fails with `io`.
  Status flush();

  std::uint64_t lost() const;
  const std::vector<std::string>& notes() const;

 private:
  class Impl;
  explicit ExposureLog(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sartor
