#include <gmock/gmock.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "sartor/base/checksum.h"
#include "sartor/base/fields_json.h"
#include "sartor/base/files.h"
#include "sartor/base/parallel.h"
#include "sartor/base/random.h"
#include "sartor/base/test_place.h"
#include "sartor/base/text.h"
#include "sartor/base/time.h"

namespace sartor {
namespace {

using ::testing::HasSubstr;

struct Inner {
  int count = 3;
  static constexpr auto fields() {
    return std::make_tuple(Field{"count", &Inner::count, 1, 10, Scale::linear, "how many"});
  }
};

struct Outer {
  std::string name;
  std::vector<Inner> parts;
  std::map<std::string, double> importance;
  static constexpr auto fields() {
    return std::make_tuple(Field{"name", &Outer::name, "what it is called"},
                           Field{"parts", &Outer::parts, "its parts"},
                           Field{"importance", &Outer::importance, "part = how much it matters"});
  }
};

Result<Outer> read(const std::string& text) {
  SARTOR_ASSIGN(const ConfigNode node, parse_toml(text, "a.toml"));
  Outer outer;
  SARTOR_TRY(read_config(node, outer, ""));
  return outer;
}

TEST(Fields, ReadsNestedTables) {
  const auto outer =
      read("name = 'x'\nimportance = { loyal = 3 }\n[[parts]]\ncount = 4\n[[parts]]\n");
  ASSERT_TRUE(outer) << outer.error().message;
  EXPECT_EQ(outer->name, "x");
  ASSERT_EQ(outer->parts.size(), 2u);
  EXPECT_EQ(outer->parts[0].count, 4);
  EXPECT_EQ(outer->parts[1].count, 3);
  EXPECT_EQ(outer->importance.at("loyal"), 3.0);
}

TEST(Fields, NamesTheNearestKeyAndTheLine) {
  const auto outer = read("name = 'x'\n[[parts]]\ncuont = 4\n");
  ASSERT_FALSE(outer);
  EXPECT_EQ(outer.error().code, ErrorCode::config);
  EXPECT_EQ(outer.error().message, "a.toml:3: parts[0].cuont: unknown key (did you mean 'count'?)");
}

TEST(Fields, ChecksRangeAndKind) {
  EXPECT_EQ(read("[[parts]]\ncount = 40\n").error().message,
            "a.toml:2: parts[0].count: 40 is out of range; expected 1 to 10");
  EXPECT_EQ(read("name = 3\n").error().message,
            "a.toml:1: name: expected a text in quotes, found a whole number");
  EXPECT_THAT(read("name = \n").error().message, HasSubstr("a.toml:1"));
}

TEST(Fields, JsonRoundTripKeepsEverything) {
  const Outer outer{.name = "y", .parts = {{.count = 9}}, .importance = {{"a", 0.5}}};
  const Json json = config_json(outer);
  Outer back;
  ASSERT_TRUE(read_config(node_from_json(json), back, ""));
  EXPECT_EQ(config_json(back).dump(), json.dump());
}

TEST(ConfigNode, SetPathReachesIntoTablesAndLists) {
  auto node = parse_toml("name = 'x'\n[[parts]]\ncount = 4\n", "a.toml");
  ASSERT_TRUE(node);
  ASSERT_TRUE(set_path(*node, "parts.0.count=7"));
  ASSERT_TRUE(set_path(*node, "name=gift shop"));
  ASSERT_TRUE(set_path(*node, "importance.loyal=2"));
  Outer outer;
  ASSERT_TRUE(read_config(*node, outer, ""));
  EXPECT_EQ(outer.parts[0].count, 7);
  EXPECT_EQ(outer.name, "gift shop");
  EXPECT_EQ(outer.importance.at("loyal"), 2.0);
  EXPECT_FALSE(set_path(*node, "parts.5.count=7"));
  EXPECT_FALSE(set_path(*node, "nonsense"));
}

TEST(Time, ReadsAndWrites) {
  EXPECT_EQ(*parse_time("1970-01-02"), kDay);
  EXPECT_EQ(format_time(*parse_time("2011-09-05 08:48")), "2011-09-05T08:48:00Z");
  EXPECT_EQ(format_time(*parse_time("2011-09-05T08:48:00.25+02:00")),
            "2011-09-05T06:48:00.250000Z");
  EXPECT_EQ(format_time(*parse_time("1969-12-31T23:59:59Z")), "1969-12-31T23:59:59Z");
  for (const char* bad :
       {"", "2011", "2011-13-01", "2011-02-30", "2011-09-05 25:00", "2011-09-05x"}) {
    EXPECT_FALSE(parse_time(bad)) << bad;
  }
}

TEST(Time, KnowsTheCalendar) {
  const CalendarTime c = calendar_time(*parse_time("2011-12-09T10:30:00Z"));
  EXPECT_EQ(c.year, 2011);
  EXPECT_EQ(c.month, 12);
  EXPECT_EQ(c.day, 9);
  EXPECT_EQ(c.hour, 10);
  EXPECT_EQ(c.weekday, 4);  // a Friday
}

TEST(ParallelFor, SumsTheSameBitsWithAnyThreads) {
  for (const int threads : {1, 2, 7}) {
    std::vector<double> parts(11);
    ASSERT_TRUE(parallel_for({.threads = threads}, 1001, 100,
                             [&](std::size_t begin, std::size_t end) -> Status {
                               for (std::size_t i = begin; i < end; ++i)
                                 parts[begin / 100] += 1.0 / (1.0 + static_cast<double>(i));
                               return {};
                             }));
    double sum = 0;
    for (const double part : parts) sum += part;
    EXPECT_NEAR(sum, 7.4864698615493459, 1e-12);
  }
}

TEST(ParallelFor, ReturnsTheFirstFailureInOrder) {
  const auto status =
      parallel_for({.threads = 4}, 100, 1, [](std::size_t begin, std::size_t) -> Status {
        if (begin >= 10) return Error{ErrorCode::internal, "block " + std::to_string(begin)};
        return {};
      });
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message, "block 10");
}

TEST(ParallelFor, StopsOnRequestAndCatchesForeignExceptions) {
  std::atomic<bool> cancelled{true};
  const auto stopped = parallel_for({.threads = 2, .cancelled = &cancelled}, 10, 1,
                                    [](std::size_t, std::size_t) -> Status { return {}; });
  EXPECT_EQ(stopped.error().code, ErrorCode::cancelled);
  const auto thrown = parallel_for({.threads = 2}, 10, 1, [](std::size_t, std::size_t) -> Status {
    throw std::runtime_error("foreign");
  });
  EXPECT_EQ(thrown.error().message, "foreign");
}

TEST(Within, NamesThePlaceOfAFailureButNotOfAStop) {
  EXPECT_EQ(within("ease", {ErrorCode::io, "no"}).message, "ease: no");
  const Error stopped = within("ease", {ErrorCode::cancelled, "stopped on request"});
  EXPECT_EQ(stopped.message, "stopped on request");
  EXPECT_EQ(stopped.code, ErrorCode::cancelled);
}

TEST(Random, IsTheReferenceSplitMix64) {
  Random random(1234567);  // the published test vector of SplitMix64
  EXPECT_EQ(random.bits(), 6457827717110365317ULL);
  EXPECT_EQ(random.bits(), 3203168211198807973ULL);
}

TEST(Random, NormalHasUnitVariance) {
  Random random(5);
  double sum = 0, squares = 0;
  for (int i = 0; i < 20000; ++i) {
    const double x = random.normal();
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(sum / 20000, 0, 0.03);
  EXPECT_NEAR(squares / 20000, 1, 0.05);
}

TEST(Checksum, KnownAnswers) {
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_NE(Fingerprint().add("ab").add("c").text(), Fingerprint().add("a").add("bc").text());
  EXPECT_EQ(Fingerprint().add("ab").text(), Fingerprint().add("ab").text());
}

TEST(Text, Utf8) {
  EXPECT_TRUE(is_utf8("Käse €"));
  EXPECT_FALSE(is_utf8("\xff"));
  EXPECT_FALSE(is_utf8("\xc0\xaf"));      // overlong
  EXPECT_FALSE(is_utf8("\xed\xa0\x80"));  // a surrogate
  EXPECT_EQ(printable(std::string("a\0b\xff", 4)), "a\\x00b\\xff");
}

TEST(Text, Numbers) {
  EXPECT_EQ(with_thousands(1234567), "1,234,567");
  EXPECT_EQ(with_thousands(-12), "-12");
  EXPECT_EQ(with_thousands(std::numeric_limits<long long>::min()), "-9,223,372,036,854,775,808");
  EXPECT_EQ(shortest(0.1), "0.1");
}

TEST(Files, WriteIsWholeAndReadNamesThePath) {
  const std::string path = test_place("sartor_base_test.txt");
  ASSERT_TRUE(write_file(path, "hello"));
  EXPECT_EQ(*read_file(path), "hello");
  const auto missing = read_file(path + ".not");
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
  EXPECT_THAT(missing.error().message, HasSubstr(".not: cannot open: No such file"));
}

}  // namespace
}  // namespace sartor
