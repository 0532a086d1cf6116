// Registers of floats as vector_kernels_body.h sees them, 8 or 16 to one: all that differs between
// AVX2 and AVX-512. In an anonymous namespace, for two files compile it differently.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace sartor {
namespace {

#ifdef __AVX512F__
using Vec = __m512;
constexpr std::size_t kLanes = 16;
constexpr std::size_t kOuterRows = 16;  // of a tile of add_outer, by one register
constexpr std::size_t kOuterVecs = 1;
constexpr double kBitsPerAdd = 400;
inline Vec zero() { return _mm512_setzero_ps(); }
inline Vec load(const float* p) { return _mm512_loadu_ps(p); }
inline void store(float* p, Vec a) { _mm512_storeu_ps(p, a); }
inline Vec spread(float a) { return _mm512_set1_ps(a); }
inline Vec fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }
inline Vec minus_fma(Vec a, Vec b, Vec c) { return _mm512_fnmadd_ps(a, b, c); }
inline std::uint32_t above(Vec a, Vec limit) { return _mm512_cmp_ps_mask(a, limit, _CMP_GT_OQ); }
// a's lanes behind `lane`, zeros before and at it.
inline Vec behind(Vec a, std::size_t lane) {
  return _mm512_maskz_mov_ps(static_cast<__mmask16>(0xfffeu << lane), a);
}

// Lane r: the sum of a[r]'s lanes. Each step adds halves and puts two vectors into one.
inline Vec sums_of(const Vec (&a)[kLanes]) {
  Vec b[8];
  for (int i = 0; i < 8; ++i) {
    b[i] = _mm512_add_ps(_mm512_shuffle_f32x4(a[i], a[i + 8], 0x44),
                         _mm512_shuffle_f32x4(a[i], a[i + 8], 0xee));
  }
  Vec c[4];
  for (int i = 0; i < 4; ++i) {  // quarters: rows i, i + 8, i + 4, i + 12
    c[i] = _mm512_add_ps(_mm512_shuffle_f32x4(b[i], b[i + 4], 0x88),
                         _mm512_shuffle_f32x4(b[i], b[i + 4], 0xdd));
  }
  const Vec d0 = _mm512_add_ps(_mm512_unpacklo_ps(c[0], c[1]), _mm512_unpackhi_ps(c[0], c[1]));
  const Vec d1 = _mm512_add_ps(_mm512_unpacklo_ps(c[2], c[3]), _mm512_unpackhi_ps(c[2], c[3]));
  const Vec e = _mm512_add_ps(_mm512_shuffle_ps(d0, d1, 0x44), _mm512_shuffle_ps(d0, d1, 0xee));
  return _mm512_shuffle_f32x4(e, e, 0xd8);
}
#else
using Vec = __m256;
constexpr std::size_t kLanes = 8;
constexpr std::size_t kOuterRows = 4;
constexpr std::size_t kOuterVecs = 2;
constexpr double kBitsPerAdd = 75;
inline Vec zero() { return _mm256_setzero_ps(); }
inline Vec load(const float* p) { return _mm256_loadu_ps(p); }
inline void store(float* p, Vec a) { _mm256_storeu_ps(p, a); }
inline Vec spread(float a) { return _mm256_set1_ps(a); }
inline Vec fma(Vec a, Vec b, Vec c) { return _mm256_fmadd_ps(a, b, c); }
inline Vec minus_fma(Vec a, Vec b, Vec c) { return _mm256_fnmadd_ps(a, b, c); }
inline std::uint32_t above(Vec a, Vec limit) {
  return static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(a, limit, _CMP_GT_OQ)));
}
inline Vec behind(Vec a, std::size_t lane) {
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256i keep = _mm256_cmpgt_epi32(lanes, _mm256_set1_epi32(static_cast<int>(lane)));
  return _mm256_and_ps(a, _mm256_castsi256_ps(keep));
}
inline Vec sums_of(const Vec (&a)[kLanes]) {
  const Vec b0 = _mm256_hadd_ps(_mm256_hadd_ps(a[0], a[1]), _mm256_hadd_ps(a[2], a[3]));
  const Vec b1 = _mm256_hadd_ps(_mm256_hadd_ps(a[4], a[5]), _mm256_hadd_ps(a[6], a[7]));
  return _mm256_add_ps(_mm256_permute2f128_ps(b0, b1, 0x20), _mm256_permute2f128_ps(b0, b1, 0x31));
}
#endif

// The sum of a's lanes.
inline float sum_of(Vec a) {
  float lane[kLanes];
  store(lane, a);
  for (std::size_t n = kLanes / 2; n > 0; n /= 2) {
    for (std::size_t l = 0; l < n; ++l) lane[l] += lane[l + n];
  }
  return lane[0];
}

}  // namespace
}  // namespace sartor
