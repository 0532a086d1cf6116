#include "sartor/tuning/search_space.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sartor {
namespace {

struct Toy {
  int factors = 64;
  double rate = 0.1;
  bool warm = false;
  float fixed = 1;
  std::string solver = "cg";
  static constexpr auto fields() {
    return std::make_tuple(Field{"factors", &Toy::factors, 1, 1024, Scale::log, ""},
                           Field{"rate", &Toy::rate, 0, 1, Scale::linear, ""},
                           Field{"warm", &Toy::warm, 0, 1, Scale::linear, ""},
                           Field{"fixed", &Toy::fixed, 0, 9, Scale::fixed, ""},
                           Field{"solver", &Toy::solver, "cg or cholesky"});
  }
};

std::string error_of(std::vector<Parameter> parameters) {
  const auto space = SearchSpace::make(std::move(parameters));
  if (space) return "";
  EXPECT_EQ(space.error().code, ErrorCode::config);
  return space.error().message;
}

TEST(SearchSpace, ComesFromTheListOfFields) {
  const auto parameters = parameters_of<Toy>("als.");
  ASSERT_EQ(parameters.size(), 3u);
  EXPECT_EQ(parameters[0].name, "als.factors");
  EXPECT_EQ(parameters[0].kind, ParameterKind::integer);
  EXPECT_EQ(parameters[0].scale, Scale::log);
  EXPECT_EQ(parameters[0].high, 1024);
  EXPECT_EQ(parameters[1].kind, ParameterKind::real);
  EXPECT_EQ(parameters[2].choices, (std::vector<std::string>{"false", "true"}));
}

TEST(SearchSpace, APointIsWrittenBackIntoTheConfig) {
  auto parameters = parameters_of<Toy>("als.");
  parameters.push_back(Parameter::categorical("als.solver", {"cg", "cholesky"}));
  const auto space = SearchSpace::make(parameters);
  ASSERT_TRUE(space.has_value());
  Toy toy;
  write_point(*space, Point{32, 0.5, 1, 1}, "als.", toy);
  EXPECT_EQ(toy.factors, 32);
  EXPECT_EQ(toy.rate, 0.5);
  EXPECT_TRUE(toy.warm);
  EXPECT_EQ(toy.solver, "cholesky");
  EXPECT_EQ(toy.fixed, 1);
  EXPECT_EQ(space->describe(Point{32, 0.5, 1, kAbsent}),
            "als.factors=32 als.rate=0.5 als.warm=true");
}

TEST(SearchSpace, SharesFollowTheScale) {
  const auto space = *SearchSpace::make(
      {Parameter::real("log", 1e-4, 1, Scale::log), Parameter::real("linear", -2, 6),
       Parameter::integer("whole", 1, 4), Parameter::categorical("kind", {"a", "b", "c"})});
  EXPECT_NEAR(space.value_at(0, 0.5), 1e-2, 1e-12);
  EXPECT_EQ(space.value_at(1, 0.25), 0);
  EXPECT_EQ(space.value_at(2, 0.26), 2);  // [1, 4] in four equal parts
  EXPECT_EQ(space.value_at(2, 1.0), 4);
  EXPECT_EQ(space.value_at(3, 0.99), 2);
  EXPECT_EQ(space.value_at(0, 1.0), 1);
  EXPECT_NEAR(space.share_of(0, 1e-1), 0.75, 1e-12);
  EXPECT_EQ(space.share_of(2, 2), 0.375);
  EXPECT_NEAR(space.share_of(3, 1), 0.5, 1e-12);
  for (std::size_t i = 0; i < space.size(); ++i)
    for (const double u : {0.1, 0.4, 0.6, 0.9}) {
      const double value = space.value_at(i, u);
      EXPECT_NEAR(space.value_at(i, space.share_of(i, value)), value, 1e-9) << space[i].name;
    }
}

TEST(SearchSpace, ChildrenExistWithTheirParentsChoiceOnly) {
  const auto space = *SearchSpace::make(
      {Parameter::categorical("model", {"als", "knn"}),
       Parameter::categorical("solver", {"cg", "cholesky"}).only_if("model", "als"),
       Parameter::integer("steps", 1, 20).only_if("solver", "cg"),
       Parameter::integer("k", 5, 500, Scale::log).only_if("model", "knn")});
  const Point als = space.point_at(std::vector<double>{0.1, 0.1, 0.1, 0.1});
  EXPECT_FALSE(is_absent(als[2]));
  EXPECT_TRUE(is_absent(als[3]));
  const Point knn = space.point_at(std::vector<double>{0.9, 0.1, 0.1, 0.1});
  EXPECT_TRUE(is_absent(knn[1]));
  EXPECT_TRUE(is_absent(knn[2]));  // its parent is not there either
  EXPECT_FALSE(is_absent(knn[3]));
  EXPECT_TRUE(space.check(als).has_value());
  EXPECT_TRUE(space.check(knn).has_value());
  Point wrong = knn;
  wrong[1] = 0;
  EXPECT_EQ(space.check(wrong).error().message,
            "parameter solver: 0: expected none, for model is not 'als'");
  wrong = knn;
  wrong[3] = 5.5;
  EXPECT_EQ(space.check(wrong).error().message,
            "parameter k: 5.5: expected a whole number, 5 to 500");
  EXPECT_EQ(space.check(Point{1}).error().message, "point: 1 values; expected 4");
}

TEST(SearchSpace, BadParametersAreNamed) {
  EXPECT_EQ(error_of({}), "search space: no parameters");
  EXPECT_EQ(error_of({Parameter::real("a", 2, 2)}),
            "parameter a: range 2 to 2: expected low below high");
  EXPECT_EQ(error_of({Parameter::real("a", 0, 1, Scale::log)}),
            "parameter a: range 0 to 1: a log scale needs low above 0");
  EXPECT_EQ(error_of({Parameter::real("a", 0, INFINITY)}),
            "parameter a: range 0 to inf: expected finite numbers");
  EXPECT_EQ(error_of({Parameter::real("a", 0, 1, Scale::fixed)}),
            "parameter a: scale fixed: expected linear or log");
  EXPECT_EQ(error_of({Parameter::integer("a", 0.5, 3)}),
            "parameter a: range 0.5 to 3: expected whole numbers");
  EXPECT_EQ(error_of({Parameter::real("a", 0, 1), Parameter::real("a", 0, 1)}),
            "parameter a: stands twice");
  EXPECT_EQ(error_of({Parameter::categorical("a", {})}),
            "parameter a: no choices; expected one at least");
  EXPECT_EQ(error_of({Parameter::categorical("a", {"x", "y", "x"})}),
            "parameter a: choice 'x' stands twice");
  EXPECT_EQ(error_of({Parameter::real("a", 0, 1).only_if("b", "x")}),
            "parameter a: exists by 'b'; expected a categorical parameter before it");
  EXPECT_EQ(error_of({Parameter::categorical("b", {"x", "y"}),
                      Parameter::real("a", 0, 1).only_if("b", "z")}),
            "parameter a: exists where b = 'z'; expected x, y");
}

}  // namespace
}  // namespace sartor
