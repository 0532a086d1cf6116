// [signal] for events that just came in: which of them are successes, and how much each counts.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "sartor/base/result.h"
#include "sartor/features/user_features.h"
#include "sartor/live/event.h"

namespace sartor {

// Safe to use from several threads.
class LiveSignal {
 public:
  // The two expressions of [signal], and what the bundle knows of the events' context (which keys,
  // and whether they are numbers).
  LiveSignal(std::string positive, std::string weight, std::vector<Column> context);

  // One weight per event, as mark_positives() gives it: 0 for what is no success. Expressions that
  // SqlExpression can say are evaluated here, a microsecond each; others by DuckDB as in a run,
  // which takes some milliseconds a call. Fails with `config` if neither can, as where the
  // expression names a context key that the bundle's events did not have.
  Result<std::vector<float>> weights(std::span<const StoredEvent> events) const;

 private:
  Result<std::vector<float>> weights_here(const Table& table) const;
  Result<std::vector<float>> weights_by_duckdb(std::span<const StoredEvent> events,
                                               const Table& table) const;
  Table table_of(std::span<const StoredEvent> events) const;

  std::string positive_;
  std::string weight_;
  std::vector<Column> context_;
  bool here_ = true;  // SqlExpression can say both
};

// The column of one context key of some events: texts, or numbers, where what is no number is
// missing.
Column context_column(const std::string& key, bool is_text, std::span<const std::string> values);

// `text` as a number, NaN if it is none.
double number_in(const std::string& text);

}  // namespace sartor
