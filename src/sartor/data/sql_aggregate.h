// One SQL expression over some rows of a table, such as
//   count(*) FILTER (WHERE type = 'cart') / count(DISTINCT item)
// of one user's events. Untrusted input as SqlExpression, and as safe: it never meets a database.
//
// Beside what SqlExpression allows, and always around the columns, the aggregates avg, count,
// entropy (bits), first, last (in the rows' order), max, median, min, mode, stddev (sample) and
// sum, with DISTINCT (but first and last) and FILTER (WHERE …). As in SQL, missing values are
// skipped and nothing at all is NULL, but a count of 0. A condition counts as 1 or 0.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sartor/base/result.h"
#include "sartor/data/sql_expression.h"

namespace sartor {

namespace sql {
struct Calls;
}

// An aggregate whose columns are found in one table. A view of the table, which must outlive it.
// Safe to use from several threads.
class BoundAggregate {
 public:
  SqlType type() const { return outer_.type(); }
  // Over these rows of the table, in this order. Linear in them but for a sort.
  SqlValue evaluate(std::span<const std::uint32_t> rows) const;

 private:
  friend class SqlAggregate;
  struct Part {
    std::vector<BoundExpression> argument;  // none: count(*)
    std::vector<BoundExpression> filter;    // none or one
    bool is_text = false;
  };
  std::shared_ptr<const sql::Calls> calls_;
  std::vector<Part> parts_;
  BoundExpression outer_;
};

class SqlAggregate {
 public:
  // Fails with `config`, with the place in the text and what is allowed.
  static Result<SqlAggregate> parse(std::string_view text);

  const std::string& text() const;
  // The columns it names, each once.
  std::vector<std::string> columns() const;
  // Those whose values matter: not the ones that are only counted, as by count(DISTINCT item).
  std::vector<std::string> columns_looked_at() const;

  // As SqlExpression::bind.
  Result<BoundAggregate> bind(const Table& table) const;

 private:
  std::shared_ptr<const sql::Calls> calls_;
};

// The aggregates that may be called, sorted.
const std::vector<std::string>& sql_aggregates();

}  // namespace sartor
