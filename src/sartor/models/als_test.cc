#include "sartor/models/als.h"

#include <gmock/gmock.h>

#include <cmath>

#include "sartor/models/test_world.h"

namespace sartor {
namespace {

using ::testing::HasSubstr;

UserItems rows_of(const InteractionLog& log) {
  const History history(log, 1000 * kDay);
  return user_items(history, 0, {}).value();
}

// Solves (Y'Y + l I + (alpha - 1) sum y y') x = alpha sum y by Gauss, in double.
std::vector<double> by_hand(const AlsFactors& factors, const UserItems& rows, std::size_t u,
                            const AlsConfig& config) {
  const std::size_t n = factors.items.columns();
  std::vector<std::vector<double>> a(n, std::vector<double>(n + 1, 0.0));
  const auto add = [&](std::size_t i, double weight, double target) {
    for (std::size_t k = 0; k < n; ++k) {
      for (std::size_t l = 0; l < n; ++l)
        a[k][l] += weight * factors.items(i, k) * double{factors.items(i, l)};
      a[k][n] += target * factors.items(i, k);
    }
  };
  for (std::size_t i = 0; i < factors.items.rows(); ++i) add(i, 1, 0);
  for (std::size_t e = rows.begin[u]; e < rows.begin[u + 1]; ++e)
    add(rows.item[e], config.alpha - 1, config.alpha);
  for (std::size_t k = 0; k < n; ++k) a[k][k] += config.regularization;
  for (std::size_t k = 0; k < n; ++k) {
    for (std::size_t l = k + 1; l < n; ++l) {
      const double factor = a[l][k] / a[k][k];
      for (std::size_t m = k; m <= n; ++m) a[l][m] -= factor * a[k][m];
    }
  }
  std::vector<double> x(n);
  for (std::size_t k = n; k-- > 0;) {
    x[k] = a[k][n];
    for (std::size_t l = k + 1; l < n; ++l) x[k] -= a[k][l] * x[l];
    x[k] /= a[k][k];
  }
  return x;
}

TEST(Als, OffersEachUserTheWithheldDiagonalOfACheckerboard) {
  const InteractionLog log = checkerboard(50);
  const History history(log, 2 * kDay);
  for (const char* solver : {"cg", "cholesky"}) {
    const AlsConfig config{
        .factors = 3, .iterations = 30, .regularization = 1, .alpha = 5, .solver = solver};
    const auto model = fit_als({.history = &history}, config, {.threads = 2});
    ASSERT_TRUE(model) << model.error().message;
    for (std::uint32_t u = 0; u < 50; ++u) {
      const auto taken = history.of(UserId{u});
      auto scores = scores_of(**model, {UserId{u}, history.as_of(), taken}, 50);
      for (const Interaction& row : taken) scores[row.item.index()] = -1;
      EXPECT_EQ(std::max_element(scores.begin(), scores.end()) - scores.begin(), u) << solver;
    }
  }
}

TEST(Als, BothSolversGoDownToTheSameLoss) {
  const UserItems rows = rows_of(tastes(200, 80, 5));
  AlsConfig config{.factors = 10, .iterations = 1, .regularization = 2, .alpha = 8};
  double before = 1e300;
  for (const int iterations : {1, 3, 10, 30}) {
    config.iterations = iterations;
    const double loss = als_loss(rows, config, fit_als_factors(rows, config, {}).value());
    EXPECT_LT(loss, before);
    before = loss;
  }
  config.solver = "cholesky";
  const double exact = als_loss(rows, config, fit_als_factors(rows, config, {}).value());
  EXPECT_NEAR(before / exact, 1, 0.002);
}

TEST(Als, SolvesARowAsGaussDoes) {
  const UserItems rows = rows_of(tastes(60, 30, 9));
  // Ten is no multiple of a register's eight floats.
  AlsConfig config{.factors = 10, .iterations = 2, .regularization = 0.7, .alpha = 6};
  const AlsFactors start = fit_als_factors(rows, config, {}).value();
  config.iterations = 1;
  config.cg_steps = 10;
  for (const char* solver : {"cholesky", "cg"}) {
    config.solver = solver;
    const AlsFactors next = fit_als_factors(rows, config, {}, &start).value();
    for (std::size_t u = 0; u < 60; ++u) {
      const auto x = by_hand(start, rows, u, config);
      for (std::size_t k = 0; k < 10; ++k) EXPECT_NEAR(next.users(u, k), x[k], 2e-4) << solver;
    }
  }
}

TEST(Als, HasTheSameBitsAtAnyThreadCount) {
  const UserItems rows = rows_of(tastes(300, 90, 7));
  for (const char* solver : {"cg", "cholesky"}) {
    const AlsConfig config{.factors = 12, .iterations = 3, .solver = solver};
    const AlsFactors one = fit_als_factors(rows, config, {.threads = 1}).value();
    for (const int threads : {2, 5}) {
      const AlsFactors other = fit_als_factors(rows, config, {.threads = threads}).value();
      EXPECT_EQ(one.items.values(), other.items.values()) << solver << " " << threads;
      EXPECT_EQ(one.users.values(), other.users.values()) << solver << " " << threads;
    }
  }
}

TEST(Als, RefusesWhatItCannotDo) {
  const UserItems rows = rows_of(tastes(20, 10, 1));
  EXPECT_THAT(fit_als_factors(rows, {.solver = "sgd"}, {}).error().message,
              HasSubstr("expected 'cg' or 'cholesky'"));
  EXPECT_THAT(fit_als_factors(rows, {.factors = 0}, {}).error().message, HasSubstr("als.factors"));
}

}  // namespace
}  // namespace sartor
