#include "sartor/http/rate_limit.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "sartor/http/problem.h"

namespace sartor {
namespace {

std::unique_ptr<RateLimit> limit_of(double per_second, double burst) {
  if (!(per_second > 0)) return nullptr;
  return std::make_unique<RateLimit>(per_second, burst > 0 ? burst : per_second);
}

}  // namespace

RateLimit::RateLimit(double per_second, double burst)
    : per_second_(per_second), burst_(std::max(1.0, burst)) {}

double RateLimit::level(const Bucket& bucket, Clock::time_point now) const {
  const std::chrono::duration<double> passed = now - bucket.at;
  return std::min(burst_, bucket.tokens + per_second_ * std::max(0.0, passed.count()));
}

// A full bucket is the same as none.
void RateLimit::forget_full(Clock::time_point now) {
  std::erase_if(buckets_, [&](const auto& entry) { return level(entry.second, now) >= burst_; });
  while (buckets_.size() > kMostClients / 2) buckets_.erase(buckets_.begin());
}

std::optional<double> RateLimit::take(const std::string& client, double tokens,
                                      Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (buckets_.size() >= kMostClients && !buckets_.contains(client)) forget_full(now);
  Bucket& bucket = buckets_.try_emplace(client, Bucket{burst_, now}).first->second;
  const double held = level(bucket, now);
  const double needed = std::min(tokens, burst_);
  if (held < needed) return (needed - held) / per_second_;
  bucket = {held - tokens, now};
  return std::nullopt;
}

ClientLimits::ClientLimits(const RateSettings& settings, std::shared_ptr<HttpMetrics> metrics)
    : requests_(limit_of(settings.requests_per_second, settings.request_burst)),
      events_(limit_of(settings.events_per_second, settings.event_burst)),
      metrics_(std::move(metrics)) {}

std::optional<HttpResponse> ClientLimits::take(RateLimit* limit, const char* what,
                                               const std::string& client, std::size_t tokens) {
  if (limit == nullptr || tokens == 0) return std::nullopt;
  const auto wait = limit->take(client, static_cast<double>(tokens), RateLimit::Clock::now());
  if (!wait) return std::nullopt;
  metrics_->limited(what);
  const double seconds = std::max(1.0, std::ceil(*wait));
  HttpResponse response = problem("too-many-requests",
                                  fmt::format("too many {}; ask again in {:.0f} s", what, seconds));
  response.headers.emplace_back("Retry-After", fmt::format("{:.0f}", seconds));
  return response;
}

std::optional<HttpResponse> ClientLimits::request(const std::string& client) {
  return take(requests_.get(), "requests", client, 1);
}

std::optional<HttpResponse> ClientLimits::events(const std::string& client, std::size_t count) {
  return take(events_.get(), "events", client, count);
}

}  // namespace sartor
