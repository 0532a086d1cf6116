#include "sartor/segments/align.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

namespace sartor {
namespace {

// Shortest augmenting paths with prices on both sides. `cost` has no more rows than columns; rows
// and columns count from 1, 0 is where each path begins.
std::vector<std::size_t> cheapest_columns(const Matrix<double>& cost) {
  const std::size_t rows = cost.rows(), columns = cost.columns();
  std::vector<double> of_row(rows + 1), of_column(columns + 1);
  std::vector<std::size_t> taken_by(columns + 1, 0), from(columns + 1, 0);
  for (std::size_t row = 1; row <= rows; ++row) {
    taken_by[0] = row;
    std::size_t column = 0;
    std::vector<double> least(columns + 1, std::numeric_limits<double>::infinity());
    std::vector<bool> reached(columns + 1, false);
    do {
      reached[column] = true;
      const std::size_t at = taken_by[column];
      double step = std::numeric_limits<double>::infinity();
      std::size_t next = 0;
      for (std::size_t c = 1; c <= columns; ++c) {
        if (reached[c]) continue;
        const double reduced = cost(at - 1, c - 1) - of_row[at] - of_column[c];
        if (reduced < least[c]) {
          least[c] = reduced;
          from[c] = column;
        }
        if (least[c] < step) {
          step = least[c];
          next = c;
        }
      }
      for (std::size_t c = 0; c <= columns; ++c) {
        if (reached[c]) {
          of_row[taken_by[c]] += step;
          of_column[c] -= step;
        } else {
          least[c] -= step;
        }
      }
      column = next;
    } while (taken_by[column] != 0);
    for (; column != 0; column = from[column]) taken_by[column] = taken_by[from[column]];
  }
  std::vector<std::size_t> out(rows, kUnmatched);
  for (std::size_t c = 1; c <= columns; ++c) {
    if (taken_by[c] != 0) out[taken_by[c] - 1] = c - 1;
  }
  return out;
}

Status check_side(std::span<const std::uint32_t> segments, const std::vector<std::string>& names) {
  for (const std::uint32_t segment : segments) {
    if (segment >= names.size()) {
      return Error{ErrorCode::invalid_argument,
                   fmt::format("migration: segment {} of {} names", segment, names.size())};
    }
  }
  return {};
}

bool holds(std::span<const std::string> names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// `name` without "-4", with the first number that is not in use.
std::string next_free(const std::string& name, const std::set<std::string>& used) {
  const std::size_t dash = name.rfind('-');
  const std::string stem = dash == std::string::npos ? name : name.substr(0, dash);
  for (int n = 1;; ++n) {
    std::string tried = fmt::format("{}-{}", stem, n);
    if (!used.contains(tried)) return tried;
  }
}

}  // namespace

double Migration::share(std::size_t from, std::size_t to) const {
  std::size_t all = 0;
  for (const std::size_t n : users.row(from)) all += n;
  return all == 0 ? 0 : static_cast<double>(users(from, to)) / static_cast<double>(all);
}

std::size_t Migration::total() const {
  std::size_t all = 0;
  for (const std::size_t n : users.values()) all += n;
  return all;
}

double Migration::moved() const {
  std::size_t stayed = 0;
  for (std::size_t b = 0; b < before.size(); ++b) {
    for (std::size_t a = 0; a < after.size(); ++a)
      stayed += before[b] == after[a] ? users(b, a) : 0;
  }
  const std::size_t all = total();
  return all == 0 ? 0 : 1 - static_cast<double>(stayed) / static_cast<double>(all);
}

Result<Migration> migration(std::span<const std::uint32_t> before,
                            std::span<const std::uint32_t> after,
                            const std::vector<std::string>& names_before,
                            const std::vector<std::string>& names_after) {
  if (before.size() != after.size()) {
    return Error{ErrorCode::invalid_argument,
                 fmt::format("migration: {} users before, {} after", before.size(), after.size())};
  }
  SARTOR_TRY(check_side(before, names_before));
  SARTOR_TRY(check_side(after, names_after));
  Migration made{names_before, names_after,
                 Matrix<std::size_t>(names_before.size(), names_after.size())};
  for (std::size_t u = 0; u < before.size(); ++u) ++made.users(before[u], after[u]);
  return made;
}

Json migration_json(const Migration& migration) {
  Json users = Json::array(), shares = Json::array();
  for (std::size_t b = 0; b < migration.before.size(); ++b) {
    Json counts = Json::array(), parts = Json::array();
    for (std::size_t a = 0; a < migration.after.size(); ++a) {
      counts.push_back(migration.users(b, a));
      parts.push_back(migration.share(b, a));
    }
    users.push_back(counts);
    shares.push_back(parts);
  }
  return {{"before", migration.before},
          {"after", migration.after},
          {"users", users},
          {"shares", shares},
          {"moved", migration.moved()}};
}

std::vector<std::size_t> best_matching(const Matrix<double>& gain) {
  const bool wide = gain.rows() <= gain.columns();
  Matrix<double> cost(wide ? gain.rows() : gain.columns(), wide ? gain.columns() : gain.rows());
  for (std::size_t r = 0; r < gain.rows(); ++r) {
    for (std::size_t c = 0; c < gain.columns(); ++c) (wide ? cost(r, c) : cost(c, r)) = -gain(r, c);
  }
  const auto found = cheapest_columns(cost);
  if (wide) return found;
  std::vector<std::size_t> out(gain.rows(), kUnmatched);
  for (std::size_t c = 0; c < found.size(); ++c) out[found[c]] = c;
  return out;
}

std::vector<std::string> names_that_persist(const Migration& migration,
                                            std::span<const std::string> fixed) {
  std::vector<std::size_t> old_ones, new_ones;  // those that may be matched
  const auto stays = [&](const std::string& name) {
    return holds(fixed, name) && holds(migration.before, name) && holds(migration.after, name);
  };
  for (std::size_t b = 0; b < migration.before.size(); ++b) {
    if (!stays(migration.before[b])) old_ones.push_back(b);
  }
  std::set<std::string> used;
  for (std::size_t a = 0; a < migration.after.size(); ++a) {
    if (stays(migration.after[a])) {
      used.insert(migration.after[a]);
    } else {
      new_ones.push_back(a);
    }
  }
  Matrix<double> overlap(new_ones.size(), old_ones.size());
  for (std::size_t a = 0; a < new_ones.size(); ++a) {
    for (std::size_t b = 0; b < old_ones.size(); ++b)
      overlap(a, b) = static_cast<double>(migration.users(old_ones[b], new_ones[a]));
  }
  const auto match = best_matching(overlap);
  std::vector<std::string> names = migration.after;
  std::vector<std::size_t> newcomers;
  for (std::size_t a = 0; a < new_ones.size(); ++a) {
    if (match[a] == kUnmatched || overlap(a, match[a]) == 0) {
      newcomers.push_back(new_ones[a]);
      continue;
    }
    names[new_ones[a]] = migration.before[old_ones[match[a]]];
    used.insert(names[new_ones[a]]);
  }
  used.insert(migration.before.begin(), migration.before.end());
  for (const std::size_t a : newcomers) {
    if (used.contains(names[a])) names[a] = next_free(names[a], used);
    used.insert(names[a]);
  }
  return names;
}

}  // namespace sartor
