#include "sartor/features/feature_screen.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "sartor/base/text.h"

namespace sartor {

namespace {

constexpr std::size_t kUsersPerWord = 10;

bool is_missing(const Column& column, std::uint32_t row) {
  return column.is_text ? column.codes[row] == Column::kMissing : std::isnan(column.numbers[row]);
}

bool is_same(const Column& column, std::uint32_t a, std::uint32_t b) {
  return column.is_text ? column.codes[a] == column.codes[b]
                        : column.numbers[a] == column.numbers[b];
}

// "" if the column varies. Missing for some and one value for the others is something to know.
std::string says_nothing(const Column& column, std::span<const std::uint32_t> rows) {
  std::size_t missing = 0;
  bool varies = false;
  const std::uint32_t* first = nullptr;
  for (const std::uint32_t& row : rows) {
    if (is_missing(column, row)) {
      ++missing;
      continue;
    }
    if (first == nullptr) first = &row;
    varies |= !is_same(column, *first, row);
  }
  if (missing == rows.size()) return "every value is missing";
  if (varies || missing > 0) return "";
  const std::string value = column.is_text ? printable(column.words[column.codes[*first]], 40)
                                           : shortest(column.numbers[*first]);
  return fmt::format("it has one value only: {}", value);
}

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  std::size_t missing = 0;
  std::size_t users = 0;
};

bool separates(const Range& a, const Range& b) {
  const bool known_apart = a.high < b.low || b.high < a.low;
  const bool one_side = a.missing == 0 || b.missing == 0;
  return known_apart && one_side;
}

bool number_tells(const Column& column, std::span<const std::uint32_t> rows,
                  const std::vector<std::uint8_t>& came) {
  Range range[2];
  for (const std::uint32_t row : rows) {
    Range& of = range[came[row]];
    ++of.users;
    if (is_missing(column, row)) {
      ++of.missing;
      continue;
    }
    of.low = std::min(of.low, column.numbers[row]);
    of.high = std::max(of.high, column.numbers[row]);
  }
  return separates(range[0], range[1]);
}

bool word_tells(const Column& column, std::span<const std::uint32_t> rows,
                const std::vector<std::uint8_t>& came) {
  std::vector<std::uint8_t> seen(column.words.size() + 1);  // bit 0: stayed away, bit 1: came
  for (const std::uint32_t row : rows) {
    const std::size_t word = is_missing(column, row) ? column.words.size() : column.codes[row];
    seen[word] |= static_cast<std::uint8_t>(came[row] != 0 ? 2 : 1);
  }
  const auto used = seen.size() - static_cast<std::size_t>(std::count(seen.begin(), seen.end(), 0));
  return used * kUsersPerWord <= rows.size() && std::count(seen.begin(), seen.end(), 3) == 0;
}

// "" if it does not, in any window.
std::string knows_the_future(const Column& column, std::span<const std::uint32_t> rows,
                             std::span<const CameBack> windows) {
  for (const CameBack& window : windows) {
    std::size_t came = 0;
    for (const std::uint32_t row : rows) came += window.of_row[row];
    if (came < kFewestToJudge || rows.size() - came < kFewestToJudge) continue;
    const bool tells = column.is_text ? word_tells(column, rows, window.of_row)
                                      : number_tells(column, rows, window.of_row);
    if (!tells) continue;
    return fmt::format(
        "it tells without an error which {} of {} users come back in {}: it knows what happens "
        "later",
        came, rows.size(), window.window);
  }
  return "";
}

}  // namespace

std::vector<LeftOutFeature> screen_features(const Table& table, std::span<const std::uint32_t> rows,
                                            std::span<const std::string> given,
                                            std::span<const CameBack> windows) {
  std::vector<LeftOutFeature> found;
  if (rows.empty()) return found;
  for (const Column& column : table.columns) {
    if (column.name.starts_with("embedding.")) continue;
    if (std::string reason = says_nothing(column, rows); !reason.empty()) {
      found.push_back({column.name, std::move(reason), false});
      continue;
    }
    if (std::find(given.begin(), given.end(), column.name) == given.end()) continue;
    if (std::string reason = knows_the_future(column, rows, windows); !reason.empty())
      found.push_back({column.name, std::move(reason), true});
  }
  return found;
}

}  // namespace sartor
