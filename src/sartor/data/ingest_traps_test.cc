// Files as they come: each trap that a reader of logs must not fall into.
#include <gmock/gmock.h>

#include "sartor/data/test_files.h"

namespace sartor {
namespace {

using testing::HasSubstr;

// The one failure of reading `log.csv` with these contents.
Error failure(const std::string& contents, const std::string& name = "log.csv") {
  const TestFolder folder;
  folder.write(name, contents);
  const auto result = run_ingest(folder, shop(name));
  EXPECT_FALSE(result.data.has_value());
  return result.data ? Error{ErrorCode::internal, "no failure"} : result.data.error();
}

// Reads good lines with `bad` among them, at line 100, which the bad share allows.
Ingested with_bad_line(const std::string& bad, DataSettings settings = shop()) {
  std::string text = good_log(1000);
  std::size_t at = 0;
  for (int line = 1; line < 100; ++line) at = text.find('\n', at) + 1;
  text.insert(at, bad + "\n");
  const TestFolder folder;
  folder.write("log.csv", text);
  return run_ingest(folder, settings);
}

void expect_quarantined(const Ingested& result, const std::string& column,
                        const std::string& reason) {
  ASSERT_TRUE(result.data.has_value()) << result.data.error().message;
  EXPECT_EQ(result.report.events, 1000U);
  EXPECT_EQ(result.report.quarantined, 1U);
  ASSERT_EQ(result.report.quarantine.size(), 1U);
  EXPECT_EQ(result.report.quarantine[0].line, 100U);
  EXPECT_THAT(result.report.quarantine[0].source, HasSubstr("log.csv"));
  EXPECT_EQ(result.report.quarantine[0].column, column);
  EXPECT_THAT(result.report.quarantine[0].reason, HasSubstr(reason));
  ASSERT_EQ(result.report.files.size(), 1U);
  EXPECT_EQ(result.report.files[0].rows, 1001U);
  EXPECT_EQ(result.report.files[0].bad, 1U);
  EXPECT_EQ(result.report.files[0].kept, 1000U);
}

TEST(IngestTraps, TruncatedGzip) {
  const std::string whole = gzipped(good_log(5000));
  const Error error = failure(whole.substr(0, whole.size() / 2), "log.csv.gz");
  EXPECT_EQ(error.code, ErrorCode::bad_data);
  EXPECT_THAT(error.message, HasSubstr("log.csv.gz"));
  EXPECT_THAT(error.message, HasSubstr("truncated"));
}

TEST(IngestTraps, GzipWithoutItsLastBytes) {
  const std::string whole = gzipped(good_log(5000));
  EXPECT_THAT(failure(whole.substr(0, whole.size() - 4), "log.csv.gz").message,
              HasSubstr("truncated"));
}

TEST(IngestTraps, DamagedGzip) {
  std::string bytes = gzipped(good_log(5000));
  bytes[bytes.size() - 6] ^= 1;  // in the checksum
  const Error error = failure(bytes, "log.csv.gz");
  EXPECT_EQ(error.code, ErrorCode::bad_data);
  EXPECT_THAT(error.message, HasSubstr("damaged"));
}

TEST(IngestTraps, TruncatedZstd) {
  const std::string whole = zstd_compressed(good_log(5000));
  EXPECT_THAT(failure(whole.substr(0, whole.size() / 2), "log.csv.zst").message,
              HasSubstr("truncated"));
}

TEST(IngestTraps, UnclosedQuoteNamesTheLineWhereItOpened) {
  std::string text = good_log(3000);
  text.insert(text.find("u0,i0,2021-01-01 01:10"), "u1,\"i1,2021-01-01 00:00:00,1\n");
  const Error error = failure(text);
  EXPECT_EQ(error.code, ErrorCode::bad_data);
  EXPECT_THAT(error.message, HasSubstr("line 72:"));
  EXPECT_THAT(error.message, HasSubstr("quote"));
}

TEST(IngestTraps, UnclosedQuoteThatAnotherFieldCloses) {
  std::string text = good_log(1000) + "u1,\"i1,2021-01-01 00:00:00,1\n";
  text += good_log(1000).substr(19) + "u2,\"i 2\",2021-01-01 00:00:00,1\n";
  const Error error = failure(text);
  EXPECT_EQ(error.code, ErrorCode::bad_data);
  EXPECT_THAT(error.message, HasSubstr("line 1002:"));
}

TEST(IngestTraps, QuotedLineBreaksAreNoTrap) {
  std::string text = good_log(1000);
  text.insert(19, "u9,\"one\ntwo, \"\"three\"\"\",2021-01-01 00:00:00,1\n");
  text += "u9,i9,never,1\n";
  const TestFolder folder;
  folder.write("log.csv", text);
  const auto result = run_ingest(folder, shop());
  ASSERT_TRUE(result.data.has_value()) << result.data.error().message;
  EXPECT_EQ(result.report.events, 1001U);
  EXPECT_NE(result.data->items.find("one\ntwo, \"three\""), Vocabulary::kNone);
  ASSERT_EQ(result.report.quarantine.size(), 1U);
  EXPECT_EQ(result.report.quarantine[0].line, 1004U);  // 1 + 2 + 1000 lines stand before it
}

TEST(IngestTraps, WrongHeaderNamesTheNearestColumn) {
  std::string text = good_log(10);
  text.replace(0, 3, "woh");
  const Error error = failure(text);
  EXPECT_EQ(error.code, ErrorCode::config);
  EXPECT_THAT(error.message, HasSubstr("events[0].user"));
  EXPECT_THAT(error.message, HasSubstr("no column 'who'"));
  EXPECT_THAT(error.message, HasSubstr("'woh'"));
}

TEST(IngestTraps, HeaderThatIsNotTheExpectedOne) {
  const TestFolder folder;
  folder.write("log.csv", good_log(10));
  auto settings = shop();
  settings.events[0].header = {"who", "what", "seen", "price"};
  const auto result = run_ingest(folder, settings);
  ASSERT_FALSE(result.data.has_value());
  EXPECT_EQ(result.data.error().code, ErrorCode::bad_data);
  EXPECT_THAT(result.data.error().message, HasSubstr("line 1"));
}

TEST(IngestTraps, SecondFileWithAnotherHeader) {
  const TestFolder folder;
  folder.write("a.csv", good_log(10));
  folder.write("b.csv", "who,item,seen,paid\nu1,i1,2021-01-01,1\n");
  const auto result = run_ingest(folder, shop("*.csv"));
  ASSERT_FALSE(result.data.has_value());
  EXPECT_EQ(result.data.error().code, ErrorCode::bad_data);
  EXPECT_THAT(result.data.error().message, HasSubstr("b.csv: line 1"));
  EXPECT_THAT(result.data.error().message, HasSubstr("'what'"));
}

TEST(IngestTraps, EmptyFile) {
  EXPECT_THAT(failure("").message, HasSubstr("empty"));
  EXPECT_EQ(failure("").code, ErrorCode::bad_data);
  EXPECT_THAT(failure(gzipped(""), "log.csv.gz").message, HasSubstr("empty"));
}

TEST(IngestTraps, HeaderOnly) {
  const Error error = failure("who,what,seen,paid\n");
  EXPECT_EQ(error.code, ErrorCode::bad_data);
  EXPECT_THAT(error.message, HasSubstr("not one row"));
}

TEST(IngestTraps, NoSuchFile) {
  const TestFolder folder;
  const auto result = run_ingest(folder, shop("none.csv"));
  ASSERT_FALSE(result.data.has_value());
  EXPECT_EQ(result.data.error().code, ErrorCode::not_found);
  EXPECT_THAT(result.data.error().message, HasSubstr("none.csv"));
}

TEST(IngestTraps, NulBytes) {
  expect_quarantined(with_bad_line(std::string("u1,i\0x,2021-01-01 00:00:00,1", 28)), "item (what)",
                     "NUL");
}

TEST(IngestTraps, BadUtf8) {
  expect_quarantined(with_bad_line("u1,i\xff\xfe,2021-01-01 00:00:00,1"), "what", "UTF-8");
}

TEST(IngestTraps, Utf16) {
  const Error error = failure(std::string("\xff\xfew\0h\0o\0", 8));
  EXPECT_THAT(error.message, HasSubstr("UTF-16"));
}

TEST(IngestTraps, NanAndInfinities) {
  for (const char* value : {"nan", "inf", "-inf", "1e400"}) {
    SCOPED_TRACE(value);
    expect_quarantined(with_bad_line(std::string("u1,i1,2021-01-01 00:00:00,") + value),
                       "value (paid)", "finite");
  }
}

TEST(IngestTraps, TimesInTheFuture) {
  expect_quarantined(with_bad_line("u1,i1,2031-01-01 00:00:00,1"), "time (seen)", "future");
  auto settings = shop();
  settings.data.now = "2030-12-31";
  settings.data.future_hours = 24;
  const auto result = with_bad_line("u1,i1,2031-01-01 00:00:00,1", settings);
  ASSERT_TRUE(result.data.has_value());
  EXPECT_EQ(result.report.events, 1001U);
}

TEST(IngestTraps, MissingUserItemAndTime) {
  expect_quarantined(with_bad_line(",i1,2021-01-01 00:00:00,1"), "user (who)", "missing");
  expect_quarantined(with_bad_line("u1,,2021-01-01 00:00:00,1"), "item (what)", "missing");
  expect_quarantined(with_bad_line("u1,i1,,1"), "time (seen)", "missing");
}

TEST(IngestTraps, WrongNumberOfColumns) {
  expect_quarantined(with_bad_line("u1,i1,2021-01-01 00:00:00"), "paid", "expected 4 columns");
  expect_quarantined(with_bad_line("u1,i1,2021-01-01 00:00:00,1,2"), "", "expected 4 columns");
}

TEST(IngestTraps, ValueThatIsNoNumber) {
  expect_quarantined(with_bad_line("u1,i1,2021-01-01 00:00:00,lots"), "paid", "is not a number");
}

TEST(IngestTraps, TimeThatIsNoTime) {
  expect_quarantined(with_bad_line("u1,i1,yesterday,1"), "seen", "is not a time");
}

TEST(IngestTraps, MixedLineEnds) {
  std::string text = good_log(1000);
  for (std::size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at + 60)) {
    text.insert(at, "\r");
    at += 2;
  }
  const TestFolder folder;
  folder.write("log.csv", text);
  folder.write("plain.csv", good_log(1000));
  const auto mixed = run_ingest(folder, shop());
  const auto plain = run_ingest(folder, shop("plain.csv"));
  ASSERT_TRUE(mixed.data.has_value()) << mixed.data.error().message;
  EXPECT_EQ(mixed.report.events, 1000U);
  EXPECT_EQ(mixed.data->fingerprint, plain.data->fingerprint);
}

TEST(IngestTraps, LineEndsOfOldMacsAndBlankLinesAndByteOrderMark) {
  std::string text = good_log(100);
  std::replace(text.begin(), text.end(), '\n', '\r');
  const TestFolder folder;
  folder.write("log.csv", text);
  folder.write("plain.csv", good_log(100));
  std::string marked = "\xef\xbb\xbf" + good_log(100) + "\n\n";
  marked.insert(20, "\n");
  const auto plain = run_ingest(folder, shop("plain.csv"));
  const auto mac = run_ingest(folder, shop());
  ASSERT_TRUE(mac.data.has_value()) << mac.data.error().message;
  EXPECT_EQ(mac.data->fingerprint, plain.data->fingerprint);
  folder.write("log.csv", "\xef\xbb\xbf" + good_log(100) + "\n\n");
  const auto bom = run_ingest(folder, shop());
  ASSERT_TRUE(bom.data.has_value()) << bom.data.error().message;
  EXPECT_EQ(bom.data->fingerprint, plain.data->fingerprint);
}

TEST(IngestTraps, TenMegabyteLine) {
  // As an id it is a bad row that is listed; in a column that nobody uses, a row like any other.
  expect_quarantined(with_bad_line(std::string(10'000'000, 'x') + ",i1,2021-01-01 00:00:00,1"),
                     "user (who)", "longer than");
  std::string text = "who,what,seen,paid,note\n";
  text += "u1,i1,2021-01-01 00:00:00,1,ok\n";
  text += "u2,i1,2021-01-01 00:00:00,1," + std::string(10'000'000, 'x') + "\n";
  text += "u3,i1,2021-01-01 00:00:00,1,ok\n";
  const TestFolder folder;
  folder.write("log.csv", text);
  const auto result = run_ingest(folder, shop());
  ASSERT_TRUE(result.data.has_value()) << result.data.error().message;
  EXPECT_EQ(result.report.events, 3U);
}

TEST(IngestTraps, TooManyBadRowsStopTheRunAndAreListed) {
  std::string text = good_log(100);
  text += "u1,i1,,1\nu2,i2,,2\n,i3,2021-01-01,3\n";
  const TestFolder folder;
  folder.write("log.csv", text);
  const auto result = run_ingest(folder, shop());
  ASSERT_FALSE(result.data.has_value());
  EXPECT_EQ(result.data.error().code, ErrorCode::bad_data);
  EXPECT_THAT(result.data.error().message, HasSubstr("3 of 103 rows are bad"));
  EXPECT_THAT(result.data.error().message, HasSubstr("line 102"));
  EXPECT_EQ(result.report.quarantined, 3U);
  ASSERT_TRUE(write_quarantine(result.report, folder / "quarantine.csv"));
  const auto written = read_file(folder / "quarantine.csv");
  ASSERT_TRUE(written.has_value());
  EXPECT_THAT(*written, HasSubstr("log.csv,104,user (who),,is missing"));
}

TEST(IngestTraps, BadRowsInEveryPlaceKeepTheirLines) {
  // Rejected by the parser, by the type and by the value: lines must agree after each other.
  std::string text = good_log(2000);
  std::vector<std::string> bad = {"u1,i1", "u1,i1,never,1", "u1,i1,2021-01-01,inf", "u1,i1,a,b,c,d",
                                  ",i1,2021-01-01,1"};
  std::size_t at = 0;
  int line = 1;
  std::vector<std::uint64_t> expected;
  for (const std::string& row : bad) {
    for (int i = 0; i < 100; ++i, ++line) at = text.find('\n', at) + 1;
    text.insert(at, row + "\n");
    expected.push_back(static_cast<std::uint64_t>(line));
    at += row.size() + 1;
    ++line;
  }
  const TestFolder folder;
  folder.write("log.csv", text);
  const auto result = run_ingest(folder, shop());
  ASSERT_TRUE(result.data.has_value()) << result.data.error().message;
  std::vector<std::uint64_t> lines;
  for (const auto& entry : result.report.quarantine) lines.push_back(entry.line);
  EXPECT_THAT(lines, testing::UnorderedElementsAreArray(expected));
  EXPECT_EQ(result.report.events, 2000U);
}

TEST(IngestTraps, JsonLinesThatAreNone) {
  std::string text;
  for (int r = 0; r < 300; ++r) {
    text += "{\"who\": \"u1\", \"what\": \"i" + std::to_string(r) +
            "\", \"seen\": \"2021-01-01\", \"paid\": 1}\n";
  }
  text.insert(0,
              "{\"who\": \"u1\", \n{\"who\": \"u\\u0000\", \"what\": \"i\", \"seen\": "
              "\"2021-01-01\", \"paid\": 1}\n[1, 2]\n");
  const TestFolder folder;
  folder.write("log.jsonl", text);
  const auto result = run_ingest(folder, shop("log.jsonl"));
  ASSERT_TRUE(result.data.has_value()) << result.data.error().message;
  EXPECT_EQ(result.report.events, 300U);
  ASSERT_EQ(result.report.quarantine.size(), 3U);
  EXPECT_EQ(result.report.quarantine[0].line, 1U);
  EXPECT_EQ(result.report.quarantine[1].line, 2U);
  EXPECT_THAT(result.report.quarantine[1].reason, HasSubstr("NUL"));
}

TEST(IngestTraps, BrokenParquet) {
  const Error error = failure("PAR1 this is none", "log.parquet");
  EXPECT_EQ(error.code, ErrorCode::bad_data);
  EXPECT_THAT(error.message, HasSubstr("log.parquet"));
}

}  // namespace
}  // namespace sartor
