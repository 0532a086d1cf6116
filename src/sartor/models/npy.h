// NumPy's .npy files, for the benchmarks: one array in, one array out.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sartor/base/result.h"

namespace sartor {

template <class T>
struct NpyArray {
  std::vector<std::size_t> shape;
  std::vector<T> values;  // row-major
};

// Reads an array of little-endian f4, f8, i4, i8, u4 or u8 in C order as T: float, double or
// std::int64_t. Fails with `bad_data`, naming the file, for anything else, for a file that is cut
// short, and for a number that is not finite.
template <class T>
Result<NpyArray<T>> read_npy(const std::string& path);

// T is float, double or std::int64_t.
template <class T>
Status write_npy(const std::string& path, std::span<const T> values,
                 std::span<const std::size_t> shape);

}  // namespace sartor
