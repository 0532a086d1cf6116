#include "sartor/data/dataset.h"

#include <gmock/gmock.h>

namespace sartor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

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
