#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "sartor/base/random.h"
#include "sartor/stats/distributions.h"
#include "sartor/stats/multiplicity.h"
#include "sartor/stats/paired.h"
#include "sartor/stats/power.h"
#include "sartor/stats/shrinkage.h"

namespace sartor {
namespace {

using Values = std::vector<double>;

#define EXPECT_REL(actual, expected) \
  EXPECT_NEAR(actual, expected, 1e-8 * std::max(std::abs(expected), 1e-300))

void expect_rel(const Values& actual, const Values& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) EXPECT_REL(actual[i], expected[i]) << "at " << i;
}

const Values kA = {0, 0, 0, .1, -.05, .2, 0, .3, -.1, .15, 0, .05};
const Values kC = {.02, .03, .01, .04, .02, .03, -.15, .02, .05, .03, .04, .02, .01, .06, .03, .05};
const Values kGeneral = {.2, 0, .5, .4, 0, .3, .1, .6, 0, .25};
const Values kChosen = {.3, 0, .5, .45, .1, .3, .2, .55, 0, .35};

Values sample_d() {
  Values d(400, 0);
  for (int i = 0; i < 400; i += 2) d[static_cast<std::size_t>(i)] = .1 * std::sin(i) + .01;
  return d;
}

Values negated(Values values) {
  for (double& value : values) value = -value;
  return values;
}

struct Known {
  Values d;
  double t, gamma, h, p_t, p_h, low, high;
};

TEST(Paired, KnownAnswers) {
  const Known all[] = {{kA, 1.649792569, .8613027249, 1.927094531, .06360984617, .04009062081,
                        -.004796560706, .1270907925},
                       {kC, 1.635206698, -3.048659989, .9229315267, .06140586389, .1853255435,
                        -.06254464978, .04014628884},
                       {sample_d(), 2.080287056, .2954078235, 2.104128284, .01906842448,
                        .01799620926, .001084837596, .009413127745}};
  for (const Known& known : all) {
    const Moments d = moments(known.d);
    const PairedTest test = paired_test(d);
    EXPECT_REL(test.t, known.t);
    EXPECT_REL(test.gamma, known.gamma);
    EXPECT_REL(test.h, known.h);
    EXPECT_REL(test.p_t, known.p_t);
    EXPECT_REL(test.p_h, known.p_h);
    EXPECT_EQ(test.p, std::max(test.p_t, test.p_h));
    EXPECT_REL(paired_bounds(d, .05).low, known.low);
    EXPECT_REL(paired_bounds(d, .05).high, known.high);
  }
}

TEST(Paired, KnownAnswersOfTheTwoSidedIntervalAndTheNegatedSample) {
  const Bounds both = paired_bounds(moments(kA), .025);
  EXPECT_REL(both.low, -.01809698136);
  EXPECT_REL(both.high, .1484501254);
  const Moments mirrored = moments(negated(kA));
  EXPECT_REL(paired_test(mirrored).p, .9599093792);
  EXPECT_REL(paired_bounds(mirrored, .05).low, -.1270907925);
}

TEST(Paired, KnownAnswersOfTheGainAndTheGuardContrast) {
  const Moments gain = moments(contrast(kChosen, kGeneral, .005));
  EXPECT_REL(paired_test(gain).t, 2.144460172);
  EXPECT_REL(paired_test(gain).gamma, -.08817025569);
  EXPECT_REL(paired_test(gain).h, 2.09735691);
  EXPECT_REL(paired_test(gain).p, .03269908392);
  EXPECT_REL(paired_bounds(gain, .05).low, .004967699481);
  const Moments guard = moments(contrast(kChosen, kGeneral, -.03));
  EXPECT_REL(paired_test(guard).t, 2.7451415);
  EXPECT_REL(paired_test(guard).gamma, -.02765816404);
  EXPECT_REL(paired_test(guard).h, 2.721772321);
  EXPECT_REL(paired_test(guard).p, .01176971063);
  EXPECT_REL(paired_bounds(guard, .05).low, .01543692004);
  EXPECT_REL(moments(contrast(kChosen, kGeneral, 0)).mean / moments(kGeneral).mean, .170212766);
}

Values random_sample(Random& random) {
  Values d(20 + random.below(300));
  const double power = random.uniform(1, 6);  // the higher, the more skewed
  const double shift = random.uniform(-.3, .3);
  const double side = random.uniform() < .5 ? -1 : 1;
  for (double& x : d) {
    x = random.uniform() < .3 ? 0 : side * std::pow(random.uniform(), power) - shift;
  }
  return d;
}

TEST(Paired, LowIsNotBelowZeroExactlyWherePIsNotAboveAlpha) {
  Random random(7);
  int rejected = 0;
  for (int round = 0; round < 2000; ++round) {
    const Moments d = moments(random_sample(random));
    const double alpha = random.uniform(.001, .3);
    const double p = paired_test(d).p;
    if (std::abs(p - alpha) < 1e-9) continue;
    EXPECT_EQ(p <= alpha, paired_bounds(d, alpha).low >= 0) << "p " << p << " alpha " << alpha;
    rejected += p <= alpha ? 1 : 0;
  }
  EXPECT_GT(rejected, 300);
  EXPECT_LT(rejected, 1700);
}

TEST(Paired, ANegatedSampleHasTheMirroredInterval) {
  Random random(8);
  for (int round = 0; round < 200; ++round) {
    const Values d = random_sample(random);
    const Bounds bounds = paired_bounds(moments(d), .025);
    const Bounds mirrored = paired_bounds(moments(negated(d)), .025);
    EXPECT_REL(mirrored.low, -bounds.high);
    EXPECT_REL(mirrored.high, -bounds.low);
    EXPECT_LT(bounds.low, moments(d).mean);
    EXPECT_GT(bounds.high, moments(d).mean);
  }
}

TEST(Paired, DoesNotDependOnTheUnitOfTheMetric) {
  Random random(9);
  for (int round = 0; round < 200; ++round) {
    const Values d = random_sample(random);
    Values scaled = d;
    for (double& x : scaled) x *= 1000;
    EXPECT_REL(paired_test(moments(scaled)).p, paired_test(moments(d)).p);
    EXPECT_NEAR(paired_bounds(moments(scaled), .05).low, 1000 * paired_bounds(moments(d), .05).low,
                1e-8);
  }
}

TEST(Paired, WithoutSkewHallIsStudent) {
  const Moments d = moments(Values{-1, 1, -2, 2, -3, 3});
  EXPECT_NEAR(paired_test(d).h, paired_test(d).t, 1e-12);
  EXPECT_NEAR(paired_bounds(d, .05).low, -paired_bounds(d, .05).high, 1e-12);
}

TEST(Paired, SumsInBlocksKeepTheDigitsOfALongSample) {
  Values d(3'000'000, .1);  // one running sum of these is off by 1e-11 of itself
  EXPECT_NEAR(moments(d).mean, .1, 1e-14);
  for (std::size_t i = 0; i < d.size(); i += 2) d[i] = .3;
  EXPECT_NEAR(moments(d).m2, .01, 1e-14);
  EXPECT_EQ(moments(d).nonzero, d.size());
}

TEST(Paired, SmallSamplesHaveMomentsToo) {
  EXPECT_EQ(moments({}).n, 0U);
  EXPECT_EQ(moments(Values{.5}).sd(), 0);
  EXPECT_EQ(moments(Values{0, 0, .5}).nonzero, 1U);
  EXPECT_EQ(moments(Values{.5, .5}).skewness(), 0);
}

TEST(Distributions, TailsAndQuantilesAreInverse) {
  for (const double alpha : {1e-12, .001, .05, .5, .975}) {
    for (const double dof : {1.0, 11.0, 399.0, 1e6}) {
      EXPECT_REL(student_t_upper(student_t_upper_quantile(alpha, dof), dof), alpha);
    }
    EXPECT_REL(normal_upper(normal_upper_quantile(alpha)), alpha);
  }
  EXPECT_REL(normal_upper_quantile(.025), 1.959963984540054);
  EXPECT_EQ(student_t_upper(INFINITY, 5), 0);
  EXPECT_EQ(student_t_upper(-INFINITY, 5), 1);
}

const Values kP = {.001, .008, .012, .041, .2, .6, .03};

TEST(Multiplicity, KnownAnswers) {
  expect_rel(adjust_bh(kP), {.007, .028, .028, .0574, .7 / 3, .6, .0525});
  expect_rel(adjust_by(kP), {.01815, .0726, .0726, .14883, .605, 1, .136125});
  expect_rel(adjust_holm(kP), {.007, .048, .06, .123, .4, .6, .12});
  const Rejections bh = reject_bh(kP, .05);
  EXPECT_EQ(bh.count, 3U);
  EXPECT_REL(bh.threshold, .02142857143);
  EXPECT_EQ(bh.rejected, (std::vector<bool>{true, true, true, false, false, false, false}));
}

TEST(Multiplicity, StepUpLooksPastAHoleAndRejectsTiesTogether) {
  // .04 > .025, but both are <= 2/2 * .05.
  EXPECT_EQ(reject_bh(Values{.04, .045}, .05).count, 2U);
  const Rejections ties = reject_bh(Values{.5, .02, .02, .02}, .05);
  EXPECT_EQ(ties.rejected, (std::vector<bool>{false, true, true, true}));
  EXPECT_EQ(adjust_bh(Values{.02, .5, .02})[0], adjust_bh(Values{.02, .5, .02})[2]);
  EXPECT_EQ(reject_bh({}, .05).count, 0U);
  EXPECT_EQ(reject_bh(Values{.9}, .05).threshold, 0);
}

TEST(Multiplicity, OneTestIsItsOwnPValueAndDecisionsFollowTheAdjustedOnes) {
  EXPECT_EQ(adjust_bh(Values{.03})[0], .03);
  Random random(3);
  for (int round = 0; round < 500; ++round) {
    Values p(1 + random.below(12));
    for (double& x : p) x = std::pow(random.uniform(), 3);
    const auto adjusted = adjust_bh(p);
    const Rejections bh = reject_bh(p, .1);
    for (std::size_t i = 0; i < p.size(); ++i) {
      EXPECT_EQ(bh.rejected[i], adjusted[i] <= .1);
      EXPECT_EQ(bh.rejected[i], bh.count > 0 && p[i] <= bh.threshold);
      EXPECT_GE(adjust_by(p)[i], adjusted[i]);
      EXPECT_GE(adjust_holm(p)[i], adjusted[i] * (1 - 1e-12));
    }
  }
}

Values squares(Values values) {
  for (double& value : values) value *= value;
  return values;
}

TEST(Shrinkage, KnownAnswers) {
  const Shrinkage result =
      shrink(Values{.03, -.01, .05, 0, .015}, squares({.01, .012, .02, .008, .03}));
  EXPECT_REL(result.q, 12.36505652);
  EXPECT_REL(result.tau2, .00033288424);
  EXPECT_REL(result.mean, .01414194659);
  expect_rel(result.values,
             {.02633665263, -.002710096041, .03042907654, .002280474987, .01437362484});
  expect_rel(result.sd, {.00909736117, .01051356533, .01464278333, .007519071669, .0173651764});
  EXPECT_TRUE(result.shrunk);
}

TEST(Shrinkage, WithoutSpreadBeyondTheNoiseAllAreTheMean) {
  const Shrinkage result = shrink(Values{.01, .011, .009}, squares({.01, .01, .02}));
  EXPECT_EQ(result.tau2, 0);
  expect_rel(result.values, Values(3, .031 / 3));
  expect_rel(result.sd, Values(3, .02 / 3));
}

TEST(Shrinkage, OneIsNotShrunkAndTwoArePulledToZero) {
  const Shrinkage one = shrink(Values{.04}, Values{.0001});
  EXPECT_EQ(one.values, Values{.04});
  EXPECT_FALSE(one.shrunk);
  // tau2 = mean(.0016 - .0001, .0004 - .0001) = .0009, B = .9
  const Shrinkage two = shrink(Values{.04, .02}, Values{.0001, .0001});
  EXPECT_REL(two.tau2, .0009);
  expect_rel(two.values, {.036, .018});
  EXPECT_EQ(shrink(Values{.001, -.002}, Values{.0001, .0001}).values, (Values{0, 0}));
  EXPECT_TRUE(shrink({}, {}).values.empty());
}

TEST(Power, KnownAnswers) {
  EXPECT_REL(smallest_provable_effect(.4, 2000, .05, 0), .02223970725);
  EXPECT_REL(smallest_provable_effect(.4, 2000, .005, 0), .03056660684);
  EXPECT_REL(users_needed(.02, .25, .05, 0), 966.0245675);
  EXPECT_REL(users_needed(.02, .25, .005, 0), 1824.838777);
  EXPECT_TRUE(std::isinf(users_needed(.005, .25, .05, .005)));
  EXPECT_REL(users_needed(.025, .25, .05, .005), 966.0245675);
  const double needed[] = {guard_users_needed(.4, .02), guard_users_needed(.4, .03),
                           guard_users_needed(.4, .05), guard_users_needed(.25, .05)};
  const double expected[] = {2474, 1100, 396, 155};
  for (int i = 0; i < 4; ++i) EXPECT_EQ(std::ceil(needed[i]), expected[i]);
}

TEST(Power, TheSmallestProvableEffectIsProvedByTheUsersItNeeds) {
  const double effect = smallest_provable_effect(.5, 1234, .01, .005);
  EXPECT_REL(users_needed(effect, .5, .01, .005), 1234.0);
}

TEST(EffectiveCount, FewLargeDifferencesAreFew) {
  EXPECT_NEAR(effective_count(Values{.1, -.1, 0, .1, .1}), 4, 1e-12);
  EXPECT_NEAR(effective_count(Values{1, .01, .01, .01}), 1, 1e-3);
  EXPECT_NEAR(effective_count(Values{3, 4}), 625.0 / 337, 1e-12);
  EXPECT_EQ(effective_count(Values{0, 0}), 0);
  EXPECT_EQ(effective_count({}), 0);
  Random random(2);
  Values normal(30'000);
  for (double& value : normal) value = random.normal();
  EXPECT_NEAR(effective_count(normal), 10'000, 300) << "the normal's kurtosis is 3";
}

}  // namespace
}  // namespace sartor
