#include "sartor/live/switchboard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "sartor/base/random.h"
#include "sartor/base/test_place.h"

namespace sartor {
namespace {

using testing::HasSubstr;

constexpr Time kMorning = 20'000 * kDay + 8 * kHour;

Exposure a_list(std::uint64_t number, const std::string& user, Time time,
                const std::vector<std::string>& items, const std::string& segment = "loyal") {
  Exposure exposure{.number = number,
                    .id = "x" + std::to_string(number),
                    .time = time,
                    .user = user,
                    .segment = segment,
                    .route = "blended/2",
                    .version = "v1",
                    .arm = Arm::model,
                    .fallback = "",
                    .items = {}};
  for (const std::string& item : items) exposure.items.push_back({item, 0.5});
  return exposure;
}

LiveEvent click(const std::string& user, const std::string& item, Time time,
                const std::string& exposure = "") {
  return {.user = user,
          .item = item,
          .time = time,
          .type = "click",
          .exposure = exposure,
          .received = time};
}

TEST(Exposure, ComesBackFromItsBytes) {
  Exposure exposure = a_list(7, "17850", kMorning, {"a", "b", ""});
  exposure.items[1].score = -0.0;
  exposure.fallback = "breaker_open";
  exposure.arm = Arm::holdback;
  const std::string bytes = encode_exposure(exposure);
  const auto back = decode_exposure(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->number, 7u);
  EXPECT_EQ(back->id, "x7");
  EXPECT_EQ(back->user, "17850");
  EXPECT_EQ(back->fallback, "breaker_open");
  EXPECT_EQ(back->arm, Arm::holdback);
  ASSERT_EQ(back->items.size(), 3u);
  EXPECT_EQ(back->items[0].item, "a");
  EXPECT_EQ(encode_exposure(*back), bytes);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_exposure(std::string_view(bytes).substr(0, size))) << size;
  }
  EXPECT_FALSE(decode_exposure(bytes + "x"));
}

// The number of the list that an event is tied to, 0 if there is none.
std::uint64_t tied(ExposureIndex& index, const LiveEvent& event) {
  const auto tie = index.tie(event);
  return tie ? tie->list->number : 0;
}

TEST(ExposureIndex, AnEventBelongsToTheListItNamesOrToTheLastThatHadItsItem) {
  ExposureIndex index(24 * kHour);
  index.add(a_list(1, "ann", kMorning, {"a", "b"}));
  index.add(a_list(2, "ann", kMorning + kHour, {"b", "c"}));
  index.add(a_list(3, "bob", kMorning + kHour, {"a"}));
  const Time later = kMorning + 2 * kHour;
  EXPECT_EQ(tied(index, click("ann", "b", later)), 2u);
  EXPECT_EQ(tied(index, click("ann", "a", later)), 1u);
  EXPECT_EQ(tied(index, click("ann", "b", later, "x1")), 1u);
  EXPECT_EQ(tied(index, click("ann", "c", later, "x1")), 0u) << "it was not in that list";
  EXPECT_EQ(tied(index, click("ann", "a", later, "x9")), 0u) << "there is no such list";
  EXPECT_EQ(tied(index, click("ann", "d", later)), 0u);
  EXPECT_EQ(tied(index, click("eve", "a", later)), 0u);
  EXPECT_EQ(index.tie(click("ann", "c", later))->position, 1u);

  EXPECT_EQ(tied(index, click("ann", "b", kMorning + kHour / 2)), 1u) << "before the second";
  LiveEvent early = click("ann", "a", kMorning - kClockSkew);  // a clock that is slow
  early.received = later;
  EXPECT_EQ(tied(index, early), 1u);
  early.time -= 1;
  EXPECT_EQ(tied(index, early), 0u);
  EXPECT_EQ(tied(index, click("ann", "a", kMorning + 24 * kHour)), 1u);
  EXPECT_EQ(tied(index, click("ann", "a", kMorning + 24 * kHour + 1)), 0u);
  EXPECT_EQ(tied(index, click("ann", "a", kMorning + 24 * kHour, "x1")), 1u);
  EXPECT_EQ(tied(index, click("ann", "a", kMorning + 24 * kHour + 1, "x1")), 0u);
}

TEST(ExposureIndex, ForgetsWhatIsTooOldOrTooMuch) {
  ExposureIndex index(24 * kHour, 10);
  for (std::uint64_t n = 1; n <= 20; ++n)
    index.add(a_list(n, "ann", kMorning + Time(n), {"a", "b"}));
  EXPECT_EQ(index.size(), 5u);
  EXPECT_EQ(tied(index, click("ann", "a", kMorning + 100, "x15")), 0u);
  EXPECT_EQ(tied(index, click("ann", "a", kMorning + 100, "x16")), 16u);
  index.add(a_list(21, "bob", kMorning + 2 * kDay, {"a"}));
  EXPECT_EQ(index.size(), 1u);
  EXPECT_EQ(tied(index, click("ann", "a", kMorning + 100)), 0u);
}

// Users come evenly over the day, look at a list of one item, and click it or not; the model's
// lists are worth `ratio` of general's.
class Audience {
 public:
  explicit Audience(Switchboard& board) : board_(board) {}

  // One day's lists; false as soon as a breaker is not closed.
  bool day(int lists, double ratio) {
    for (int i = 0; i < lists; ++i) {
      now_ += kDay / lists;
      const std::string user = std::to_string(random_.below(5000));
      const ArmChoice choice = board_.choose("v1", "loyal", user, now_);
      if (choice.breaker_open) return false;
      Exposure exposure = a_list(0, user, now_, {"a"});
      exposure.id = "e" + std::to_string(++lists_);
      exposure.arm = choice.arm;
      board_.show(exposure, now_);
      ++seen_[choice.arm == Arm::model];
      if (random_.uniform() < 0.05 * (choice.arm == Arm::model ? ratio : 1)) {
        board_.take({++events_, click(user, "a", now_)}, true);
      }
    }
    return true;
  }

  Time now_ = 20'000 * kDay - 1;
  int seen_[2] = {};  // on general, on the model

 private:
  Switchboard& board_;
  Random random_{7};
  std::uint64_t lists_ = 0;
  std::uint64_t events_ = 0;
};

TEST(Switchboard, AnAudienceThatStopsClickingTripsTheBreakerWithinDays) {
  Switchboard board{SwitchboardOptions{}};
  Audience audience(board);
  ASSERT_TRUE(audience.day(10'000, 1));
  EXPECT_NEAR(audience.seen_[0], 2000, 300) << "the first day's holdback: a fifth of the users";
  EXPECT_EQ(board.view("loyal").holdback, 0.2);
  ASSERT_TRUE(audience.day(10'000, 1));
  EXPECT_NEAR(board.view("loyal").holdback, 0.1, 1e-3);
  EXPECT_NEAR(audience.seen_[0], 3000, 400) << "of the second day a tenth";
  for (int day = 2; day < (kSanitized ? 3 : 12); ++day) ASSERT_TRUE(audience.day(10'000, 1)) << day;
  EXPECT_LT(board.view("loyal").phi, 1.2);
  EXPECT_TRUE(board.changes().empty());

  const Time collapse = audience.now_;
  int days = 0;
  while (audience.day(10'000, 0.5)) ASSERT_LT(++days, 10);
  ASSERT_EQ(board.changes().size(), 1u);
  const BreakerChange& change = board.changes()[0];
  EXPECT_EQ(change.rule, BreakerRule::collapse);
  EXPECT_EQ(change.segment, "loyal");
  EXPECT_EQ(change.version, "v1");
  EXPECT_GE(change.m, kTripAt);
  EXPECT_GT(change.time, collapse);
  EXPECT_LT(days_between(collapse, change.time), 5);
  EXPECT_GT(change.since.model.impressions, 9 * change.since.general.impressions / 2);

  const ArmChoice open = board.choose("v1", "loyal", "u", audience.now_);
  EXPECT_TRUE(open.general);
  EXPECT_TRUE(open.breaker_open);
  EXPECT_EQ(open.arm, Arm::none);
  audience.now_ += kDay;
  int probed = 0;
  for (int user = 0; user < 1000; ++user) {
    const ArmChoice probe = board.choose("v1", "loyal", std::to_string(user), audience.now_);
    EXPECT_EQ(probe.general, probe.arm == Arm::holdback);
    EXPECT_EQ(probe.breaker_open, probe.general);
    probed += probe.arm == Arm::model;
  }
  EXPECT_EQ(board.view("loyal").state, BreakerState::probing);
  EXPECT_NEAR(probed, 100, 40);
}

TEST(Switchboard, CountsAClickOnceAndOnlyInItsArm) {
  Switchboard board{SwitchboardOptions{}};
  Exposure model = a_list(0, "ann", 0, {"a", "b"});
  Exposure held = a_list(0, "bob", 0, {"a"});
  held.arm = Arm::holdback;
  held.id = "held";
  (void)board.choose("v1", "loyal", "ann", kMorning);
  board.show(model, kMorning);
  board.show(held, kMorning);
  EXPECT_EQ(model.number, 1u);
  EXPECT_EQ(held.number, 2u);
  EXPECT_EQ(model.time, kMorning);
  board.take({1, click("ann", "a", kMorning + 1)}, true);
  board.take({1, click("ann", "a", kMorning + 1)}, true);   // the same event
  board.take({2, click("ann", "a", kMorning + 2)}, true);   // the same item again
  board.take({3, click("ann", "b", kMorning + 3)}, false);  // no success
  board.take({5, click("bob", "a", kMorning + 4, "held")}, true);
  board.take({4, click("ann", "b", kMorning + 5)}, true);
  EXPECT_EQ(board.view("loyal").hour, (PairedCounts{{1, 2}, {1, 1}}));
  EXPECT_EQ(board.events_from(), 6u);
  EXPECT_EQ(board.view("loyal").clicked.at("model"), 2u);
  EXPECT_EQ(board.view("loyal").shown.at("holdback"), 1u);
}

// The lists of general in one segment are the peers of every other; what general made because the
// segment's own model failed is not.
TEST(Switchboard, ListsOfGeneralArePeersOfOtherSegments) {
  Switchboard board{SwitchboardOptions{}};
  (void)board.choose("v1", "loyal", "ann", kMorning);
  (void)board.choose("v1", "lapsed", "cid", kMorning);
  std::uint64_t event = 0;
  const auto show = [&](const char* segment, Arm arm, const char* route, Time time) {
    Exposure exposure = a_list(0, "u", time, {"a"}, segment);
    exposure.id = segment + std::to_string(time) + route;
    exposure.arm = arm;
    exposure.route = route;
    board.show(exposure, time);
    board.take({++event, click("u", "a", time, exposure.id)}, true);
  };
  show("loyal", Arm::model, "blended/2", kMorning + 1);
  show("loyal", Arm::model, "general", kMorning + 2);  // the model failed
  show("loyal", Arm::holdback, "general", kMorning + 3);
  show("rest", Arm::none, "general", kMorning + 4);
  show("rest", Arm::none, "general", kMorning + 5);
  const Json state = board.to_json()["segments"];
  EXPECT_EQ(state["loyal"]["peer_counts"], Json::array({1, 1, 2, 2}));
  EXPECT_EQ(state["lapsed"]["peer_counts"], Json::array({0, 0, 3, 3}));
  EXPECT_EQ(state["rest"]["peer_counts"], Json::array({2, 2, 0, 0})) << "not there before";
  // The hour's end makes a day of it.
  board.advance(kMorning + kHour);
  const Json days = board.to_json()["segments"]["loyal"]["breaker"]["peers"]["days"];
  EXPECT_EQ(days, Json::array({Json::array({20'000, 2, 2, 1, 1, 2, 2})}));
  EXPECT_EQ(board.view("loyal").peers.days, 0u);
  board.advance(kMorning + kDay);
  EXPECT_EQ(board.view("loyal").peers.days, 1u);
  EXPECT_FALSE(board.view("loyal").peers.watching);

  const auto restored =
      Switchboard::from_json(parse_json(json_text(board.to_json())), SwitchboardOptions{});
  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_EQ(restored->to_json(), board.to_json());
  Json old = board.to_json();
  for (const char* segment : {"loyal", "lapsed", "rest"}) {
    old["segments"][segment].erase("peer_counts");
    old["segments"][segment]["breaker"].erase("peers");
  }
  EXPECT_TRUE(Switchboard::from_json(old, SwitchboardOptions{})) << "of an earlier server";
}

TEST(Switchboard, HardRulesAndAnOperator) {
  Switchboard board({.latency_limit = 1000, .timeout = 10'000});
  Time now = kMorning;
  const auto answer = [&](const ModelAnswer& of_model) {
    const ArmChoice choice = board.choose("v1", "loyal", "u1", now);
    board.answered("loyal", of_model, now);
    return choice;
  };
  for (int i = 0; i < 30; ++i) {
    answer({.took = 10'000});  // slow, but in time
    now += kSecond;
  }
  EXPECT_TRUE(board.changes().empty());
  for (int i = 0; i < 31; ++i) answer({.took = 10'001});
  ASSERT_EQ(board.changes().size(), 1u);
  EXPECT_EQ(board.changes()[0].rule, BreakerRule::failures);
  EXPECT_EQ(board.changes()[0].number, 1u);
  EXPECT_EQ(board.changes()[0].hard.requests, 61u);
  EXPECT_EQ(board.changes()[0].hard.bad, 31u);
  EXPECT_TRUE(board.choose("v1", "loyal", "u1", now).breaker_open);
  EXPECT_FALSE(board.choose("v1", "lapsed", "u1", now).breaker_open) << "another segment";
  EXPECT_EQ(board.latch("loyals", now).error().code, ErrorCode::not_found);
  ASSERT_TRUE(board.latch("loyal", now));
  EXPECT_EQ(board.view("loyal").state, BreakerState::latched);
  ASSERT_TRUE(board.close("loyal", now));
  EXPECT_EQ(board.view("loyal").state, BreakerState::closed);
  EXPECT_EQ(board.changes().size(), 3u);
}

TEST(Switchboard, ANewVersionBeginsAnew) {
  Switchboard board{SwitchboardOptions{}};
  (void)board.choose("v1", "loyal", "u", kMorning);
  for (int i = 0; i < 20; ++i) board.answered("loyal", {.failed = true}, kMorning);
  ASSERT_TRUE(board.choose("v1", "loyal", "u", kMorning).breaker_open);
  EXPECT_FALSE(board.choose("v2", "loyal", "u", kMorning + kSecond).breaker_open);
  EXPECT_EQ(board.changes().back().rule, BreakerRule::new_version);
  EXPECT_EQ(board.view("loyal").state, BreakerState::closed);
  // A list of the first version that was under way changes nothing, and gets no arm.
  EXPECT_EQ(board.choose("v1", "loyal", "u", kMorning + 2 * kSecond).arm, Arm::none);
  EXPECT_NE(board.choose("v2", "loyal", "u", kMorning + 3 * kSecond).arm, Arm::none);
  // A minute later it is a way back.
  EXPECT_NE(board.choose("v1", "loyal", "u", kMorning + 62 * kSecond).arm, Arm::none);
}

TEST(Switchboard, GoesOnFromItsJson) {
  Switchboard board{SwitchboardOptions{}};
  Audience audience(board);
  ASSERT_TRUE(audience.day(2000, 0.9));
  for (int i = 0; i < 20; ++i) board.answered("lapsed", {.failed = true}, audience.now_);
  board.take({100'000, click("7", "a", audience.now_)}, true);
  const Json json = board.to_json();
  auto restored = Switchboard::from_json(parse_json(json_text(json)), SwitchboardOptions{});
  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_EQ(restored->to_json(), json);
  EXPECT_EQ(restored->view("loyal").hour, board.view("loyal").hour);
  EXPECT_EQ(restored->view("lapsed").state, BreakerState::open);
  Json broken = json;
  broken["segments"]["loyal"]["breaker"]["phi"] = "x";
  const auto failed = Switchboard::from_json(broken, SwitchboardOptions{});
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("breaker.phi"));
  EXPECT_FALSE(Switchboard::from_json(Json::object(), SwitchboardOptions{}));
}

}  // namespace
}  // namespace sartor
