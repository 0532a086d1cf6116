// The innermost loops of k-means and of Ward's method: many rows against many others, a tile of so
// many by kTileColumns at a time, written once and compiled for AVX2 and for AVX-512 like
// models/vector_kernels.h.
//
// The rows on one side lie as they are; those on the other ("columns") are packed in panels of
// kTileColumns, transposed: width x kTileColumns floats. Every value is one chain of fused
// multiply-adds from dimension 0 on, so either set of instructions gives the same bits. Nothing
// here allocates, checks or fails.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sartor {

inline constexpr std::size_t kTileRows = 12;
inline constexpr std::size_t kTileColumns = 32;

// Some clusters against one panel of clusters. Of a cluster are given the centre, its norm (the sum
// of its squares) and the inverse of its weight.
struct WardTile {
  const float* rows;  // n of `width`, one behind the other
  std::size_t n;      // at most kTileRows
  std::size_t width;
  const float* panel;
  const float* row_norms;
  const float* row_inverses;
  const float* limits;    // of each row
  const float* norms;     // kTileColumns
  const float* inverses;  // likewise
};

// Where each of some rows is nearest.
struct NearestColumns {
  std::uint32_t* nearest;  // the first of equals
  float* squared;          // the distance to it
  float* second;           // likewise, to the nearest other column
};

struct TileKernels {
  const char* name;

  // squared[r * kTileColumns + c] = row_norms[r] + norms[c] - 2 row r . column c. Bit c of
  // masks[r]: squared < limits[r] * (row_inverses[r] + inverses[c]). Returns whether any bit is
  // set.
  bool (*ward_tile)(const WardTile& tile, float* squared, std::uint32_t* masks);

  // For n rows, `stride` apart: the nearest of all columns of `panels` panels by the sum of squared
  // differences, which starts at starts[column] (0, or infinity where there is no column).
  void (*nearest_columns)(const float* rows, std::size_t n, std::size_t stride, std::size_t width,
                          const float* panel, std::size_t panels, const float* starts,
                          const NearestColumns& out);

  // The same by starts[column] - row . column, at half the cost; with starts of half the column's
  // norm that is half of what the squared distance is more than the row's own norm.
  void (*least_products)(const float* rows, std::size_t n, std::size_t stride, std::size_t width,
                         const float* panel, std::size_t panels, const float* starts,
                         const NearestColumns& out);
};

extern const TileKernels kAvx2TileKernels;
extern const TileKernels kAvx512TileKernels;

// What this processor runs best.
const TileKernels& tile_kernels();

}  // namespace sartor
