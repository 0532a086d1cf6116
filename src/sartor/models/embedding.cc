// With X the weighted matrix (users x items) and Q orthonormal (items x l, l a little more than the
// dimensions wanted), each iteration takes Q <- orthonormalised X'(X Q). At the end the l x l
// matrix (X Q)'(X Q) is diagonalised; Q times its eigenvectors are the right singular vectors.
#include "sartor/models/embedding.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "sartor/base/random.h"
#include "sartor/models/saved_config.h"
#include "sartor/models/user_items.h"

namespace sartor {
namespace {

constexpr std::size_t kOversampling = 8;
constexpr std::size_t kProductRowsPerBlock = 128;
constexpr int kJacobiSweeps = 30;

std::vector<float> idf_of(const UserItems& rows) {
  std::vector<double> users(rows.items, 0);
  for (const std::uint32_t item : rows.item) users[item] += 1;
  double active = 0;
  for (std::size_t u = 0; u < rows.users(); ++u) active += rows.begin[u + 1] > rows.begin[u];
  std::vector<float> idf(rows.items, 0.0f);
  for (std::size_t i = 0; i < rows.items; ++i) {
    if (users[i] > 0) idf[i] = static_cast<float>(std::log1p(active / users[i]));
  }
  return idf;
}

// Puts idf / length of the row into the values.
void weigh(UserItems& rows, std::span<const float> idf) {
  for (std::size_t u = 0; u < rows.users(); ++u) {
    double squares = 0;
    for (std::size_t e = rows.begin[u]; e < rows.begin[u + 1]; ++e) {
      rows.value[e] = idf[rows.item[e]];
      squares += static_cast<double>(rows.value[e]) * rows.value[e];
    }
    for (std::size_t e = rows.begin[u]; e < rows.begin[u + 1]; ++e) {
      rows.value[e] /= static_cast<float>(std::sqrt(squares));
    }
  }
}

// X Q, one row per user.
Status times(const UserItems& rows, const Matrix<float>& q, Matrix<float>& out,
             const Resources& resources) {
  out = Matrix<float>(rows.users(), q.columns());
  return parallel_for(resources, rows.users(), kProductRowsPerBlock,
                      [&](std::size_t begin, std::size_t end) -> Status {
                        for (std::size_t u = begin; u < end; ++u) {
                          for (std::size_t e = rows.begin[u]; e < rows.begin[u + 1]; ++e) {
                            add_scaled(out.row(u), rows.value[e], q.row(rows.item[e]));
                          }
                        }
                        return {};
                      });
}

// X' Y, one row per item.
Status transposed_times(const UserItems& rows, const ItemUsers& columns, const Matrix<float>& y,
                        Matrix<float>& out, const Resources& resources) {
  out = Matrix<float>(rows.items, y.columns());
  return parallel_for(resources, rows.items, kProductRowsPerBlock,
                      [&](std::size_t begin, std::size_t end) -> Status {
                        for (std::size_t i = begin; i < end; ++i) {
                          for (std::size_t at = columns.begin[i]; at < columns.begin[i + 1]; ++at) {
                            add_scaled(out.row(i), rows.value[columns.entry[at]],
                                       y.row(columns.user[at]));
                          }
                        }
                        return {};
                      });
}

// Column c of a matrix as doubles, and back.
std::vector<double> column(const Matrix<float>& a, std::size_t c) {
  std::vector<double> out(a.rows());
  for (std::size_t r = 0; r < a.rows(); ++r) out[r] = a(r, c);
  return out;
}

double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// Gram and Schmidt, twice over, in doubles; a column that is a sum of earlier ones becomes zero.
void orthonormalise(Matrix<float>& q) {
  std::vector<std::vector<double>> done;
  for (std::size_t c = 0; c < q.columns(); ++c) {
    std::vector<double> v = column(q, c);
    const double before = std::sqrt(dot(v, v));
    for (int pass = 0; pass < 2; ++pass) {
      for (const auto& other : done) {
        const double along = dot(v, other);
        for (std::size_t r = 0; r < v.size(); ++r) v[r] -= along * other[r];
      }
    }
    const double length = std::sqrt(dot(v, v));
    const double scale = length > 1e-6 * before ? 1 / length : 0;
    for (std::size_t r = 0; r < v.size(); ++r) {
      v[r] *= scale;
      q(r, c) = static_cast<float>(v[r]);
    }
    done.push_back(std::move(v));
  }
}

// Eigenvectors (columns) of the small symmetric `a` by Jacobi rotations, largest eigenvalue first.
Matrix<double> eigenvectors(Matrix<double> a) {
  const std::size_t n = a.rows();
  Matrix<double> v(n, n);
  for (std::size_t i = 0; i < n; ++i) v(i, i) = 1;
  for (int sweep = 0; sweep < kJacobiSweeps; ++sweep) {
    for (std::size_t p = 0; p < n; ++p) {
      for (std::size_t q = p + 1; q < n; ++q) {
        if (a(p, q) == 0) continue;
        const double theta = (a(q, q) - a(p, p)) / (2 * a(p, q));
        const double t = std::copysign(1.0, theta) / (std::abs(theta) + std::hypot(theta, 1.0));
        const double c = 1 / std::hypot(t, 1.0);
        const double s = t * c;
        for (std::size_t k = 0; k < n; ++k) {
          const double kp = a(k, p);
          const double kq = a(k, q);
          a(k, p) = c * kp - s * kq;
          a(k, q) = s * kp + c * kq;
        }
        for (std::size_t k = 0; k < n; ++k) {
          const double pk = a(p, k);
          const double qk = a(q, k);
          a(p, k) = c * pk - s * qk;
          a(q, k) = s * pk + c * qk;
          const double vp = v(k, p);
          const double vq = v(k, q);
          v(k, p) = c * vp - s * vq;
          v(k, q) = s * vp + c * vq;
        }
      }
    }
  }
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t x, std::size_t y) { return a(x, x) > a(y, y); });
  Matrix<double> sorted(n, n);
  for (std::size_t c = 0; c < n; ++c) {
    for (std::size_t r = 0; r < n; ++r) sorted(r, c) = v(r, order[c]);
  }
  return sorted;
}

// Y'Y in doubles.
Matrix<double> small_gram(const Matrix<float>& y) {
  const std::size_t n = y.columns();
  Matrix<double> gram(n, n);
  for (std::size_t r = 0; r < y.rows(); ++r) {
    const auto row = y.row(r);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j <= i; ++j) gram(i, j) += static_cast<double>(row[i]) * row[j];
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < i; ++j) gram(j, i) = gram(i, j);
  }
  return gram;
}

// Q times the first `dimensions` eigenvectors, signs fixed.
std::vector<float> rotated(const Matrix<float>& q, const Matrix<double>& v,
                           std::size_t dimensions) {
  std::vector<float> out(q.rows() * dimensions, 0.0f);
  for (std::size_t d = 0; d < std::min(dimensions, q.columns()); ++d) {
    double largest = 0;
    std::vector<double> column_d(q.rows());
    for (std::size_t i = 0; i < q.rows(); ++i) {
      for (std::size_t k = 0; k < q.columns(); ++k) column_d[i] += q(i, k) * v(k, d);
      if (std::abs(column_d[i]) > std::abs(largest)) largest = column_d[i];
    }
    const double sign = largest < 0 ? -1 : 1;
    for (std::size_t i = 0; i < q.rows(); ++i) {
      out[i * dimensions + d] = static_cast<float>(sign * column_d[i]);
    }
  }
  return out;
}

}  // namespace

void Embedding::user_vector(std::span<const Interaction> history, std::span<float> out) const {
  std::fill(out.begin(), out.end(), 0.0f);
  for (const ProfileEntry& entry :
       profile({.history = history}, items(), /*weight_power=*/0, /*half_life_days=*/0)) {
    add_scaled(out, idf_[entry.item], item_vectors().row(entry.item));
  }
  double squares = 0;
  for (const float value : out) squares += static_cast<double>(value) * value;
  if (squares == 0) return;
  for (float& value : out) value /= static_cast<float>(std::sqrt(squares));
}

Status Embedding::save(TensorFile& out) const {
  save_config(out, config_);
  out.add("idf", idf_.span());
  out.add("vectors", vectors_.span(), {items(), dimensions_});
  return {};
}

Result<Embedding> Embedding::load(const TensorFile& file) {
  Embedding out;
  SARTOR_ASSIGN(out.config_, load_config<EmbeddingConfig>(file));
  out.dimensions_ = static_cast<std::size_t>(out.config_.dimensions);
  SARTOR_ASSIGN(out.idf_, Array<float>::of(file, "idf"));
  SARTOR_ASSIGN(out.vectors_, Array<float>::of(file, "vectors", out.items() * out.dimensions_));
  return out;
}

Result<Embedding> fit_embedding(const FitInput& input, const EmbeddingConfig& config,
                                const Resources& resources) {
  SARTOR_TRY(check_config(config));
  SARTOR_TRY(check_fit_input(input, EmbeddingConfig::kFamily));
  SARTOR_ASSIGN(UserItems rows, user_items(*input.history, /*weight_power=*/0, resources));
  const ItemUsers columns = item_users(rows);
  Embedding out;
  out.config_ = config;
  out.dimensions_ = static_cast<std::size_t>(config.dimensions);
  std::vector<float> idf = idf_of(rows);
  weigh(rows, idf);

  const std::size_t width = std::min(out.dimensions_ + kOversampling, rows.items);
  Matrix<float> q(rows.items, width);
  Random random(config.seed);
  for (float& value : q.values()) value = static_cast<float>(random.normal());
  Matrix<float> y;
  for (int i = 0; i < config.iterations; ++i) {
    SARTOR_TRY(times(rows, q, y, resources));
    SARTOR_TRY(transposed_times(rows, columns, y, q, resources));
    orthonormalise(q);
  }
  SARTOR_TRY(times(rows, q, y, resources));
  out.vectors_ = rotated(q, eigenvectors(small_gram(y)), out.dimensions_);
  out.idf_ = std::move(idf);
  return out;
}

}  // namespace sartor
