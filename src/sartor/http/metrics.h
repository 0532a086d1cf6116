// Counters of the HTTP interface in Prometheus' text format. Labels are bounded: routes come from
// the table, methods and statuses from short lists.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

namespace sartor {

class HttpMetrics {
 public:
  // One answered request; `route` is the table's pattern, or "unmatched".
  void observe(const std::string& route, const std::string& method, int status, double seconds);
  // One request that never reached a route: broken, too large, too many.
  void refused(int status);
  // Answers that had to fall back to the general model, by reason (a short list of words).
  void fell_back(const std::string& reason);

  // Events of one batch.
  void events(std::size_t accepted, std::size_t duplicates, std::size_t rejected);

  // Requests answered 429, by the limit that was met ("requests", "events").
  void limited(const std::string& limit);

  // The version that answers from now on.
  void serves(const std::string& version);
  // A bundle took over, loaded beside in `seconds`; or was refused.
  void swapped(double seconds);
  void refused_bundle();

  // `source` makes families of its own, whose text stands behind the others.
  void add_source(std::function<std::string()> source);

  // Families sorted by name, lines by label; then what the sources say.
  std::string text() const;

 private:
  static constexpr std::array<double, 11> kBounds = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                                     0.05,   0.1,   0.25,   0.5,   1};
  struct Latency {
    std::array<std::uint64_t, kBounds.size() + 1> counts{};
    double sum = 0;
  };

  std::string bundle_text() const;

  mutable std::mutex mutex_;
  std::map<std::tuple<std::string, std::string, int>, std::uint64_t> requests_;
  std::map<std::string, Latency> latency_;  // by route
  std::map<int, std::uint64_t> refused_;
  std::map<std::string, std::uint64_t> fallbacks_;
  std::map<std::string, std::uint64_t> events_;  // by outcome
  std::map<std::string, std::uint64_t> limited_;
  std::string version_;  // of the bundle, one at a time
  double swap_seconds_ = 0;
  std::uint64_t swaps_ = 0;
  std::uint64_t refused_bundles_ = 0;
  std::vector<std::function<std::string()>> sources_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

// A label's value in quotes, with the three characters escaped that the format reserves.
std::string label_value(const std::string& text);

}  // namespace sartor
