#include "sartor/features/feature_screen.h"

#include <gmock/gmock.h>

#include <cmath>
#include <functional>
#include <numeric>

namespace sartor {
namespace {

using testing::HasSubstr;

constexpr std::uint32_t kUsers = 100;

// Every third of 100 users comes back in confirm.
bool comes(std::uint32_t user) { return user % 3 == 0; }

Column numbers(const char* name, const std::function<double(std::uint32_t)>& of) {
  Column column{.name = name};
  for (std::uint32_t u = 0; u < kUsers; ++u) column.numbers.push_back(of(u));
  return column;
}

Column words(const char* name, const std::function<std::uint32_t(std::uint32_t)>& of,
             std::size_t n) {
  Column column{.name = name, .is_text = true};
  for (std::size_t w = 0; w < n; ++w) column.words.push_back("word " + std::to_string(1000 + w));
  for (std::uint32_t u = 0; u < kUsers; ++u) column.codes.push_back(of(u));
  return column;
}

std::vector<LeftOutFeature> screened(const Column& column, bool is_given = true) {
  Table table{.rows = kUsers, .columns = {column}};
  std::vector<std::uint32_t> rows(kUsers);
  std::iota(rows.begin(), rows.end(), 0u);
  std::vector<CameBack> windows = {{"validate", std::vector<std::uint8_t>(kUsers)},
                                   {"confirm", std::vector<std::uint8_t>(kUsers)}};
  for (std::uint32_t u = 0; u < kUsers; ++u) windows[1].of_row[u] = comes(u);
  const std::vector<std::string> given = {is_given ? column.name : "another"};
  return screen_features(table, rows, given, windows);
}

TEST(FeatureScreen, NamesWhatSaysNothing) {
  auto found = screened(numbers("same", [](auto) { return 7; }));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_THAT(found[0].reason, HasSubstr("one value only: 7"));
  found = screened(numbers("none", [](auto) { return std::nan(""); }));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_THAT(found[0].reason, HasSubstr("every value is missing"));
  EXPECT_FALSE(found[0].leak);
  EXPECT_EQ(screened(words(
                         "word", [](auto) { return 0u; }, 1))
                .size(),
            1u);
  EXPECT_TRUE(
      screened(numbers("half", [](auto u) { return u % 2 == 0 ? 1 : std::nan(""); })).empty());
}

TEST(FeatureScreen, NamesWhatKnowsTheFuture) {
  // What was bought later: nothing by those who did not come.
  auto found = screened(numbers("bought_later", [](auto u) { return comes(u) ? 1 + u % 7 : 0; }));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(found[0].leak);
  EXPECT_THAT(found[0].reason, HasSubstr("34 of 100 users come back in confirm"));
  // A date that only they have; a threshold from above; a word.
  EXPECT_EQ(
      screened(numbers("next_visit", [](auto u) { return comes(u) ? u : std::nan(""); })).size(),
      1u);
  EXPECT_EQ(screened(numbers("left_on", [](auto u) { return comes(u) ? -1.0 : u; })).size(), 1u);
  EXPECT_EQ(screened(words(
                         "status", [](auto u) { return comes(u) ? 0u : 1u + u % 2; }, 3))
                .size(),
            1u);
}

TEST(FeatureScreen, LeavesGoodPredictorsAndWhatIsCountedAlone) {
  const auto almost = [](std::uint32_t u) { return comes(u) != (u == 1) ? 1.0 : 0.0; };
  EXPECT_TRUE(screened(numbers("good", almost)).empty());
  EXPECT_TRUE(screened(numbers("any", [](auto u) { return u * u % 31; })).empty());
  // A name of everybody's own tells nothing of anybody else.
  EXPECT_TRUE(screened(words(
                           "name", [](auto u) { return u; }, kUsers))
                  .empty());
  // Counted from events before the moment.
  EXPECT_TRUE(
      screened(numbers("events", [](auto u) { return comes(u) ? 1.0 : 0.0; }), false).empty());
}

}  // namespace
}  // namespace sartor
