// Which point to try next. One small interface over every way of choosing: the caller keeps the
// trials, asks for a point, measures its value, appends both, and asks again.
//
//   SARTOR_ASSIGN(auto sampler, make_sampler(space, {.sampler = "tpe", .seed = 1}));
//   for (int t = 0; t < trials; ++t) {
//     Point point = sampler->suggest(history);
//     history.push_back({point, loss(point)});
//   }
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sartor/base/fields.h"
#include "sartor/base/result.h"
#include "sartor/tuning/search_space.h"

namespace sartor {

// A point of the space and what it cost: the lower the better. A value that is not finite says that
// the trial failed; it counts as the worst.
struct Trial {
  Point point;
  double value = 0;
};

class Sampler {
 public:
  virtual ~Sampler() = default;

  virtual std::string_view name() const = 0;

  // The point for trial number history.size(). Depends on the space, the config and the history
  // alone, so that a search that was stopped goes on as if it had not been; what is kept between
  // calls only saves time. The points of `history` pass SearchSpace::check. One thread at a time.
  virtual Point suggest(std::span<const Trial> history) = 0;
};

struct SamplerConfig {
  std::string sampler = "auto";
  int trials = 100;  // how many there will be: the size of a grid
  std::uint64_t seed = 1;

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"sampler", &SamplerConfig::sampler, "auto, grid, random, quasi_random, tpe or gp"},
        Field{"trials", &SamplerConfig::trials, 1, 1e6, Scale::fixed, "how many are planned"},
        Field{"seed", &SamplerConfig::seed, 0, 9e15, Scale::fixed, "of every random choice"});
  }
};

// By config.sampler. Fails with `config` for an unknown name.
Result<std::unique_ptr<Sampler>> make_sampler(const SearchSpace& space,
                                              const SamplerConfig& config);

}  // namespace sartor
