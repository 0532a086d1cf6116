// What a long computation tells while it runs. The library calls this; only the CLI knows about
// terminals.
#pragma once

#include <cstddef>
#include <string>

namespace sartor {

// Calls may come from any thread that runs our code.
class Progress {
 public:
  virtual ~Progress() = default;
  // A step begins: "fit ease". `total` units of work, 0 if nobody knows.
  virtual void begin(const std::string& what, std::size_t total) = 0;
  // `done` of the step's units are finished.
  virtual void advance(std::size_t done) = 0;
  // A line worth keeping in a log.
  virtual void note(const std::string& line) = 0;
  virtual void warn(const std::string& line) = 0;
};

}  // namespace sartor
