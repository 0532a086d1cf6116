#include "sartor/models/rerank.h"

#include <gmock/gmock.h>

#include "sartor/evaluation/evaluate.h"
#include "sartor/models/own_history.h"
#include "sartor/models/popularity.h"
#include "sartor/models/test_world.h"

namespace sartor {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::HasSubstr;

// Two trees, written as LightGBM writes them; the second is a single leaf.
constexpr const char* kText = R"(tree
version=v4
max_feature_idx=1

Tree=0
num_leaves=3
split_feature=0 1
split_gain=30 10
threshold=0.5 -2
left_child=1 -1
right_child=-2 -3
leaf_value=0.25 1 -4
shrinkage=1

Tree=1
num_leaves=1
leaf_value=0.5

end of trees
feature_importances:
Column_0=1
)";

double score(const Trees& trees, float a, float b) {
  const float x[] = {a, b};
  return trees.score(x);
}

TEST(Trees, WalkAsLightGbmWritesThem) {
  const auto trees = Trees::parse(kText);
  ASSERT_TRUE(trees) << trees.error().message;
  EXPECT_EQ(trees->features(), 2u);
  EXPECT_EQ(trees->size(), 2u);
  EXPECT_EQ(score(*trees, 0.6f, 0), 1.5);       // right at the root: leaf 1
  EXPECT_EQ(score(*trees, 0.5f, -2), 0.75);     // left, left: leaf 0
  EXPECT_EQ(score(*trees, 0.4f, -1.9f), -3.5);  // left, right: leaf 2
  EXPECT_THAT(trees->importance(), ElementsAre(0.75, 0.25));
}

TEST(Trees, RefuseNodesThatAreNotThere) {
  std::string text = kText;
  text.replace(text.find("left_child=1 -1"), 15, "left_child=0 -1");  // its own parent
  EXPECT_EQ(Trees::parse(text).error().code, ErrorCode::bad_data);
  text = kText;
  text.replace(text.find("split_feature=0 1"), 17, "split_feature=0 7");
  EXPECT_THAT(Trees::parse(text).error().message, HasSubstr("not there"));
}

// Cases of five rows, of which the one with the largest second feature was taken.
TreeRows largest_second(std::size_t cases, std::uint64_t seed) {
  Random random(seed);
  TreeRows rows{.features = 2};
  for (std::size_t c = 0; c < cases; ++c) {
    std::vector<float> second;
    for (int r = 0; r < 5; ++r) {
      second.push_back(static_cast<float>(random.uniform()));
      rows.x.insert(rows.x.end(), {static_cast<float>(random.uniform()), second.back()});
    }
    const auto best = std::max_element(second.begin(), second.end()) - second.begin();
    for (int r = 0; r < 5; ++r) rows.label.push_back(r == best ? 1.0f : 0.0f);
    rows.in_case.push_back(5);
  }
  return rows;
}

TEST(Trees, LearnAnOrderAndAreTheSameAtAnyThreadCount) {
  const TreeRows rows = largest_second(400, 1);
  const TreesConfig config{.rounds = 60, .feature_share = 1};
  const auto one = fit_trees(rows, config, {.threads = 1});
  const auto two = fit_trees(rows, config, {.threads = 2});
  ASSERT_TRUE(one) << one.error().message;
  TensorFile first, second;
  ASSERT_TRUE(one->save(first));
  ASSERT_TRUE(two->save(second));
  EXPECT_EQ(first.to_bytes(), second.to_bytes());
  EXPECT_GT(one->importance()[1], 0.8);
  const TreeRows others = largest_second(200, 2);
  int right = 0;
  for (std::size_t c = 0; c < 200; ++c) {
    std::size_t best = 0;
    std::vector<double> scores;
    for (std::size_t r = 0; r < 5; ++r)
      scores.push_back(one->score({&others.x[(c * 5 + r) * 2], 2}));
    best =
        static_cast<std::size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
    right += others.label[c * 5 + best] == 1;
  }
  EXPECT_GT(right, 170);
}

TEST(Trees, NeedSomethingToTellApart) {
  TreeRows rows = largest_second(10, 1);
  std::fill(rows.label.begin(), rows.label.end(), 0.0f);
  EXPECT_THAT(fit_trees(rows, {}, {}).error().message, HasSubstr("0 of 50 rows are hits"));
}

TEST(RerankFeatures, ByHand) {
  // User 0: item 0 on days 2 and 6, item 1 on day 6. User 1: item 0 on day 9.
  const InteractionLog log =
      make_log(2, 3, {{0, 0, 2 * kDay}, {0, 0, 6 * kDay}, {0, 1, 6 * kDay}, {1, 0, 9 * kDay}});
  const History history(log, 10 * kDay);
  const std::uint32_t category[] = {5, 5, 6};
  const ItemFacts facts = ItemFacts::make(history, 2, category);
  FeatureWriter writer(facts);
  writer.begin({UserId{0}, 10 * kDay, history.of(UserId{0})});
  std::vector<float> row;
  writer.add(ItemId{0}, row);
  const auto names = rerank_feature_names({}, true);
  ASSERT_EQ(row.size() + 2, names.size());  // "blend", "blend_rank"
  const auto of = [&](const std::string& name) {
    const auto at = std::find(names.begin(), names.end(), name) - names.begin();
    return row[static_cast<std::size_t>(at) - 2];
  };
  EXPECT_EQ(of("own_count"), 2);
  EXPECT_EQ(of("own_last"), 2);  // units of two days
  EXPECT_EQ(of("own_first"), 4);
  EXPECT_EQ(of("own_gap"), 2);
  EXPECT_EQ(of("own_due"), 1);
  EXPECT_EQ(of("own_share"), 1);  // of the two moments at which the user took anything
  EXPECT_THAT(of("item_unit"), FloatNear(std::log1p(1.0f), 1e-6f));
  EXPECT_THAT(of("item_long"), FloatNear(std::log1p(2.0f), 1e-6f));
  EXPECT_THAT(of("item_ever"), FloatNear(std::log1p(3.0f), 1e-6f));
  EXPECT_EQ(of("item_last"), 0.5f);
  EXPECT_EQ(of("item_users"), 2);
  EXPECT_EQ(of("item_repeats"), 0.5f);
  EXPECT_EQ(of("user_baskets"), 2);
  EXPECT_EQ(of("user_taken"), 3);
  EXPECT_EQ(of("user_distinct"), 2);
  EXPECT_EQ(of("category_share"), 1);

  // A stranger and an item nobody took: no division by nothing.
  row.clear();
  writer.begin({.as_of = 10 * kDay});
  writer.add(ItemId{2}, row);
  for (const float value : row) EXPECT_TRUE(std::isfinite(value));
  EXPECT_EQ(of("own_count"), 0);
  EXPECT_EQ(of("own_gap"), -1);
  EXPECT_EQ(of("category_share"), 0);
}

// Every user takes again, in the next window, what was taken once before and never what was taken
// twice: own history alone is always wrong, trees can know.
struct OnceMore {
  InteractionLog log;
  History history;
  Cases cases;
  ModelMap components;

  static constexpr std::uint32_t kUsers = 120;
  static constexpr std::uint32_t kItems = 12;

  OnceMore() {
    Random random(3);
    std::vector<Taken> rows;
    for (std::uint32_t u = 0; u < kUsers; ++u) {
      const auto twice = static_cast<std::uint32_t>(random.below(kItems));
      const auto once = static_cast<std::uint32_t>((twice + 1 + random.below(kItems - 1)) % kItems);
      rows.push_back({u, twice, kDay});
      rows.push_back({u, twice, 2 * kDay});
      rows.push_back({u, once, kDay});
      rows.push_back({u, once, 11 * kDay});
    }
    log = make_log(kUsers, kItems, rows);
    history = History(log, 10 * kDay);
    cases = window_cases(log, {10 * kDay, 20 * kDay}, true, false);
    const FitInput input{.history = &history};
    components = {{"own", *fit_own_history(input, {.half_life_days = 60}, {})},
                  {"popular", *fit_popularity(input, {.half_life_days = 7}, {})}};
  }

  Shortlister shortlister() const {
    return make_shortlister(
               components,
               {.parts = {{"own", 0.9}, {"popular", 0.1}}, .candidates = 8, .repeat = true},
               eligible_items(history), ItemFacts::make(history, 10, {}))
        .value();
  }
  double ndcg(const Model& model) const {
    const Metric metric{MetricKind::ndcg, 1};
    const Scorer scorer = [&](std::size_t, const Query& query, std::span<float> out) {
      model.score(query, out);
    };
    return evaluate(cases, history, scorer, {.metrics = {metric}, .repeat = true}, {})
        ->mean(metric);
  }
};

TEST(Rerank, LearnsWhatABlendCannotSay) {
  const OnceMore world;
  const auto blend = make_blend(world.components, {{{"own", 0.9}, {"popular", 0.1}}},
                                eligible_items(world.history));
  EXPECT_LT(world.ndcg(**blend), 0.1);
  const auto rows = rerank_rows(world.shortlister(), world.cases, world.history, 8, {});
  ASSERT_TRUE(rows) << rows.error().message;
  EXPECT_EQ(rows->in_case.size(), OnceMore::kUsers);
  auto trees = fit_trees(*rows, {.rounds = 30, .feature_share = 1}, {});
  ASSERT_TRUE(trees) << trees.error().message;
  const auto model = make_rerank(world.shortlister(), *trees);
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_GT(world.ndcg(**model), 0.95);
  const auto importance = rerank_importance(**model);
  EXPECT_EQ(importance.size(), 2u + 2u + 21u);
  EXPECT_GE(importance.front().second, importance.back().second);

  // What is not on the list keeps the blend's order below it.
  const Query query{UserId{0}, world.history.as_of(), world.history.of(UserId{0})};
  const auto scores = scores_of(**model, query, OnceMore::kItems);
  const auto by_blend = scores_of(**blend, query, OnceMore::kItems);
  std::vector<ItemId> order, blend_order;
  top_k(scores, eligible_items(world.history), OnceMore::kItems, order);
  top_k(by_blend, eligible_items(world.history), OnceMore::kItems, blend_order);
  EXPECT_TRUE(std::equal(order.begin() + 8, order.end(), blend_order.begin() + 8));
}

TEST(Rerank, RefusesTreesOfAnotherShape) {
  const OnceMore world;
  const auto model = make_rerank(world.shortlister(), *Trees::parse(kText));
  EXPECT_THAT(model.error().message, HasSubstr("trees of 2 features"));
}

TEST(Rerank, KeepsWhatWasTakenOffTheListUnlessItMayBeTakenAgain) {
  const OnceMore world;
  Shortlister once = world.shortlister();
  once.config.repeat = false;
  const auto rows = rerank_rows(once, world.cases, world.history, 8, {});
  EXPECT_EQ(rows->rows(), 0u);  // all targets were taken before
}

}  // namespace
}  // namespace sartor
