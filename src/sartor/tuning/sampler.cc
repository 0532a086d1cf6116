#include "sartor/tuning/sampler.h"

#include <fmt/core.h>

#include "sartor/base/text.h"
#include "sartor/tuning/samplers.h"

namespace sartor {
namespace {

class AutoSampler final : public Sampler {
 public:
  AutoSampler(const SearchSpace& space, std::uint64_t seed)
      : few_(make_gp_sampler(space, seed)), many_(make_tpe_sampler(space, seed)) {}
  std::string_view name() const override { return "auto"; }
  Point suggest(std::span<const Trial> history) override {
    return (history.size() < kGpTrials ? few_ : many_)->suggest(history);
  }

 private:
  std::unique_ptr<Sampler> few_, many_;
};

}  // namespace

std::unique_ptr<Sampler> make_auto_sampler(const SearchSpace& space, std::uint64_t seed) {
  return std::make_unique<AutoSampler>(space, seed);
}

Result<std::unique_ptr<Sampler>> make_sampler(const SearchSpace& space,
                                              const SamplerConfig& config) {
  const std::string& name = config.sampler;
  if (config.trials < 1)
    return Error{ErrorCode::config, fmt::format("trials: {}; expected 1 at least", config.trials)};
  if (name == "auto") return make_auto_sampler(space, config.seed);
  if (name == "grid") return make_grid_sampler(space, config.trials, config.seed);
  if (name == "random") return make_random_sampler(space, config.seed);
  if (name == "quasi_random") return make_quasi_random_sampler(space, config.seed);
  if (name == "tpe") return make_tpe_sampler(space, config.seed);
  if (name == "gp") return make_gp_sampler(space, config.seed);
  static const std::vector<std::string> kNames = {"auto",         "gp",     "grid",
                                                  "quasi_random", "random", "tpe"};
  return Error{ErrorCode::config, fmt::format("sampler: '{}'; expected one of {}{}", name,
                                              join(kNames, ", "), did_you_mean(name, kNames))};
}

}  // namespace sartor
