// What every model of the registry promises, whatever it is.
#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "sartor/base/test_place.h"
#include "sartor/evaluation/evaluate.h"
#include "sartor/models/blend.h"
#include "sartor/models/registry.h"
#include "sartor/models/rerank.h"
#include "sartor/models/test_world.h"

namespace sartor {
namespace {

using ::testing::HasSubstr;

constexpr std::uint32_t kUsers = 90;
constexpr std::uint32_t kItems = 60;

class EveryModel : public ::testing::TestWithParam<std::string> {
 protected:
  // The family fitted to `history`; a blend of two of them, or that blend put in order by trees.
  Result<ModelPtr> fit(const History& history, int threads) {
    const FitInput input{.history = &history, .item_attributes = &facts_};
    const Resources resources{.threads = threads};
    if (!is_composed()) {
      return (*find_family(GetParam()))->fit(input, Json::object(), resources);
    }
    components_.clear();
    for (const char* name : {"popularity", "ease"}) {
      SARTOR_ASSIGN(components_[name], (*find_family(name))->fit(input, Json::object(), resources));
    }
    const std::vector<BlendPart> parts = {{"popularity", 0.3}, {"ease", 1, 20.0}};
    if (GetParam() == "blend") return make_blend(components_, {parts}, eligible_items(history));
    SARTOR_ASSIGN(Shortlister shortlister,
                  make_shortlister(components_, {.parts = parts, .candidates = 20},
                                   eligible_items(history), ItemFacts::make(history, 10, {})));
    const Window window{history.as_of(), history.as_of() + 10 * kDay};
    const Cases cases = window_cases(log_, window, false, false);
    SARTOR_ASSIGN(const TreeRows rows, rerank_rows(shortlister, cases, history, 20, resources));
    SARTOR_ASSIGN(Trees trees, fit_trees(rows, {.rounds = 10}, resources));
    return make_rerank(std::move(shortlister), std::move(trees));
  }
  bool is_composed() const { return GetParam() == "blend" || GetParam() == "rerank"; }

  static Query query_for(const History& history, std::uint32_t user) {
    return {UserId{user}, history.as_of(), history.of(UserId{user})};
  }

  InteractionLog log_ = tastes(kUsers, kItems, 21);
  History history_{log_, 90 * kDay};
  Table facts_ = facts_of_tastes(kItems);
  ModelMap components_;
};

TEST_P(EveryModel, HasTheSameBitsAtAnyThreadCount) {
  TensorFile one;
  TensorFile two;
  ASSERT_TRUE((*fit(history_, 1))->save(one));
  ASSERT_TRUE((*fit(history_, 2))->save(two));
  EXPECT_EQ(one.to_bytes(), two.to_bytes());
}

TEST_P(EveryModel, ScoresAllUsersFinitelyAndAloneAsInABatch) {
  const auto model = fit(history_, 2);
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ((*model)->family(), GetParam());
  std::vector<std::vector<float>> batch(kUsers);
  ASSERT_TRUE(parallel_for({.threads = 2}, kUsers, 1, [&](std::size_t u, std::size_t) -> Status {
    batch[u] = scores_of(**model, query_for(history_, static_cast<std::uint32_t>(u)), kItems);
    return {};
  }));
  for (std::uint32_t u = 0; u < kUsers; ++u) {
    EXPECT_EQ(scores_of(**model, query_for(history_, u), kItems), batch[u]);
    for (const float score : batch[u]) ASSERT_TRUE(std::isfinite(score));
  }
}

TEST_P(EveryModel, AnswersAStranger) {
  const auto model = fit(history_, 1);
  const auto scores = scores_of(**model, {.as_of = history_.as_of()}, kItems);
  for (const float score : scores) ASSERT_TRUE(std::isfinite(score));
  EXPECT_NE(*std::max_element(scores.begin(), scores.end()),
            *std::min_element(scores.begin(), scores.end()));
  EXPECT_LE(scores[kItems - 1], *std::max_element(scores.begin(), scores.end() - 1))
      << "nobody took the last item";
}

TEST_P(EveryModel, IgnoresItemsBeyondTheCatalogue) {
  const auto model = fit(history_, 1);
  const auto rows = history_.of(UserId{4});
  std::vector<Interaction> more(rows.begin(), rows.end());
  more.push_back({ItemId{kItems}, 1, history_.as_of() - 1});
  more.push_back({ItemId{kItems + 1000}, 1, history_.as_of() - 1});
  EXPECT_EQ(scores_of(**model, {UserId{4}, history_.as_of(), more}, kItems),
            scores_of(**model, query_for(history_, 4), kItems));
}

TEST_P(EveryModel, ListsNoMoreThanTheCatalogueHolds) {
  const auto model = fit(history_, 1);
  const auto scores = scores_of(**model, query_for(history_, 1), kItems);
  std::vector<ItemId> list;
  top_k(scores, eligible_items(history_), 10 * kItems, list);
  EXPECT_EQ(list.size(), eligible_items(history_).size());
}

TEST_P(EveryModel, LoadsWhatItSaved) {
  const auto folder = std::filesystem::path(test_place("model_" + GetParam()));
  std::filesystem::remove_all(folder);
  const auto model = fit(history_, 2);
  ASSERT_TRUE(save_model(**model, folder));
  const auto loaded = load_model(folder, components_);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ((*loaded)->family(), GetParam());
  for (std::uint32_t u = 0; u < kUsers; ++u) {
    ASSERT_EQ(scores_of(**loaded, query_for(history_, u), kItems),
              scores_of(**model, query_for(history_, u), kItems));
  }
  // Saving what was loaded gives the same bytes.
  TensorFile first;
  TensorFile second;
  ASSERT_TRUE((*model)->save(first));
  ASSERT_TRUE((*loaded)->save(second));
  EXPECT_EQ(first.to_bytes(), second.to_bytes());
  std::filesystem::remove_all(folder);
}

TEST_P(EveryModel, AnotherHalfLifeSurvivesSavingAndLeavesTheFirstAlone) {
  const auto model = fit(history_, 1);
  const Query query = query_for(history_, 2);
  const auto before = scores_of(**model, query, kItems);
  const ModelPtr changed = (*model)->with_half_life(3);
  if (is_composed()) {
    EXPECT_EQ(changed, nullptr);
    return;
  }
  const auto after = scores_of(*changed, query, kItems);
  EXPECT_NE(before, after);
  EXPECT_EQ(scores_of(**model, query, kItems), before);
  TensorFile file;
  ASSERT_TRUE(changed->save(file));
  EXPECT_EQ(scores_of(**model_from(file), query, kItems), after);
  // "Never" by any name is one thing.
  EXPECT_EQ(scores_of(*(*model)->with_half_life(0), query, kItems),
            scores_of(*(*model)->with_half_life(1e9), query, kItems));
}

TEST_P(EveryModel, RefusesALogOfNothing) {
  const History before(log_, kUntimed + 1);                       // the untimed rows are known
  EXPECT_EQ(fit(before, 1).has_value(), GetParam() != "rerank");  // whose cases need times
  const InteractionLog empty = make_log(3, 5, {});
  const auto model = fit(History(empty, kDay), 1);
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, ErrorCode::invalid_argument);
  EXPECT_THAT(model.error().message, HasSubstr("no interactions to learn from"));
}

std::vector<std::string> names() {
  std::vector<std::string> out;
  for (const Family& family : families()) out.emplace_back(family.name);
  return out;
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryModel, ::testing::ValuesIn(names()),
                         [](const auto& model) { return model.param; });

TEST(Registry, TellsTheFieldsAndChecksTheConfig) {
  const Family* ease = *find_family("ease");
  const Json fields = ease->fields();
  EXPECT_EQ(fields[0]["name"], "regularization");
  EXPECT_EQ(fields[0]["scale"], "log");
  EXPECT_EQ(fields[0]["default"], 300);
  EXPECT_THAT(find_family("eaze").error().message, HasSubstr("did you mean 'ease'"));

  const InteractionLog log = checkerboard(6);
  const History history(log, 2 * kDay);
  const auto error = [&](const Json& config) {
    return ease->fit({.history = &history}, config, {}).error();
  };
  EXPECT_EQ(error({{"regularisation", 3}}).code, ErrorCode::config);
  EXPECT_THAT(error({{"regularisation", 3}}).message, HasSubstr("did you mean 'regularization'"));
  EXPECT_THAT(error({{"regularization", -3}}).message, HasSubstr("-3 is out of range"));
}

}  // namespace
}  // namespace sartor
