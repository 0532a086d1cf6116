// Floats for the vector kernels: whole cache lines, and huge pages where there are enough of them.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace sartor {

// Rows of vectors are padded with zeros to a multiple of this many floats, one cache line.
inline constexpr std::size_t kVectorPad = 16;

inline std::size_t padded_width(std::size_t n) {
  return (n + kVectorPad - 1) / kVectorPad * kVectorPad;
}

// A buffer that begins on a cache line. Rows that are read in no order cost a page walk each, on a
// virtual machine a double one; 2 MB pages keep them rare.
template <class T>
class Aligned {
 public:
  Aligned() = default;
  // `n` zeros.
  explicit Aligned(std::size_t n) {
    resize(n);
    for (std::size_t i = 0; i < n; ++i) values_.get()[i] = T{};
  }

  std::size_t size() const { return size_; }
  T* data() { return values_.get(); }
  const T* data() const { return values_.get(); }
  T& operator[](std::size_t i) { return values_.get()[i]; }
  const T& operator[](std::size_t i) const { return values_.get()[i]; }

  // Room for `n` values, which are then undefined.
  void resize(std::size_t n) {
    size_ = n;
    if (n <= room_) return;
    constexpr std::size_t kLine = 64;
    constexpr std::size_t kHugePage = std::size_t{1} << 21;
    const std::size_t unit = n * sizeof(T) >= 2 * kHugePage ? kHugePage : kLine;
    const std::size_t bytes = (n * sizeof(T) + unit - 1) / unit * unit;
    values_.reset(static_cast<T*>(std::aligned_alloc(unit, bytes)));
    if (!values_) throw std::bad_alloc();
#ifdef __linux__
    if (unit == kHugePage) ::madvise(values_.get(), bytes, MADV_HUGEPAGE);
#endif
    room_ = n;
  }

 private:
  struct Free {
    void operator()(T* values) const { std::free(values); }
  };
  std::unique_ptr<T, Free> values_;
  std::size_t size_ = 0;
  std::size_t room_ = 0;
};

}  // namespace sartor
