#include "sartor/features/item_features.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

namespace sartor {
namespace {

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();
const Time kMoment = parse_time("2024-05-01").value();

struct Seen {
  std::uint32_t user, item;
  double days_ago;
  std::uint16_t type;  // 0 click, 1 impression, 2 purchase
  double value = kNothing;
};

Dataset catalogue(const std::vector<Seen>& list) {
  Dataset data{.users = Vocabulary({"ann", "bob"}),
               .items = Vocabulary({"cup", "jug", "mat"}),
               .types = {"click", "impression", "purchase"}};
  for (const Seen& seen : list) {
    data.events.user.push_back(UserId{seen.user});
    data.events.item.push_back(ItemId{seen.item});
    data.events.time.push_back(kMoment - std::llround(seen.days_ago * 86400) * kSecond);
    data.events.type.push_back(seen.type);
    data.events.value.push_back(seen.value);
    data.events.dwell_seconds.push_back(seen.type == 1 ? 4.0f : std::nanf(""));
    data.events.group.push_back(Column::kMissing);
    data.events.weight.push_back(seen.type == 2 ? 1.0f : 0.0f);
  }
  data.item_attributes = {.rows = 3, .columns = {{.name = "price", .numbers = {1, 3, kNothing}}}};
  return data;
}

// Ann bought two cups lately and one before; bob looked at them; nobody took a mat yet.
std::vector<Seen> past() {
  return {{0, 0, 40, 2, 6}, {1, 0, 30, 1}, {1, 0, 20, 1},   {1, 0, 20, 0},
          {0, 0, 10, 2, 2}, {0, 0, 4, 2},  {1, 1, 3, 2, 5}, {0, 2, 2, 1}};
}

double fact(const Table& table, const std::string& name, std::size_t item) {
  const Column* column = table.find("feature." + name);
  EXPECT_NE(column, nullptr) << name;
  return column == nullptr ? 0 : column->numbers[item];
}

Table table_of(const std::vector<Seen>& list) {
  const Dataset data = catalogue(list);
  return item_features(data, feature_space(data, {}, {}, kMoment).value(), kMoment);
}

TEST(ItemFeatures, AreThoseOfTheStory) {
  const Table table = table_of(past());
  EXPECT_EQ(fact(table, "events", 0), 6);
  EXPECT_EQ(fact(table, "positives", 0), 3);
  EXPECT_EQ(fact(table, "users", 0), 1);
  EXPECT_EQ(fact(table, "positives_28d", 0), 2);
  EXPECT_DOUBLE_EQ(fact(table, "trend", 0), std::log(3.0 / 2));
  EXPECT_EQ(fact(table, "days_since_first", 0), 40);
  EXPECT_EQ(fact(table, "days_since_last", 0), 4);
  EXPECT_EQ(fact(table, "value_mean", 0), 4);
  EXPECT_EQ(fact(table, "price_level", 0), 0.25);
  EXPECT_EQ(fact(table, "price_level", 1), 0.75);
  EXPECT_EQ(fact(table, "dwell_mean", 0), 4);
  EXPECT_EQ(fact(table, "ctr", 0), 0.5);
  EXPECT_EQ(fact(table, "conversion", 0), 0.5);
  EXPECT_EQ(fact(table, "repeat_share", 0), 1);
  EXPECT_EQ(fact(table, "repeat_share", 1), 0);
  EXPECT_DOUBLE_EQ(fact(table, "novelty", 0), std::log2(7.0 / 4));
  EXPECT_EQ(table.find("feature.season")->codes[0], Column::kMissing);
  EXPECT_EQ(fact(table, "conversion", 2), 0);
  EXPECT_TRUE(std::isnan(fact(table, "days_since_last", 2)));
  EXPECT_TRUE(std::isnan(fact(table, "repeat_share", 2)));
  EXPECT_DOUBLE_EQ(fact(table, "novelty", 2), std::log2(7.0));
}

TEST(ItemFeatures, DoNotSeeTheFuture) {
  std::vector<Seen> planted = past();
  for (int i = 0; i < 20; ++i)
    planted.push_back({static_cast<std::uint32_t>(i % 2), 2, -i / 10.0, 2, 1e6});
  const Table before = table_of(past()), after = table_of(planted);
  for (std::size_t c = 0; c < before.columns.size(); ++c) {
    for (std::size_t i = 0; i < 3 && !before.columns[c].is_text; ++i) {
      const double a = before.columns[c].numbers[i], b = after.columns[c].numbers[i];
      EXPECT_TRUE(a == b || (std::isnan(a) && std::isnan(b))) << before.columns[c].name;
    }
  }
}

}  // namespace
}  // namespace sartor
