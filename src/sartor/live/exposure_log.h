// The durable log of exposures: answers do not wait for it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sartor/base/result.h"
#include "sartor/base/time.h"
#include "sartor/live/erasures.h"
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
  // Shows what it reads to `visit`, oldest first, but for lists of users who were erased since
  // (erased.json, beside the folder). Fails as DurableLog::open does, and with
  // `bad_data` if a record is no exposure.
  static Result<std::unique_ptr<ExposureLog>> open(const std::string& folder,
                                                   const ExposureLogOptions& options,
                                                   const Visitor& visit);
  ~ExposureLog();  // writes what waits

  // Comes to the disk within about a tenth of a second, in the order of calls.
  void push(const Exposure& exposure);
  // Returns when all that was pushed before is on disk, or lost; then it fails with `io`.
  Status flush();

  // Of every file, lists of erased users become lists of nothing for nobody; what was done before
  // is not done again. Takes as long as reading the log. Fails with `io` or `bad_data`.
  Status scrub();

  std::uint64_t lost() const;
  const std::vector<std::string>& notes() const;

 private:
  class Impl;
  explicit ExposureLog(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Shows the lists in the files of `folder`, oldest first, but for those of erased users, while they
// are being written, too.
Status for_each_exposure(const std::string& folder, const ExposureLog::Visitor& visit);

}  // namespace sartor
