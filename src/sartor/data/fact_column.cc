#include "sartor/data/fact_column.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sartor/base/text.h"

namespace sartor {

bool FactColumn::is_missing(std::size_t row) const {
  return is_text_ ? codes_[row] == Column::kMissing : std::isnan(numbers_[row]);
}

void FactColumn::resize(std::size_t rows) {
  if (is_text_) {
    codes_.resize(rows, Column::kMissing);
  } else {
    numbers_.resize(rows, std::numeric_limits<double>::quiet_NaN());
  }
}

void FactColumn::set(std::size_t row, double number) {
  if (is_text_) {
    set(row, std::string_view(shortest(number)));
  } else {
    numbers_[row] = number;
  }
}

void FactColumn::set(std::size_t row, std::string_view text) {
  if (!is_text_) become_text();
  codes_[row] = words_.code(text);
}

void FactColumn::become_text() {
  is_text_ = true;
  codes_.assign(numbers_.size(), Column::kMissing);
  for (std::size_t row = 0; row < numbers_.size(); ++row) {
    if (!std::isnan(numbers_[row])) codes_[row] = words_.code(shortest(numbers_[row]));
  }
  numbers_.clear();
  numbers_.shrink_to_fit();
}

Column FactColumn::take(const std::vector<std::uint32_t>& order) const {
  Column column{.name = name_, .is_text = is_text_};
  if (!is_text_) {
    column.numbers.reserve(order.size());
    for (const std::uint32_t row : order) {
      column.numbers.push_back(row == Column::kMissing ? std::numeric_limits<double>::quiet_NaN()
                                                       : numbers_[row]);
    }
    return column;
  }
  const auto ranks = words_.ranks();
  column.words = words_.sorted();
  column.codes.reserve(order.size());
  for (const std::uint32_t row : order) {
    const std::uint32_t code = row == Column::kMissing ? Column::kMissing : codes_[row];
    column.codes.push_back(code == Column::kMissing ? code : ranks[code]);
  }
  return column;
}

std::uint64_t FactColumn::missing() const {
  std::uint64_t n = 0;
  for (std::size_t row = 0; row < rows(); ++row) n += is_missing(row) ? 1 : 0;
  return n;
}

}  // namespace sartor
