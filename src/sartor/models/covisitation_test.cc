#include "sartor/models/covisitation.h"

#include <gmock/gmock.h>

#include <cmath>

#include "sartor/models/test_world.h"

namespace sartor {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::FloatNear;
using ::testing::HasSubstr;

// Denominators of 1: what comes out are the counts themselves.
constexpr CovisitationConfig kPlain{.horizon_days = 7,
                                    .step_decay = 0.5,
                                    .together = 2,
                                    .backward = 0.25,
                                    .shrinkage = 0,
                                    .popularity_power = 0};

std::vector<float> after(const CovisitationCounts& counts, std::uint32_t item, std::size_t items) {
  const auto model = counts.model(items, {});
  EXPECT_TRUE(model);
  const std::vector<Interaction> rows = {{ItemId{item}, 1, 0}};
  return scores_of(**model, {.as_of = 1, .history = rows}, items);
}

TEST(Covisitation, CountsDirectionMomentsAndHorizonByHand) {
  CovisitationCounts counts(kPlain);
  const UserId user{0};
  counts.add(user, ItemId{0}, 0, Column::kMissing);
  counts.add(user, ItemId{1}, kDay, Column::kMissing);
  counts.add(user, ItemId{2}, kDay, Column::kMissing);      // together with 1
  counts.add(user, ItemId{3}, 8 * kDay, Column::kMissing);  // 0 is 8 days back: too long
  // 0 -> 1, 2: the next moment. 1 <-> 2: together. 1, 2 -> 3: the next moment.
  EXPECT_THAT(after(counts, 0, 4), ElementsAre(0, 1, 1, 0));
  EXPECT_THAT(after(counts, 1, 4), ElementsAre(0.25, 0, 2, 1));
  EXPECT_THAT(after(counts, 2, 4), ElementsAre(0.25, 2, 0, 1));
  EXPECT_THAT(after(counts, 3, 4), ElementsAre(0, 0.25, 0.25, 0));
}

TEST(Covisitation, AGroupHoldsTogetherBeyondTheHorizon) {
  CovisitationConfig config = kPlain;
  config.horizon_days = 0;
  config.gap_half_life_days = 1;
  CovisitationCounts counts(config);
  counts.add(UserId{0}, ItemId{0}, 0, 7);
  counts.add(UserId{0}, ItemId{1}, kDay, 7);
  counts.add(UserId{0}, ItemId{2}, 2 * kDay, 8);
  counts.add(UserId{1}, ItemId{2}, 2 * kDay, Column::kMissing);
  counts.add(UserId{1}, ItemId{3}, 2 * kDay, Column::kMissing);
  EXPECT_THAT(after(counts, 0, 4), ElementsAre(0, 0.5, 0, 0)) << "half a gap's half-life";
  EXPECT_THAT(after(counts, 2, 4), ElementsAre(0, 0, 0, 1)) << "twice taken, once together";
}

TEST(Covisitation, UntimedHistoriesAreSequences) {
  CovisitationCounts counts(kPlain);
  for (const std::uint32_t item : {0u, 1u, 2u}) {
    counts.add(UserId{0}, ItemId{item}, kUntimed, Column::kMissing);
  }
  counts.add(UserId{0}, ItemId{3}, kDay, Column::kMissing);  // nobody knows how much later
  EXPECT_THAT(after(counts, 0, 4), ElementsAre(0, 1, 0.5, 0));
  EXPECT_THAT(after(counts, 1, 4), ElementsAre(0.25, 0, 1, 0));
  EXPECT_THAT(after(counts, 2, 4), ElementsAre(0.125, 0.25, 0, 0));
}

TEST(Covisitation, DividesByHowOftenBothAreTaken) {
  CovisitationConfig config = kPlain;
  config.shrinkage = 1;
  config.popularity_power = 0.5;
  CovisitationCounts counts(config);
  for (std::uint32_t u = 0; u < 3; ++u) counts.add(UserId{u}, ItemId{0}, 0, Column::kMissing);
  counts.add(UserId{0}, ItemId{1}, kDay, Column::kMissing);
  EXPECT_THAT(after(counts, 0, 2), ElementsAre(0, FloatEq(1 / std::sqrt(8.0f))));
  EXPECT_THAT(after(counts, 5, 2), ElementsAre(1, FloatEq(1 / 3.0f))) << "a stranger";
}

TEST(Covisitation, OldCountsFade) {
  CovisitationConfig config = kPlain;
  config.age_half_life_days = 10;
  config.shrinkage = 1;
  // 0 then 1 at day 0; 2 then 3, a hundred half-lives later, which scales all counts back; 0 again.
  CovisitationCounts counts(config);
  counts.add(UserId{0}, ItemId{0}, 0, Column::kMissing);
  counts.add(UserId{0}, ItemId{1}, 0, Column::kMissing);
  EXPECT_THAT(after(counts, 0, 4), ElementsAre(0, 1, 0, 0));
  counts.add(UserId{1}, ItemId{0}, 10 * kDay, Column::kMissing);
  // C = 2 / 2; D = 1/2 + 1.
  EXPECT_THAT(after(counts, 0, 4), ElementsAre(0, FloatNear(1 / 2.5f, 1e-6f), 0, 0));
  counts.add(UserId{2}, ItemId{2}, 1000 * kDay, Column::kMissing);
  counts.add(UserId{2}, ItemId{3}, 1000 * kDay, Column::kMissing);
  EXPECT_THAT(after(counts, 2, 4), ElementsAre(0, 0, 0, 1));
  EXPECT_LT(after(counts, 0, 4)[1], 1e-25f);
}

TEST(Covisitation, KeepsTheStrongestPairs) {
  CovisitationConfig config = kPlain;
  config.max_pairs = 10;
  config.partners = 3;
  CovisitationCounts counts(config);
  std::uint32_t user = 0;
  for (std::uint32_t times = 1; times <= 2; ++times) {  // items 1 to 5 twice, then 6 to 100 once
    for (std::uint32_t item = times == 1 ? 1 : 6; item <= (times == 1 ? 5u : 100u); ++item) {
      for (std::uint32_t again = times; again <= 2; ++again, ++user) {
        counts.add(UserId{user}, ItemId{0}, 0, Column::kMissing);
        counts.add(UserId{user}, ItemId{item}, kDay, Column::kMissing);
      }
    }
  }
  const auto scores = after(counts, 0, 101);
  EXPECT_LE(101 - std::count(scores.begin(), scores.end(), 0.0f), 20);
  for (std::size_t item = 1; item <= 5; ++item) EXPECT_GT(scores[item], scores[6]);
}

TEST(Covisitation, FollowsAStreamBitForBit) {
  InteractionLog log = tastes(120, 60, 4);
  for (std::size_t r = 0; r < log.rows.size(); ++r) {
    log.group.push_back(r % 3 == 0 ? Column::kMissing : static_cast<std::uint32_t>(r / 4));
  }
  CovisitationConfig config;
  config.age_half_life_days = 0.5;  // so that counts are scaled back on the way
  config.max_pairs = 20;
  // The events in the order in which they came.
  std::vector<std::pair<std::uint32_t, std::size_t>> events;
  for (std::uint32_t u = 0; u < log.users; ++u) {
    for (std::size_t r = log.begin[u]; r < log.begin[u + 1]; ++r) events.emplace_back(u, r);
  }
  std::stable_sort(events.begin(), events.end(), [&](const auto& a, const auto& b) {
    return log.rows[a.second].time < log.rows[b.second].time;
  });
  CovisitationCounts counts(config);
  std::size_t added = 0;
  for (const Time as_of : {30 * kDay, 31 * kDay, 200 * kDay}) {
    for (; added < events.size() && log.rows[events[added].second].time < as_of; ++added) {
      const auto [u, r] = events[added];
      counts.add(UserId{u}, log.rows[r].item, log.rows[r].time, log.group[r]);
    }
    const History history(log, as_of);
    TensorFile streamed;
    TensorFile fitted;
    ASSERT_TRUE((*counts.model(log.items, {}))->save(streamed));
    ASSERT_TRUE((*fit_covisitation({.history = &history}, config, {.threads = 2}))->save(fitted));
    ASSERT_EQ(streamed.to_bytes(), fitted.to_bytes());
  }
  EXPECT_EQ(added, events.size());
}

TEST(Covisitation, LaterMomentsOfTheHistoryCountMore) {
  CovisitationConfig config = kPlain;
  config.recency_decay = 0.5;
  CovisitationCounts counts(config);
  for (std::uint32_t u = 0; u < 3; ++u) {  // u -> u + 3
    counts.add(UserId{u}, ItemId{u}, 0, Column::kMissing);
    counts.add(UserId{u}, ItemId{u + 3}, kDay, Column::kMissing);
  }
  const auto model = counts.model(6, {});
  const std::vector<Interaction> rows = {
      {ItemId{2}, 1, 0}, {ItemId{0}, 1, 1}, {ItemId{1}, 1, 2}, {ItemId{2}, 1, 2}};
  EXPECT_THAT(scores_of(**model, {.as_of = 3, .history = rows}, 6),
              ElementsAre(0, 0, 0, 0.5, 1, 1));
}

TEST(Covisitation, OffersEachUserTheWithheldDiagonalOfACheckerboard) {
  const InteractionLog log = checkerboard(40);
  const History history(log, 2 * kDay);
  const auto model = fit_covisitation({.history = &history}, {}, {.threads = 2});
  ASSERT_TRUE(model);
  for (std::uint32_t u = 0; u < 40; ++u) EXPECT_EQ(best_unseen(**model, history, UserId{u}), u);
}

TEST(Covisitation, RefusesAConfigOutOfRange) {
  const InteractionLog log = checkerboard(4);
  const History history(log, 2 * kDay);
  EXPECT_THAT(fit_covisitation({.history = &history}, {.step_decay = 2}, {}).error().message,
              HasSubstr("covisitation.step_decay: 2 is out of range; expected 0 to 1"));
}

}  // namespace
}  // namespace sartor
