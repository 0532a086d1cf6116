#include "sartor/data/user_sql.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "sartor/base/json.h"
#include "sartor/base/text.h"

namespace sartor {
namespace {

// Left out on purpose: repeat, lpad, rpad, range, format, printf, list_resize (one call can ask for
// any amount of memory), random and the clock (a run must be repeatable), and everything that looks
// at the database, its settings or its files.
constexpr const char* kFunctions =
    "!~~ !~~* % * ** + - ->> -> / // <@ @> & ^ ^@ << >> | || ~ ~~ ~~* ~~~ "
    "abs acos array_contains array_extract array_length array_slice array_to_string ascii asin "
    "atan atan2 bit_count cardinality cbrt ceil ceiling char_length character_length chr "
    "coalesce concat concat_ws contains cos damerau_levenshtein date_add date_diff date_part "
    "date_sub date_trunc datediff datepart datesub datetrunc day dayname dayofmonth dayofweek "
    "dayofyear decade degrees element_at ends_with epoch epoch_ms epoch_ns epoch_us era even "
    "exp fdiv flatten floor fmod greatest hash hex hour if ifnull instr isfinite isinf "
    "isnan isodow isoyear json json_array_length json_contains json_exists json_extract "
    "json_extract_path json_extract_path_text json_extract_string json_keys json_type json_valid "
    "json_value jaccard jaro_similarity jaro_winkler_similarity last_day lcase least left len "
    "length levenshtein like_escape ilike_escape not_ilike_escape not_like_escape list_append "
    "list_aggregate list_avg list_concat list_contains list_count list_distinct list_element "
    "list_extract list_first list_has list_has_all list_has_any list_last list_max list_min "
    "list_position list_reverse list_slice list_sort list_sum list_unique list_value list_zip ln "
    "log log10 log2 lower ltrim make_date make_time make_timestamp make_timestamp_ms "
    "make_timestamp_ns make_timestamptz map_contains map_extract map_extract_value map_keys "
    "map_values md5 microsecond millisecond minute mod month monthname nfc_normalize nullif "
    "octet_length ord pi position pow power prefix quarter radians regexp_extract "
    "regexp_extract_all regexp_full_match regexp_matches regexp_replace regexp_split_to_array "
    "replace reverse right round round_even row rtrim second sha256 sign sin split split_part sqrt "
    "starts_with str_split str_split_regex strftime string_split string_split_regex "
    "string_to_array strip_accents strlen strpos strptime struct_extract struct_pack substr "
    "substring suffix tan time_bucket timezone to_days to_hours to_microseconds to_milliseconds "
    "to_minutes to_months to_seconds to_timestamp to_weeks to_years translate trim trunc "
    "try_strptime typeof ucase unicode unnest upper url_decode week weekday weekofyear xor year "
    "yearweek";

bool is_allowed(const std::string& function) {
  const auto& names = user_sql_functions();
  return std::binary_search(names.begin(), names.end(), function);
}

// What is wrong with one node of the parsed expression, or "".
std::string objection(const Json& node, UserSql& out) {
  const std::string kind = node.value("class", "");
  static const std::set<std::string> kPlain = {"CONSTANT", "COMPARISON", "CONJUNCTION", "CAST",
                                               "OPERATOR", "CASE",       "BETWEEN",     "COLLATE"};
  if (kPlain.count(kind) != 0) return "";
  if (kind == "COLUMN_REF") {
    const std::string name = node["column_names"][0];
    if (std::find(out.columns.begin(), out.columns.end(), name) == out.columns.end()) {
      out.columns.push_back(name);
    }
    return "";
  }
  if (kind == "SUBQUERY") return "a subquery is not allowed";
  if (kind == "WINDOW") return "a window function is not allowed: an expression sees one row";
  if (kind == "STAR") return "name the columns instead of *";
  if (kind != "FUNCTION") return fmt::format("{} is not allowed", lower_case(kind));
  const std::string name = lower_case(node.value("function_name", ""));
  out.unnests = out.unnests || name == "unnest";
  const std::string schema = node.value("schema", "");
  if ((!schema.empty() && schema != "main") || !is_allowed(name)) {
    return fmt::format("the function {}() is not allowed{}", name,
                       did_you_mean(name, user_sql_functions()));
  }
  if (node.contains("filter") && !node["filter"].is_null()) return "FILTER is not allowed";
  return "";
}

// Every object with a "class" is an expression; the rest are lists and clauses to walk through.
std::string find_objection(const Json& node, UserSql& out) {
  if (node.is_object() && node.contains("class")) {
    if (std::string reason = objection(node, out); !reason.empty()) return reason;
  }
  if (node.is_structured()) {
    for (const Json& child : node) {
      if (std::string reason = find_objection(child, out); !reason.empty()) return reason;
    }
  }
  return "";
}

bool is_single_expression(const Json& tree) {
  if (tree["statements"].size() != 1) return false;
  const Json& node = tree["statements"][0]["node"];
  const auto empty = [&](const char* key) { return !node.contains(key) || node[key].empty(); };
  return node.value("type", "") == "SELECT_NODE" && node["select_list"].size() == 1 &&
         node["from_table"].value("type", "") == "EMPTY" && node["cte_map"]["map"].empty() &&
         empty("modifiers") && empty("where_clause") && empty("group_expressions") &&
         empty("having") && empty("qualify") && empty("sample");
}

bool is_word(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  });
}

Result<Json> parse_tree(DuckDb& db, const UserSql& sql) {
  const auto parsed =
      db.text("SELECT json_serialize_sql(" + sql_text("SELECT " + sql.in_brackets()) + ")");
  if (!parsed) return user_sql_error(sql, parsed.error());
  Json tree = parse_json(*parsed);
  if (tree.is_discarded()) {
    return Error{ErrorCode::internal, sql.key + ": cannot read DuckDB's tree"};
  }
  return tree;
}

}  // namespace

const std::vector<std::string>& user_sql_functions() {
  static const std::vector<std::string> names = [] {
    std::istringstream words(kFunctions);
    std::vector<std::string> list(std::istream_iterator<std::string>(words), {});
    std::sort(list.begin(), list.end());
    return list;
  }();
  return names;
}

Error user_sql_error(const UserSql& sql, const std::string& reason) {
  return {ErrorCode::config,
          fmt::format("{} = {}: {}", sql.key, sql_text(printable(sql.text, 200)), reason)};
}

Error user_sql_error(const UserSql& sql, const Error& error) {
  return error.code == ErrorCode::cancelled ? error : user_sql_error(sql, error.message);
}

Result<UserSql> check_user_sql(DuckDb& db, const std::string& key, const std::string& text) {
  UserSql out{.key = key, .text = text};
  if (text.empty()) return out;
  if (text.find('\0') != std::string::npos || !is_utf8(text)) {
    return user_sql_error(out, "is not text");
  }
  SARTOR_ASSIGN(Json tree, parse_tree(db, out));
  if (tree.value("error", false) && is_word(text)) {  // a column called like a word of SQL's
    out.text = sql_name(text);
    SARTOR_ASSIGN(tree, parse_tree(db, out));
  }
  if (tree.value("error", false)) return user_sql_error(out, tree.value("error_message", "?"));
  if (!is_single_expression(tree)) {
    return user_sql_error(out, "expected a single expression, found a statement or a list");
  }
  const Json& root = tree["statements"][0]["node"]["select_list"][0];
  if (std::string reason = find_objection(root, out); !reason.empty()) {
    return user_sql_error(out, reason);
  }
  const std::string kind = root.value("class", "");
  out.is_column = kind == "COLUMN_REF" && root["column_names"].size() == 1;
  if (kind == "FUNCTION") out.function = lower_case(root.value("function_name", ""));
  out.is_integer = kind == "CONSTANT" && root["value"]["type"].value("id", "") == "INTEGER";
  return out;
}

}  // namespace sartor
