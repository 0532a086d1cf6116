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

std::vector<float> item_vectors(const Model& als) {
  TensorFile file;
  EXPECT_TRUE(als.save(file));
  const auto values = file.get<float>("items_factors").value();
  return {values.begin(), values.end()};
}

struct PulledWorld {
  InteractionLog log = tastes(200, 80, 5);
  History history{log, 1000 * kDay};
  AlsConfig config{
      .factors = 10, .iterations = 40, .regularization = 2, .alpha = 8, .solver = "cholesky"};
  ModelPtr general = fit_als({.history = &history}, config, {.threads = 2}).value();
  std::shared_ptr<const AlsPull> pull = als_pull({.history = &history}, *general, {}).value();

  ModelPtr pulled(float even, float odd, int threads = 1) const {
    std::vector<float> weights;
    for (std::size_t u = 0; u < history.users(); ++u) weights.push_back(u % 2 == 0 ? even : odd);
    return pulled_als(*pull, weights, {.threads = threads}).value();
  }
  // Of users whose number has this parity, by the items' vectors of `model`; theirs are general's.
  double loss(const Model& model, std::size_t parity) const {
    UserItems rows = rows_of(log);
    const std::vector<float> items = item_vectors(model);
    AlsFactors factors{.items = {items.size() / 10, 10}};
    factors.items.values() = item_vectors(*general);
    rows.items = factors.items.rows();
    UserItems part{.items = rows.items, .begin = {0}};
    std::vector<std::vector<double>> users;
    for (std::size_t u = parity; u < rows.users(); u += 2) {
      users.push_back(by_hand(factors, rows, u, config));
      for (std::size_t e = rows.begin[u]; e < rows.begin[u + 1]; ++e)
        part.item.push_back(rows.item[e]);
      part.begin.push_back(part.item.size());
    }
    factors.users = Matrix<float>(users.size(), 10);
    for (std::size_t u = 0; u < users.size(); ++u)
      std::copy(users[u].begin(), users[u].end(), factors.users.row(u).begin());
    factors.items.values() = items;
    AlsConfig unpulled = config;
    unpulled.regularization = 0;
    return als_loss(part, unpulled, factors);
  }
};

TEST(Als, PulledByEqualWeightsGoesOnAsBefore) {
  const PulledWorld world;
  AlsConfig config = world.config;
  ++config.iterations;
  const auto one_more = item_vectors(*fit_als({.history = &world.history}, config, {}).value());
  const auto pulled = item_vectors(*world.pulled(1, 1));
  ASSERT_EQ(pulled.size(), one_more.size());
  for (std::size_t i = 0; i < pulled.size(); ++i) EXPECT_NEAR(pulled[i], one_more[i], 1e-4) << i;
  EXPECT_EQ(item_vectors(*world.pulled(1.5f, 0.5f, 1)), item_vectors(*world.pulled(1.5f, 0.5f, 3)));
}

TEST(Als, PulledFitsTheSegmentTheBetterTheHarderItIsPulled) {
  const PulledWorld world;
  double own = world.loss(*world.general, 0);
  double others = world.loss(*world.general, 1);
  for (const float even : {1.3f, 1.7f, 2.0f}) {
    const ModelPtr model = world.pulled(even, 2 - even);
    EXPECT_LT(world.loss(*model, 0), own);
    EXPECT_GT(world.loss(*model, 1), others);
    own = world.loss(*model, 0);
    others = world.loss(*model, 1);
  }
}

// What a weighted user adds to the loss is what the user would add if there as often.
TEST(Als, AUserWhoCountsTwiceCountsLikeTwo) {
  const InteractionLog log = tastes(60, 30, 9);
  std::vector<Taken> twice;
  std::vector<float> weights;
  for (std::uint32_t u = 0; u < 60; ++u) {
    weights.push_back(u < 20 ? 2.0f : 1.0f);
    for (std::uint32_t copy = 0; copy < (u < 20 ? 2u : 1u); ++copy) {
      for (std::size_t r = log.begin[u]; r < log.begin[u + 1]; ++r)
        twice.push_back({u + 60 * copy, log.rows[r].item.value, log.rows[r].time});
    }
  }
  const InteractionLog doubled = make_log(80, 30, twice);
  const History history(log, 1000 * kDay);
  const History longer(doubled, 1000 * kDay);
  const AlsConfig config{.factors = 6, .iterations = 3, .regularization = 1, .alpha = 5};
  const ModelPtr general = fit_als({.history = &history}, config, {}).value();
  const auto pull = als_pull({.history = &history}, *general, {}).value();
  const auto of_two = als_pull({.history = &longer}, *general, {}).value();
  const auto weighted = item_vectors(**pulled_als(*pull, weights, {}));
  const auto plain = item_vectors(**pulled_als(*of_two, std::vector<float>(80, 1.0f), {}));
  ASSERT_EQ(weighted.size(), plain.size());
  for (std::size_t i = 0; i < plain.size(); ++i) EXPECT_NEAR(weighted[i], plain[i], 1e-4);
  EXPECT_THAT(pulled_als(*pull, std::vector<float>(3, 1.0f), {}).error().message,
              HasSubstr("3 user weights for 60 users"));
}

TEST(Als, RefusesWhatItCannotDo) {
  const UserItems rows = rows_of(tastes(20, 10, 1));
  EXPECT_THAT(fit_als_factors(rows, {.solver = "sgd"}, {}).error().message,
              HasSubstr("expected 'cg' or 'cholesky'"));
  EXPECT_THAT(fit_als_factors(rows, {.factors = 0}, {}).error().message, HasSubstr("als.factors"));
}

}  // namespace
}  // namespace sartor
