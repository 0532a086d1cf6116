// Dense row-major matrices: a view that owns nothing, and an owner.
#pragma once

#include <cassert>
#include <cstddef>
#include <span>
#include <vector>

namespace sartor {

// rows x columns values of T; row r begins at data + r * stride.
template <class T>
struct MatrixView {
  T* data = nullptr;
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::size_t stride = 0;

  std::span<T> row(std::size_t r) const {
    assert(r < rows);
    return {data + r * stride, columns};
  }
  T& operator()(std::size_t r, std::size_t c) const {
    assert(r < rows && c < columns);
    return data[r * stride + c];
  }
  operator MatrixView<const T>() const { return {data, rows, columns, stride}; }
};

template <class T>
class Matrix {
 public:
  Matrix() = default;
  Matrix(std::size_t rows, std::size_t columns, T fill = T{})
      : rows_(rows), columns_(columns), values_(rows * columns, fill) {}

  std::size_t rows() const { return rows_; }
  std::size_t columns() const { return columns_; }
  bool empty() const { return values_.empty(); }
  std::span<T> row(std::size_t r) { return view().row(r); }
  std::span<const T> row(std::size_t r) const { return view().row(r); }
  T& operator()(std::size_t r, std::size_t c) { return view()(r, c); }
  const T& operator()(std::size_t r, std::size_t c) const { return view()(r, c); }
  MatrixView<T> view() { return {values_.data(), rows_, columns_, columns_}; }
  MatrixView<const T> view() const { return {values_.data(), rows_, columns_, columns_}; }
  std::vector<T>& values() { return values_; }
  const std::vector<T>& values() const { return values_; }

 private:
  std::size_t rows_ = 0;
  std::size_t columns_ = 0;
  std::vector<T> values_;
};

// out += factor * row; as long as `out`.
inline void add_scaled(std::span<float> out, float factor, std::span<const float> row) {
  for (std::size_t k = 0; k < out.size(); ++k) out[k] += factor * row[k];
}

}  // namespace sartor
