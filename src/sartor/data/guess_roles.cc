#include "sartor/data/guess_roles.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "sartor/base/text.h"

namespace sartor {
namespace {

using Words = std::vector<std::string>;

// Names without case and punctuation, the likeliest first. A name that contains one of them is
// taken after all that equal one.
const Words kUser = {"userid",    "user",      "customerid",  "customer",      "clientid",
                     "visitorid", "memberid",  "householdid", "accountid",     "personid",
                     "shopperid", "buyerid",   "reviewerid",  "subscriberid",  "playerid",
                     "uid",       "custid",    "customerno",  "client",        "visitor",
                     "member",    "household", "account",     "fullvisitorid", "cookie",
                     "reviewer",  "reader",    "listener",    "viewer",        "deviceid"};
const Words kItem = {"itemid",    "item",     "productid", "product",     "sku",       "stockcode",
                     "articleid", "article",  "videoid",   "video",       "movieid",   "songid",
                     "trackid",   "bookid",   "isbn",      "asin",        "contentid", "newsid",
                     "postid",    "adid",     "listingid", "productcode", "itemcode",  "upc",
                     "gameid",    "courseid", "recipeid",  "jobid",       "hotelid",   "docid",
                     "movie",     "track",    "song",      "book",        "business"};
const Words kTime = {"timestamp", "eventtime", "time",      "datetime",     "invoicedate",
                     "timems",    "createdat", "orderdate", "purchasedate", "transactiontimestamp",
                     "ts",        "unixtime",  "date",      "day"};
const Words kType = {"eventtype",   "feedbacktype", "event",     "type",
                     "action",      "behavior",     "behaviour", "eventname",
                     "interaction", "actiontype",   "activity"};
const Words kGroup = {"invoiceno",     "orderid", "basketid", "sessionid",  "invoiceid",
                      "transactionid", "cartid",  "visitid",  "receiptid",  "order",
                      "session",       "basket",  "invoice",  "ordernumber"};
const Words kValue = {"value", "eventvalue", "amount",     "salesvalue", "revenue",
                      "total", "totalprice", "linetotal",  "sales",      "paid",
                      "spend", "netamount",  "grossamount"};
const Words kPrice = {"unitprice", "price", "cost", "listprice"};
const Words kQuantity = {"quantity", "qty", "units", "count"};
const Words kDwell = {"dwellseconds", "dwell",     "dwelltime", "playtimems",
                      "playtime",     "watchtime", "timespent", "listeningtime",
                      "viewtime",     "readtime",  "msplayed",  "secondsplayed"};
const Words kRating = {"rating", "stars", "score", "overall"};
const Words kFlag = {"isclick",   "click",     "clicked", "ispurchase",
                     "purchased", "converted", "isbuy",   "islike"};
const Words kContext = {"device",   "devicetype", "os",       "platform", "browser",  "country",
                        "channel",  "referrer",   "page",     "tab",      "language", "source",
                        "medium",   "region",     "city",     "state",    "storeid",  "store",
                        "scenario", "position",   "placement"};
const Words kText = {"title",       "name",     "description", "productname", "itemname",
                     "producttype", "headline", "text",        "caption"};
const Words kCategory = {
    "category", "productcategory", "categoryid", "genre", "genres", "department",
    "tag",      "subcategory",     "class",      "topic"};

std::string by_name(const ColumnProfile& column) {
  return fmt::format("by its name; {} different values", with_thousands(column.distinct));
}

// The column whose name stands first in `known` among those that `fits` lets through.
template <class Fits>
const ColumnProfile* best(const TableProfile& table, const Words& known, Fits&& fits,
                          bool exact = false) {
  const ColumnProfile* found = nullptr;
  int rank = exact ? 1000 : kUnknown;
  for (const ColumnProfile& column : table.columns) {
    const int r = name_rank(column.name, known);
    if (r >= rank || column.values == 0 || !fits(column)) continue;
    rank = r;
    found = &column;
  }
  return found;
}

GuessedSql named(const ColumnProfile* column) {
  if (column == nullptr) return {};
  return {column->sql, by_name(*column), column};
}

bool can_be_id(const ColumnProfile& column) {
  return column.moment.empty() && column.distinct > 1 && column.type != "BOOLEAN" &&
         !column.type.ends_with("]");
}

GuessedSql guess_id(const TableProfile& table, const std::string& like, const Words& known) {
  if (!like.empty()) {
    if (const ColumnProfile* same = table.find(like)) {
      return {same->sql, "called as in the events", same};
    }
  }
  return named(best(table, known, can_be_id));
}

// The finest of the columns that hold moments, or the best named one of equally fine ones.
GuessedSql guess_time(const TableProfile& table) {
  const ColumnProfile* found = nullptr;
  const auto key = [](const ColumnProfile& column) {
    return std::pair(-column.distinct, name_rank(column.name, kTime));
  };
  for (const ColumnProfile& column : table.columns) {
    if (column.moment.empty() || column.missing_share() > 0.5) continue;
    if (found == nullptr || key(column) < key(*found)) found = &column;
  }
  if (found == nullptr) return {};
  return {found->moment, found->moment_why, found};
}

GuessedSql guess_value(const TableProfile& table) {
  const auto number = [](const ColumnProfile& column) { return column.is_number(); };
  if (const auto* value = best(table, kValue, number, true)) return named(value);
  const ColumnProfile* quantity = best(table, kQuantity, number, true);
  const ColumnProfile* price = best(table, kPrice, number, true);
  if (quantity != nullptr && price != nullptr) {
    return {quantity->sql + " * " + price->sql, "how many times how much", nullptr};
  }
  if (price != nullptr) return named(price);
  return named(best(table, kRating, number, true));
}

GuessedSql guess_dwell(const TableProfile& table) {
  const ColumnProfile* column =
      best(table, kDwell, [](const ColumnProfile& c) { return c.is_number(); });
  if (column == nullptr) return {};
  const bool milliseconds =
      name_rank(column->name, {"ms", "milli"}) != kUnknown || column->name.starts_with("ms");
  if (!milliseconds) return {column->sql, "by its name; taken as seconds", column};
  return {column->sql + " / 1000", "milliseconds, by its name", column};
}

// The words of a column, commonest first.
Result<std::vector<std::string>> words_of(TableProfile& table, const ColumnProfile& column) {
  std::vector<std::string> words;
  SARTOR_ASSIGN(auto rows,
                table.source.db.query(fmt::format(
                    "SELECT w FROM (SELECT CAST({0} AS VARCHAR) AS w, count(*) AS n FROM "
                    "typed WHERE {0} IS NOT NULL GROUP BY w) ORDER BY n DESC, w LIMIT 50",
                    column.sql)));
  while (true) {
    SARTOR_ASSIGN(const bool more, rows.next());
    if (!more) return words;
    for (std::size_t r = 0; r < rows.size(); ++r) words.emplace_back(rows.text(0, r));
  }
}

// What kind of event each row is, and which kind is a success.
Status guess_type(TableProfile& table, GuessedEvents& out) {
  const ColumnProfile* type = best(table, kType, [](const ColumnProfile& column) {
    return column.type == "VARCHAR" && column.distinct <= 30;
  });
  if (type != nullptr) {
    out.type = named(type);
    SARTOR_ASSIGN(const auto words, words_of(table, *type));
    for (const char* wanted :
         {"purchase", "buy", "order", "transaction", "conversion", "sale", "pay", "subscribe",
          "play", "like", "click", "read", "watch", "view"}) {
      for (const std::string& word : words) {
        if (name_rank(word, {wanted}) == kUnknown) continue;
        out.positive = "type = " + sql_text(word);
        out.positive_why = "of the types " + printable(join(words, ", "), 120);
        return {};
      }
    }
    out.positive = "true";
    out.positive_why = "every event, for want of a better guess; the types are " +
                       printable(join(words, ", "), 120);
    return {};
  }
  const ColumnProfile* flag = best(
      table, kFlag, [](const ColumnProfile& c) { return c.is_flag(); }, true);
  if (flag != nullptr) {
    const bool buys = name_rank(flag->name, {"purchase", "buy", "convert"}) != kUnknown;
    const char* success = buys ? "purchase" : "click";
    out.type = {fmt::format("CASE WHEN {} = 1 THEN '{}' ELSE 'impression' END", flag->sql, success),
                "0 and 1: what was shown, and what was taken", flag};
    out.positive = fmt::format("type = '{}'", success);
    out.positive_why = fmt::format("{} is 1", flag->name);
    return {};
  }
  const ColumnProfile* rating = best(
      table, kRating, [](const ColumnProfile& c) { return c.is_number(); }, true);
  if (rating != nullptr && rating->sql == out.value.sql && rating->high <= 100) {
    out.type = {"'rating'", "there is a rating", nullptr};
    out.positive = fmt::format("value >= {}", shortest(std::ceil(0.8 * rating->high)));
    out.positive_why =
        fmt::format("ratings run from {} to {}", shortest(rating->low), shortest(rating->high));
    return {};
  }
  const bool bought = out.value || out.group;
  out.type = {bought ? "'purchase'" : "'event'", "no column says it", nullptr};
  out.positive = bought ? "type = 'purchase'" : "true";
  out.positive_why = "all events are of one kind";
  return {};
}

bool is_used(const GuessedEvents& out, const ColumnProfile& column) {
  for (const GuessedSql* role :
       {&out.user, &out.item, &out.time, &out.type, &out.value, &out.dwell, &out.group}) {
    if (role->column == &column) return true;
  }
  return false;
}

void guess_context(const TableProfile& table, GuessedEvents& out) {
  for (const ColumnProfile& column : table.columns) {
    if (is_used(out, column) || name_rank(column.name, kContext) >= 1000) continue;
    if (column.distinct < 2 || column.distinct > 500 || column.type.ends_with("]")) continue;
    std::string key;
    for (const char c : without_type(column.name)) {
      const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
      key += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : plain ? c : '_';
    }
    out.context.emplace_back(key, GuessedSql{column.sql, by_name(column), &column});
  }
}

void guess_keep(const TableProfile& table, GuessedEvents& out) {
  for (const GuessedSql* role : {&out.user, &out.item, &out.time}) {
    if (role->column == nullptr || role->column->values == role->column->rows) continue;
    out.keep.sql += (out.keep ? " AND " : "") + role->column->sql + " IS NOT NULL";
    out.keep.why +=
        fmt::format("{}{} is empty in {:.2g}% of the rows", out.keep.why.empty() ? "" : "; ",
                    role->column->name, 100 * role->column->missing_share());
  }
  for (const Words* words : {&kQuantity, &kPrice}) {
    const ColumnProfile* column = best(
        table, *words, [](const ColumnProfile& c) { return c.is_number(); }, true);
    if (column == nullptr || !(column->low <= 0)) continue;
    out.remarks.push_back(
        fmt::format("{0} goes down to {1}: returns or corrections? If so, add to "
                    "keep: {2} > 0",
                    column->name, shortest(column->low), column->sql));
  }
}

Status look_at_users(TableProfile& table, GuessedEvents& out) {
  const std::string from = "FROM typed WHERE coalesce(CAST((" +
                           (out.keep ? out.keep.sql : std::string("true")) +
                           ") AS BOOLEAN), false)";
  const std::string pairs =
      fmt::format("(SELECT u, i, count(*) AS n FROM (SELECT {} AS u, {} AS i {}) GROUP BY u, i)",
                  out.user.sql, out.item.sql, from);
  SARTOR_ASSIGN(const auto rows, table.source.db.number("SELECT sum(n) FROM " + pairs));
  SARTOR_ASSIGN(const auto distinct, table.source.db.number("SELECT count(*) FROM " + pairs));
  SARTOR_ASSIGN(
      const auto active,
      table.source.db.number("SELECT quantile_disc(n, 0.75) FROM (SELECT sum(n) AS n FROM " +
                             pairs + " GROUP BY u)"));
  if (rows > 0) out.repeats = 1 - static_cast<double>(distinct) / static_cast<double>(rows);
  out.active_events = std::max(2.0, static_cast<double>(active));
  return {};
}

// A list of items in one cell: "7136 909 1527".
Result<GuessedSql> guess_sequence(TableProfile& table) {
  static const Words kLists = {"itemseq", "watchseq", "items", "history", "sequence", "seq"};
  const ColumnProfile* column = best(table, kLists, [](const ColumnProfile& c) {
    return c.type == "VARCHAR" || c.type.ends_with("[]");
  });
  if (column == nullptr) return GuessedSql{};
  if (column->type.ends_with("[]")) {
    return GuessedSql{fmt::format("unnest({})", column->sql), "a list of items", column};
  }
  for (const char* separator : {" ", ",", "|", ";"}) {
    SARTOR_ASSIGN(const auto lists,
                  table.source.db.number(fmt::format(
                      "SELECT count(*) FROM (SELECT * FROM typed LIMIT {}) WHERE contains({}, {})",
                      kProfiledRows, column->sql, sql_text(separator))));
    if (lists * 2 < column->values) continue;
    return GuessedSql{fmt::format("unnest(string_split({}, {}))", column->sql, sql_text(separator)),
                      "a list of items in order", column};
  }
  return GuessedSql{};
}

}  // namespace

GuessedSql guess_user(const TableProfile& table, const std::string& like) {
  return guess_id(table, like, kUser);
}

GuessedSql guess_item(const TableProfile& table, const std::string& like) {
  return guess_id(table, like, kItem);
}

Result<GuessedEvents> guess_events(TableProfile& table) {
  GuessedEvents out;
  out.files = table.files;
  if (table.known && !table.known->user.empty()) {
    out.user = {table.known->user, table.known->what, nullptr};
    out.item = {table.known->item, table.known->what, nullptr};
    SARTOR_TRY(guess_type(table, out));
    SARTOR_TRY(look_at_users(table, out));
    return out;
  }
  out.user = guess_user(table, "");
  out.item = named(best(table, kItem, [&](const ColumnProfile& column) {
    return can_be_id(column) && &column != out.user.column;
  }));
  if (!out.item) {
    SARTOR_ASSIGN(out.item, guess_sequence(table));
  }
  std::vector<std::string> names;
  for (const ColumnProfile& column : table.columns) names.push_back(column.name);
  for (const auto& [role, what] : {std::pair{&out.user, "who"}, std::pair{&out.item, "what"}}) {
    if (*role) continue;
    return Error{ErrorCode::config,
                 fmt::format("{}: no column looks like {}; there are {}. Write the "
                             "mapping by hand: see docs/config.md",
                             join(table.files, ", "), what, printable(join(names, ", "), 400))};
  }
  // One moment beside a list of items is not the moment of each.
  if (!out.item.sql.starts_with("unnest")) out.time = guess_time(table);
  out.value = guess_value(table);
  out.dwell = guess_dwell(table);
  out.group = named(best(table, kGroup, [&](const ColumnProfile& column) {
    return can_be_id(column) && &column != out.user.column && &column != out.item.column &&
           column.distinct > 2;
  }));
  SARTOR_TRY(guess_type(table, out));
  guess_keep(table, out);
  guess_context(table, out);
  SARTOR_TRY(look_at_users(table, out));
  return out;
}

GuessedItems guess_items(const TableProfile& table, const ColumnProfile* item, bool events) {
  GuessedItems out;
  const auto other = [&](const ColumnProfile& column) { return &column != item; };
  const auto is_text = [&](const ColumnProfile& column) {
    return other(column) && column.type == "VARCHAR" && column.moment.empty();
  };
  out.text = named(best(table, kText, is_text, events));
  out.category = named(best(
      table, kCategory,
      [&](const ColumnProfile& column) {
        return other(column) && column.distinct > 1 && &column != out.text.column &&
               column.distinct < column.rows;
      },
      events));
  if (events) return out;
  out.price = named(best(
      table, kPrice, [](const ColumnProfile& c) { return c.is_number(); }, true));
  for (const ColumnProfile& column : table.columns) {
    const bool taken = &column == item || &column == out.text.column ||
                       &column == out.category.column || &column == out.price.column;
    const bool useful =
        column.is_number() ? column.distinct > 1 : column.distinct > 1 && column.distinct <= 200;
    const bool nested = column.type.ends_with("]") || column.type.starts_with("STRUCT");
    const bool id = column.name.ends_with("id") || column.name.ends_with("ID");
    if (!taken && useful && !nested && !id && column.moment.empty()) {
      out.attributes.emplace_back(without_type(column.name), column.sql);
    }
  }
  return out;
}

}  // namespace sartor
