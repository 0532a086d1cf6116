// The alternation and the model; als_rows.h solves the rows, vector_kernels.h has its inner loops.
#include "sartor/models/als.h"

#include <algorithm>
#include <cmath>

#include "sartor/base/random.h"
#include "sartor/models/als_rows.h"
#include "sartor/models/array.h"
#include "sartor/models/kept_items.h"
#include "sartor/models/saved_config.h"

namespace sartor {
namespace {

constexpr std::size_t kSolvedPerBlock = 64;

// One side's interactions: row r's are other[begin[r]] … other[begin[r + 1]].
struct RatedSide {
  std::span<const std::size_t> begin;
  std::span<const std::uint32_t> other;
};

// The alternation: every row of x solved against y.
Status solve_side(const RatedSide& side, const PaddedRows& y, const AlsConfig& config,
                  const Resources& resources, PaddedRows& x) {
  SARTOR_ASSIGN(const Aligned<float> gram, als_gram(y, config.regularization, resources));
  const bool exact = config.solver == "cholesky";
  const auto alpha = static_cast<float>(config.alpha);
  return parallel_for(
      resources, x.rows(), kSolvedPerBlock, [&](std::size_t begin, std::size_t end) -> Status {
        AlsRowSolver solver(y, gram);
        for (std::size_t r = begin; r < end; ++r) {
          const auto taken = side.other.subspan(side.begin[r], side.begin[r + 1] - side.begin[r]);
          if (exact) {
            SARTOR_TRY(solver.solve(taken, alpha, x.row(r)));
          } else {
            solver.improve(taken, alpha, config.cg_steps, x.row(r));
          }
        }
        return {};
      });
}

PaddedRows first_factors(std::size_t rows, const AlsConfig& config, std::uint64_t stream,
                         const Matrix<float>* start) {
  const auto factors = static_cast<std::size_t>(config.factors);
  PaddedRows out(rows, factors);
  const bool warm = start != nullptr && start->rows() == rows && start->columns() == factors;
  Random random = Random::stream(config.seed, stream);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t k = 0; k < factors; ++k) {
      const auto drawn = static_cast<float>(0.01 * random.uniform());
      out.row(r)[k] = warm ? (*start)(r, k) : drawn;
    }
  }
  return out;
}

Result<Matrix<float>> without_padding(const PaddedRows& padded, std::size_t factors) {
  Matrix<float> out(padded.rows(), factors);
  for (std::size_t r = 0; r < out.rows(); ++r) {
    for (std::size_t k = 0; k < factors; ++k) {
      out(r, k) = padded.row(r)[k];
      if (!std::isfinite(out(r, k)))
        return Error{ErrorCode::internal, fmt::format("als: vector {} is not finite", r)};
    }
  }
  return out;
}

class Als final : public Model {
 public:
  struct Parts {
    KeptItems kept;
    Array<float> items;  // kept x factors
    std::shared_ptr<const PaddedRows> padded;
    std::shared_ptr<const Aligned<float>> gram;
  };

  Als(Parts parts, AlsConfig config) : parts_(std::move(parts)), config_(std::move(config)) {
    config_.half_life_days = normal_half_life(config_.half_life_days);
  }

  std::string_view family() const override { return AlsConfig::kFamily; }

  void score(const Query& query, std::span<float> out) const override {
    const auto profile = parts_.kept.profile(query, 0, config_.half_life_days);
    if (profile.empty()) {
      parts_.kept.strangers(out);
      return;
    }
    std::vector<std::uint32_t> taken;
    std::vector<float> weight;
    for (const ProfileEntry& entry : profile) {
      taken.push_back(entry.item);
      weight.push_back(static_cast<float>(config_.alpha - 1) * entry.value);
    }
    const PaddedRows& y = *parts_.padded;
    Aligned<float> x(y.width());
    AlsRowSolver solver(y, *parts_.gram);
    if (!solver.solve(taken, weight, x.data())) {  // not reached: the Gram was checked when made
      parts_.kept.strangers(out);
      return;
    }
    std::vector<float> scores(y.rows());
    for (std::size_t row = 0; row < y.rows(); row += kRowsPerLook) {
      if (query.is_late()) return;
      const std::size_t n = std::min(kRowsPerLook, y.rows() - row);
      vector_kernels().dots(y.row(row), n, y.width(), x.data(), scores.data() + row);
    }
    parts_.kept.scatter(scores, out);
  }

  bool knows(const Query& query) const override { return parts_.kept.any_of(query); }

  ModelPtr with_half_life(double days) const override {
    AlsConfig config = config_;
    config.half_life_days = days;
    return std::make_shared<Als>(parts_, config);
  }

  Status save(TensorFile& out) const override {
    save_config(out, config_);
    parts_.kept.save(out);
    out.add("items_factors", parts_.items.span(),
            {parts_.kept.size(), static_cast<std::size_t>(config_.factors)});
    return {};
  }

  const Parts& parts() const { return parts_; }
  const AlsConfig& config() const { return config_; }

 private:
  static constexpr std::size_t kRowsPerLook = 4096;  // at the clock

  Parts parts_;
  AlsConfig config_;
};

// Who took what of the items that anybody took.
struct TakenRows {
  KeptItems kept;
  UserItems rows;  // in the numbering of `kept`
};

Result<TakenRows> taken_rows(const FitInput& input, const Resources& resources) {
  SARTOR_ASSIGN(UserItems rows, user_items(*input.history, 0, resources));
  const std::vector<float> totals = item_totals(input);
  std::vector<ItemId> kept;
  std::vector<float> kept_totals;
  std::vector<std::uint32_t> place(rows.items, 0);
  for (std::uint32_t i = 0; i < rows.items; ++i) {
    if (totals[i] <= 0) continue;
    place[i] = static_cast<std::uint32_t>(kept.size());
    kept.push_back(ItemId{i});
    kept_totals.push_back(totals[i]);
  }
  for (std::uint32_t& item : rows.item) item = place[item];
  const std::size_t catalogue = rows.items;
  rows.items = kept.size();
  return TakenRows{KeptItems(catalogue, std::move(kept), stranger_scores(kept_totals)),
                   std::move(rows)};
}

Result<ModelPtr> make_als(KeptItems kept, Array<float> items, const AlsConfig& config) {
  const auto factors = static_cast<std::size_t>(config.factors);
  PaddedRows y(kept.size(), factors);
  for (std::size_t r = 0; r < y.rows(); ++r)
    std::copy_n(items.data() + r * factors, factors, y.row(r));
  SARTOR_ASSIGN(Aligned<float> gram, als_gram(y, config.regularization, {}));
  Aligned<float> x(y.width());
  if (!AlsRowSolver(y, gram).solve({}, 1, x.data()))
    return Error{ErrorCode::bad_data, "als: the items' vectors have no positive definite Gram"};
  return ModelPtr(
      std::make_shared<Als>(Als::Parts{std::move(kept), std::move(items),
                                       std::make_shared<const PaddedRows>(std::move(y)),
                                       std::make_shared<const Aligned<float>>(std::move(gram))},
                            config));
}

}  // namespace

Result<AlsFactors> fit_als_factors(const UserItems& rows, const AlsConfig& config,
                                   const Resources& resources, const AlsFactors* start) {
  SARTOR_TRY(check_config(config));
  if (config.solver != "cg" && config.solver != "cholesky") {
    return Error{ErrorCode::invalid_argument,
                 fmt::format("als.solver: '{}'; expected 'cg' or 'cholesky'", config.solver)};
  }
  const ItemUsers columns = item_users(rows);
  const RatedSide by_user{rows.begin, rows.item};
  const RatedSide by_item{columns.begin, columns.user};
  PaddedRows users =
      first_factors(rows.users(), config, 1, start == nullptr ? nullptr : &start->users);
  PaddedRows items =
      first_factors(rows.items, config, 2, start == nullptr ? nullptr : &start->items);
  for (int i = 0; i < config.iterations; ++i) {
    SARTOR_TRY(solve_side(by_user, items, config, resources, users));
    SARTOR_TRY(solve_side(by_item, users, config, resources, items));
  }
  const auto factors = static_cast<std::size_t>(config.factors);
  AlsFactors out;
  SARTOR_ASSIGN(out.users, without_padding(users, factors));
  SARTOR_ASSIGN(out.items, without_padding(items, factors));
  return out;
}

// All pairs as if nobody had taken anything, by the Grams; then the pairs that are there.
double als_loss(const UserItems& rows, const AlsConfig& config, const AlsFactors& factors) {
  const std::size_t width = factors.items.columns();
  Matrix<double> user_gram(width, width);
  Matrix<double> item_gram(width, width);
  double norm = 0;
  const auto add = [&](const Matrix<float>& of, Matrix<double>& gram) {
    for (std::size_t r = 0; r < of.rows(); ++r) {
      const auto row = of.row(r);
      for (std::size_t a = 0; a < width; ++a) {
        norm += double{row[a]} * row[a];
        for (std::size_t b = 0; b < width; ++b) gram(a, b) += double{row[a]} * row[b];
      }
    }
  };
  add(factors.users, user_gram);
  add(factors.items, item_gram);
  double loss = config.regularization * norm;
  for (std::size_t i = 0; i < user_gram.values().size(); ++i)
    loss += user_gram.values()[i] * item_gram.values()[i];
  for (std::size_t u = 0; u < rows.users(); ++u) {
    for (std::size_t e = rows.begin[u]; e < rows.begin[u + 1]; ++e) {
      double predicted = 0;
      for (std::size_t k = 0; k < width; ++k)
        predicted += double{factors.users(u, k)} * factors.items(rows.item[e], k);
      loss += config.alpha * (1 - predicted) * (1 - predicted) - predicted * predicted;
    }
  }
  return loss;
}

Result<ModelPtr> fit_als(const FitInput& input, const AlsConfig& config,
                         const Resources& resources) {
  SARTOR_TRY(check_fit_input(input, AlsConfig::kFamily));
  SARTOR_ASSIGN(TakenRows taken, taken_rows(input, resources));
  SARTOR_ASSIGN(AlsFactors factors, fit_als_factors(taken.rows, config, resources));
  return make_als(std::move(taken.kept), std::move(factors.items.values()), config);
}

struct AlsPull {
  KeptItems kept;
  ItemUsers columns;
  PaddedRows users;
  AlsConfig config;
};

Result<std::shared_ptr<const AlsPull>> als_pull(const FitInput& input, const Model& als,
                                                const Resources& resources) {
  SARTOR_TRY(check_fit_input(input, AlsConfig::kFamily));
  const auto* general = dynamic_cast<const Als*>(&als);
  SARTOR_ASSIGN(TakenRows taken, taken_rows(input, resources));
  if (general == nullptr || general->parts().kept.size() != taken.kept.size()) {
    return Error{ErrorCode::invalid_argument, "als: only an ALS of the same history is pulled"};
  }
  const PaddedRows& items = *general->parts().padded;
  const AlsConfig& config = general->config();
  PaddedRows users(taken.rows.users(), static_cast<std::size_t>(config.factors));
  AlsConfig exact = config;
  exact.solver = "cholesky";
  SARTOR_TRY(solve_side({taken.rows.begin, taken.rows.item}, items, exact, resources, users));
  ItemUsers columns = item_users(taken.rows);
  return std::make_shared<const AlsPull>(
      AlsPull{std::move(taken.kept), std::move(columns), std::move(users), config});
}

Result<ModelPtr> pulled_als(const AlsPull& pull, std::span<const float> user_weights,
                            const Resources& resources) {
  if (user_weights.size() != pull.users.rows()) {
    return Error{ErrorCode::invalid_argument, fmt::format("als: {} user weights for {} users",
                                                          user_weights.size(), pull.users.rows())};
  }
  PaddedRows scaled(pull.users.rows(), static_cast<std::size_t>(pull.config.factors));
  for (std::size_t u = 0; u < scaled.rows(); ++u) {
    const float root = std::sqrt(user_weights[u]);
    for (std::size_t k = 0; k < scaled.width(); ++k) scaled.row(u)[k] = root * pull.users.row(u)[k];
  }
  SARTOR_ASSIGN(const Aligned<float> gram, als_gram(scaled, pull.config.regularization, resources));
  const auto alpha = static_cast<float>(pull.config.alpha);
  PaddedRows items(pull.kept.size(), static_cast<std::size_t>(pull.config.factors));
  const auto solve_block = [&](std::size_t begin, std::size_t end) -> Status {
    AlsRowSolver solver(pull.users, gram);
    std::vector<float> factor, target;
    for (std::size_t i = begin; i < end; ++i) {
      const std::size_t from = pull.columns.begin[i];
      const std::span<const std::uint32_t> takers(pull.columns.user.data() + from,
                                                  pull.columns.begin[i + 1] - from);
      factor.clear();
      target.clear();
      for (const std::uint32_t user : takers) {
        factor.push_back(user_weights[user] * (alpha - 1));
        target.push_back(user_weights[user] * alpha);
      }
      SARTOR_TRY(solver.solve(takers, factor, target, items.row(i)));
    }
    return {};
  };
  SARTOR_TRY(parallel_for(resources, items.rows(), kSolvedPerBlock, solve_block));
  SARTOR_ASSIGN(Matrix<float> vectors,
                without_padding(items, static_cast<std::size_t>(pull.config.factors)));
  return make_als(pull.kept, std::move(vectors.values()), pull.config);
}

Result<ModelPtr> load_als(const TensorFile& file) {
  SARTOR_ASSIGN(const auto config, load_config<AlsConfig>(file));
  SARTOR_TRY(check_config(config));
  SARTOR_ASSIGN(KeptItems kept, KeptItems::load(file));
  SARTOR_ASSIGN(auto items,
                Array<float>::of(file, "items_factors",
                                 kept.size() * static_cast<std::size_t>(config.factors)));
  return make_als(std::move(kept), std::move(items), config);
}

}  // namespace sartor
