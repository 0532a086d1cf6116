#include "sartor/tuning/bench_bbob.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "sartor/base/config_node.h"
#include "sartor/base/fields_json.h"
#include "sartor/base/usage.h"
#include "sartor/tuning/bbob.h"
#include "sartor/tuning/samplers.h"

namespace sartor {
namespace {

constexpr std::size_t kRandomSearches = 101;
constexpr std::uint64_t kRandomSeed = 1'000'000;  // away from the seeds that are compared

struct BbobBench {
  std::string sampler = "auto";
  int dimension = 5;
  int trials = 200;
  int seeds = 10;
  int instance = 1;

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"sampler", &BbobBench::sampler, "of sampler.h"},
        Field{"dimension", &BbobBench::dimension, 2, 40, Scale::fixed, "parameters"},
        Field{"trials", &BbobBench::trials, 2, 100000, Scale::fixed, "of a search"},
        Field{"seeds", &BbobBench::seeds, 1, 1000, Scale::fixed, "searches of a function"},
        Field{"instance", &BbobBench::instance, 1, 10000, Scale::fixed, "of the functions"});
  }
};

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return 0.5 * (values[(n - 1) / 2] + values[n / 2]);
}

Result<SearchSpace> box(std::size_t dimension) {
  std::vector<Parameter> parameters;
  for (std::size_t j = 0; j < dimension; ++j)
    parameters.push_back(Parameter::real(fmt::format("x{}", j), -kBbobBound, kBbobBound));
  return SearchSpace::make(std::move(parameters));
}

// The best value above the optimum.
double search(const BbobFunction& function, Sampler& sampler, int trials) {
  std::vector<Trial> history;
  double best = std::numeric_limits<double>::infinity();
  for (int t = 0; t < trials; ++t) {
    Point point = sampler.suggest(history);
    const double value = function(point);
    best = std::min(best, value - function.optimum());
    history.push_back({std::move(point), value});
  }
  return best;
}

// functions x `count` bests, seeds from `first`.
Result<std::vector<double>> searches(std::span<const BbobFunction> functions,
                                     const SearchSpace& space, const std::string& sampler,
                                     std::uint64_t first, std::size_t count, int trials,
                                     const Resources& resources) {
  std::vector<double> out(functions.size() * count);
  SARTOR_TRY(parallel_for(resources, out.size(), 1, [&](std::size_t begin, std::size_t) -> Status {
    SARTOR_ASSIGN(
        const auto one,
        make_sampler(space, {.sampler = sampler, .trials = trials, .seed = first + begin % count}));
    out[begin] = search(functions[begin / count], *one, trials);
    return {};
  }));
  return out;
}

// Microseconds of a suggestion for ten parameters after 1,000 trials.
Result<double> suggestion_time(const std::string& name) {
  SARTOR_ASSIGN(const SearchSpace space, box(10));
  SARTOR_ASSIGN(const auto sampler, make_sampler(space, {.sampler = name, .trials = 1000}));
  const auto random = make_random_sampler(space, 1);
  std::vector<Trial> history;
  const auto tell = [&](Point point) {
    double value = 0;
    for (const double x : point) value += x * x;
    history.push_back({std::move(point), value});
  };
  while (history.size() < 999) tell(random->suggest(history));
  tell(sampler->suggest(history));  // now it has read the first thousand
  std::vector<double> times;
  for (int i = 0; i < 21; ++i) {
    const auto start = std::chrono::steady_clock::now();
    Point point = sampler->suggest(history);
    times.push_back(1e6 * seconds_since(start));
    tell(std::move(point));
  }
  return median(times);
}

}  // namespace

Result<Json> bench_bbob(const Json& settings, const Resources& resources) {
  BbobBench config;
  SARTOR_TRY(read_config(node_from_json(settings), config, ""));
  SARTOR_ASSIGN(const SearchSpace space, box(static_cast<std::size_t>(config.dimension)));
  std::vector<BbobFunction> functions;
  for (int f = 1; f <= kBbobFunctions; ++f) {
    SARTOR_ASSIGN(auto function, BbobFunction::make(f, static_cast<std::size_t>(config.dimension),
                                                    config.instance));
    functions.push_back(std::move(function));
  }
  SARTOR_ASSIGN(const double at_1000, suggestion_time(config.sampler));
  SARTOR_ASSIGN(const auto random, searches(functions, space, "random", kRandomSeed,
                                            kRandomSearches, config.trials, resources));
  const auto seeds = static_cast<std::size_t>(config.seeds);
  const double cpu = cpu_seconds();
  const auto start = std::chrono::steady_clock::now();
  SARTOR_ASSIGN(const auto found,
                searches(functions, space, config.sampler, 0, seeds, config.trials, resources));
  const double wall = seconds_since(start), used = cpu_seconds() - cpu;
  Json rows = Json::array();
  double sum = 0;
  for (std::size_t f = 0; f < functions.size(); ++f) {
    const auto median_of = [&](const std::vector<double>& all, std::size_t count) {
      const auto begin = all.begin() + static_cast<std::ptrdiff_t>(f * count);
      return median({begin, begin + static_cast<std::ptrdiff_t>(count)});
    };
    const double best = median_of(found, seeds), plain = median_of(random, kRandomSearches);
    sum += best / plain;
    rows.push_back({{"function", f + 1},
                    {"name", functions[f].name()},
                    {"ratio", best / plain},
                    {"best", best},
                    {"random", plain},
                    {"optimum", functions[f].optimum()}});
  }
  Json out = config_json(config);
  out["name"] = "bbob";
  out["score"] = sum / static_cast<double>(functions.size());
  out["functions"] = std::move(rows);
  out["seconds"] = wall;
  out["cpu_seconds"] = used;
  out["suggest_us"] = 1e6 * used / static_cast<double>(functions.size() * seeds) /
                      static_cast<double>(config.trials);
  out["suggest_us_at_1000"] = at_1000;
  out["peak_rss_mb"] = peak_rss_mb();
  out["threads"] = resources.threads;
  return out;
}

}  // namespace sartor
