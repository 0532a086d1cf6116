#include "sartor/store/folder.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "sartor/base/checksum.h"
#include "sartor/base/files.h"
#include "sartor/base/test_place.h"

namespace sartor {
namespace {

namespace fs = std::filesystem;

class Folder : public testing::Test {
 protected:
  Folder() {
    root_ = test_place("folder_") + testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  ~Folder() override { fs::remove_all(root_); }

  std::string in(const std::string& name) const { return root_ + "/" + name; }
  std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(root_), {}));
  }
  // A published folder with two files.
  std::string published() const {
    auto staged = StagedFolder::make(in("b1"));
    EXPECT_TRUE(staged);
    EXPECT_TRUE(staged->add("a.txt", "abc"));
    EXPECT_TRUE(staged->add("models/general/model.json", "{}"));
    EXPECT_TRUE(staged->publish(Json{{"format_version", 1}, {"model_version", "f00"}}));
    return in("b1");
  }
  std::string root_;
};

TEST_F(Folder, IsPublishedWithSumsAndFields) {
  const std::string path = published();
  EXPECT_EQ(entries(), 1u);
  const auto manifest = read_manifest(path);
  ASSERT_TRUE(manifest) << manifest.error().message;
  EXPECT_EQ(manifest->dump(),
            R"({"format_version":1,"model_version":"f00","files":{"a.txt":{"sha256":")"
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
            R"(","bytes":3},"models/general/model.json":{"sha256":")" +
                sha256("{}") + R"(","bytes":2}}})");
  EXPECT_TRUE(verify_folder(path));
}

TEST_F(Folder, IsInvisibleUntilPublishedAndGoneIfAbandoned) {
  {
    auto staged = StagedFolder::make(in("b1"));
    ASSERT_TRUE(staged);
    ASSERT_TRUE(staged->add("a", "1"));
    EXPECT_EQ(fs::path(staged->path()).filename().string(),
              ".b1.part-" + std::to_string(::getpid()));
    EXPECT_FALSE(fs::exists(in("b1")));
    auto moved = std::move(*staged);
    EXPECT_EQ(entries(), 1u);
  }
  EXPECT_EQ(entries(), 0u);
}

TEST_F(Folder, LeftoversOfTheDeadAreRemovedAndThoseOfTheLivingAreNot) {
  const pid_t child = ::fork();
  if (child == 0) {
    auto staged = StagedFolder::make(in("b1"));
    ::_exit(staged && staged->add("x", "y") ? 0 : 1);  // dies without destructors
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_EQ(status, 0);
  EXPECT_EQ(entries(), 1u);
  auto first = StagedFolder::make(in("b1"));
  ASSERT_TRUE(first);
  EXPECT_EQ(entries(), 1u) << "the dead child's folder is still there";
  auto second = StagedFolder::make(in("b1"));
  ASSERT_TRUE(second);
  EXPECT_NE(first->path(), second->path());
  EXPECT_TRUE(fs::exists(first->path()));
}

TEST_F(Folder, NeverReplacesWhatIsThere) {
  auto late = StagedFolder::make(in("b1"));
  ASSERT_TRUE(late);
  published();
  EXPECT_EQ(StagedFolder::make(in("b1")).error().code, ErrorCode::io);
  EXPECT_EQ(late->publish(Json::object()).error().code, ErrorCode::io);
  EXPECT_TRUE(verify_folder(in("b1")));
  EXPECT_EQ(entries(), 1u) << "the late one has to clean up";
}

TEST_F(Folder, NamesEveryDifference) {
  const std::string path = published();
  std::ofstream(path + "/a.txt") << "abd";  // same length
  fs::remove(path + "/models/general/model.json");
  std::ofstream(path + "/new") << "";
  const auto check = check_folder(path);
  ASSERT_TRUE(check);
  EXPECT_EQ(check->changed, std::vector<std::string>{"a.txt"});
  EXPECT_EQ(check->missing, std::vector<std::string>{"models/general/model.json"});
  EXPECT_EQ(check->extra, std::vector<std::string>{"new"});
  const Status status = verify_folder(path);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::bad_data);
  EXPECT_EQ(status.error().message,
            path +
                ": is not what its manifest says; missing: models/general/model.json; changed: "
                "a.txt; extra: new");
}

TEST_F(Folder, BadManifestsAreErrors) {
  EXPECT_EQ(read_manifest(in("none")).error().code, ErrorCode::not_found);
  for (const char* text : {"", "[]", "{", "{}", R"({"files":[]})", R"({"files":{"a":1}})",
                           R"({"files":{"../a":{"sha256":"x","bytes":1}}})",
                           R"({"files":{"/etc/passwd":{"sha256":"x","bytes":1}}})",
                           R"({"files":{"a":{"sha256":"x","bytes":-1}}})"}) {
    std::ofstream(in("manifest.json")) << text;
    const auto manifest = read_manifest(root_);
    ASSERT_FALSE(manifest) << text;
    EXPECT_EQ(manifest.error().code, ErrorCode::bad_data) << text;
  }
}

TEST_F(Folder, FilesStayInside) {
  auto staged = StagedFolder::make(in("b1"));
  ASSERT_TRUE(staged);
  for (const char* name : {"", ".", "..", "../x", "a/../../x", "/x", "a//b", "manifest.json"}) {
    EXPECT_EQ(staged->add(name, "x").error().code, ErrorCode::invalid_argument) << name;
  }
}

TEST_F(Folder, SwitchesALinkInOneStep) {
  const std::string link = in("current");
  EXPECT_EQ(read_link(link).error().code, ErrorCode::not_found);
  ASSERT_TRUE(switch_link(link, "bundles/b1"));
  EXPECT_EQ(*read_link(link), "bundles/b1");
  ASSERT_TRUE(switch_link(link, "bundles/b2"));
  EXPECT_EQ(*read_link(link), "bundles/b2");
  EXPECT_EQ(entries(), 1u);
  EXPECT_EQ(switch_link(in("no/where"), "x").error().code, ErrorCode::io);
}

TEST_F(Folder, RemembersWhatCurrentLedToBefore) {
  ASSERT_TRUE(switch_current(root_, "a"));
  EXPECT_EQ(*read_link(in("current")), "a");
  EXPECT_EQ(read_link(in("previous")).error().code, ErrorCode::not_found);
  ASSERT_TRUE(switch_current(root_, "b"));
  ASSERT_TRUE(switch_current(root_, "b"));  // a run that found it there already
  EXPECT_EQ(*read_link(in("current")), "b");
  EXPECT_EQ(*read_link(in("previous")), "a");
}

TEST_F(Folder, OldFoldersGoButForTheOnesInUse) {
  const std::string place = root_ + "/shelf";
  for (const char* name : {"a", "b", "c", "d", "young"}) {
    auto staged = StagedFolder::make(place + "/" + name);
    ASSERT_TRUE(staged);
    ASSERT_TRUE(staged->publish(Json::object()));
    if (name != std::string("young")) {
      fs::last_write_time(place + "/" + name + "/" + kManifest,
                          fs::file_time_type::clock::now() - std::chrono::hours(24 * 31));
    }
  }
  fs::create_directories(place + "/.staged");
  fs::create_directories(place + "/not one of ours");
  ASSERT_TRUE(switch_current(place, "a"));
  ASSERT_TRUE(switch_current(place, "b"));
  EXPECT_TRUE(remove_old_folders(place, 0)->empty());
  EXPECT_TRUE(remove_old_folders(place, 32)->empty());
  EXPECT_EQ(*remove_old_folders(place, 30, "c"), std::vector<std::string>{"d"});
  EXPECT_EQ(*remove_old_folders(place, 30), std::vector<std::string>{"c"});
  for (const char* name : {"a", "b", "young", ".staged", "not one of ours"}) {
    EXPECT_TRUE(fs::exists(place + "/" + name)) << name;
  }
}

}  // namespace
}  // namespace sartor
