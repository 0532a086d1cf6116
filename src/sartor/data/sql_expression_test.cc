#include "sartor/data/sql_expression.h"

#include <duckdb.h>
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "sartor/base/random.h"

namespace sartor {
namespace {

using testing::HasSubstr;

constexpr double kNull = std::numeric_limits<double>::quiet_NaN();

// Two number and two text columns of every kind of value.
Table sample() {
  Table table{.rows = 4};
  table.columns.push_back({.name = "events", .numbers = {3, 0, kNull, -2.5}});
  table.columns.push_back({.name = "value_sum", .numbers = {10.25, kNull, 1, 0}});
  table.columns.push_back({.name = "context.device",
                           .is_text = true,
                           .codes = {1, Column::kMissing, 0, 2},
                           .words = {"phone", "tablet", "Übergröße"}});
  table.columns.push_back(
      {.name = "country", .is_text = true, .codes = {0, 1, 1, 0}, .words = {"DE", "UK"}});
  return table;
}

// "1", "0" or "NULL" for each row of the sample.
std::string rows_of(const std::string& text) {
  const Table table = sample();
  const auto expression = SqlExpression::parse(text);
  if (!expression) return expression.error().message;
  const auto bound = expression->bind_condition(table);
  if (!bound) return bound.error().message;
  std::string answers;
  for (std::size_t row = 0; row < table.rows; ++row) {
    const auto answer = bound->condition(row);
    answers += !answer ? "?" : *answer ? "1" : "0";
  }
  return answers;
}

double number_of(const std::string& text) {
  const Table table = sample();
  const auto bound = SqlExpression::parse(text).value().bind(table);
  EXPECT_TRUE(bound.has_value()) << bound.error().message;
  const SqlValue value = bound->evaluate(0);
  return value.type == SqlType::null ? kNull : value.number;
}

TEST(SqlExpression, FollowsThreeValuedLogic) {
  EXPECT_EQ(rows_of("events >= 3"), "10?0");
  EXPECT_EQ(rows_of("events >= 3 AND value_sum > 5"), "1000");
  EXPECT_EQ(rows_of("events >= 3 OR value_sum > 0"), "1?10");
  EXPECT_EQ(rows_of("NOT (events >= 3)"), "01?1");
  EXPECT_EQ(rows_of("events IS NULL"), "0010");
  EXPECT_EQ(rows_of("events IS NOT NULL"), "1101");
  EXPECT_EQ(rows_of("events IN (3, NULL)"), "1???");
  EXPECT_EQ(rows_of("events NOT IN (3, 0)"), "00?1");
  EXPECT_EQ(rows_of("events BETWEEN 0 AND 3"), "11?0");
  EXPECT_EQ(rows_of("events NOT BETWEEN value_sum AND 1"), "1??1");
  EXPECT_EQ(rows_of("events IS DISTINCT FROM NULL"), "1101");
  EXPECT_EQ(rows_of("(events > 0) IS TRUE"), "1000");
  EXPECT_EQ(rows_of("coalesce(events, 9) > 2"), "1010");
  EXPECT_EQ(rows_of("CASE WHEN events > 0 THEN value_sum ELSE 0 END > 10"), "1000");
  EXPECT_EQ(rows_of("NULL"), "????");
  EXPECT_EQ(rows_of("TRUE"), "1111");
}

TEST(SqlExpression, ReadsTextsAndNamesWithDots) {
  EXPECT_EQ(rows_of("context.device = 'tablet'"), "1?00");
  EXPECT_EQ(rows_of("\"context.device\" LIKE '%ab%'"), "1?00");
  EXPECT_EQ(rows_of("context.device LIKE '_bergr__e'"), "0?01");
  EXPECT_EQ(rows_of("context.device NOT LIKE 'p%e'"), "1?01");
  EXPECT_EQ(rows_of("length(context.device) = 9"), "0?01");
  EXPECT_EQ(rows_of("starts_with(lower(COUNTRY), 'd')"), "1001");
  EXPECT_EQ(rows_of("contains(context.device, 'hon') OR ends_with(country, 'E')"), "1?11");
  EXPECT_EQ(rows_of("greatest(country, 'F') = 'F'"), "1001");
  EXPECT_EQ(rows_of("country < 'E'"), "1001");
  EXPECT_EQ(SqlExpression::parse("b + a > context.x and a").value().columns(),
            (std::vector<std::string>{"b", "a", "context.x"}));
}

TEST(SqlExpression, Calculates) {
  EXPECT_EQ(number_of("5 / 2"), 2.5);
  EXPECT_EQ(number_of("-7 % 3"), -1);
  EXPECT_EQ(number_of("1.50 + 2"), 3.5);
  EXPECT_EQ(number_of("9223372036854775808"), 0x1p63);
  EXPECT_EQ(number_of("123456789012345678901.5"), 123456789012345678901.5);
  EXPECT_EQ(number_of("1e3"), 1000);
  EXPECT_EQ(number_of("- events"), -3);
  EXPECT_EQ(number_of("round(2.5) + round(-2.5)"), 0);
  EXPECT_EQ(number_of("round(1234.567, 1)"), 1234.6);
  EXPECT_EQ(number_of("round(1234.567, -2)"), 1200);
  EXPECT_EQ(number_of("abs(-2) + ceil(1.2) + floor(1.8) + sqrt(9) + ln(1)"), 8);
  EXPECT_EQ(number_of("least(3, NULL, 2)"), 2);
  for (const char* nothing : {"1 / 0", "5 % 0", "events / (events - 3)", "ln(0)", "sqrt(-1)",
                              "1e300 * 1e300", "NULL + 1", "greatest(NULL, NULL)"}) {
    EXPECT_TRUE(std::isnan(number_of(nothing))) << nothing;
  }
}

TEST(SqlExpression, RefusesWhatIsNoRule) {
  const std::string deep = std::string(300, '(') + "a" + std::string(300, ')');
  std::string sum = "a", nots;
  for (int i = 0; i < 150; ++i) sum += " + a", nots += "NOT ";
  const std::vector<std::pair<std::string, const char*>> cases = {
      {"", "empty"},
      {"  \n", "empty"},
      {"events >", "syntax error"},
      {"events > 1; DROP TABLE t", "no other statement"},
      {"1; SELECT 2", "2 statements"},
      {"1; COPY (SELECT 1) TO '/tmp/x'", "no other statement"},
      {"1 FROM 'secrets.csv'", "without FROM"},
      {"1 FROM read_csv('/etc/passwd')", "without FROM"},
      {"1) FROM t WHERE (1 = 1", "syntax error"},
      {"1 WHERE true", "without FROM"},
      {"1 LIMIT 1", "without FROM"},
      {"1 UNION SELECT 2", "without FROM"},
      {"DISTINCT a", "without FROM"},
      {"a, b", "found 2"},
      {"a AS b", "AS"},
      {"a b", "AS"},
      {"abs(x := 1)", "AS"},
      {"*", "star"},
      {"COLUMNS(*)", "star"},
      {"(SELECT 1) = 1", "subqueries"},
      {"a IN (SELECT 1)", "subqueries"},
      {"EXISTS (SELECT 1)", "subqueries"},
      {"a = ANY([1, 2])", "subqueries"},
      {"sum(a) OVER () > 1", "window"},
      {"sum(a) > 1", "function sum"},
      {"count(*) > 1", "function count_star"},
      {"repeat('x', 1000000000) = 'x'", "function repeat"},
      {"enable_logging(storage = 'file')", "not allowed"},
      {"getenv('HOME') = 'x'", "function getenv"},
      {"current_setting('threads') = 1", "function current_setting"},
      {"read_text('/etc/passwd') = ''", "function read_text"},
      {"regexp_matches(a, '(a*)*b')", "function regexp_matches"},
      {"a ~ 'b'", "not allowed"},
      {"a ILIKE 'b'", "operator ~~*"},
      {"a LIKE 'b' ESCAPE '$'", "function like_escape"},
      {"a || 'b' = 'c'", "operator ||"},
      {"a // 2 = 1", "operator //"},
      {"a ** 2 = 1", "operator"},
      {"main.abs(a) > 1", "function abs"},
      {"abs(DISTINCT a) > 1", "function abs"},
      {"abs(a, b) > 1", "abs takes 1 argument, found 2"},
      {"a::INTEGER = 1", "casts"},
      {"CAST('x' AS BOOLEAN)", "casts"},
      {"DATE '2020-01-01' < a", "casts"},
      {"a > INTERVAL 1 DAY", "not allowed"},
      {"a[1] = 1", "not allowed"},
      {"[a] = [1]", "not allowed"},
      {"{'a': 1} = a", "not allowed"},
      {"x -> x + 1", "not allowed"},
      {"a = $1", "not allowed"},
      {"a = ?", "not allowed"},
      {"#1 = 1", "not allowed"},
      {"a COLLATE nocase = 'b'", "not allowed"},
      {"DEFAULT", "not allowed"},
      {"a /* never closed", "unterminated"},
      {"'never closed", "unterminated"},
      {"a = 'x\xff'", "UTF-8"},
      {std::string("a = 1\0 or 1", 11), "NUL"},
      {sum + " > 1", "nested more than 100"},
      {"coalesce(" + sum + ", 1) > 1", "nested more than 100"},
      {std::string(1200, '-') + "1", ""},
      {nots + "(a IS NULL)", "nested more than 100"},
      {"a = '" + std::string(10'000, 'x') + "'", "at most 10000"},
  };
  for (const auto& [text, reason] : cases) {
    const auto expression = SqlExpression::parse(text);
    if (*reason == 0) continue;  // only must not crash
    ASSERT_FALSE(expression.has_value()) << text;
    EXPECT_EQ(expression.error().code, ErrorCode::config) << text;
    EXPECT_THAT(expression.error().message, HasSubstr(reason)) << text;
  }
  EXPECT_TRUE(SqlExpression::parse(deep).has_value());  // brackets alone make no depth
}

TEST(SqlExpression, NamesPlaceAndNearestWord) {
  EXPECT_THAT(rows_of("events > 1 AND valu_sum > 2"),
              HasSubstr("unknown column 'valu_sum' (did you mean 'value_sum'?) (at character 16"));
  EXPECT_THAT(rows_of("events > 1 AND flor(events) > 2"),
              HasSubstr("the function flor is not allowed (did you mean 'floor'?)"));
  EXPECT_THAT(rows_of("events > 1 AND country < 5"),
              HasSubstr("column 'country' (a text) and a number cannot be compared (at character "
                        "24"));
  EXPECT_THAT(rows_of("events AND country = 'DE'"),
              HasSubstr("expected a condition (true or false), found column 'events' (a number)"));
  EXPECT_THAT(rows_of("events + 1"), HasSubstr("expected a condition"));
  EXPECT_THAT(rows_of("length(events) > 1"), HasSubstr("expected a text"));
  EXPECT_THAT(rows_of("events > > 1"), HasSubstr("at character 10"));
  EXPECT_THAT(rows_of("CASE WHEN events > 1 THEN 'a' ELSE 2 END = 'a'"),
              HasSubstr("cannot be compared"));
}

TEST(SqlExpression, LikeStaysPolynomial) {
  Table table{.rows = 1};
  table.columns.push_back(
      {.name = "t", .is_text = true, .codes = {0}, .words = {std::string(3000, 'a')}});
  std::string pattern;
  for (int i = 0; i < 1000; ++i) pattern += "%a";
  const auto expression = SqlExpression::parse("t LIKE '" + pattern + "%b'");
  ASSERT_TRUE(expression.has_value());
  EXPECT_EQ(expression->bind_condition(table)->condition(0), false);
}

// Random expressions over a, b (numbers) and s, t (texts), valid by construction.
class Writer {
 public:
  explicit Writer(std::uint64_t seed) : random_(seed) {}

  std::string condition(int depth) {
    if (depth == 0) return pick({"TRUE", "(a > b)", "(s = t)", "(a IS NULL)", "NULL"});
    switch (random_.below(11)) {
      case 0:
        return fmt::format("({} AND {})", condition(depth - 1), condition(depth - 1));
      case 1:
        return fmt::format("({} OR {})", condition(depth - 1), condition(depth - 1));
      case 2:
        return fmt::format("(NOT {})", condition(depth - 1));
      case 3:
        return fmt::format("({} {} {})", number(depth - 1), comparison(), number(depth - 1));
      case 4:
        return fmt::format("({} {} {})", text(depth - 1), comparison(), text(depth - 1));
      case 5:
        return fmt::format("({} {} ({}, {}, NULL))", number(depth - 1), pick({"IN", "NOT IN"}),
                           number(depth - 1), number(0));
      case 6:
        return fmt::format("({} {} {} AND {})", number(depth - 1), pick({"BETWEEN", "NOT BETWEEN"}),
                           number(depth - 1), number(depth - 1));
      case 7:
        return fmt::format("({} {} '{}')", text(depth - 1), pick({"LIKE", "NOT LIKE"}),
                           pick({"", "%", "a%", "%b", "_", "a_", "%a%b%", "€%", "_b"}));
      case 8:
        return fmt::format("({} {})", random_.below(2) == 0 ? number(depth - 1) : text(depth - 1),
                           pick({"IS NULL", "IS NOT NULL"}));
      case 9:
        return fmt::format("{}({}, {})", pick({"starts_with", "contains", "ends_with"}),
                           text(depth - 1), text(depth - 1));
      default:
        return fmt::format("({} {})", condition(depth - 1),
                           pick({"IS TRUE", "IS NOT TRUE", "IS FALSE", "IS NOT FALSE"}));
    }
  }

  std::string number(int depth) {
    if (depth == 0) return pick({"a", "b", "0", "2", "-1", "0.5", "NULL", "7"});
    switch (random_.below(7)) {
      case 0:
      case 1:
        return fmt::format("({} {} {})", number(depth - 1), pick({"+", "-", "*", "/", "%"}),
                           number(depth - 1));
      case 2:
        return fmt::format("{}({})", pick({"abs", "ceil", "floor", "round", "-"}),
                           number(depth - 1));
      case 3:
        return fmt::format("sqrt(abs({}))", number(depth - 1));
      case 4:
        return fmt::format("{}({}, {})", pick({"greatest", "least", "coalesce"}), number(depth - 1),
                           number(depth - 1));
      case 5:
        return fmt::format("length({})", text(depth - 1));
      default:
        return fmt::format("(CASE WHEN {} THEN {} ELSE {} END)", condition(depth - 1),
                           number(depth - 1), number(depth - 1));
    }
  }

  std::string text(int depth) {
    if (depth == 0) return pick({"s", "t", "'a'", "'ab'", "''", "'B'", "'€'"});
    switch (random_.below(4)) {
      case 0:
        return fmt::format("{}({})", pick({"lower", "upper"}), pick({"s", "t"}));
      case 1:
        return fmt::format("{}({}, {})", pick({"greatest", "least", "coalesce"}), text(depth - 1),
                           text(depth - 1));
      case 2:
        return fmt::format("(CASE WHEN {} THEN {} END)", condition(depth - 1), text(depth - 1));
      default:
        return text(0);
    }
  }

 private:
  std::string pick(std::vector<const char*> from) { return from[random_.below(from.size())]; }
  std::string comparison() {
    return pick({"=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"});
  }
  Random random_;
};

class Duck {
 public:
  Duck() {
    duckdb_open(nullptr, &database_);
    duckdb_connect(database_, &connection_);
    run("SET threads = 1");
    run("SET ieee_floating_point_ops = false");  // division by zero is NULL
  }
  ~Duck() {
    duckdb_disconnect(&connection_);
    duckdb_close(&database_);
  }
  // The first column of the answer, as text; "error: …" alone where DuckDB refuses.
  std::vector<std::string> run(const std::string& sql) {
    duckdb_result result;
    std::vector<std::string> cells;
    if (duckdb_query(connection_, sql.c_str(), &result) == DuckDBError) {
      cells.push_back(std::string("error: ") + duckdb_result_error(&result));
    } else {
      for (idx_t row = 0; row < duckdb_row_count(&result); ++row) {
        char* cell = duckdb_value_varchar(&result, 0, row);
        cells.emplace_back(cell == nullptr ? "NULL" : cell);
        duckdb_free(cell);
      }
    }
    duckdb_destroy_result(&result);
    return cells;
  }

 private:
  duckdb_database database_ = nullptr;
  duckdb_connection connection_ = nullptr;
};

TEST(SqlExpression, AgreesWithDuckDbOnRandomExpressions) {
  const std::vector<double> numbers = {0, 1, -1, 2, 0.5, -2.5, 7, kNull};
  const std::vector<std::string> words = {"", "B", "a", "ab", "ba", "€"};
  Random random(11);
  Table table{.rows = 60};
  table.columns = {{.name = "a"},
                   {.name = "b"},
                   {.name = "s", .is_text = true, .words = words},
                   {.name = "t", .is_text = true, .words = words}};
  Duck duck;
  duck.run("CREATE TABLE r(i INTEGER, a DOUBLE, b DOUBLE, s VARCHAR, t VARCHAR)");
  std::string insert = "INSERT INTO r VALUES ";
  for (std::size_t row = 0; row < table.rows; ++row) {
    insert += fmt::format("{}({}", row == 0 ? "" : ", ", row);
    for (Column& column : table.columns) {
      if (column.is_text) {
        const auto code = static_cast<std::uint32_t>(random.below(words.size() + 1));
        column.codes.push_back(code == words.size() ? Column::kMissing : code);
        insert += code == words.size() ? ", NULL" : fmt::format(", '{}'", words[code]);
      } else {
        column.numbers.push_back(numbers[random.below(numbers.size())]);
        const double value = column.numbers.back();
        insert += std::isnan(value) ? ", NULL" : fmt::format(", {}", value);
      }
    }
    insert += ")";
  }
  ASSERT_EQ(duck.run(insert)[0], "60");
  Writer writer(5);
  int compared = 0, refused = 0;
  for (int i = 0; i < 400; ++i) {
    const std::string text = writer.condition(1 + i % 4);
    const auto expected = duck.run("SELECT " + text + " FROM r ORDER BY i");
    if (expected[0].starts_with("error")) {  // DuckDB's own types are narrower here and there
      ++refused;
      continue;
    }
    const auto expression = SqlExpression::parse(text);
    ASSERT_TRUE(expression.has_value()) << expression.error().message;
    const auto bound = expression->bind_condition(table);
    ASSERT_TRUE(bound.has_value()) << bound.error().message;
    ASSERT_EQ(expected.size(), table.rows);
    for (std::size_t row = 0; row < table.rows; ++row) {
      const auto answer = bound->condition(row);
      const std::string ours = !answer ? "NULL" : *answer ? "true" : "false";
      ASSERT_EQ(ours, expected[row]) << text << " in row " << row;
      ++compared;
    }
  }
  EXPECT_GT(compared, 20'000);
  EXPECT_LT(refused, 60);
}

}  // namespace
}  // namespace sartor
