// Our metrics against trec_eval's: the TREC files that we write are those in tests/reference/trec,
// and tests/reference/trec.py says what ir-measures finds in them.
#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include "sartor/base/files.h"
#include "sartor/base/test_place.h"
#include "sartor/evaluation/evaluate.h"

namespace sartor {
namespace {

const std::string kFolder = std::string(kSourceDir) + "/tests/reference/trec/";
constexpr std::size_t kItems = 26;
constexpr Time kTrecStart = 100 * kDay;

// What each user took before the window and in it; repeats are not listed. Item 25 is new in it.
struct Person {
  const char* name;
  std::vector<std::uint32_t> before;
  std::vector<std::uint32_t> in_window;
};

std::vector<std::uint32_t> range(std::uint32_t from, std::uint32_t until) {
  std::vector<std::uint32_t> out;
  for (std::uint32_t i = from; i < until; ++i) out.push_back(i);
  return out;
}

std::vector<Person> people() {
  return {
      {"10", {0, 1}, {2, 7}},
      {"9", {}, {12}},                   // no history; names sort by bytes, not as numbers
      {"Zoë%", {3}, range(4, 21)},       // more targets than k
      {"all gone", range(0, 25), {25}},  // nothing left to list
      {"few left", range(0, 23), {23}},  // a list of two
      {"jo ann", {5, 6}, {24, 25, 11}},  // a blank in a name; one target is new
      {"no hit", {}, {25}},              // the only target cannot be listed
      {"one of\tthree", range(0, 12), {13, 25}},
      {"single", {20, 21, 22}, {4}},
      {"twelve", range(13, 25), range(0, 13)},  // everything that is left is a target
  };
}

struct TrecWorld {
  InteractionLog log{.users = 0, .items = kItems, .begin = {0}, .rows = {}, .item_first_seen = {}};
  Dataset data;
};

TrecWorld world() {
  TrecWorld world;
  std::vector<std::string> users;
  for (const Person& person : people()) {
    users.emplace_back(person.name);
    for (const auto item : person.before) world.log.rows.push_back({ItemId{item}, 1, kDay});
    for (const auto item : person.in_window)
      world.log.rows.push_back({ItemId{item}, 1, kTrecStart});
    world.log.begin.push_back(world.log.rows.size());
  }
  world.log.users = users.size();
  world.log.item_first_seen.assign(kItems, kDay);
  world.log.item_first_seen[kItems - 1] = kTrecStart;
  std::vector<std::string> items = {"a b"};
  for (std::size_t i = 1; i < kItems; ++i) items.push_back(fmt::format("i{:02}", i));
  world.data.users = Vocabulary(std::move(users));
  world.data.items = Vocabulary(std::move(items));
  return world;
}

// "case metric" -> value, as ir-measures found it.
std::map<std::string, double> reference() {
  std::map<std::string, double> values;
  std::ifstream in(kFolder + "tricky.tsv");
  for (std::string line; std::getline(in, line);) {
    const std::size_t tab = line.rfind('\t');
    values[line.substr(0, tab)] = std::stod(line.substr(tab + 1));
  }
  return values;
}

TEST(Trec, MetricsAgreeWithIrMeasures) {
  const TrecWorld world = sartor::world();
  const History history(world.log, kTrecStart);
  const Cases cases = window_cases(world.log, {kTrecStart, kTrecStart + kDay}, false, true);
  ASSERT_EQ(cases.size(), people().size());
  // Five different scores: most places of a list are won by a tie.
  const Scorer tied = [](std::size_t c, const Query&, std::span<float> out) {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>((7 * i + 3 * c) % 5);
  };
  EvaluateOptions options{.repeat = false, .depth = 20};
  for (const char* kind : {"ndcg", "recall", "hit", "mrr", "map"}) {
    for (const int k : {1, 3, 5, 10, 20}) {
      options.metrics.push_back(*parse_metric(fmt::format("{}@{}", kind, k)));
    }
  }
  const auto ours = evaluate(cases, history, tied, options, {});
  ASSERT_TRUE(ours);
  if (std::getenv("WRITE_REFERENCE") != nullptr) {  // then: trec.py values
    ASSERT_TRUE(write_file(kFolder + "tricky.run", trec_run(*ours, cases, world.data, "tied")));
    ASSERT_TRUE(write_file(kFolder + "tricky.qrels", trec_qrels(cases, world.data)));
  }
  EXPECT_EQ(trec_run(*ours, cases, world.data, "tied"), *read_file(kFolder + "tricky.run"));
  EXPECT_EQ(trec_qrels(cases, world.data), *read_file(kFolder + "tricky.qrels"));

  const auto theirs = reference();
  ASSERT_EQ(theirs.size(), options.metrics.size() * cases.size());
  for (const Metric& metric : options.metrics) {
    for (std::size_t c = 0; c < cases.size(); ++c) {
      const std::string name = case_name(cases, c, world.data) + "\t" + metric.name();
      ASSERT_TRUE(theirs.contains(name)) << name;
      EXPECT_NEAR(ours->of(metric)[c], theirs.at(name), 1e-9) << name;
    }
  }
}

}  // namespace
}  // namespace sartor
