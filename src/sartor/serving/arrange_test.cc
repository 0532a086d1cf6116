#include "sartor/serving/arrange.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "sartor/base/test_place.h"
#include "sartor/serving/test_bundle.h"

namespace sartor {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class Arranging : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = test_place("arrange_bundle");
    ASSERT_TRUE(write_test_bundle(folder_));
    auto opened = Recommender::open(folder_);
    ASSERT_TRUE(opened) << opened.error().message;
    shop_ = *opened;
  }
  static void TearDownTestSuite() {
    shop_.reset();
    std::filesystem::remove_all(folder_);
  }

  static RecommendAnswer ask(const RecommendRequest& request) {
    auto answer = shop_->recommend(request);
    EXPECT_TRUE(answer) << answer.error().message;
    return answer ? *answer : RecommendAnswer{};
  }
  static std::vector<std::string> list(const RecommendRequest& request) {
    std::vector<std::string> names;
    for (const RecommendedItem& item : ask(request).items) names.push_back(item.item);
    return names;
  }
  static std::vector<std::string> list(const Wishes& wishes, int k = 20) {
    return list({.k = k, .wishes = wishes});
  }
  static std::string fault(const Wishes& wishes, int k = 10) {
    const auto answer = shop_->recommend({.k = k, .exclude = {"coffee-5"}, .wishes = wishes});
    if (answer) return "";
    EXPECT_EQ(answer.error().code, ErrorCode::invalid_argument);
    return answer.error().message;
  }
  static std::string filter_fault(const Condition& condition) {
    return fault({.filter = {.all = {condition}}});
  }

  static std::string folder_;
  static std::shared_ptr<const Recommender> shop_;
};
std::string Arranging::folder_;
std::shared_ptr<const Recommender> Arranging::shop_;

TEST_F(Arranging, AFilterLeavesWhatFits) {
  EXPECT_THAT(list({.filter = {.all = {{.attribute = "category", .words = {"tea"}}}}}),
              UnorderedElementsAre("tea-0", "tea-1", "tea-2", "tea-3", "tea-4", "tea-5"));
  EXPECT_THAT(list({.filter = {.all = {{.attribute = "price", .min = 5, .max = 12}}}}),
              UnorderedElementsAre("coffee-4", "coffee-5", "tea-0", "tea-1"));
  EXPECT_THAT(list({.filter = {.all = {{.attribute = "price", .numbers = {16, 1, 99}}}}}),
              UnorderedElementsAre("coffee-0", "tea-5"));
  EXPECT_THAT(list({.filter = {.all = {{.attribute = "category", .words = {"tea"}},
                                       {.attribute = "price", .max = 12}}}}),
              UnorderedElementsAre("tea-0", "tea-1"));
  EXPECT_THAT(list({.filter = {.none = {{.attribute = "category", .words = {"tea"}},
                                        {.attribute = "price", .min = 3}}}}),
              UnorderedElementsAre("coffee-0", "coffee-1"));
  EXPECT_THAT(list({.filter = {.all = {{.attribute = "item", .words = {"tea-3", "nothing"}}}}}),
              ElementsAre("tea-3"));
  EXPECT_THAT(list({.filter = {.all = {{.attribute = "text"}}}}), ElementsAre("tea-0"));
}

TEST_F(Arranging, TagsAreThePartsOfAText) {
  EXPECT_THAT(list({.filter = {.all = {{.attribute = "tags", .has = {"black"}}}}}),
              UnorderedElementsAre("tea-0", "tea-2", "tea-4"));
  EXPECT_EQ(list({.filter = {.all = {{.attribute = "tags", .has = {"hot"}}}}}).size(), 12u);
  EXPECT_EQ(list({.filter = {.all = {{.attribute = "tags", .has = {"black", "green"}}}}}).size(),
            6u);
}

// Whoever makes the list: a loyal user's own model, general, and popularity, where general fails.
TEST_F(Arranging, AFilterHoldsForEveryRouteAndStillFillsTheList) {
  const Wishes coffees{.filter = {.all = {{.attribute = "category", .words = {"coffee"}}}}};
  const auto own = ask({.user = "002", .k = 6, .wishes = coffees});
  EXPECT_EQ(own.route, "blended/2");
  EXPECT_EQ(own.items.size(), 6u) << "002 buys teas: coffees are last in the list without a filter";
  EXPECT_EQ(own.items[0].item.substr(0, 6), "coffee");
  EXPECT_EQ(ask({.k = 6, .wishes = coffees}).items.size(), 6u);
  const auto unavailable = ask({.k = 6, .context = {{"device", "tablet"}}, .wishes = coffees});
  EXPECT_EQ(unavailable.fallback, "model_unavailable");
  EXPECT_EQ(unavailable.items.size(), 6u);
}

TEST_F(Arranging, NothingThatFitsIsAnEmptyListAndNoModelsFault) {
  const auto answer =
      ask({.user = "002", .wishes = {.filter = {.all = {{.attribute = "price", .min = 1000}}}}});
  EXPECT_THAT(answer.items, IsEmpty());
  EXPECT_EQ(answer.fallback, std::nullopt);
  ASSERT_TRUE(answer.model);
  EXPECT_FALSE(answer.model->failed);
}

TEST_F(Arranging, SeenIsAsTheRequestSays) {
  const auto taken = [&](Seen seen) {
    return list({.user = "003", .k = 20, .wishes = {.seen = seen}}).size();
  };
  EXPECT_EQ(taken(Seen::by_bundle), 7u) << "five of twelve were taken";
  EXPECT_EQ(taken(Seen::exclude), 7u);
  EXPECT_EQ(taken(Seen::include), 12u);
}

TEST_F(Arranging, PinsStandWhereTheyAreTold) {
  const auto plain = list({.k = 4});
  const auto pinned = list({.pins = {{"late"}, {"coffee-0", 3}}}, 4);
  ASSERT_EQ(pinned.size(), 4u);
  EXPECT_EQ(pinned[0], "late") << "the first free place";
  EXPECT_EQ(pinned[2], "coffee-0");
  EXPECT_NE(pinned[1], pinned[2]);
  EXPECT_NE(pinned[3], pinned[2]);
  const auto answer =
      ask({.user = "003",
           .k = 2,
           .wishes = {.filter = {.all = {{.attribute = "category", .words = {"tea"}}}},
                      .pins = {{"coffee-0", 1}}}});
  EXPECT_EQ(answer.items[0].item, "coffee-0") << "taken before, and no tea: but pinned";
  EXPECT_EQ(answer.items[0].reason, "pinned");
  EXPECT_EQ(answer.items[1].item.substr(0, 3), "tea");
  const auto late = ask({.k = 1, .wishes = {.pins = {{"late", 1}}}});
  EXPECT_TRUE(std::isnan(late.items[0].score)) << "no model may list it";
  EXPECT_THAT(list({.filter = {.all = {{.attribute = "item", .words = {"tea-1"}}}},
                    .pins = {{"tea-0", 5}}}),
              ElementsAre("tea-1", "tea-0"))
      << "a short list has no fifth place";
}

TEST_F(Arranging, ABoostIsInDeviationsOfTheScores) {
  const RecommendRequest plain{.user = "002", .k = 20};
  const auto before = ask(plain);
  double sum = 0, squares = 0;
  for (const RecommendedItem& item : before.items) sum += item.score;
  const auto n = static_cast<double>(before.items.size());
  for (const RecommendedItem& item : before.items) {
    squares += (item.score - sum / n) * (item.score - sum / n);
  }
  const double unit = std::sqrt(squares / n);
  RecommendRequest boosted = plain;
  boosted.wishes.boosts = {{{.all = {{.attribute = "category", .words = {"coffee"}}}}, 2},
                           {{.all = {{.attribute = "item", .words = {"tea-2"}}}}, -50}};
  const auto after = ask(boosted);
  EXPECT_EQ(after.items.back().item, "tea-2") << "the best one, before";
  EXPECT_EQ(before.items.front().item, "tea-2");
  for (const RecommendedItem& item : before.items) {
    const auto same = std::find_if(after.items.begin(), after.items.end(),
                                   [&](const auto& one) { return one.item == item.item; });
    const double by = item.item == "tea-2" ? -50 : item.item[0] == 'c' ? 2 : 0;
    EXPECT_NEAR(same->score, item.score + by * unit, 1e-4) << item.item;
  }
}

TEST_F(Arranging, DiversityCountsWhatIsAlike) {
  const auto two = list({.diversity = Diversity{"category", 2}});
  EXPECT_EQ(two.size(), 4u) << "two teas, two coffees";
  const auto all = list(Wishes{});
  const auto order = [&](const std::string& item) {
    return std::find(all.begin(), all.end(), item) - all.begin();
  };
  for (std::size_t i = 1; i < two.size(); ++i) EXPECT_LT(order(two[i - 1]), order(two[i]));
  EXPECT_EQ(two[0], all[0]);
  const auto with_pin = list({.pins = {{"coffee-5", 1}}, .diversity = Diversity{"category", 1}});
  ASSERT_EQ(with_pin.size(), 2u) << "a pin counts";
  EXPECT_EQ(with_pin[1].substr(0, 3), "tea");
  EXPECT_EQ(list({.diversity = Diversity{"text", 1}}).size(), 12u) << "what has no value is free";
  EXPECT_EQ(list({.diversity = Diversity{"price", 1}}).size(), 12u);
}

TEST_F(Arranging, WrongWishesAreNamed) {
  EXPECT_EQ(filter_fault({.attribute = "categry", .words = {"tea"}}),
            "/filter/categry: items have no such attribute (did you mean 'category'?)");
  EXPECT_THAT(filter_fault({.attribute = "a/b~"}), HasSubstr("/filter/a~1b~0: items have no such"));
  EXPECT_THAT(filter_fault({.attribute = "x"}), HasSubstr("they have item, text, category"));
  EXPECT_EQ(filter_fault({.attribute = "category", .words = {"tea", "tee"}}),
            "/filter/category: no item has 'tee' (did you mean 'tea'?)");
  EXPECT_EQ(filter_fault({.attribute = "tags", .has = {"blak"}}),
            "/filter/tags: no item has 'blak' (did you mean 'black'?)");
  EXPECT_THAT(filter_fault({.attribute = "category", .numbers = {1}}), HasSubstr("expected texts"));
  EXPECT_THAT(filter_fault({.attribute = "price", .words = {"1"}}), HasSubstr("expected numbers"));
  EXPECT_THAT(filter_fault({.attribute = "price", .min = 2, .max = 1}),
              HasSubstr("min 2 is above max 1"));
  EXPECT_THAT(filter_fault({.attribute = "item", .min = 2}), HasSubstr("expected item ids"));
  EXPECT_THAT(fault({.filter = {.none = {{.attribute = "pric"}}}}),
              HasSubstr("/filter/not/pric: "));
  EXPECT_EQ(fault({.pins = {{"tee-1"}}}), "/pins/0/item: the bundle has no item 'tee-1'");
  EXPECT_THAT(fault({.pins = {{"tea-1"}, {"tea-1", 4}}}), HasSubstr("is pinned twice"));
  EXPECT_THAT(fault({.pins = {{"tea-1", 4}, {"tea-2", 4}}}), HasSubstr("/pins/1/position: 4 is"));
  EXPECT_THAT(fault({.pins = {{"tea-1", 11}}}), HasSubstr("expected 1 to k = 10"));
  EXPECT_THAT(fault({.pins = {{"coffee-5"}}}), HasSubstr("is excluded, too"));
  EXPECT_THAT(fault({.pins = {{"tea-1"}, {"tea-2"}}}, 1), HasSubstr("/pins: 2 items for a list"));
  EXPECT_THAT(fault({.boosts = {{{}, 1}}}), HasSubstr("/boosts/0/where: says nothing"));
  EXPECT_THAT(fault({.boosts = {{{.all = {{.attribute = "price"}}}, 101}}}),
              HasSubstr("/boosts/0/add: 101 is out of range; expected -100 to 100"));
  EXPECT_THAT(
      fault({.boosts = {{{.all = {{.attribute = "prize"}}}, 1}}}),
      HasSubstr("/boosts/0/where/prize: items have no such attribute (did you mean 'price'"));
  EXPECT_THAT(fault({.diversity = Diversity{"colour", 1}}), HasSubstr("/diversity/by: "));
  EXPECT_THAT(fault({.diversity = Diversity{"category", 0}}), HasSubstr("/diversity/most: 0"));
}

}  // namespace
}  // namespace sartor
