#include "sartor/serving/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "sartor/base/files.h"
#include "sartor/base/test_place.h"
#include "sartor/models/blend.h"
#include "sartor/models/registry.h"
#include "sartor/serving/test_bundle.h"
#include "sartor/serving/visitor.h"

namespace sartor {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using Shared = std::shared_ptr<const Recommender>;

class Serving : public testing::Test {
 protected:
  Serving() {
    folder_ = test_place("bundle_") + testing::UnitTest::GetInstance()->current_test_info()->name();
  }
  ~Serving() override { std::filesystem::remove_all(folder_); }

  Shared open(const TestBundleOptions& options = {}) const {
    const Status written = write_test_bundle(folder_, options);
    EXPECT_TRUE(written) << written.error().message;
    auto recommender = Recommender::open(folder_);
    EXPECT_TRUE(recommender) << recommender.error().message;
    return recommender ? *recommender : nullptr;
  }
  // The test bundle, with `change` made in memory.
  Shared changed(const std::function<void(Bundle&)>& change) const {
    const Status written = write_test_bundle(folder_);
    EXPECT_TRUE(written) << written.error().message;
    auto recommender = open_changed(folder_, change);
    EXPECT_TRUE(recommender) << recommender.error().message;
    return recommender ? *recommender : nullptr;
  }
  std::string folder_;
};

std::vector<std::string> names(const std::vector<RecommendedItem>& items) {
  std::vector<std::string> out;
  for (const RecommendedItem& item : items) out.push_back(item.item);
  return out;
}

RecommendAnswer ask(const Shared& recommender, const RecommendRequest& request) {
  auto answer = recommender->recommend(request);
  EXPECT_TRUE(answer) << answer.error().message;
  return answer ? *answer : RecommendAnswer{};
}

TEST_F(Serving, TellsModelsTheContextOfTheRequestOrOfTheHistory) {
  ASSERT_TRUE(write_test_bundle(folder_, {}));
  const auto bundle = load_bundle(folder_);
  ASSERT_TRUE(bundle) << bundle.error().message;
  const auto context = [&](const RecommendRequest& request) {
    return visitor_of(**bundle, request)->context;
  };
  EXPECT_EQ(context({.user = "002"}), std::vector<std::uint32_t>(5, 0)) << "five teas by phone";
  EXPECT_EQ(context({.user = "002", .context = {{"device", "tablet"}}}),
            std::vector<std::uint32_t>{1});
  EXPECT_EQ(context({.context = {{"device", "fridge"}}}),
            std::vector<std::uint32_t>{Column::kMissing});
  EXPECT_TRUE(context({.user = "new"}).empty());
  EXPECT_TRUE(context({.user = "002", .history = {"tea-0"}}).empty());
}

TEST_F(Serving, OffersAKnownUserTheOneTeaThatIsMissing) {
  const auto shop = open();
  const auto answer = ask(shop, {.user = "002", .k = 3});
  EXPECT_EQ(answer.user, "002");
  EXPECT_EQ(answer.segment, "loyal");
  EXPECT_EQ(answer.route, "blended/2");
  EXPECT_EQ(answer.model_version, "f00d");
  EXPECT_EQ(answer.fallback, std::nullopt);
  ASSERT_EQ(answer.items.size(), 3u);
  EXPECT_EQ(answer.items[0].item, "tea-2");
  EXPECT_THAT(answer.items[0].reason, StartsWith("goes with tea-"));
  EXPECT_GE(answer.items[0].score, answer.items[1].score);
}

TEST_F(Serving, NeverListsWhatIsTakenExcludedOrNotSeenYet) {
  const auto shop = open();
  const auto answer = ask(shop, {.user = "003", .k = 100, .exclude = {"tea-4", "no such item"}});
  const auto listed = names(answer.items);
  EXPECT_EQ(std::set<std::string>(listed.begin(), listed.end()),
            (std::set<std::string>{"coffee-3", "tea-0", "tea-1", "tea-2", "tea-3", "tea-5"}));
}

TEST_F(Serving, ListsWhatWasTakenWhereRepeatsCount) {
  const auto shop = open({.repeat = true});
  const auto answer = ask(shop, {.user = "004", .k = 100});
  EXPECT_EQ(answer.items.size(), 12u);
  EXPECT_THAT(answer.items[0].item, StartsWith("tea-"));
  EXPECT_THAT(answer.items[0].reason, StartsWith("taken before, "));
}

TEST_F(Serving, StrangersAreNewcomersAndGetWhatIsPopular) {
  const auto shop = open();
  const auto nobody = ask(shop, {.k = 4});
  EXPECT_EQ(nobody.user, "");
  EXPECT_EQ(nobody.segment, "newcomers");
  EXPECT_EQ(nobody.route, "general");
  EXPECT_EQ(nobody.items.size(), 4u);
  EXPECT_EQ(nobody.items[0].reason, "popular now");
  const auto unknown = ask(shop, {.user = "never seen", .k = 4});
  EXPECT_EQ(unknown.user, "never seen");
  EXPECT_EQ(names(unknown.items), names(nobody.items));
  const auto known = ask(shop, {.user = "new", .k = 4});
  EXPECT_EQ(known.segment, "newcomers");
  EXPECT_EQ(names(known.items), names(nobody.items));
}

TEST_F(Serving, AGivenHistoryIsAllThatCounts) {
  const auto shop = open();
  const RecommendRequest anonymous{.history = {"coffee-0", "coffee-1"}, .k = 4};
  const auto answer = ask(shop, anonymous);
  EXPECT_EQ(answer.segment, "everyone else") << "two events are neither none nor four";
  EXPECT_EQ(answer.items[0].item.substr(0, 7), "coffee-");
  EXPECT_EQ(names(ask(shop, {.user = "002", .history = anonymous.history, .k = 4}).items),
            names(answer.items))
      << "002 bought teas, but was said to have bought coffee";
  EXPECT_EQ(ask(shop, {.history = {"tea-0", "tea-1", "tea-2", "tea-3"}}).segment, "loyal");
  EXPECT_EQ(ask(shop, {.history = {"no", "such", "items", "here"}}).segment, "newcomers");
}

TEST_F(Serving, ContextMovesAUserToAnotherSegment) {
  const auto shop = open();
  EXPECT_EQ(ask(shop, {.user = "002", .context = {{"device", "phone"}}}).segment, "loyal");
  EXPECT_EQ(ask(shop, {.user = "002", .context = {{"nonsense", "tablet"}}}).segment, "loyal");
  EXPECT_EQ(ask(shop, {.user = "002", .context = {{"device", "a new thing"}}}).segment, "loyal");
  for (const RecommendRequest& request :
       {RecommendRequest{.user = "002", .context = {{"device", "tablet"}}},
        RecommendRequest{.context = {{"device", "tablet"}}},
        RecommendRequest{.history = {"tea-0"}, .context = {{"device", "tablet"}}}}) {
    EXPECT_EQ(ask(shop, request).segment, "tablets");
  }
}

TEST_F(Serving, ASegmentWithoutItsModelFallsBackToGeneralAndSaysSo) {
  const auto shop = open();
  const auto answer = ask(shop, {.user = "002", .k = 5, .context = {{"device", "tablet"}}});
  EXPECT_EQ(answer.segment, "tablets");
  EXPECT_EQ(answer.route, "general");
  EXPECT_EQ(answer.fallback, "model_unavailable");
  const auto general = open({.change_routes = [](Json& routes) { routes["segments"].clear(); }});
  EXPECT_EQ(names(answer.items), names(ask(general, {.user = "002", .k = 5}).items));
  const SegmentInfo& tablets = shop->info().segments[0];
  EXPECT_EQ(tablets.unavailable, "models/tablets: is not there");
}

TEST_F(Serving, AModelThatCannotBeLoadedFallsBackToo) {
  const auto shop = open({.change = [](const StagedFolder& folder) {
    EXPECT_TRUE(folder.add("models/loyal/weights.safetensors", "nonsense"));
  }});
  const auto answer = ask(shop, {.user = "002", .k = 5});
  EXPECT_EQ(answer.segment, "loyal");
  EXPECT_EQ(answer.route, "general");
  EXPECT_EQ(answer.fallback, "model_unavailable");
  EXPECT_THAT(shop->info().segments[1].unavailable, HasSubstr("weights.safetensors"));
}

// From here on item_knn gives scores that are no numbers.
void poison_item_knn(const StagedFolder& folder) {
  const std::string name = "models/item_knn/weights.safetensors";
  auto bytes = read_file(folder.path() + "/" + name);
  ASSERT_TRUE(bytes);
  std::string similarities;
  {
    const auto file = TensorFile::map(folder.path() + "/" + name);
    ASSERT_TRUE(file);
    const auto part = file->find("similarities")->bytes;
    similarities.assign(reinterpret_cast<const char*>(part.data()), part.size());
  }
  bytes->replace(bytes->find(similarities), similarities.size(), similarities.size(), '\xff');
  ASSERT_TRUE(folder.add(name, *bytes));
}

TEST_F(Serving, AModelWhoseScoresAreNoNumbersFallsBackToGeneral) {
  const auto shop = open({.change = poison_item_knn, .change_routes = [](Json& routes) {
                            routes["segments"][1]["model"] = "item_knn";
                          }});
  const auto answer = ask(shop, {.user = "002", .k = 5});
  EXPECT_EQ(answer.segment, "loyal");
  EXPECT_EQ(answer.route, "general");
  EXPECT_EQ(answer.fallback, "model_failed");
  ASSERT_TRUE(answer.model);
  EXPECT_TRUE(answer.model->failed);
  EXPECT_EQ(answer.items.size(), 5u);
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

constexpr std::size_t kLoyal = 1;
constexpr Time kPatience = kSecond / 20;

TEST_F(Serving, AModelThatIsLateIsCutOffAndGeneralAnswers) {
  const auto shop = changed([](Bundle& bundle) {
    // Within a blend, too, and before a component that would do.
    const ModelMap parts{{"sleeper", sleeping_model()}, {"item_knn", bundle.models.at("item_knn")}};
    const BlendConfig config{{{.component = "sleeper"}, {.component = "item_knn"}}};
    bundle.segment_models[kLoyal] = *make_blend(parts, config, bundle.catalogue.eligible());
  });
  const auto start = std::chrono::steady_clock::now();
  const auto answer = ask(shop, {.user = "002", .k = 5, .patience = kPatience});
  EXPECT_LT(seconds_since(start), kSanitized ? 5 : 0.5);
  EXPECT_GE(seconds_since(start), 0.05);
  EXPECT_EQ(answer.segment, "loyal");
  EXPECT_EQ(answer.route, "general");
  EXPECT_EQ(answer.fallback, "model_late");
  ASSERT_TRUE(answer.model);
  EXPECT_TRUE(answer.model->failed);
  EXPECT_GE(answer.model->took, kPatience);
  EXPECT_EQ(answer.items.size(), 5u);
  for (const RecommendedItem& item : answer.items) EXPECT_LT(item.score, 1000) << item.item;
}

TEST_F(Serving, WhereGeneralIsLateTooPopularityAnswers) {
  const auto shop = changed([](Bundle& bundle) {
    const ModelPtr general = sleeping_model();
    bundle.general = general;
    for (ModelPtr& model : bundle.segment_models) model = general;
    bundle.segment_models[kLoyal] = sleeping_model();
    bundle.similar = general;  // what finds the reasons
  });
  for (const char* user : {"002", "a stranger"}) {
    const auto start = std::chrono::steady_clock::now();
    const auto answer = ask(shop, {.user = user, .k = 5, .patience = kPatience});
    EXPECT_LT(seconds_since(start), kSanitized ? 5 : 0.5) << user;
    EXPECT_EQ(answer.route, "popularity") << user;
    EXPECT_EQ(answer.fallback, "general_late") << user;
    ASSERT_EQ(answer.items.size(), 5u) << user;
    EXPECT_LE(answer.items[0].score, 40) << "users who took it";
    EXPECT_GT(answer.items[0].score, 0);
  }
}

TEST_F(Serving, PatienceChangesNoAnswerThatIsInTime) {
  const auto shop = open();
  for (const char* user : {"002", "003", "a stranger"}) {
    EXPECT_EQ(answer_json(ask(shop, {.user = user})),
              answer_json(ask(shop, {.user = user, .patience = 60 * kSecond})));
  }
}

// Six even users of forty lack each tea, and six odd ones each coffee; twenty take from each.
TEST_F(Serving, WhereGeneralFailsTooPopularityAnswers) {
  const auto shop = open({.change = poison_item_knn, .change_routes = [](Json& routes) {
                            routes["general"] = "item_knn";
                            routes["segments"][1]["model"] = "item_knn";
                          }});
  const auto answer = ask(shop, {.user = "002", .k = 3});
  EXPECT_EQ(answer.route, "popularity");
  EXPECT_EQ(answer.fallback, "general_failed");
  const auto dear =
      ask(shop, {.user = "002",
                 .k = 3,
                 .wishes = {.filter = {.all = {{.attribute = "price", .min = 13}}},
                            .boosts = {{{.all = {{.attribute = "item", .words = {"tea-5"}}}}, 1}},
                            .seen = Seen::include}});
  EXPECT_EQ(names(dear.items), (std::vector<std::string>{"tea-5", "tea-3", "tea-4"}));
  EXPECT_EQ(dear.route, "popularity");
  ASSERT_EQ(answer.items.size(), 3u);
  int takers = 0;  // of what stands first
  const std::string first = answer.items[0].item;
  for (int user = 0; user < 40; ++user) {
    const bool tea = user % 2 == 0;
    takers += first.starts_with(tea ? "tea-" : "coffee-") && user % 6 != first.back() - '0';
  }
  EXPECT_EQ(answer.items[0].score, takers);
  EXPECT_GE(answer.items[0].score, answer.items[1].score);
}

TEST_F(Serving, AModelThatWouldListNothingFallsBackToGeneral) {
  const auto shop = open({.change = [](const StagedFolder& folder) {
    ModelMap models;
    auto item_knn = load_model(folder.path() + "/models/item_knn", {});
    ASSERT_TRUE(item_knn);
    models["item_knn"] = *item_knn;
    const std::vector<ItemId> late = {ItemId{6}};  // which may not be listed
    const auto blind = make_blend(models, {{{.component = "item_knn"}}}, late);
    ASSERT_TRUE(blind) << blind.error().message;
    ASSERT_TRUE(save_model(**blind, folder.path() + "/models/loyal"));
  }});
  const auto answer = ask(shop, {.user = "002", .k = 5});
  EXPECT_EQ(answer.route, "general");
  EXPECT_EQ(answer.fallback, "model_empty");
  EXPECT_EQ(answer.items.size(), 5u);
}

TEST_F(Serving, TheChoiceOfArmsDecidesWhoAnswers) {
  const auto shop = open();
  std::string asked;
  const auto with = [&](const ArmChoice& choice, const char* user = "002") {
    asked.clear();
    return *shop->recommend({.user = user, .k = 5}, [&](const std::string& segment) {
      asked = segment;
      return choice;
    });
  };
  const auto own = with({.arm = Arm::model});
  EXPECT_EQ(asked, "loyal");
  EXPECT_EQ(own.route, "blended/2");
  EXPECT_EQ(own.arm, Arm::model);
  ASSERT_TRUE(own.model);
  EXPECT_FALSE(own.model->failed);
  const auto held = with({.arm = Arm::holdback, .general = true});
  EXPECT_EQ(held.route, "general");
  EXPECT_EQ(held.fallback, std::nullopt);
  EXPECT_FALSE(held.model);
  EXPECT_EQ(answer_json(held)["arm"], "holdback");
  const auto open_breaker = with({.general = true, .breaker_open = true});
  EXPECT_EQ(open_breaker.fallback, "breaker_open");
  EXPECT_EQ(names(open_breaker.items), names(held.items));
  EXPECT_EQ(answer_json(open_breaker)["arm"], nullptr);
  const auto newcomer = with({.arm = Arm::holdback, .general = true}, "new");
  EXPECT_EQ(asked, "") << "the segment is on general anyway";
  EXPECT_EQ(newcomer.arm, Arm::none);
}

TEST_F(Serving, KAndListsHaveLimits) {
  const auto shop = open();
  for (const int k : {0, -1, kMostItems + 1}) {
    const auto answer = shop->recommend({.k = k});
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, ErrorCode::invalid_argument);
    EXPECT_FALSE(shop->similar_items("tea-0", k));
  }
  EXPECT_FALSE(shop->recommend({.history = std::vector<std::string>(kMostHistory + 1, "tea-0")}));
  EXPECT_TRUE(shop->recommend({.history = std::vector<std::string>(kMostHistory, "tea-0")}));
  EXPECT_TRUE(ask(shop, {.k = 5, .exclude = {"tea-0"}}).items.size() == 5);
}

TEST_F(Serving, SimilarItemsAreOfTheSameTaste) {
  const auto shop = open();
  const auto answer = shop->similar_items("tea-1", 20);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->model, "item_knn");
  const auto listed = names(answer->items);
  EXPECT_EQ(std::set<std::string>(listed.begin(), listed.end()),
            (std::set<std::string>{"tea-0", "tea-2", "tea-3", "tea-4", "tea-5"}));
  EXPECT_EQ(shop->similar_items("tea-9", 5).error().code, ErrorCode::not_found);
  EXPECT_TRUE(shop->similar_items("late", 5)->items.empty()) << "no guess by popularity";
}

TEST_F(Serving, TellsAboutUsersAndItself) {
  const auto shop = open();
  const auto user = shop->user("002");
  ASSERT_TRUE(user);
  EXPECT_EQ(user->history, 5u);
  EXPECT_EQ(user->latest.front().first, "tea-5");
  EXPECT_EQ(user->segment, "loyal");
  EXPECT_EQ(user_json(*user)["features"]["events"], "5");
  EXPECT_EQ(user_json(*user)["latest"][0]["time"], "1970-04-01T00:00:00.000002Z");
  EXPECT_EQ(shop->user("nobody").error().code, ErrorCode::not_found);
  const BundleInfo& info = shop->info();
  EXPECT_EQ(info.users, 41u);
  EXPECT_EQ(info.items, 13u);
  EXPECT_EQ(info.eligible_items, 12u);
  EXPECT_EQ(info.models.size(), 5u);
  ASSERT_EQ(info.segments.size(), 4u);
  EXPECT_EQ(info.segments[1].users, 40u);
  EXPECT_EQ(info.segments[2].users, 1u);
  EXPECT_EQ(info.segments[3].name, "everyone else");
}

TEST_F(Serving, AnswersHaveOneForm) {
  const auto shop = open();
  const auto answer = ask(shop, {.history = {"tea-0"}, .k = 1});
  ASSERT_EQ(answer.items.size(), 1u);
  const std::string exposure = "e1";
  EXPECT_EQ(answer_json(answer, &exposure).dump(),
            R"x({"exposure":"e1","user":null,"items":[{"item":")x" + answer.items[0].item +
                R"x(","score":)x" + Json(answer.items[0].score).dump() +
                R"x(,"reason":"goes with tea-0 (Green <tea>)"}],"segment":"everyone else",)x"
                R"x("route":"general","model_version":"f00d","arm":null,"fallback":null})x");
  EXPECT_FALSE(answer_json(answer).contains("exposure"));
}

TEST_F(Serving, ManyThreadsGetTheSameAnswers) {
  const auto shop = open();
  const std::string expected = answer_json(ask(shop, {.user = "002"})).dump();
  std::atomic<int> same = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        same += answer_json(*shop->recommend({.user = "002"})).dump() == expected;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(same, 200);
}

TEST_F(Serving, ABundleThatIsNotWholeIsRefused) {
  EXPECT_EQ(Recommender::open(folder_).error().code, ErrorCode::not_found);
  open();
  std::ofstream(folder_ + "/routes.json", std::ios::app) << " ";
  const auto changed = Recommender::open(folder_);
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().code, ErrorCode::bad_data);
  EXPECT_THAT(changed.error().message, HasSubstr("changed: routes.json"));
}

TEST_F(Serving, WholeBundlesThatCannotBeServedAreRefused) {
  const auto refusal = [&](const TestBundleOptions& options) {
    EXPECT_TRUE(write_test_bundle(folder_, options));
    const auto recommender = Recommender::open(folder_);
    if (recommender) return std::string("it was opened");
    EXPECT_EQ(recommender.error().code, ErrorCode::bad_data);
    return recommender.error().message;
  };
  const auto with = [](const std::string& name, const std::string& text) {
    return TestBundleOptions{
        .change = [=](const StagedFolder& folder) { EXPECT_TRUE(folder.add(name, text)); }};
  };
  EXPECT_THAT(refusal(with("routes.json", "[]")), HasSubstr("routes.json: is not a JSON object"));
  EXPECT_THAT(refusal(with("routes.json", "{}")), HasSubstr("expected \"general\""));
  EXPECT_THAT(refusal(with("segmentation.json", "{}")), HasSubstr("segmentation"));
  EXPECT_THAT(refusal(with("users.safetensors", "")), HasSubstr("users.safetensors"));
  EXPECT_THAT(refusal(with("features.safetensors", "x")), HasSubstr("features.safetensors"));
  EXPECT_THAT(refusal(with("models/general/model.json", "{}")), HasSubstr("models/general"));
  EXPECT_THAT(refusal({.change_routes = [](Json& r) { r["segments"][0]["name"] = "nobody"; }}),
              HasSubstr("no segment 'nobody'"));
  EXPECT_THAT(refusal({.change_routes = [](Json& r) { r["general"] = "gone"; }}),
              HasSubstr("models/gone: is not there"));
}

// "loyal" is item_knn + 2 own_history, both standardised over the twelve items; without repeats the
// list has nothing of the user's own, so what neighbours say decides.
TEST_F(Serving, ReasonsAreWhatAddsMostToTheScore) {
  const auto shop = open();
  EXPECT_FALSE(ask(shop, {.user = "002", .k = 1}).items[0].why) << "only where asked for";
  const auto own = ask(shop, {.user = "002", .k = 12, .reasons = true});
  ASSERT_TRUE(own.items[0].why);
  EXPECT_EQ(own.items[0].why->kind, "follows");
  EXPECT_EQ(own.items[0].why->component, "item_knn");
  EXPECT_THAT(own.items[0].why->item, StartsWith("tea-"));
  EXPECT_THAT(own.items[0].why->text, StartsWith("goes with tea-"));
  EXPECT_DOUBLE_EQ(own.items[0].why->share, 1) << "own_history takes away from what is not owned";
  EXPECT_EQ(own.items.back().why->kind, "other") << "a coffee: nothing speaks for it";
  EXPECT_EQ(own.items.back().why->share, 0);

  const auto repeat = open({.repeat = true});
  const auto again = ask(repeat, {.user = "002", .k = 1, .reasons = true});
  EXPECT_EQ(again.items[0].why->kind, "taken_again");
  EXPECT_EQ(again.items[0].why->component, "own_history");
  EXPECT_THAT(again.items[0].why->text, StartsWith("taken before"));
  EXPECT_GT(again.items[0].why->share, 0.5);
  EXPECT_LT(again.items[0].why->share, 1);
}

TEST_F(Serving, StrangersBoostsAndPinsHaveReasonsOfTheirOwn) {
  const auto shop = open();
  const auto nobody = ask(shop, {.k = 3, .reasons = true});
  for (const RecommendedItem& item : nobody.items) {
    EXPECT_EQ(item.why->kind, "popular") << "whatever the component, it knows nothing of nobody";
    EXPECT_EQ(item.why->item, "");
  }
  const auto wished = ask(
      shop, {.user = "002",
             .k = 2,
             .wishes = {.pins = {{"coffee-0", 1}},
                        .boosts = {{{.all = {{.attribute = "item", .words = {"coffee-1"}}}}, 50}}},
             .reasons = true});
  EXPECT_EQ(wished.items[0].why->kind, "pinned");
  EXPECT_EQ(wished.items[1].item, "coffee-1");
  EXPECT_EQ(wished.items[1].why->kind, "boosted");
  EXPECT_GT(wished.items[1].why->share, 0.9);
  EXPECT_EQ(wished.items[1].why->component, "");
}

// Whoever took tea-1 and coffee-1 is told which of the two an item follows.
TEST_F(Serving, AnItemFollowsTheOneThatAddsMost) {
  const auto shop = open();
  const auto answer =
      ask(shop, {.history = {"coffee-1", "tea-1", "coffee-2", "tea-3"}, .k = 8, .reasons = true});
  int followed = 0;
  for (const RecommendedItem& item : answer.items) {
    if (item.why->kind != "follows") continue;
    ++followed;
    EXPECT_EQ(item.why->item.substr(0, 3), item.item.substr(0, 3)) << item.item;
  }
  EXPECT_GT(followed, 0);
}

}  // namespace
}  // namespace sartor
