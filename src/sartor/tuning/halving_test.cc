#include "sartor/tuning/halving.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace sartor {
namespace {

using testing::ElementsAre;

TEST(Halving, RungsGrowByTheFactorAndEndAtMost) {
  EXPECT_THAT(*rung_budgets({.least = 1, .most = 27, .factor = 3}), ElementsAre(1, 3, 9, 27));
  EXPECT_THAT(*rung_budgets({.least = 2, .most = 50, .factor = 4}), ElementsAre(2, 8, 32, 50));
  EXPECT_THAT(*rung_budgets({.least = 5, .most = 5, .factor = 2}), ElementsAre(5));
}

TEST(Halving, BadConfigNamesTheField) {
  EXPECT_EQ(rung_budgets({.least = 10, .most = 5}).error().message,
            "most: 5; expected a number not below least");
  EXPECT_EQ(rung_budgets({.least = 0}).error().code, ErrorCode::config);
  EXPECT_EQ(rung_budgets({.factor = 1}).error().code, ErrorCode::config);
  EXPECT_EQ(rung_budgets({.most = std::nan("")}).error().code, ErrorCode::config);
}

TEST(Halving, TheBestThirdGoesOn) {
  const std::vector<double> values = {.9, .2, .5, .7, .1, .8, .4, .3, .6};
  EXPECT_THAT(halving_survivors(values, 3), ElementsAre(4, 1, 7));
  EXPECT_THAT(halving_survivors(std::vector<double>{.9, .2}, 3), ElementsAre(1));
  EXPECT_THAT(halving_survivors(std::vector<double>{.5, .5, .5, .5}, 2), ElementsAre(0, 1));
  EXPECT_TRUE(halving_survivors({}, 3).empty());
}

TEST(Halving, WhatFailedNeverGoesOn) {
  const double failed = std::nan("");
  EXPECT_THAT(halving_survivors(std::vector<double>{failed, .2, failed, INFINITY}, 2),
              ElementsAre(1));
  EXPECT_TRUE(halving_survivors(std::vector<double>{failed, failed}, 2).empty());
  EXPECT_EQ(next_promotion(std::vector<RungValues>{{failed}, {failed}, {failed}}, 3, 3),
            std::nullopt);
}

// By hand, factor 3: two trials promote nobody, three the best of them, and so on up the rungs.
TEST(Asha, PromotesAsSoonAsARungAllows) {
  std::vector<RungValues> trials = {{.5}, {.3}};
  EXPECT_EQ(next_promotion(trials, 3, 3), std::nullopt);
  trials.push_back({.4});
  EXPECT_EQ(next_promotion(trials, 3, 3), (Promotion{1, 1}));
  trials[1].push_back(.25);
  EXPECT_EQ(next_promotion(trials, 3, 3), std::nullopt);
  for (const double value : {.2, .6, .1}) trials.push_back({value});
  // Of six the two best, .1 and .2, neither of which has gone on.
  EXPECT_EQ(next_promotion(trials, 3, 3), (Promotion{5, 1}));
  trials[5].push_back(.15);
  EXPECT_EQ(next_promotion(trials, 3, 3), (Promotion{3, 1}));
  trials[3].push_back(.05);
  // Rung 1 has three: its best goes first, for higher rungs do.
  EXPECT_EQ(next_promotion(trials, 3, 3), (Promotion{3, 2}));
  trials[3].push_back(.04);
  EXPECT_EQ(next_promotion(trials, 3, 3), std::nullopt);
  EXPECT_EQ(next_promotion(trials, 1, 3), std::nullopt);
}

}  // namespace
}  // namespace sartor
