// A column of facts while it is being read: its kind and its words are known only at the end.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sartor/data/dataset.h"
#include "sartor/data/text_encoder.h"

namespace sartor {

class FactColumn {
 public:
  explicit FactColumn(std::string name) : name_(std::move(name)) {}

  const std::string& name() const { return name_; }
  std::size_t rows() const { return is_text_ ? codes_.size() : numbers_.size(); }
  bool is_missing(std::size_t row) const;
  // Grows with missing values.
  void resize(std::size_t rows);
  // A number in a column that holds texts becomes text, as a text in a column that holds numbers
  // makes texts of them.
  void set(std::size_t row, double number);
  void set(std::size_t row, std::string_view text);

  // The column with row `order[i]` at place i (kMissing: a missing value).
  Column take(const std::vector<std::uint32_t>& order) const;
  std::uint64_t missing() const;

 private:
  void become_text();

  std::string name_;
  bool is_text_ = false;
  std::vector<double> numbers_;
  std::vector<std::uint32_t> codes_;
  TextEncoder words_;
};

}  // namespace sartor
