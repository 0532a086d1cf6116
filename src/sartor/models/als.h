// Implicit ALS: one vector per user and per item, by alternating least squares on confidences (Hu,
// Koren and Volinsky, ICDM 2008), each row solved by a few steps of conjugate gradients (Takács,
// Pilászy and Tikk, RecSys 2011) or exactly.
#pragma once

#include <memory>
#include <string>

#include "sartor/base/fields.h"
#include "sartor/base/matrix.h"
#include "sartor/models/decay.h"
#include "sartor/models/model.h"
#include "sartor/models/user_items.h"

namespace sartor {

struct AlsConfig {
  static constexpr std::string_view kFamily = "als";

  int factors = 64;
  int iterations = 10;
  double regularization = 10;
  double alpha = 10;
  std::string solver = "cg";
  int cg_steps = 3;
  double half_life_days = kNoDecayDays;
  std::uint64_t seed = 1;

  static constexpr auto fields() {
    return std::make_tuple(
        Field{"factors", &AlsConfig::factors, 1, 1024, Scale::log, "length of a vector"},
        Field{"iterations", &AlsConfig::iterations, 1, 1000, Scale::log,
              "sweeps over all users and all items"},
        Field{"regularization", &AlsConfig::regularization, 1e-6, 1e6, Scale::log,
              "pull of each vector to zero"},
        Field{"alpha", &AlsConfig::alpha, 1, 1e6, Scale::log,
              "confidence of what was taken; all else has 1"},
        Field{"solver", &AlsConfig::solver, "cg or cholesky"},
        Field{"cg_steps", &AlsConfig::cg_steps, 1, 100, Scale::fixed,
              "of conjugate gradients per row and sweep"},
        Field{"half_life_days", &AlsConfig::half_life_days, kShortestHalfLife, kNoDecayDays,
              Scale::log, "days until an item of the user's history counts half; 3650: always"},
        Field{"seed", &AlsConfig::seed, 0, 9e15, Scale::fixed, "of the first vectors"});
  }
};

struct AlsFactors {
  Matrix<float> users;  // users x factors
  Matrix<float> items;  // items x factors
};

// Minimises  sum over u, i of c_ui (p_ui - x_u . y_i)^2 + regularization (sum |x|^2 + sum |y|^2),
// p_ui = 1 and c_ui = alpha where u took i, 0 and 1 elsewhere. An iteration costs
// O(entries factors steps + (users + items) factors^2) by conjugate gradients. The same bits at any
// thread count. Starts from `start` if its shapes fit (a warm start). Fails with
// `invalid_argument` where a value is out of range, `internal` where a vector is not finite.
Result<AlsFactors> fit_als_factors(const UserItems& rows, const AlsConfig& config,
                                   const Resources& resources, const AlsFactors* start = nullptr);

// The value that is minimised.
double als_loss(const UserItems& rows, const AlsConfig& config, const AlsFactors& factors);

// score = x . y_i, x solved exactly for the query's history (c_ui = 1 + (alpha - 1) decay), so that
// users never seen are answered like the others. Without a known item: popularity between 0 and 1.
Result<ModelPtr> fit_als(const FitInput& input, const AlsConfig& config,
                         const Resources& resources);
Result<ModelPtr> load_als(const TensorFile& file);

// What an ALS is pulled to segments with: made once, for all of them.
struct AlsPull;
// `als` is a model of fit_als on the same history; its users' vectors are solved exactly.
Result<std::shared_ptr<const AlsPull>> als_pull(const FitInput& input, const Model& als,
                                                const Resources& resources);
// The items' vectors refitted, each in closed form, with the users' as they are and user u's part
// of the loss counted user_weights[u] times: general's vectors are the prior, which moves as far as
// the segment's users have evidence for it. Weights finite, not negative, 1 in the mean, or the
// regularization means something else.
Result<ModelPtr> pulled_als(const AlsPull& pull, std::span<const float> user_weights,
                            const Resources& resources);

}  // namespace sartor
