#include "sartor/models/content.h"

#include <gmock/gmock.h>

#include "sartor/models/content_features.h"
#include "sartor/models/test_numbers.h"
#include "sartor/models/test_world.h"

namespace sartor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Table table(std::vector<Column> columns) {
  Table out{.rows = columns.front().rows()};
  out.columns = std::move(columns);
  return out;
}

TEST(TermsOf, AreWordsAndPairsInLowerCase) {
  EXPECT_THAT(terms_of("Red CAKE-tin, 5"),
              ElementsAre("red", "cake", "tin", "5", "red cake", "cake tin", "tin 5"));
  EXPECT_THAT(terms_of("ÀÉ ΣΩ ЖЁ"), ElementsAre("àé", "σω", "жё", "àé σω", "σω жё"));
  EXPECT_THAT(terms_of("日本語 ok"),
              ElementsAre("日", "本", "語", "ok", "日 本", "本 語", "語 ok"));
  EXPECT_THAT(terms_of(" ,–… "), ElementsAre());
  EXPECT_THAT(terms_of("a\xff\xc3"), ElementsAre("a\xff\xc3")) << "bad bytes are kept";
}

TEST(ItemFeatures, PutsNumbersIntoOverlappingBuckets) {
  const auto facts = item_features(table({number_column("price", {1, 2, std::exp2(0.25), 0, kNan}),
                                          number_column("seconds", {5, 5, 1, kNan, 9})}));
  // Half octaves: 1 and 2 are two buckets apart, 2^0.25 lies between two.
  EXPECT_EQ(facts.begin[1], 2u);
  const auto row = [&](std::size_t i) {
    std::vector<std::pair<std::uint32_t, float>> out;
    for (std::size_t at = facts.begin[i]; at < facts.begin[i + 1]; ++at)
      out.push_back({facts.feature[at], facts.value[at]});
    return out;
  };
  EXPECT_EQ(row(0)[0], std::pair(0u, 1.0f));
  EXPECT_EQ(row(1)[0], std::pair(2u, 1.0f));
  EXPECT_EQ(row(2)[0].first, 0u);
  EXPECT_NEAR(row(2)[0].second, 0.5, 1e-6);
  EXPECT_EQ(row(2)[1].first, 1u);
  EXPECT_TRUE(row(3).empty()) << "a price of 0 and a missing number are no facts";
  // Of 1, 5, 5, 9 the fives share rank 2: bucket 8 of 16.
  EXPECT_EQ(row(0)[1], row(1)[1]);
  EXPECT_EQ(row(4).size(), 1u);
}

class ContentOfTexts : public ::testing::Test {
 protected:
  // The texts of tests/reference/content.py. User 0 took 0 today and 4 ten days ago.
  const Table facts_ =
      table({text_column("text", {"Red cake tin, red lid", "red CAKE stand", "blue cake tin",
                                  "Wooden heart", "wooden heart blue blue heart", "Größe 5 Tin"})});
  const InteractionLog log_ = make_log(1, 6, {{0, 4, 0}, {0, 0, 10 * kDay}});
  const History history_{log_, 10 * kDay + 1};
  const ContentConfig plain_{.learned = false, .max_share = 1};

  std::vector<float> cosines(const Query& query) const {
    const auto model = fit_content({.history = &history_, .item_attributes = &facts_}, plain_, {});
    auto scores = scores_of(**model, query, 6);
    for (const std::size_t taken : {0u, 4u}) scores[taken] -= 1e-3f;  // popularity
    return scores;
  }
};

TEST_F(ContentOfTexts, AgreesWithScikitLearn) {
  const std::vector<Interaction> text_0 = {{ItemId{0}, 1, kDay}};
  const std::vector<Interaction> text_4 = {{ItemId{4}, 1, kDay}};
  expect_near(cosines({.as_of = 2 * kDay, .history = text_0}),
              {1.0, 0.43552184, 0.33371268, 0.0, 0.0, 0.08421645}, 2e-6);
  expect_near(cosines({.as_of = 2 * kDay, .history = text_4}),
              {0.0, 0.0, 0.21874724, 0.61058431, 1.0, 0.0}, 2e-6);
}

TEST_F(ContentOfTexts, AddsUpWhatTheUserTookWithItsAge) {
  const Query query{UserId{0}, 10 * kDay, history_.of(UserId{0})};
  const auto model = fit_content({.history = &history_, .item_attributes = &facts_}, plain_, {});
  auto scores = scores_of(*(*model)->with_half_life(10), query, 6);
  for (const std::size_t taken : {0u, 4u}) scores[taken] -= 1e-3f;
  expect_near(scores, {0.89442719, 0.38954257, 0.39630843, 0.2730616, 0.4472136, 0.07532548}, 2e-6);
}

// Users take items of one colour; shapes come by chance. Item 6 is cold and red, 7 cold and blue.
struct Colours {
  Table facts = table(
      {text_column("colour", {"red", "blue", "red", "blue", "red", "blue", "red", "blue", ""}),
       text_column("shape", {"ball", "ball", "ball", "cube", "cube", "cube", "cube", "ball", ""})});
  InteractionLog log = make_log(4, 9,
                                {{0, 0, kDay},
                                 {0, 2, kDay},
                                 {0, 4, kDay},
                                 {1, 1, kDay},
                                 {1, 3, kDay},
                                 {1, 5, kDay},
                                 {2, 0, kDay},
                                 {2, 4, kDay},
                                 {3, 1, kDay},
                                 {3, 3, kDay}});
  History history{log, 2 * kDay};
  FitInput input{.history = &history, .item_attributes = &facts};
};

TEST(Content, ScoresColdItemsByTheirFactsAndThoseWithoutFactsLow) {
  const Colours world;
  const auto model = fit_content(world.input, {.max_share = 1}, {});
  ASSERT_TRUE(model) << model.error().message;
  const Query red{UserId{2}, 2 * kDay, world.history.of(UserId{2})};
  const auto scores = scores_of(**model, red, 9);
  EXPECT_GT(scores[6], 0.9f);
  EXPECT_LT(scores[7], 0.1f);
  EXPECT_EQ(scores[8], 0.0f);
}

TEST(Content, LearnsThatColoursMatterAndShapesDoNot) {
  const Colours world;
  const std::vector<Interaction> blue_cube = {{ItemId{3}, 1, kDay}};
  const Query query{.as_of = 2 * kDay, .history = blue_cube};
  const auto learned = fit_content(world.input, {.max_share = 1}, {});
  auto scores = scores_of(**learned, query, 9);
  EXPECT_GT(scores[7], 0.9f);  // a blue ball is all that a blue cube is
  EXPECT_EQ(scores[6], 0.0f);  // a red cube nothing
  const auto by_rarity = fit_content(world.input, {.learned = false, .max_share = 1}, {});
  scores = scores_of(**by_rarity, query, 9);
  EXPECT_NEAR(scores[7], scores[6], 0.1);
}

TEST(Content, GoesByRarityWhereNothingWasTakenTogether) {
  Colours world;
  world.log = make_log(2, 9, {{0, 0, kDay}, {1, 3, kDay}});
  world.history = History(world.log, 2 * kDay);
  const Query query{UserId{0}, 2 * kDay, world.history.of(UserId{0})};
  const auto learned = fit_content(world.input, {.max_share = 1}, {});
  const auto by_rarity = fit_content(world.input, {.learned = false, .max_share = 1}, {});
  ASSERT_TRUE(learned) << learned.error().message;
  EXPECT_EQ(scores_of(**learned, query, 9), scores_of(**by_rarity, query, 9));
}

TEST(Content, TakesNumbersButThePriceOnlyWhereAsked) {
  Colours world;
  const auto cold = [&](const char* column, const ContentConfig& config) {
    const Table facts = table({number_column(column, {1, 90, 1, 90, 1, 90, 1, 90, kNan})});
    const auto model =
        fit_content({.history = &world.history, .item_attributes = &facts}, config, {});
    if (!model) return -1.0f;
    return scores_of(**model, {UserId{2}, 2 * kDay, world.history.of(UserId{2})}, 9)[6];
  };
  EXPECT_GT(cold("price", {.max_share = 1}), 0.9f);
  EXPECT_EQ(cold("seconds", {.max_share = 1}), -1.0f);
  EXPECT_GT(cold("seconds", {.number_weight = 1, .max_share = 1}), 0.9f);
}

TEST(Content, LeavesOutWhatMostItemsShare) {
  const Colours world;
  const auto model = fit_content(world.input, {.learned = false, .max_share = 0.4}, {});
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, ErrorCode::invalid_argument);
  EXPECT_THAT(model.error().message, HasSubstr("nothing that tells items apart"));
}

TEST(Content, SaysThatThereAreNoFacts) {
  Colours world;
  const auto error = [&](const Table* facts) {
    return fit_content({.history = &world.history, .item_attributes = facts}, {}, {}).error();
  };
  EXPECT_EQ(error(nullptr).code, ErrorCode::invalid_argument);
  EXPECT_THAT(error(nullptr).message, HasSubstr("no facts of items"));
  const Table none{.rows = 9};
  EXPECT_THAT(error(&none).message, HasSubstr("no facts of items"));
  const Table missing = table({text_column("text", std::vector<std::string>(9))});
  EXPECT_THAT(error(&missing).message, HasSubstr("nothing that tells items apart"));
  const Table few = table({text_column("text", {"a", "b"})});
  EXPECT_THAT(error(&few).message, HasSubstr("facts of 2 items where 9 were expected"));
}

}  // namespace
}  // namespace sartor
