#include "sartor/evaluation/gate_input.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "sartor/base/checksum.h"
#include "sartor/base/text.h"
#include "sartor/evaluation/metrics.h"

namespace sartor {
namespace {

Status check_choice(const char* key, const std::string& value,
                    const std::vector<std::string>& known) {
  if (std::find(known.begin(), known.end(), value) != known.end()) return {};
  return Error{ErrorCode::config,
               fmt::format("gate.{}: '{}' is not known; expected {}{}", key, printable(value),
                           join(known, " or "), did_you_mean(value, known))};
}

Error bad(const std::string& segment, const std::string& message) {
  return {ErrorCode::bad_data, fmt::format("gate: segment '{}': {}", printable(segment), message)};
}

Status check_arm(const GateSegment& segment, const std::string& metric, const char* arm,
                 std::span<const double> values) {
  if (values.size() != segment.users.size()) {
    return bad(segment.name, fmt::format("{} of {} has {} values for {} users", metric, arm,
                                         values.size(), segment.users.size()));
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] >= 0 && values[i] <= 1) continue;
    return bad(segment.name, fmt::format("user '{}': {} of {} is {}; expected a number in [0, 1]",
                                         printable(segment.users[i]), metric, arm, values[i]));
  }
  return {};
}

Status check_metric(const GateSegment& segment, const std::string& metric) {
  const auto found = segment.metrics.find(metric);
  if (found == segment.metrics.end()) return bad(segment.name, metric + " is missing");
  SARTOR_TRY(check_arm(segment, metric, "general", found->second.general));
  if (!segment.candidate && found->second.chosen.empty()) return {};
  return check_arm(segment, metric, "chosen", found->second.chosen);
}

// Which segment each user was met in. Open addressing, because the gate's self-test asks for
// millions of users a second and a node for each would be most of the work.
class SeenUsers {
 public:
  explicit SeenUsers(std::size_t users) : slots_(std::bit_ceil(2 * users + 1), nullptr) {
    segments_.resize(slots_.size());
  }

  // The segment in which `user` was met before; null, and met from now on, if in none.
  const std::string* meet(const std::string& user, const GateSegment& segment) {
    std::size_t at = hash64(user, 0) & (slots_.size() - 1);
    while (slots_[at] != nullptr && *slots_[at] != user) at = (at + 1) & (slots_.size() - 1);
    if (slots_[at] != nullptr) return segments_[at];
    slots_[at] = &user;
    segments_[at] = &segment.name;
    return nullptr;
  }

 private:
  std::vector<const std::string*> slots_;
  std::vector<const std::string*> segments_;
};

Status check_users(const GateSegment& segment, SeenUsers& seen) {
  for (const std::string& user : segment.users) {
    const std::string* before = seen.meet(user, segment);
    if (before == nullptr) continue;
    return bad(segment.name, fmt::format("user '{}' is there already, in segment '{}'",
                                         printable(user), printable(*before)));
  }
  return {};
}

}  // namespace

Status check_gate_config(const GateConfig& config) {
  const auto metric = parse_metric(config.metric);
  if (!metric) return within("gate.metric", metric.error());
  for (const auto& [name, margin] : config.guards) {
    const auto guard = parse_metric(name);
    if (!guard) return within("gate.guards", guard.error());
    if (!(margin >= 0 && margin < 1)) {
      return Error{ErrorCode::config,
                   fmt::format("gate.guards.{}: {} is out of range; expected 0 up to, not "
                               "including, 1",
                               name, margin)};
    }
  }
  SARTOR_TRY(check_choice("guard_rule", config.guard_rule, {"joint", "each"}));
  return check_choice("users", config.users, {"all", "disjoint"});
}

Status check_gate_input(const GateInput& input) {
  SARTOR_TRY(check_gate_config(input.config));
  if (input.looks < 1) {
    return Error{ErrorCode::invalid_argument,
                 fmt::format("gate: looks is {}; expected 1 or more", input.looks)};
  }
  const GateConfig config = effective_config(input);
  std::size_t users = 0;
  for (const GateSegment& segment : input.segments) users += segment.users.size();
  SeenUsers seen(users);
  for (std::size_t i = 0; i < input.segments.size(); ++i) {
    const GateSegment& segment = input.segments[i];
    const bool twice =
        std::any_of(input.segments.begin(), input.segments.begin() + static_cast<long>(i),
                    [&](const auto& other) { return other.name == segment.name; });
    if (twice) return bad(segment.name, "the name is taken already");
    SARTOR_TRY(check_metric(segment, config.metric));
    for (const auto& [metric, margin] : config.guards) SARTOR_TRY(check_metric(segment, metric));
    if (!segment.half.empty() && segment.half.size() != segment.users.size()) {
      return bad(segment.name,
                 fmt::format("{} halves for {} users", segment.half.size(), segment.users.size()));
    }
    if (segment.validate && !std::isfinite(*segment.validate)) {
      return bad(segment.name, "the estimate on validate is not a finite number");
    }
    SARTOR_TRY(check_users(segment, seen));
  }
  return {};
}

// A hash makes segments of equal size only on average: four standard deviations of slack keep those
// that were meant to have min_users.
GateConfig effective_config(const GateInput& input) {
  GateConfig config = input.config;
  if (!input.control) return config;
  const double least = config.min_users - 4 * std::sqrt(config.min_users);
  config.min_gain = 0;
  config.guards.clear();
  config.min_users = std::max(2, static_cast<int>(std::ceil(least)));
  return config;
}

}  // namespace sartor
