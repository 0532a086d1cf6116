#include "sartor/data/sql_aggregate.h"

#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <numeric>

#include "sartor/base/random.h"
#include "sartor/data/duckdb.h"

namespace sartor {
namespace {

using testing::HasSubstr;

constexpr double kNoValue = std::numeric_limits<double>::quiet_NaN();
constexpr std::uint32_t kNo = Column::kMissing;

Table visits() {
  Table table{.rows = 5};
  table.columns = {{.name = "value", .numbers = {4, kNoValue, 10, 4, 6}},
                   {.name = "type",
                    .is_text = true,
                    .codes = {1, 1, 0, 2, 1},
                    .words = {"cart", "view", "wish"}},
                   {.name = "item",
                    .is_text = true,
                    .codes = {0, 0, 1, kNo, 2},
                    .words = {"cup", "jug", "mat"}}};
  return table;
}

// Over the given rows; "NULL", or the message of an error.
std::string said(const std::string& text, std::vector<std::uint32_t> rows = {0, 1, 2, 3, 4}) {
  const auto parsed = SqlAggregate::parse(text);
  if (!parsed) return parsed.error().message;
  const Table table = visits();
  const auto bound = parsed->bind(table);
  if (!bound) return bound.error().message;
  const SqlValue value = bound->evaluate(rows);
  if (value.type == SqlType::null) return "NULL";
  return value.type == SqlType::text ? value.text : std::to_string(value.number);
}

std::string is(double number) { return std::to_string(number); }

TEST(SqlAggregate, GivesWhatIsComputedByHand) {
  EXPECT_EQ(said("count(*)"), is(5));
  EXPECT_EQ(said("count(value)"), is(4));
  EXPECT_EQ(said("count(DISTINCT item)"), is(3));
  EXPECT_EQ(said("sum(value)"), is(24));
  EXPECT_EQ(said("avg(value)"), is(6));
  EXPECT_EQ(said("median(value)"), is(5));
  EXPECT_EQ(said("stddev(value)"), is(std::sqrt(8.0)));
  EXPECT_EQ(said("sum(DISTINCT value)"), is(20));
  EXPECT_EQ(said("min(value) + max(value) / 2"), is(9));
  EXPECT_EQ(said("mode(type)"), "view");
  EXPECT_EQ(said("first(item)"), "cup");
  EXPECT_EQ(said("last(item)"), "mat");
  EXPECT_EQ(said("max(upper(type))"), "WISH");
  EXPECT_EQ(said("entropy(type) FILTER (WHERE type <> 'wish')"),
            is(2 - 0.75 * std::log2(3.0)));  // 1 of 4 and 3 of 4
  EXPECT_EQ(said("count(*) FILTER (WHERE type = 'view' AND value > 3)"), is(2));
  EXPECT_EQ(said("sum(type = 'view') / count(*)"), is(0.6));
  EXPECT_EQ(said("CASE WHEN count(*) > 3 THEN 'many' ELSE 'few' END"), "many");
  EXPECT_EQ(said("count(*) > 5"), is(0));
  EXPECT_EQ(said("coalesce(avg(value), -1)", {}), is(-1));
  EXPECT_EQ(said("count(*)", {}), is(0));
  EXPECT_EQ(said("sum(value)", {1}), "NULL");
  EXPECT_EQ(said("stddev(value)", {0}), "NULL");
}

TEST(SqlAggregate, RefusesWhatIsNone) {
  EXPECT_THAT(said("value"), HasSubstr("outside of an aggregate"));
  EXPECT_THAT(said("avg(value) + value"), HasSubstr("at character 14"));
  EXPECT_THAT(said("avg(vlaue)"), HasSubstr("unknown column 'vlaue' (did you mean 'value'?)"));
  EXPECT_THAT(said("avg(vlaue)"), HasSubstr("at character 5"));
  EXPECT_THAT(said("avg(sum(value))"), HasSubstr("inside of an aggregate"));
  EXPECT_THAT(said("sum(item)"), HasSubstr("expected a number, found a text"));
  EXPECT_THAT(said("count(*) FILTER (WHERE value)"), HasSubstr("expected a condition"));
  EXPECT_THAT(said("meen(value)"), HasSubstr("did you mean"));
  EXPECT_THAT(said("first(DISTINCT value)"), HasSubstr("DISTINCT in first"));
  EXPECT_THAT(said("first(value ORDER BY item)"), HasSubstr("ORDER BY"));
  EXPECT_THAT(said("sum(value) OVER ()"), HasSubstr("window functions are not allowed"));
  EXPECT_THAT(said("avg(value) FROM events"), HasSubstr("without FROM"));
}

TEST(SqlAggregate, ReadsNoFileWritesNothingAndDoesNotRunLong) {
  EXPECT_THAT(said("(SELECT count(*) FROM read_csv('/etc/passwd'))"),
              HasSubstr("subqueries are not allowed"));
  EXPECT_THAT(said("max(read_text('/etc/passwd'))"), HasSubstr("read_text is not allowed"));
  EXPECT_THAT(said("count(*); DROP TABLE events"), HasSubstr("no other statement"));
  EXPECT_THAT(said("COPY events TO '/tmp/stolen'"), HasSubstr("(at character"));
  EXPECT_THAT(said("max(repeat('x', 1000000000))"), HasSubstr("repeat is not allowed"));
  EXPECT_THAT(said("(WITH RECURSIVE r AS (SELECT 1 UNION ALL SELECT 1 FROM r) SELECT count(*) "
                   "FROM r)"),
              HasSubstr("not allowed"));
  EXPECT_THAT(said(std::string(20000, '1')), HasSubstr("at most 10000"));
}

TEST(SqlAggregate, KnowsWhichColumnsAreOnlyCounted) {
  const auto parsed = SqlAggregate::parse(
      "count(DISTINCT item) + count(*) FILTER (WHERE type = 'view') + sum(value)");
  ASSERT_TRUE(parsed.has_value());
  EXPECT_THAT(parsed->columns(), testing::UnorderedElementsAre("item", "type", "value"));
  EXPECT_THAT(parsed->columns_looked_at(), testing::UnorderedElementsAre("type", "value"));
}

// A database says the same of random rows.
TEST(SqlAggregate, AgreesWithDuckDb) {
  Random random(5);
  Table table{.rows = 200};
  table.columns = {{.name = "x", .numbers = {}},
                   {.name = "w", .is_text = true, .codes = {}, .words = {"a", "b", "c", "d"}}};
  for (std::size_t r = 0; r < table.rows; ++r) {
    table.columns[0].numbers.push_back(
        random.below(5) == 0 ? kNoValue : static_cast<double>(random.below(40)) / 4);
    table.columns[1].codes.push_back(
        random.below(6) == 0 ? kNo : static_cast<std::uint32_t>(random.below(4)));
  }
  const std::string scratch = std::filesystem::temp_directory_path().string();
  auto db = DuckDb::open({.threads = 1}, scratch).value();
  const DuckInput columns[] = {{.name = "x", .numbers = table.columns[0].numbers},
                               {.name = "w",
                                .codes = table.columns[1].codes,
                                .words = table.columns[1].words,
                                .kind = DuckInput::Kind::text}};
  ASSERT_TRUE(db.create_table("t", table.rows, columns).has_value());
  std::vector<std::uint32_t> rows(table.rows);
  std::iota(rows.begin(), rows.end(), 0u);
  for (const std::string text :
       {"count(*) FILTER (WHERE x > 3 OR w = 'a')", "avg(x)", "sum(DISTINCT x)", "stddev(x)",
        "median(x) FILTER (WHERE w <> 'b')", "count(DISTINCT w) * max(x) - min(x)", "entropy(w)",
        "sum(CASE WHEN w IS NULL THEN 1 ELSE x END)",
        "avg(abs(x - 5)) FILTER (WHERE w BETWEEN 'b' AND 'c')"}) {
    const SqlValue value = SqlAggregate::parse(text)->bind(table)->evaluate(rows);
    const auto told = db.text("SELECT CAST((" + text + ") AS VARCHAR) FROM t");
    ASSERT_TRUE(told.has_value()) << told.error().message;
    EXPECT_NEAR(value.number, std::stod(*told), 1e-9 * std::abs(value.number)) << text;
  }
}

}  // namespace
}  // namespace sartor
