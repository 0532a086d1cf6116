#include "sartor/segments/kmeans.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <set>

#include "sartor/base/random.h"
#include "sartor/segments/test_rows.h"

namespace sartor {
namespace {

// `per_blob` rows around each of `blobs` centres on a line, 10 apart.
Matrix<float> blobs(std::size_t n_blobs, std::size_t per_blob, std::size_t columns, double spread) {
  Matrix<float> x(n_blobs * per_blob, columns);
  Random random(9);
  for (std::size_t r = 0; r < x.rows(); ++r) {
    for (std::size_t j = 0; j < columns; ++j) {
      const double centre = j == 0 ? 10.0 * static_cast<double>(r % n_blobs) : 0;
      x(r, j) = static_cast<float>(centre + spread * random.normal());
    }
  }
  return x;
}

TEST(KMeans, SolvesATinyCaseByHand) {
  const auto x = column({0, 1, 9, 11});
  const auto model = fit_kmeans(x.view(), {.k = 2, .seed = 3}, {});
  ASSERT_TRUE(model.has_value());
  const std::uint32_t low = model->labels[0], high = model->labels[2];
  EXPECT_EQ(model->labels, (std::vector<std::uint32_t>{low, low, high, high}));
  EXPECT_FLOAT_EQ(model->centres(low, 0), 0.5f);
  EXPECT_FLOAT_EQ(model->centres(high, 0), 10);
  EXPECT_DOUBLE_EQ(model->inertia, 0.25 + 0.25 + 1 + 1);
  // Rows 0, 1, 9, 11: a = .5, .5, 1, 1; b = 10, 9, 8.5, 10.5.
  EXPECT_NEAR(simplified_silhouette(x.view(), *model),
              1 - (0.5 / 10 + 0.5 / 9 + 1 / 8.5 + 1 / 10.5) / 4, 1e-6);
}

TEST(KMeans, FindsPlantedBlobsAndTheirNumber) {
  const auto x = blobs(5, 400, 4, 0.7);
  const auto search = search_kmeans(x.view(), {.low = 2, .high = 9, .seed = 1}, {.threads = 2});
  ASSERT_TRUE(search.has_value());
  ASSERT_EQ(search->model.centres.rows(), 5u);
  EXPECT_EQ(search->tried.size(), 8u);
  for (std::size_t r = 0; r < x.rows(); ++r) {
    ASSERT_EQ(search->model.labels[r], search->model.labels[r % 5]);
    ASSERT_EQ(nearest_centre(x.row(r), search->model.centres), search->model.labels[r]);
  }
  EXPECT_EQ(*nearest_centres(x.view(), search->model.centres, {.threads = 2}),
            search->model.labels);
  // From a sample the same blobs are found.
  const auto sampled =
      search_kmeans(x.view(), {.low = 2, .high = 9, .most_rows = 300, .seed = 1}, {});
  ASSERT_EQ(sampled->model.centres.rows(), 5u);
  EXPECT_NEAR(sampled->model.inertia, search->model.inertia, 1e-3 * search->model.inertia);
}

TEST(KMeans, HasTheSameBitsAtAnyThreadCount) {
  const auto x = blobs(3, 8000, 7, 4);
  const auto one = fit_kmeans(x.view(), {.k = 6, .restarts = 2, .seed = 5}, {.threads = 1});
  const auto four = fit_kmeans(x.view(), {.k = 6, .restarts = 2, .seed = 5}, {.threads = 4});
  EXPECT_EQ(one->centres.values(), four->centres.values());
  EXPECT_EQ(one->labels, four->labels);
  EXPECT_EQ(one->inertia, four->inertia);
  const auto other = fit_kmeans(x.view(), {.k = 6, .restarts = 1, .seed = 6}, {.threads = 4});
  EXPECT_NE(one->centres.values(), other->centres.values());
}

TEST(KMeans, BoundsSpareWorkButNeverChangeALabel) {
  const auto x = blobs(7, 700, 13, 3);
  Matrix<float> start(40, 13);
  for (std::size_t c = 0; c < 40; ++c) std::copy_n(x.row(c).begin(), 13, start.row(c).begin());
  double before = std::numeric_limits<double>::infinity();
  for (const int iterations : {0, 1, 2, 5, 20, 60}) {
    const auto model = lloyd(x.view(), start, iterations, {.threads = 2});
    ASSERT_TRUE(model.has_value());
    EXPECT_EQ(model->labels, *nearest_centres(x.view(), model->centres, {})) << iterations;
    double inertia = 0;
    for (std::size_t r = 0; r < x.rows(); ++r) {
      for (std::size_t j = 0; j < 13; ++j)
        inertia += std::pow(double{x(r, j)} - model->centres(model->labels[r], j), 2);
    }
    EXPECT_NEAR(model->inertia, inertia, 1e-9 * inertia);
    EXPECT_LT(model->inertia, before);
    before = model->inertia;
  }
}

TEST(KMeans, MovesEmptyCentresAndDropsThoseWithNowhereToGo) {
  const auto x = column({0, 0, 5, 5, 50});
  Matrix<float> far(3, 1);
  far.values() = {0, 1000, 2000};
  const auto model = lloyd(x.view(), far, 50, {});
  ASSERT_TRUE(model.has_value());
  EXPECT_EQ(model->centres.rows(), 3u);
  EXPECT_EQ(model->inertia, 0);
  const auto few = fit_kmeans(column({1, 1, 2, 2}).view(), {.k = 4}, {});
  ASSERT_TRUE(few.has_value());
  EXPECT_EQ(few->centres.rows(), 2u);
  EXPECT_EQ(*std::max_element(few->labels.begin(), few->labels.end()), 1u);
}

TEST(KMeans, AvoidsClustersThatAreTooSmall) {
  Matrix<float> x = blobs(2, 200, 2, 0.5);
  x(0, 0) = x(1, 0) = 300;  // two outliers make the best clusters
  const auto least = [&](std::size_t min_rows) {
    const auto search = search_kmeans(
        x.view(), {.low = 1, .high = 3, .min_rows = min_rows, .seed = 1}, {.threads = 1});
    std::vector<std::size_t> sizes(search->model.centres.rows());
    for (const std::uint32_t label : search->model.labels) ++sizes[label];
    return *std::min_element(sizes.begin(), sizes.end());
  };
  EXPECT_EQ(least(0), 2u);
  EXPECT_EQ(least(50), 400u);  // only one cluster of all has no small one
}

TEST(KMeans, RefusesWhatHasNoAnswer) {
  const auto x = column({1, 2, 3});
  EXPECT_FALSE(fit_kmeans(x.view(), {.k = 4}, {}).has_value());
  EXPECT_FALSE(fit_kmeans(x.view(), {.k = 0}, {}).has_value());
  EXPECT_FALSE(fit_kmeans(Matrix<float>(3, 0).view(), {.k = 1}, {}).has_value());
  const auto nan = column({1, std::numeric_limits<float>::quiet_NaN(), 3});
  EXPECT_FALSE(fit_kmeans(nan.view(), {.k = 1}, {}).has_value());
}

TEST(SampleRows, AreDistinctAndAscending) {
  const auto rows = sample_rows(1000, 100, 4);
  EXPECT_EQ(std::set<std::uint32_t>(rows.begin(), rows.end()).size(), 100u);
  EXPECT_TRUE(std::is_sorted(rows.begin(), rows.end()));
  EXPECT_LT(rows.back(), 1000u);
  EXPECT_EQ(sample_rows(5, 100, 4).size(), 5u);
}

}  // namespace
}  // namespace sartor
