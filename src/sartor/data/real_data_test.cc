// The real data sets, where they lie beside the project.
#include <gmock/gmock.h>

#include "sartor/base/test_place.h"
#include "sartor/data/split.h"
#include "sartor/data/test_files.h"

namespace sartor {
namespace {

const std::string kRealData = std::string(kSourceDir) + "/../shared/data/";

#define NEED_DATA(folder)                                    \
  if (!std::filesystem::exists(kRealData + (folder))) {      \
    GTEST_SKIP() << kRealData << (folder) << " is not here"; \
  }

TEST(RealData, OnlineRetail) {
  NEED_DATA("onlineretail");
  DataSettings settings;
  settings.events = {{.files = {kRealData + "onlineretail/onlineretail.csv.gz"},
                      .user = "CustomerID",
                      .item = "StockCode",
                      .time = "InvoiceDate",
                      .type = "'purchase'",
                      .value = "Quantity * UnitPrice",
                      .group = "InvoiceNo",
                      .keep = "CustomerID IS NOT NULL AND Quantity > 0 AND UnitPrice > 0 AND "
                              "InvoiceNo NOT LIKE 'C%' AND regexp_matches(StockCode, '^[0-9]')",
                      .context = {{"country", "Country"}}}};
  IngestReport report;
  const auto data = ingest(settings, "", {.threads = 2}, report);
  ASSERT_TRUE(data.has_value()) << data.error().message;
  EXPECT_EQ(report.files[0].rows, 541'909U);
  EXPECT_EQ(report.files[0].kept, 396'337U);
  EXPECT_EQ(report.quarantined, 0U);
  EXPECT_EQ(report.removed.at("duplicate"), 5'189U);
  EXPECT_EQ(report.events, 391'148U);
  EXPECT_EQ(report.users, 4'334U);
  EXPECT_EQ(report.items, 3'659U);
  EXPECT_NE(data->users.find("17850"), Vocabulary::kNone);
  const auto split = make_split(
      interaction_log(*data),
      {.validate_from = "2011-09-05", .confirm_from = "2011-10-05", .test_from = "2011-11-05"});
  EXPECT_TRUE(split.has_value()) << split.error().message;
}

TEST(RealData, KuaiRandWithHistoriesWithoutTimes) {
  NEED_DATA("kuairand");
  DataSettings settings;
  settings.events = {{.files = {kRealData + "kuairand/log_standard_0425_0508.csv.gz"},
                      .user = "user_id",
                      .item = "video_id",
                      .time = "epoch_ms(time_ms)",
                      .type = "CASE WHEN is_click = 1 THEN 'click' ELSE 'impression' END",
                      .dwell_seconds = "play_time_ms / 1000",
                      .context = {{"tab", "tab"}}},
                     {.files = {kRealData + "kuairand/user_histories_before_0425.csv.gz"},
                      .user = "user_id",
                      .item = "unnest(string_split(watch_seq, ' '))",
                      .type = "'click'",
                      .keep = "watch_seq <> ''",
                      .untimed = true}};
  settings.users = {
      {.files = {kRealData + "kuairand/user_features_pure.csv.gz"}, .user = "user_id"}};
  settings.items = {{.files = {kRealData + "kuairand/video_features_basic_pure.csv.gz"},
                     .item = "video_id",
                     .category = "split_part(tag, ',', 1)"}};
  settings.signal.positive = "type = 'click'";
  IngestReport report;
  const auto data = ingest(settings, "", {.threads = 2}, report);
  ASSERT_TRUE(data.has_value()) << data.error().message;
  EXPECT_EQ(report.files[0].rows, 228'329U);
  // 5,460 lines are equal in every column, 418 more in every column that makes an event.
  EXPECT_EQ(report.removed.at("duplicate"), 5'878U);
  EXPECT_EQ(report.files[1].rows, 26'469U);
  EXPECT_EQ(report.users, 27'285U);
  EXPECT_EQ(report.items, 7'583U);
  EXPECT_EQ(report.quarantined, 0U);
  EXPECT_EQ(report.events - report.untimed, 222'451U);
  EXPECT_GT(report.untimed, 500'000U);
  EXPECT_EQ(data->user_attributes.columns.size(), 30U);
}

TEST(RealData, CompleteJourney) {
  NEED_DATA("completejourney");
  DataSettings settings;
  settings.events = {{.files = {kRealData + "completejourney/transactions_sample.csv.gz"},
                      .user = "household_id",
                      .item = "product_id",
                      .time = "transaction_timestamp",
                      .type = "'purchase'",
                      .value = "sales_value",
                      .group = "basket_id",
                      .keep = "quantity > 0 AND sales_value > 0"}};
  settings.users = {
      {.files = {kRealData + "completejourney/demographics.csv.gz"}, .user = "household_id"}};
  settings.items = {{.files = {kRealData + "completejourney/products.csv.gz"},
                     .item = "product_id",
                     .text = "product_type",
                     .category = "product_category",
                     .attributes = {{"brand", "brand"}}}};
  IngestReport report;
  const auto data = ingest(settings, "", {.threads = 2}, report);
  ASSERT_TRUE(data.has_value()) << data.error().message;
  EXPECT_EQ(report.files[0].rows, 75'000U);
  EXPECT_EQ(report.files[1].rows, 801U);
  EXPECT_EQ(report.items, 92'332U);  // one is sold that products.csv does not list
  EXPECT_EQ(data->user_attributes.columns.size(), 7U);
  EXPECT_TRUE(make_split(interaction_log(*data), {}).has_value());
}

}  // namespace
}  // namespace sartor
