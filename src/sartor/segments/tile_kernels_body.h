// What tile_kernels_avx2.cc and tile_kernels_avx512.cc are made of; SARTOR_TILE_KERNELS is the name
// of the table at the end.
#include <immintrin.h>

#include "sartor/models/vector_kernels_lanes.h"
#include "sartor/segments/tile_kernels.h"

namespace sartor {
namespace {

constexpr std::size_t kHeldRows = kLanes == 16 ? 12 : 6;  // two registers each: all there are
constexpr std::size_t kFewRows = 3;

// sum[r][s] = step(value of row r, values of the columns of register s, sum[r][s]) over the
// dimensions, for kRows rows and two registers of columns.
template <std::size_t kRows, class Step>
void run_over(const float* rows, std::size_t stride, std::size_t width, const float* columns,
              Vec (&sum)[kRows][2], Step step) {
  for (std::size_t k = 0; k < width; ++k) {
    const Vec b0 = load(columns + k * kTileColumns);
    const Vec b1 = load(columns + k * kTileColumns + kLanes);
#pragma GCC unroll 12
    for (std::size_t r = 0; r < kRows; ++r) {
      const Vec a = spread(rows[r * stride + k]);
      sum[r][0] = step(a, b0, sum[r][0]);
      sum[r][1] = step(a, b1, sum[r][1]);
    }
  }
}

// --- Ward's method -----------------------------------------------------------------------------

template <std::size_t kRows>
void ward_part(const WardTile& tile, std::size_t first, float* squared, std::uint32_t* masks) {
  const Vec minus_two = spread(-2);
  for (std::size_t c = 0; c < kTileColumns; c += 2 * kLanes) {
    Vec sum[kRows][2];
    for (auto& row : sum) row[0] = row[1] = zero();
    run_over<kRows>(tile.rows + first * tile.width, tile.width, tile.width, tile.panel + c, sum,
                    [](Vec a, Vec b, Vec s) { return fma(a, b, s); });
#pragma GCC unroll 12
    for (std::size_t r = 0; r < kRows; ++r) {
      const std::size_t row = first + r;
      const Vec norm = spread(tile.row_norms[row]);
      const Vec inverse = spread(tile.row_inverses[row]);
      const Vec limit = spread(tile.limits[row]);
      for (std::size_t s = 0; s < 2; ++s) {
        const std::size_t at = c + s * kLanes;
        const Vec value = fma(minus_two, sum[r][s], norm + load(tile.norms + at));
        masks[row] |= above(limit * (inverse + load(tile.inverses + at)), value) << at;
        store(squared + row * kTileColumns + at, value);
      }
    }
  }
}

bool ward_tile(const WardTile& tile, float* squared, std::uint32_t* masks) {
  for (std::size_t r = 0; r < tile.n; ++r) masks[r] = 0;
  std::size_t r = 0;
  for (; r + kHeldRows <= tile.n; r += kHeldRows) ward_part<kHeldRows>(tile, r, squared, masks);
  for (; r + kFewRows <= tile.n; r += kFewRows) ward_part<kFewRows>(tile, r, squared, masks);
  for (; r < tile.n; ++r) ward_part<1>(tile, r, squared, masks);
  std::uint32_t any = 0;
  for (r = 0; r < tile.n; ++r) any |= masks[r];
  return any != 0;
}

// --- k-means -----------------------------------------------------------------------------------

typedef std::int32_t Places __attribute__((vector_size(sizeof(Vec))));

// The least of the lanes.
inline float least_of(Vec a) {
  float lane[kLanes];
  store(lane, a);
  for (std::size_t n = kLanes / 2; n > 0; n /= 2) {
    for (std::size_t l = 0; l < n; ++l) lane[l] = lane[l + n] < lane[l] ? lane[l + n] : lane[l];
  }
  return lane[0];
}

// Of one row, lane by lane: the least value so far, its group of kLanes columns, the least but one.
struct Least {
  Vec best, second;
  Places group;
};

// Nothing is a number here that compares false with everything: values are sums of squares.
inline void see(Vec value, std::int32_t group, Least& least) {
  const auto less = value < least.best;
  const Vec other = less ? least.best : value;
  least.second = other < least.second ? other : least.second;
  least.best = less ? value : least.best;
  least.group = less ? Places{} + group : least.group;
}

inline void conclude(const Least& least, std::size_t row, const NearestColumns& out) {
  const float best = least_of(least.best);
  const Vec equal = least.best == spread(best) ? spread(1) : zero();
  std::uint32_t lanes = above(equal, zero());
  std::int32_t group[kLanes];
  float second[kLanes], value[kLanes];
  __builtin_memcpy(group, &least.group, sizeof(group));
  std::uint32_t nearest = ~0u, winner = 0;
  for (; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<std::uint32_t>(__builtin_ctz(lanes));
    const std::uint32_t column =
        static_cast<std::uint32_t>(group[lane]) * static_cast<std::uint32_t>(kLanes) + lane;
    if (column < nearest) {
      nearest = column;
      winner = lane;
    }
  }
  store(second, least.second);
  store(value, least.best);
  value[winner] = second[winner];  // of its own lane the next, of all others the best
  out.nearest[row] = nearest;
  out.squared[row] = best;
  out.second[row] = least_of(load(value));
}

// The steps of the two kinds of distance.
struct Differences {
  Vec operator()(Vec a, Vec b, Vec s) const {
    const Vec difference = a - b;
    return fma(difference, difference, s);
  }
};
struct Products {
  Vec operator()(Vec a, Vec b, Vec s) const { return minus_fma(a, b, s); }
};

template <std::size_t kRows, class Step>
void nearest_part(const float* rows, std::size_t stride, std::size_t width, const float* panel,
                  std::size_t panels, const float* starts, std::size_t first,
                  const NearestColumns& out) {
  Least least[kRows];
  for (Least& one : least) one = {spread(__builtin_inff()), spread(__builtin_inff()), Places{}};
  for (std::size_t p = 0; p < panels; ++p) {
    for (std::size_t c = 0; c < kTileColumns; c += 2 * kLanes) {
      const std::size_t column = p * kTileColumns + c;
      Vec sum[kRows][2];
      for (auto& row : sum) {
        row[0] = load(starts + column);
        row[1] = load(starts + column + kLanes);
      }
      run_over<kRows>(rows + first * stride, stride, width, panel + p * width * kTileColumns + c,
                      sum, Step{});
#pragma GCC unroll 12
      for (std::size_t r = 0; r < kRows; ++r) {
        for (std::size_t s = 0; s < 2; ++s)
          see(sum[r][s], static_cast<std::int32_t>(column / kLanes + s), least[r]);
      }
    }
  }
  for (std::size_t r = 0; r < kRows; ++r) conclude(least[r], first + r, out);
}

template <class Step>
void nearest_by(const float* rows, std::size_t n, std::size_t stride, std::size_t width,
                const float* panel, std::size_t panels, const float* starts,
                const NearestColumns& out) {
  std::size_t r = 0;
  for (; r + kHeldRows <= n; r += kHeldRows)
    nearest_part<kHeldRows, Step>(rows, stride, width, panel, panels, starts, r, out);
  for (; r < n; ++r) nearest_part<1, Step>(rows, stride, width, panel, panels, starts, r, out);
}

}  // namespace

const TileKernels SARTOR_TILE_KERNELS = {
    .name = kLanes == 16 ? "avx512" : "avx2",
    .ward_tile = ward_tile,
    .nearest_columns = nearest_by<Differences>,
    .least_products = nearest_by<Products>,
};

}  // namespace sartor
