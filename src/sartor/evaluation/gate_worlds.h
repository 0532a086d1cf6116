// Small invented worlds for the tests of the gate.
#pragma once

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "sartor/base/random.h"
#include "sartor/evaluation/gate.h"

namespace sartor {

// n users; 40 % of them see a change of up to 0.2 either way, and all gain `effect` of general.
inline GateArms arms(std::size_t n, double effect, Random& random) {
  GateArms out;
  for (std::size_t i = 0; i < n; ++i) {
    const double g = random.uniform(.25, .7);
    const double change = random.uniform() < .4 ? random.uniform(-.2, .2) : 0;
    out.general.push_back(g);
    out.chosen.push_back(g * (1 + effect) + change);
  }
  return out;
}

inline GateSegment segment(const std::string& name, std::size_t n, double effect,
                           double guard_effect = 0, std::uint64_t seed = 1) {
  Random random(seed);
  GateSegment out{.name = name};
  for (std::size_t i = 0; i < n; ++i) out.users.push_back(fmt::format("{}-{}", name, i));
  out.metrics["ndcg@10"] = arms(n, effect, random);
  out.metrics["recall@20"] = arms(n, guard_effect, random);
  return out;
}

inline GateResult decide(const GateInput& input) {
  auto result = run_gate(input);
  EXPECT_TRUE(result.has_value()) << (result ? "" : result.error().message);
  return result ? *result : GateResult{};
}

inline GateResult decide(std::vector<GateSegment> segments) {
  return decide(GateInput{.segments = std::move(segments)});
}

}  // namespace sartor
