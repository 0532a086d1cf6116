#include "sartor/tuning/component_search.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "sartor/base/test_place.h"

namespace sartor {
namespace {

using ::testing::ElementsAre;

std::vector<VariantSpec> present() {
  return {{.slot = "popularity", .family = "popularity", .half_life_days = 7},
          {.slot = "ease", .family = "ease", .parameters = {{"regularization", 300}}},
          {.slot = "als",
           .family = "als",
           .half_life_days = 60,
           .parameters = {{"regularization", 300}, {"alpha", 40}}}};
}

// Best at EASE's regularization 900, and better still with 16 factors of ALS.
Result<double> judge(std::size_t slot, const VariantSpec& variant, int rung) {
  const auto off = [&](const char* key, double best) {
    const auto found = variant.parameters.find(key);
    return found == variant.parameters.end() ? 1.0 : std::abs(std::log(found->second / best));
  };
  if (slot == 1) return 0.5 - 0.05 * off("regularization", 900) + 0.01 * rung;
  if (off("alpha", 40) > 2) return Error{ErrorCode::invalid_argument, "too bold"};
  return 0.5 - 0.05 * off("factors", 16) + 0.01 * rung;
}

TEST(ComponentSpace, IsOfTheFamiliesFieldsOnTheirCondition) {
  const auto space = ComponentSpace::make(present()).value();
  std::vector<std::string> names;
  for (const Parameter& parameter : space.space().parameters()) names.push_back(parameter.name);
  EXPECT_THAT(names, ElementsAre("component", "ease.regularization", "als.factors",
                                 "als.iterations", "als.regularization", "als.alpha"));
  EXPECT_THAT(space.slots(), ElementsAre(1, 2));
  EXPECT_EQ(space.space()[1].parent_choice, "ease");
  EXPECT_EQ(space.space()[1].low, 300.0 / 8);
  EXPECT_EQ(space.space()[1].high, 2400);
  EXPECT_EQ(space.space()[2].kind, ParameterKind::integer);
  for (std::size_t choice = 0; choice < 2; ++choice) {
    const Point now = space.present(choice);
    EXPECT_TRUE(space.space().check(now));
    const VariantSpec variant = space.variant_of(now);
    const VariantSpec before = present()[space.slot_of(now)];
    EXPECT_EQ(variant.slot, before.slot);
    EXPECT_EQ(variant.half_life_days, before.half_life_days);
    for (const auto& [key, value] : before.parameters) EXPECT_EQ(variant.parameters.at(key), value);
  }
  EXPECT_FALSE(ComponentSpace::make({present().data(), 1}));  // popularity has half-lives alone
}

TEST(ComponentSearch, FindsBetterOnesAndJudgesTheBestThirdOnAll) {
  const auto space = ComponentSpace::make(present()).value();
  for (const char* sampler : {"tpe", "gp", "random", "coordinate"}) {
    const ComponentSearchOptions options{.trials = 45, .sampler = sampler};
    const auto trials = search_components(space, options, judge, {}).value();
    std::vector<std::size_t> of_rung(2);
    for (const ComponentTrial& trial : trials) ++of_rung[static_cast<std::size_t>(trial.rung)];
    EXPECT_EQ(of_rung[0], 45u) << sampler;
    EXPECT_LE(of_rung[1], 15u) << sampler;
    for (std::size_t s = 0; s < 2; ++s) EXPECT_EQ(trials[s].value, 0) << sampler;  // what is there
    const auto better = better_components(trials);
    ASSERT_FALSE(better.empty()) << sampler;
    for (const VariantSpec& variant : better) {
      const std::size_t slot = variant.slot == "ease" ? 1 : 2;
      EXPECT_GT(judge(slot, variant, 1).value(), judge(slot, present()[slot], 1).value());
    }
    EXPECT_EQ(trials, search_components(space, options, judge, {.threads = 2}).value());
  }
}

TEST(ComponentSearch, GoesOnWhereItWasStopped) {
  const auto space = ComponentSpace::make(present()).value();
  const std::string path = test_place("sartor_component_trials");
  std::filesystem::remove(path);
  ComponentSearchOptions options{.trials = 30};
  const auto whole = search_components(space, options, judge, {}).value();
  int judged = 0;
  const auto stopping = [&](int most) {
    return [&judged, most](std::size_t slot, const VariantSpec& variant, int rung) {
      if (++judged > most) return Result<double>(Error{ErrorCode::cancelled, "stopped"});
      return judge(slot, variant, rung);
    };
  };
  for (const int most : {7, 20, 1000}) {
    const auto log = TrialLog::open(path).value();
    options.log = log.get();
    judged = 0;
    const auto trials = search_components(space, options, stopping(most), {});
    EXPECT_EQ(trials.has_value(), most == 1000);
    if (trials) {
      EXPECT_EQ(*trials, whole);
    }
  }
  // Each trial was made once, and what is there once on all, where something is compared with it.
  std::set<std::string> on_all;
  for (const ComponentTrial& trial : whole) {
    if (trial.rung == 1) on_all.insert(trial.variant.slot);
  }
  EXPECT_EQ(judged, static_cast<int>(whole.size() + on_all.size()) - 27);
  std::filesystem::remove(path);
}

TEST(ComponentSearch, ComparesAComponentWithItselfOnTheSameData) {
  const auto space = ComponentSpace::make(present()).value();
  // EASE suffers from less data, ALS does not: that is no merit of ALS, and nothing is better.
  const auto flat = [](std::size_t slot, const VariantSpec&, int rung) {
    return Result<double>(slot == 1 && rung == 0 ? 0.2 : 0.25);
  };
  const auto trials = search_components(space, {.trials = 12}, flat, {}).value();
  EXPECT_EQ(trials.size(), 12u);
  for (const ComponentTrial& trial : trials) EXPECT_EQ(trial.value, 0);
  EXPECT_TRUE(better_components(trials).empty());
  EXPECT_TRUE(better_components({}).empty());
}

}  // namespace
}  // namespace sartor
