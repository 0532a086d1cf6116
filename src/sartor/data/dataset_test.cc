#include "sartor/data/dataset.h"

#include <gmock/gmock.h>

#include <limits>

namespace sartor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr double kNoNumber = std::numeric_limits<double>::quiet_NaN();
constexpr std::uint32_t kMissing = Column::kMissing;

// Four events of two users, the third no positive: with a text, a few numbers and many numbers as
// context.
Dataset small() {
  Dataset data;
  data.users = Vocabulary({"a", "b"});
  data.items = Vocabulary({"x", "y"});
  data.events.user = {UserId{1}, UserId{0}, UserId{0}, UserId{1}};
  data.events.item = {ItemId{0}, ItemId{1}, ItemId{1}, ItemId{1}};
  data.events.time = {1, 2, 3, 4};
  data.events.weight = {1, 1, 0, 1};
  data.events.context = {
      {.name = "device", .is_text = true, .codes = {1, kMissing, 0, 0}, .words = {"pc", "phone"}},
      {.name = "tab", .numbers = {4, 0.5, 7, kNoNumber}}};
  return data;
}

TEST(InteractionLog, CarriesTheContextOfEachPositive) {
  const InteractionLog log = interaction_log(small());
  ASSERT_EQ(log.context_keys.size(), 2u);
  EXPECT_EQ(log.context_keys[0].name, "device");
  EXPECT_EQ(log.context_keys[0].code("phone"), 1u);
  EXPECT_EQ(log.context_keys[0].code("fridge"), kMissing);
  EXPECT_THAT(log.context_keys[1].words, ElementsAre("0.5", "4", "7"));
  const History history(log, 4);
  EXPECT_THAT(history.context_of(UserId{0}), ElementsAre(kMissing, 0));
  EXPECT_THAT(history.context_of(UserId{1}), ElementsAre(1, 1));
  EXPECT_THAT(History(log, 5).context_of(UserId{1}), ElementsAre(1, 1, 0, kMissing));
}

TEST(InteractionLog, LeavesOutContextThatMeasuresRatherThanNames) {
  Dataset data = small();
  const std::size_t n = kMostContextNumbers + 1;
  data.events.context.pop_back();
  data.events.context.push_back({.name = "seconds"});
  for (std::size_t e = 0; e < n; ++e) {
    data.events.user.push_back(UserId{0});
    data.events.item.push_back(ItemId{0});
    data.events.time.push_back(5);
    data.events.weight.push_back(1);
    data.events.context[0].codes.push_back(1);
  }
  for (std::size_t e = 0; e < data.events.size(); ++e) {
    data.events.context[1].numbers.push_back(static_cast<double>(e));
  }
  const InteractionLog log = interaction_log(data);
  ASSERT_EQ(log.context_keys.size(), 1u);
  EXPECT_EQ(log.context.size(), log.rows.size());
}

// User 1 takes 0 and 2 in one basket, looks at 1, and takes it alone; user 0 takes 2 in a basket.
Dataset small_data() {
  Dataset data{.users = Vocabulary({"a", "b"}), .items = Vocabulary({"x", "y", "z"})};
  data.events.user = {UserId{1}, UserId{1}, UserId{0}, UserId{1}, UserId{1}};
  data.events.item = {ItemId{0}, ItemId{2}, ItemId{2}, ItemId{1}, ItemId{1}};
  data.events.time = {1, 1, 2, 3, 4};
  data.events.weight = {1, 1, 1, 0, 2};
  data.events.group = {7, 7, 9, 8, Column::kMissing};
  return data;
}

TEST(Dataset, ARowKeepsItsGroup) {
  const InteractionLog log = interaction_log(small_data());
  EXPECT_THAT(log.group, ElementsAre(9, 7, 7, Column::kMissing));
  const History history(log, 4);
  EXPECT_THAT(history.groups_of(UserId{0}), ElementsAre(9));
  EXPECT_THAT(history.groups_of(UserId{1}), ElementsAre(7, 7)) << "the third lies ahead";
}

TEST(Dataset, WithoutGroupsThereAreNone) {
  Dataset data = small_data();
  data.events.group.assign(5, Column::kMissing);
  const InteractionLog log = interaction_log(data);
  EXPECT_THAT(log.group, IsEmpty());
  EXPECT_THAT(History(log, 9).groups_of(UserId{1}), IsEmpty());
}

}  // namespace
}  // namespace sartor
