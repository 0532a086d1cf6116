#include <gmock/gmock.h>

#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "sartor/base/random.h"
#include "sartor/evaluation/evaluate.h"
#include "sartor/models/blend.h"
#include "sartor/models/test_world.h"
#include "sartor/tuning/cross_fit.h"
#include "sartor/tuning/journal.h"
#include "sartor/tuning/list_cost.h"
#include "sartor/tuning/screen.h"
#include "sartor/tuning/tailor.h"
#include "sartor/tuning/test_blends.h"
#include "sartor/tuning/variants.h"

namespace sartor {
namespace {

using ::testing::ElementsAre;

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Two cases per user, an hour apart, with a target each.
TEST(ScorePool, AUsersValueIsTheMeanOverTheUsersCases) {
  const World world;
  Cases both{.as_of = kDay, .target_begin = {0}};
  std::array<Cases, 2> single;
  for (Cases& cases : single) cases = {.as_of = kDay, .target_begin = {0}};
  const auto add = [](Cases& cases, UserId user, ItemId target) {
    cases.users.push_back(user);
    cases.targets.push_back(target);
    cases.target_begin.push_back(cases.targets.size());
  };
  for (const UserId user : world.cases.users) {
    for (std::size_t t = 0; t < 2; ++t) {
      const ItemId target = world.cases.targets_of(user.index())[t];
      add(single[t], user, target);
      add(both, user, target);
      both.moments.push_back({kDay + static_cast<Time>(t) * kHour, {}});
    }
  }
  const std::vector<const Model*> models = {&world.good, &world.fair, &world.bad};
  const auto pool_of = [&](const Cases& cases) {
    return ScorePool::make(cases, *world.history, models, 40, true, {}).value();
  };
  const std::vector<Slot> slots = {{"good", {0}}, {"fair", {1}}};
  const BlendPoint point{.choice = {0, 0}, .weight = {0.5f, 0.5f}};
  const auto values_of = [&](const ScorePool& pool) {
    return blend_values(all_cases(pool), slots, point, kNdcg);
  };
  const ScorePool pool = pool_of(both);
  ASSERT_EQ(pool.cases(), world.cases.size());
  const auto got = values_of(pool);
  const auto first = values_of(pool_of(single[0]));
  const auto second = values_of(pool_of(single[1]));
  EXPECT_NE(first, second);
  for (std::size_t u = 0; u < got.size(); ++u)
    EXPECT_DOUBLE_EQ(got[u], (first[u] + second[u]) / 2) << u;
  // A search sees the same means.
  const auto found = search_blend(all_cases(pool), slots, point, {.metric = kNdcg, .trials = 5});
  EXPECT_NEAR(found->trials.front().value, mean(got), 1e-12);
  EXPECT_NEAR(found->value, mean(blend_values(all_cases(pool), slots, found->point, kNdcg)), 1e-9);
}

TEST(ScorePool, AgreesWithTheRealBlendOverTheWholeCatalogue) {
  const World world;
  const ScorePool pool = world.pool(40);
  const std::vector<Slot> slots = {{"good", {0}}, {"fair", {1}}, {"bad", {2}}};
  const BlendPoint point{.choice = {0, 0, 0}, .weight = {0.6f, 0.3f, 0.1f}};
  const auto values = blend_values(all_cases(pool), slots, point, kNdcg);

  // The components as shared pointers that own nothing.
  const ModelMap components = {{"a", {std::shared_ptr<void>(), &world.good}},
                               {"b", {std::shared_ptr<void>(), &world.fair}},
                               {"c", {std::shared_ptr<void>(), &world.bad}}};
  const auto blend = make_blend(components,
                                {{{.component = "a", .weight = 0.6f},
                                  {.component = "b", .weight = 0.3f},
                                  {.component = "c", .weight = 0.1f}}},
                                eligible_items(*world.history));
  ASSERT_TRUE(blend) << blend.error().message;
  const Scorer scorer = [&](std::size_t, const Query& query, std::span<float> out) {
    (*blend)->score(query, out);
  };
  const auto evaluation =
      evaluate(world.cases, *world.history, scorer, {.metrics = {kNdcg}, .repeat = true}, {});
  for (std::size_t c = 0; c < values.size(); ++c)
    EXPECT_DOUBLE_EQ(values[c], evaluation->values[0][c]) << c;
}

TEST(ScorePool, HasTheSameValuesAtAnyThreadCount) {
  const World world;
  const std::vector<Slot> slots = {{"good", {0}}, {"bad", {2}}};
  const BlendPoint point{.choice = {0, 0}, .weight = {0.7f, 0.3f}};
  const ScorePool one = world.pool(7, 1);
  const ScorePool two = world.pool(7, 2);
  EXPECT_EQ(blend_values(all_cases(one), slots, point, kNdcg),
            blend_values(all_cases(two), slots, point, kNdcg));
}

TEST(ScorePool, ALineHasTheValuesOfItsPoints) {
  const World world;
  const ScorePool pool = world.pool(12);
  const std::vector<ScorePool::Term> base = {{0, 0.5f}};
  const std::vector<std::size_t> variants = {1, 2};
  const std::vector<float> weights = {0.0f, 0.3f, 2.0f};
  ScorePool::Scratch scratch;
  for (std::size_t c = 0; c < pool.cases(); ++c) {
    std::vector<double> along(6, 0.0);
    pool.add_along(c, base, variants, weights, kNdcg, scratch, along);
    for (std::size_t v = 0; v < 2; ++v) {
      for (std::size_t w = 0; w < 3; ++w) {
        const std::vector<ScorePool::Term> point = {{0, 0.5f}, {variants[v], weights[w]}};
        EXPECT_EQ(along[v * 3 + w], pool.value(c, point, kNdcg, scratch));
      }
    }
  }
}

TEST(BlendSearch, DropsWhatOnlyHarmsAndTakesUpWhatHelps) {
  const World world;
  const ScorePool pool = world.pool(20);
  const auto cases = all_cases(pool);
  const std::vector<Slot> slots = {{"good", {0}}, {"bad", {2}}};
  const BlendPoint start{.choice = {0, 0}, .weight = {0.0f, 1.0f}};
  const auto found = search_blend(cases, slots, start, {.metric = kNdcg}).value();
  EXPECT_GT(found.point.weight[0], 0.8f);
  EXPECT_GT(found.value, 3 * mean(blend_values(cases, slots, start, kNdcg)));
}

TEST(BlendSearch, PutsTheWeightWhereTheSignalIs) {
  const World world;
  const ScorePool pool = world.pool(20);
  const std::vector<Slot> slots = {{"good", {0}}, {"fair", {1}}, {"bad", {2}}};
  const auto cases = all_cases(pool);
  const BlendPoint start{.choice = {0, 0, 0}, .weight = {1 / 3.f, 1 / 3.f, 1 / 3.f}};
  const auto found = search_blend(cases, slots, start, {.metric = kNdcg, .trials = 300}).value();
  EXPECT_GT(found.value, mean(blend_values(cases, slots, start, kNdcg)));
  EXPECT_GT(found.point.weight[0], found.point.weight[1]);
  EXPECT_LT(found.point.weight[2], 0.15f);
  const auto curve = curve_of(found.trials);
  EXPECT_EQ(curve.size(), found.trials.size());
  EXPECT_TRUE(std::is_sorted(curve.begin(), curve.end()));
  EXPECT_EQ(found.trials.front().point, start);
  EXPECT_EQ(found.value, mean(blend_values(cases, slots, found.point, kNdcg)));
}

TEST(BlendSearch, TakesTheBetterVariantOfASlotAndStopsEarly) {
  const World world;
  const ScorePool pool = world.pool(20);
  const std::vector<Slot> slots = {{"either", {2, 0}}, {"fair", {1}}};
  const auto cases = all_cases(pool);
  EXPECT_THAT(first_point(cases, slots, kNdcg).choice, ElementsAre(1, 0));
  const BlendPoint start{.choice = {0, 0}, .weight = {0.5f, 0.5f}};
  const auto found = search_blend(cases, slots, start, {.metric = kNdcg, .trials = 5000}).value();
  EXPECT_EQ(found.point.choice[0], 1u);
  EXPECT_LT(found.trials.size(), 5000u);
}

TEST(CrossFit, JudgesEachUserByAFitThatNeverSawTheUser) {
  const World world;
  const ScorePool pool = world.pool(20);
  const std::vector<Slot> slots = {{"good", {0}}, {"bad", {2}}};
  const auto cases = all_cases(pool);
  std::vector<std::uint8_t> fold;
  for (std::size_t c = 0; c < cases.size(); ++c)
    fold.push_back(static_cast<std::uint8_t>(c % kFolds));
  FoldPoints starts;
  starts.fill({.choice = {0, 0}, .weight = {0.5f, 0.5f}});
  const BlendSearchOptions options{.metric = kNdcg, .trials = 60};
  const auto one = cross_fit(cases, fold, slots, starts, options, {.threads = 1});
  const auto two = cross_fit(cases, fold, slots, starts, options, {.threads = 2});
  ASSERT_TRUE(one);
  EXPECT_EQ(one->values, two->values);
  EXPECT_EQ(one->points[kFolds], two->points[kFolds]);

  // Cases of earlier windows are in every fit.
  const auto more = cross_fit(cases, fold, slots, starts, options, {}, {&cases[0], 40});
  std::vector<PoolCase> with_earlier;
  for (std::size_t c = 0; c < cases.size(); ++c) {
    if (fold[c] != 3) with_earlier.push_back(cases[c]);
  }
  with_earlier.insert(with_earlier.end(), cases.begin(), cases.begin() + 40);
  EXPECT_EQ(search_blend(with_earlier, slots, starts[3], options)->point, more->points[3]);

  // Fold 3's point is what a search without fold 3 finds.
  std::vector<PoolCase> kept;
  for (std::size_t c = 0; c < cases.size(); ++c) {
    if (fold[c] != 3) kept.push_back(cases[c]);
  }
  EXPECT_EQ(search_blend(kept, slots, starts[3], options)->point, one->points[3]);
  EXPECT_EQ(blend_values({&cases[3], 1}, slots, one->points[3], kNdcg)[0], one->values[3]);
}

TEST(ShrinkTo, GoesFromGeneralToOwn) {
  const BlendPoint own{.choice = {1, 0}, .weight = {0.8f, 0.2f}};
  const BlendPoint general{.choice = {0, 0}, .weight = {0.2f, 0.8f}};
  EXPECT_NEAR(shrink_to(own, general, 1).weight[0], 0.8f, 1e-6);
  EXPECT_NEAR(shrink_to(own, general, 0).weight[0], 0.2f, 1e-6);
  EXPECT_NEAR(shrink_to(own, general, 0.5).weight[0], 0.5f, 1e-6);
  EXPECT_EQ(shrink_to(own, general, 0.5).choice[0], 1u);
}

TEST(BudgetShares, BySizeTimesImportance) {
  const std::vector<std::size_t> sizes = {100, 300, 100, 0};
  const std::vector<double> importance = {3, 1, 0, 1};
  const auto shares = [&](double budget, double spent_of_share) {
    BudgetShares left(budget, sizes, importance, 10);
    std::vector<double> all;
    for (std::size_t s = 0; s < sizes.size(); ++s) {
      all.push_back(left.next());
      left.spent(all.back() * spent_of_share);
    }
    return all;
  };
  EXPECT_THAT(shares(120, 1), ElementsAre(60, 60, 0, 0));
  EXPECT_THAT(shares(12, 1), ElementsAre(10, 10, 0, 0));
  EXPECT_THAT(shares(120, 0.5), ElementsAre(60, 90, 0, 0));  // what is left is shared again
}

TEST(PlanVariants, OwnHistoryNeedsRepeatAndHalfLivesNeedTimes) {
  const auto names = [](const VariantPlan& plan) {
    std::vector<std::string> slots;
    for (const Slot& slot : plan.slots) slots.push_back(slot.name);
    return slots;
  };
  EXPECT_THAT(names(plan_variants({}, true, true)),
              ElementsAre("popularity", "popularity_long", "own_history", "item_knn", "ease",
                          "due_again", "als"));
  EXPECT_THAT(names(plan_variants({.families = {"als", "content"}}, true, true)),
              ElementsAre("als", "content"));
  EXPECT_THAT(names(plan_variants({}, false, true)),
              ElementsAre("popularity", "popularity_long", "item_knn", "ease", "als"));
  for (const VariantSpec& spec : plan_variants({}, true, false).variants)
    EXPECT_EQ(spec.half_life_days, 0);
}

TEST(Screen, KeepsTheChosenVariantAndTheBestBesideIt) {
  const World world;
  const ScorePool pool = world.pool(30);
  const std::vector<Slot> slots = {{"a", {0, 1, 2}}};
  const VariantPlan plan{.variants = {{.slot = "a", .family = "good"},
                                      {.slot = "a", .family = "fair"},
                                      {.slot = "a", .family = "bad"}},
                         .slots = slots};
  std::vector<PoolCase> cases;
  for (std::size_t c = 0; c < pool.cases(); ++c) cases.push_back({&pool, c});
  const auto kept = screen_variants(plan, cases, {.choice = {2}, .weight = {1}}, kNdcg, 2, {});
  ASSERT_TRUE(kept);
  EXPECT_THAT(kept->kept, ElementsAre(0, 2));  // bad was chosen, good is the best beside it
  EXPECT_EQ(kept->plan.variants[1].family, "bad");
  EXPECT_THAT(kept->point.choice, ElementsAre(1));
  // The kept variants' scores are the same.
  const ScorePool few = pool.only(kept->kept);
  EXPECT_EQ(blend_values(cases, slots, {{0}, {1}}, kNdcg)[3], [&] {
    return blend_values(std::vector<PoolCase>{{&few, 3}}, kept->plan.slots, {{0}, {1}}, kNdcg)[0];
  }());
}

TEST(VariantFitter, FitsEveryVariantOfThePlan) {
  const InteractionLog log = tastes(60, 40, 5);
  const History history(log, 90 * kDay);
  ModelsConfig config;
  VariantFitter fitter(history, nullptr, config);
  const VariantPlan plan = plan_variants(config, true, true);
  for (const VariantSpec& spec : plan.variants) {
    const auto model = fitter.fit(spec, {});
    ASSERT_TRUE(model) << spec.label() << ": " << model.error().message;
    EXPECT_EQ((*model)->family(), spec.family);
  }
}

std::vector<float> scores_by(const Model& model, const History& history, std::uint32_t user) {
  std::vector<float> scores(history.items());
  model.score({UserId{user}, history.as_of(), history.of(UserId{user})}, scores);
  return scores;
}

// Every fourth user of 80, of one of the four tastes.
struct OneTaste {
  InteractionLog log = tastes(80, 40, 5);
  History history{log, 90 * kDay};
  std::vector<UserId> users;
  ModelsConfig config{.families = {"popularity", "own_history", "item_knn", "ease", "als"}};
  VariantPlan plan = plan_variants(config, true, true);

  OneTaste() {
    for (std::uint32_t u = 0; u < 76; u += 4) users.push_back(UserId{u});
  }
};

TEST(VariantFitter, SeparateModelsAreThoseOfALogWithoutTheOthers) {
  const OneTaste world;
  InteractionLog alone = world.log;
  std::fill(alone.begin.begin(), alone.begin.end(), 0);
  alone.rows.clear();
  for (std::uint32_t u = 0; u < 80; ++u) {
    const auto rows = world.history.of(UserId{u});
    if (u % 4 == 0 && u < 76) alone.rows.insert(alone.rows.end(), rows.begin(), rows.end());
    alone.begin[u + 1] = alone.rows.size();
  }
  const History own(alone, 90 * kDay);
  VariantFitter together(world.history, nullptr, world.config);
  VariantFitter apart(own, nullptr, world.config);
  const SegmentFit segment{.users = world.users, .adaptation = "separate"};
  const double scale = static_cast<double>(world.history.size()) / static_cast<double>(own.size());
  for (const VariantSpec& spec : world.plan.variants) {
    EXPECT_EQ(segment.has_own(spec), spec.family != "own_history");
    if (!segment.has_own(spec)) continue;
    const ModelPtr got = together.fit_for(segment, spec, {}).value();
    const auto scores = scores_by(*got, world.history, 8);
    const auto expected = scores_by(**apart.fit(spec, {}), world.history, 8);
    const double factor = spec.family == "popularity" ? scale : 1;  // what all users took, in all
    for (std::size_t i = 0; i < scores.size(); ++i)
      EXPECT_NEAR(scores[i], factor * expected[i], 1e-4 * (1 + std::abs(scores[i])))
          << spec.label() << " " << i;
  }
}

TEST(VariantFitter, FineTunedModelsGoFromGeneralsToTheSegmentsOwn) {
  const OneTaste world;
  VariantFitter fitter(world.history, nullptr, world.config);
  const auto distance = [&](const VariantSpec& spec, double strength) {
    const SegmentFit pulled{world.users, "fine_tuned", strength};
    const auto a = scores_by(**fitter.fit_for(pulled, spec, {}), world.history, 8);
    const auto b = scores_by(**fitter.fit(spec, {}), world.history, 8);
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += std::abs(a[i] - b[i]);
    return sum;
  };
  for (const VariantSpec& spec : world.plan.variants) {
    if (spec.family == "own_history") {
      EXPECT_EQ(distance(spec, 4), 0);
      continue;
    }
    EXPECT_GT(distance(spec, 1), 0) << spec.label();
    EXPECT_GT(distance(spec, 4), distance(spec, 1)) << spec.label();
  }
  // Nobody to pull to, or nothing to pull with.
  EXPECT_FALSE((SegmentFit{{}, "fine_tuned", 4}.has_own(world.plan.variants[0])));
  EXPECT_FALSE((SegmentFit{world.users, "blended", 0}.has_own(world.plan.variants[0])));
}

TEST(RaisedWeights, CountAsMuchAsBeforeInAll) {
  const OneTaste world;
  const auto n = static_cast<double>(world.history.size());
  const auto sum_of = [&](const std::vector<float>& weights, bool of_segment) {
    double sum = 0;
    for (std::uint32_t u = 0; u < 80; ++u) {
      const bool own = u % 4 == 0 && u < 76;
      if (own || !of_segment)
        sum += weights[u] * static_cast<double>(world.history.of(UserId{u}).size());
    }
    return sum;
  };
  const double own = sum_of(std::vector<float>(80, 1.0f), true);
  for (const double strength : {0.0, 1.0, 4.0, 1e9}) {
    const auto weights = raised_weights(world.history, world.users, strength);
    EXPECT_NEAR(sum_of(weights, false), n, 1e-3 * n);
    EXPECT_NEAR(sum_of(weights, true), (own + strength * n) / (1 + strength), 1e-3 * n);
  }
  const auto alone =
      raised_weights(world.history, world.users, std::numeric_limits<double>::infinity());
  EXPECT_EQ(alone[1], 0);
  EXPECT_NEAR(sum_of(alone, true), n, 1e-3 * n);
}

TEST(WithinRows, TakesAsManyUsersAsFit) {
  const OneTaste world;
  const auto rows_of = [&](const std::vector<UserId>& users) {
    std::size_t rows = 0;
    for (const UserId user : users) rows += world.history.of(user).size();
    return rows;
  };
  EXPECT_EQ(within_rows(world.history, world.users, 0), world.users);
  EXPECT_EQ(within_rows(world.history, world.users, 1'000'000), world.users);
  const auto some = within_rows(world.history, world.users, 60);
  EXPECT_LE(rows_of(some), 60u);
  EXPECT_GT(rows_of(some), 30u);
  EXPECT_TRUE(std::is_sorted(some.begin(), some.end()));
  EXPECT_TRUE(std::includes(world.users.begin(), world.users.end(), some.begin(), some.end()));
  EXPECT_THAT(within_rows(world.history, world.users, 1), ElementsAre());
}

TEST(VariantFitter, TellsWhatOwnModelsTakeInABundle) {
  const OneTaste world;
  VariantFitter fitter(world.history, nullptr, world.config);
  const SegmentFit segment{.users = world.users, .adaptation = "separate"};
  std::vector<VariantSpec> ease;
  for (const VariantSpec& spec : world.plan.variants) {
    if (spec.family == "ease" && spec.parameters.at("regularization") == 300) ease.push_back(spec);
  }
  ASSERT_EQ(ease.size(), 2u);  // two half-lives share what is stored
  const std::size_t bytes = fitter.own_bytes(segment, ease, {}).value();
  EXPECT_EQ(bytes, fitter.own_bytes(segment, {ease.data(), 1}, {}).value());
  std::vector<bool> taken(world.history.items());
  for (const UserId user : world.users)
    for (const Interaction& row : world.history.of(user)) taken[row.item.index()] = true;
  const auto n = static_cast<std::size_t>(std::count(taken.begin(), taken.end(), true));
  EXPECT_GT(bytes, n * n * sizeof(float));
  EXPECT_LT(bytes, n * n * sizeof(float) + 4000);
  const SegmentFit blended{.users = world.users, .adaptation = "blended"};
  EXPECT_EQ(fitter.own_bytes(blended, ease, {}).value(), 0u);
}

TEST(ListCost, ClosesTheDearestUntilTheRestFits) {
  const std::vector<VariantSpec> variants = {{.slot = "popularity", .family = "popularity"},
                                             {.slot = "ease", .family = "ease"},
                                             {.slot = "als", .family = "als"}};
  const ListCost cost{.items = 4000, .history = 50};
  const double popularity = cost.milliseconds(variants[0]);
  const double ease = cost.milliseconds(variants[1]);
  const double als = cost.milliseconds(variants[2]);
  EXPECT_GT(als, ease);
  EXPECT_GT(ease, popularity);
  EXPECT_GT(popularity, 0);
  const auto closed = [&](double most, std::vector<std::uint8_t> before = {}) {
    close_dearest(variants, cost, most, before);
    return before;
  };
  EXPECT_THAT(closed(popularity + ease + als), ElementsAre(0, 0, 0));
  EXPECT_THAT(closed(popularity + ease), ElementsAre(0, 0, 1));
  EXPECT_THAT(closed(popularity), ElementsAre(0, 1, 1));
  EXPECT_THAT(closed(popularity + als, {0, 1, 0}), ElementsAre(0, 1, 0));
  EXPECT_THAT(closed(popularity / 2), ElementsAre(1, 1, 1));
  // A list is dearer to a user who took much, and out of more.
  EXPECT_GT((ListCost{.items = 4000, .history = 500}.milliseconds(variants[1])), ease);
  EXPECT_GT((ListCost{.items = 8000, .history = 50}.milliseconds(variants[0])), popularity);
}

TEST(CrossFit, ByTheClockMakesTheFirstTrialsOfTheSameSearch) {
  const World world;
  const ScorePool pool = world.pool(20);
  const std::vector<Slot> slots = {{"good", {0}}, {"fair", {1}}, {"bad", {2}}};
  const auto cases = all_cases(pool);
  std::vector<std::uint8_t> fold;
  for (std::size_t c = 0; c < cases.size(); ++c)
    fold.push_back(static_cast<std::uint8_t>(c % kFolds));
  FoldPoints starts;
  starts.fill({.choice = {0, 0, 0}, .weight = {0.4f, 0.3f, 0.3f}});
  for (const char* sampler : {"coordinate", "random", "tpe"}) {
    BlendSearchOptions options{.metric = kNdcg, .trials = 400, .sampler = sampler};
    const auto whole = cross_fit(cases, fold, slots, starts, options, {}).value();
    options.trials = kAnyTrials;
    options.seconds = 1e-6;  // gone before it began: the least number of trials
    const auto cut = cross_fit(cases, fold, slots, starts, options, {}).value();
    ASSERT_LE(cut.trials.size(), kLeastTrials) << sampler;
    ASSERT_LE(cut.trials.size(), whole.trials.size());
    for (std::size_t t = 0; t < cut.trials.size(); ++t) EXPECT_EQ(cut.trials[t], whole.trials[t]);
    // Its number of trials repeats it, folds and all.
    options.seconds = 0;
    options.trials = cut.trials.size();
    const auto again = cross_fit(cases, fold, slots, starts, options, {.threads = 2}).value();
    EXPECT_EQ(again.values, cut.values);
    EXPECT_EQ(again.points, cut.points);
  }
}

TEST(VariantFitter, WhatASegmentCannotFitAloneIsGenerals) {
  // Two users who took one item each, once: nobody came back.
  InteractionLog log = tastes(40, 20, 3);
  const auto first = static_cast<std::ptrdiff_t>(log.begin[1]);
  log.rows.erase(log.rows.begin() + 1, log.rows.begin() + first);
  for (std::size_t u = 1; u < log.begin.size(); ++u)
    log.begin[u] -= static_cast<std::size_t>(first - 1);
  const History history(log, 200 * kDay);
  const std::vector<UserId> users = {UserId{0}};
  VariantFitter fitter(history, nullptr, {});
  const VariantSpec spec{.slot = "due_again", .family = "due_again"};
  const auto alone = log_of(history, users);
  EXPECT_EQ(alone.rows.size(), 1u);
  ASSERT_TRUE(fitter.fit(spec, {}));
  const auto own = fitter.fit_for({.users = users, .adaptation = "separate"}, spec, {});
  ASSERT_TRUE(own) << own.error().message;
}

TEST(ScorePool, NamesTheVariantWhoseScoreIsNotFinite) {
  class Diverged final : public HashModel {
   public:
    Diverged() : HashModel(1, 1) {}
    std::string_view family() const override { return "diverged"; }
    void score(const Query& query, std::span<float> out) const override {
      HashModel::score(query, out);
      if (query.user == UserId{40}) out[7] = std::numeric_limits<float>::quiet_NaN();
    }
  };
  const World world;
  const Diverged diverged;
  const std::vector<const Model*> models = {&world.good, &diverged, &world.fair};
  std::size_t broken = 0;
  for (const int threads : {1, 2}) {
    const auto pool = ScorePool::make(world.cases, *world.history, models, 5, true,
                                      {.threads = threads}, &broken);
    ASSERT_FALSE(pool);
    EXPECT_EQ(pool.error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(pool.error().message, "diverged: a score that is not finite");
    EXPECT_EQ(broken, 1u);
  }
}

TEST(Variants, LeaveThePlanWithTheirComponent) {
  ModelsConfig config;
  config.ease_regularization = {100, 300};
  const VariantPlan plan = plan_variants(config, true, true);
  const VariantPlan one = without(plan, "ease-100");
  EXPECT_EQ(one.variants.size(), plan.variants.size() - config.history_half_lives.size());
  EXPECT_EQ(one.slots.size(), plan.slots.size());
  EXPECT_EQ(one.variants[one.slots[4].variants[0]].parameters.at("regularization"), 300);
  const VariantPlan none = without(without(one, "ease-300"), "popularity");
  std::vector<std::string> names;
  for (const Slot& slot : none.slots) names.push_back(slot.name);
  EXPECT_THAT(names, ElementsAre("own_history", "item_knn", "due_again", "als"));
  EXPECT_EQ(without(plan, "nothing").variants, plan.variants);
}

TEST(Variants, AWrongSettingIsTheConfigsFault) {
  InteractionLog log{.users = 1, .items = 1, .begin = {0, 1}, .item_first_seen = {0}};
  log.rows = {{ItemId{0}, 1, 0}};
  const History history(log, kDay);
  VariantFitter fitter(history, nullptr, {});
  const auto failed =
      fitter.fit({.slot = "ease", .family = "ease", .parameters = {{"regularization", -1}}}, {});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::config);
  EXPECT_EQ(failed.error().message,
            "models: ease.regularization: -1 is out of range; expected 0.01 to 1000000");
}

TEST(Tailor, LeavesOutACandidateThatCannotBeFitted) {
  const World world;
  const ScorePool pool = world.pool(30);
  const std::vector<Slot> slots = {{"good", {0}}, {"fair", {1}}, {"bad", {2}}};
  FoldPoints general;
  general.fill({.choice = {0, 0, 0}, .weight = {0.4f, 0.3f, 0.3f}});
  TailorInput input{.pool = &pool, .slots = slots, .search = {.metric = kNdcg, .trials = 20}};
  for (std::size_t c = 0; c < pool.cases(); ++c) {
    input.cases.push_back(c);
    input.fold.push_back(static_cast<std::uint8_t>(c % kFolds));
  }
  input.general = &general;
  ErrorCode code = ErrorCode::invalid_argument;
  input.own = {{"fine_tuned", 4, {0.5}, [&]() -> Result<ScorePool> {
                  return Error{code, "not finite"};
                }}};
  const auto tuning = tailor(input, {}, {});
  ASSERT_TRUE(tuning) << tuning.error().message;
  ASSERT_EQ(tuning->left_out.size(), 1u);
  EXPECT_EQ(tuning->left_out[0].component, "fine_tuned, strength 4");
  EXPECT_EQ(tuning->left_out[0].reason, "not finite");
  EXPECT_EQ(tuning->tried.size(), TuningConfig{}.shrink.size());
  code = ErrorCode::io;
  EXPECT_FALSE(tailor(input, {}, {}));
}

TEST(Tailor, GoesTheWayToItsOwnModelsAsFarAsItPays) {
  const World world;
  const ScorePool pool = world.pool(30);
  const std::vector<Slot> slots = {{"fair", {1}}};
  FoldPoints general;
  general.fill({.choice = {0}, .weight = {1}});
  TailorInput input{.pool = &pool, .slots = slots, .search = {.metric = kNdcg, .trials = 5}};
  for (std::size_t c = 0; c < pool.cases(); ++c) {
    input.cases.push_back(c);
    input.fold.push_back(static_cast<std::uint8_t>(c % kFolds));
  }
  input.general = &general;
  input.blended = false;
  const auto of = [&](const char* adaptation, double strength, const Model& model) {
    const auto made = [&world, &model]() -> Result<ScorePool> {
      const std::vector<const Model*> models = {&model};
      return ScorePool::make(world.cases, *world.history, models, 30, true, {});
    };
    return OwnModels{adaptation, strength, {1.0}, made};
  };
  const auto tried = [&](std::vector<OwnModels> own) {
    input.own = std::move(own);
    std::vector<std::string> labels;
    const auto tuning = tailor(input, {}, {}).value();
    for (const TriedCandidate& one : tuning.tried) labels.push_back(one.candidate.label());
    labels.push_back(std::to_string(tuning.chosen));
    return labels;
  };
  EXPECT_THAT(tried({of("fine_tuned", 1, world.good), of("separate", 0, world.good)}),
              ElementsAre("fine_tuned, strength 1", "fine_tuned, strength 1, share 1", "separate",
                          "separate, share 1", "0"));
  // Proved worse: neither its weights are searched for, nor what comes behind it.
  EXPECT_THAT(tried({of("fine_tuned", 1, world.bad), of("fine_tuned", 4, world.good),
                     of("separate", 0, world.good)}),
              ElementsAre("fine_tuned, strength 1", "-1"));
  // Worse, but not proved so.
  const HashModel as_fair(9, 0.3);
  const auto others = tried(
      {of("fine_tuned", 1, as_fair), of("fine_tuned", 4, as_fair), of("separate", 0, world.good)});
  EXPECT_THAT(others, ::testing::Contains("fine_tuned, strength 4"));
  EXPECT_THAT(others, ::testing::Not(::testing::Contains("separate")));
}

TEST(Tailor, FindsASegmentThatNeedsOtherWeightsAndNoGainWhereThereIsNone) {
  const World world;
  const ScorePool pool = world.pool(30);
  const std::vector<Slot> slots = {{"good", {0}}, {"fair", {1}}, {"bad", {2}}};
  FoldPoints general;
  TailorInput input{.pool = &pool, .slots = slots, .search = {.metric = kNdcg, .trials = 200}};
  for (std::size_t c = 0; c < pool.cases(); ++c) {
    input.cases.push_back(c);
    input.fold.push_back(static_cast<std::uint8_t>(c % kFolds));
  }
  input.general = &general;
  general.fill({.choice = {0, 0, 0}, .weight = {0.1f, 0.1f, 0.8f}});  // badly made for these users
  const auto better = tailor(input, {}, {});
  ASSERT_TRUE(better);
  ASSERT_GE(better->chosen, 0);
  EXPECT_GT(better->tried[static_cast<std::size_t>(better->chosen)].low, 0);
  EXPECT_EQ(better->tried.size(), TuningConfig{}.shrink.size());
  EXPECT_EQ(better->tried[0].candidate.label(), "blended, share 0.5");
}

}  // namespace

TEST(Journal, IsWhatOptunaReads) {
  VariantPlan plan{
      .variants = {{.slot = "popularity", .family = "popularity", .half_life_days = 7},
                   {.slot = "popularity", .family = "popularity"},
                   {.slot = "ease", .family = "ease", .parameters = {{"regularization", 300}}}},
      .slots = {{"popularity", {0, 1}}, {"ease", {2}}}};
  const BlendTrial trial{.point = {.choice = {1, 0}, .weight = {0.25f, 0.75f}}, .value = 0.5};
  const BlendTrial alone{.point = {.choice = {0, 0}, .weight = {0.0f, 1.0f}}, .value = 0.25};
  const std::string journal = optuna_journal(
      {{"general", "", "", {{"general", 0, {trial}}}},
       {"rfm/loyal", "rfm", "loyal", {{"blended", 0, {}}, {"fine_tuned", 2, {alone}}}}},
      plan);
  EXPECT_EQ(
      journal,
      R"({"op_code":0,"worker_id":"sartor","study_name":"general","directions":[2]}
{"op_code":4,"worker_id":"sartor","study_id":0,"datetime_start":"1970-01-01T00:00:00+00:00",)"
      R"("datetime_complete":"1970-01-01T00:00:00+00:00","state":1,"value":0.5,"values":null,)"
      R"("distributions":{"popularity":"{\"name\":\"CategoricalDistribution\",\"attributes\":)"
      R"({\"choices\":[\"popularity, half-life 7 days\",\"popularity, never fades\"]}}",)"
      R"("popularity.weight":"{\"name\":\"FloatDistribution\",\"attributes\":{\"step\":null,)"
      R"(\"low\":0.0,\"high\":1.0,\"log\":false}}","ease.weight":"{\"name\":)"
      R"(\"FloatDistribution\",\"attributes\":{\"step\":null,\"low\":0.0,\"high\":1.0,)"
      R"(\"log\":false}}"},"params":{"popularity":1,"popularity.weight":0.25,"ease.weight":0.75},)"
      R"("user_attrs":{"adaptation":"general","family":"blend"},"system_attrs":{},)"
      R"("intermediate_values":{}}
{"op_code":0,"worker_id":"sartor","study_name":"rfm/loyal","directions":[2]}
{"op_code":2,"worker_id":"sartor","study_id":1,"user_attr":{"segmentation":"rfm"}}
{"op_code":2,"worker_id":"sartor","study_id":1,"user_attr":{"segment":"loyal"}}
{"op_code":4,"worker_id":"sartor","study_id":1,"datetime_start":"1970-01-01T00:00:00+00:00",)"
      R"("datetime_complete":"1970-01-01T00:00:00+00:00","state":1,"value":0.25,"values":null,)"
      R"("distributions":{"popularity.weight":"{\"name\":\"FloatDistribution\",\"attributes\":)"
      R"({\"step\":null,\"low\":0.0,\"high\":1.0,\"log\":false}}","ease.weight":"{\"name\":)"
      R"(\"FloatDistribution\",\"attributes\":{\"step\":null,\"low\":0.0,\"high\":1.0,)"
      R"(\"log\":false}}"},"params":{"popularity.weight":0.0,"ease.weight":1.0},)"
      R"("user_attrs":{"adaptation":"fine_tuned","family":"ease","strength":2.0,)"
      R"("segmentation":"rfm","segment":"loyal"},"system_attrs":{},"intermediate_values":{}}
)");
}

TEST(Journal, TellsComponentsTrials) {
  const ComponentTrial good{
      .variant = {.slot = "als", .family = "als", .parameters = {{"factors", 16}}},
      .rung = 1,
      .value = 0.5};
  ComponentTrial failed = good;
  failed.failed = true;
  const std::string journal = optuna_journal(
      {}, {},
      {"general/components",
       {good, failed},
       {{.slot = "ease", .key = "regularization", .low = 1, .high = 2, .log = true},
        {.slot = "als", .key = "factors", .low = 8, .high = 64, .log = true, .whole = true}}});
  EXPECT_THAT(journal, ::testing::HasSubstr("\"study_name\":\"general/components\""));
  EXPECT_THAT(journal, ::testing::HasSubstr("\"params\":{\"component\":1,\"als.factors\":16.0}"));
  EXPECT_THAT(journal, ::testing::HasSubstr("\"state\":3,\"value\":null"));
  EXPECT_THAT(journal, ::testing::HasSubstr("\\\"low\\\":8,\\\"high\\\":64"));
}

TEST(Journal, ASearchBeforeTheReRankerHasNoWeightOfIt) {
  const VariantPlan plan{
      .variants = {{.slot = "ease", .family = "ease"}, {.slot = "rerank", .family = "rerank"}},
      .slots = {{"ease", {0}}, {"rerank", {1}}}};
  const BlendTrial trial{.point = {.choice = {0}, .weight = {1}}, .value = 0.5};
  const std::string journal =
      optuna_journal({{"general", "", "", {{"general", 0, {trial}}}}}, plan);
  EXPECT_THAT(journal, ::testing::HasSubstr("\"params\":{\"ease.weight\":1.0}"));
}

}  // namespace sartor
