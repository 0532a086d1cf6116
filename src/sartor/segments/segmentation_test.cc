#include "sartor/segments/segmentation.h"

#include <gmock/gmock.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "sartor/base/random.h"
#include "sartor/segments/kmeans.h"
#include "sartor/segments/stability.h"
#include "sartor/segments/test_rows.h"

namespace sartor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// `per` points around each of three corners.
Matrix<float> blobs(std::size_t per, double spread = 0.1) {
  Matrix<float> points(3 * per, 2);
  Random random(3);
  const float corners[3][2] = {{0, 0}, {5, 0}, {0, 5}};
  for (std::size_t p = 0; p < points.rows(); ++p) {
    for (std::size_t d = 0; d < 2; ++d)
      points(p, d) = corners[p % 3][d] + static_cast<float>(spread * random.normal());
  }
  return points;
}

Table features() {
  Table table{.rows = 6};
  table.columns.push_back({.name = "events", .numbers = {0, 1, 20, 30, 2, 25}});
  table.columns.push_back({.name = "days_since_last", .numbers = {std::nan(""), 90, 3, 2, 80, 5}});
  table.columns.push_back({.name = "country",
                           .is_text = true,
                           .codes = {Column::kMissing, 0, 1, 1, 0, 1},
                           .words = {"DE", "UK"}});
  return table;
}

TEST(Segmentation, FirstRuleThatHoldsWinsAndMissingIsNotTrue) {
  const Table table = features();
  const SegmentationConfig config{
      .name = "rfm",
      .rules = {
          {"new", "events = 0"}, {"lapsed", "days_since_last > 60"}, {"german", "country = 'DE'"}}};
  const auto made = fit_segmentation(config, table, all_rows(6), 1, {});
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_THAT(made->names(), ElementsAre("new", "lapsed", "german", "everyone else"));
  EXPECT_THAT(*made->assign(table), ElementsAre(0, 1, 3, 3, 1, 3));
  ASSERT_EQ(made->warnings().size(), 1u);
  EXPECT_THAT(made->warnings()[0], HasSubstr("'german' takes nobody of 6 users"));
  const auto back = Segmentation::from_json(made->to_json());
  ASSERT_TRUE(back);
  EXPECT_EQ(*back->assign(table), *made->assign(table));
}

TEST(Segmentation, ClustersWhatNoRuleTookAndStrangersAreEveryoneElse) {
  const auto points = blobs(50);
  Table table{.rows = 151};
  for (int d = 0; d < 2; ++d) {
    Column column{.name = "embedding." + std::to_string(d), .numbers = std::vector<double>(151)};
    for (std::size_t p = 0; p < 150; ++p)
      column.numbers[p] = points(p, static_cast<std::size_t>(d)) + 1;
    table.columns.push_back(column);
  }
  table.columns.push_back({.name = "events", .numbers = std::vector<double>(151, 1)});
  table.columns[2].numbers[0] = 99;
  const SegmentationConfig config{
      .name = "tastes", .rules = {{"heavy", "events > 50"}}, .cluster = "kmeans", .k = {2, 6}};
  const auto made = fit_segmentation(config, table, all_rows(150), 1, {});
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_THAT(made->names(),
              ElementsAre("heavy", "tastes-1", "tastes-2", "tastes-3", "everyone else"));
  const auto assigned = *made->assign(table);
  EXPECT_EQ(assigned[0], 0u);
  EXPECT_EQ(assigned[150], 4u);  // nothing is known of this user
  for (std::size_t p = 6; p < 150; ++p) EXPECT_EQ(assigned[p], assigned[3 + p % 3]);
  const auto back = Segmentation::from_json(made->to_json());
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(*back->assign(table), assigned);
}

TEST(Segmentation, HierarchicalClustersAreNamedAndKeptLikeOthersWithTheirTree) {
  const auto points = blobs(50);
  Table table{.rows = 151};
  for (std::size_t d = 0; d < 2; ++d) {
    Column column{.name = "embedding." + std::to_string(d), .numbers = std::vector<double>(151)};
    for (std::size_t p = 0; p < 150; ++p) column.numbers[p] = points(p, d) + 1;
    table.columns.push_back(column);
  }
  for (std::size_t d = 0; d < 2; ++d) table.columns[d].numbers[149] = 40;  // an outlier
  SegmentationConfig config{.name = "tastes", .cluster = "hierarchical", .k = {2, 6}};
  config.min_users = 10;
  config.k = {4};
  const auto made = fit_segmentation(config, table, all_rows(150), 1, {});
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->kind(), "hierarchical");
  EXPECT_THAT(made->names(), ElementsAre("tastes-1", "tastes-2", "tastes-3", "everyone else"));
  ASSERT_EQ(made->warnings().size(), 1u);
  EXPECT_THAT(made->warnings()[0], HasSubstr("1 of 4 clusters had fewer than 10 users"));
  const auto assigned = *made->assign(table);
  EXPECT_EQ(assigned[150], 3u);
  for (std::size_t p = 0; p < 149; ++p) EXPECT_EQ(assigned[p], assigned[p % 3]);
  ASSERT_TRUE(made->tree());
  EXPECT_EQ(made->tree()->tree.leaves(), 64u);
  EXPECT_EQ(made->tree()->tree.merges.back().weight, 150);
  const auto back = Segmentation::from_json(made->to_json());
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->kind(), "hierarchical");
  EXPECT_EQ(back->to_json(), made->to_json());
  EXPECT_EQ(*back->assign(table), assigned);
  Json bad = made->to_json();
  bad["dendrogram"]["merges"][3][1] = 1000;
  EXPECT_FALSE(Segmentation::from_json(bad));
  bad = made->to_json();
  bad["dendrogram"]["leaves"][0]["segment"] = "nobody";
  EXPECT_FALSE(Segmentation::from_json(bad));
}

TEST(Segmentation, ExplainsWhatIsWrong) {
  const Table table = features();
  const auto message = [&](const SegmentationConfig& config) {
    return fit_segmentation(config, table, all_rows(6), 1, {}).error().message;
  };
  EXPECT_THAT(message({.name = "s", .rules = {{"a", "evnts > 3"}}}), HasSubstr("rule 'a'"));
  EXPECT_THAT(message({.name = "s", .rules = {{"a", "evnts > 3"}}}), HasSubstr("events"));
  EXPECT_THAT(message({.name = "s", .rules = {{"everyone else", "events > 3"}}}),
              HasSubstr("reserved"));
  EXPECT_THAT(message({.name = "s", .rules = {{"a", "events > 3"}, {"a", "events > 4"}}}),
              HasSubstr("taken"));
  EXPECT_THAT(message({.name = "s", .cluster = "kmeans", .features = {"events"}, .k = {7}}),
              HasSubstr("only 6 users"));
  EXPECT_THAT(message({.name = "s", .cluster = "kmeans", .features = {"evens"}, .k = {2}}),
              HasSubstr("did you mean 'events'"));
  EXPECT_THAT(message({.name = "s", .rules = {{"s-1", "events > 3"}}, .cluster = "kmeans"}),
              HasSubstr("reserved for a cluster"));
  EXPECT_THAT(message({.name = "s", .cluster = "dbscan"}),
              HasSubstr("expected kmeans or hierarchical"));
  EXPECT_THAT(message({.name = "s", .rules = {{"a", "read_text('/etc/passwd') = ''"}}}),
              HasSubstr("rule 'a'"));
}

TEST(Segmentation, ClustersAreNumberedBySizeAndOneRowIsAssignedLikeMany) {
  Table table{.rows = 90};
  Column column{.name = "visits"};
  for (int i = 0; i < 90; ++i) column.numbers.push_back(i < 20 ? 100 + i % 3 : i % 5);
  table.columns.push_back(column);
  const SegmentationConfig config{
      .name = "size", .cluster = "kmeans", .features = {"visits"}, .k = {2}};
  const auto made = fit_segmentation(config, table, all_rows(90), 1, {});
  ASSERT_TRUE(made) << made.error().message;
  const auto assigned = *made->assign(table);
  EXPECT_EQ(assigned[89], 0u);
  EXPECT_EQ(assigned[0], 1u);
  for (std::size_t row : {0u, 50u}) {
    Table one{.rows = 1};
    one.columns.push_back({.name = "visits", .numbers = {table.columns[0].numbers[row]}});
    EXPECT_THAT(*made->assign(one), ElementsAre(assigned[row]));
  }
  Table wrong{.rows = 1};
  wrong.columns.push_back({.name = "visits", .is_text = true, .codes = {0}, .words = {"x"}});
  EXPECT_THAT(made->assign(wrong).error().message, HasSubstr("is a text here"));
}

TEST(Segmentation, ClustersTakeTheNamesOfAnOlderVersion) {
  const Table table = features();
  const SegmentationConfig config{.name = "s",
                                  .rules = {{"a", "events > 3"}},
                                  .cluster = "hierarchical",
                                  .features = {"events"},
                                  .k = {2}};
  auto made = fit_segmentation(config, table, all_rows(6), 1, {});
  ASSERT_TRUE(made) << made.error().message;
  ASSERT_THAT(made->names(), ElementsAre("a", "s-1", "s-2", "everyone else"));
  const auto assigned = *made->assign(table);
  ASSERT_TRUE(made->rename({"a", "s-2", "s-7", "everyone else"}));
  EXPECT_EQ(*made->assign(table), assigned);
  const auto read = Segmentation::from_json(made->to_json());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_THAT(read->names(), ElementsAre("a", "s-2", "s-7", "everyone else"));
  EXPECT_EQ(read->to_json(), made->to_json());
  EXPECT_FALSE(made->rename({"b", "s-1", "s-2", "everyone else"}));
  EXPECT_FALSE(made->rename({"a", "s-1", "s-1", "everyone else"}));
  EXPECT_FALSE(made->rename({"a", "s-1", "s-2"}));
  EXPECT_FALSE(made->rename({"a", "s-1", "s-2", "the rest"}));
  EXPECT_THAT(made->names(), ElementsAre("a", "s-2", "s-7", "everyone else"));
}

TEST(Segmentation, RefusesADamagedFile) {
  const Table table = features();
  const SegmentationConfig config{.name = "s",
                                  .rules = {{"a", "events > 3"}},
                                  .cluster = "kmeans",
                                  .features = {"events"},
                                  .k = {2}};
  const Json good = fit_segmentation(config, table, all_rows(6), 1, {})->to_json();
  ASSERT_TRUE(Segmentation::from_json(good));
  for (const auto& [pointer, value] : std::vector<std::pair<const char*, Json>>{
           {"/rules/0/where", "read_text('/etc/passwd') = ''"},
           {"/rules/0/where", 3},
           {"/columns/0/scale", 0},
           {"/columns/0/kind", "cube"},
           {"/centres/0", Json::array()},
           {"/centres/0/0", "x"},
           {"/segments/0", "b"},
           {"/columns", nullptr}}) {
    Json bad = good;
    bad[Json::json_pointer(pointer)] = value;
    EXPECT_FALSE(Segmentation::from_json(bad)) << pointer << value;
  }
  EXPECT_FALSE(Segmentation::from_json(Json::parse("[]")));
}

TEST(Stability, AdjustedRandIndexKnownAnswers) {
  const std::vector<std::uint32_t> a = {0, 0, 0, 1, 1, 1};
  EXPECT_DOUBLE_EQ(adjusted_rand_index(a, std::vector<std::uint32_t>{1, 1, 1, 0, 0, 0}), 1);
  // scikit-learn's documentation: [0, 0, 1, 1] against [0, 0, 1, 2] is 0.571…
  EXPECT_NEAR(adjusted_rand_index(std::vector<std::uint32_t>{0, 0, 1, 1},
                                  std::vector<std::uint32_t>{0, 0, 1, 2}),
              0.5714285714285714, 1e-12);
  EXPECT_THAT(best_jaccard(a, std::vector<std::uint32_t>{0, 0, 1, 1, 1, 1}, 2),
              ElementsAre(2.0 / 3, 0.75));
}

TEST(Stability, BlobsComeBackAndNoiseDoesNot) {
  const auto points = blobs(100);
  const auto fit = fit_kmeans(points.view(), {.k = 3}, {});
  EXPECT_GT(cluster_stability(points.view(), fit->centres, 5, 1, {})->ari, 0.95);
  const auto noise = blobs(100, 30);
  const auto loose = fit_kmeans(noise.view(), {.k = 6}, {});
  EXPECT_LT(cluster_stability(noise.view(), loose->centres, 5, 1, {})->ari, 0.8);
}

}  // namespace
}  // namespace sartor
