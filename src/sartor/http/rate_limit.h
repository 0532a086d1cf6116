// How often one client may ask: token buckets, and 429 where one is empty.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "sartor/http/message.h"
#include "sartor/http/metrics.h"

namespace sartor {

// A bucket per client holds at most `burst` tokens and gains `per_second`; a client that was not
// seen for long has a full one. Safe to use from several threads. Costs about 100 bytes a client
// whose bucket is not full; of more than kMostClients some are forgotten, that is, let off.
class RateLimit {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t kMostClients = 100'000;

  // `per_second` and `burst` above 0; a smaller burst than 1 is 1.
  RateLimit(double per_second, double burst);

  // Takes `tokens` (above 0) of `client`'s bucket. Or takes nothing, and says after how many
  // seconds it is worth to ask again. More than the burst at once is taken from a full bucket and
  // paid back afterwards.
  std::optional<double> take(const std::string& client, double tokens, Clock::time_point now);

 private:
  struct Bucket {
    double tokens = 0;
    Clock::time_point at;
  };
  double level(const Bucket& bucket, Clock::time_point now) const;
  void forget_full(Clock::time_point now);

  const double per_second_;
  const double burst_;
  std::mutex mutex_;
  std::unordered_map<std::string, Bucket> buckets_;
};

// What each client is granted; a rate of 0 is no limit, a burst of 0 what a second gives.
struct RateSettings {
  double requests_per_second = 0;
  double request_burst = 0;
  double events_per_second = 0;
  double event_burst = 0;
};

// Safe to use from several threads.
class ClientLimits {
 public:
  ClientLimits(const RateSettings& settings, std::shared_ptr<HttpMetrics> metrics);

  // 429 with Retry-After, or nothing.
  std::optional<HttpResponse> request(const std::string& client);
  std::optional<HttpResponse> events(const std::string& client, std::size_t count);

 private:
  std::optional<HttpResponse> take(RateLimit* limit, const char* what, const std::string& client,
                                   std::size_t tokens);

  const std::unique_ptr<RateLimit> requests_;  // null: no limit
  const std::unique_ptr<RateLimit> events_;
  const std::shared_ptr<HttpMetrics> metrics_;
};

}  // namespace sartor
