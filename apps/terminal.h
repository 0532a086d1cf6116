// What the CLI shows while it works: a bar on a terminal, a quiet line per step otherwise. All of
// it goes to stderr.
#pragma once

#include <chrono>
#include <mutex>
#include <string>

#include "sartor/base/progress.h"

namespace sartor {

class TerminalProgress : public Progress {
 public:
  // `quiet` shows warnings only.
  explicit TerminalProgress(bool quiet);
  ~TerminalProgress() override;

  void begin(const std::string& what, std::size_t total) override;
  void advance(std::size_t done) override;
  void note(const std::string& line) override;
  void warn(const std::string& line) override;

 private:
  void clear();
  void draw();

  std::mutex mutex_;
  bool quiet_;
  bool is_terminal_;
  bool colour_;
  bool drawn_ = false;
  std::string what_;
  std::size_t total_ = 0;
  std::size_t done_ = 0;
  std::chrono::steady_clock::time_point started_;
  std::chrono::steady_clock::time_point last_draw_;
};

// Whether `stream` (1 or 2) is a terminal that wants colour: NO_COLOR and TERM=dumb say no.
bool wants_colour(int stream);

}  // namespace sartor
