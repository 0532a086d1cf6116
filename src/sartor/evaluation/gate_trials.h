// The gate's self-test: worlds of real users in which it is known which promotions are wrong, asked
// again and again with the people drawn anew. What a run keeps in its evidence is all they need.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "sartor/base/parallel.h"
#include "sartor/evaluation/gate.h"

namespace sartor {

// run_gate, or what a test has broken on purpose. Called from several threads.
using GateFunction = std::function<Result<GateResult>(const GateInput&)>;

// How people are brought to a known gain.
enum class Recentre {
  tilt,   // some are drawn more often than others (stats/tilt.h): every value stays a real one
  scale,  // the larger arm of the gate's metric is multiplied by a factor; all are drawn alike
};

// A user's two arms in an earlier window; general is NaN for who was not there.
struct EarlierUser {
  double general = kUnknown;
  double chosen = kUnknown;
};

// People, and what is true of them.
struct WorldSegment {
  const GateSegment* people = nullptr;
  double gain = 0;                       // relative, of the gate's metric: exactly this
  std::map<std::string, double> guards;  // likewise of guards; who is not named comes as it is
  double drift = 0;       // sd of what is added to `gain` on confirm alone, in each replicate anew
  std::size_t users = 0;  // in a replicate; 0: log-uniform from 50 to the world's most_users
  bool wrong = false;     // promoting it is an error
  // One per user of `people`, or none. With them the segment has GateWorld::candidates
  // winners-to-be, each a draw of its own with the same true gain in both windows; the best one's
  // earlier values choose it, and it meets the gate with the later values of the same users.
  std::vector<EarlierUser> before;
};

struct GateWorld {
  std::string name;  // seeds its random numbers, beside the seed
  GateConfig config;
  bool control = false;  // as in GateInput
  Recentre recentre = Recentre::tilt;
  int candidates = 1;
  std::size_t most_users = 20'000;     // of a segment whose size is drawn anew in each replicate
  std::vector<WorldSegment> segments;  // at most 64
};

struct WorldRates {
  std::size_t replicates = 0;
  std::size_t any_wrong = 0;  // replicates with a wrong promotion
  std::size_t two_wrong = 0;  // with two or more
  double tested = 0;          // segments per replicate
  double promoted = 0;
  double fdr = 0;           // mean share of wrong ones among promotions, 0 where there are none
  double fdr_error = 0;     // its standard error
  double power = kUnknown;  // promoted share of tested segments that are not wrong
  double effective = 1;     // least effective share of people (stats/tilt.h) over the segments
  std::vector<double> by_segment;  // share of replicates in which each was promoted

  double rate() const { return static_cast<double>(any_wrong) / static_cast<double>(replicates); }
};

// Draws every segment's people `replicates` times, with replacement, and asks `gate`. The numbers
// depend on the world, `replicates` and `seed` alone. Fails with `invalid_argument`, naming world
// and segment, where people cannot be brought to the wanted gain, or as `gate` does.
Result<WorldRates> try_world(const GateWorld& world, std::size_t replicates, std::uint64_t seed,
                             const GateFunction& gate, const Resources& resources);

// Whether people can be tilted to these gains, and are enough to tell: `min_informative` of them
// with different values.
bool can_be_tilted(const GateSegment& people, const GateConfig& config, double gain,
                   const std::map<std::string, double>& guards = {});

// How often one-sided tests of `n` people each reject at kTypeOneLevels what is exactly true.
inline constexpr std::array<double, 3> kTypeOneLevels = {.05, .005, .001};
struct TypeOneRates {
  std::size_t n = 0;
  std::size_t replicates = 0;
  std::array<double, 3> t{};      // Student's alone
  std::array<double, 3> hall{};   // Hall's alone
  std::array<double, 3> worse{};  // the gate's: the worse of both
};

// For every size in `sizes`; the populations take turns. Each is tilted to a gain of min_gain.
Result<std::vector<TypeOneRates>> type_one_rates(std::span<const GateSegment* const> populations,
                                                 const GateConfig& config,
                                                 std::span<const std::size_t> sizes,
                                                 std::size_t replicates, std::uint64_t seed,
                                                 const Resources& resources);

}  // namespace sartor
