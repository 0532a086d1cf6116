// The numbers of a fitted model: their own vector, or a view into a mapped file that they keep
// alive.
#pragma once

#include <fmt/core.h>

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sartor/base/result.h"
#include "sartor/store/tensors.h"

namespace sartor {

template <class T>
class Array {
 public:
  Array() = default;
  Array(std::vector<T> values) {
    auto owner = std::make_shared<const std::vector<T>>(std::move(values));
    values_ = *owner;
    owner_ = std::move(owner);
  }

  // Fails with `bad_data` if the tensor is missing or of another type.
  static Result<Array> of(const TensorFile& file, const std::string& name) {
    SARTOR_ASSIGN(const auto values, file.get<T>(name));
    Array array;
    array.values_ = values;
    array.owner_ = file.find(name)->owner;
    return array;
  }

  // The same, and `size` values are expected.
  static Result<Array> of(const TensorFile& file, const std::string& name, std::size_t size) {
    SARTOR_ASSIGN(Array array, of(file, name));
    if (array.size() != size) {
      return Error{ErrorCode::bad_data,
                   fmt::format("tensor '{}' has {} values where {} were expected", name,
                               array.size(), size)};
    }
    return array;
  }

  std::span<const T> span() const { return values_; }
  std::size_t size() const { return values_.size(); }
  bool empty() const { return values_.empty(); }
  const T* data() const { return values_.data(); }
  const T& operator[](std::size_t i) const { return values_[i]; }
  auto begin() const { return values_.begin(); }
  auto end() const { return values_.end(); }

 private:
  std::span<const T> values_;
  std::shared_ptr<const void> owner_;
};

}  // namespace sartor
