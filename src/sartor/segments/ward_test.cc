#include "sartor/segments/ward.h"

#include <gmock/gmock.h>

#include <cmath>
#include <map>

#include "sartor/base/random.h"
#include "sartor/base/test_place.h"
#include "sartor/segments/test_rows.h"

namespace sartor {
namespace {

using ::testing::ElementsAre;

// The rows of tests/reference/ward.py.
Matrix<float> reference_rows(std::size_t rows) {
  Matrix<float> x(rows, 5);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < 5; ++j) {
      const std::size_t value = ((i + 1) * (j + 2) * 7919 + i * i * 104729) % 1009;
      x(i, j) = static_cast<float>(value) / 100.0f;
    }
  }
  return x;
}

Matrix<float> noise(std::size_t rows, std::size_t columns, std::uint64_t seed) {
  Matrix<float> x(rows, columns);
  Random random(seed);
  for (float& value : x.values()) value = static_cast<float>(random.normal());
  return x;
}

// Ward's method as it is defined: the pair that costs least, over and over.
std::vector<double> heights_by_definition(const Matrix<float>& x, std::vector<double> weights) {
  std::vector<std::vector<double>> centres;
  for (std::size_t r = 0; r < x.rows(); ++r) centres.emplace_back(x.row(r).begin(), x.row(r).end());
  std::vector<double> heights;
  while (centres.size() > 1) {
    double least = std::numeric_limits<double>::infinity();
    std::size_t left = 0, right = 0;
    for (std::size_t a = 0; a < centres.size(); ++a) {
      for (std::size_t b = a + 1; b < centres.size(); ++b) {
        double squared = 0;
        for (std::size_t j = 0; j < x.columns(); ++j)
          squared += std::pow(centres[a][j] - centres[b][j], 2);
        const double cost = 2 * squared * weights[a] * weights[b] / (weights[a] + weights[b]);
        if (cost < least) std::tie(least, left, right) = std::tuple{cost, a, b};
      }
    }
    heights.push_back(std::sqrt(least));
    const double sum = weights[left] + weights[right];
    for (std::size_t j = 0; j < x.columns(); ++j) {
      centres[left][j] =
          (weights[left] * centres[left][j] + weights[right] * centres[right][j]) / sum;
    }
    weights[left] = sum;
    centres.erase(centres.begin() + static_cast<std::ptrdiff_t>(right));
    weights.erase(weights.begin() + static_cast<std::ptrdiff_t>(right));
  }
  return heights;
}

void expect_heights(const Dendrogram& tree, const std::vector<double>& heights) {
  ASSERT_EQ(tree.merges.size(), heights.size());
  for (std::size_t m = 0; m < heights.size(); ++m)
    ASSERT_NEAR(tree.merges[m].height, heights[m], 1e-9 * (1 + heights[m])) << m;
}

TEST(Ward, SolvesATinyCaseByHand) {
  // 0 and 1 at 1; 5 and 8 at 3; their centres .5 and 6.5 at sqrt(2 * 2 * 2 / 4) * 6.
  const auto tree = fit_ward(column({0, 5, 1, 8}).view(), {}, {});
  ASSERT_TRUE(tree) << tree.error().message;
  ASSERT_EQ(tree->merges.size(), 3u);
  EXPECT_EQ(tree->merges[0], (Merge{0, 2, 1, 2}));
  EXPECT_EQ(tree->merges[1], (Merge{1, 3, 3, 2}));
  EXPECT_EQ(tree->merges[2].a, 4u);
  EXPECT_EQ(tree->merges[2].b, 5u);
  EXPECT_NEAR(tree->merges[2].height, std::sqrt(2.0) * 6, 1e-12);
  EXPECT_EQ(tree->merges[2].weight, 4);
}

TEST(Ward, HasScipysTree) {
  // scipy 1.17 (and fastcluster 1.3 to 4e-16), by tests/reference/ward.py.
  const std::vector<Merge> expected = {
      {1, 34, 0.7266358907407502, 2},   {3, 36, 1.1029506674194318, 2},
      {4, 24, 1.110630546259781, 2},    {9, 29, 1.4969968372686724, 2},
      {18, 25, 1.9617599160575736, 2},  {10, 17, 2.010969954838625, 2},
      {26, 33, 2.044993876095997, 2},   {22, 35, 2.3548888389610125, 2},
      {19, 32, 2.3961422146478824, 2},  {0, 6, 2.931467232086899, 2},
      {15, 21, 3.07131916687108, 2},    {2, 43, 3.3479845720837482, 3},
      {28, 40, 3.471983038419914, 3},   {23, 45, 3.6900769437523078, 3},
      {12, 39, 4.149337506326715, 2},   {16, 51, 4.897397420127607, 4},
      {5, 31, 4.999600180757482, 2},    {8, 52, 5.020242370519722, 4},
      {11, 14, 5.712434035247997, 2},   {37, 44, 5.97841946647478, 3},
      {20, 27, 6.156663350122173, 2},   {7, 50, 6.41277368391548, 3},
      {41, 47, 6.889520941370969, 4},   {48, 54, 7.067689786372761, 4},
      {30, 61, 7.408038018780038, 4},   {53, 58, 7.485174110815205, 5},
      {38, 49, 7.648387846253345, 3},   {13, 57, 8.53962649682992, 5},
      {60, 62, 9.162712569425771, 6},   {42, 55, 9.39375858059607, 6},
      {46, 56, 10.7541150581105, 4},    {59, 66, 11.136324892094153, 6},
      {65, 67, 12.726319406211667, 10}, {63, 64, 14.022245417580711, 8},
      {69, 70, 16.943971166865392, 10}, {68, 71, 17.554014171263532, 12},
      {73, 74, 18.45414649776105, 18},  {72, 75, 23.057495506895773, 22},
      {76, 77, 24.865235666355947, 40}};
  const auto tree = fit_ward(reference_rows(40).view(), {}, {});
  ASSERT_TRUE(tree) << tree.error().message;
  ASSERT_EQ(tree->merges.size(), expected.size());
  for (std::size_t m = 0; m < expected.size(); ++m) {
    EXPECT_EQ(tree->merges[m].a, expected[m].a) << m;
    EXPECT_EQ(tree->merges[m].b, expected[m].b) << m;
    EXPECT_NEAR(tree->merges[m].height, expected[m].height, 1e-12 * expected[m].height) << m;
    EXPECT_EQ(tree->merges[m].weight, expected[m].weight) << m;
  }
  const auto labels = cut_into(*tree, 6);
  const std::vector<int> of_scipy = {6, 4, 2, 5, 2, 3, 6, 1, 4, 2, 4, 4, 1, 4, 4, 1, 2, 4, 6, 1,
                                     5, 1, 5, 4, 2, 6, 3, 5, 4, 2, 1, 3, 1, 3, 4, 5, 5, 6, 6, 1};
  std::map<std::uint32_t, int> other_name;
  for (std::size_t r = 0; r < labels.size(); ++r)
    EXPECT_EQ(other_name.emplace(labels[r], of_scipy[r]).first->second, of_scipy[r]) << r;
  EXPECT_EQ(other_name.size(), 6u);
}

TEST(Ward, AWeightIsThatManyRows) {
  // Of scipy on the rows repeated, without the merges of equal ones (tests/reference/ward.py).
  const std::vector<double> heights = {3.3829574495550205, 3.5902994581509264, 4.984776838792383,
                                       7.383535818387571,  9.640450714168226,  10.493438643040964,
                                       14.496985812503254, 14.911818638051772, 16.622819032282898,
                                       17.594571111246054, 28.871458435910906};
  const auto x = reference_rows(12);
  std::vector<double> weights;
  std::vector<float> repeated;
  for (std::size_t r = 0; r < 12; ++r) {
    weights.push_back(static_cast<double>(1 + r % 4));
    for (std::size_t n = 0; n < 1 + r % 4; ++n)
      repeated.insert(repeated.end(), x.row(r).begin(), x.row(r).end());
  }
  const auto tree = fit_ward(x.view(), weights, {});
  ASSERT_TRUE(tree) << tree.error().message;
  expect_heights(*tree, heights);
  EXPECT_EQ(tree->merges.back().weight, 30);
  Matrix<float> rows(30, 5);
  rows.values() = repeated;
  const auto of_rows = fit_ward(rows.view(), {}, {});
  ASSERT_TRUE(of_rows);
  for (std::size_t m = 0; m < 29; ++m) {
    EXPECT_NEAR(of_rows->merges[m].height, m < 18 ? 0 : heights[m - 18], 1e-9) << m;
  }
}

// Blobs far from the middle are where bounds in float say nothing; many equal distances are where
// nearest neighbours run in circles.
TEST(Ward, IsTheDefinitionOnRowsOfManyKinds) {
  constexpr std::size_t kRows = kSanitized ? 70 : 150;
  Matrix<float> far(kRows, 3), grid(144, 2), few(120, 2), line(kRows / 2, 1);
  Random random(5);
  for (std::size_t r = 0; r < far.rows(); ++r) {
    for (std::size_t j = 0; j < 3; ++j)
      far(r, j) = (r % 2 == 0 ? 1e4f : -1e4f) + static_cast<float>(1e-2 * random.normal());
  }
  for (std::size_t r = 0; r < few.rows(); ++r) {
    for (std::size_t j = 0; j < 2; ++j)
      few(r, j) = static_cast<float>(random.below(4)) + 1e-3f * static_cast<float>(random.below(2));
  }
  for (std::size_t r = 0; r < line.rows(); ++r) line(r, 0) = static_cast<float>(std::pow(1.2, r));
  std::vector<double> weights(kRows);
  for (double& weight : weights) weight = 1 + static_cast<double>(random.below(50));
  const Matrix<float> plain = noise(kRows + 9, 20, 1), weighted = noise(kRows, 4, 2);
  for (const Matrix<float>& x : {plain, far, line}) {
    const auto tree = fit_ward(x.view(), {}, {.threads = 2});
    ASSERT_TRUE(tree) << tree.error().message;
    expect_heights(*tree, heights_by_definition(x, std::vector<double>(x.rows(), 1.0)));
  }
  const auto tree = fit_ward(weighted.view(), weights, {});
  expect_heights(*tree, heights_by_definition(weighted, weights));
  // With ties there are several trees; each is whole, and its heights ascend.
  for (std::size_t r = 0; r < grid.rows(); ++r) {
    grid(r, 0) = static_cast<float>(r % 12);
    grid(r, 1) = static_cast<float>(r / 12);
  }
  for (const Matrix<float>& x : {grid, few}) {
    const auto tied = fit_ward(x.view(), {}, {});
    ASSERT_EQ(tied->merges.size(), x.rows() - 1);
    EXPECT_TRUE(std::is_sorted(tied->merges.begin(), tied->merges.end(),
                               [](const Merge& a, const Merge& b) { return a.height < b.height; }));
    EXPECT_EQ(tied->merges.back().weight, static_cast<double>(x.rows()));
  }
}

TEST(Ward, HasTheSameBitsAtAnyThreadCount) {
  const auto x = noise(3000, 9, 3);
  const auto one = fit_ward(x.view(), {}, {.threads = 1});
  const auto four = fit_ward(x.view(), {}, {.threads = 4});
  ASSERT_TRUE(one && four);
  EXPECT_EQ(one->merges, four->merges);
}

TEST(Ward, SameOfEverything) {
  const auto same = fit_ward(Matrix<float>(500, 3, 7.0f).view(), {}, {});
  ASSERT_TRUE(same);
  EXPECT_EQ(same->merges.size(), 499u);
  EXPECT_EQ(same->merges.back().height, 0);
  const auto one = fit_ward(column({3}).view(), {}, {});
  ASSERT_TRUE(one);
  EXPECT_TRUE(one->merges.empty());
  EXPECT_THAT(cut_into(*one, 1), ElementsAre(0));
  const auto huge = fit_ward(column({-3e38f, 0, 3e38f, 2e38f}).view(), {}, {});
  ASSERT_TRUE(huge);
  EXPECT_NEAR(huge->merges[0].height / 1e38, 1, 1e-6);
}

TEST(Ward, RefusesWhatHasNoAnswer) {
  EXPECT_FALSE(fit_ward(Matrix<float>(0, 2).view(), {}, {}));
  EXPECT_FALSE(fit_ward(Matrix<float>(2, 0).view(), {}, {}));
  EXPECT_FALSE(fit_ward(column({1, std::nanf("")}).view(), {}, {}));
  const std::vector<double> few = {1}, zero = {1, 0};
  EXPECT_FALSE(fit_ward(column({1, 2}).view(), few, {}));
  EXPECT_FALSE(fit_ward(column({1, 2}).view(), zero, {}));
}

TEST(Dendrogram, IsCutByCountAndBySmallestSize) {
  // 0 1 | 10 11 12 | 50: merged in this order 0+1, 10+11, +12, both, 50.
  const auto tree = fit_ward(column({50, 0, 10, 1, 11, 12.2f}).view(), {}, {});
  ASSERT_TRUE(tree);
  EXPECT_THAT(cut_into(*tree, 1), ElementsAre(0, 0, 0, 0, 0, 0));
  EXPECT_THAT(cut_into(*tree, 2), ElementsAre(0, 1, 1, 1, 1, 1));
  EXPECT_THAT(cut_into(*tree, 3), ElementsAre(0, 1, 2, 1, 2, 2));
  EXPECT_THAT(cut_into(*tree, 6), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_EQ(clusters_of_at_least(*tree, 1), 6u);
  EXPECT_EQ(clusters_of_at_least(*tree, 2), 1u);  // 50 is alone until the end
  EXPECT_EQ(clusters_of_at_least(*tree, 9), 1u);
  const auto pairs = fit_ward(column({0, 1, 10, 11, 20, 21.5f}).view(), {}, {});
  EXPECT_EQ(clusters_of_at_least(*pairs, 2), 3u);
  EXPECT_EQ(clusters_of_at_least(*pairs, 3), 1u);
}

TEST(Dendrogram, TopIsTheTreeAboveACut) {
  const auto x = noise(60, 3, 8);
  const auto tree = fit_ward(x.view(), {}, {});
  const Dendrogram top = top_of(*tree, 7);
  ASSERT_EQ(top.merges.size(), 6u);
  ASSERT_EQ(top.leaves(), 7u);
  const auto labels = cut_into(*tree, 7);
  std::vector<double> sizes(7);
  for (const std::uint32_t label : labels) ++sizes[label];
  EXPECT_EQ(top.weights, sizes);
  for (std::size_t m = 0; m < 6; ++m) {
    EXPECT_EQ(top.merges[m].height, tree->merges[53 + m].height);
    EXPECT_EQ(top.merges[m].weight, tree->merges[53 + m].weight);
  }
  // Cutting the top is cutting the tree.
  const auto three = cut_into(*tree, 3), of_top = cut_into(top, 3);
  for (std::size_t r = 0; r < 60; ++r) EXPECT_EQ(three[r], of_top[labels[r]]);
}

}  // namespace
}  // namespace sartor
