// Centres packed for the kernels: the nearest of all of them for many rows at a time. Include this
// in .cc files only.
#pragma once

#include <limits>
#include <vector>

#include "sartor/base/matrix.h"
#include "sartor/models/aligned.h"
#include "sartor/segments/tile_kernels.h"

namespace sartor {

// Rows begin to end of a matrix.
inline MatrixView<const float> rows_of(MatrixView<const float> x, std::size_t begin,
                                       std::size_t end) {
  return {x.data + begin * x.stride, end - begin, x.columns, x.stride};
}

class CentrePanels {
 public:
  explicit CentrePanels(MatrixView<const float> centres)
      : width_(centres.columns),
        panels_((centres.rows + kTileColumns - 1) / kTileColumns),
        values_(panels_ * width_ * kTileColumns),
        starts_(panels_ * kTileColumns, std::numeric_limits<float>::infinity()),
        halves_(starts_) {
    for (std::size_t c = 0; c < centres.rows; ++c) {
      starts_[c] = 0;
      float norm = 0;
      for (const float value : centres.row(c)) norm += value * value;
      halves_[c] = norm / 2;
      longest_ = norm > longest_ ? norm : longest_;
      float* to = &values_[c / kTileColumns * width_ * kTileColumns + c % kTileColumns];
      for (std::size_t j = 0; j < width_; ++j) to[j * kTileColumns] = centres(c, j);
    }
  }

  // The squared distances are sums in float, dimension by dimension: a row gets the same bits
  // whatever rows are beside it.
  void nearest(MatrixView<const float> rows, const NearestColumns& out) const {
    tile_kernels().nearest_columns(rows.data, rows.rows, rows.stride, width_, values_.data(),
                                   panels_, starts_.data(), out);
  }

  // By inner products: half of what each squared distance is more than the row's own norm, off by
  // roundings relative to both norms. Twice as fast, where that is good enough.
  void nearest_roughly(MatrixView<const float> rows, const NearestColumns& out) const {
    tile_kernels().least_products(rows.data, rows.rows, rows.stride, width_, values_.data(),
                                  panels_, halves_.data(), out);
  }
  float longest() const { return longest_; }  // the largest norm (sum of squares) of a centre

 private:
  std::size_t width_;
  std::size_t panels_;
  Aligned<float> values_;
  std::vector<float> starts_;
  std::vector<float> halves_;  // of the norms
  float longest_ = 0;
};

}  // namespace sartor
