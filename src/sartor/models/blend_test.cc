#include "sartor/models/blend.h"

#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>

#include "sartor/base/test_place.h"
#include "sartor/evaluation/evaluate.h"
#include "sartor/models/own_history.h"
#include "sartor/models/popularity.h"
#include "sartor/models/registry.h"
#include "sartor/models/test_world.h"

namespace sartor {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::HasSubstr;

const std::vector<ItemId> kEligible = {ItemId{0}, ItemId{1}, ItemId{3}};

TEST(Standardise, ByHandOverTheEligibleAlone) {
  std::vector<float> scores = {1, 2, 100, 6};
  standardise(scores, kEligible);
  const double sd = std::sqrt((4 + 1 + 9) / 3.0);
  EXPECT_THAT(scores, ElementsAre(FloatNear(static_cast<float>(-2 / sd), 1e-6f),
                                  FloatNear(static_cast<float>(-1 / sd), 1e-6f), 100,
                                  FloatNear(static_cast<float>(3 / sd), 1e-6f)));
  std::vector<float> equal = {0.1f, 0.1f, 7, 0.1f};
  standardise(equal, kEligible);
  EXPECT_THAT(equal, ElementsAre(0, 0, 7, 0));
}

// Eligible items side by side are added up together, others one by one: no difference but rounding.
TEST(Standardise, IsTheSameWithGapsAndWithout) {
  std::vector<float> scores;
  std::vector<ItemId> eligible;
  double sum = 0;
  double squares = 0;
  for (std::uint32_t i = 0; i < 500; ++i) {
    scores.push_back(static_cast<float>(i * i % 97) - 20);
    if (i % 90 == 7 || (i > 300 && i % 2 == 0)) continue;
    eligible.push_back(ItemId{i});
    sum += scores.back();
    squares += static_cast<double>(scores.back()) * scores.back();
  }
  const auto n = static_cast<double>(eligible.size());
  const double sd = std::sqrt(squares / n - sum / n * sum / n);
  std::vector<float> z = scores;
  EXPECT_TRUE(standardise(z, eligible));
  for (const ItemId item : eligible)
    EXPECT_NEAR(z[item.index()], (scores[item.index()] - sum / n) / sd, 1e-5);
  EXPECT_EQ(z[7], scores[7]);
  EXPECT_EQ(z[302], scores[302]);
}

TEST(Standardise, TellsOfScoresThatAreNotFinite) {
  for (const float bad : {std::nanf(""), HUGE_VALF, -HUGE_VALF}) {
    std::vector<float> scores = {1, 2, 3, 4};
    scores[2] = bad;
    EXPECT_TRUE(standardise(scores, kEligible)) << "only of what may be listed";
    scores = {1, bad, -bad, bad};
    EXPECT_FALSE(standardise(scores, kEligible));
    EXPECT_THAT((std::vector<float>{scores[0], scores[1], scores[3]}), ElementsAre(0, 0, 0));
  }
}

class BlendOf : public ::testing::Test {
 protected:
  // Item 2 may not be listed.
  InteractionLog log = make_log(
      2, 4,
      {{0, 0, 6 * kDay}, {0, 1, 8 * kDay}, {1, 1, 9 * kDay}, {1, 2, 9 * kDay}, {1, 3, 2 * kDay}});
  History history{log, 10 * kDay};
  FitInput input{.history = &history};
  ModelMap components = {{"popularity", *fit_popularity(input, {.half_life_days = 7}, {})},
                         {"own", *fit_own_history(input, {.half_life_days = 60}, {})}};
  Query user_0{UserId{0}, 10 * kDay, history.of(UserId{0})};
};

TEST_F(BlendOf, SumsWeightedStandardisedScores) {
  const BlendConfig config{{{"own", 2, 1.0}, {"popularity", 0.5}}};
  const auto blend = make_blend(components, config, kEligible);
  ASSERT_TRUE(blend);
  auto own = scores_of(*components["own"]->with_half_life(1), user_0, 4);
  auto popular = scores_of(*components["popularity"], user_0, 4);
  standardise(own, kEligible);
  standardise(popular, kEligible);
  const auto scores = scores_of(**blend, user_0, 4);
  for (const std::size_t i : {0, 1, 3}) {
    EXPECT_NEAR(scores[i], 2 * own[i] + 0.5f * popular[i], 1e-5f);
  }
  EXPECT_EQ(scores[2], kNotEligible);

  // A tuning's sum of kept component scores has the same bits.
  std::vector<float> mixed(4, 0.0f);
  std::vector<float> kept(4);
  standardised_scores(*components["own"]->with_half_life(1), user_0, kEligible, kept);
  mix(mixed, 2, kept);
  standardised_scores(*components["popularity"], user_0, kEligible, kept);
  mix(mixed, 0.5, kept);
  for (const std::size_t i : {0, 1, 3}) EXPECT_EQ(scores[i], mixed[i]);
}

TEST_F(BlendOf, LeavesOutWhatDoesNotKnowTheUser) {
  const auto blend = make_blend(components, {{{"own", 5}, {"popularity", 1}}}, kEligible);
  const auto popular = make_blend(components, {{{"popularity", 1}}}, kEligible);
  const Query stranger{.as_of = 10 * kDay};
  EXPECT_EQ(scores_of(**blend, stranger, 4), scores_of(**popular, stranger, 4));
  // Where nothing knows a stranger, the parts' guesses are better than nothing.
  const auto own = make_blend(components, {{{"own", 5}}}, kEligible);
  const auto guess = scores_of(**own, stranger, 4);
  EXPECT_GT(guess[1], guess[0]);
}

// Fitted at day 50 and brought up to day 61: advanced parts, over what may be listed then. What is
// planted later changes nothing.
TEST(Blend, AdvancedIsABlendOfAdvancedPartsOverWhatIsKnownThen) {
  const auto moved_scores = [](const InteractionLog& log) {
    const History before(log, 50 * kDay);
    const History now(log, 61 * kDay);
    const FitInput input{.history = &before};
    ModelMap components = {{"popularity", *fit_popularity(input, {.half_life_days = 7}, {})},
                           {"own", *fit_own_history(input, {.half_life_days = 30}, {})}};
    const BlendConfig config{{{"own", 1}, {"popularity", 2}}};
    const auto blend = make_blend(components, config, eligible_items(before));
    const Query query{.user = UserId{3}, .as_of = now.as_of(), .history = now.of(UserId{3})};
    const auto scores = scores_of(*advanced(*blend, before, now), query, log.items);
    for (auto& [name, model] : components) model = advanced(model, before, now);
    const auto expected = make_blend(components, config, eligible_items(now));
    EXPECT_EQ(scores, scores_of(**expected, query, log.items));
    EXPECT_NE(scores, scores_of(**blend, query, log.items));
    return scores;
  };
  InteractionLog log = tastes(60, 30, 4);
  log.item_first_seen[7] = 55 * kDay;  // by an event that is not a positive
  const auto scores = moved_scores(log);
  EXPECT_GT(scores[7], kNotEligible);
  for (Interaction& row : log.rows) {
    if (row.time != kUntimed && row.time >= 61 * kDay) row.item = ItemId{2};
  }
  EXPECT_EQ(moved_scores(log), scores);
}

TEST_F(BlendOf, NamesWhatIsWrong) {
  const auto message = [&](const BlendConfig& config, std::vector<ItemId> eligible = kEligible) {
    return make_blend(components, config, std::move(eligible)).error().message;
  };
  EXPECT_THAT(message({{{"popularty", 1}}}),
              HasSubstr("'popularty' does not exist (did you mean 'popularity'?)"));
  EXPECT_THAT(message({{{"own", 1}}}, {}), HasSubstr("no item may be listed"));
  EXPECT_THAT(message({}), HasSubstr("no components"));
  components["inner"] = *make_blend(components, {{{"own", 1}}}, kEligible);
  EXPECT_THAT(message({{{"inner", 1, 7.0}}}), HasSubstr("'inner' has no half-life"));
}

TEST_F(BlendOf, IsSavedByTheNamesOfItsComponents) {
  const std::filesystem::path folder = test_place("sartor_blend_test");
  std::filesystem::remove_all(folder);
  const BlendConfig config{{{"own", 2, 1.0}, {"popularity", 0.5}}};
  const auto blend = make_blend(components, config, kEligible);
  ASSERT_TRUE(save_model(**blend, folder / "segment"));
  ModelMap loaded;
  for (const auto& [name, model] : components) {
    ASSERT_TRUE(save_model(*model, folder / name));
    loaded[name] = *load_model(folder / name);
  }
  const auto again = load_model(folder / "segment", loaded);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(scores_of(**again, user_0, 4), scores_of(**blend, user_0, 4));
  EXPECT_THAT(load_model(folder / "segment").error().message, HasSubstr("'own' does not exist"));
  EXPECT_EQ(load_model(folder / "nothing").error().code, ErrorCode::not_found);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace sartor
