#include "sartor/tuning/sampled_blend.h"

#include <gmock/gmock.h>

#include <atomic>
#include <cmath>
#include <filesystem>
#include <numeric>

#include "sartor/base/files.h"
#include "sartor/base/test_place.h"
#include "sartor/tuning/cross_fit.h"
#include "sartor/tuning/tailor.h"
#include "sartor/tuning/test_blends.h"

namespace sartor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::vector<Slot> kThree = {{"good", {0}}, {"fair", {1}}, {"bad", {2}}};
const BlendPoint kEqual{.choice = {0, 0, 0}, .weight = {1 / 3.f, 1 / 3.f, 1 / 3.f}};

TEST(BlendSpace, GoesToABlendAndBack) {
  const std::vector<Slot> slots = {{"a", {0, 1}}, {"b", {2}}, {"c", {3, 4}}};
  const BlendPoint start{.choice = {1, 0, 0}, .weight = {0.5f, 0.5f, 0.0f}};
  const auto all = BlendSpace::make(slots, start, {.reach = 2});
  ASSERT_TRUE(all) << all.error().message;
  ASSERT_EQ(all->space().size(), 5u);
  EXPECT_EQ(all->space()[0].name, "a");
  EXPECT_EQ(all->space()[1].name, "a.weight");
  EXPECT_DOUBLE_EQ(all->space()[1].low, 0.5 / 8);
  EXPECT_DOUBLE_EQ(all->space()[1].high, 1);
  EXPECT_DOUBLE_EQ(all->space()[4].high, 0.25);  // half of the largest: it has no weight yet
  const BlendPoint blend = all->blend_of(all->point_of(start));
  EXPECT_EQ(blend.choice, start.choice);
  EXPECT_EQ(blend.weight[2], 0);  // the bottom of its range
  EXPECT_FLOAT_EQ(blend.weight[0], 0.5f);
  EXPECT_THAT(all->blend_of({0, 0.2, 0.6, 1, 0.2}).choice, ElementsAre(0, 0, 1));
  EXPECT_FLOAT_EQ(all->blend_of({0, 0.2, 0.6, 1, 0.2}).weight[1], 0.6f);
  // All at the bottom: the heaviest stays.
  EXPECT_THAT(all->blend_of({0, 0.0625, 0.0626, 0, 0.008}).weight, ElementsAre(0.0f, 1.0f, 0.0f));

  const auto open = BlendSpace::make(slots, start, {.reach = 2, .closed = {0, 0, 1}});
  ASSERT_TRUE(open);
  EXPECT_EQ(open->space().size(), 3u);
  EXPECT_EQ(open->blend_of({0, 0.5, 0.5}).weight[2], 0);
  EXPECT_FALSE(BlendSpace::make(slots, start, {.closed = {1, 1, 1}}));
  const auto weights = BlendSpace::make(slots, start, {.change_variants = false});
  EXPECT_EQ(weights->space().size(), 3u);
}

class SampledBlend : public ::testing::TestWithParam<const char*> {};

TEST_P(SampledBlend, FindsTheSignalAndTheSameTrialsAtAnyThreadCount) {
  const World world;
  const ScorePool pool = world.pool(20);
  const auto cases = all_cases(pool);
  const BlendSearchOptions options{.metric = kNdcg, .trials = 60, .sampler = GetParam(), .seed = 7};
  const auto found = search_blend(cases, kThree, kEqual, options, {.threads = 1});
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_EQ(found->trials.size(), 60u);
  EXPECT_EQ(found->trials.front().point, kEqual);
  EXPECT_GT(found->value, found->trials.front().value);
  EXPECT_GT(found->point.weight[0], found->point.weight[2]);
  for (const BlendTrial& trial : found->trials) {
    EXPECT_LE(trial.value, found->value);
    EXPECT_NEAR(std::accumulate(trial.point.weight.begin(), trial.point.weight.end(), 0.0), 1,
                1e-6);
  }
  EXPECT_EQ(search_blend(cases, kThree, kEqual, options, {.threads = 4})->trials, found->trials);
}

INSTANTIATE_TEST_SUITE_P(All, SampledBlend,
                         ::testing::Values("auto", "gp", "tpe", "quasi_random", "random", "grid"));

TEST(SampledBlends, BeginWithWhatIsGivenAndNeverEndWorse) {
  const World world;
  const ScorePool pool = world.pool(20);
  const auto cases = all_cases(pool);
  const BlendPoint best{.choice = {0, 0, 0}, .weight = {0.75f, 0.2f, 0.05f}};
  BlendSearchOptions options{
      .metric = kNdcg, .trials = 3, .sampler = "tpe", .first = {best, kEqual}};
  const auto found = search_blend(cases, kThree, kEqual, options);
  EXPECT_EQ(found->trials[1].point, best);
  EXPECT_EQ(found->trials[2].point, kEqual);
  EXPECT_EQ(found->point, best);
  options.sampler = "annealing";
  EXPECT_EQ(search_blend(cases, kThree, kEqual, options).error().code, ErrorCode::config);
}

class TrialLogTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override { std::filesystem::remove(path_); }
  void TearDown() override { std::filesystem::remove(path_); }
  const std::string path_ = test_place("sartor_trial_log_test");
};

// Stopped after every number of trials: what was known is not measured again, and what comes out is
// what comes out of a search that nobody stopped.
TEST_P(TrialLogTest, ASearchThatWasStoppedGoesOnBehindItsLastTrial) {
  const World world;
  const ScorePool pool = world.pool(20);
  const auto cases = all_cases(pool);
  const std::vector<Slot> slots = {{"either", {2, 0}}, {"fair", {1}}};
  const BlendPoint start{.choice = {0, 0}, .weight = {0.5f, 0.5f}};
  BlendSearchOptions options{.metric = kNdcg,
                             .trials = 12,
                             .sampler = GetParam(),
                             .study = {"rfm", "loyal", "blended", 0, 3, ""}};
  const auto whole = search_blend(cases, slots, start, options);
  ASSERT_TRUE(whole);
  for (std::size_t stop = 1; stop <= whole->trials.size(); ++stop) {
    std::filesystem::remove(path_);
    auto log = TrialLog::open(path_);
    ASSERT_TRUE(log) << log.error().message;
    ASSERT_TRUE((*log)->add({.adaptation = "general"}, whole->trials[0]));  // of another search
    for (std::size_t t = 0; t < stop; ++t)
      ASSERT_TRUE((*log)->add(options.study, whole->trials[t]));
    log = TrialLog::open(path_);
    options.log = log->get();
    const auto rest = search_blend(cases, slots, start, options);
    ASSERT_TRUE(rest);
    EXPECT_EQ(rest->trials, whole->trials) << stop;
    EXPECT_EQ(rest->point, whole->point) << stop;
    // Nothing was added twice.
    EXPECT_EQ((*log)->of(options.study), whole->trials) << stop;
  }
}

INSTANTIATE_TEST_SUITE_P(Both, TrialLogTest, ::testing::Values("coordinate", "gp"));

using TrialLogFile = TrialLogTest;

TEST_F(TrialLogFile, CutsOffWhatIsTorn) {
  const StudyKey key{"rfm", "lo\"yal/2\n", "fine_tuned", 4, -1, "p"};
  const BlendTrial one{.point = {.choice = {1}, .weight = {0.1f}}, .value = 1.0 / 3};
  const BlendTrial two{.point = {.choice = {0}, .weight = {1.0f}}, .value = 0.5};
  {
    const auto log = TrialLog::open(path_);
    ASSERT_TRUE((*log)->add(key, one));
    ASSERT_TRUE((*log)->add(key, two));
  }
  const std::string whole = read_file(path_).value();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    ASSERT_TRUE(write_file(path_, whole.substr(0, size)));
    const auto log = TrialLog::open(path_);
    ASSERT_TRUE(log) << size;
    const auto known = (*log)->of(key);
    const std::size_t lines =
        static_cast<std::size_t>(std::count(whole.begin(), whole.begin() + size, '\n'));
    ASSERT_EQ(known.size(), lines) << size;
    if (lines > 0) {
      EXPECT_EQ(known[0], one);
    }
    ASSERT_TRUE((*log)->add(key, two));
    EXPECT_EQ(TrialLog::open(path_).value()->of(key).size(), lines + 1) << size;
  }
}

TEST(CrossFitBySampler, FoldsHaveRandomNumbersOfTheirOwnAndKeepTheirBest) {
  const World world;
  const ScorePool pool = world.pool(20);
  const auto cases = all_cases(pool);
  std::vector<std::uint8_t> fold;
  for (std::size_t c = 0; c < cases.size(); ++c)
    fold.push_back(static_cast<std::uint8_t>(c % kFolds));
  FoldPoints starts;
  starts.fill(kEqual);
  const BlendSearchOptions options{.metric = kNdcg, .trials = 25, .sampler = "random"};
  const auto one = cross_fit(cases, fold, kThree, starts, options, {.threads = 1});
  const auto two = cross_fit(cases, fold, kThree, starts, options, {.threads = 3});
  ASSERT_TRUE(one);
  EXPECT_EQ(one->values, two->values);
  EXPECT_EQ(one->trials, two->trials);
  EXPECT_NE(one->points[0], one->points[1]);
  ASSERT_EQ(one->best.size(), kBest);
  for (std::size_t f = 0; f <= kFolds; ++f) {
    for (std::size_t b = 0; b < kBest; ++b) {
      EXPECT_NE(one->best[b][f], one->points[f]);
      for (std::size_t other = 0; other < b; ++other)
        EXPECT_NE(one->best[b][f], one->best[other][f]);
    }
  }
  // The next search of each fold begins with them.
  BlendSearchOptions next = options;
  next.trials = 1 + kBest;
  const auto segment = cross_fit(cases, fold, kThree, one->points, next, {}, {}, one->best);
  for (std::size_t b = 0; b < kBest; ++b)
    EXPECT_EQ(segment->trials[1 + b].point, one->best[b][kFolds]);
}

TEST(SegmentLimits, ClosedSlotsStayEmptyUnderEverySearch) {
  const World world;
  const ScorePool pool = world.pool(30);
  EXPECT_THAT(closed_slots(std::vector<std::string>{"a", "b"}, {}), IsEmpty());
  const std::vector<std::string> families = {"good", "fair", "bad"};
  const auto closed = closed_slots(families, {.families = {"fair", "bad"}});
  EXPECT_THAT(closed, ElementsAre(1, 0, 0));
  EXPECT_THAT(open_part(kEqual, closed).weight, ElementsAre(0.0f, 0.5f, 0.5f));
  const BlendPoint good{.choice = {0, 0, 0}, .weight = {1, 0, 0}};
  EXPECT_THAT(open_part(good, closed).weight, ElementsAre(0.0f, 0.5f, 0.5f));
  EXPECT_EQ(open_part(good, {}), good);

  FoldPoints general;
  general.fill(kEqual);
  TailorInput input{.pool = &pool, .slots = kThree, .general = &general};
  for (std::size_t c = 0; c < pool.cases(); ++c) {
    input.cases.push_back(c);
    input.fold.push_back(static_cast<std::uint8_t>(c % kFolds));
  }
  for (const char* sampler : {"coordinate", "tpe"}) {
    input.search = {.metric = kNdcg, .trials = 30, .closed = closed, .sampler = sampler};
    const auto tuning = tailor(input, {}, {});
    ASSERT_TRUE(tuning) << tuning.error().message;
    ASSERT_EQ(tuning->searches.size(), 1u);
    for (const BlendTrial& trial : tuning->searches[0].trials)
      EXPECT_EQ(trial.point.weight[0], 0) << sampler;
    for (const TriedCandidate& tried : tuning->tried) {
      EXPECT_EQ(tried.candidate.own.weight[0], 0);
      EXPECT_LT(tried.gain, 0);  // general has the good one
    }
    EXPECT_EQ(tuning->chosen, -1);
  }
  input.search.closed = {1, 1, 1};
  const auto none = tailor(input, {}, {});
  EXPECT_TRUE(none->tried.empty());
  EXPECT_EQ(none->left_out.size(), 1u);
  input.search.closed.clear();
  input.blended = false;
  EXPECT_TRUE(tailor(input, {}, {})->tried.empty());
}

}  // namespace
}  // namespace sartor
