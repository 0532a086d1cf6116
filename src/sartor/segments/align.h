// Versions of a segmentation: which segment of the new one is which of the old one, and who moved.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sartor/base/json.h"
#include "sartor/base/matrix.h"
#include "sartor/base/result.h"

namespace sartor {

// How many users went from each segment of the old version (rows) to each of the new one (columns).
struct Migration {
  std::vector<std::string> before, after;  // the segments' names
  Matrix<std::size_t> users;

  // Of those who were in the old segment; 0 where it was empty.
  double share(std::size_t from, std::size_t to) const;
  std::size_t total() const;
  // Share of all who are in a segment of another name than before.
  double moved() const;
};

// Of the same users under two versions; segments are positions in the names. Fails with
// invalid_argument if there are not as many users in both or a segment has no name.
Result<Migration> migration(std::span<const std::uint32_t> before,
                            std::span<const std::uint32_t> after,
                            const std::vector<std::string>& names_before,
                            const std::vector<std::string>& names_after);

// {"before", "after", "users": [[…]], "shares": [[…]], "moved"}
Json migration_json(const Migration& migration);

inline constexpr std::size_t kUnmatched = static_cast<std::size_t>(-1);

// One column for each row (kUnmatched where there are too few), no column twice, such that the
// gains add up to most: the assignment problem by shortest augmenting paths (Jonker and Volgenant
// 1987), O(rows^2 columns) with rows the smaller side. Every gain must be finite.
std::vector<std::size_t> best_matching(const Matrix<double>& gain);

// New names for the segments of the new version: each that is matched with an old one under the
// largest overlap of users takes its name if they share anybody. The others are new: they keep
// theirs unless it is taken or the old version had it, or get the first number that is free
// ("tastes-4"). Names that are in both versions and in `fixed` (rules, `everyone else`) stay where
// they are.
std::vector<std::string> names_that_persist(const Migration& migration,
                                            std::span<const std::string> fixed);

}  // namespace sartor
