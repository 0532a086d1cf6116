#include "sartor/data/catalogue.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "sartor/base/files.h"
#include "sartor/base/test_place.h"

namespace sartor {
namespace {

// Two users and three items; the event at day 9 is after the catalogue's moment.
struct World {
  Vocabulary users{{"u1", "u2"}};
  Vocabulary items{{"a", "b", "c"}};
  InteractionLog log{
      .users = 2,
      .items = 3,
      .begin = {0, 3, 3},
      .rows = {{ItemId{0}, 1, kUntimed}, {ItemId{1}, 2, kDay}, {ItemId{2}, 1, 9 * kDay}},
      .item_first_seen = {kUntimed, kDay, 9 * kDay},
      .context_keys = {{"page", {"cart", "home"}}},
      .context = {1, Column::kMissing, 0}};
  History history{log, 5 * kDay};
  Table features{.rows = 2,
                 .columns = {{.name = "events", .numbers = {2, std::nan("")}},
                             {.name = "device",
                              .is_text = true,
                              .codes = {1, Column::kMissing},
                              .words = {"phone", "tablet"}}}};
  Table attributes{
      .rows = 3,
      .columns = {{.name = "text", .is_text = true, .codes = {0, 0, 0}, .words = {"x"}}}};
  std::string users_path = test_place("catalogue_users");
  std::string items_path = test_place("catalogue_items");

  Status write() const {
    return write_catalogue({&users, &items, &history, &features, &attributes}, users_path,
                           items_path);
  }
};

TEST(Catalogue, ReadsBackWhatWasKnownAsOfItsMoment) {
  const World world;
  ASSERT_TRUE(world.write());
  const auto read = Catalogue::open(world.users_path, world.items_path);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->as_of(), 5 * kDay);
  EXPECT_EQ(read->users().names(), world.users.names());
  EXPECT_EQ(read->items().find("c"), 2u);
  EXPECT_EQ(read->eligible(), (std::vector<ItemId>{{0}, {1}})) << "c was not seen yet";
  const auto history = read->history_of(UserId{0});
  ASSERT_EQ(history.size(), 2u);
  EXPECT_EQ(history[0].time, kUntimed);
  EXPECT_EQ(history[1].item, ItemId{1});
  EXPECT_EQ(history[1].weight, 2);
  EXPECT_TRUE(read->history_of(UserId{1}).empty());
  ASSERT_EQ(read->context_keys().size(), 1u);
  EXPECT_EQ(read->context_keys()[0].code("home"), 1u);
  const auto context = read->context_of(UserId{0});
  ASSERT_EQ(context.size(), 2u);
  EXPECT_EQ(context[0], 1u);
  EXPECT_EQ(context[1], Column::kMissing);
  EXPECT_TRUE(read->context_of(UserId{1}).empty());
  const Column* events = read->user_features().find("events");
  ASSERT_NE(events, nullptr);
  EXPECT_EQ(events->numbers[0], 2);
  EXPECT_TRUE(std::isnan(events->numbers[1]));
  const Column* device = read->user_features().find("device");
  ASSERT_NE(device, nullptr);
  EXPECT_TRUE(device->is_text);
  EXPECT_EQ(device->codes, (std::vector<std::uint32_t>{1, Column::kMissing}));
  EXPECT_EQ(device->words, (std::vector<std::string>{"phone", "tablet"}));
  EXPECT_EQ(read->item_attributes().find("text")->words, std::vector<std::string>{"x"});
}

TEST(Catalogue, BytesAreEqualAndColumnsMayBeMissing) {
  World world;
  ASSERT_TRUE(world.write());
  const std::string users = *read_file(world.users_path);
  const std::string items = *read_file(world.items_path);
  ASSERT_TRUE(world.write());
  EXPECT_EQ(*read_file(world.users_path), users);
  EXPECT_EQ(*read_file(world.items_path), items);
  ASSERT_TRUE(write_catalogue({&world.users, &world.items, &world.history, nullptr, nullptr},
                              world.users_path, world.items_path));
  const auto read = Catalogue::open(world.users_path, world.items_path);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_TRUE(read->user_features().columns.empty());
  EXPECT_EQ(read->user_features().rows, 2u);
}

TEST(Catalogue, ContradictionsAreNamed) {
  const World world;
  const auto says = [&](auto change, const std::string& words) {
    ASSERT_TRUE(world.write());
    std::string path = world.users_path;
    {
      auto users = TensorFile::map(world.users_path);
      auto items = TensorFile::map(world.items_path);
      path = change(*users, *items) ? world.items_path : world.users_path;
      ASSERT_TRUE((path == world.items_path ? *items : *users).write(path));
    }
    const auto read = Catalogue::open(world.users_path, world.items_path);
    ASSERT_FALSE(read) << words;
    EXPECT_EQ(read.error().code, ErrorCode::bad_data);
    EXPECT_NE(read.error().message.find(path), std::string::npos) << read.error().message;
    EXPECT_NE(read.error().message.find(words), std::string::npos) << read.error().message;
  };
  using Ids = std::vector<ItemId>;
  using Begins = std::vector<std::uint64_t>;
  says(
      [](auto& u, auto&) {
        return u.template add<ItemId>("history.item", Ids{{0}, {3}}), false;
      },
      "not there");
  says([](auto& u, auto&) { return u.template add<ItemId>("history.item", Ids{{0}}), false; },
       "different lengths");
  says(
      [](auto& u, auto&) {
        return u.template add<std::uint64_t>("history.begin", Begins{0, 3, 2}), false;
      },
      "does not fit");
  says(
      [](auto& u, auto&) {
        return u.template add<std::uint64_t>("history.begin", Begins{0, 2}), false;
      },
      "does not fit");
  says(
      [](auto& u, auto&) {
        return u.template add<float>("history.weight", std::vector<float>{1, -1}), false;
      },
      "above 0");
  says(
      [](auto& u, auto&) {
        return u.add_texts("names", std::vector<std::string>{"b", "a"}), false;
      },
      "sorted");
  says(
      [](auto& u, auto&) {
        return u.template add<std::uint32_t>("features.1", std::vector<std::uint32_t>{0, 2}), false;
      },
      "without a word");
  says([](auto& u,
          auto&) { return u.template add<double>("features.0", std::vector<double>{1}), false; },
       "1 rows, expected 2");
  says([](auto& u, auto&) { return u.set_meta("format", "other"), false; },
       "is not a sartor catalogue");
  says(
      [](auto&, auto& i) {
        return i.template add<std::uint8_t>("eligible", std::vector<std::uint8_t>{1}), true;
      },
      "eligible");
  says([](auto&, auto& i) { return i.template add<Time>("as_of", std::vector<Time>{}), true; },
       "as_of");
}

}  // namespace
}  // namespace sartor
