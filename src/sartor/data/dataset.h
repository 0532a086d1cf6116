// The log in memory, checked and cleaned: events in one total order, names as numbers, attributes
// as columns.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sartor/base/ids.h"
#include "sartor/base/time.h"

namespace sartor {

// External names <-> 0, 1, 2, … Names are sorted by bytes, so that "ascending id" and "ascending
// number" agree (ties in a ranking are broken by the ascending bytes of the item's name).
class Vocabulary {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;

  Vocabulary() = default;
  // `names` must be sorted by bytes and distinct.
  explicit Vocabulary(std::vector<std::string> names);

  std::size_t size() const { return names_.size(); }
  const std::string& name(std::size_t index) const { return names_[index]; }
  const std::vector<std::string>& names() const { return names_; }
  // kNone if the name is unknown.
  std::uint32_t find(std::string_view name) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  std::vector<std::string> names_;
  std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>> index_;
};

// One column of facts: numbers (NaN is missing), or words as codes into `words` (kMissing is
// missing).
struct Column {
  static constexpr std::uint32_t kMissing = 0xffffffff;

  std::string name;
  bool is_text = false;
  std::vector<double> numbers;       // of a number column, one per row
  std::vector<std::uint32_t> codes;  // of a text column, one per row
  std::vector<std::string> words;    // of a text column, sorted by bytes and distinct

  std::size_t rows() const { return is_text ? codes.size() : numbers.size(); }
};

// Rows with named columns of equal length.
struct Table {
  std::size_t rows = 0;
  std::vector<Column> columns;

  const Column* find(std::string_view name) const;
};

// Events, sorted by (time, user, item, type, group, source order); all vectors have one entry per
// event. Untimed events stand first, in the order of their source.
struct Events {
  std::vector<UserId> user;
  std::vector<ItemId> item;
  std::vector<Time> time;            // kUntimed where the source has no times
  std::vector<std::uint16_t> type;   // code into Dataset::types
  std::vector<double> value;         // money or whatever `value` says; NaN is missing
  std::vector<float> dwell_seconds;  // NaN is missing
  std::vector<std::uint32_t>
      group;  // code of basket or session, distinct over all sources; Column::kMissing is missing
  std::vector<float> weight;  // signal weight of a positive event; 0 for every other event
  std::vector<Column>
      context;  // one text or number column per context key, aligned with the events

  std::size_t size() const { return user.size(); }
};

struct Dataset {
  Vocabulary users;                // users of events and of [[users]]
  Vocabulary items;                // items of events and of [[items]]
  std::vector<std::string> types;  // names of event types, sorted by bytes
  Events events;
  Table user_attributes;    // one row per user
  Table item_attributes;    // one row per item; `text`, `category`, `price` have their own meaning
  std::string fingerprint;  // of everything above
};

// The positives of each user in time order, and the moment from which on they are unknown: a model
// fitted on a History sees nothing at or after `as_of`. A view; it must not outlive what it was
// made from.
struct Interaction {
  ItemId item;
  float weight;  // signal weight, > 0
  Time time;     // kUntimed where unknown
};

// What a context key of the events says, as codes: the words of a text column; of a number column
// its distinct values, ascending and written out, if there are no more than kMostContextNumbers
// (a column with more is measured, not named, and left out).
struct ContextKey {
  std::string name;
  std::vector<std::string> words;

  // Column::kMissing if the word is unknown.
  std::uint32_t code(std::string_view word) const;
};
inline constexpr std::size_t kMostContextNumbers = 64;

// All positives of a dataset by user (row u is rows[begin[u]] … rows[begin[u + 1]]), each row in
// time order.
struct InteractionLog {
  std::size_t users = 0;
  std::size_t items = 0;
  std::vector<std::size_t> begin;  // users + 1
  std::vector<Interaction> rows;
  std::vector<Time> item_first_seen;  // per item, over events of any type; max() if never seen
  // Of each row, its basket or session as in Events; empty where nobody knows any.
  std::vector<std::uint32_t> group;
  std::vector<ContextKey> context_keys;
  std::vector<std::uint32_t> context;  // of rows[r]: one code per key from r * context_keys.size()
};

InteractionLog interaction_log(const Dataset& data);

// `log` as it was known at `as_of`.
class History {
 public:
  History() = default;
  History(const InteractionLog& log, Time as_of);

  std::size_t users() const { return log_->users; }
  std::size_t items() const { return log_->items; }
  Time as_of() const { return as_of_; }
  // The same log as it was known at another moment.
  History moved_to(Time as_of) const { return History(*log_, as_of); }
  std::size_t size() const { return size_; }  // interactions before as_of

  // The user's interactions before as_of, oldest first.
  std::span<const Interaction> of(UserId user) const {
    const Interaction* rows = log_->rows.data();
    return {rows + log_->begin[user.index()], rows + end_[user.index()]};
  }
  // Their baskets or sessions; empty where the log has none.
  std::span<const std::uint32_t> groups_of(UserId user) const {
    if (log_->group.empty()) return {};
    const std::uint32_t* groups = log_->group.data();
    return {groups + log_->begin[user.index()], groups + end_[user.index()]};
  }
  // Their context, likewise: one code per key (Column::kMissing is missing) for each interaction.
  std::span<const std::uint32_t> context_of(UserId user) const {
    const std::uint32_t* codes = log_->context.data();
    const std::size_t keys = log_->context_keys.size();
    return {codes + log_->begin[user.index()] * keys, codes + end_[user.index()] * keys};
  }
  // The same of some of the log's own rows.
  std::span<const std::uint32_t> context_of(std::span<const Interaction> rows) const {
    const std::size_t keys = log_->context_keys.size();
    if (rows.empty() || keys == 0) return {};
    const auto first = static_cast<std::size_t>(rows.data() - log_->rows.data());
    return {log_->context.data() + first * keys, rows.size() * keys};
  }
  std::span<const ContextKey> context_keys() const { return log_->context_keys; }
  // Whether an event of any type named the item before as_of: only such items may be recommended.
  bool seen(ItemId item) const { return first_seen(item) < as_of_; }
  // Over events of any type; may lie at or after as_of.
  Time first_seen(ItemId item) const { return log_->item_first_seen[item.index()]; }

 private:
  const InteractionLog* log_ = nullptr;
  Time as_of_ = kUntimed;
  std::vector<std::size_t> end_;  // per user, exclusive
  std::size_t size_ = 0;
};

}  // namespace sartor
