#include "sartor/evaluation/beyond_accuracy.h"

#include <gmock/gmock.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace sartor {
namespace {

constexpr Time kStart = 100 * kDay;

// Four users, six items; item 0 is taken by all, 4 by nobody, 5 is new in the window.
//   user 0: 0 0 1 2    user 1: 0 1 2    user 2: 0 3    user 3: nothing yet
struct World {
  InteractionLog log{
      .users = 4, .items = 6, .begin = {0, 5, 9, 12, 14}, .rows = {}, .item_first_seen = {}};
  World() {
    const auto take = [&](std::uint32_t item, Time time) {
      log.rows.push_back({ItemId{item}, 1, time});
    };
    for (const std::uint32_t item : {0u, 0u, 1u, 2u}) take(item, kDay);
    take(3, kStart);
    for (const std::uint32_t item : {0u, 1u, 2u}) take(item, kDay);
    take(0, kStart);
    for (const std::uint32_t item : {0u, 3u}) take(item, 95 * kDay);
    take(5, kStart);
    take(0, kStart);
    take(1, kStart);
    log.item_first_seen = {kDay, kDay, 80 * kDay, 95 * kDay, kDay, kStart};
  }
};

// Lists of two: users 0 and 1 see (0, 1), user 2 sees (3) alone, user 3 sees (1, 2).
Evaluation lists() {
  return {.depth = 3,
          .lists = {ItemId{0}, ItemId{1}, ItemId{4}, ItemId{0}, ItemId{1}, kNoItem, ItemId{3},
                    kNoItem, kNoItem, ItemId{1}, ItemId{2}, ItemId{0}}};
}

const std::vector<std::uint32_t> kCategory = {7, 7, 8, Column::kMissing, 8, 8};

Result<BeyondAccuracy> judge(const World& world, std::size_t k, int threads = 1) {
  const Cases cases = window_cases(world.log, {kStart, kStart + kDay}, true, true);
  EXPECT_EQ(cases.size(), 4u);
  const CatalogueFacts facts(History(world.log, kStart), kCategory);
  return beyond_accuracy(lists(), cases, facts, k, {.threads = threads});
}

TEST(BeyondAccuracy, ByHand) {
  const World world;
  const auto got = judge(world, 2);
  ASSERT_TRUE(got);
  EXPECT_DOUBLE_EQ(got->coverage, 4.0 / 5);  // 0, 1, 2 and 3 of the five that were known
  // Times listed, ascending: 0 1 1 2 3 of items 4, 2, 3, 0, 1.
  EXPECT_DOUBLE_EQ(got->gini, (-2 * 1 + 0 + 2 * 2 + 4 * 3) / (5.0 * 7));
  // Three users have a history. Item 0: log2(3/3); 1 and 2: log2(3/2); 3: log2(3).
  const double two = std::log2(1.5);
  EXPECT_NEAR(got->novelty, (two / 2 + two / 2 + std::log2(3.0) + two) / 4, 1e-15);
  // cos(0, 1) = 2 / sqrt(3 * 2), cos(1, 2) = 1; user 2's list has no pair.
  EXPECT_NEAR(got->diversity, (2 * (1 - 2 / std::sqrt(6.0)) + 0) / 3, 1e-15);
  EXPECT_DOUBLE_EQ(got->category_diversity, 1.0 / 3);  // 7 7, 7 7, -, 7 8
}

TEST(BeyondAccuracy, WhatNobodyTookIsUnlikeAllAndAsRareAsCanBe) {
  const World world;
  const CatalogueFacts facts(History(world.log, kStart), {});
  EXPECT_DOUBLE_EQ(facts.novelty(ItemId{4}), std::log2(3.0));
  const auto got = judge(world, 3);  // user 0 sees 0, 1, 4
  const double pair = 1 - 2 / std::sqrt(6.0);
  const double user_3 = (pair + pair + 0) / 3;  // 1 2 0
  EXPECT_NEAR(got->diversity, ((pair + 1 + 1) / 3 + pair + user_3) / 3, 1e-14);
}

TEST(BeyondAccuracy, BucketsByPopularityAndAge) {
  const World world;
  const CatalogueFacts facts(History(world.log, kStart), {});
  // Nine interactions: 0 has 4, 1 and 2 have 2, 3 has 1. Half is 4.5, 80 % is 7.2.
  const std::vector<int> popularity = {0, 0, 1, 2, 2, 2};
  const std::vector<int> age = {2, 2, 1, 0, 2, 0};  // 80 days: 20 ago; 95: 5 ago; 5 is new
  for (std::uint32_t i = 0; i < 6; ++i) {
    EXPECT_EQ(facts.popularity_bucket(ItemId{i}), popularity[i]) << i;
    EXPECT_EQ(facts.age_bucket(ItemId{i}), age[i]) << i;
  }
  const auto got = judge(world, 2);
  const BucketShares& head = got->popularity[0];
  EXPECT_DOUBLE_EQ(head.items, 2.0 / 5);
  EXPECT_DOUBLE_EQ(head.listed, 5.0 / 7);
  // Targets: 3 | 0 | 5 | 0 1. Hits: user 1's 0, user 3's 1.
  EXPECT_DOUBLE_EQ(head.targets, 3.0 / 5);
  EXPECT_DOUBLE_EQ(head.hits, 1);
  EXPECT_DOUBLE_EQ(head.recall, 2.0 / 3);
  EXPECT_TRUE(std::isnan(got->popularity[1].recall));  // no target of the middle
  EXPECT_DOUBLE_EQ(got->age[0].targets, 2.0 / 5);      // 3 and 5
  EXPECT_DOUBLE_EQ(got->age[0].recall, 0);
}

TEST(BeyondAccuracy, SameBitsAtAnyThreadCountAndNullWhereNothingIsKnown) {
  const World world;
  EXPECT_EQ(beyond_accuracy_json(*judge(world, 2, 1)).dump(),
            beyond_accuracy_json(*judge(world, 2, 2)).dump());
  const Cases none{.target_begin = {0}};
  const CatalogueFacts facts(History(world.log, kStart), {});
  const auto got = beyond_accuracy({.depth = 2}, none, facts, 2, {});
  const Json json = beyond_accuracy_json(*got);
  EXPECT_EQ(json["coverage"], 0.0);
  for (const char* name : {"gini", "novelty", "diversity", "category_diversity"})
    EXPECT_TRUE(json[name].is_null()) << name;
}

// Every item equally often: no inequality. One item only: as much as there can be.
TEST(BeyondAccuracy, GiniAtItsEnds) {
  InteractionLog log{.users = 2, .items = 4, .begin = {0, 2, 4}, .rows = {}, .item_first_seen = {}};
  for (std::uint32_t i = 0; i < 4; ++i) log.rows.push_back({ItemId{i}, 1, kDay});
  log.item_first_seen.assign(4, kDay);
  const CatalogueFacts facts(History(log, kStart), {});
  Cases cases{.as_of = kStart, .users = {UserId{0}, UserId{1}}, .target_begin = {0, 0, 0}};
  Evaluation equal{.depth = 2, .lists = {ItemId{0}, ItemId{1}, ItemId{2}, ItemId{3}}};
  EXPECT_DOUBLE_EQ(beyond_accuracy(equal, cases, facts, 2, {})->gini, 0);
  Evaluation one{.depth = 1, .lists = {ItemId{3}, ItemId{3}}};
  EXPECT_DOUBLE_EQ(beyond_accuracy(one, cases, facts, 1, {})->gini, 0.75);
}

}  // namespace
}  // namespace sartor
