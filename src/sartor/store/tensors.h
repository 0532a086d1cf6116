// Named arrays and words in one file, in the safetensors format (an 8-byte little-endian length, a
// JSON header, raw bytes), readable by every safetensors library. Equal contents give equal bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sartor/base/result.h"

namespace sartor {

enum class Dtype { f32, f64, u8, u16, u32, u64, i64 };

// One array. It owns its bytes, or keeps the mapped file alive in which they lie.
struct Tensor {
  Dtype dtype = Dtype::f32;
  std::vector<std::size_t> shape;
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;
};

class TensorFile {
 public:
  // Copies. T is float, double, std::uint8_t, uint16_t, uint32_t, uint64_t or int64_t (or an id
  // type of 32 bits).
  template <class T>
  void add(const std::string& name, std::span<const T> values, std::vector<std::size_t> shape = {});
  // A list of texts: `name.bytes` (u8) and `name.ends` (u64).
  void add_texts(const std::string& name, std::span<const std::string> texts);
  // A small text in the header's __metadata__ (configs as JSON).
  void set_meta(const std::string& key, std::string value);

  // Fail with `bad_data` if there is no such tensor, or it has another type.
  template <class T>
  Result<std::span<const T>> get(const std::string& name) const;
  Result<std::vector<std::string>> get_texts(const std::string& name) const;
  Result<std::string> meta(const std::string& key) const;
  bool has(const std::string& name) const;
  // The tensor itself, for its shape and to keep its memory alive.
  const Tensor* find(const std::string& name) const;

  // Serialised as one file image: larger element types first, then by name, so that each tensor
  // starts at a multiple of its element's size (the format forbids gaps).
  std::string to_bytes() const;
  Status write(const std::string& path) const;
  // Maps the file: nothing is copied, pages come in as they are used. Checks the header against the
  // file's size; fails with `bad_data` naming the file and what is wrong.
  static Result<TensorFile> map(const std::string& path);

 private:
  struct Entry {
    std::string name;
    Tensor tensor;
  };
  void add_bytes(const std::string& name, Dtype dtype, std::span<const std::byte> bytes,
                 std::vector<std::size_t> shape);
  // The image in pieces; the first is `header`, which is filled here.
  std::vector<std::string_view> pieces(std::string& header) const;
  std::vector<Entry> entries_;                             // sorted by name
  std::vector<std::pair<std::string, std::string>> meta_;  // sorted by key
};

}  // namespace sartor
