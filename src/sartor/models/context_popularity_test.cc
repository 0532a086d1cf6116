#include "sartor/models/context_popularity.h"

#include <gmock/gmock.h>

#include "sartor/models/registry.h"
#include "sartor/models/test_numbers.h"
#include "sartor/models/test_world.h"

namespace sartor {
namespace {

using ::testing::HasSubstr;

// The log of tests/reference/popularity_family.py, with a country and a device per interaction.
InteractionLog countries() {
  InteractionLog log = reference_log();
  log.context_keys = {{"device", {"phone"}}, {"country", {"DE", "FR", "UK"}}};
  // make_log sorts by user and time; the country goes with the day.
  for (std::uint32_t u = 0; u < log.users; ++u) {
    for (std::size_t r = log.begin[u]; r < log.begin[u + 1]; ++r) {
      std::uint32_t country = 0;
      for (std::uint32_t k = 0; k < 60; ++k) {
        if (log.rows[r].time == (k * 37 % 97) * kDay + kDay / 4) country = k % 3;
      }
      log.context.insert(log.context.end(), {Column::kMissing, country});
    }
  }
  return log;
}

TEST(ContextPopularity, AgreesWithNumpy) {
  const InteractionLog log = countries();
  const History history(log, 100 * kDay);
  const FitInput input{.history = &history};
  const auto model =
      fit_context_popularity(input, {.by = "country", .half_life_days = 30, .prior = 5}, {});
  ASSERT_TRUE(model) << model.error().message;
  Query query{UserId{2}, 100 * kDay, history.of(UserId{2}), history.context_of(UserId{2})};
  expect_near(scores_of(**model, query, 6),
              {0.239654, 0.098387, 0.214259, 0.194484, 0.080668, 0.172548}, 2e-6);
  // The moment's own context, where it is known.
  const std::uint32_t moment[] = {0, 1};
  query.context = moment;
  expect_near(scores_of(**model, query, 6),
              {0.290932, 0.105246, 0.224129, 0.179725, 0.064081, 0.135887}, 2e-6);
  EXPECT_TRUE((*model)->knows(query));
}

TEST(ContextPopularity, KnowsTheTasteForCategories) {
  const InteractionLog log = reference_log();
  const History history(log, 100 * kDay);
  const Table items{.rows = 6,
                    .columns = {{.name = "category",
                                 .is_text = true,
                                 .codes = {0, 0, 1, 1, 2, 2},
                                 .words = {"cups", "lamps", "toys"}}}};
  const auto model =
      fit_context_popularity({.history = &history, .item_attributes = &items},
                             {.by = "category", .half_life_days = 30, .prior = 5}, {});
  ASSERT_TRUE(model) << model.error().message;
  const Query query{UserId{2}, 100 * kDay, history.of(UserId{2})};
  const std::vector<double> expected = {0.247713, 0.099285, 0.153292, 0.141763, 0.114074, 0.243872};
  expect_near(scores_of(**model, query, 6), expected, 2e-6);
  // The categories go with the model.
  TensorFile file;
  ASSERT_TRUE((*model)->save(file));
  expect_near(scores_of(**model_from(file), query, 6), expected, 2e-6);
}

TEST(ContextPopularity, SeparatesWhatIsTakenByDayFromWhatIsTakenByNight) {
  std::vector<Taken> rows;  // user 0 and others by night, user 1 and others by day
  for (std::uint32_t n = 0; n < 40; ++n) {
    rows.push_back({n % 2 == 0 ? 0 : 2 + n, 0, n * kDay + 2 * kHour});
    rows.push_back({n % 2 == 0 ? 1 : 2 + n, 1, n * kDay + 14 * kHour});
  }
  const InteractionLog log = make_log(42, 2, rows);
  const History history(log, 40 * kDay);
  const auto model = fit_context_popularity({.history = &history}, {.prior = 1}, {});
  const auto of = [&](std::uint32_t user) {
    return scores_of(**model, {UserId{user}, 40 * kDay, history.of(UserId{user})}, 2);
  };
  EXPECT_GT(of(0)[0], 5 * of(0)[1]);
  EXPECT_GT(of(1)[1], 5 * of(1)[0]);
  // A stranger's is everybody's.
  const auto stranger = scores_of(**model, {.as_of = 40 * kDay}, 2);
  EXPECT_FALSE((*model)->knows({.as_of = 40 * kDay}));
  EXPECT_NEAR(stranger[0] + stranger[1], 1, 1e-6);
}

TEST(ContextPopularity, WithAnEndlessPriorIsPopularity) {
  const InteractionLog log = countries();
  const History history(log, 100 * kDay);
  const auto model = fit_context_popularity(
      {.history = &history}, {.by = "country", .half_life_days = 30, .prior = 1e7}, {});
  const auto stranger = scores_of(**model, {}, 6);
  const auto known = scores_of(
      **model, {UserId{2}, 100 * kDay, history.of(UserId{2}), history.context_of(UserId{2})}, 6);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_NEAR(known[i], stranger[i], 1e-5);
}

TEST(ContextPopularity, NamesTheContextsThatThereAre) {
  const InteractionLog log = countries();
  const History history(log, 100 * kDay);
  const auto model = fit_context_popularity({.history = &history}, {.by = "page"}, {});
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, ErrorCode::invalid_argument);
  EXPECT_THAT(model.error().message,
              HasSubstr("no context 'page'; known are hour, weekday, device, country"));
}

}  // namespace
}  // namespace sartor
