// Small tables for this module's tests.
#pragma once

#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "sartor/base/matrix.h"

namespace sartor {

// 0 … n - 1.
inline std::vector<std::uint32_t> all_rows(std::size_t n) {
  std::vector<std::uint32_t> rows(n);
  std::iota(rows.begin(), rows.end(), 0u);
  return rows;
}

inline Matrix<float> column(std::vector<float> values) {
  Matrix<float> x(values.size(), 1);
  x.values() = std::move(values);
  return x;
}

}  // namespace sartor
