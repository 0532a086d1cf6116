#include "sartor/segments/scaler.h"

#include <gmock/gmock.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace sartor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::vector<std::uint32_t> kFour = {0, 1, 2, 3};

TEST(Scaler, NumbersBecomeZScoresWithAFlagForMissing) {
  Table table{.rows = 5};
  table.columns.push_back({.name = "a", .numbers = {1, 3, std::nan(""), 5, 99}});
  table.columns.push_back({.name = "same", .numbers = {7, 7, 7, 7, 8}});
  table.columns.push_back({.name = "none", .numbers = std::vector<double>(5, std::nan(""))});
  const auto scaler = Scaler::fit(table, {"a", "same", "none"}, kFour);
  ASSERT_TRUE(scaler) << scaler.error().message;
  EXPECT_EQ(scaler->columns(), 2u);
  EXPECT_THAT(scaler->notes(), ElementsAre("'same' was left out: it has one value only",
                                           "'none' was left out: every value is missing"));
  const auto points = *scaler->transform(table, kFour);
  const float step = static_cast<float>(2 / std::sqrt(8.0 / 3));
  EXPECT_THAT(points.values(),
              ElementsAre(testing::FloatEq(-step), 0, 0, 0, 0, 1, testing::FloatEq(step), 0));
  EXPECT_THAT(*scaler->known(table), ElementsAre(1, 1, 0, 1, 1));
}

TEST(Scaler, MoneyIsScaledAsALogarithm) {
  Table table{.rows = 40};
  table.columns.push_back({.name = "money", .numbers = std::vector<double>(40)});
  for (std::size_t i = 0; i < 40; ++i)
    table.columns[0].numbers[i] = std::exp(static_cast<double>(i) / 4) - 1;
  std::vector<std::uint32_t> rows(40);
  for (std::uint32_t i = 0; i < 40; ++i) rows[i] = i;
  const auto points = *Scaler::fit(table, {"money"}, rows)->transform(table, rows);
  const float step = points(1, 0) - points(0, 0);
  for (std::size_t i = 1; i < 40; ++i) EXPECT_NEAR(points(i, 0) - points(i - 1, 0), step, 1e-5);
}

TEST(Scaler, TextsBecomeColumnsWhateverTheCodes) {
  Table table{.rows = 4};
  table.columns.push_back({.name = "t",
                           .is_text = true,
                           .codes = {0, 1, 1, Column::kMissing},
                           .words = {"phone", "tablet"}});
  const auto scaler = Scaler::fit(table, {"t"}, kFour);
  const float on = static_cast<float>(1 / std::sqrt(2.0));
  EXPECT_THAT(scaler->transform(table, kFour)->values(), ElementsAre(0, on, on, 0, on, 0, 0, 0));
  // Another table may know other words.
  Table later{.rows = 2};
  later.columns.push_back(
      {.name = "t", .is_text = true, .codes = {0, 1}, .words = {"tablet", "watch"}});
  const std::vector<std::uint32_t> two = {0, 1};
  EXPECT_THAT(scaler->transform(later, two)->values(), ElementsAre(on, 0, 0, 0));
}

TEST(Scaler, AVectorWeighsAsMuchAsOneNumberAndSurvivesSaving) {
  Table table{.rows = 4};
  table.columns.push_back({.name = "embedding.0", .numbers = {3, 0, 0, -3}});
  table.columns.push_back({.name = "embedding.1", .numbers = {0, 4, 0, 4}});
  const auto scaler = Scaler::fit(table, {"embedding"}, kFour);
  const auto points = *scaler->transform(table, kFour);
  double length = 0;
  for (const float x : points.values()) length += x * x;
  EXPECT_NEAR(length, 4, 1e-6);
  EXPECT_THAT(*scaler->known(table), ElementsAre(1, 1, 0, 1));
  const auto back = Scaler::from_json(Json::parse(scaler->to_json().dump()));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->transform(table, kFour)->values(), points.values());
}

TEST(Scaler, AGroupOfSharesIsNamedByItsPrefix) {
  Table table{.rows = 4};
  table.columns.push_back({.name = "interest.toys", .numbers = {1, 0.5, 0, std::nan("")}});
  table.columns.push_back({.name = "interest.books", .numbers = {0, 0.5, 1, std::nan("")}});
  table.columns.push_back({.name = "interested", .numbers = {1, 2, 3, 4}});
  const auto scaler = Scaler::fit(table, {"interest"}, kFour);
  ASSERT_TRUE(scaler) << scaler.error().message;
  EXPECT_EQ(scaler->columns(), 2u);
  const auto points = *scaler->transform(table, kFour);
  double length = 0;
  for (const float x : points.values()) length += x * x;
  EXPECT_NEAR(length, 4, 1e-6);
  EXPECT_THAT(*scaler->known(table), ElementsAre(1, 1, 1, 0));
  EXPECT_EQ(Scaler::fit(table, {"interest.toys"}, kFour)->columns(), 2u);  // with a flag
}

TEST(Scaler, SaysWhatIsMissing) {
  Table table{.rows = 4};
  table.columns.push_back({.name = "events", .numbers = {1, 1, 1, 1}});
  EXPECT_THAT(Scaler::fit(table, {"event"}, kFour).error().message,
              HasSubstr("did you mean 'events'"));
  EXPECT_THAT(Scaler::fit(table, {"embedding"}, kFour).error().message, HasSubstr("embedding"));
  EXPECT_THAT(Scaler::fit(table, {"events"}, kFour).error().message,
              HasSubstr("no feature is left"));
}

}  // namespace
}  // namespace sartor
