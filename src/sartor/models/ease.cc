#include "sartor/models/ease.h"

#include <algorithm>
#include <cmath>

#include "sartor/models/array.h"
#include "sartor/models/dense.h"
#include "sartor/models/kept_items.h"
#include "sartor/models/saved_config.h"

namespace sartor {
namespace {

constexpr std::size_t kWeightRowsPerBlock = 32;

struct Weights {
  KeptItems kept;
  Array<float> b;  // kept x kept: row i is what having item i adds to each item's score
};

// out += x0 r0 + x1 r1 + x2 r2 + x3 r3: four rows at a time, so that `out` is read once for four.
void add_rows(std::span<const ProfileEntry, 4> x, const float* b, std::span<float> out) {
  const std::size_t n = out.size();
  const float* r0 = b + x[0].item * n;
  const float* r1 = b + x[1].item * n;
  const float* r2 = b + x[2].item * n;
  const float* r3 = b + x[3].item * n;
  float* __restrict sum = out.data();
  for (std::size_t k = 0; k < n; ++k) {
    sum[k] += x[0].value * r0[k] + x[1].value * r1[k] + x[2].value * r2[k] + x[3].value * r3[k];
  }
}

class Ease final : public Model {
 public:
  Ease(Weights weights, EaseConfig config, FitNotes notes)
      : weights_(std::move(weights)), config_(config), notes_(std::move(notes)) {
    config_.half_life_days = normal_half_life(config.half_life_days);
  }

  std::string_view family() const override { return EaseConfig::kFamily; }

  void score(const Query& query, std::span<float> out) const override {
    const auto x = weights_.kept.profile(query, config_.weight_power, config_.half_life_days);
    if (x.empty()) {
      weights_.kept.strangers(out);
      return;
    }
    const std::size_t n = weights_.kept.size();
    std::vector<float> sum(n, 0.0f);
    std::size_t i = 0;
    for (; i + 4 <= x.size(); i += 4) {
      if (query.is_late()) return;
      add_rows(std::span<const ProfileEntry, 4>(&x[i], 4), weights_.b.data(), sum);
    }
    for (; i < x.size(); ++i) {
      const float* row = weights_.b.data() + x[i].item * n;
      for (std::size_t k = 0; k < n; ++k) sum[k] += x[i].value * row[k];
    }
    weights_.kept.scatter(sum, out);
  }

  bool knows(const Query& query) const override { return weights_.kept.any_of(query); }

  ModelPtr with_half_life(double days) const override {
    EaseConfig config = config_;
    config.half_life_days = days;
    return std::make_shared<Ease>(weights_, config, notes_);
  }

  Status save(TensorFile& out) const override {
    save_config(out, config_);
    weights_.kept.save(out);
    out.add("weights", weights_.b.span(), {weights_.kept.size(), weights_.kept.size()});
    return {};
  }

  FitNotes notes() const override { return notes_; }

 private:
  Weights weights_;
  EaseConfig config_;
  FitNotes notes_;
};

// P becomes B in place.
Status divide_by_diagonal(MatrixView<float> p, const Resources& resources) {
  std::vector<float> scale(p.rows);
  for (std::size_t i = 0; i < p.rows; ++i) {
    scale[i] = -1.0f / p(i, i);
    if (!std::isfinite(scale[i])) {
      return Error{ErrorCode::invalid_argument,
                   fmt::format("ease: the weights of item {} of {} are not finite", i, p.rows)};
    }
  }
  return parallel_for(resources, p.rows, kWeightRowsPerBlock,
                      [&](std::size_t begin, std::size_t end) -> Status {
                        for (std::size_t i = begin; i < end; ++i) {
                          const auto row = p.row(i);
                          for (std::size_t k = 0; k < row.size(); ++k) row[k] *= scale[k];
                          row[i] = 0;
                        }
                        return {};
                      });
}

}  // namespace

Result<Matrix<float>> ease_weights(Matrix<float> gram, double regularization,
                                   const Resources& resources) {
  for (std::size_t i = 0; i < gram.rows(); ++i) gram(i, i) += static_cast<float>(regularization);
  const Status inverted = cholesky_inverse(gram.view(), resources);
  if (!inverted)
    return within(fmt::format("ease: regularization {}", regularization), inverted.error());
  SARTOR_TRY(divide_by_diagonal(gram.view(), resources));
  return gram;
}

Result<ModelPtr> fit_ease_from_gram(const Gram& gram, const EaseConfig& config,
                                    const Resources& resources) {
  SARTOR_TRY(check_config(config));
  if (config.weight_power != gram.weight_power) {
    return Error{ErrorCode::invalid_argument,
                 fmt::format("ease: weight_power {} with a matrix made with {}",
                             config.weight_power, gram.weight_power)};
  }
  SARTOR_ASSIGN(auto b, ease_weights(gram.values, config.regularization, resources));
  Weights weights{KeptItems(gram.catalogue, gram.items, gram.strangers), std::move(b.values())};
  return ModelPtr(std::make_shared<Ease>(std::move(weights), config, gram.notes));
}

Result<ModelPtr> fit_ease(const FitInput& input, const EaseConfig& config,
                          const Resources& resources) {
  SARTOR_TRY(check_config(config));
  SARTOR_ASSIGN(const Gram gram, item_gram(input, config.gram(), EaseConfig::kFamily, resources));
  return fit_ease_from_gram(gram, config, resources);
}

Result<ModelPtr> load_ease(const TensorFile& file) {
  SARTOR_ASSIGN(const auto config, load_config<EaseConfig>(file));
  Weights weights;
  SARTOR_ASSIGN(weights.kept, KeptItems::load(file));
  const std::size_t n = weights.kept.size();
  SARTOR_ASSIGN(weights.b, Array<float>::of(file, "weights", n * n));
  return ModelPtr(std::make_shared<Ease>(std::move(weights), config, FitNotes{}));
}

}  // namespace sartor
