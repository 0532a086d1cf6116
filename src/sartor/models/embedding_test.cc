#include "sartor/models/embedding.h"

#include <gmock/gmock.h>

#include <cmath>

#include "sartor/models/test_numbers.h"
#include "sartor/models/test_world.h"
#include "sartor/models/user_items.h"

namespace sartor {
namespace {

std::vector<float> vector_of(const Embedding& embedding, std::span<const Interaction> history) {
  std::vector<float> out(embedding.dimensions());
  embedding.user_vector(history, out);
  return out;
}

TEST(Embedding, TellsTheTwoTastesOfACheckerboardApart) {
  const InteractionLog log = checkerboard(40);
  const History history(log, 2 * kDay);
  const auto embedding = fit_embedding({.history = &history}, {.dimensions = 2}, {});
  ASSERT_TRUE(embedding);
  const auto even = vector_of(*embedding, history.of(UserId{0}));
  EXPECT_NEAR(dot(even, even), 1, 1e-5);
  EXPECT_GT(dot(even, vector_of(*embedding, history.of(UserId{8}))), 0.99);
  EXPECT_LT(std::abs(dot(even, vector_of(*embedding, history.of(UserId{7})))), 0.05);
}

// The largest singular values of the weighted matrix by a plain power iteration with deflation.
TEST(Embedding, FindsTheLargestSingularVectors) {
  const InteractionLog log = tastes(120, 50, 11);
  const History history(log, 90 * kDay);
  const auto embedding =
      fit_embedding({.history = &history}, {.dimensions = 4, .iterations = 12}, {});
  // X X' v = s v, checked through |X' X v - s v| with X built here.
  Matrix<double> x(history.users(), history.items());
  std::vector<double> users(history.items(), 0);
  double active = 0;
  const auto rows = user_items(history, 0, {});
  for (std::size_t u = 0; u < rows->users(); ++u) {
    active += rows->begin[u + 1] > rows->begin[u];
    for (std::size_t e = rows->begin[u]; e < rows->begin[u + 1]; ++e) ++users[rows->item[e]];
  }
  for (std::size_t u = 0; u < rows->users(); ++u) {
    double squares = 0;
    for (std::size_t e = rows->begin[u]; e < rows->begin[u + 1]; ++e) {
      const std::size_t i = rows->item[e];
      x(u, i) = std::log1p(active / users[i]);
      squares += x(u, i) * x(u, i);
    }
    for (double& value : x.row(u)) value /= squares > 0 ? std::sqrt(squares) : 1;
  }
  double last = 1e9;
  for (std::size_t d = 0; d < 4; ++d) {
    std::vector<double> image(history.items(), 0);
    for (std::size_t u = 0; u < x.rows(); ++u) {
      double along = 0;
      for (std::size_t i = 0; i < x.columns(); ++i)
        along += x(u, i) * embedding->item_vectors()(i, d);
      for (std::size_t i = 0; i < x.columns(); ++i) image[i] += along * x(u, i);
    }
    double value = 0;
    for (std::size_t i = 0; i < image.size(); ++i)
      value += image[i] * embedding->item_vectors()(i, d);
    double off = 0;
    for (std::size_t i = 0; i < image.size(); ++i) {
      off += std::pow(image[i] - value * embedding->item_vectors()(i, d), 2);
    }
    EXPECT_LT(std::sqrt(off), 0.02 * value) << d;
    EXPECT_LE(value, last * 1.0001) << d;
    last = value;
  }
  EXPECT_EQ(embedding->item_vectors()(49, 0), 0) << "an item without users";
}

TEST(Embedding, HasTheSameBitsAtAnyThreadCountAndAfterLoading) {
  const InteractionLog log = tastes(700, 200, 5);
  const History history(log, 90 * kDay);
  const auto one = fit_embedding({.history = &history}, {}, {.threads = 1});
  const auto two = fit_embedding({.history = &history}, {}, {.threads = 2});
  TensorFile file;
  ASSERT_TRUE(one->save(file));
  TensorFile other;
  ASSERT_TRUE(two->save(other));
  EXPECT_EQ(file.to_bytes(), other.to_bytes());
  const auto loaded = Embedding::load(file);
  ASSERT_TRUE(loaded);
  const auto rows = history.of(UserId{3});
  EXPECT_EQ(vector_of(*loaded, rows), vector_of(*one, rows));
}

TEST(Embedding, OfNothingIsZeroAndOfLittleIsFinite) {
  const InteractionLog log = make_log(2, 3, {{0, 0, kDay}, {1, 0, kDay}, {1, 1, kDay}});
  const History history(log, 2 * kDay);
  const auto embedding = fit_embedding({.history = &history}, {.dimensions = 16}, {});
  ASSERT_TRUE(embedding);
  EXPECT_THAT(vector_of(*embedding, {}), ::testing::Each(0.0f));
  for (const float value : vector_of(*embedding, history.of(UserId{1}))) {
    EXPECT_TRUE(std::isfinite(value));
  }
  const History before(log, kDay);
  EXPECT_EQ(fit_embedding({.history = &before}, {}, {}).error().code, ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace sartor
