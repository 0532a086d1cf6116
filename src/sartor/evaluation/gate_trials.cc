// A population is the people that a run has seen; a replicate is a bootstrap sample of it. Under
// weights w with sum w (c - (1 + x) g) = 0 the population's relative gain is exactly x, so it is
// known, not estimated, whether "gain <= min_gain" holds.
#include "sartor/evaluation/gate_trials.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <optional>

#include "sartor/base/checksum.h"
#include "sartor/base/text.h"
#include "sartor/stats/paired.h"
#include "sartor/stats/tilt.h"

namespace sartor {
namespace {

constexpr std::size_t kReplicatesPerBlock = 4;
constexpr std::size_t kMostSegments = 64;  // bits of a mask
constexpr double kFewestUsers = 50;

// Weights under which the people have these gains exactly.
Result<std::vector<double>> weights_for_gains(const GateSegment& people, const std::string& metric,
                                              double gain,
                                              const std::map<std::string, double>& guards) {
  std::vector<std::vector<double>> columns;
  const auto add = [&](const std::string& name, double wanted) {
    const GateArms& arms = people.metrics.at(name);
    columns.push_back(contrast(arms.chosen, arms.general, wanted));
  };
  add(metric, gain);
  for (const auto& [name, wanted] : guards) add(name, wanted);
  return tilt_to_zero(columns);
}

// Brings the arms to a gain by making the larger one smaller: values stay in [0, 1].
void scale_to_gain(double gain, GateArms& arms) {
  const double factor = (1 + gain) * mean(arms.general) / mean(arms.chosen);
  auto& larger = factor <= 1 ? arms.chosen : arms.general;
  for (double& value : larger) value *= factor <= 1 ? factor : 1 / factor;
}

// Earlier differences whose mean under the weights is what `gain` says; NaN who was not there.
std::vector<double> earlier_differences(const WorldSegment& spec, std::span<const double> weights) {
  double weight = 0, general = 0, difference = 0;
  for (std::size_t i = 0; i < spec.before.size(); ++i) {
    const EarlierUser& user = spec.before[i];
    if (std::isnan(user.general)) continue;
    weight += weights[i];
    general += weights[i] * user.general;
    difference += weights[i] * (user.chosen - user.general);
  }
  const double shift = weight > 0 ? (spec.gain * general - difference) / weight : 0;
  std::vector<double> out;
  for (const EarlierUser& user : spec.before) out.push_back(user.chosen - user.general + shift);
  return out;
}

// A segment ready to be drawn from.
struct Population {
  const WorldSegment* spec = nullptr;
  std::map<std::string, GateArms> arms;
  WeightedDraw draw;
  double effective = 1;
  std::vector<double> before;
  std::vector<std::string> names;  // of the drawn
};

// Which segments a replicate tested and promoted, as masks.
struct Outcome {
  std::uint64_t tested = 0;
  std::uint64_t promoted = 0;
};

class WorldTrial {
 public:
  WorldTrial(const GateWorld& world, const GateFunction& gate) : world_(world), gate_(gate) {}

  Status prepare() {
    if (world_.segments.empty() || world_.segments.size() > kMostSegments) {
      return Error{ErrorCode::invalid_argument,
                   fmt::format("world '{}': {} segments; expected 1 to {}", world_.name,
                               world_.segments.size(), kMostSegments)};
    }
    for (const WorldSegment& spec : world_.segments) {
      SARTOR_ASSIGN(Population made, population(spec));
      populations_.push_back(std::move(made));
      wrong_ |= std::uint64_t{spec.wrong} << (populations_.size() - 1);
    }
    return {};
  }

  Result<Outcome> replicate(Random random) const {
    GateInput input{.config = world_.config, .control = world_.control};
    for (std::size_t s = 0; s < populations_.size(); ++s) {
      SARTOR_ASSIGN(GateSegment drawn, draw(populations_[s], random));
      drawn.name = fmt::format("{}", s);
      input.segments.push_back(std::move(drawn));
    }
    SARTOR_ASSIGN(const GateResult result, gate_(input));
    Outcome out;
    for (std::size_t s = 0; s < result.segments.size(); ++s) {
      out.tested |= std::uint64_t{result.segments[s].tested} << s;
      out.promoted |= std::uint64_t{result.segments[s].adapted} << s;
    }
    return out;
  }

  WorldRates rates(std::span<const Outcome> outcomes) const {
    WorldRates out{.replicates = outcomes.size(), .by_segment = std::vector<double>(size(), 0)};
    const auto n = static_cast<double>(outcomes.size());
    double right_tested = 0, right_promoted = 0, squares = 0;
    for (const Outcome& one : outcomes) {
      const int promoted = std::popcount(one.promoted);
      const int wrong = std::popcount(one.promoted & wrong_);
      out.any_wrong += wrong > 0 ? 1 : 0;
      out.two_wrong += wrong > 1 ? 1 : 0;
      out.tested += std::popcount(one.tested);
      out.promoted += promoted;
      right_tested += std::popcount(one.tested & ~wrong_);
      right_promoted += promoted - wrong;
      const double share = promoted > 0 ? static_cast<double>(wrong) / promoted : 0;
      out.fdr += share;
      squares += share * share;
      for (std::size_t s = 0; s < size(); ++s)
        out.by_segment[s] += static_cast<double>(one.promoted >> s & 1);
    }
    for (double& count : out.by_segment) count /= n;
    out.tested /= n;
    out.promoted /= n;
    out.fdr /= n;
    out.fdr_error = std::sqrt(std::max(0.0, squares / n - out.fdr * out.fdr) / n);
    if (right_tested > 0) out.power = right_promoted / right_tested;
    for (const Population& one : populations_)
      out.effective = std::min(out.effective, one.effective);
    return out;
  }

 private:
  std::size_t size() const { return populations_.size(); }

  Error within_segment(const WorldSegment& spec, const Error& error) const {
    return {error.code, fmt::format("world '{}', segment '{}': {}", world_.name,
                                    printable(spec.people->name), error.message)};
  }

  Result<Population> population(const WorldSegment& spec) const {
    Population out{.spec = &spec, .arms = spec.people->metrics};
    std::vector<double> weights(spec.people->users.size(),
                                1 / static_cast<double>(spec.people->users.size()));
    if (world_.recentre == Recentre::scale) {
      scale_to_gain(spec.gain, out.arms.at(world_.config.metric));
    } else {
      auto tilted = weights_for_gains(*spec.people, world_.config.metric, spec.gain, spec.guards);
      if (!tilted) return within_segment(spec, tilted.error());
      weights = std::move(*tilted);
    }
    out.effective = effective_share(weights);
    out.draw = WeightedDraw(weights);
    out.before = earlier_differences(spec, weights);
    const auto s = populations_.size();
    const std::size_t most = spec.users > 0 ? spec.users : world_.most_users;
    for (std::size_t i = 0; i < most; ++i) out.names.push_back(fmt::format("{}:{}", s, i));
    return out;
  }

  // Who is in the sample, and what the winner's estimate was before.
  struct Sample {
    std::vector<std::uint32_t> people;
    std::optional<double> validate;
  };

  static Sample sample(const Population& from, const WeightedDraw& draw, std::size_t users,
                       Random& random) {
    Sample out;
    double sum = 0;
    std::size_t known = 0;
    for (std::size_t i = 0; i < users; ++i) {
      const std::size_t person = draw(random);
      out.people.push_back(static_cast<std::uint32_t>(person));
      if (from.before.empty() || std::isnan(from.before[person])) continue;
      sum += from.before[person];
      ++known;
    }
    if (known > 0) out.validate = sum / static_cast<double>(known);
    return out;
  }

  Result<GateSegment> draw(const Population& from, Random& random) const {
    const WorldSegment& spec = *from.spec;
    std::size_t users = spec.users;
    if (users == 0) {
      users = static_cast<std::size_t>(std::exp(random.uniform(
          std::log(kFewestUsers), std::log(static_cast<double>(world_.most_users)))));
    }
    WeightedDraw moved;  // where confirm is not what is true for good
    if (spec.drift > 0) {
      const double gain = spec.gain + spec.drift * random.normal();
      auto tilted = weights_for_gains(*spec.people, world_.config.metric, gain, spec.guards);
      if (!tilted) return within_segment(spec, tilted.error());
      moved = WeightedDraw(*tilted);
    }
    const WeightedDraw& draw = spec.drift > 0 ? moved : from.draw;
    Sample best = sample(from, draw, users, random);
    for (int k = 1; k < (from.before.empty() ? 1 : world_.candidates); ++k) {
      Sample other = sample(from, draw, users, random);
      if (other.validate > best.validate) best = std::move(other);
    }
    GateSegment out{.validate = best.validate};
    out.users.assign(from.names.begin(), from.names.begin() + static_cast<std::ptrdiff_t>(users));
    for (const auto& [metric, arms] : from.arms) {
      GateArms& drawn = out.metrics[metric];
      drawn.general.reserve(users);
      drawn.chosen.reserve(users);
      for (const std::uint32_t person : best.people) {
        drawn.general.push_back(arms.general[person]);
        drawn.chosen.push_back(arms.chosen[person]);
      }
    }
    return out;
  }

  const GateWorld& world_;
  const GateFunction& gate_;
  std::vector<Population> populations_;
  std::uint64_t wrong_ = 0;
};

// Whether each of the three p-values is small enough, by level.
struct TypeOneCounts {
  std::array<std::uint8_t, 3> t{}, hall{}, worse{};
};

TypeOneCounts count_rejections(const PairedTest& test) {
  TypeOneCounts out;
  for (std::size_t a = 0; a < kTypeOneLevels.size(); ++a) {
    out.t[a] = test.p_t <= kTypeOneLevels[a];
    out.hall[a] = test.p_h <= kTypeOneLevels[a];
    out.worse[a] = test.p <= kTypeOneLevels[a];
  }
  return out;
}

}  // namespace

Result<WorldRates> try_world(const GateWorld& world, std::size_t replicates, std::uint64_t seed,
                             const GateFunction& gate, const Resources& resources) {
  WorldTrial trial(world, gate);
  SARTOR_TRY(trial.prepare());
  std::vector<Outcome> outcomes(replicates);
  const std::uint64_t own_seed = hash64(world.name, seed);
  resources.begin_step(world.name, replicates);
  SARTOR_TRY(parallel_for(resources, replicates, kReplicatesPerBlock,
                          [&](std::size_t begin, std::size_t end) -> Status {
                            for (std::size_t r = begin; r < end; ++r) {
                              SARTOR_ASSIGN(outcomes[r],
                                            trial.replicate(Random::stream(own_seed, r)));
                            }
                            resources.advance(end - begin);
                            return {};
                          }));
  return trial.rates(outcomes);
}

bool can_be_tilted(const GateSegment& people, const GateConfig& config, double gain,
                   const std::map<std::string, double>& guards) {
  const GateArms& arms = people.metrics.at(config.metric);
  if (!people.candidate || arms.general.size() != arms.chosen.size()) return false;
  const Moments d = moments(contrast(arms.chosen, arms.general, 0));
  if (d.nonzero < static_cast<std::size_t>(config.min_informative)) return false;
  return weights_for_gains(people, config.metric, gain, guards).has_value();
}

Result<std::vector<TypeOneRates>> type_one_rates(std::span<const GateSegment* const> populations,
                                                 const GateConfig& config,
                                                 std::span<const std::size_t> sizes,
                                                 std::size_t replicates, std::uint64_t seed,
                                                 const Resources& resources) {
  std::vector<std::vector<double>> d;
  std::vector<WeightedDraw> draws;
  for (const GateSegment* people : populations) {
    const GateArms& arms = people->metrics.at(config.metric);
    d.push_back(contrast(arms.chosen, arms.general, config.min_gain));
    SARTOR_ASSIGN(const auto weights, tilt_to_zero({&d.back(), 1}));
    draws.emplace_back(weights);
  }
  std::vector<TypeOneRates> out;
  for (const std::size_t n : sizes) {
    resources.begin_step(fmt::format("tests of {} users", n), replicates);
    std::vector<TypeOneCounts> counts(replicates);
    const auto block = [&](std::size_t begin, std::size_t end) -> Status {
      std::vector<double> values(n);
      for (std::size_t r = begin; r < end; ++r) {
        Random random = Random::stream(hash64("type one", seed + n), r);
        const std::size_t p = r % d.size();
        for (double& value : values) value = d[p][draws[p](random)];
        const Moments sampled = moments(values);
        if (sampled.m2 > 0) counts[r] = count_rejections(paired_test(sampled));
      }
      resources.advance(end - begin);
      return {};
    };
    SARTOR_TRY(parallel_for(resources, replicates, 64, block));
    TypeOneRates rates{.n = n, .replicates = replicates};
    for (const TypeOneCounts& one : counts) {
      for (std::size_t a = 0; a < kTypeOneLevels.size(); ++a) {
        rates.t[a] += one.t[a] / static_cast<double>(replicates);
        rates.hall[a] += one.hall[a] / static_cast<double>(replicates);
        rates.worse[a] += one.worse[a] / static_cast<double>(replicates);
      }
    }
    out.push_back(rates);
  }
  return out;
}

}  // namespace sartor
