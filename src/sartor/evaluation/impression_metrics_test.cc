#include "sartor/evaluation/impression_metrics.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

namespace sartor {
namespace {

// The impressions and the numbers of tests/reference/impression_metrics.py.
const std::vector<float> kScores = {.1f, .4f, .35f, .8f, .4f,  .4f, 1.f, 0.f,  .05f, .9f,
                                    .2f, .2f, .2f,  .7f, .65f, .3f, .3f, .55f, .15f, .6f};
const std::vector<std::uint8_t> kLabels = {0, 0, 1, 1, 1, 0, 1, 0, 0, 0,
                                           0, 1, 0, 1, 1, 0, 0, 1, 0, 0};
const std::vector<std::uint32_t> kUsers = {0, 0, 0, 0, 1, 1, 1, 1, 1, 1,
                                           2, 2, 3, 4, 4, 5, 5, 5, 5, 5};
constexpr double kClose = 1e-9;

TEST(Auc, EqualsScikitLearnWithTies) {
  EXPECT_NEAR(auc(kScores, kLabels), 0.8020833333333334, kClose);
}

TEST(Auc, TiesAreHalfWonAndOneLabelSaysNothing) {
  const std::vector<std::uint8_t> labels = {1, 0, 1, 0};
  EXPECT_EQ(auc(std::vector<float>(4, .5f), labels), .5);
  EXPECT_EQ(auc(std::vector<float>{4, 1, 3, 2}, labels), 1);
  EXPECT_EQ(auc(std::vector<float>{1, 4, 2, 3}, labels), 0);
  EXPECT_EQ(auc(std::vector<float>{std::nanf(""), 1, 3, 2}, labels), .5);  // NaN is the lowest
  EXPECT_TRUE(std::isnan(auc(std::vector<float>{1, 2}, std::vector<std::uint8_t>{1, 1})));
  EXPECT_TRUE(std::isnan(auc({}, {})));
}

TEST(Gauc, WeighsUsersByImpressionsAndLeavesOutThoseOfOneLabel) {
  const std::vector<UserAuc> users = auc_by_user(kScores, kLabels, kUsers);
  ASSERT_EQ(users.size(), 4u);
  EXPECT_EQ(users[1].user, 1u);
  EXPECT_EQ(users[1].impressions, 6u);
  EXPECT_NEAR(users[1].auc, .8125, kClose);
  EXPECT_EQ(users[3].user, 5u);
  EXPECT_NEAR(gauc(kScores, kLabels, kUsers), 0.7426470588235294, kClose);
  EXPECT_TRUE(std::isnan(gauc(std::vector<float>{1, 2}, std::vector<std::uint8_t>{1, 0},
                              std::vector<std::uint32_t>{7, 8})));
}

// A user's bias moves auc but not gauc.
TEST(Gauc, DoesNotCompareUsers) {
  std::vector<float> shifted = kScores;
  for (std::size_t i = 0; i < shifted.size(); ++i) shifted[i] += static_cast<float>(kUsers[i]);
  EXPECT_NEAR(gauc(shifted, kLabels, kUsers), 0.7426470588235294, kClose);
  EXPECT_GT(std::abs(auc(shifted, kLabels) - auc(kScores, kLabels)), .1);
}

TEST(Logloss, EqualsScikitLearn) {
  std::vector<float> inside = kScores;
  for (float& p : inside) p = std::clamp(p, 1e-3f, 1 - 1e-3f);
  EXPECT_NEAR(logloss(inside, kLabels), 0.5452663433781513, 1e-8);  // .001 as a float
  EXPECT_NEAR(logloss(std::vector<float>{1, 0, .5f}, std::vector<std::uint8_t>{0, 1, 1}),
              10.859305828772477, kClose);
  EXPECT_TRUE(std::isnan(logloss({}, {})));
}

TEST(Calibration, BinsEqualScikitLearnsQuantiles) {
  const Calibration four = calibration(kScores, kLabels, 4);
  ASSERT_EQ(four.bins.size(), 4u);
  EXPECT_NEAR(four.expected_error, 0.02749999854713677, kClose);
  EXPECT_NEAR(four.ratio, 1.0312500051222742, kClose);
  const std::vector<double> predicted = {0.1285714310194765, 0.31666667262713116,
                                         0.47000001072883607, 0.8099999904632569};
  const std::vector<double> observed = {1. / 7, 1. / 3, .4, .8};
  const std::vector<std::size_t> impressions = {7, 3, 5, 5};
  for (std::size_t b = 0; b < 4; ++b) {
    EXPECT_EQ(four.bins[b].impressions, impressions[b]) << b;
    EXPECT_NEAR(four.bins[b].predicted, predicted[b], kClose) << b;
    EXPECT_NEAR(four.bins[b].observed, observed[b], kClose) << b;
  }
  EXPECT_NEAR(calibration(kScores, kLabels, 1).expected_error, 0.012500002048909664, kClose);
  EXPECT_NEAR(calibration(kScores, kLabels, 3).expected_error, 0.022500000335276122, kClose);
  EXPECT_NEAR(calibration(kScores, kLabels, 7).expected_error, 0.13249999936670065, kClose);
}

TEST(Calibration, EqualProbabilitiesShareABin) {
  const Calibration many = calibration(kScores, kLabels, 40);  // more bins than distinct values
  EXPECT_EQ(many.bins.size(), 15u);
  EXPECT_NEAR(many.expected_error, 0.24750000294297933, kClose);
  const std::vector<float> same(20, .25f);
  ASSERT_EQ(calibration(same, kLabels, 10).bins.size(), 1u);
  EXPECT_NEAR(calibration(same, kLabels, 10).expected_error, .15, kClose);
}

TEST(Calibration, NothingToSayIsNaN) {
  EXPECT_TRUE(calibration({}, {}, 10).bins.empty());
  EXPECT_TRUE(std::isnan(calibration({}, {}, 10).expected_error));
  const std::vector<std::uint8_t> none(2, 0);
  EXPECT_TRUE(std::isnan(calibration(std::vector<float>{.1f, .2f}, none, 2).ratio));
}

}  // namespace
}  // namespace sartor
