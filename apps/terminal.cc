#include "terminal.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace sartor {
namespace {

constexpr int kBarWidth = 24;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

bool wants_colour(int stream) {
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  const bool dumb = term != nullptr && std::string_view(term) == "dumb";
  return ::isatty(stream) == 1 && (no_color == nullptr || *no_color == '\0') && !dumb;
}

TerminalProgress::TerminalProgress(bool quiet)
    : quiet_(quiet), is_terminal_(::isatty(2) == 1), colour_(wants_colour(2)) {}

TerminalProgress::~TerminalProgress() { clear(); }

void TerminalProgress::begin(const std::string& what, std::size_t total) {
  const std::lock_guard lock(mutex_);
  if (quiet_) return;
  what_ = what;
  total_ = total;
  done_ = 0;
  started_ = last_draw_ = std::chrono::steady_clock::now();
  if (is_terminal_) {
    draw();
  } else {
    fmt::print(stderr, "{}\n", what);
  }
}

void TerminalProgress::advance(std::size_t done) {
  const std::lock_guard lock(mutex_);
  done_ += done;
  if (quiet_ || !is_terminal_ || seconds_since(last_draw_) < 0.1) return;
  last_draw_ = std::chrono::steady_clock::now();
  draw();
}

void TerminalProgress::note(const std::string& line) {
  const std::lock_guard lock(mutex_);
  if (quiet_) return;
  clear();
  fmt::print(stderr, "{}\n", line);
}

void TerminalProgress::warn(const std::string& line) {
  const std::lock_guard lock(mutex_);
  clear();
  fmt::print(stderr, "{}warning:{} {}\n", colour_ ? "\033[33m" : "", colour_ ? "\033[0m" : "",
             line);
}

void TerminalProgress::clear() {
  if (drawn_) fmt::print(stderr, "\r\033[K");
  drawn_ = false;
}

void TerminalProgress::draw() {
  std::string bar;
  if (total_ > 0) {
    const auto filled = static_cast<int>(kBarWidth * std::min(done_, total_) / total_);
    for (int i = 0; i < kBarWidth; ++i) bar += i < filled ? "━" : "─";
    bar += fmt::format(" {}/{} ", std::min(done_, total_), total_);
  }
  fmt::print(stderr, "\r\033[K{} {}{:.0f} s", what_, bar, seconds_since(started_));
  std::fflush(stderr);
  drawn_ = true;
}

}  // namespace sartor
