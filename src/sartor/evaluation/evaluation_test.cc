#include <gmock/gmock.h>

#include <cmath>

#include "sartor/base/random.h"
#include "sartor/evaluation/cases.h"
#include "sartor/evaluation/evaluate.h"
#include "sartor/evaluation/metrics.h"

namespace sartor {
namespace {

using ::testing::ElementsAre;

std::vector<ItemId> ids(std::initializer_list<std::uint32_t> values) {
  std::vector<ItemId> out;
  for (const auto value : values) out.push_back(ItemId{value});
  return out;
}

double value(const char* metric, std::initializer_list<std::uint32_t> list,
             std::initializer_list<std::uint32_t> targets) {
  return metric_value(*parse_metric(metric), ids(list), ids(targets));
}

TEST(Metrics, ByHand) {
  // Hits at ranks 1 and 3 of two targets: (1 + 1/2) / (1 + 1/log2 3).
  EXPECT_NEAR(value("ndcg@10", {5, 1, 7}, {5, 7}), 1.5 / (1 + 1 / std::log2(3.0)), 1e-15);
  EXPECT_DOUBLE_EQ(value("ndcg@1", {5, 1, 7}, {5, 7}), 1.0);
  EXPECT_DOUBLE_EQ(value("recall@2", {5, 1, 7}, {5, 7, 9, 11}), 0.25);
  EXPECT_DOUBLE_EQ(value("hit@1", {5, 1, 7}, {7}), 0.0);
  EXPECT_DOUBLE_EQ(value("hit@3", {5, 1, 7}, {7}), 1.0);
  EXPECT_DOUBLE_EQ(value("mrr@3", {5, 1, 7}, {1, 7}), 0.5);
  EXPECT_DOUBLE_EQ(value("map@10", {5, 1, 7}, {5, 7}), (1.0 + 2.0 / 3.0) / 2.0);
  EXPECT_DOUBLE_EQ(value("map@2", {5, 1, 7}, {5, 7, 9}), 0.5);
  EXPECT_DOUBLE_EQ(value("ndcg@10", {}, {5}), 0.0);
}

TEST(Metrics, NamesRoundTripAndBadOnesAreExplained) {
  EXPECT_EQ(parse_metric("recall@20")->name(), "recall@20");
  for (const char* bad : {"ndcg", "ndgc@10", "ndcg@0", "ndcg@1001", "ndcg@x", "@10", "ndcg@10 "}) {
    EXPECT_FALSE(parse_metric(bad)) << bad;
  }
  EXPECT_THAT(parse_metric("ndgc@10").error().message, ::testing::HasSubstr("did you mean 'ndcg'"));
}

// Against sorting everything: gaps, ties, NaN, and lists longer than what may be listed.
TEST(TopK, IsWhatSortingGives) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Random random(seed);
    const std::size_t n = 1 + random.below(3000);
    const double gaps = seed % 3 == 0 ? 0 : random.uniform();
    const std::size_t levels = seed % 4 == 0 ? 5 : 100'000;  // few levels: many ties
    std::vector<float> scores;
    std::vector<ItemId> eligible;
    std::vector<ItemId> except;
    for (std::uint32_t i = 0; i < n; ++i) {
      const auto level = static_cast<float>(random.below(levels));
      scores.push_back(seed % 5 == 0 && random.uniform() < 0.1 ? std::nanf("") : level);
      if (random.uniform() >= gaps) eligible.push_back(ItemId{i});
      // What was taken twice stands there twice.
      for (std::uint64_t times = random.below(8); times > 5; --times) except.push_back(ItemId{i});
    }
    std::vector<ItemId> sorted;
    for (const ItemId item : eligible) {
      if (!std::binary_search(except.begin(), except.end(), item)) sorted.push_back(item);
    }
    std::stable_sort(sorted.begin(), sorted.end(), [&](ItemId a, ItemId b) {
      const float x = scores[a.index()];
      const float y = scores[b.index()];
      return std::isnan(y) ? !std::isnan(x) : x > y;
    });
    const std::size_t k = random.below(400);
    sorted.resize(std::min(k, sorted.size()));
    std::vector<ItemId> out;
    top_k(scores, eligible, k, out, except);
    ASSERT_EQ(out, sorted) << "seed " << seed;
  }
}

TEST(TopK, BreaksTiesByAscendingItemAndPutsNanLast) {
  const std::vector<float> scores = {1, 3, std::nanf(""), 3, 2};
  std::vector<ItemId> out;
  top_k(scores, ids({0, 1, 2, 3, 4}), 3, out);
  EXPECT_EQ(out, ids({1, 3, 4}));
  top_k(scores, ids({0, 1, 2, 3, 4}), 10, out);
  EXPECT_EQ(out, ids({1, 3, 4, 0, 2}));
  top_k(scores, ids({0, 2}), 1, out);
  EXPECT_EQ(out, ids({0}));
  top_k(scores, ids({0, 1, 2, 3, 4}), 2, out, ids({1, 4}));
  EXPECT_EQ(out, ids({3, 0}));
}

// Two users, four items; day 1 and day 2 train, day 3 on is the window. Item 3 is first seen on
// day 3.
InteractionLog small_log() {
  InteractionLog log{.users = 3, .items = 4};
  log.begin = {0, 3, 6, 7};
  log.rows = {{ItemId{0}, 1, 1 * kDay}, {ItemId{1}, 1, 3 * kDay}, {ItemId{0}, 1, 4 * kDay},
              {ItemId{1}, 1, 1 * kDay}, {ItemId{2}, 1, 2 * kDay}, {ItemId{3}, 1, 3 * kDay},
              {ItemId{3}, 1, 4 * kDay}};
  log.item_first_seen = {1 * kDay, 1 * kDay, 2 * kDay, 3 * kDay};
  return log;
}

TEST(Cases, TargetsAreDistinctEligibleAndCounted) {
  const InteractionLog log = small_log();
  const Cases repeat = window_cases(log, {3 * kDay, 10 * kDay}, true, false);
  ASSERT_EQ(repeat.size(), 1u);  // the others took nothing but the new item
  EXPECT_THAT(repeat.targets_of(0), ElementsAre(ItemId{0}, ItemId{1}));
  EXPECT_EQ(repeat.left_out_targets, 2u);
  EXPECT_EQ(repeat.left_out_users, 2u);

  const Cases fresh = window_cases(log, {3 * kDay, 10 * kDay}, false, false);
  ASSERT_EQ(fresh.size(), 1u);
  EXPECT_THAT(fresh.targets_of(0), ElementsAre(ItemId{1}));  // item 0 was taken before

  const Cases counted = window_cases(log, {3 * kDay, 10 * kDay}, true, true);
  EXPECT_EQ(counted.size(), 3u);
  EXPECT_EQ(counted.left_out_targets, 2u);
}

TEST(History, EndsAtItsMoment) {
  const InteractionLog log = small_log();
  const History history(log, 3 * kDay);
  EXPECT_EQ(history.of(UserId{0}).size(), 1u);
  EXPECT_EQ(history.of(UserId{1}).size(), 2u);
  EXPECT_EQ(history.of(UserId{2}).size(), 0u);
  EXPECT_EQ(history.size(), 3u);
  EXPECT_FALSE(history.seen(ItemId{3}));
  EXPECT_EQ(eligible_items(history), ids({0, 1, 2}));
}

TEST(Evaluate, ListsOnlyEligibleItemsAtAnyThreadCount) {
  const InteractionLog log = small_log();
  const History history(log, 3 * kDay);
  const Cases cases = window_cases(log, {3 * kDay, 10 * kDay}, true, true);
  const Scorer by_number = [](std::size_t, const Query&, std::span<float> out) {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(i);
  };
  const Metric recall{MetricKind::recall, 2};
  for (const int threads : {1, 2}) {
    const auto result =
        evaluate(cases, history, by_number, {.metrics = {recall}, .repeat = true, .depth = 3},
                 {.threads = threads});
    ASSERT_TRUE(result);
    EXPECT_EQ(std::vector(result->lists.begin(), result->lists.begin() + 3), ids({2, 1, 0}));
    EXPECT_THAT(result->of(recall), ElementsAre(0.5, 0.0, 0.0));
    EXPECT_DOUBLE_EQ(coverage(*result, 1, 3), 1.0 / 3.0);
  }
  // Without repeats user 1 is not shown items 1 and 2 again.
  const auto fresh =
      evaluate(cases, history, by_number, {.metrics = {recall}, .repeat = false, .depth = 3}, {});
  EXPECT_EQ(std::vector(fresh->lists.begin() + 3, fresh->lists.begin() + 6),
            (std::vector{ItemId{0}, kNoItem, kNoItem}));
}

TEST(Trec, WritesDepthMinusRank) {
  const InteractionLog log = small_log();
  const History history(log, 3 * kDay);
  const Cases cases = window_cases(log, {3 * kDay, 10 * kDay}, true, false);
  Dataset data;
  data.users = Vocabulary({"ann", "bob", "cy"});
  data.items = Vocabulary({"a", "b", "c", "d"});
  const Scorer zero = [](std::size_t, const Query&, std::span<float> out) {
    std::fill(out.begin(), out.end(), 0.f);
  };
  const auto result = evaluate(cases, history, zero, {.repeat = true, .depth = 2}, {});
  EXPECT_EQ(trec_run(*result, cases, data, "general"),
            "ann Q0 a 1 1 general\nann Q0 b 2 0 general\n");
  EXPECT_EQ(trec_qrels(cases, data), "ann 0 a 1\nann 0 b 1\n");
}

}  // namespace
}  // namespace sartor
