#include "sartor/store/api_keys.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "sartor/base/files.h"
#include "sartor/base/test_place.h"
#include "sartor/store/state.h"
#include "sartor/store/test_postgres.h"

namespace sartor {
namespace {

namespace fs = std::filesystem;

class ApiKeysTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  ApiKeys open() const {
    auto keys = ApiKeys::open(folder_);
    EXPECT_TRUE(keys) << keys.error().message;
    return std::move(*keys);
  }
  const std::string folder_ = test_place("api_keys");
};

TEST_F(ApiKeysTest, AKeyIsFoundByItselfAloneAndKeptAsAHash) {
  const ApiKeys keys = open();
  const std::string key = keys.create({"ingest"}, "shop", 10).value();
  EXPECT_EQ(key.size(), 7u + 12 + 1 + 64);
  const auto found = open().find(key, 11);
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->name, "shop");
  EXPECT_TRUE((*found)->may("ingest"));
  EXPECT_FALSE((*found)->may("recommend"));
  std::string wrong = key;
  wrong.back() = wrong.back() == '0' ? '1' : '0';
  for (const std::string& text : {wrong, key + "0", key.substr(0, 30), std::string("sartor_"),
                                  std::string(), std::string("sartor__")}) {
    EXPECT_FALSE(open().find(text, 11)->has_value()) << text;
  }
  // Neither the state nor what stands beside it holds the key.
  for (const auto& file : fs::directory_iterator(folder_)) {
    EXPECT_EQ(read_file(file.path().string())->find(key.substr(20)), std::string::npos)
        << file.path();
  }
  struct stat facts {};
  ASSERT_EQ(::stat((folder_ + "/key.secret").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);
}

TEST_F(ApiKeysTest, AdminMayAllAndScopesAreChecked) {
  const ApiKeys keys = open();
  const std::string key = keys.create({"admin"}, "", 1).value();
  for (const char* scope : kScopes) EXPECT_TRUE((**keys.find(key, 2)).may(scope));
  EXPECT_EQ(keys.create({}, "", 1).error().code, ErrorCode::config);
  EXPECT_NE(keys.create({"ingset"}, "", 1).error().message.find("did you mean 'ingest'"),
            std::string::npos);
}

TEST_F(ApiKeysTest, RotationAndRevocationEndAKey) {
  const ApiKeys keys = open();
  const std::string first = keys.create({"recommend", "ingest"}, "app", 10).value();
  const std::string id = keys.list()->front().id;
  const std::string second = keys.rotate(id, 5, 20).value();
  EXPECT_TRUE(open().find(first, 24)->has_value());
  EXPECT_FALSE(open().find(first, 25)->has_value());
  EXPECT_EQ((**open().find(second, 25)).scopes, (std::vector<std::string>{"recommend", "ingest"}));
  const auto list = keys.list();
  ASSERT_EQ(list->size(), 2u);
  EXPECT_EQ(keys.rotate(id, 5, 30).error().code, ErrorCode::not_found);
  ASSERT_TRUE(keys.revoke(list->at(1).id, 40));
  EXPECT_FALSE(open().find(second, 40)->has_value());
  EXPECT_EQ(keys.revoke(list->at(1).id, 41).error().code, ErrorCode::not_found);
}

TEST_F(ApiKeysTest, ARunningServerHearsOfARevocationWithinASecond) {
  const ApiKeys server = open();
  const std::string key = open().create({"ingest"}, "", 10).value();
  ASSERT_TRUE(server.find(key, 20)->has_value());
  ASSERT_TRUE(open().revoke(server.list()->front().id, 30));
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  EXPECT_FALSE(server.find(key, 40)->has_value());
}

TEST_F(ApiKeysTest, ASecretThatOthersMayReadIsRefused) {
  ASSERT_TRUE(open().create({"ingest"}, "", 10));
  fs::permissions(folder_ + "/key.secret", fs::perms(0644));
  const auto keys = ApiKeys::open(folder_);
  ASSERT_FALSE(keys);
  EXPECT_EQ(keys.error().code, ErrorCode::config);
}

// Two workspaces, one database.
TEST_F(ApiKeysTest, AKeyOfASharedStateIsKnownToAllServersAndEndsForAll) {
  const StateConfig config{.url = TestPostgres::url(), .schema = "keys"};
  if (config.url.empty()) GTEST_SKIP() << "PostgreSQL is not installed";
  const auto one = ApiKeys::open(folder_ + "/a", config);
  const auto other = ApiKeys::open(folder_ + "/b", config);
  ASSERT_TRUE(one && other);
  EXPECT_FALSE(other->find("sartor_x_y", 5)->has_value());
  const std::string key = one->create({"ingest"}, "shop", 10).value();
  const auto knows = [&](bool expected) {
    for (int i = 0; i < 40; ++i) {
      const auto found = other->find(key, 40);
      if (!found || found->has_value() == expected) return found.has_value();
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return false;
  };
  EXPECT_TRUE(knows(true));
  TestPostgres::stop();
  std::this_thread::sleep_for(std::chrono::milliseconds(600));
  EXPECT_TRUE(other->find(key, 20)->has_value()) << "as it was last known";
  TestPostgres::start();
  for (int i = 0; i < 40 && !one->list(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  ASSERT_TRUE(one->revoke(one->list()->front().id, 30));
  EXPECT_TRUE(knows(false));
}

TEST_F(ApiKeysTest, ASecretThatIsNotTheSharedStatesIsRefused) {
  const StateConfig config{.url = TestPostgres::url(), .schema = "secrets"};
  if (config.url.empty()) GTEST_SKIP() << "PostgreSQL is not installed";
  const std::string key = open().create({"ingest"}, "", 10).value();  // the workspace's own
  EXPECT_TRUE(ApiKeys::open(folder_, config)->find(key, 11)->has_value()) << "it came along";
  const auto shared = State::open(folder_, config);
  EXPECT_EQ(*shared->get("key.secret"), *read_file(folder_ + "/key.secret")) << "taken over";
  ASSERT_TRUE(shared->put("key.secret", std::string(64, 'a')));
  EXPECT_EQ(ApiKeys::open(folder_, config).error().code, ErrorCode::config);
}

}  // namespace
}  // namespace sartor
