// What becomes of rows: mapping, types, zones, sources, formats, and SQL that is up to no good.
#include "sartor/data/ingest.h"

#include <fmt/core.h>
#include <gmock/gmock.h>

#include <array>
#include <atomic>

#include "sartor/data/duckdb.h"
#include "sartor/data/test_files.h"

namespace sartor {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Ingested ingest_text(const std::string& text, const DataSettings& settings, int threads = 2) {
  const TestFolder folder;
  folder.write("log.csv", text);
  return run_ingest(folder, settings, threads);
}

Error config_error(const DataSettings& settings, const std::string& text = good_log(10)) {
  const auto result = ingest_text(text, settings);
  if (result.data) {
    ADD_FAILURE() << "accepted";
    return {ErrorCode::internal, ""};
  }
  EXPECT_EQ(result.data.error().code, ErrorCode::config) << result.data.error().message;
  return result.data.error();
}

TEST(Ingest, MapsColumnsAndOrdersEvents) {
  const auto result = ingest_text(
      "who,what,seen,paid\nb,y,2021-01-02 10:00:00,2\na,x,2021-01-01 09:00:00,\nb,x,2021-01-02 "
      "10:00:00,1\n",
      shop());
  ASSERT_TRUE(result.data.has_value()) << result.data.error().message;
  const Dataset& data = *result.data;
  EXPECT_THAT(data.users.names(), ElementsAre("a", "b"));
  EXPECT_THAT(data.items.names(), ElementsAre("x", "y"));
  EXPECT_THAT(data.types, ElementsAre("event"));
  EXPECT_THAT(data.events.user, ElementsAre(UserId{0}, UserId{1}, UserId{1}));
  EXPECT_THAT(data.events.item, ElementsAre(ItemId{0}, ItemId{0}, ItemId{1}));
  EXPECT_EQ(format_time(data.events.time[0]), "2021-01-01T09:00:00Z");
  EXPECT_TRUE(std::isnan(data.events.value[0]));
  EXPECT_EQ(data.events.value[2], 2);
  EXPECT_THAT(data.events.weight, ElementsAre(1, 1, 1));
  EXPECT_EQ(result.report.missing.at("events.value"), 1U);
  EXPECT_EQ(result.report.first, data.events.time[0]);
}

TEST(Ingest, ErasedUsersAreNotThereAndReturnAsNewOnes) {
  auto settings = shop();
  UserSource people;
  people.files = {"people.csv"};
  people.user = "id";
  settings.users = {people};
  const Time erased = *parse_time("2021-06-01");
  settings.is_erased = [&](std::size_t block, std::string_view user, Time time) {
    EXPECT_TRUE(block == 0 || block == kNoBlock);
    return (user == "gone" || user == "back") && time <= erased;
  };
  const TestFolder folder;
  folder.write("log.csv",
               "who,what,seen,paid\ngone,x,2021-01-01,1\nback,x,2021-01-02,1\n"
               "back,y,2021-07-01,2\nstays,x,2021-01-03,3\ngone,only-theirs,2021-01-04,1\n");
  folder.write("people.csv", "id,city\ngone,Ulm\nback,Bonn\nstays,Kiel\nnew,Jena\n");
  const auto result = run_ingest(folder, settings);
  ASSERT_TRUE(result.data.has_value()) << result.data.error().message;
  const Dataset& data = *result.data;
  EXPECT_THAT(data.users.names(), ElementsAre("back", "new", "stays"));
  EXPECT_THAT(data.items.names(), ElementsAre("x", "y"));
  EXPECT_EQ(data.events.size(), 2u);
  EXPECT_EQ(result.report.removed.at("erased_user"), 3u);
  const Column* city = data.user_attributes.find("city");
  ASSERT_NE(city, nullptr);
  EXPECT_THAT(city->words, ElementsAre("Jena", "Kiel"));
  EXPECT_EQ(city->codes[0], Column::kMissing) << "what was known of who came back is gone";
}

TEST(Ingest, KeepIsCountedAndNullIsFalse) {
  auto settings = shop();
  settings.events[0].keep = "paid > 1";
  const auto result = ingest_text(
      "who,what,seen,paid\na,x,2021-01-01,1\na,y,2021-01-01,2\n,,2021-01-01,\n", settings);
  ASSERT_TRUE(result.data.has_value()) << result.data.error().message;
  EXPECT_EQ(result.report.events, 1U);
  EXPECT_EQ(result.report.files[0].not_kept, 2U);  // the third has no user, but is no event at all
  EXPECT_EQ(result.report.quarantined, 0U);
}

TEST(Ingest, ARowWhoseKeepCannotBeToldIsBad) {
  auto settings = shop();
  settings.events[0].keep = "paid > 1";
  settings.data.max_bad_share = 0.5;
  const auto result = ingest_text(
      "who,what,seen,paid\na,x,2021-01-01,1\na,y,2021-01-01,2\nb,y,2021-01-01,many\n", settings);
  ASSERT_TRUE(result.data.has_value()) << result.data.error().message;
  EXPECT_EQ(result.report.files[0].bad, 1U);
  EXPECT_EQ(result.report.files[0].not_kept, 1U);
  EXPECT_EQ(result.report.quarantine[0].value, "many");
}

TEST(Ingest, WholeNumbersInFloatingColumnsHaveNoFraction) {
  auto settings = shop();
  settings.events[0].group = "basket + 0.0";
  const auto result = ingest_text(
      "who,what,seen,paid,basket\n17850.0,1.5,2021-01-01,2.55,7\n12346.0,2.0,2021-01-02,1,8\n",
      settings);
  ASSERT_TRUE(result.data.has_value()) << result.data.error().message;
  EXPECT_THAT(result.data->users.names(), ElementsAre("12346", "17850"));
  EXPECT_THAT(result.data->items.names(), ElementsAre("1.5", "2"));
  EXPECT_EQ(result.data->events.value[0], 2.55);
}

TEST(Ingest, CodesKeepTheirZerosAndTheirLetters) {
  auto settings = shop();
  settings.events[0].keep = "what NOT LIKE 'C%'";
  const auto result = ingest_text(
      "who,what,seen,paid\n007,536365,2021-01-01,1\n7,C536379,2021-01-02,1\n7,536366,2021-01-02,"
      "1\n",
      settings);
  ASSERT_TRUE(result.data.has_value()) << result.data.error().message;
  EXPECT_THAT(result.data->users.names(), ElementsAre("007", "7"));
  EXPECT_EQ(result.report.files[0].not_kept, 1U);
}

TEST(Ingest, HugeNumbersAsIdsLoseNoDigit) {
  const auto result = ingest_text(
      "who,what,seen,paid\n123456789012345678901,1,2021-01-01,1\n123456789012345678902,1,2021-01-"
      "01,"
      "1\n",
      shop());
  ASSERT_TRUE(result.data.has_value()) << result.data.error().message;
  EXPECT_THAT(result.data->users.names(),
              ElementsAre("123456789012345678901", "123456789012345678902"));
}

TEST(Ingest, NaiveTimesAreInTheSourcesZone) {
  auto settings = shop();
  settings.events[0].time_zone = "Europe/Berlin";
  const auto result = ingest_text(
      "who,what,seen,paid\na,x,2021-03-28 01:59:00,1\na,x,2021-03-28 03:00:00,1\na,x,2021-10-31 "
      "01:00:00,1\na,x,2021-10-31 04:00:00,1\n",
      settings);
  ASSERT_TRUE(result.data.has_value()) << result.data.error().message;
  const auto& time = result.data->events.time;
  EXPECT_EQ(format_time(time[0]), "2021-03-28T00:59:00Z");
  EXPECT_EQ(time[1] - time[0], 60 * kSecond);  // the hour from 2 to 3 was left out
  EXPECT_EQ(format_time(time[2]), "2021-10-30T23:00:00Z");
  EXPECT_EQ(time[3] - time[2], 4 * kHour);  // the hour from 2 to 3 came twice
}

TEST(Ingest, TimesWithAnOffsetKeepIt) {
  auto settings = shop();
  settings.events[0].time_zone = "Asia/Shanghai";
  const auto result = ingest_text(
      "who,what,seen,paid\na,x,2021-01-01 "
      "10:00:00+02:00,1\nb,x,2021-01-01T10:00:00Z,1\nc,x,2021-01-01 "
      "10:00:00,1\n",
      settings);
  ASSERT_TRUE(result.data.has_value()) << result.data.error().message;
  const auto& time = result.data->events.time;  // c, a, b
  EXPECT_EQ(format_time(time[0]), "2021-01-01T02:00:00Z");
  EXPECT_EQ(format_time(time[1]), "2021-01-01T08:00:00Z");
  EXPECT_EQ(format_time(time[2]), "2021-01-01T10:00:00Z");
}

TEST(Ingest, EpochsAreNeverGuessedAndNeverShifted) {
  const std::string text = "who,what,seen,paid\na,x,1609459200000,1\n";
  EXPECT_THAT(config_error(shop(), text).message, HasSubstr("epoch_ms(seen)"));
  auto settings = shop();
  settings.events[0].time_zone = "Asia/Shanghai";
  for (const char* time : {"epoch_ms(seen)", "to_timestamp(seen / 1000)"}) {
    settings.events[0].time = time;
    const auto result = ingest_text(text, settings);
    ASSERT_TRUE(result.data.has_value()) << result.data.error().message;
    EXPECT_EQ(format_time(result.data->events.time[0]), "2021-01-01T00:00:00Z");
  }
}

TEST(Ingest, TimesInAnotherWritingAreAskedFor) {
  const std::string text = "who,what,seen,paid\na,x,31.12.2020 10:30,1\n";
  EXPECT_THAT(config_error(shop(), text).message, HasSubstr("strptime(seen, "));
  auto settings = shop();
  settings.events[0].time = "strptime(seen, '%d.%m.%Y %H:%M')";
  const auto result = ingest_text(text, settings);
  ASSERT_TRUE(result.data.has_value()) << result.data.error().message;
  EXPECT_EQ(format_time(result.data->events.time[0]), "2020-12-31T10:30:00Z");
}

TEST(Ingest, UnnestGivesSeveralEventsInOrderAndUntimedRepeatsStay) {
  DataSettings settings = shop();
  EventSource& source = settings.events[0];
  source = {.files = {"log.csv"}, .user = "who", .item = "unnest(string_split(seq, ' '))"};
  source.untimed = true;
  source.keep = "seq <> ''";
  const auto result = ingest_text("who,seq\nb,3 3 1\na,\"\"\nc,2\n", settings);
  ASSERT_TRUE(result.data.has_value()) << result.data.error().message;
  const Events& events = result.data->events;
  EXPECT_THAT(events.user, ElementsAre(UserId{0}, UserId{0}, UserId{0}, UserId{1}));
  EXPECT_THAT(events.item, ElementsAre(ItemId{2}, ItemId{2}, ItemId{0}, ItemId{1}));
  EXPECT_EQ(events.time[0], kUntimed);
  EXPECT_EQ(result.report.untimed, 4U);
  EXPECT_EQ(result.report.files[0].kept, 2U);
  EXPECT_EQ(result.report.files[0].not_kept, 1U);
}

TEST(Ingest, SeveralSourcesShareNamesAndContext) {
  const TestFolder folder;
  folder.write("a.csv", "who,what,seen,paid,device\nu,x,2021-01-02,1,tablet\n");
  folder.write("b.csv", "id,video\nu,y\nv,x\n");
  auto settings = shop("a.csv");
  settings.events[0].context = {{"device", "device"}};
  EventSource second{.files = {"b.csv"}, .user = "id", .item = "video", .type = "'watch'"};
  second.untimed = true;
  second.context = {{"page", "3"}};
  settings.events.push_back(second);
  const auto result = run_ingest(folder, settings);
  ASSERT_TRUE(result.data.has_value()) << result.data.error().message;
  const Dataset& data = *result.data;
  EXPECT_THAT(data.users.names(), ElementsAre("u", "v"));
  EXPECT_THAT(data.types, ElementsAre("event", "watch"));
  ASSERT_EQ(data.events.context.size(), 2U);
  EXPECT_EQ(data.events.context[0].name, "device");
  EXPECT_THAT(data.events.context[0].codes, ElementsAre(Column::kMissing, Column::kMissing, 0U));
  EXPECT_EQ(data.events.context[1].numbers[0], 3);
  EXPECT_TRUE(std::isnan(data.events.context[1].numbers[2]));
  EXPECT_EQ(result.report.missing.at("events.context.device"), 2U);
}

TEST(Ingest, AttributesOfUsersAndItems) {
  const TestFolder folder;
  folder.write("log.csv", "who,what,seen,paid\nu2,x,2021-01-01,1\n");
  folder.write("users.csv", "id,age,town\nu1,30,Ulm\nu2,,Köln\nu1,31,Bonn\n");
  folder.write("items.csv", "sku,label,cat,cost,colour\nx,A thing,1,2.5,red\nz,Another,2,,\n");
  auto settings = shop();
  settings.users = {{.files = {"users.csv"}, .user = "id"}};
  settings.items = {{.files = {"items.csv"},
                     .item = "sku",
                     .text = "label",
                     .category = "cat",
                     .price = "cost",
                     .attributes = {{"is_red", "colour = 'red'"}}}};
  const auto result = run_ingest(folder, settings);
  ASSERT_TRUE(result.data.has_value()) << result.data.error().message;
  const Dataset& data = *result.data;
  EXPECT_THAT(data.users.names(), ElementsAre("u1", "u2"));
  EXPECT_THAT(data.items.names(), ElementsAre("x", "z"));
  const Column* age = data.user_attributes.find("age");
  ASSERT_NE(age, nullptr);
  EXPECT_EQ(age->numbers[0], 30);  // the first one counts
  EXPECT_TRUE(std::isnan(age->numbers[1]));
  const Column* town = data.user_attributes.find("town");
  ASSERT_NE(town, nullptr);
  EXPECT_EQ(town->words[town->codes[1]], "Köln");
  EXPECT_THAT(data.item_attributes.find("category")->words, ElementsAre("1", "2"));
  EXPECT_EQ(data.item_attributes.find("price")->numbers[0], 2.5);
  EXPECT_EQ(data.item_attributes.find("is_red")->numbers[0], 1);
  EXPECT_EQ(result.report.missing.at("users.age"), 1U);
  EXPECT_EQ(result.report.missing.at("items.price"), 1U);
}

TEST(Ingest, EveryFormatGivesTheSameDataset) {
  const TestFolder folder;
  std::string text = good_log(3000);
  folder.write("log.csv", text);
  folder.write("log.csv.gz", gzipped(text));
  folder.write("log.csv.zst", zstd_compressed(text));
  std::string tabs = text;
  std::replace(tabs.begin(), tabs.end(), ',', '\t');
  folder.write("log.tsv", tabs);
  {
    auto db = DuckDb::open({}, folder.path());
    ASSERT_TRUE(db.has_value());
    const std::string from =
        "COPY (SELECT * FROM read_csv(" + sql_text(folder / "log.csv") + ")) TO ";
    ASSERT_TRUE(db->run(from + sql_text(folder / "log.parquet") + " (FORMAT parquet)"));
    ASSERT_TRUE(db->run(from + sql_text(folder / "log.jsonl") + " (FORMAT json)"));
  }
  const auto csv = run_ingest(folder, shop("log.csv"));
  ASSERT_TRUE(csv.data.has_value()) << csv.data.error().message;
  EXPECT_EQ(csv.report.events, 3000U);
  for (const char* name : {"log.csv.gz", "log.csv.zst", "log.tsv", "log.parquet", "log.jsonl"}) {
    const auto other = run_ingest(folder, shop(name));
    ASSERT_TRUE(other.data.has_value()) << name << ": " << other.data.error().message;
    EXPECT_EQ(other.data->fingerprint, csv.data->fingerprint) << name;
  }
}

TEST(Ingest, WholeNumbersOfParquetAreTheIdsThatTheirDigitsAre) {
  const TestFolder folder;
  const std::string rows =
      "SELECT unnest([7, -7, 70000000, 7, 9223372036854775807, 70000000])::BIGINT AS who, "
      "unnest([3, 4, 3, 250, 0, 4])::UTINYINT AS what, TIMESTAMP '2021-01-01' + to_days("
      "generate_subscripts([0, 1, 2, 3, 4, 5], 1)::INTEGER) AS seen, 1 AS paid";
  auto db = DuckDb::open({}, folder.path());
  ASSERT_TRUE(db.has_value());
  for (const char* name : {"log.parquet", "log.csv"})
    ASSERT_TRUE(db->run("COPY (" + rows + ") TO " + sql_text(folder / name)));
  const auto numbers = run_ingest(folder, shop("log.parquet"));
  ASSERT_TRUE(numbers.data.has_value()) << numbers.data.error().message;
  EXPECT_THAT(numbers.data->users.names(),
              ElementsAre("-7", "7", "70000000", "9223372036854775807"));
  EXPECT_THAT(numbers.data->items.names(), ElementsAre("0", "250", "3", "4"));
  const auto texts = run_ingest(folder, shop("log.csv"));
  ASSERT_TRUE(texts.data.has_value()) << texts.data.error().message;
  EXPECT_EQ(numbers.data->fingerprint, texts.data->fingerprint);
}

TEST(Ingest, NestedJson) {
  const TestFolder folder;
  folder.write(
      "log.jsonl",
      "{\"id\": 7, \"seen\": \"2021-01-01T00:00:00Z\", \"items\": [\"a\", \"b\"], \"device\": "
      "{\"os\": \"ios\"}}\n{\"id\": 8, \"seen\": \"2021-01-02T00:00:00Z\", \"items\": [\"c\"], "
      "\"device\": {\"os\": null}}\n");
  DataSettings settings;
  settings.events = {
      {.files = {"log.jsonl"}, .user = "id", .item = "unnest(items)", .time = "seen"}};
  settings.events[0].context = {{"os", "device.os"}};
  const auto result = run_ingest(folder, settings);
  ASSERT_TRUE(result.data.has_value()) << result.data.error().message;
  EXPECT_THAT(result.data->items.names(), ElementsAre("a", "b", "c"));
  EXPECT_THAT(result.data->events.context[0].words, ElementsAre("ios"));
}

TEST(Ingest, SameBitsAtAnyThreadCount) {
  const TestFolder folder;
  std::string text = good_log(300'000);
  folder.write("log.csv", text);
  auto settings = shop();
  settings.signal.positive = "value > 2";
  settings.signal.weight = "value / 3";
  settings.clean.burst_seconds = 30;
  const auto one = run_ingest(folder, settings, 1);
  const auto two = run_ingest(folder, settings, 2);
  ASSERT_TRUE(one.data.has_value()) << one.data.error().message;
  EXPECT_GT(one.report.positives, 0U);
  EXPECT_EQ(one.data->fingerprint, two.data->fingerprint);
}

TEST(Ingest, PositivesAndTheirWeights) {
  auto settings = shop();
  settings.events[0].type = "what_happened";
  settings.events[0].group = "basket";
  settings.events[0].context = {{"device", "device"}};
  settings.signal.positive =
      "type = 'buy' AND context.device = 'tablet' AND user <> 'b' AND "
      "time >= '2021-01-01' AND \"group\" IS NOT NULL";
  settings.signal.weight = "value";
  const auto result = ingest_text(
      "who,what,seen,paid,what_happened,device,basket\n"
      "a,x,2021-01-01,2,buy,tablet,1\na,y,2021-01-01,2,view,tablet,1\n"
      "b,x,2021-01-01,2,buy,tablet,1\na,z,2021-01-01,-1,buy,tablet,1\n"
      "a,q,2021-01-01,2,buy,tablet,\n",
      settings);
  ASSERT_TRUE(result.data.has_value()) << result.data.error().message;
  EXPECT_EQ(result.report.positives, 1U);
  EXPECT_EQ(result.report.changed.at("weight_not_positive"), 1U);
  EXPECT_EQ(result.data->events.weight[1], 2);  // q, x, y, z of a
}

TEST(Ingest, PositivesByWordsAreThoseOfEveryEvent) {
  const TestFolder folder;
  std::string text = "who,what,seen,paid,device\n";
  for (int i = 0; i < 600; ++i) {
    text +=
        fmt::format("u{},i{},2021-01-{:02} 00:{:02}:00,{},{}\n", i % 7, i % 11, 1 + i % 28, i % 60,
                    i % 4, std::array{"tablet", "", "phone"}[static_cast<std::size_t>(i % 3)]);
  }
  folder.write("log.csv", text);
  auto settings = shop();
  settings.events[0].type = "what";
  settings.events[0].context = {{"device", "device"}};
  const std::string words =
      "type <> 'i3' AND coalesce(context.device, 'none') IN ('tablet', 'none')";
  settings.signal.positive = words;
  settings.signal.weight = "CASE WHEN type = 'i4' THEN 0 ELSE length(type) END";
  const auto combined = run_ingest(folder, settings);
  ASSERT_TRUE(combined.data.has_value()) << combined.data.error().message;
  settings.signal.positive = words + " AND (value IS NULL OR value >= 0)";  // not of words alone
  const auto each = run_ingest(folder, settings);
  ASSERT_TRUE(each.data.has_value()) << each.data.error().message;
  EXPECT_GT(combined.report.positives, 200U);
  EXPECT_GT(combined.report.changed.at("weight_not_positive"), 0U);
  EXPECT_EQ(combined.report.changed, each.report.changed);
  EXPECT_EQ(combined.data->fingerprint, each.data->fingerprint);
}

TEST(Ingest, RareItemsAreLeftOutAndCounted) {
  auto settings = shop();
  settings.data.min_item_events = 2;
  settings.data.min_item_users = 2;
  const auto result = ingest_text(
      "who,what,seen,paid\na,x,2021-01-01,1\nb,x,2021-01-02,1\na,y,2021-01-01,1\na,y,2021-01-02,"
      "1\nb,"
      "z,"
      "2021-01-01,1\n",
      settings);
  ASSERT_TRUE(result.data.has_value()) << result.data.error().message;
  EXPECT_THAT(result.data->items.names(), ElementsAre("x"));
  EXPECT_EQ(result.report.items_left_out, 2U);
  EXPECT_EQ(result.report.removed.at("rare_item"), 3U);
}

TEST(Ingest, ExpressionsThatAreMoreThanOneAreRefused) {
  const char* bad[] = {
      "who) FROM read_csv('/etc/passwd') --",
      "who; DROP TABLE raw",
      "(SELECT content FROM read_text('/etc/passwd'))",
      "read_text('/etc/passwd')",
      "who), (what",
      "COPY raw TO '/tmp/x.csv'",
      "who FROM raw",
      "getenv('HOME')",
      "current_setting('temp_directory')",
      "repeat(who, 1000000000)",
      "count(*) OVER ()",
      "max(who)",
      "COLUMNS(*)",
      "nextval('x')",
      "$1",
      "list_transform([1], lambda x: x)",
      "random()",
      "who /* ",
  };
  for (const char* text : bad) {
    SCOPED_TRACE(text);
    auto settings = shop();
    settings.events[0].user = text;
    EXPECT_THAT(config_error(settings).message, HasSubstr("events[0].user"));
    settings = shop();
    settings.signal.positive = text;
    EXPECT_THAT(config_error(settings).message, HasSubstr("signal.positive"));
  }
}

TEST(Ingest, TypesAreNoWayIn) {
  auto settings = shop();
  settings.events[0].types = {{"who", "INTEGER) AS x, (SELECT 1"}};
  EXPECT_THAT(config_error(settings).message, HasSubstr("events[0].types.who"));
  settings.events[0].types = {{"paid", "VARCHAR"}};
  EXPECT_THAT(config_error(settings).message, HasSubstr("expected a number"));
}

TEST(Ingest, WrongExpressionsNameKeyTextReasonAndTheNearestColumn) {
  auto settings = shop();
  settings.events[0].value = "piad * 2";
  auto message = config_error(settings).message;
  EXPECT_THAT(message, HasSubstr("events[0].value = 'piad * 2'"));
  EXPECT_THAT(message, HasSubstr("did you mean 'paid'?"));
  settings = shop();
  settings.events[0].value = "paid * * 2";
  EXPECT_THAT(config_error(settings).message, HasSubstr("syntax error"));
  settings = shop();
  settings.events[0].value = "upper(who)";
  EXPECT_THAT(config_error(settings).message, HasSubstr("expected a number, found text"));
  settings = shop();
  settings.signal.positive = "valeu > 3";
  EXPECT_THAT(config_error(settings).message, HasSubstr("did you mean 'value'?"));
  settings = shop();
  settings.events[0].time_zone = "Europe/Berln";
  EXPECT_THAT(config_error(settings).message, HasSubstr("'Europe/Berlin'"));
  settings = shop();
  settings.events[0].user = "";
  EXPECT_THAT(config_error(settings).message, HasSubstr("events[0].user"));
}

TEST(Ingest, AnExpressionThatFailsOnARowIsNamed) {
  auto settings = shop();
  settings.events[0].group = "CAST(who AS INTEGER)";
  const auto message = config_error(settings).message;
  EXPECT_THAT(message, HasSubstr("events[0].group"));
  EXPECT_THAT(message, HasSubstr("u0"));
}

TEST(Ingest, ColumnsMayBeCalledLikeWordsOfSql) {
  DataSettings settings;
  settings.events = {{.files = {"log.csv"}, .user = "user", .item = "order", .time = "at"}};
  settings.events[0].group = "group";
  const auto result = ingest_text("user,order,at,group\nu,i,2021-01-01,g\n", settings);
  ASSERT_TRUE(result.data.has_value()) << result.data.error().message;
  EXPECT_EQ(result.report.events, 1U);
}

TEST(Ingest, CommentsInAnExpressionAreHarmless) {
  auto settings = shop();
  settings.events[0].user = "who -- the customer";
  const auto result = ingest_text(good_log(10), settings);
  EXPECT_TRUE(result.data.has_value()) << result.data.error().message;
}

// Wherever the interruption strikes, it is one: never an expression's or a time zone's fault.
TEST(Ingest, CanBeCancelled) {
  const TestFolder folder;
  folder.write("log.csv", good_log(10));
  const std::atomic<bool> cancelled = true;
  for (int round = 0; round < 30; ++round) {
    IngestReport report;
    const auto data =
        ingest(shop(), folder.path(), {.threads = 1, .cancelled = &cancelled}, report);
    ASSERT_FALSE(data.has_value());
    ASSERT_EQ(data.error().code, ErrorCode::cancelled) << data.error().message;
  }
}

TEST(DuckDb, ALockedDatabaseTouchesNoFile) {
  const TestFolder folder;
  const TestFolder scratch;  // the one folder that stays open, for spills
  folder.write("log.csv", good_log(10));
  auto db = DuckDb::open({}, scratch.path());
  ASSERT_TRUE(db.has_value());
  const std::string read = "SELECT * FROM read_csv(" + sql_text(folder / "log.csv") + ")";
  ASSERT_TRUE(db->run(read));
  ASSERT_TRUE(db->lock());
  EXPECT_FALSE(db->run(read));
  EXPECT_FALSE(db->run("COPY (SELECT 1) TO " + sql_text(folder / "out.csv")));
  EXPECT_FALSE(db->run("ATTACH " + sql_text(folder / "x.db")));
  EXPECT_FALSE(db->run("SET enable_external_access = true"));
  EXPECT_FALSE(db->run("INSTALL httpfs"));
  EXPECT_FALSE(db->run("SET lock_configuration = false"));
}

TEST(DuckDb, AStatementEndsAtItsDeadline) {
  const TestFolder folder;
  auto db = DuckDb::open({}, folder.path(), 0.2);
  ASSERT_TRUE(db.has_value());
  const auto slow = db->number(
      "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE "
      "a.range * b.range % 7 = 3");
  ASSERT_FALSE(slow.has_value());
  EXPECT_THAT(slow.error().message, HasSubstr("longer than"));
  EXPECT_TRUE(db->number("SELECT 1").has_value());
}

}  // namespace
}  // namespace sartor
