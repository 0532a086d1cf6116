// Random numbers whose bits are ours: the standard's distributions differ between libraries.
// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) passes BigCrush and needs one word of state.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>

namespace sartor {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  // A generator for stream `stream` of the same seed: one per block, segment or trial.
  static Random stream(std::uint64_t seed, std::uint64_t stream) {
    Random random(seed ^ mix(stream + 0x632be59bd9b4e019ULL));
    random.bits();
    return random;
  }

  std::uint64_t bits() {
    state_ += 0x9e3779b97f4a7c15ULL;
    return mix(state_);
  }

  // In [0, 1), with 53 random bits.
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1.0p-53; }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }

  // In [0, n), n > 0. Lemire's multiply-shift; its bias of n / 2^64 is far below what we can see.
  std::size_t below(std::size_t n) {
    return static_cast<std::size_t>((__extension__(static_cast<unsigned __int128>(bits())) * n) >>
                                    64);
  }

  // Standard normal (Box and Muller; the second value is thrown away to keep one word of state).
  double normal() {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
    return radius * std::cos(2.0 * std::numbers::pi * uniform());
  }

  static std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

 private:
  std::uint64_t state_;
};

}  // namespace sartor
