// Which column of a table may be who, what, when, how much: by name first, then by values.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sartor/data/column_profile.h"

namespace sartor {

// One guessed right-hand side.
struct GuessedSql {
  std::string sql;
  std::string why;
  const ColumnProfile* column = nullptr;  // null where it is made of several

  explicit operator bool() const { return !sql.empty(); }
};

struct GuessedEvents {
  std::vector<std::string> files;
  GuessedSql user;
  GuessedSql item;
  GuessedSql time;  // "": untimed
  GuessedSql type;
  GuessedSql value;
  GuessedSql dwell;
  GuessedSql group;
  GuessedSql keep;
  std::vector<std::pair<std::string, GuessedSql>> context;
  std::string positive;
  std::string positive_why;
  double repeats = 0;                // share of the events that repeat a user and an item
  double active_events = 3;          // what three quarters of the users have fewer of
  std::vector<std::string> remarks;  // for the user to decide
};

Result<GuessedEvents> guess_events(TableProfile& table);
GuessedSql guess_user(const TableProfile& table, const std::string& like);
GuessedSql guess_item(const TableProfile& table, const std::string& like);

struct GuessedItems {
  GuessedSql text;
  GuessedSql category;
  GuessedSql price;
  std::vector<std::pair<std::string, std::string>> attributes;  // name and SQL of further columns
};
// Of a table whose item column is `item`. With `events`, the table is a log: only what describes
// the item, not the event, counts.
GuessedItems guess_items(const TableProfile& table, const ColumnProfile* item, bool events);

}  // namespace sartor
