#include "sartor/serving/bundle_shelf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "sartor/base/test_place.h"
#include "sartor/serving/test_bundle.h"
#include "sartor/store/folder.h"

namespace sartor {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class Shelf : public testing::Test {
 protected:
  Shelf() {
    add("a");
    EXPECT_TRUE(switch_current(bundles_, "a"));
    live_ = std::make_shared<LiveBundle>(*Recommender::open(bundles_ + "/current"));
    shelf_ = std::make_unique<BundleShelf>(
        bundles_, live_, [this](const std::string& version, const Result<SwapReport>& outcome) {
          const std::lock_guard lock(mutex_);
          told_.push_back(version + (outcome ? " serves" : " is refused"));
        });
  }
  ~Shelf() override {
    shelf_.reset();
    fs::remove_all(bundles_);
  }

  void add(const std::string& version) const {
    EXPECT_TRUE(write_test_bundle(bundles_ + "/" + version, {.version = version}));
  }
  void damage(const std::string& version) const {
    std::ofstream(bundles_ + "/" + version + "/report.html") << "cut";
  }
  std::string link(const std::string& name) const {
    const auto target = read_link(bundles_ + "/" + name);
    return target ? *target : "";
  }
  std::string serving() const { return live_->current()->info().model_version; }
  std::vector<std::string> told() const {
    const std::lock_guard lock(mutex_);
    return told_;
  }
  // "a serving", …, by name.
  std::vector<std::string> states() const {
    std::vector<std::string> out;
    for (const ShelfVersion& row : shelf_->versions()) out.push_back(row.version + " " + row.state);
    std::sort(out.begin(), out.end());
    return out;
  }

  const std::string bundles_ = test_place("bundle_shelf");
  std::shared_ptr<LiveBundle> live_;
  std::unique_ptr<BundleShelf> shelf_;
  mutable std::mutex mutex_;
  std::vector<std::string> told_;
};

TEST_F(Shelf, FollowsTheLink) {
  ASSERT_TRUE(shelf_->follow());
  EXPECT_TRUE(told().empty());
  add("b");
  add("c");
  EXPECT_THAT(states(), ElementsAre("a serving", "b available", "c available"));
  ASSERT_TRUE(switch_current(bundles_, "b"));
  ASSERT_TRUE(shelf_->follow());
  ASSERT_TRUE(shelf_->follow());
  EXPECT_EQ(serving(), "b");
  EXPECT_THAT(told(), ElementsAre("b serves"));
  EXPECT_THAT(states(), ElementsAre("a previous", "b serving", "c available"));
  const auto rows = shelf_->versions();
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].version, "c") << "the latest first";
  EXPECT_EQ(rows[0].metric, "ndcg@10");
  EXPECT_TRUE(rows[0].published);
}

TEST_F(Shelf, RefusesOnceAndTriesAgainWhenTheManifestChanges) {
  add("b");
  damage("b");
  ASSERT_TRUE(switch_current(bundles_, "b"));
  EXPECT_EQ(shelf_->follow().error().code, ErrorCode::bad_data);
  EXPECT_TRUE(shelf_->follow()) << "nothing new";
  EXPECT_THAT(told(), ElementsAre("b is refused"));
  EXPECT_FALSE(shelf_->follow(true));
  EXPECT_EQ(serving(), "a");
  EXPECT_EQ(link("current"), "b");
  EXPECT_THAT(states(), ElementsAre("a serving", "b refused"));
  EXPECT_THAT(shelf_->versions()[0].reason, HasSubstr("changed: report.html"));
  // The next run makes the bundle anew.
  add("b");
  ASSERT_TRUE(shelf_->follow());
  EXPECT_EQ(serving(), "b");
  EXPECT_EQ(link("previous"), "a");
  EXPECT_THAT(states(), ElementsAre("a previous", "b serving"));
}

TEST_F(Shelf, ALinkToNothingIsRefused) {
  ASSERT_TRUE(switch_current(bundles_, "gone"));
  EXPECT_FALSE(shelf_->follow());
  fs::remove(bundles_ + "/current");
  EXPECT_TRUE(shelf_->follow());
  EXPECT_EQ(serving(), "a");
}

TEST_F(Shelf, PromotesAndRollsBack) {
  EXPECT_EQ(shelf_->roll_back().error().code, ErrorCode::invalid_argument);
  for (const char* version : {"nothing", "", ".", "..", "current", "../bundles", "a/b"}) {
    EXPECT_EQ(shelf_->promote(version).error().code, ErrorCode::not_found) << version;
  }
  EXPECT_EQ(shelf_->promote("a").error().code, ErrorCode::invalid_argument);
  add("b");
  ASSERT_TRUE(shelf_->promote("b"));
  EXPECT_EQ(serving(), "b");
  EXPECT_EQ(link("current"), "b");
  EXPECT_EQ(link("previous"), "a");
  ASSERT_TRUE(shelf_->follow());
  const auto back = shelf_->roll_back();
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->version, "a");
  EXPECT_EQ(back->before, "b");
  EXPECT_EQ(serving(), "a");
  EXPECT_EQ(link("current"), "a");
  ASSERT_TRUE(shelf_->roll_back());
  EXPECT_EQ(serving(), "b") << "a second rollback undoes the first";
  EXPECT_THAT(told(), ElementsAre("b serves", "a serves", "b serves"));
  fs::remove_all(bundles_ + "/a");
  EXPECT_EQ(shelf_->roll_back().error().code, ErrorCode::invalid_argument);
}

TEST_F(Shelf, ARefusedPromotionLeavesLinksAlone) {
  add("b");
  damage("b");
  EXPECT_EQ(shelf_->promote("b").error().code, ErrorCode::bad_data);
  EXPECT_EQ(link("current"), "a");
  EXPECT_EQ(link("previous"), "");
  EXPECT_EQ(serving(), "a");
}

TEST_F(Shelf, RollbackLeadsTheLinkAwayFromWhatWasRefused) {
  add("b");
  ASSERT_TRUE(shelf_->promote("b"));
  add("c");
  damage("c");
  ASSERT_TRUE(switch_current(bundles_, "c"));
  ASSERT_FALSE(shelf_->follow());
  ASSERT_TRUE(shelf_->roll_back());
  EXPECT_EQ(link("current"), "b");
  EXPECT_EQ(serving(), "b");
  // A good one after a bad one: back is to what served, not to what was refused.
  ASSERT_TRUE(switch_current(bundles_, "c"));
  ASSERT_TRUE(shelf_->follow());
  add("d");
  ASSERT_TRUE(switch_current(bundles_, "d"));
  ASSERT_TRUE(shelf_->follow());
  EXPECT_EQ(shelf_->roll_back()->version, "b");
}

TEST_F(Shelf, WatchesAndHearsNudges) {
  add("b");
  const auto wait_for = [&](const std::string& version) {
    for (int i = 0; i < 2000 && serving() != version; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return serving();
  };
  shelf_->watch(std::chrono::milliseconds(20));
  ASSERT_TRUE(switch_current(bundles_, "b"));
  EXPECT_EQ(wait_for("b"), "b");
  shelf_ = std::make_unique<BundleShelf>(bundles_, live_);
  shelf_->watch(std::chrono::milliseconds(0));
  ASSERT_TRUE(switch_current(bundles_, "a"));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(serving(), "b");
  shelf_->nudge();
  EXPECT_EQ(wait_for("a"), "a");
}

// What a server would start with: the version, and what it passed over.
std::string first_of(const std::string& bundles) {
  const auto first = open_first(bundles);
  if (!first) return first.error().message;
  std::string words = first->recommender->info().model_version;
  for (const RefusedVersion& one : first->refused) words += " not " + one.version;
  return words;
}

TEST_F(Shelf, AServerStartsWithTheBestBundleThatIsWhole) {
  add("b");
  add("c");
  ASSERT_TRUE(switch_current(bundles_, "c"));
  ASSERT_TRUE(switch_link(bundles_ + "/previous", "a"));
  EXPECT_EQ(first_of(bundles_), "c");
  damage("c");
  EXPECT_EQ(first_of(bundles_), "a not c") << "what served before, not the latest";
  damage("a");
  EXPECT_EQ(first_of(bundles_), "b not c not a");
  fs::remove_all(bundles_ + "/c");
  EXPECT_THAT(first_of(bundles_), testing::StartsWith("b not c")) << "the link leads nowhere";
  damage("b");
  const auto none = open_first(bundles_);
  ASSERT_FALSE(none);
  EXPECT_EQ(open_first(bundles_ + "/nothing").error().code, ErrorCode::not_found);
  add("c");
  damage("c");
  EXPECT_EQ(open_first(bundles_).error().code, ErrorCode::bad_data);
}

TEST_F(Shelf, WhatWasPassedOverIsRefusedUntilItIsMended) {
  add("b");
  ASSERT_TRUE(switch_link(bundles_ + "/previous", "a"));
  ASSERT_TRUE(switch_current(bundles_, "b"));
  EXPECT_FALSE(shelf_->passed_over()) << "not tried yet";
  damage("b");
  auto first = open_first(bundles_);
  ASSERT_TRUE(first) << first.error().message;
  live_ = std::make_shared<LiveBundle>(first->recommender);
  int told = 0;
  shelf_ = std::make_unique<BundleShelf>(
      bundles_, live_, [&](const std::string&, const Result<SwapReport>&) { ++told; },
      first->refused);
  ASSERT_TRUE(shelf_->passed_over());
  EXPECT_EQ(shelf_->passed_over()->version, "b");
  EXPECT_THAT(shelf_->passed_over()->reason, HasSubstr("report.html"));
  EXPECT_THAT(states(), ElementsAre("a serving", "b refused"));
  EXPECT_TRUE(shelf_->follow());
  EXPECT_EQ(told, 0) << "it is not tried again";
  add("b");
  EXPECT_TRUE(shelf_->follow());
  EXPECT_EQ(serving(), "b");
  EXPECT_FALSE(shelf_->passed_over());
}

}  // namespace
}  // namespace sartor
