#include "sartor/tuning/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "sartor/base/test_place.h"
#include "sartor/tuning/parzen.h"
#include "sartor/tuning/samplers.h"

namespace sartor {
namespace {

const std::vector<std::string> kAll = {"auto", "gp", "grid", "quasi_random", "random", "tpe"};

SearchSpace mixed_space() {
  return *SearchSpace::make(
      {Parameter::categorical("model", {"als", "knn", "ease"}),
       Parameter::real("rate", 1e-4, 1, Scale::log),
       Parameter::integer("factors", 1, 64, Scale::log).only_if("model", "als"),
       Parameter::integer("k", 1, 9).only_if("model", "knn")});
}

// Least at model = als, rate = 1e-2, factors = 16.
double mixed_loss(const Point& p) {
  const double rate = std::log10(p[1]) + 2;
  if (p[0] == 0) return 0.1 * rate * rate + 0.1 * std::pow(std::log2(p[2]) - 4, 2);
  return 0.5 + 0.1 * rate * rate + (p[0] == 1 ? 0.02 * std::abs(p[3] - 7) : 0.3);
}

std::vector<Trial> searched(Sampler& sampler, double (*loss)(const Point&), int trials) {
  std::vector<Trial> history;
  for (int t = 0; t < trials; ++t) {
    Point point = sampler.suggest(history);
    const double value = loss(point);
    history.push_back({std::move(point), value});
  }
  return history;
}

double best_of(std::span<const Trial> history) {
  return history[best_first(history).front()].value;
}

std::unique_ptr<Sampler> made(const std::string& name, const SearchSpace& space,
                              std::uint64_t seed = 1, int trials = 60) {
  auto sampler = make_sampler(space, {.sampler = name, .trials = trials, .seed = seed});
  EXPECT_TRUE(sampler.has_value());
  return std::move(*sampler);
}

// What every sampler owes.
TEST(Samplers, SuggestPointsOfTheSpaceAndRepeatThemselves) {
  const SearchSpace space = mixed_space();
  for (const std::string& name : kAll) {
    const auto first = made(name, space), second = made(name, space);
    EXPECT_EQ(first->name(), name);
    const auto history = searched(*first, mixed_loss, 40),
               again = searched(*second, mixed_loss, 40);
    for (std::size_t t = 0; t < history.size(); ++t) {
      EXPECT_TRUE(space.check(history[t].point).has_value()) << name << " " << t;
      EXPECT_EQ(history[t].value, again[t].value) << name << " " << t;
    }
    const auto other = searched(*made(name, space, 2), mixed_loss, 40);
    EXPECT_NE(space.describe(history[5].point), space.describe(other[5].point)) << name;
  }
}

TEST(Samplers, AStoppedSearchGoesOnAsIfItHadNotBeen) {
  const SearchSpace space = mixed_space();
  for (const std::string& name : kAll) {
    const auto steady = made(name, space);
    const auto history = searched(*steady, mixed_loss, 33);
    const auto fresh = made(name, space);  // has seen none of it
    EXPECT_EQ(space.describe(fresh->suggest(history)), space.describe(steady->suggest(history)))
        << name;
    // and one that has seen another search
    searched(
        *fresh, [](const Point& p) { return p[1]; }, 20);
    EXPECT_EQ(space.describe(fresh->suggest(history)), space.describe(steady->suggest(history)))
        << name;
  }
}

TEST(Samplers, FailedTrialsAreTheWorst) {
  const SearchSpace space = mixed_space();
  const auto loss = [](const Point& p) {
    return p[0] == 2 ? std::nan("") : p[0] == 1 ? INFINITY : mixed_loss(p);
  };
  for (const std::string name : {"gp", "tpe"}) {
    const auto history = searched(*made(name, space), loss, 60);
    int failed = 0;
    for (std::size_t t = 30; t < 60; ++t) failed += !std::isfinite(history[t].value);
    EXPECT_LT(failed, 15) << name;  // two thirds of all points at random
    EXPECT_LT(best_of(history), 0.1) << name;
  }
  // Nothing but failures: still points of the space.
  for (const std::string& name : kAll) {
    const auto all = searched(
        *made(name, space), [](const Point&) { return std::nan(""); }, 25);
    EXPECT_TRUE(space.check(all.back().point).has_value()) << name;
  }
}

TEST(Samplers, LearnFromConditionalAndCategoricalParameters) {
  const SearchSpace space = mixed_space();
  for (const std::string name : {"auto", "gp", "tpe"}) {
    double sum = 0, random = 0;
    for (std::uint64_t seed = 1; seed <= (kSanitized ? 1 : 5); ++seed) {
      sum += best_of(searched(*made(name, space, seed), mixed_loss, 60));
      random += best_of(searched(*made("random", space, seed), mixed_loss, 60));
    }
    EXPECT_LT(sum, 0.5 * random) << name;
  }
}

TEST(Samplers, UnknownNamesAreErrors) {
  const auto made_up = make_sampler(mixed_space(), {.sampler = "tpee"});
  ASSERT_FALSE(made_up.has_value());
  EXPECT_EQ(made_up.error().code, ErrorCode::config);
  EXPECT_EQ(made_up.error().message,
            "sampler: 'tpee'; expected one of auto, gp, grid, quasi_random, random, tpe (did you "
            "mean 'tpe'?)");
  EXPECT_EQ(make_sampler(mixed_space(), {.trials = 0}).error().code, ErrorCode::config);
}

double bowl(const Point& p) {
  double sum = 0;
  for (std::size_t j = 0; j < p.size(); ++j) sum += (p[j] - 0.3) * (p[j] - 0.3);
  return sum;
}

TEST(GpSampler, FindsTheBottomOfABowlInFiftyTrials) {
  const auto space = *SearchSpace::make(
      {Parameter::real("a", -1, 1), Parameter::real("b", -1, 1), Parameter::real("c", -1, 1)});
  EXPECT_LT(best_of(searched(*made("gp", space), bowl, 50)), 1e-3);
}

TEST(GpSampler, IsBoundedByLongHistories) {
  const auto space = *SearchSpace::make({Parameter::real("a", -1, 1), Parameter::real("b", -1, 1)});
  auto history = searched(*made("random", space), bowl, 1000);
  const Point next = made("gp", space)->suggest(history);
  EXPECT_TRUE(space.check(next).has_value());
  EXPECT_LT(bowl(next), 0.05);
}

TEST(GridSampler, TakesEveryCombinationOnce) {
  const auto space =
      *SearchSpace::make({Parameter::categorical("a", {"x", "y"}), Parameter::integer("n", 1, 3),
                          Parameter::real("r", 0, 1).only_if("a", "y")});
  // x: 3 whole numbers; y: 3 x L reals. 3 + 3 L <= 20: L = 5, and n stops at 3.
  const auto history = searched(
      *made("grid", space, 1, 20), [](const Point& p) { return p[1]; }, 20);
  std::set<std::string> grid, reals;
  for (std::size_t t = 0; t < 18; ++t) {
    grid.insert(space.describe(history[t].point));
    if (history[t].point[0] == 1) reals.insert(std::to_string(history[t].point[2]));
  }
  EXPECT_EQ(grid.size(), 18u);
  EXPECT_EQ(reals.size(), 5u);
}

TEST(QuasiRandomSampler, CoversMoreEvenlyThanRandom) {
  const auto space = *SearchSpace::make({Parameter::real("a", 0, 8), Parameter::real("b", 0, 8)});
  // How many of 64 cells 64 points leave empty.
  const auto empty = [&](const std::string& name) {
    std::set<int> cells;
    for (const Trial& trial : searched(*made(name, space), bowl, 64))
      cells.insert(static_cast<int>(trial.point[0]) * 8 + static_cast<int>(trial.point[1]));
    return 64 - static_cast<int>(cells.size());
  };
  EXPECT_LT(empty("quasi_random"), 16);
  EXPECT_GT(empty("random"), 16);  // 64 / e = 23.5 expected
}

// The kernels' masses are 1: the mean density over even points is 1.
TEST(Parzen, IsADensityOverConditionalSpaces) {
  const auto space = *SearchSpace::make({Parameter::categorical("m", {"x", "y"}),
                                         Parameter::real("a", 0, 1).only_if("m", "x"),
                                         Parameter::real("b", 0, 1)});
  const float none = std::nanf("");
  const ParzenPoints points{{{0, 0, 1, 0}, {0.1f, 0.15f, none, 0.9f}, {0.5f, 0.02f, 0.98f, 0.3f}}};
  const std::vector<std::size_t> rows = {0, 1, 2, 3};
  const Parzen parzen(space, points, rows);
  double sum = 0;
  constexpr int kSteps = 100;
  for (int i = 0; i < kSteps; ++i) {
    const auto b = (static_cast<float>(i) + 0.5f) / kSteps;
    for (int j = 0; j < kSteps; ++j) {
      const auto a = (static_cast<float>(j) + 0.5f) / kSteps;
      sum += std::exp(parzen.log_density(std::vector<float>{0, a, b}));
    }
    sum += kSteps * std::exp(parzen.log_density(std::vector<float>{1, none, b}));
  }
  EXPECT_NEAR(sum / (2 * kSteps * kSteps), 1, 1e-3);
}

// Two equal points: the kernel has the least bandwidth, 1 / (2 (2 + 2)); the density at its middle
// is (1 + 2 phi(0) 8 / (1 - 2 P(Z > 4))) / 3.
TEST(Parzen, ByHand) {
  const auto space = *SearchSpace::make({Parameter::real("a", 0, 1)});
  const ParzenPoints points{{{0.5f, 0.5f}}};
  const std::vector<std::size_t> rows = {0, 1};
  const double peak = 0.3989422804 * 8 / (1 - 2 * 3.167124e-5);
  const Parzen parzen(space, points, rows);
  EXPECT_NEAR(parzen.log_density(std::vector<float>{0.5f}), std::log((1 + 2 * peak) / 3), 1e-5);
  const double off = peak * std::exp(-0.5);
  EXPECT_NEAR(parzen.log_density(std::vector<float>{0.625f}), std::log((1 + 2 * off) / 3), 1e-5);
}

TEST(Parzen, HundredParametersDoNotOverflow) {
  std::vector<Parameter> parameters;
  ParzenPoints points;
  for (int j = 0; j < 100; ++j) {
    parameters.push_back(Parameter::real("p" + std::to_string(j), 0, 1));
    points.columns.push_back(std::vector<float>(200, 0.5f));
  }
  const auto space = *SearchSpace::make(std::move(parameters));
  std::vector<std::size_t> rows(200);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = i;
  const Parzen parzen(space, points, rows);
  // Bandwidth .01, no mass outside: (100 phi(0))^100 200 / 201.
  EXPECT_NEAR(parzen.log_density(std::vector<float>(100, 0.5f)),
              100 * std::log(39.89422804) + std::log(200.0 / 201), 1e-2);
}

}  // namespace
}  // namespace sartor
