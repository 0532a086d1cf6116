// With Y fixed, each x_u solves a small system of its own, A x = b:
//     A = Y'Y + regularization I + (alpha - 1) sum over i of u  y_i y_i',   b = alpha sum  y_i
// Y'Y is shared by all users. Conjugate gradients never form A: they need A p only, which is a pass
// over the user's few y_i, each used twice while it is in the cache (a dot and an axpy).
#include "sartor/models/als.h"

#include <immintrin.h>

#include <algorithm>
#include <cmath>

#include "sartor/base/random.h"
#include "sartor/models/array.h"
#include "sartor/models/dense.h"
#include "sartor/models/kept_items.h"
#include "sartor/models/saved_config.h"

namespace sartor {
namespace {

constexpr std::string_view kFamily = "als";
constexpr std::size_t kLanes = 8;  // floats of a register
constexpr std::size_t kRowsPerBlock = 64;
constexpr std::size_t kGramRowsPerBlock = 4096;
constexpr std::size_t kTogether = 8;  // rows whose dots are reduced at once

std::size_t padded(std::size_t factors) { return (factors + kLanes - 1) / kLanes * kLanes; }

// The sums of eight registers' lanes, in their order.
inline __m256 sums_of(const __m256 (&a)[kTogether]) {
  const __m256 b0 = _mm256_hadd_ps(_mm256_hadd_ps(a[0], a[1]), _mm256_hadd_ps(a[2], a[3]));
  const __m256 b1 = _mm256_hadd_ps(_mm256_hadd_ps(a[4], a[5]), _mm256_hadd_ps(a[6], a[7]));
  return _mm256_add_ps(_mm256_permute2f128_ps(b0, b1, 0x20), _mm256_permute2f128_ps(b0, b1, 0x31));
}

// What is done with groups of eight rows that lie one behind the other. kRegisters is the width of
// a row, so that the compiler unrolls everything; 0: it is given.
template <std::size_t kRegisters>
struct Rows {
  static std::size_t width(std::size_t given) {
    return kRegisters == 0 ? given : kRegisters * kLanes;
  }

  // dots[r] = row r . p
  static void dots(const float* rows, std::size_t given, const float* p, float* dots) {
    const std::size_t w = width(given);
    __m256 sum[kTogether];
    for (auto& s : sum) s = _mm256_setzero_ps();
    for (std::size_t k = 0; k < w; k += kLanes) {
      const __m256 part = _mm256_loadu_ps(p + k);
      for (std::size_t r = 0; r < kTogether; ++r)
        sum[r] = _mm256_fmadd_ps(_mm256_loadu_ps(rows + r * w + k), part, sum[r]);
    }
    _mm256_storeu_ps(dots, sums_of(sum));
  }

  // out += sum over r of weight[r] row r
  static void add(const float* rows, std::size_t given, const float* weight, float* out) {
    const std::size_t w = width(given);
    __m256 factor[kTogether];
    for (std::size_t r = 0; r < kTogether; ++r) factor[r] = _mm256_set1_ps(weight[r]);
    for (std::size_t k = 0; k < w; k += kLanes) {
      __m256 even = _mm256_loadu_ps(out + k);
      __m256 odd = _mm256_setzero_ps();
      for (std::size_t r = 0; r < kTogether; r += 2) {
        even = _mm256_fmadd_ps(factor[r], _mm256_loadu_ps(rows + r * w + k), even);
        odd = _mm256_fmadd_ps(factor[r + 1], _mm256_loadu_ps(rows + (r + 1) * w + k), odd);
      }
      _mm256_storeu_ps(out + k, _mm256_add_ps(even, odd));
    }
  }

  // out += sum over n rows (a multiple of eight) of (constant + factor row.v) row
  static void pass(const float* rows, std::size_t n, std::size_t given, const float* v,
                   float constant, float factor, float* out) {
    const std::size_t w = width(given);
    float weight[kTogether];
    for (std::size_t i = 0; i < n; i += kTogether) {
      dots(rows + i * w, given, v, weight);
      for (float& d : weight) d = constant + factor * d;
      add(rows + i * w, given, weight, out);
    }
  }

  // out = m v, m symmetric and as wide as a row
  static void times(const float* m, std::size_t given, const float* v, float* out) {
    const std::size_t w = width(given);
    std::fill(out, out + w, 0.0f);
    for (std::size_t k = 0; k < w; k += kTogether) add(m + k * w, given, v + k, out);
  }
};

// The same for any width, by the fitting instance.
template <class Call>
void for_width(std::size_t width, Call&& call) {
  switch (width) {
    case 16:
      return call(Rows<2>{});
    case 32:
      return call(Rows<4>{});
    case 64:
      return call(Rows<8>{});
    case 128:
      return call(Rows<16>{});
    default:
      return call(Rows<0>{});
  }
}

// The vectors of one side, rows padded with zeros to whole registers.
class Factors {
 public:
  Factors(std::size_t rows, std::size_t factors)
      : width_(padded(factors)), values_(rows * width_, 0.0f), rows_(rows) {}

  std::size_t rows() const { return rows_; }
  std::size_t width() const { return width_; }
  float* row(std::size_t r) { return values_.data() + r * width_; }
  const float* row(std::size_t r) const { return values_.data() + r * width_; }
  MatrixView<const float> view() const { return {values_.data(), rows_, width_, width_}; }

 private:
  std::size_t width_;
  std::vector<float> values_;
  std::size_t rows_;
};

// One side's interactions: row r's are other[begin[r]] … other[begin[r + 1]].
struct Side {
  std::span<const std::size_t> begin;
  std::span<const std::uint32_t> other;
};

// Y'Y + regularization I.
Result<Matrix<float>> gram_of(const Factors& y, double regularization, const Resources& resources) {
  const std::size_t width = y.width();
  const std::size_t blocks = (y.rows() + kGramRowsPerBlock - 1) / kGramRowsPerBlock;
  std::vector<Matrix<float>> parts(blocks);
  SARTOR_TRY(parallel_for(
      resources, y.rows(), kGramRowsPerBlock, [&](std::size_t begin, std::size_t end) -> Status {
        Matrix<float> part(width, width);
        const MatrixView<const float> rows{y.row(begin), end - begin, width, width};
        gemm(Transpose::yes, Transpose::no, 1, rows, rows, 0, part.view());
        parts[begin / kGramRowsPerBlock] = std::move(part);
        return {};
      }));
  Matrix<float> gram(width, width);
  for (const Matrix<float>& part : parts) {
    for (std::size_t i = 0; i < gram.values().size(); ++i) gram.values()[i] += part.values()[i];
  }
  for (std::size_t k = 0; k < width; ++k) gram(k, k) += static_cast<float>(regularization);
  return gram;
}

// Solves one row after the other against fixed vectors; buffers of one thread.
class RowSolver {
 public:
  RowSolver(const Factors& y, const Matrix<float>& gram, const AlsConfig& config)
      : y_(y),
        gram_(gram),
        alpha_(static_cast<float>(config.alpha)),
        steps_(config.cg_steps),
        p_(y.width()),
        r_(y.width()),
        ap_(y.width()) {}

  // Improves `x` by conjugate gradients.
  void improve(std::span<const std::uint32_t> taken, float* x) {
    gather(taken);
    for_width(y_.width(), [&](auto rows) { descend(rows, x); });
  }

  // Solves for `x` exactly; weight[i] is what stands for alpha - 1 of taken[i], empty: alpha - 1.
  Status solve(std::span<const std::uint32_t> taken, std::span<const float> weight, float* x) {
    const std::size_t width = y_.width();
    scaled_.resize(taken.size() * width);
    std::fill(x, x + width, 0.0f);
    for (std::size_t i = 0; i < taken.size(); ++i) {
      const float w = weight.empty() ? alpha_ - 1 : weight[i];
      const float* row = y_.row(taken[i]);
      const float root = std::sqrt(w);
      for (std::size_t k = 0; k < width; ++k) {
        scaled_[i * width + k] = root * row[k];
        x[k] += (1 + w) * row[k];
      }
    }
    a_ = gram_;
    const MatrixView<const float> rows{scaled_.data(), taken.size(), width, width};
    if (!taken.empty()) gemm(Transpose::yes, Transpose::no, 1, rows, rows, 1, a_.view());
    const std::size_t pivot = cholesky_tile(a_.view());
    if (pivot != width) {
      return Error{
          ErrorCode::invalid_argument,
          fmt::format("als: pivot {} is not positive; is regularization too small?", pivot)};
    }
    for (std::size_t i = 0; i < width; ++i) {  // L z = b
      float sum = x[i];
      for (std::size_t k = 0; k < i; ++k) sum -= a_(i, k) * x[k];
      x[i] = sum / a_(i, i);
    }
    for (std::size_t i = width; i-- > 0;) {  // L' x = z
      x[i] /= a_(i, i);
      for (std::size_t k = 0; k < i; ++k) x[k] -= a_(i, k) * x[i];
    }
    return {};
  }

 private:
  template <class Kernel>
  void descend(Kernel kernel, float* x) {
    const std::size_t width = y_.width();
    const std::size_t n = rows_.size() / width;
    // r = b - A x = sum (alpha - (alpha - 1) y.x) y - (Y'Y + regularization I) x
    kernel.times(gram_.values().data(), width, x, r_.data());
    for (float& value : r_) value = -value;
    kernel.pass(rows_.data(), n, width, x, alpha_, 1 - alpha_, r_.data());
    p_ = r_;
    float rr = dot(r_, r_);
    for (int step = 0; step < steps_ && rr > 1e-20f; ++step) {
      kernel.times(gram_.values().data(), width, p_.data(), ap_.data());
      kernel.pass(rows_.data(), n, width, p_.data(), 0, alpha_ - 1, ap_.data());
      const float length = rr / dot(p_, ap_);
      for (std::size_t k = 0; k < width; ++k) {
        x[k] += length * p_[k];
        r_[k] -= length * ap_[k];
      }
      const float next = dot(r_, r_);
      const float turn = next / rr;
      for (std::size_t k = 0; k < width; ++k) p_[k] = r_[k] + turn * p_[k];
      rr = next;
    }
  }

  // In eight strands, for speed.
  static float dot(const std::vector<float>& a, const std::vector<float>& b) {
    float strand[kLanes] = {};
    for (std::size_t k = 0; k < a.size(); k += kLanes) {
      for (std::size_t l = 0; l < kLanes; ++l) strand[l] += a[k + l] * b[k + l];
    }
    float sum = 0;
    for (const float part : strand) sum += part;
    return sum;
  }

  // The row's vectors side by side, filled up with zeros to whole groups: every pass reads them in
  // order, and only this one has to look for them.
  void gather(std::span<const std::uint32_t> taken) {
    constexpr std::size_t kAhead = 8;
    const std::size_t width = y_.width();
    const std::size_t n = (taken.size() + kTogether - 1) / kTogether * kTogether;
    rows_.resize(n * width);
    float* to = rows_.data();
    for (std::size_t i = 0; i < taken.size(); ++i, to += width) {
      if (i + kAhead < taken.size()) {
        for (std::size_t k = 0; k < width; k += 16)
          __builtin_prefetch(y_.row(taken[i + kAhead]) + k);
      }
      const float* from = y_.row(taken[i]);
      for (std::size_t k = 0; k < width; k += kLanes)
        _mm256_storeu_ps(to + k, _mm256_loadu_ps(from + k));
    }
    std::fill(to, rows_.data() + rows_.size(), 0.0f);
  }

  const Factors& y_;
  const Matrix<float>& gram_;
  float alpha_;
  int steps_;
  std::vector<float> p_, r_, ap_, rows_, scaled_;
  Matrix<float> a_;
};

Status solve_side(const Side& side, const Factors& y, const AlsConfig& config,
                  const Resources& resources, Factors& x) {
  SARTOR_ASSIGN(const Matrix<float> gram, gram_of(y, config.regularization, resources));
  const bool exact = config.solver == "cholesky";
  return parallel_for(
      resources, x.rows(), kRowsPerBlock, [&](std::size_t begin, std::size_t end) -> Status {
        RowSolver solver(y, gram, config);
        for (std::size_t r = begin; r < end; ++r) {
          const auto taken = side.other.subspan(side.begin[r], side.begin[r + 1] - side.begin[r]);
          if (exact) {
            SARTOR_TRY(solver.solve(taken, {}, x.row(r)));
          } else {
            solver.improve(taken, x.row(r));
          }
        }
        return {};
      });
}

Factors first_factors(std::size_t rows, const AlsConfig& config, std::uint64_t stream,
                      const Matrix<float>* start) {
  const auto factors = static_cast<std::size_t>(config.factors);
  Factors out(rows, factors);
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

Result<Matrix<float>> without_padding(const Factors& padded_factors, std::size_t factors) {
  Matrix<float> out(padded_factors.rows(), factors);
  for (std::size_t r = 0; r < out.rows(); ++r) {
    for (std::size_t k = 0; k < factors; ++k) {
      out(r, k) = padded_factors.row(r)[k];
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
    std::shared_ptr<const Factors> padded;
    std::shared_ptr<const Matrix<float>> gram;
  };

  Als(Parts parts, AlsConfig config) : parts_(std::move(parts)), config_(std::move(config)) {
    config_.half_life_days = normal_half_life(config_.half_life_days);
  }

  std::string_view family() const override { return kFamily; }

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
    const Factors& y = *parts_.padded;
    std::vector<float> x(y.width());
    RowSolver solver(y, *parts_.gram, config_);
    if (!solver.solve(taken, weight, x.data())) {  // not reached: the Gram was checked when made
      parts_.kept.strangers(out);
      return;
    }
    std::vector<float> scores(y.rows() + kTogether);
    const std::size_t whole = y.rows() / kTogether * kTogether;
    for_width(y.width(), [&](auto rows) {
      for (std::size_t i = 0; i < whole; i += kTogether)
        rows.dots(y.row(i), y.width(), x.data(), &scores[i]);
    });
    for (std::size_t i = whole; i < y.rows(); ++i) {
      for (std::size_t k = 0; k < x.size(); ++k) scores[i] += x[k] * y.row(i)[k];
    }
    parts_.kept.scatter({scores.data(), y.rows()}, out);
  }

  bool knows(const Query& query) const override { return parts_.kept.any_of(query); }

  ModelPtr with_half_life(double days) const override {
    AlsConfig config = config_;
    config.half_life_days = days;
    return std::make_shared<Als>(parts_, config);
  }

  Status save(TensorFile& out) const override {
    save_config(out, kFamily, config_);
    parts_.kept.save(out);
    out.add("items_factors", parts_.items.span(),
            {parts_.kept.size(), static_cast<std::size_t>(config_.factors)});
    return {};
  }

 private:
  Parts parts_;
  AlsConfig config_;
};

Result<ModelPtr> make_als(KeptItems kept, Array<float> items, const AlsConfig& config) {
  const auto factors = static_cast<std::size_t>(config.factors);
  Factors y(kept.size(), factors);
  for (std::size_t r = 0; r < y.rows(); ++r)
    std::copy_n(items.data() + r * factors, factors, y.row(r));
  SARTOR_ASSIGN(Matrix<float> gram, gram_of(y, config.regularization, {}));
  Matrix<float> factor = gram;
  if (cholesky_tile(factor.view()) != y.width())
    return Error{ErrorCode::bad_data, "als: the items' vectors have no positive definite Gram"};
  return ModelPtr(std::make_shared<Als>(
      Als::Parts{std::move(kept), std::move(items), std::make_shared<const Factors>(std::move(y)),
                 std::make_shared<const Matrix<float>>(std::move(gram))},
      config));
}

}  // namespace

Result<AlsFactors> fit_als_factors(const UserItems& rows, const AlsConfig& config,
                                   const Resources& resources, const AlsFactors* start) {
  SARTOR_TRY(check_config(config, kFamily));
  if (config.solver != "cg" && config.solver != "cholesky") {
    return Error{ErrorCode::invalid_argument,
                 fmt::format("als.solver: '{}'; expected 'cg' or 'cholesky'", config.solver)};
  }
  const ItemUsers columns = item_users(rows);
  const Side by_user{rows.begin, rows.item};
  const Side by_item{columns.begin, columns.user};
  Factors users =
      first_factors(rows.users(), config, 1, start == nullptr ? nullptr : &start->users);
  Factors items = first_factors(rows.items, config, 2, start == nullptr ? nullptr : &start->items);
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
  SARTOR_TRY(check_fit_input(input, kFamily));
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
  SARTOR_ASSIGN(AlsFactors factors, fit_als_factors(rows, config, resources));
  return make_als(KeptItems(catalogue, std::move(kept), stranger_scores(kept_totals)),
                  std::move(factors.items.values()), config);
}

Result<ModelPtr> load_als(const TensorFile& file) {
  SARTOR_ASSIGN(const auto config, load_config<AlsConfig>(file, kFamily));
  SARTOR_TRY(check_config(config, kFamily));
  SARTOR_ASSIGN(KeptItems kept, KeptItems::load(file));
  SARTOR_ASSIGN(auto items,
                Array<float>::of(file, "items_factors",
                                 kept.size() * static_cast<std::size_t>(config.factors)));
  return make_als(std::move(kept), std::move(items), config);
}

}  // namespace sartor
