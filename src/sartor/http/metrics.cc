#include "sartor/http/metrics.h"

#include <fmt/core.h>

#include <algorithm>

#include "sartor/base/text.h"

namespace sartor {
namespace {

std::string family(const char* name, const char* type, const char* help) {
  return fmt::format("# HELP {0} {2}\n# TYPE {0} {1}\n", name, type, help);
}

std::string known_method(const std::string& method) {
  for (const char* known : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}) {
    if (method == known) return method;
  }
  return "other";
}

}  // namespace

std::string label_value(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return out + "\"";
}

void HttpMetrics::add_source(std::function<std::string()> source) {
  const std::lock_guard lock(mutex_);
  sources_.push_back(std::move(source));
}

void HttpMetrics::observe(const std::string& route, const std::string& method, int status,
                          double seconds) {
  const std::lock_guard lock(mutex_);
  ++requests_[{route, known_method(method), status}];
  Latency& latency = latency_[route];
  const auto* bound = std::lower_bound(kBounds.begin(), kBounds.end(), seconds);
  ++latency.counts[static_cast<std::size_t>(bound - kBounds.begin())];
  latency.sum += seconds;
}

void HttpMetrics::refused(int status) {
  const std::lock_guard lock(mutex_);
  ++refused_[status];
}

void HttpMetrics::fell_back(const std::string& reason) {
  const std::lock_guard lock(mutex_);
  ++fallbacks_[reason];
}

void HttpMetrics::events(std::size_t accepted, std::size_t duplicates, std::size_t rejected) {
  const std::lock_guard lock(mutex_);
  events_["accepted"] += accepted;
  events_["duplicate"] += duplicates;
  events_["rejected"] += rejected;
}

void HttpMetrics::limited(const std::string& limit) {
  const std::lock_guard lock(mutex_);
  ++limited_[limit];
}

void HttpMetrics::serves(const std::string& version) {
  const std::lock_guard lock(mutex_);
  version_ = version;
}

void HttpMetrics::swapped(double seconds) {
  const std::lock_guard lock(mutex_);
  ++swaps_;
  swap_seconds_ = seconds;
}

void HttpMetrics::refused_bundle() {
  const std::lock_guard lock(mutex_);
  ++refused_bundles_;
}

// What serves, and what took over.
std::string HttpMetrics::bundle_text() const {
  std::string out = family("sartor_bundle_info", "gauge", "The bundle that serves.");
  if (!version_.empty())
    out += fmt::format("sartor_bundle_info{{version={}}} 1\n", label_value(version_));
  out += family("sartor_bundle_swap_seconds", "gauge", "What the last swap took, beside requests.");
  out += fmt::format("sartor_bundle_swap_seconds {}\n", shortest(swap_seconds_));
  out += family("sartor_bundle_swaps_total", "counter", "Bundles that were to take over.");
  out += fmt::format("sartor_bundle_swaps_total{{outcome=\"refused\"}} {}\n", refused_bundles_);
  return out + fmt::format("sartor_bundle_swaps_total{{outcome=\"swapped\"}} {}\n", swaps_);
}

std::string HttpMetrics::text() const {
  const std::lock_guard lock(mutex_);
  std::string out =
      bundle_text() + family("sartor_events_total", "counter", "Events that clients sent.");
  for (const auto& [outcome, count] : events_) {
    out += fmt::format("sartor_events_total{{outcome=\"{}\"}} {}\n", outcome, count);
  }
  out += family("sartor_fallbacks_total", "counter",
                "Answers of the general model where a segment's own was meant.");
  for (const auto& [reason, count] : fallbacks_) {
    out += fmt::format("sartor_fallbacks_total{{reason={}}} {}\n", label_value(reason), count);
  }
  out += family("sartor_http_refused_total", "counter", "Requests refused before any route.");
  for (const auto& [status, count] : refused_) {
    out += fmt::format("sartor_http_refused_total{{status=\"{}\"}} {}\n", status, count);
  }
  out += family("sartor_http_request_seconds", "histogram",
                "Time from the whole request to its answer.");
  for (const auto& [route, latency] : latency_) {
    std::uint64_t total = 0;
    for (std::size_t b = 0; b <= kBounds.size(); ++b) {
      total += latency.counts[b];
      out += fmt::format("sartor_http_request_seconds_bucket{{route={},le=\"{}\"}} {}\n",
                         label_value(route), b < kBounds.size() ? shortest(kBounds[b]) : "+Inf",
                         total);
    }
    out += fmt::format("sartor_http_request_seconds_sum{{route={}}} {}\n", label_value(route),
                       shortest(latency.sum));
    out += fmt::format("sartor_http_request_seconds_count{{route={}}} {}\n", label_value(route),
                       total);
  }
  out += family("sartor_http_requests_total", "counter", "Requests answered, by route and status.");
  for (const auto& [key, count] : requests_) {
    const auto& [route, method, status] = key;
    out += fmt::format("sartor_http_requests_total{{route={},method=\"{}\",status=\"{}\"}} {}\n",
                       label_value(route), method, status, count);
  }
  out += family("sartor_rate_limited_total", "counter", "Requests over a client's rate limit.");
  for (const auto& [limit, count] : limited_) {
    out += fmt::format("sartor_rate_limited_total{{limit=\"{}\"}} {}\n", limit, count);
  }
  out += family("sartor_uptime_seconds", "gauge", "Since the server started.");
  const std::chrono::duration<double> up = std::chrono::steady_clock::now() - started_;
  out += fmt::format("sartor_uptime_seconds {:.3f}\n", up.count());
  for (const auto& source : sources_) out += source();
  return out;
}

}  // namespace sartor
